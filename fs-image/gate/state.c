// SPDX-License-Identifier: GPL-2.0-only
/* See state.h. */
#define _GNU_SOURCE
#include "state.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

pthread_mutex_t state_lock = PTHREAD_MUTEX_INITIALIZER;

static double read_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* Does the guest's time go by the host's? */
static bool wall_clock(void)
{
	static int wall = -1;
	char name[32] = "";
	FILE *f;

	if (wall < 0) {
		f = fopen(
			"/sys/devices/system/clocksource/clocksource0/current_clocksource",
			"re");
		if (f && !fgets(name, sizeof(name), f))
			name[0] = 0;
		if (f)
			fclose(f);
		wall = !strcmp(name, "timer\n");
	}
	return wall;
}

#if defined(__x86_64__)
/*
 * The clock is a system call in UML, which costs as much as a part of a request. Where
 * time is the host's, count the CPU's cycles from a reading of the clock that is at most
 * some 10 ms old.
 */
double now(void)
{
	const uint64_t fresh = 20000000, enough = 2000000;
	static __thread double first_time, time, rate;
	static __thread uint64_t first, last;
	uint64_t cycles = __builtin_ia32_rdtsc();

	if (rate > 0 && cycles - last < fresh)
		return time + (cycles - last) / rate;
	time = read_clock();
	if (!wall_clock())
		return time;
	last = cycles;
	if (!first_time) {
		first = cycles;
		first_time = time;
	} else if (cycles - first > enough && time > first_time) {
		rate = (cycles - first) / (time - first_time);
	}
	return time;
}
#else
double now(void)
{
	return read_clock();
}
#endif

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
