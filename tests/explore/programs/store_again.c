// SPDX-License-Identifier: GPL-2.0-only
/*
 * A page is stored to again while its WRITE is on its way: the store waits until the
 * server has it, or who stores faster than the server writes would be held back nowhere
 * (M16). Somebody else reads the file meanwhile.
 */
#include "program.h"

#define TIMES 3

static void setup(void)
{
	make_file("f", PAGE, 'o');
}

static void store_again(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, PAGE);

	ready();
	store(map, 1, 'a');
	for (int i = 1; i <= TIMES; i++) {
		kick(fd);
		store(map, 1, 'a' + i);
		if (bdi_stat("BdiWriteback") > 0)
			fail("a store did not wait for the WRITE of its page");
	}
}

static void look(void)
{
	int fd = file("f", O_RDONLY);
	char byte;

	ready();
	for (int i = 0; i < TIMES; i++)
		must(pread(fd, &byte, 1, i));
}

static void check(void)
{
	expect_byte("f", 0, "d");
	expect_byte("f", 1, "o");
}

PROGRAM(.setup = setup,
	.tasks = { { "store_again", store_again }, { "look", look } },
	.check = check)
