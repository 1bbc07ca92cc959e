/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a scenario tells what it saw: failures on stderr, and one outcome on stdout, both as
 * KTAP diagnostic lines.
 */
#ifndef REPORT_H
#define REPORT_H

/**
 * report() - say what failed: "# FILE:LINE: TEST: expected 0, got 5: vmstat(...)"
 * @test: the scenario
 * @file, @line: where
 * @fmt: as for printf(). The formats that kselftest_harness.h has for its expectations
 *	 are known, and their arguments told in this order.
 */
void report(const char *test, const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/**
 * outcome() - what this kernel does, in the words of somebody who meets it
 *
 * "waits", "ENODEV", "data lost": a line "# outcome: ..." for `make table`. To be called
 * once the scenario has seen it happen. Several of one test are told together.
 */
void outcome(const char *words);

#endif
