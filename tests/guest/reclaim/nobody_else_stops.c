// SPDX-License-Identifier: GPL-2.0-only
/*
 * C5: a server that never answers stops nobody but those who wait for its data.
 *
 * What the design lists as places where the kernel may wait for writeback: migration
 * of pages and allocations of many pages (compaction), reclaim, sync(2). With pages of
 * the mount in flight all of them go on: they see clean pages.
 */
#include "scenario.h"

SCENARIO(the_rest_goes_on)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	ASSERT_EQ(0, memory_group(user_pid(u)));
	DO(u, TRUNCATE, fd, 16 * PAGE);
	MAP_OR_ENODEV(u, fd, 16 * PAGE);
	GATE("drop write");
	DO(u, STORE_PAGES, 0, 16, 'a');
	DO(u, KICK, fd);
	GATE("wait seen write");
	EXPECT_EQ(16, vmstat("nr_writeback_temp"));

	EXPECT_DO(0, v, SYNC);
	EXPECT_DO(0, v, COMPACT);
	EXPECT_DO(0, v, RECLAIM, 64);
	EXPECT_LT(8, memory_stat("pgsteal"));
	EXPECT_EQ(16, vmstat("nr_writeback_temp"));
	outcome("the rest goes on");
}

TEST_HARNESS_MAIN
