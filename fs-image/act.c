// SPDX-License-Identifier: GPL-2.0-only
/*
 * act: a user of one file, who does to it what a shell cannot
 *
 *	act FILE VERB [VERB...]
 *
 *	open:PAGES	create FILE if need be, at least so many pages long, map it shared
 *	store:N[-M]	store one byte to page N (to pages N to M) through the mapping
 *	fill:N[-M]	store to every byte of them, behind the end of the file, too
 *	load:N[-M]	load from them
 *	pwrite:N[-M]	write one byte to each with pwrite(2)
 *	kick		start writeback, wait for nothing (sync_file_range)
 *	fsync		fsync(2)
 *	msync		msync(2), MS_SYNC
 *	truncate:BYTES	ftruncate(2)
 *	punch:N[-M]	make a hole of them (fallocate)
 *	sleep:SECONDS	of the guest's clock
 *	flags:PAGES	print the page flags of so many pages of the mapping, one character each,
 *			by /proc/kpageflags: L locked, D dirty, ? not uptodate, . none of them,
 *			- not mapped here
 *	close		unmap and close
 *
 * Verbs run in order. Status: 0; 1 a verb failed (named on stderr); 2 wrong usage.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char usage[] =
	"usage: act FILE VERB...\n"
	"Verbs: open:PAGES store:N[-M] fill:N[-M] load:N[-M] pwrite:N[-M] kick fsync msync\n"
	"       truncate:BYTES punch:N[-M] sleep:SECONDS flags:PAGES close; open comes first.\n";

static struct {
	const char *path;
	int fd;
	char *map;
	long pages, size;
} file = { .fd = -1 };

static int open_file(long pages)
{
	struct stat st;

	file.fd = open(file.path, O_RDWR | O_CREAT, 0644);
	if (file.fd < 0 || fstat(file.fd, &st))
		return -1;
	file.pages = pages > 0 ? pages : 1;
	if (st.st_size < file.pages * file.size &&
	    ftruncate(file.fd, file.pages * file.size))
		return -1;
	file.map = mmap(NULL, file.pages * file.size, PROT_READ | PROT_WRITE,
			MAP_SHARED, file.fd, 0);
	if (file.map == MAP_FAILED) {
		/* a kernel without writable mappings: the other verbs still work */
		file.map = NULL;
		return errno == ENODEV ? 0 : -1;
	}
	return 0;
}

static int for_pages(const char *verb, long from, long to)
{
	volatile char sink;

	if (from < 0 || to < from ||
	    (to >= file.pages && strcmp(verb, "pwrite"))) {
		errno = ERANGE;
		return -1;
	}
	if (!file.map && strcmp(verb, "pwrite")) {
		errno = ENODEV;
		return -1;
	}
	for (long n = from; n <= to; n++) {
		char *byte = file.map + n * file.size;

		if (!strcmp(verb, "store"))
			*byte = 'a' + n % 26;
		else if (!strcmp(verb, "fill"))
			memset(byte, 'a' + n % 26, file.size);
		else if (!strcmp(verb, "load"))
			sink = *byte, (void)sink;
		else if (pwrite(file.fd, "w", 1, n * file.size) != 1)
			return -1;
	}
	return 0;
}

static unsigned long long entry(const char *table, unsigned long index)
{
	unsigned long long value = 0;
	int fd = open(table, O_RDONLY);

	if (fd < 0 || pread(fd, &value, sizeof(value), index * sizeof(value)) !=
			      sizeof(value)) {
		perror(table);
		exit(1);
	}
	close(fd);
	return value;
}

static int print_flags(long pages)
{
	for (long n = 0; n < pages && n < file.pages; n++) {
		unsigned long where =
			(unsigned long)(file.map + n * file.size) / file.size;
		unsigned long long map = entry("/proc/self/pagemap", where),
				   flags;
		char letter = '-';

		if (map >> 63) {
			flags = entry("/proc/kpageflags",
				      map & ((1ULL << 55) - 1));
			letter = flags & 1	? 'L' :
				 flags >> 4 & 1 ? 'D' :
				 flags >> 3 & 1 ? '.' :
						  '?';
		}
		putchar(letter);
	}
	putchar('\n');
	fflush(stdout);
	return 0;
}

static int close_file(void)
{
	if (file.map)
		munmap(file.map, file.pages * file.size);
	file.map = NULL;
	if (close(file.fd))
		return -1;
	file.fd = -1;
	return 0;
}

static int run(const char *verb, long from, long to)
{
	if (!strcmp(verb, "open"))
		return open_file(from);
	if (!strcmp(verb, "sleep"))
		return sleep(from);
	if (file.fd < 0) {
		errno = EBADF;
		return -1;
	}
	if (!strcmp(verb, "store") || !strcmp(verb, "fill") ||
	    !strcmp(verb, "load") || !strcmp(verb, "pwrite"))
		return for_pages(verb, from, to);
	if (!strcmp(verb, "flags"))
		return print_flags(from);
	if (!strcmp(verb, "kick"))
		return sync_file_range(file.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	if (!strcmp(verb, "fsync"))
		return fsync(file.fd);
	if (!strcmp(verb, "msync"))
		return !file.map ?
			       (errno = ENODEV, -1) :
			       msync(file.map, file.pages * file.size, MS_SYNC);
	if (!strcmp(verb, "truncate"))
		return ftruncate(file.fd, from);
	if (!strcmp(verb, "punch"))
		return fallocate(
			file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			from * file.size, (to - from + 1) * file.size);
	if (!strcmp(verb, "close"))
		return close_file();
	fprintf(stderr, "act: unknown verb %s\n%s", verb, usage);
	exit(2);
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		int help = argc > 1 && !strcmp(argv[1], "--help");

		fputs(usage, help ? stdout : stderr);
		return help ? 0 : 2;
	}
	file.path = argv[1];
	file.size = sysconf(_SC_PAGESIZE);
	for (int i = 2; i < argc; i++) {
		char *verb = argv[i], *number = strchr(verb, ':'), *end = NULL;
		char said[64];
		long from = 0, to = 0;

		snprintf(said, sizeof(said), "%s", verb);
		if (number) {
			*number++ = '\0';
			to = from = strtol(number, &end, 0);
			if (*end == '-')
				to = strtol(end + 1, &end, 0);
			if (end == number || *end) {
				fprintf(stderr, "act: %s: not a number\n",
					said);
				return 2;
			}
		}
		if (run(verb, from, to)) {
			fprintf(stderr, "act: %s: %s\n", said, strerror(errno));
			return 1;
		}
	}
	return 0;
}
