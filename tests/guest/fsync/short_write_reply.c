// SPDX-License-Identifier: GPL-2.0-only
/*
 * A10: the server writes 100 of 4096 bytes, and says so.
 *
 * Up to today's kernels nobody looks at the size in the reply to a page's WRITE:
 * fsync(2) says 0 and the rest of the page is lost without a word. `patched` records
 * an error, which fsync tells, and sends the rest again: what a server that has run
 * into a short write(2) of its own needs.
 */
#include "scenario.h"

SCENARIO(fsync_must_tell)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	GATE("short 100 write times=1");
	DO(u, STORE, 0, 'a');
	DO(u, STORE, 200, 'b');

	EXPECT_DO(kernel() == STOCK ? 0 : -EIO, u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ(kernel() == STOCK ? 0 : 'b', server_byte("f", 200));
	EXPECT_DO(0, u, FSYNC, fd);
	outcome(kernel() == STOCK ? "data lost, fsync 0" :
				    "fsync: EIO, the rest is sent again");
}

/* The reply ends in the second of four pages: the first is done with. */
SCENARIO(the_rest_is_sent_again)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE), other = OPEN(v, "f", O_RDWR);

	DO(v, MAP, other, 4 * PAGE);
	DO(u, STORE_RANGE, 0, 4 * PAGE, 'a');
	GATE("short 5000 write times=1");
	GATE("hold write nth=2");
	begin(u, FSYNC, fd);
	if (kernel() == STOCK) {
		EXPECT_RESULT(0, u);
		EXPECT_EQ(0, server_byte("f", 5000));
		return;
	}
	GATE("wait write");
	EXPECT_EQ(3, pages_in_flight());
	EXPECT_EQ(1, GATE_NUMBER("count seen write off=4999"));
	EXPECT_EQ(2, GATE_NUMBER("count seen write off=5000"));
	EXPECT_EQ('a', server_byte("f", 4999));
	EXPECT_EQ(0, server_byte("f", 5000));
	DO(v, STORE, 0, 'b');
	begin(v, STORE, PAGE, 'b');
	EXPECT_BLOCKED(v, "fuse_page_mkwrite");
	GATE("release");
	EXPECT_RESULT(-EIO, u);
	EXPECT_RESULT(0, v);
	for (int at = 5000; at < 4 * PAGE; at += 1000)
		EXPECT_EQ('a', server_byte("f", at));
	EXPECT_DO(0, u, FSYNC, fd);
}

TEST_HARNESS_MAIN
