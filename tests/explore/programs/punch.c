// SPDX-License-Identifier: GPL-2.0-only
/*
 * A hole is punched where somebody stores a byte: before, then the hole has zeros only; or
 * after, then it has that byte. Old data is in it never (F6, R4).
 */
#define _GNU_SOURCE
#include "program.h"

static void setup(void)
{
	server_file("f", 4 * PAGE, 'o');
}

static void store_in_it(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE);

	opened();
	/* one page is dirty, one is only read */
	store(map + 2 * PAGE, PAGE, 'd');
	if (map[PAGE] != 'o')
		fail("not there to begin with");
	ready();
	store(map + PAGE, 1, 'n');
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
	expect_byte("f", PAGE - 1, "o");
	expect_bytes("f", PAGE, PAGE + 1, "n");
	expect_bytes("f", PAGE + 1, 3 * PAGE, "");
	expect_byte("f", 3 * PAGE, "o");
}

PROGRAM(.setup = setup,
	.tasks = { { "store_in_it", store_in_it }, { "punch", punch } },
	.check = check)
