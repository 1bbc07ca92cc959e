// SPDX-License-Identifier: GPL-2.0-only
/*
 * A15: a server that does not answer may tie up 1 % of the memory for dirty pages, no
 * more: a writer that dirties more sleeps in balance_dirty_pages().
 *
 * Temporary pages count as the bdi's writeback until they are answered, so the limit
 * holds although the page cache is clean. root can raise it.
 */
#include "scenario.h"

SCENARIO(one_percent)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT),
	    g = OPEN(v, "g", O_RDWR | O_CREAT);

	DO(v, TRUNCATE, g, 300 * PAGE);
	if (kernel() != BEFORE)
		EXPECT_EQ(1, bdi_get("max_ratio"));
	DO(u, TRUNCATE, fd, 300 * PAGE);
	MAP_OR_ENODEV(u, fd, 300 * PAGE);
	GATE("hold write");
	begin(u, STORE_PAGES, 0, 300, 'a');

	EXPECT_BLOCKED(u, WAIT_FOR_LIMIT);
	EXPECT_LT(0, vmstat("nr_dirty") + pages_in_flight());
	EXPECT_GT(130 + kept_by_cpus(), vmstat("nr_dirty") + pages_in_flight());

	ASSERT_EQ(0, bdi_unlimit());
	DO(v, MAP, g, 300 * PAGE);
	DO(v, STORE_PAGES, 0, 300, 'b');
	EXPECT_LT(300, vmstat("nr_dirty") + pages_in_flight());

	GATE("release");
	EXPECT_RESULT(0, u);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 299 * PAGE));
	outcome("sleeps at 1 %");
}

TEST_HARNESS_MAIN
