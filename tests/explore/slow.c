// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the explorer is tested with (tests/host/explore.sh): a task that comes to places for
 * as long as the explorer lets it wait, and then takes nearly as long as one may.
 */
#include "program.h"

static void setup(void)
{
	make_file("f", 1, 'o');
}

static void slow(void)
{
	int fd = file("f", O_RDWR);

	ready();
	for (int i = 0; i < 2000; i++)
		must(pwrite(fd, "a", 1, 0));
	settle(LIMIT - 5);
}

static void check(void)
{
	expect_byte("f", 0, "a");
}

PROGRAM(.setup = setup, .tasks = { { "slow", slow } }, .check = check)
