// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is read with O_DIRECT into the mapping of another, whose pages are written back
 * meanwhile: there is one WRITE of a page at a time (F8), and what was read is not lost.
 */
#define _GNU_SOURCE
#include "program.h"

static void setup(void)
{
	make_file("f", 2 * PAGE, 'o');
	make_file("source", 2 * PAGE, 's');
}

static void read_into(void)
{
	int from = file("source", O_RDONLY | O_DIRECT), fd = file("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE);

	opened();
	store(map, 2 * PAGE, 'a');
	ready();
	if (must(pread(from, map, 2 * PAGE, 0)) != 2 * PAGE)
		fail("a short read");
}

static void write_back(void)
{
	int fd = file("f", O_RDWR);

	opened();
	ready();
	for (int i = 0; i < 3; i++)
		kick(fd);
}

static void check(void)
{
	expect_byte("f", 0, "s");
	expect_byte("f", 2 * PAGE - 1, "s");
}

PROGRAM(.setup = setup,
	.tasks = { { "read_into", read_into }, { "write_back", write_back } },
	.check = check)
