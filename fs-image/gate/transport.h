/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies between the gate and a server. Requests go down by deliver(), replies come
 * up by request_up() (request.h); nothing else passes.
 *
 *	inside.c	in the process of a libfuse server: the thread that asks libfuse for
 *			the next message runs the request through the gate, and handles it
 *	preload.c	in the process of any other server that uses libc, by LD_PRELOAD: the
 *			thread that reads /dev/fuse does. go.c: in Go, too
 *	socket.c	in front of any server, which has one end of a socket pair for its
 *			/dev/fuse
 */
#ifndef TRANSPORT_H
#define TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct request;

struct transport {
	/*
	 * Give the server a message: of a request that was kept, or (@rq NULL) an
	 * INTERRUPT. From any thread; may take as long as the server does.
	 */
	void (*deliver)(struct request *rq, const char *message, size_t len);

	/* SIGKILL the server. Does not return if it is this process. */
	void (*kill)(void);

	/*
	 * Which of the server's threads received the @nr-th message, counted from 1 in
	 * the order of delivery? 0: not known; -1: none yet. NULL: the thread is noted
	 * when the request is delivered, by request_taken().
	 */
	pid_t (*thread)(uint64_t nr);

	pid_t (*server)(void); /* its process; 0: not known yet */

	/* The thread that has a request is not known when it is delivered, or changes. */
	bool moves;

	/* Threads of the transport must not wait: what may, gets a thread of its own. */
	bool must_not_wait;
};

#endif
