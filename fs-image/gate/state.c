// SPDX-License-Identifier: GPL-2.0-only
/* See state.h. */
#define _GNU_SOURCE
#include "state.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

struct start {
	void *(*fn)(void *arg);
	void *arg;
};

static struct start *new_start(void *(*fn)(void *arg), void *arg)
{
	struct start *s = malloc(sizeof(*s));

	if (!s)
		abort();
	*s = (struct start){ fn, arg };
	return s;
}

static void *named(void *arg)
{
	struct start s = *(struct start *)arg;

	free(arg);
	pthread_setname_np(pthread_self(), GATE_THREAD);
	return s.fn(s.arg);
}

void thread_start(void *(*fn)(void *arg), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int err;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	err = pthread_create(&thread, &attr, named, new_start(fn, arg));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err) {
		fprintf(stderr, "gate: cannot start a thread: %s\n",
			strerror(err));
		exit(1);
	}
	pthread_attr_destroy(&attr);
}
