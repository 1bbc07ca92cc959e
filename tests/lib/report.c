// SPDX-License-Identifier: GPL-2.0-only
/* What failed, and what came out: see report.h. */
#define _GNU_SOURCE
#include "report.h"

#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* The harness calls EXPECT_LE(0, x) "0 <= x": so x should be... */
static const char *should_be(const char *operator)
{
	static const char *const words[][2] = {
		{ "==", "" },	       { "!=", "anything but " },
		{ "<", "more than " }, { "<=", "at least " },
		{ ">", "less than " }, { ">=", "at most " },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(operator, words[i][0]))
			return words[i][1];
	return operator;
}

/* Of "Expected %s (%jd) %s %s (%jd)" */
static void numbers(va_list ap)
{
	const char *wanted = va_arg(ap, const char *);
	intmax_t want = va_arg(ap, intmax_t);
	const char *operator= va_arg(ap, const char *);
	const char *seen = va_arg(ap, const char *);
	intmax_t got = va_arg(ap, intmax_t);
	char value[32];

	if (!strcmp(wanted, "false")) {
		fprintf(stderr, "expected %s, got %s: %s",
			got ? "false" : "true", got ? "true" : "false", seen);
		return;
	}
	snprintf(value, sizeof(value), "%jd", want);
	fprintf(stderr, "expected %s%s", should_be(operator), wanted);
	if (strcmp(wanted, value))
		fprintf(stderr, " (%s)", value);
	fprintf(stderr, ", got %jd: %s", got, seen);
}

/* Of "Expected '%s' %s '%s'." */
static void strings(va_list ap)
{
	const char *want = va_arg(ap, const char *);
	const char *operator= va_arg(ap, const char *);
	const char *got = va_arg(ap, const char *);

	fprintf(stderr, "expected %s'%s', got '%s'", should_be(operator), want,
		got);
}

/*
 * Virtual time would fly while the shell waits for a key, and what expires would. This lets
 * it pass at about the host's pace: it computes for 10 ms of a CPU of 2.5 GHz, then sleeps as
 * long. (It enters the kernel, because what does not keeps out what is typed.)
 */
static pid_t keep_time(void)
{
	const struct sched_param none = { 0 };
	unsigned long long until;
	pid_t pid = fork();

	if (pid)
		return pid;
	close_range(0, ~0U, 0);
	sched_setscheduler(0, SCHED_IDLE, &none);
	for (;;) {
		until = __builtin_ia32_rdtsc() + 25000000;
		while (__builtin_ia32_rdtsc() < until)
			getppid();
		usleep(10000);
	}
}

/* A shell at the point that has failed, if one was asked for: the test waits for its end. */
static void stop_here(void)
{
	pid_t keeper, shell;

	if (!getenv("SHELL_ON_FAIL"))
		return;
	signal(SIGTTOU, SIG_IGN);
	keeper = keep_time();
	fprintf(stderr,
		"# stopped here: 'gate held' and /proc/PID/stack tell more, 'exit' goes on with the test\n");
	shell = fork();
	if (!shell) {
		setpgid(0, 0);
		tcsetpgrp(0, getpid());
		signal(SIGTTOU, SIG_DFL);
		close_range(3, ~0U, 0);
		execl("/bin/sh", "sh", NULL);
		_exit(127);
	}
	waitpid(shell, NULL, 0);
	tcsetpgrp(0, getpgrp());
	kill(keeper, SIGKILL);
	waitpid(keeper, NULL, 0);
}

void report(const char *test, const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "# %s:%d: %s: ", file, line, test);
	va_start(ap, fmt);
	if (!strncmp(fmt, "Expected %s (%", 14))
		numbers(ap);
	else if (!strncmp(fmt, "Expected '%s' %s", 16))
		strings(ap);
	else
		vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	stop_here();
}

void outcome(const char *words)
{
	printf("# outcome: %s\n", words);
	fflush(stdout);
}
