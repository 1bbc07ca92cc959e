// SPDX-License-Identifier: GPL-2.0-only
/* Doing an operation. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsx.h"

enum verdict map_file(void)
{
	int prot = PROT_READ | (offered & NEED_MAPWRITE ? PROT_WRITE : 0);

	if (!(offered & NEED_MAPREAD))
		return V_OK;
	own.map = mmap(NULL, round_up(opt.length, page), prot, MAP_SHARED,
		       own.fd, 0);
	if (own.map == MAP_FAILED) {
		own.map = NULL;
		return failed("mmap");
	}
	return V_OK;
}

enum verdict open_file(int flags)
{
	own.fd = open(common.path, O_RDWR | flags);
	if (own.fd < 0)
		return failed("open");
	if (offered & NEED_DIRECT) {
		own.direct = open(common.path, O_RDWR | O_DIRECT);
		if (own.direct < 0)
			return failed("open O_DIRECT");
	}
	return V_OK;
}

static enum verdict close_file(void)
{
	if (close(own.fd))
		return failed("close");
	if (own.direct >= 0 && close(own.direct))
		return failed("close O_DIRECT");
	own.fd = -1;
	own.direct = -1;
	return V_OK;
}

static enum verdict unmap_file(void)
{
	if (own.map && munmap(own.map, round_up(opt.length, page)))
		return failed("munmap");
	own.map = NULL;
	return V_OK;
}

static enum verdict do_write(const char *what, int fd, const uint8_t *buf,
			     uint64_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0)
			return failed(what);
		if (!n)
			return fail_message(V_IO, "%s: nothing written", what);
		buf += n;
		off += n;
		len -= n;
	}
	return V_OK;
}

/* Bytes that are not wanted back: read into the mapping, at most up to the end. */
static enum verdict do_read_into(const char *what, int fd, uint8_t *buf,
				 uint64_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, off);

		if (n < 0)
			return failed(what);
		if (!n)
			return fail_message(
				V_DIFF,
				"%s: the file ends at %#llx, expected %#x",
				what, (unsigned long long)off, own.size);
		buf += n;
		off += n;
		len -= n;
	}
	return V_OK;
}

static enum verdict do_fallocate(const char *what, int mode,
				 const struct op *op)
{
	return fallocate(own.fd, mode, op->off, op->len) ? failed(what) : V_OK;
}

/* copy_file_range may do less; what it leaves is no longer asked for. */
static enum verdict do_copy(struct op *op)
{
	uint32_t done = 0;

	while (done < op->len) {
		off_t from = op->off + done, to = op->to + done;
		ssize_t n = copy_file_range(own.fd, &from, own.fd, &to,
					    op->len - done, 0);

		if (n < 0)
			return failed("copy_file_range");
		if (!n)
			return fail_message(
				V_DIFF,
				"copy_file_range: the file ends at %#x, "
				"expected %#x",
				op->off + done, own.size);
		done += n;
	}
	return V_OK;
}

static enum verdict do_drop(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0)
		return failed("/proc/sys/vm/drop_caches");
	if (write(fd, "1", 1) != 1) {
		close(fd);
		return failed("/proc/sys/vm/drop_caches");
	}
	close(fd);
	return V_OK;
}

static enum verdict do_stat(void)
{
	struct stat st;

	if (stat(common.path, &st))
		return failed("stat");
	if (st.st_size != own.size)
		return fail_message(V_DIFF, "stat: size %#llx, expected %#x",
				    (unsigned long long)st.st_size, own.size);
	return check_size("fstat", own.fd);
}

static enum verdict do_reopen(const struct op *op)
{
	enum verdict v;

	if (!(op->flags & F_KEEP)) {
		v = unmap_file();
		if (v)
			return v;
	}
	v = close_file();
	if (!v && opt.close_syncs)
		v = check_server(0, EVERYTHING);
	if (!v)
		v = open_file(0);
	if (!v && !own.map)
		v = map_file();
	return v;
}

static enum verdict do_otrunc(void)
{
	int old = own.fd;

	own.fd = open(common.path, O_RDWR | O_TRUNC);
	if (own.fd < 0)
		return failed("open O_TRUNC");
	return close(old) ? failed("close") : V_OK;
}

enum verdict do_op(struct op *op)
{
	uint64_t start = round_down(op->off, page), end = end_of(op);
	uint8_t *mapping = NULL, *map = own.map;
	enum verdict v = V_OK;
	int keep = op->flags & F_KEEP ? FALLOC_FL_KEEP_SIZE : 0;

	if (op->flags & F_OWN) {
		mapping = mmap(
			NULL, end - start,
			PROT_READ | (offered & NEED_MAPWRITE ? PROT_WRITE : 0),
			MAP_SHARED, own.fd, start);
		if (mapping == MAP_FAILED)
			return failed("mmap");
		map = mapping - start;
	}

	switch (op->kind) {
	case OP_READ:
		v = check_read("read", own.fd, op->off, op->len);
		break;
	case OP_DREAD:
		v = check_read("O_DIRECT read", own.direct, op->off, op->len);
		break;
	case OP_WRITE:
		fill(own.buf, op->len, op->data);
		v = do_write("write", own.fd, own.buf, op->len, op->off);
		break;
	case OP_DWRITE:
		fill(own.buf, op->len, op->data);
		v = do_write("O_DIRECT write", own.direct, own.buf, op->len,
			     op->off);
		break;
	case OP_MAPREAD:
		v = check_map(map + op->off, op->off, op->len);
		break;
	case OP_MAPWRITE:
	case OP_MAPEOF:
		fill(map + op->off, op->len, op->data);
		break;
	case OP_TRUNCATE:
		if (ftruncate(own.fd, op->len))
			v = failed("ftruncate");
		break;
	case OP_ALLOC:
		v = do_fallocate("fallocate", keep, op);
		break;
	case OP_PUNCH:
		v = do_fallocate("fallocate punch",
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 op);
		break;
	case OP_ZERO:
		v = do_fallocate("fallocate zero", FALLOC_FL_ZERO_RANGE | keep,
				 op);
		break;
	case OP_COLLAPSE:
		v = do_fallocate("fallocate collapse", FALLOC_FL_COLLAPSE_RANGE,
				 op);
		break;
	case OP_INSERT:
		v = do_fallocate("fallocate insert", FALLOC_FL_INSERT_RANGE,
				 op);
		break;
	case OP_COPY:
		v = do_copy(op);
		break;
	case OP_WRITEMAP:
		v = do_write("write from the mapping", own.fd,
			     own.map + op->off, op->len, op->to);
		break;
	case OP_READMAP:
		v = do_read_into("read into the mapping", own.fd,
				 own.map + op->to, op->len, op->off);
		break;
	case OP_DREADMAP:
		v = do_read_into("O_DIRECT read into the mapping", own.direct,
				 own.map + op->to, op->len, op->off);
		break;
	case OP_FSYNC:
		if (op->flags & F_DATA ? fdatasync(own.fd) : fsync(own.fd))
			v = failed("fsync");
		else
			v = check_server(shared->claim[own.me].r[0].lo,
					 shared->claim[own.me].r[0].hi);
		break;
	case OP_MSYNC:
		/* all of it: a part says nothing about the size at the server */
		if (msync(own.map, round_up(opt.length, page), MS_SYNC))
			v = failed("msync");
		else
			v = check_server(shared->claim[own.me].r[0].lo,
					 shared->claim[own.me].r[0].hi);
		break;
	case OP_KICK:
		if (sync_file_range(own.fd, op->off, op->len,
				    SYNC_FILE_RANGE_WRITE))
			v = failed("sync_file_range");
		break;
	case OP_REOPEN:
		v = do_reopen(op);
		break;
	case OP_OTRUNC:
		v = do_otrunc();
		break;
	case OP_INVALIDATE:
		end = round_up(end, page);
		/* what is mapped stays in the cache */
		if (own.map &&
		    madvise(own.map + start, end - start, MADV_DONTNEED))
			v = failed("madvise");
		/* writes dirty pages, does not wait, drops the clean ones */
		errno = posix_fadvise(own.fd, start, end - start,
				      POSIX_FADV_DONTNEED);
		if (errno)
			v = failed("posix_fadvise");
		break;
	case OP_ZAP:
		if (madvise(own.map, round_up(opt.length, page), MADV_DONTNEED))
			v = failed("madvise");
		break;
	case OP_DROP:
		v = do_drop();
		break;
	case OP_STAT:
		v = do_stat();
		break;
	case OP_CHECK:
		v = check_all();
		break;
	}
	if (mapping && munmap(mapping, end - start) && !v)
		v = failed("munmap");
	return v;
}
