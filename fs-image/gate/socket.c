// SPDX-License-Identifier: GPL-2.0-only
/* See socket.h. */
#define _GNU_SOURCE
#include "socket.h"
#include "device.h"
#include "received.h"
#include "request.h"
#include "state.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A WRITE or a READ's reply of as many pages as there can be */
#define BUFFER ((1 << 20) + 65536)

static int device = -1, sock = -1;
static void (*server_gone)(void);
static void (*say_garbage)(const char *what);
static pid_t server;
static bool only_pass;

/* Messages are sent in the order of their numbers */
static pthread_mutex_t send_lock = PTHREAD_MUTEX_INITIALIZER;

int socket_init(int dev, const char *name, void (*gone)(void),
		void (*garbage)(const char *what))
{
	int pair[2], big = 16 << 20, on = 1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -1;
	for (int i = 0; i < 2; i++)
		setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &big,
			   sizeof(big));
	/* who writes: its pid comes with each message */
	setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
	device = dev;
	sock = pair[0];
	server_gone = gone;
	say_garbage = garbage;
	received_init(sock, name);
	return pair[1];
}

pid_t socket_server(void)
{
	return server;
}

/* ---- down ---- */

static void send_message(struct request *rq, const char *message, size_t len)
{
	const struct timespec a_little = { .tv_nsec = 1000000 };

	pthread_mutex_lock(&send_lock);
	if (rq)
		rq->nr = received_sending(len);
	else
		received_sending(len);
	/* a large message is one piece of memory to the kernel, which may have none now */
	while (send(sock, message, len, MSG_NOSIGNAL) < 0 &&
	       (errno == ENOBUFS || errno == ENOMEM || errno == EINTR))
		nanosleep(&a_little, NULL);
	pthread_mutex_unlock(&send_lock);
}

static void socket_deliver(struct request *rq, const char *message, size_t len)
{
	uint64_t seq = rq ? rq->seq : 0;
	bool answered = rq && op_has_reply(&rq->op);

	send_message(rq, message, len);
	if (rq && !answered)
		request_left(seq);
}

static void *down(void *unused)
{
	char *buf = malloc(BUFFER);
	struct request *rq;
	ssize_t len;

	if (!buf)
		abort();
	for (;;) {
		len = read(device, buf, BUFFER);
		if (len < (ssize_t)sizeof(struct fuse_in_header)) {
			/* ENOENT: it was interrupted before we read it */
			if (len < 0 && (errno == EINTR || errno == EAGAIN ||
					errno == ENOENT))
				continue;
			break;
		}
		if (only_pass &&
		    ((struct fuse_in_header *)buf)->opcode != FUSE_INIT) {
			send(sock, buf, len, MSG_NOSIGNAL);
			continue;
		}
		rq = request_new(device, buf, len);
		if (!request_down(rq))
			continue;
		request_detach(rq);
		socket_deliver(rq, buf, len);
	}
	/* unmounted, or aborted: as near as a socket comes to ENODEV */
	if (server > 0)
		kill(server, SIGTERM);
	shutdown(sock, SHUT_WR);
	free(buf);
	return unused;
}

/* ---- up ---- */

/*
 * A notification may wait in the kernel for an answer that comes behind it. So it is
 * sent by a thread of its own; but what comes behind it waits until that is done or
 * sleeps, as it would if the server's thread had sent it.
 */
struct notice {
	size_t len;
	pid_t tid;
	int done;
	char message[];
};

static void *notify(void *arg)
{
	struct notice *n = arg;

	__atomic_store_n(&n->tid, gettid(), __ATOMIC_SEQ_CST);
	request_up(device, n->message, n->len);
	if (__atomic_add_fetch(&n->done, 1, __ATOMIC_SEQ_CST) == 2)
		free(n);
	return NULL;
}

static bool sleeps(pid_t tid)
{
	char path[64], text[256] = "", *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	f = fopen(path, "re");
	if (!f)
		return true;
	if (!fgets(text, sizeof(text), f))
		text[0] = 0;
	fclose(f);
	p = strrchr(text, ')');
	return !p || p[2] != 'R';
}

static void pass_notification(const char *message, size_t len)
{
	struct notice *n = calloc(1, sizeof(*n) + len);
	pid_t tid;

	if (!n)
		abort();
	n->len = len;
	memcpy(n->message, message, len);
	thread_start(notify, n);
	for (;;) {
		tid = __atomic_load_n(&n->tid, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&n->done, __ATOMIC_SEQ_CST) ||
		    (tid && sleeps(tid)))
			break;
		sched_yield();
	}
	if (__atomic_add_fetch(&n->done, 1, __ATOMIC_SEQ_CST) == 2)
		free(n);
}

static ssize_t receive(char *buf, size_t size)
{
	char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = { buf, size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &msg, 0);
	struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	struct ucred who;

	if (c && c->cmsg_type == SCM_CREDENTIALS) {
		memcpy(&who, CMSG_DATA(c), sizeof(who));
		server = who.pid;
	}
	return n;
}

static void *up(void *unused)
{
	char *buf = malloc(BUFFER), text[100];
	const struct fuse_out_header *out = (const void *)buf;
	bool passing = false;
	size_t have = 0;
	ssize_t n;

	if (!buf)
		abort();
	/* splice(2) may send a message in pieces: its length is at its beginning */
	for (;;) {
		n = receive(buf + have, BUFFER - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += n;
		if (have < sizeof(*out) || have > out->len ||
		    out->len > BUFFER) {
			snprintf(
				text, sizeof(text),
				have < sizeof(*out) ?
					"%zu bytes are no message" :
					"a message of %zu bytes that says it has %u",
				have, out->len);
			say_garbage(text);
			have = 0;
		} else if (have == out->len) {
			if (only_pass && passing)
				device_write(device, buf, have);
			else if (out->unique)
				request_up(device, buf, have);
			else
				pass_notification(buf, have);
			have = 0;
			passing = true;
		}
	}
	server_gone();
	return unused;
}

/* ---- for people ---- */

static pid_t thread_of(uint64_t nr)
{
	pid_t thread;

	/* somebody is sending, and may wait with that: not now */
	if (pthread_mutex_trylock(&send_lock))
		return 0;
	thread = received_by(nr);
	pthread_mutex_unlock(&send_lock);
	return thread;
}

static void socket_kill(void)
{
	if (server > 0)
		kill(server, SIGKILL);
}

const struct transport socket_transport = {
	.deliver = socket_deliver,
	.kill = socket_kill,
	.thread = thread_of,
	.server = socket_server,
	.moves = true,
	.must_not_wait = true,
};

void socket_start(int server_end, bool pass)
{
	only_pass = pass;
	close(server_end);
	thread_start(down, NULL);
	thread_start(up, NULL);
}
