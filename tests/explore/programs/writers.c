// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two write(2) into one page and the next, at their own offsets, while a third stores
 * there through a mapping and starts writeback: each finds its own bytes in the end.
 */
#include "program.h"

static void setup(void)
{
	make_file("f", 2 * PAGE, 'o');
}

static void write_it(int at, const char *bytes)
{
	int fd = file("f", O_RDWR);

	ready();
	for (; *bytes; bytes++) {
		must(pwrite(fd, bytes, 1, at));
		must(pwrite(fd, bytes, 1, PAGE + at));
	}
}

static void one(void)
{
	write_it(0, "abc");
}

static void two(void)
{
	write_it(1, "ABC");
}

static void mapped(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE);

	ready();
	for (int i = 0; i < 3; i++) {
		store(map + 2, 1, '1' + i);
		kick(fd);
		store(map + PAGE + 2, 1, '1' + i);
	}
}

static void check(void)
{
	for (int page = 0; page < 2; page++) {
		expect_byte("f", page * PAGE, "c");
		expect_byte("f", page * PAGE + 1, "C");
		expect_byte("f", page * PAGE + 2, "3");
		expect_byte("f", page * PAGE + 3, "o");
	}
}

PROGRAM(.setup = setup,
	.tasks = { { "one", one }, { "two", two }, { "mapped", mapped } },
	.check = check)
