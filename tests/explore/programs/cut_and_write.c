// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is cut, and then written to further out: what was cut off must not come back in
 * between, however its WRITEs are under way (F9; R1: a page that waits for its copy).
 */
#include "program.h"

#define CUT (3 * PAGE + 100)

static void setup(void)
{
	make_file("f", 8 * PAGE, 'o');
}

static void write_back(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 8 * PAGE);

	opened();
	store(map, 8 * PAGE, 'a');
	ready();
	kick(fd);
}

static void cut(void)
{
	int fd = file("f", O_RDWR);

	opened();
	ready();
	must(ftruncate(fd, CUT));
	must(pwrite(fd, "b", 1, 16 * PAGE));
}

static void check(void)
{
	expect_bytes("f", 0, CUT, "a");
	expect_bytes("f", CUT, 16 * PAGE, "");
	expect_byte("f", 16 * PAGE, "b");
}

PROGRAM(.setup = setup,
	.tasks = { { "cut", cut }, { "write_back", write_back } },
	.check = check)
