// SPDX-License-Identifier: GPL-2.0-only
/* See inside.h. */
#define _GNU_SOURCE
#include "inside.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void (*handle_message)(const char *message, size_t len);

/* What this thread handles; 0: it has been answered */
static __thread uint64_t current_seq, current_unique;

static __thread int pipe_fd[2] = { -1, -1 };

void inside_init(void (*handle)(const char *message, size_t len))
{
	handle_message = handle;
}

int inside_splice(size_t size)
{
	return pipe2(pipe_fd, O_CLOEXEC) ||
			       fcntl(pipe_fd[1], F_SETPIPE_SZ, 2 * size) < 0 ?
		       errno :
		       0;
}

static void take(struct request *rq)
{
	current_unique = rq->op.unique;
	current_seq = request_taken(rq);
}

static void leave(void)
{
	if (current_seq)
		request_left(current_seq);
	current_seq = 0;
}

/* By splice the kernel gives its pages away instead of copying them out. */
static ssize_t receive(int fd, char *buf, size_t size)
{
	ssize_t n, got = 0, len;

	if (pipe_fd[0] < 0)
		return read(fd, buf, size);
	len = splice(fd, NULL, pipe_fd[1], NULL, size, 0);
	if (len < 0)
		return len;
	while (got < len) {
		n = read(pipe_fd[0], buf + got, len - got);
		if (n <= 0)
			return -1;
		got += n;
	}
	return len;
}

/* The next message that is for the server. */
static ssize_t io_read(int fd, void *buf, size_t size, void *userdata)
{
	struct request *rq;
	ssize_t len;

	(void)userdata;
	leave();
	for (;;) {
		len = receive(fd, buf, size);
		if (len < (ssize_t)sizeof(struct fuse_in_header))
			return len;
		rq = request_new(fd, buf, len);
		if (request_down(rq)) {
			take(rq);
			return len;
		}
	}
}

static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	size_t len = 0;
	char *reply, *p;
	int err;

	(void)userdata;
	if (!out->unique) /* a notification */
		return writev(fd, iov, count);
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	p = reply = malloc(len);
	if (!reply) {
		errno = ENOMEM;
		return -1;
	}
	for (int i = 0; i < count; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	if (out->unique == current_unique)
		current_seq = 0;
	err = request_up(fd, reply, len);
	free(reply);
	errno = err;
	return err ? -1 : (ssize_t)len;
}

/* Data goes to the device unseen, the log gets its length. */
static ssize_t io_splice_send(int fdin, off_t *offin, int fdout, off_t *offout,
			      size_t len, unsigned int flags, void *userdata)
{
	ssize_t n = splice(fdin, offin, fdout, offout, len, flags);
	int err = n < 0 ? errno : 0;

	(void)userdata;
	request_spliced(current_seq, err,
			n < 0 ? -1 : n - (long)sizeof(struct fuse_out_header));
	current_seq = 0;
	errno = err;
	return n;
}

const struct fuse_custom_io inside_io = {
	.writev = io_writev,
	.read = io_read,
	.splice_send = io_splice_send,
};

static void inside_deliver(struct request *rq, const char *message, size_t len)
{
	if (rq)
		take(rq);
	handle_message(message, len);
	leave();
}

static void inside_kill(void)
{
	kill(getpid(), SIGKILL);
	pause();
}

const struct transport inside = {
	.deliver = inside_deliver,
	.kill = inside_kill,
	.server = getpid,
};
