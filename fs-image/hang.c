// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether the guest can still make progress, with virtual time
 *
 * Nothing comes from outside then. So when for a minute of its clock no program of the
 * guest has run, and none waits for a time to come (sleep, poll with a limit, alarm), none
 * will run again: the run is a hang, and there is no need to wait for the limit of
 * uml/run. Who computes keeps the clock where it is; who polls, runs.
 *
 * It looks seldom: after a minute, then after what is known to be waited for.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hang.h"

enum { KERNEL_THREAD = 0x00200000 };

/* What ends a wait of a program's */
static const char *const timers[] = { "hrtimer_wakeup", "posix_timer_fn",
				      "it_real_fn", "timerfd_tmrproc",
				      "alarmtimer_fired" };

static bool is_program(const char *pid)
{
	char name[300], text[512], *after;
	unsigned int flags = KERNEL_THREAD;
	FILE *f;

	snprintf(name, sizeof(name), "/proc/%s/stat", pid);
	f = fopen(name, "re");
	if (!f)
		return false;
	if (fgets(text, sizeof(text), f)) {
		after = strrchr(text, ')');
		if (after)
			sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %u",
			       &flags);
	}
	fclose(f);
	return !(flags & KERNEL_THREAD) && atoi(pid) != getpid();
}

/* How often the threads of a program were given up, and took the CPU */
static unsigned long switches_of(const char *pid)
{
	char name[600], line[256];
	unsigned long sum = 0, n;
	struct dirent *d;
	DIR *threads;

	snprintf(name, sizeof(name), "/proc/%s/task", pid);
	threads = opendir(name);
	while (threads && (d = readdir(threads))) {
		FILE *f;

		if (!isdigit(d->d_name[0]))
			continue;
		snprintf(name, sizeof(name), "/proc/%s/task/%s/status", pid,
			 d->d_name);
		f = fopen(name, "re");
		if (!f)
			continue;
		/* a thread that has come or gone changes the sum as well */
		sum += 1 + atol(d->d_name);
		while (fgets(line, sizeof(line), f))
			if (sscanf(line, "voluntary_ctxt_switches: %lu", &n) ==
				    1 ||
			    sscanf(line, "nonvoluntary_ctxt_switches: %lu",
				   &n) == 1)
				sum += n << 16;
		fclose(f);
	}
	if (threads)
		closedir(threads);
	return sum;
}

static unsigned long switches(void)
{
	unsigned long sum = 0;
	struct dirent *d;
	DIR *proc = opendir("/proc");

	while (proc && (d = readdir(proc)))
		if (isdigit(d->d_name[0]) && is_program(d->d_name))
			sum += switches_of(d->d_name);
	if (proc)
		closedir(proc);
	return sum;
}

/* The first time that a program waits for, in seconds from now; 0: none. -1: not known. */
static double next_timer(void)
{
	FILE *f = fopen("/proc/timer_list", "re");
	double next = 0, from;
	bool wanted = false;
	char line[256];

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, " #", 2) && isdigit(line[2])) {
			wanted = false;
			for (size_t i = 0;
			     i < sizeof(timers) / sizeof(timers[0]); i++)
				wanted |= !!strstr(line, timers[i]);
		} else if (wanted && strstr(line, "expires at ") &&
			   sscanf(strstr(line, "[in ") ?: "", "[in %lf",
				  &from) == 1) {
			from = from / 1e9;
			if (from < 0.001)
				from = 0.001;
			if (!next || from < next)
				next = from;
		}
	}
	fclose(f);
	return next;
}

static void sleep_for(double seconds)
{
	struct timespec t = { .tv_sec = seconds };

	t.tv_nsec = (seconds - t.tv_sec) * 1e9;
	nanosleep(&t, NULL);
}

/* Like fork(), with a pid that leaves those of the others as they were */
static pid_t fork_out_of_the_way(void)
{
	pid_t pid = 32000, child;
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	child = syscall(SYS_clone3, &args, sizeof(args));
	return child < 0 ? fork() : child;
}

void watch_for_hang(int seconds, int fd)
{
	unsigned long before = 0, after;
	/* (0: the same way into the same sleep, which takes as many ticks) */
	double patience = seconds ? seconds : 1e9, timer;

	if (fork_out_of_the_way())
		return;
	for (;;) {
		sleep_for(patience);
		after = switches();
		timer = next_timer();
		if (timer < 0)
			_exit(0);
		patience = seconds;
		if (timer > 0) {
			/* by then, and a minute more, something has run */
			patience += timer;
		} else if (after == before) {
			dprintf(fd,
				"hang: for %d s of the guest's clock no program has run, and none will\n",
				seconds);
			/* Keeps the clock where it is until uml/run has stopped
			 * the guest: else kernel threads may be running then.
			 * Not for ever: the run may be one that gdb makes again */
			for (volatile int i = 0; i < 500000000; i++)
				;
			_exit(0);
		}
		before = after;
	}
}
