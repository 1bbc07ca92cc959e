// SPDX-License-Identifier: GPL-2.0-only
/* Operations: which there are, and which of them the file system offers. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsx.h"

/* clang-format off */
const struct op_info op_info[NR_KINDS] = {
	[OP_READ]	= { "read", 20, 0, "pread, also across the end of the file" },
	[OP_WRITE]	= { "write", 20, 0, "pwrite" },
	[OP_MAPREAD]	= { "mapread", 15, NEED_MAPREAD, "load from a shared mapping" },
	[OP_MAPWRITE]	= { "mapwrite", 20, NEED_MAPWRITE, "store to a shared mapping" },
	[OP_MAPEOF]	= { "mapeof", 4, NEED_MAPWRITE,
			    "store past the end of the file, in its last page" },
	[OP_TRUNCATE]	= { "truncate", 8, 0, "ftruncate, to less or more" },
	[OP_ALLOC]	= { "alloc", 2, NEED_ALLOC, "fallocate, with or without a new size" },
	[OP_PUNCH]	= { "punch", 4, NEED_PUNCH, "fallocate that makes a hole" },
	[OP_ZERO]	= { "zero", 3, NEED_ZERO, "fallocate that makes zeros" },
	[OP_COLLAPSE]	= { "collapse", 1, NEED_COLLAPSE, "fallocate that takes a range out" },
	[OP_INSERT]	= { "insert", 1, NEED_INSERT, "fallocate that puts a range in" },
	[OP_COPY]	= { "copy", 4, NEED_COPY, "copy_file_range within the file" },
	[OP_DREAD]	= { "dread", 4, NEED_DIRECT, "O_DIRECT read" },
	[OP_DWRITE]	= { "dwrite", 4, NEED_DIRECT, "O_DIRECT write" },
	[OP_WRITEMAP]	= { "writemap", 2, NEED_MAPREAD, "pwrite from a mapping of the file" },
	[OP_READMAP]	= { "readmap", 2, NEED_MAPWRITE, "pread into a mapping of the file" },
	[OP_DREADMAP]	= { "dreadmap", 2, NEED_MAPWRITE | NEED_DIRECT,
			    "O_DIRECT read into a mapping of the file (--procs: 0)" },
	[OP_FSYNC]	= { "fsync", 2, 0, "fsync or fdatasync, then look at the server's file" },
	[OP_MSYNC]	= { "msync", 2, NEED_MAPWRITE,
			    "msync(MS_SYNC), then look at the server's file" },
	[OP_KICK]	= { "kick", 4, 0,
			    "sync_file_range that starts writeback, no waiting" },
	[OP_REOPEN]	= { "reopen", 2, 0, "close and open, sometimes keeping the mapping" },
	[OP_OTRUNC]	= { "otrunc", 1, 0, "open with O_TRUNC" },
	[OP_INVALIDATE]	= { "invalidate", 6, 0,
			    "out of the mapping and, if it is clean, of the cache" },
	[OP_ZAP]	= { "zap", 2, NEED_MAPREAD, "madvise(MADV_DONTNEED): fault in again" },
	[OP_DROP]	= { "drop", 0, NEED_DROP, "drop the caches of the whole system" },
	[OP_STAT]	= { "stat", 2, 0, "fstat and stat: the size" },
	[OP_CHECK]	= { "check", 0, 0, "compare the whole file by every way" },
};
/* clang-format on */

unsigned int weight[NR_KINDS];
unsigned int offered;
uint32_t page = 4096;
uint32_t direct_align = 512;
uint32_t block = 4096;

void default_ops(void)
{
	for (int i = 0; i < NR_KINDS; i++)
		weight[i] = op_info[i].weight;
}

/* An operation that is named is done, also where it usually is not. */
static unsigned int usual_weight(int kind)
{
	return op_info[kind].weight ? op_info[kind].weight : 1;
}

void choose_ops(const char *list)
{
	char *copy = strdup(list), *save = NULL, *item;
	bool first = true;

	if (!copy)
		io_error("no memory");
	for (item = strtok_r(copy, ",", &save); item;
	     item = strtok_r(NULL, ",", &save)) {
		char *equals = strchr(item, '=');
		char sign = *item;
		unsigned int value = 0;
		int kind;

		if (sign == '+' || sign == '-')
			item++;
		else if (first)
			memset(weight, 0, sizeof(weight));
		first = false;
		if (equals) {
			*equals = 0;
			value = number("--ops", equals + 1, 0, 10000);
		}
		if (!strcmp(item, "all")) {
			for (kind = 0; kind < NR_KINDS; kind++)
				weight[kind] = usual_weight(kind);
			continue;
		}
		for (kind = 0; kind < NR_KINDS; kind++)
			if (!strcmp(item, op_info[kind].name))
				break;
		if (kind == NR_KINDS)
			usage_error("--ops: no operation '%s'", item);
		if (sign == '-')
			weight[kind] = 0;
		else if (equals)
			weight[kind] = value;
		else
			weight[kind] = usual_weight(kind);
	}
	if (first)
		usage_error("--ops: the list is empty");
	free(copy);
}

void probe(void)
{
	static const struct {
		unsigned int need;
		int mode;
	} falloc[] = {
		{ NEED_ALLOC, 0 },
		{ NEED_PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
		{ NEED_ZERO, FALLOC_FL_ZERO_RANGE },
		{ NEED_COLLAPSE, FALLOC_FL_COLLAPSE_RANGE },
		{ NEED_INSERT, FALLOC_FL_INSERT_RANGE },
	};
	off_t from = 0, to = 4 * page;
	struct stat st;
	void *p, *buf;
	int fd, direct;

	fd = open(common.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		io_error("%s", common.path);
	if (fstat(fd, &st))
		io_error("fstat %s", common.path);
	if (!S_ISREG(st.st_mode))
		usage_error("%s is not a regular file", common.path);
	block = round_up(st.st_blksize, page) <= 64 << 10 ?
			round_up(st.st_blksize, page) :
			page;
	if (ftruncate(fd, 16 * block))
		io_error("ftruncate %s", common.path);

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		offered |= NEED_MAPREAD | NEED_MAPWRITE;
		munmap(p, page);
	} else {
		if (opt.require_mmap)
			io_error("%s: no shared writable mapping", common.path);
		if (!common.quiet)
			printf("fsx: no shared writable mapping here (%s)\n",
			       strerror(errno));
		p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED) {
			offered |= NEED_MAPREAD;
			munmap(p, page);
		} else if (!common.quiet) {
			printf("fsx: no shared mapping to read from, either (%s)\n",
			       strerror(errno));
		}
	}
	for (unsigned int i = 0; i < sizeof(falloc) / sizeof(*falloc); i++)
		if (!fallocate(fd, falloc[i].mode, block, block))
			offered |= falloc[i].need;
	if (copy_file_range(fd, &from, fd, &to, page, 0) == (ssize_t)page)
		offered |= NEED_COPY;

	direct = open(common.path, O_RDWR | O_DIRECT);
	if (direct >= 0) {
		if (posix_memalign(&buf, page, page))
			io_error("no memory");
		memset(buf, 0, page);
		for (direct_align = 512; direct_align <= page;
		     direct_align *= 2) {
			if (pwrite(direct, buf, direct_align, direct_align) ==
			    direct_align) {
				offered |= NEED_DIRECT;
				break;
			}
		}
		if (!(offered & NEED_DIRECT))
			direct_align = 512;
		free(buf);
		close(direct);
	}
	if (!access("/proc/sys/vm/drop_caches", W_OK))
		offered |= NEED_DROP;
	if (ftruncate(fd, 0))
		io_error("ftruncate %s", common.path);
	if (close(fd))
		io_error("close %s", common.path);
	if (common.server && access(common.server, R_OK))
		io_error("--server %s", common.server);
}

void leave_out(void)
{
	unsigned int total = 0;
	bool said = false;

	if (opt.direct_only && !(offered & NEED_DIRECT)) {
		errno = EINVAL;
		io_error("%s: -Z, but no O_DIRECT here", common.path);
	}
	for (int i = 0; i < NR_KINDS; i++) {
		bool wanted = weight[i];

		if (script) {
			wanted = false;
			for (uint32_t j = 0; j < script_len; j++)
				wanted |= script[j].kind == i;
		}
		if (!wanted || !(op_info[i].needs & ~offered))
			continue;
		if (!common.quiet) {
			printf("%s%s", said ? ", " : "fsx: not offered here: ",
			       op_info[i].name);
			said = true;
		}
		weight[i] = 0;
	}
	if (said)
		putchar('\n');
	for (int i = 0; i < NR_KINDS; i++)
		total += weight[i];
	if (!total && !script)
		usage_error("no operation is left to do");
	if (!script && !weight[OP_WRITE] && !weight[OP_DWRITE] &&
	    !weight[OP_TRUNCATE] && !weight[OP_ALLOC] && !weight[OP_ZERO])
		usage_error(
			"the file would stay empty: add write, truncate, alloc or zero");
}
