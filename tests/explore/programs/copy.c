// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server copies from one file to another while both are dirty. The copy is of what was
 * stored before; and what was stored where it copies to is older, or is a byte that a task
 * stores at the same time (F19, R4).
 */
#define _GNU_SOURCE
#include "program.h"

static void setup(void)
{
	make_file("from", 2 * PAGE, 'o');
	make_file("to", 4 * PAGE, 'o');
}

static void copy(void)
{
	int from = file("from", O_RDWR), to = file("to", O_RDWR);
	char *map = map_file(from, 2 * PAGE), *other = map_file(to, 4 * PAGE);
	off_t from_at = 0, to_at = PAGE;

	opened();
	store(map, 2 * PAGE, 'f');
	store(other + PAGE, PAGE, 'd');
	ready();
	if (must(copy_file_range(from, &from_at, to, &to_at, 2 * PAGE, 0)) !=
	    2 * PAGE)
		fail("a short copy");
}

static void store_in_it(void)
{
	int fd = file("to", O_RDWR);
	char *map = map_file(fd, 4 * PAGE);

	opened();
	if (map[2 * PAGE] != 'o')
		fail("not there to begin with");
	ready();
	store(map + 2 * PAGE + 10, 1, 'n');
	kick(fd);
}

static void check(void)
{
	expect_size("to", 4 * PAGE);
	expect_byte("to", PAGE - 1, "o");
	expect_data("to", PAGE, 2 * PAGE + 10, "f");
	expect_byte("to", 2 * PAGE + 10, "fn");
	expect_data("to", 2 * PAGE + 11, 3 * PAGE, "f");
	expect_byte("to", 3 * PAGE, "o");
}

PROGRAM(.setup = setup,
	.tasks = { { "copy", copy }, { "store_in_it", store_in_it } },
	.check = check)
