// SPDX-License-Identifier: GPL-2.0-only
/* Users of the mount: processes that do one thing at a time, as they are told. */
#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/aio_abi.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct user {
	pid_t pid;
	int fd;
	bool gone;
	bool asked; /* a result is due */
	long result; /* of what was done last */
};

enum { OPEN_FILE = -1, UNLINK_FILE = -2 }; /* what takes a name */

struct order {
	int what; /* enum action, or of those below */
	long arg[5];
	char path[256];
};

/* ---- in the user's process ---- */

static char *map;
static size_t map_len;

static long result(long n)
{
	return n < 0 ? -errno : n;
}

static int write_knob(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return n < 0 ? -1 : 0;
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

static long remap(int fd, size_t len)
{
	if (map)
		munmap(map, map_len);
	map = NULL;
	if (!len)
		return 0;
	map_len = len;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		map = NULL;
		return -errno;
	}
	return 0;
}

static aio_context_t aio;

static long aio_read(int fd, void *buf, off_t off, size_t len)
{
	struct iocb cb = {
		.aio_lio_opcode = IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)buf,
		.aio_nbytes = len,
		.aio_offset = off,
	}, *cbs[] = { &cb };

	if (!aio && syscall(SYS_io_setup, 1, &aio))
		return -errno;
	return syscall(SYS_io_submit, aio, 1, cbs) == 1 ? 0 : -errno;
}

static long aio_wait(void)
{
	struct io_event event;

	return syscall(SYS_io_getevents, aio, 1, 1, &event, NULL) == 1 ?
		       (long)event.res :
		       -errno;
}

static long read_u64(const char *path, uint64_t index, uint64_t *value)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 :
			     pread(fd, value, sizeof(*value),
				   index * sizeof(*value));

	if (fd >= 0)
		close(fd);
	return n == sizeof(*value) ? 0 : -EIO;
}

static long page_flags(char *p)
{
	uint64_t entry, flags;

	/* a page that is not mapped has no entry: touch it, reading */
	(void)*(volatile char *)p;
	if (read_u64("/proc/self/pagemap", (uintptr_t)p / PAGE, &entry) ||
	    !(entry >> 63) ||
	    read_u64("/proc/kpageflags", entry & ((1ULL << 55) - 1), &flags))
		return -EIO;
	return flags & 0xffffffff;
}

static long act(const struct order *o)
{
	const long *a = o->arg;
	unsigned char c;
	struct stat st;
	loff_t in, out;
	char text[32];
	long n;

	switch (o->what) {
	case OPEN_FILE:
		return result(open(o->path, a[0], 0644));
	case UNLINK_FILE:
		return result(unlink(o->path));
	case CLOSE:
		return result(close(a[0]));
	case READ:
		n = pread(a[0], &c, 1, a[1]);
		return n == 1 ? c : n ? -errno : -ENODATA;
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
		return remap(a[0], a[1]);
	case UNMAP:
		return remap(-1, 0);
	case NO_READAHEAD:
		return result(madvise(map, map_len, MADV_RANDOM));
	case STORE:
		((volatile char *)map)[a[0]] = a[1];
		return 0;
	case STORE_RANGE:
		memset(map + a[0], a[2], a[1]);
		return 0;
	case STORE_PAGES:
		for (n = a[0]; n < a[0] + a[1]; n++)
			((volatile char *)map)[n * PAGE] = a[2];
		return 0;
	case STORE_EVERY:
		for (n = 0; n < a[1]; n++)
			((volatile char *)map)[(a[0] + n * a[3]) * PAGE] = a[2];
		return 0;
	case LOAD:
		return ((volatile unsigned char *)map)[a[0]];
	case LOAD_COUNT:
		return not_zero(map + a[0], a[1]);
	case WRITE_FROM_MAP:
		return result(pwrite(a[0], map + a[3], a[2], a[1]));
	case CHMOD:
		return result(fchmod(a[0], a[1]));
	case MSYNC:
		return result(msync(map + a[0], a[1], MS_SYNC));
	case AIO_READ:
		return aio_read(a[0], map, a[1], a[2]);
	case AIO_WAIT:
		return aio_wait();
	case COPY_RANGE:
		in = a[1];
		out = a[3];
		return result(copy_file_range(a[0], &in, a[2], &out, a[4], 0));
	case SIZE:
		return fstat(a[0], &st) ? -errno : st.st_size;
	case DROP_CACHES:
		return result(write_knob("/proc/sys/vm/drop_caches", "3"));
	case COMPACT:
		return result(write_knob("/proc/sys/vm/compact_memory", "1"));
	case RECLAIM:
		snprintf(text, sizeof(text), "%ldK", a[0]);
		return result(write_knob(MEMORY_GROUP "/memory.reclaim", text));
	case PAGE_FLAGS:
		return page_flags(map + a[0]);
	case UMOUNT_FORCE:
		return result(umount2(MOUNT, MNT_FORCE));
	case CALL:
		return ((call_fn *)a[0])(map, a + 1);
	}
	return -EINVAL;
}

/*
 * What the kernel offers for this: a number written to fail-nth counts the task's
 * own allocations down, and the one at which it reaches 0 fails.
 */
static long act_failing(const struct order *o, int nth, bool *failed)
{
	int fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	char text[16];
	long n;

	if (fd < 0)
		return -errno;
	n = snprintf(text, sizeof(text), "%d", nth);
	if (write(fd, text, n) != n)
		n = -errno;
	else
		n = act(o);
	memset(text, 0, sizeof(text));
	if (pread(fd, text, sizeof(text) - 1, 0) < 0 || write(fd, "0", 1) != 1)
		n = -EIO;
	*failed = atoi(text) == 0;
	close(fd);
	return n;
}

static void __attribute__((noreturn)) serve(int fd)
{
	bool failed = false;
	struct order o;
	int nth = 0;
	long n;

	while (recv(fd, &o, sizeof(o), 0) == sizeof(o)) {
		if (o.what == FAIL_NTH) {
			nth = o.arg[0];
			n = 0;
		} else if (o.what == FAILED) {
			n = failed;
		} else if (nth) {
			n = act_failing(&o, nth, &failed);
			nth = 0;
		} else {
			n = act(&o);
		}
		if (send(fd, &n, sizeof(n), 0) != sizeof(n))
			break;
	}
	_exit(0);
}

/* ---- in the test ---- */

struct user *user_new(void)
{
	struct user *user = calloc(1, sizeof(*user));
	int fds[2];

	if (!user || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		abort();
	user->pid = fork();
	if (user->pid < 0)
		abort();
	if (!user->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	user->fd = fds[0];
	return user;
}

pid_t user_pid(const struct user *user)
{
	return user->pid;
}

static void order(struct user *user, const struct order *o)
{
	/* one that has been killed, or still does the last thing, is told by finish() */
	send(user->fd, o, sizeof(*o), MSG_NOSIGNAL);
	user->asked = true;
}

void begin_args(struct user *user, enum action what, const long arg[5])
{
	struct order o = { .what = what };

	memcpy(o.arg, arg, sizeof(o.arg));
	order(user, &o);
}

void begin_open(struct user *user, const char *name, int flags)
{
	struct order o = { .what = OPEN_FILE, .arg = { flags | O_CLOEXEC } };

	snprintf(o.path, sizeof(o.path), MOUNT "/%s", name);
	order(user, &o);
}

void begin_unlink(struct user *user, const char *name)
{
	struct order o = { .what = UNLINK_FILE };

	snprintf(o.path, sizeof(o.path), MOUNT "/%s", name);
	order(user, &o);
}

long finish(struct user *user)
{
	struct pollfd p = { .fd = user->fd, .events = POLLIN };

	if (poll(&p, 1, LIMIT * 1000) == 0)
		return user->result = -ETIME;
	if (recv(user->fd, &user->result, sizeof(long), 0) != sizeof(long))
		user->result = -EOWNERDEAD;
	user->asked = false;
	return user->result;
}

long user_result(const struct user *user)
{
	return user->result;
}

long open_file(struct user *user, const char *name, int flags)
{
	begin_open(user, name, flags);
	return finish(user);
}

bool busy(const struct user *user)
{
	struct pollfd p = { .fd = user->fd, .events = POLLIN };

	return user->asked && poll(&p, 1, 0) == 0;
}

void user_kill(struct user *user)
{
	if (!user->gone)
		kill(user->pid, SIGKILL);
}

bool user_gone(struct user *user)
{
	for (double t = 0; !user->gone && patience(&t, LIMIT);)
		user->gone = waitpid(user->pid, NULL, WNOHANG) == user->pid;
	return user->gone;
}
