// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was stored past the end of a file, in its last page, is 0 once the file grows, also
 * when the page is written back just then (R5).
 */
#include "program.h"

static void setup(void)
{
	make_file("f", 100, 'o');
}

static void write_back(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, PAGE);

	opened();
	store(map, PAGE, 'a');
	ready();
	kick(fd);
}

static void grow(void)
{
	int fd = file("f", O_RDWR);

	opened();
	ready();
	must(ftruncate(fd, 4 * PAGE));
}

static void check(void)
{
	expect_size("f", 4 * PAGE);
	expect_bytes("f", 100, 4 * PAGE, "");
	expect_byte("f", 0, "a");
}

PROGRAM(.setup = setup,
	.tasks = { { "write_back", write_back }, { "grow", grow } },
	.check = check)
