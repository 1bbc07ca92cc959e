/* SPDX-License-Identifier: GPL-2.0-only */
/* What the whole gate shares: one lock, one clock. */
#ifndef STATE_H
#define STATE_H

#include <pthread.h>

/* Over requests, rules, names, the log and clients. Never held while something waits. */
extern pthread_mutex_t state_lock;

double now(void); /* seconds, CLOCK_MONOTONIC */

/* The name of each */
#define GATE_THREAD "gate"

/* A detached thread, which gets no signals; no return if there can be none. */
void thread_start(void *(*fn)(void *arg), void *arg);

#endif
