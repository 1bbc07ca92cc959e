// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc.h"

static long result(long n)
{
	return n < 0 ? -errno : n;
}

static long write_knob(const char *path, const char *text)
{
	return -write_text(path, text);
}

static long write_bytes(int fd, off_t off, size_t len, int byte)
{
	char *buf = malloc(len ? len : 1);
	long n;

	memset(buf, byte, len);
	n = result(pwrite(fd, buf, len, off));
	free(buf);
	return n;
}

static long read_byte(int fd, off_t off)
{
	unsigned char c;
	ssize_t n = pread(fd, &c, 1, off);

	return n == 1 ? c : n ? -errno : -ENODATA;
}

static long not_zero(const char *p, size_t len)
{
	long n = 0;

	while (len--)
		n += *p++ != 0;
	return n;
}

static long read_count(int fd, off_t off, size_t len)
{
	char *buf = malloc(len);
	ssize_t n = pread(fd, buf, len, off);
	long count = n < 0 ? -errno : not_zero(buf, n);

	free(buf);
	return count;
}

static long unmap(struct actor *a)
{
	if (a->map)
		munmap(a->map, a->map_len);
	a->map = NULL;
	return 0;
}

static long map(struct actor *a, int fd, size_t len)
{
	unmap(a);
	a->map_len = len;
	a->map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (a->map == MAP_FAILED) {
		a->map = NULL;
		return -errno;
	}
	return 0;
}

static long store_pages(struct actor *a, long first, long number, int byte,
			long step)
{
	for (long n = 0; n < number; n++)
		((volatile char *)a->map)[(first + n * step) * PAGE] = byte;
	return 0;
}

static long aio_read(struct actor *a, int fd, off_t off, size_t len)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)a->map,
		.aio_nbytes = len,
		.aio_offset = off,
	}, *cbs[] = { &cb };

	if (!a->aio && syscall(SYS_io_setup, 1, &a->aio))
		return -errno;
	return syscall(SYS_io_submit, a->aio, 1, cbs) == 1 ? 0 : -errno;
}

static long aio_wait(struct actor *a)
{
	struct io_event event;

	return syscall(SYS_io_getevents, a->aio, 1, 1, &event, NULL) == 1 ?
		       (long)event.res :
		       -errno;
}

static long copy_range(const long *arg)
{
	loff_t in = arg[1], out = arg[3];

	return result(copy_file_range(arg[0], &in, arg[2], &out, arg[4], 0));
}

static long size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? -errno : st.st_size;
}

static long flags_at(const volatile char *p)
{
	/* a page that is not mapped has none: touch it, reading */
	(void)*p;
	return page_flags((const char *)p);
}

static long reclaim(const char *group, long kilobytes)
{
	char knob[128], text[32];

	snprintf(knob, sizeof(knob), "%s/memory.reclaim", group);
	snprintf(text, sizeof(text), "%ldK", kilobytes);
	return write_knob(knob, text);
}

/* Where in the mapping a verb goes last; 0: it does not go there. */
static size_t map_end(enum verb verb, const long *a)
{
	switch (verb) {
	case STORE:
	case LOAD:
	case PAGE_FLAGS:
		return a[0] + 1;
	case STORE_RANGE:
	case LOAD_COUNT:
	case MSYNC:
		return a[0] + a[1];
	case STORE_PAGES:
		return (a[0] + a[1] - 1) * PAGE + 1;
	case STORE_EVERY:
		return (a[0] + (a[1] - 1) * a[3]) * PAGE + 1;
	case WRITE_FROM_MAP:
		return a[3] + a[2];
	case AIO_READ:
		return a[2];
	case NO_READAHEAD:
		return 1;
	default:
		return 0;
	}
}

static long perform(struct actor *actor, enum verb verb, const char *path,
		    const long *a)
{
	size_t end = map_end(verb, a);

	if (end && !actor->map)
		return -ENODEV;
	/* past EOF, but in its last page: that is the kernel's to say */
	if (end > (actor->map_len + PAGE - 1) / PAGE * PAGE)
		return -ERANGE;
	switch (verb) {
	case OPEN_FILE:
		return result(open(path, a[0], 0644));
	case UNLINK_FILE:
		return result(unlink(path));
	case CLOSE:
		return result(close(a[0]));
	case READ:
		return read_byte(a[0], a[1]);
	case READ_COUNT:
		return read_count(a[0], a[1], a[2]);
	case WRITE:
		return write_bytes(a[0], a[1], a[2], a[3]);
	case TRUNCATE:
		return result(ftruncate(a[0], a[1]));
	case FALLOCATE:
		return result(fallocate(a[0], a[1], a[2], a[3]));
	case PUNCH:
		return result(fallocate(
			a[0], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, a[1],
			a[2]));
	case FSYNC:
		return result(fsync(a[0]));
	case FDATASYNC:
		return result(fdatasync(a[0]));
	case SYNC:
		sync();
		return 0;
	case SYNCFS:
		return result(syncfs(a[0]));
	case KICK:
		return result(
			sync_file_range(a[0], 0, 0, SYNC_FILE_RANGE_WRITE));
	case MAP:
		return map(actor, a[0], a[1]);
	case UNMAP:
		return unmap(actor);
	case NO_READAHEAD:
		return result(madvise(actor->map, actor->map_len, MADV_RANDOM));
	case STORE:
		((volatile char *)actor->map)[a[0]] = a[1];
		return 0;
	case STORE_RANGE:
		memset(actor->map + a[0], a[2], a[1]);
		return 0;
	case STORE_PAGES:
		return store_pages(actor, a[0], a[1], a[2], 1);
	case STORE_EVERY:
		return store_pages(actor, a[0], a[1], a[2], a[3]);
	case LOAD:
		return ((volatile unsigned char *)actor->map)[a[0]];
	case LOAD_COUNT:
		return not_zero(actor->map + a[0], a[1]);
	case WRITE_FROM_MAP:
		return result(pwrite(a[0], actor->map + a[3], a[2], a[1]));
	case CHMOD:
		return result(fchmod(a[0], a[1]));
	case MSYNC:
		return result(msync(actor->map + a[0], a[1], MS_SYNC));
	case AIO_READ:
		return aio_read(actor, a[0], a[1], a[2]);
	case AIO_WAIT:
		return aio_wait(actor);
	case COPY_RANGE:
		return copy_range(a);
	case SIZE:
		return size_of(a[0]);
	case DROP_CACHES:
		return write_knob("/proc/sys/vm/drop_caches", "3");
	case COMPACT:
		return write_knob("/proc/sys/vm/compact_memory", "1");
	case RECLAIM:
		return reclaim(path, a[0]);
	case PAGE_FLAGS:
		return flags_at(actor->map + a[0]);
	case UMOUNT_FORCE:
		return result(umount2(path, MNT_FORCE));
	case CALL:
		return ((call_fn *)a[0])(actor->map, a + 1);
	default:
		return -EINVAL;
	}
}

/*
 * What the kernel offers for this: a number written to fail-nth counts the task's
 * own allocations down, and the one at which it reaches 0 fails.
 */
static long perform_failing(struct actor *actor, enum verb verb,
			    const char *path, const long *arg)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16];
	long n;

	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%d", actor->fail_nth);
	actor->fail_nth = 0;
	if (write(fd, text, n) != n)
		n = -errno;
	else
		n = perform(actor, verb, path, arg);
	memset(text, 0, sizeof(text));
	if (pread(fd, text, sizeof(text) - 1, 0) < 0 || write(fd, "0", 1) != 1)
		n = -EIO;
	actor->failed = atoi(text) == 0;
	close(fd);
	return n;
}

long do_verb(struct actor *actor, enum verb verb, const char *path,
	     const long arg[5])
{
	switch (verb) {
	case FAIL_NTH:
		actor->fail_nth = arg[0];
		return 0;
	case FAILED:
		return actor->failed;
	default:
		return actor->fail_nth ?
			       perform_failing(actor, verb, path, arg) :
			       perform(actor, verb, path, arg);
	}
}
