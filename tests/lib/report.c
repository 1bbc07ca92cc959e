// SPDX-License-Identifier: GPL-2.0-only
/* What failed, and what came out: see report.h. */
#include "report.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

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
}

void outcome(const char *words)
{
	printf("# outcome: %s\n", words);
	fflush(stdout);
}
