// SPDX-License-Identifier: GPL-2.0-only
/*
 * M16: the page is dirtied again while its WRITE is in flight, and written back again.
 *
 * If page_mkwrite does not wait there are two temporary copies of one cached page, and
 * two WRITEs of it with the server, which may answer them in any order: the old data
 * can win. The server looks for such pairs in every scenario; see sandbox_end().
 */
#include "scenario.h"

SCENARIO(only_one)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	STORE_IN_FLIGHT(u, fd, 'a');

	begin(u, STORE, 0, 'b');
	settle(5);
	begin(v, KICK, other);
	settle(5);
	EXPECT_EQ(1, pages_in_flight());
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
	EXPECT_TRUE(busy(u));

	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('b', server_byte("f", 0));
	EXPECT_EQ(0, GATE_NUMBER("count overlaps write"));
	outcome("one copy");
}

/* write(2) sends the page's new bytes at once: not beside an older state of it. */
SCENARIO(write_waits)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	STORE_IN_FLIGHT(u, fd, 'a');

	begin(v, WRITE, other, 0, 1, 'b');
	EXPECT_BLOCKED(v, "fuse_cache_write_iter");
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
	GATE("release");
	EXPECT_RESULT(1, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('b', server_byte("f", 0));
}

TEST_HARNESS_MAIN
