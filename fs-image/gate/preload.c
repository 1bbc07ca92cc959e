// SPDX-License-Identifier: GPL-2.0-only
/*
 * The gate in the process of a server that knows nothing of it, by LD_PRELOAD: libc's
 * reading and writing of /dev/fuse goes through here. So nothing is between kernel and
 * server, each request stays in the thread that read it, and nobody waits for another
 * process. For servers that use libc: in C, C++, Rust, and by go.c in Go. socket.c is for
 * all others.
 *
 * A message that was kept can only be given to a thread that reads. That may sleep in the
 * kernel; what wakes it is a request: a STATFS by a thread of ours, which nobody sees.
 *
 * fuse-gate starts such servers. In the environment: FUSE_GATE its socket (mount.h),
 * FUSE_GATE_CONTROL, FUSE_GATE_MOUNTPOINT, FUSE_GATE_LOG (entries), FUSE_GATE_RULES, a
 * line each.
 */
#define _GNU_SOURCE
#include "device.h"
#include "go.h"
#include "mount.h"
#include "request.h"
#include "start.h"
#include "state.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
/* libc's own */
#define REAL(name)                                       \
	({                                               \
		static typeof(&name) real_;              \
		if (!real_)                              \
			real_ = dlsym(RTLD_NEXT, #name); \
		real_;                                   \
	})

/* A message on its way to a thread that reads. */
struct delivery {
	struct delivery *next;
	struct request *rq; /* NULL: an INTERRUPT */
	size_t len;
	char message[];
};

static pthread_mutex_t inbox_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t inbox_filled = PTHREAD_COND_INITIALIZER,
		      wake_wanted = PTHREAD_COND_INITIALIZER;
static pid_t waker_tid;
static struct delivery *inbox, **inbox_tail = &inbox;

static struct gate_options options;
static bool init_kept; /* nothing else comes before it, not even a wake-up */

/* What this thread handles; 0: it has been answered */
static __thread uint64_t current_seq, current_unique;

/* ---- the transport ---- */

/*
 * While there is something for a reader, make the kernel have something, too. If all
 * readers are busy this waits, for the first that reads again.
 */
static void *waker(void *unused)
{
	const struct timespec a_little = { .tv_nsec = 10000000 };
	struct delivery *seen = NULL;
	struct statfs st;

	__atomic_store_n(&waker_tid, gettid(), __ATOMIC_SEQ_CST);
	for (;;) {
		pthread_mutex_lock(&inbox_lock);
		while (!inbox || init_kept)
			pthread_cond_wait(&wake_wanted, &inbox_lock);
		/* the kernel had no question: it knows us, or is at an end */
		if (inbox == seen) {
			pthread_mutex_unlock(&inbox_lock);
			nanosleep(&a_little, NULL);
			pthread_mutex_lock(&inbox_lock);
		}
		seen = inbox;
		pthread_mutex_unlock(&inbox_lock);
		if (seen)
			statfs(options.mountpoint, &st);
	}
	return unused;
}

static bool is_wake_up(const struct fuse_in_header *in)
{
	return in->opcode == FUSE_STATFS && in->pid == (uint32_t)waker_tid;
}

static void answer_wake_up(int fd, const struct fuse_in_header *in)
{
	struct {
		struct fuse_out_header header;
		struct fuse_statfs_out arg;
	} message = {
		.header = { .len = sizeof(message), .unique = in->unique },
	};

	device_write(fd, &message, sizeof(message));
}

static void preload_deliver(struct request *rq, const char *message, size_t len)
{
	struct delivery *d = malloc(sizeof(*d) + len);

	if (!d)
		abort();
	d->next = NULL;
	d->rq = rq;
	d->len = len;
	memcpy(d->message, message, len);
	pthread_mutex_lock(&inbox_lock);
	*inbox_tail = d;
	inbox_tail = &d->next;
	pthread_cond_signal(&inbox_filled);
	pthread_cond_signal(&wake_wanted);
	pthread_mutex_unlock(&inbox_lock);
}

static void preload_kill(void)
{
	kill(getpid(), SIGKILL);
	pause();
}

static struct transport preload = {
	.deliver = preload_deliver,
	.kill = preload_kill,
	.server = getpid,
	.must_not_wait = true,
};

/* ---- set up, when the server first reads ---- */

static void init_answered(const struct fuse_init_out *out, int error)
{
	static struct mount_order order = { .what = 'i' };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	order.error = error;
	order.major = out->major;
	order.minor = out->minor;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		 getenv(MOUNT_SOCKET_VARIABLE));
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    send(fd, &order, sizeof(order), MSG_NOSIGNAL) < 0)
		fprintf(stderr, "fuse-gate.so: %s: %s\n", addr.sun_path,
			strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void set_up(int device)
{
	const char *log = getenv("FUSE_GATE_LOG"), *err;
	char *rules = getenv("FUSE_GATE_RULES"), *save = NULL, *line;

	options = (struct gate_options){
		.control = getenv("FUSE_GATE_CONTROL"),
		.mountpoint = getenv("FUSE_GATE_MOUNTPOINT"),
		.device = device,
		.log_entries = log ? atoi(log) : 16384,
		.transport = &preload,
		.init_answered = init_answered,
	};
	for (line = rules ? strtok_r(rules, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		err = gate_first_rule(line);
		if (err)
			fprintf(stderr, "fuse-gate.so: %s: %s\n", line, err);
	}
	if (gate_init(&options)) {
		fprintf(stderr, "fuse-gate.so: %s: %s\n", options.control,
			strerror(errno));
		_exit(1);
	}
	preload.moves = go_hooked;
	gate_start();
	thread_start(waker, NULL);
}

/* Is this the device? Only a read tells, so only that may find a new one. */
static bool device(int fd, size_t read_size)
{
	static pthread_mutex_t once = PTHREAD_MUTEX_INITIALIZER;
	static bool started;
	struct stat st;

	if (fd < 0 || fd >= DESCRIPTORS)
		return false;
	if (is_device[fd])
		return true;
	if (read_size < MIN_READ || !getenv("FUSE_GATE_CONTROL") ||
	    fstat(fd, &st) || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(10, 229))
		return false;
	pthread_mutex_lock(&once);
	if (!started)
		set_up(fd);
	started = true;
	is_device[fd] = true;
	pthread_mutex_unlock(&once);
	return true;
}

/* ---- reading ---- */

static void leave(void)
{
	if (current_seq)
		request_left(current_seq);
	current_seq = 0;
}

static void take(struct request *rq)
{
	current_unique = rq->op.unique;
	current_seq = request_taken(rq);
	request_detach(rq);
	/* a goroutine goes on in another thread, perhaps */
	if (go_hooked)
		leave();
}

/* What was kept and is released; 0: nothing. */
static ssize_t from_inbox(char *buf, size_t size, bool wait)
{
	struct delivery *d;
	ssize_t len = 0;

	if (!wait && !__atomic_load_n(&inbox, __ATOMIC_ACQUIRE))
		return 0;
	pthread_mutex_lock(&inbox_lock);
	while (wait && !inbox)
		pthread_cond_wait(&inbox_filled, &inbox_lock);
	d = inbox;
	if (d) {
		inbox = d->next;
		if (!inbox)
			inbox_tail = &inbox;
	}
	pthread_mutex_unlock(&inbox_lock);
	if (d && d->len <= size) {
		len = d->len;
		memcpy(buf, d->message, len);
		if (d->rq)
			take(d->rq);
	}
	free(d);
	return len;
}

static ssize_t next_message(int fd, char *buf, size_t size, bool *gone)
{
	const struct fuse_in_header *in = (void *)buf;
	struct request *rq;
	ssize_t len;
	int old;

	for (;;) {
		len = from_inbox(buf, size, false);
		if (len)
			return len;
		/* libfuse ends its threads where they read, and only there */
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
		if (old != PTHREAD_CANCEL_ENABLE)
			pthread_setcancelstate(old, NULL);
		len = REAL(read)(fd, buf, size);
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
		*gone = len < 0 && errno == ENODEV;
		if (len < (ssize_t)sizeof(*in) || in->len != len)
			return len;
		if (is_wake_up(in)) {
			answer_wake_up(fd, in);
			continue;
		}
		rq = request_new(fd, buf, len);
		init_kept = rq->op.opcode == FUSE_INIT;
		if (request_down(rq)) {
			init_kept = false;
			take(rq);
			return len;
		}
		if (init_kept) {
			len = from_inbox(buf, size, true);
			init_kept = false;
			return len;
		}
	}
}

static ssize_t gate_read(int fd, char *buf, size_t size)
{
	bool gone = false;
	ssize_t len;
	int old, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	leave();
	pthread_setcancelstate(old, NULL);
	len = next_message(fd, buf, size, &gone);
	err = errno;
	if (gone)
		unlink(options.control);
	pthread_setcancelstate(old, NULL);
	errno = err;
	return len;
}

/* ---- writing ---- */

/* @reply: the gate may change what it says */
static ssize_t gate_write(int fd, char *reply, size_t len)
{
	const struct fuse_out_header *out = (const void *)reply;
	int old, err;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
	if (len < sizeof(*out) || out->len != len || !out->unique) {
		/* a notification, or what the kernel will not take */
		err = device_write(fd, reply, len);
	} else {
		if (out->unique == current_unique)
			current_seq = 0;
		err = request_up(fd, reply, len);
	}
	pthread_setcancelstate(old, NULL);
	errno = err;
	return err ? -1 : (ssize_t)len;
}

/* ---- libc's ---- */

EXPORT ssize_t read(int fd, void *buf, size_t size)
{
	return device(fd, size) ? gate_read(fd, buf, size) :
				  REAL(read)(fd, buf, size);
}

EXPORT ssize_t __read_chk(int fd, void *buf, size_t size, size_t limit);
EXPORT ssize_t __read_chk(int fd, void *buf, size_t size, size_t limit)
{
	return device(fd, size) ? gate_read(fd, buf, size) :
				  REAL(__read_chk)(fd, buf, size, limit);
}

EXPORT ssize_t readv(int fd, const struct iovec *iov, int count)
{
	size_t size = 0, done = 0, n;
	ssize_t len;
	char *buf;

	for (int i = 0; i < count; i++)
		size += iov[i].iov_len;
	if (!device(fd, size))
		return REAL(readv)(fd, iov, count);
	buf = malloc(size);
	if (!buf)
		return -1;
	len = gate_read(fd, buf, size);
	for (int i = 0; i < count && (ssize_t)done < len; i++, done += n) {
		n = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;
		memcpy(iov[i].iov_base, buf + done, n);
	}
	free(buf);
	return len;
}

EXPORT ssize_t write(int fd, const void *buf, size_t len)
{
	const struct iovec iov = { (void *)buf, len };

	return device(fd, 0) ? writev(fd, &iov, 1) : REAL(write)(fd, buf, len);
}

EXPORT ssize_t writev(int fd, const struct iovec *iov, int count)
{
	size_t len = 0, at = 0;
	ssize_t n;
	char *buf;

	if (!device(fd, 0))
		return REAL(writev)(fd, iov, count);
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	buf = malloc(len);
	if (!buf)
		return -1;
	for (int i = 0; i < count; i++) {
		memcpy(buf + at, iov[i].iov_base, iov[i].iov_len);
		at += iov[i].iov_len;
	}
	n = gate_write(fd, buf, len);
	free(buf);
	return n;
}

/* From the pipe into memory, and on from there; and the other way round. */
EXPORT ssize_t splice(int in, off64_t *off_in, int out, off64_t *off_out,
		      size_t len, unsigned int flags)
{
	size_t at = 0;
	ssize_t n;
	char *buf;

	if (!device(out, 0) && !device(in, len))
		return REAL(splice)(in, off_in, out, off_out, len, flags);
	buf = malloc(len);
	if (!buf)
		return -1;
	if (device(out, 0)) {
		do {
			n = REAL(read)(in, buf + at, len - at);
			at += n > 0 ? n : 0;
		} while (n > 0 && at < len);
		if (at)
			n = gate_write(out, buf, at);
	} else {
		n = gate_read(in, buf, len);
		if (n > 0)
			n = REAL(write)(out, buf, n);
	}
	free(buf);
	return n;
}

EXPORT int close(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		is_device[fd] = false;
	return REAL(close)(fd);
}
