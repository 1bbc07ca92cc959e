/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which thread of the server received which message? A socket does not tell, but two
 * things of the kernel do, asked only when somebody wants to know:
 *
 * - How much of what was sent has not been received: SIOCOUTQ gives it in bytes of kernel
 *   memory, and what each message takes of that can be measured on a socket of our own.
 *   So the messages that are still in the server's queue are known exactly.
 * - The tracepoint sock:sock_recv_length, recorded in a tracing instance of our own, names
 *   the thread of each receive. Messages are received in the order they were sent, so from
 *   the last one received, which is known by the first point, they can be counted back.
 *
 * A kernel without that tracepoint gives 0 for the thread; the queue is known all the same.
 */
#ifndef RECEIVED_H
#define RECEIVED_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define IN_QUEUE (-1)

/* @fd: the gate's end of the socket pair */
void received_init(int fd, const char *name);
/* Called in the order of sending, before the message is sent. Returns its number. */
uint64_t received_sending(size_t len);
/* state_lock held, and no message being sent */
pid_t received_by(uint64_t nr); /* IN_QUEUE; 0: not known */

#endif
