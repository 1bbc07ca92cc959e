// SPDX-License-Identifier: GPL-2.0-only
/*
 * V1: sync(2) while the server keeps a WRITE, from one kernel version to the next.
 *
 * As long as FUSE wrote from temporary pages (up to 6.15) the writeback was over for
 * sync(2) at once, and it returned. 6.16 dropped those pages: sync waited for the
 * server, with everybody who called it. 7.0 made sync skip such mounts
 * (f9a49aa302a0, 76f9377cd2ab), and later releases of 6.18 and 6.19, too. With KSRC= this
 * test says which of the three a tree is; it fails if a tree with temporary pages waits, or
 * one that has what came after the mending.
 */
#include "scenario.h"

SCENARIO(sync_against_a_held_write)
{
	int fd = MAPPED_FILE(u, "f", PAGE);
	bool waits = can(SYNC_WAITS);

	STORE_IN_FLIGHT(u, fd, 'a');

	begin(v, SYNC);
	settle(30);
	EXPECT_EQ(waits, busy(v))
	{
		TH_LOG("sync %s", busy(v) ? user_where(v) : "returned");
	}
	GATE("release");
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	outcome(waits ? "fault: waits" : "returns at once");
}

TEST_HARNESS_MAIN
