// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hole is punched where a stored page is being written back (F6): the WRITE must not
 * come after it.
 */
#define _GNU_SOURCE
#include "program.h"

static void setup(void)
{
	make_file("f", 4 * PAGE, 'o');
}

static void write_back(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE);

	opened();
	store(map, 4 * PAGE, 'd');
	ready();
	kick(fd);
}

static void punch(void)
{
	int fd = file("f", O_RDWR);

	opened();
	ready();
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       2 * PAGE));
}

static void check(void)
{
	expect_size("f", 4 * PAGE);
	expect_byte("f", PAGE - 1, "d");
	expect_bytes("f", PAGE, 3 * PAGE, "");
	expect_byte("f", 3 * PAGE, "d");
}

PROGRAM(.setup = setup,
	.tasks = { { "write_back", write_back }, { "punch", punch } },
	.check = check)
