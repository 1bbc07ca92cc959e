// SPDX-License-Identifier: GPL-2.0-only
/*
 * A file is cut to nothing while what was stored in it is written back: the server's file
 * must end up empty (M8), and what is cut must stay cut.
 */
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
	store(map, 4 * PAGE, 'a');
	ready();
	kick(fd);
}

static void cut(void)
{
	int fd = file("f", O_RDWR);

	opened();
	ready();
	must(ftruncate(fd, 0));
}

static void check(void)
{
	expect_size("f", 0);
}

PROGRAM(.setup = setup,
	.tasks = { { "write_back", write_back }, { "cut", cut } },
	.check = check)
