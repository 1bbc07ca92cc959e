// SPDX-License-Identifier: GPL-2.0-only
/*
 * The server says from inside of its handler, for a WRITE of cached pages, that these
 * are no longer valid, while tasks store to the page and write to it: nobody waits for anybody
 * for ever (R3), and what was stored last is there.
 */
#include "program.h"

static void setup(void)
{
	make_file("f", 2 * PAGE, 'o');
	if (gate(server_gate, "remove all") != GATE_OK ||
	    gate(server_gate, "notify inval_inode writepage") != GATE_OK)
		fail("the gate: %s", gate_text(server_gate));
}

static void store_in_it(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE);

	ready();
	for (int i = 0; i < 3; i++) {
		store(map, 1, 'a' + i);
		kick(fd);
	}
}

static void write_to_it(void)
{
	int fd = file("f", O_RDWR);

	ready();
	must(pwrite(fd, "w", 1, 1));
	must(fsync(fd));
}

static void check(void)
{
	expect_byte("f", 0, "c");
	expect_byte("f", 1, "w");
	expect_byte("f", 2, "o");
	gate(server_gate, "remove all");
}

PROGRAM(.setup = setup,
	.tasks = { { "store_in_it", store_in_it },
		   { "write_to_it", write_to_it } },
	.check = check)
