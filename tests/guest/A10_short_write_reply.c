// SPDX-License-Identifier: GPL-2.0-only
/*
 * A10: the daemon writes 100 of 4096 bytes, and says so.
 *
 * Up to today's kernels nobody looks at the size in the reply to a page's WRITE:
 * fsync(2) says 0 and the rest of the page is lost without a word. `patched` records
 * an error, which fsync tells, and the page is dirty again: it is written with the
 * next fsync.
 */
#include "scenario.h"

SCENARIO(fsync_must_tell)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	DO(u, TRUNCATE, fd, PAGE);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("short 100 write times=1");
	DO(u, STORE, 0, 'a');
	DO(u, STORE, 200, 'b');

	EXPECT_DO(kernel() == STOCK ? 0 : -EIO, u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_DO(0, u, FSYNC, fd);
	EXPECT_EQ(kernel() == STOCK ? 0 : 'b', server_byte("f", 200));
}

TEST_HARNESS_MAIN
