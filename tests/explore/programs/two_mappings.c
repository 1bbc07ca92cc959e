// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two tasks store to the same page through mappings, and each starts writeback: there is
 * one WRITE of a page at a time (M16), and the last store wins.
 */
#include "program.h"

static void setup(void)
{
	make_file("f", 2 * PAGE, 'o');
}

static void work(int at, int byte)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE);

	ready();
	for (int i = 0; i < 3; i++) {
		store(map + at, 1, byte + i);
		kick(fd);
	}
}

static void one(void)
{
	work(0, 'a');
}

static void two(void)
{
	work(1, 'A');
}

static void check(void)
{
	expect_byte("f", 0, "c");
	expect_byte("f", 1, "C");
	expect_byte("f", 2, "o");
}

PROGRAM(.setup = setup, .tasks = { { "one", one }, { "two", two } },
	.check = check)
