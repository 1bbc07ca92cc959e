// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody opens the file, which drops its pages, and reads while it is written: who
 * wrote reads what he wrote (R12).
 */
#include "program.h"

static void setup(void)
{
	make_file("f", PAGE, 'o');
}

static void write_it(void)
{
	int fd = file("f", O_RDWR);
	char c;

	must(pread(fd, &c, 1, 1));
	ready();
	for (int i = 0; i < 3; i++) {
		must(pwrite(fd, &(char){ 'a' + i }, 1, 0));
		must(pread(fd, &c, 1, 0));
		if (c != 'a' + i)
			fail("f: not what was written");
	}
}

static void open_and_read(void)
{
	char c;

	ready();
	for (int i = 0; i < 3; i++)
		must(pread(file("f", O_RDONLY), &c, 1, 1));
}

static void store_in_it(void)
{
	char *map = map_file(file("f", O_RDWR), PAGE);

	ready();
	store(map + 2, 1, 's');
}

static void check(void)
{
	expect_byte("f", 0, "c");
	expect_byte("f", 1, "o");
	expect_byte("f", 2, "s");
}

PROGRAM(.setup = setup,
	.tasks = { { "write_it", write_it },
		   { "open_and_read", open_and_read },
		   { "store_in_it", store_in_it } },
	.check = check)
