// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hole is punched where somebody stores a byte: before, then the hole has zeros only; or
 * after, then it has that byte. Old data is in it never (F6, R4).
 */
#define _GNU_SOURCE
#include "program.h"

#define HOLE 4 /* pages, from the second one on */

static void setup(void)
{
	make_file("f", (HOLE + 2) * PAGE, 'o');
}

static void store_in_it(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, (HOLE + 2) * PAGE);

	opened();
	for (int page = 1; page <= HOLE; page++)
		if (map[page * PAGE] != 'o')
			fail("not there to begin with");
	ready();
	for (int page = 1; page <= HOLE; page++) {
		store(map + page * PAGE, 1, 'n');
		kick(fd);
	}
}

static void punch(void)
{
	int fd = file("f", O_RDWR);

	opened();
	ready();
	must(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       HOLE * PAGE));
}

static void check(void)
{
	expect_size("f", (HOLE + 2) * PAGE);
	expect_byte("f", PAGE - 1, "o");
	for (int page = 1; page <= HOLE; page++) {
		expect_bytes("f", page * PAGE, page * PAGE + 1, "n");
		expect_bytes("f", page * PAGE + 1, (page + 1) * PAGE, "");
	}
	expect_byte("f", (HOLE + 1) * PAGE, "o");
}

PROGRAM(.setup = setup,
	.tasks = { { "punch", punch }, { "store_in_it", store_in_it } },
	.check = check)
