// SPDX-License-Identifier: GPL-2.0-only
/*
 * C3: NR_WRITEBACK_TEMP and the bdi's writeback count a page until its WRITE is
 * answered, each by itself: otherwise a server that answers nothing could be given
 * any amount of memory.
 */
#include "scenario.h"

SCENARIO(until_answered)
{
	int fd = MAPPED_FILE(u, "f", 8 * PAGE);

	GATE("hold write");
	DO(u, STORE_EVERY, 0, 4, 'a', 2); /* no two side by side: 4 WRITEs */
	EXPECT_EQ(0, pages_in_flight());
	DO(u, KICK, fd);
	GATE("wait write 4");

	for (int left = 4; left >= 0; left--) {
		EXPECT_SOON(left, pages_in_flight());
		EXPECT_SOON(true, bdi_is("BdiWriteback", left * PAGE / 1024));
		EXPECT_EQ(can(TEMP_PAGES) ? 0 : left, vmstat("nr_writeback"));
		if (left)
			GATE("release write 1");
	}
	outcome("counted until answered");
}

TEST_HARNESS_MAIN
