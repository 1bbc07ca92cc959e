// SPDX-License-Identifier: GPL-2.0-only
/*
 * open(O_TRUNC), which the server does by itself, while what was stored is written back:
 * the file is empty afterwards (F16), and nobody hangs (F23).
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

static void empty(void)
{
	opened();
	ready();
	file("f", O_RDWR | O_TRUNC);
}

static void check(void)
{
	expect_size("f", 0);
}

PROGRAM(.options = "-o atomic_o_trunc", .setup = setup,
	.tasks = { { "write_back", write_back }, { "empty", empty } },
	.check = check)
