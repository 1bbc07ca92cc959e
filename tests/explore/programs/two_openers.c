// SPDX-License-Identifier: GPL-2.0-only
/*
 * One opens a file with O_TRUNC, another without, a third stores in it: nobody hangs
 * (F25, F23), and in the end the server and the reader agree.
 */
#include "program.h"

static void setup(void)
{
	make_file("f", 4 * PAGE, 'o');
}

static void store_in_it(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE);

	opened();
	store(map, 2 * PAGE, 'a');
	ready();
	store(map + PAGE, 1, 'b');
	store(map, 1, 'c');
	kick(fd);
}

static void empty(void)
{
	opened();
	ready();
	file("f", O_RDWR | O_TRUNC);
}

static void look(void)
{
	opened();
	ready();
	file("f", O_RDONLY);
}

static void check(void)
{
	expect_same("f");
	/* what was written back after the cut may be there, older data not */
	expect_bytes("f", 0, 4 * PAGE, "bc");
}

PROGRAM(.options = "-o writeback_cache,atomic_o_trunc", .setup = setup,
	.tasks = { { "store_in_it", store_in_it },
		   { "empty", empty },
		   { "look", look } },
	.check = check)
