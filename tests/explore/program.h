/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program to explore: a few tasks that do to a file what users do, and what must hold
 * in the end, whatever the order. No gates, no sleeps.
 *
 *	static void cut(void)
 *	{
 *		int fd = file("f", O_RDWR);
 *
 *		ready();
 *		must(ftruncate(fd, 0));
 *	}
 *
 *	static void check(void)
 *	{
 *		expect_size("f", 0);
 *	}
 *
 *	PROGRAM(.setup = setup, .tasks = { { "store", store }, { "cut", cut } },
 *		.check = check)
 *
 * Each task is a process. It opens and maps what it needs, says ready(), and goes on when
 * all are: from there to the end of the last task the kernel's orders are explored. setup
 * and check run alone, before and after. By itself the program looks for tasks that hang,
 * pages that are not accounted for at rest, and two WRITEs of one cached page.
 *
 * Its argument is a seed, or a file with a plan: many orders in one guest, as that costs
 * more than the little that tasks do. Each has files of its own.
 *
 * Status: 0; 1 and a line "FAIL: ..." with no number in it that depends on the order.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "sandbox.h" /* PAGE */

struct program {
	const char *options; /* of the server */
	bool unmounts; /* it leaves no mount: each order needs one of its own */
	void (*setup)(void);
	struct {
		const char *name;
		void (*run)(void);
	} tasks[4];
	void (*check)(void);
};

extern const struct program program;

extern unsigned int program_seed; /* the run's, for programs that vary */
#define PROGRAM(...) const struct program program = { __VA_ARGS__ };

/*
 * Wait until all tasks have opened their files: an open drops the file's pages, dirty ones
 * too, so that what a task stores before would not be dirty any more. Each task of a
 * program calls it, or none.
 */
void opened(void);

void ready(void);

/* This task may be killed by another one; not before it is ready. The n-th task, from 0 */
void may_be_killed(void);
pid_t task_pid(int n);

/* Say what is wrong, and end. Without numbers that differ from order to order. */
__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format,
							  ...);

/* A system call that must not fail. */
long must_(long result, const char *call);
#define must(call) must_(call, #call)

void make_file(const char *name, size_t size, int byte); /* by the server */
int file(const char *name, int flags); /* below the mount */
const char *server_path(const char *name);
char *map_file(int fd, size_t size); /* shared, writable */
void fill(int fd, size_t size, int byte);
void kick(int fd); /* start writeback, wait for nothing */
/* A store that may meet a page that has been cut off: then it does nothing. Did it? */
bool store(char *to, size_t size, int byte);

/*
 * At the end. All of these look at the server's file and at what a reader of the mount
 * gets, which must also be the same.
 */
void expect_size(const char *name, off_t size);
/* Each byte of [from, to) is one of these; "" allows 0 only, which is always allowed. */
void expect_bytes(const char *name, off_t from, off_t to, const char *allowed);
/* The same, but 0 is not allowed. */
void expect_data(const char *name, off_t from, off_t to, const char *allowed);
#define expect_byte(name, at, allowed) expect_data(name, at, (at) + 1, allowed)
void expect_same(const char *name);
/* All of it, to the byte */
void expect_content(const char *name, const char *data, off_t size);

#endif
