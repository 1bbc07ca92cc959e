// SPDX-License-Identifier: GPL-2.0-only
/*
 * A1: sync(2) does not wait for a server that does not answer.
 *
 * One stuck FUSE server used to be able to stop every program that calls sync(2).
 * The page's data goes out from a temporary copy, and for the rest of the kernel
 * its writeback is over at once: nr_dirty and nr_writeback are 0 and only
 * nr_writeback_temp tells of what the server still owes (3be5a52b30aa). Where there are
 * no copies any more (0c58a97f919c) the page is under writeback, and sync(2) passes FUSE
 * by (76f9377cd2ab); between the two it waited.
 */
#include "scenario.h"

SCENARIO(sync_does_not_wait)
{
	int fd = MAPPED_FILE(u, "f", 16 * PAGE);
	bool waits = can(SYNC_WAITS);

	GATE("hold write");
	DO(u, STORE_PAGES, 0, 16, 'a');
	EXPECT_EQ(16, vmstat("nr_dirty"));
	DO(u, KICK, fd);
	GATE("wait write");

	begin(u, SYNC);
	if (waits)
		EXPECT_BLOCKED(u, "folio_wait_writeback");
	else
		EXPECT_RESULT(0, u);
	EXPECT_EQ(0, vmstat("nr_dirty"));
	if (can(TEMP_PAGES))
		EXPECT_EQ(0, vmstat("nr_writeback"));
	EXPECT_EQ(16, pages_in_flight());
	EXPECT_TRUE(bdi_is("BdiWriteback", 16 * PAGE / 1024));

	GATE("release");
	if (waits)
		EXPECT_RESULT(0, u);
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ('a', server_byte("f", 15 * PAGE));
	outcome(waits ? "fault: waits" : "returns at once");
}

TEST_HARNESS_MAIN
