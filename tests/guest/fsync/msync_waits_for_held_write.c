// SPDX-License-Identifier: GPL-2.0-only
/*
 * A3: msync(MS_SYNC) waits for the WRITE, as fsync(2) does, and says 0 once it is
 * answered. It goes the same way: through the file's fsync.
 */
#include "scenario.h"

SCENARIO(msync_waits)
{
	MAPPED_FILE(u, "f", PAGE);
	GATE("hold write");
	DO(u, STORE, 0, 'a');

	begin(u, MSYNC, 0, PAGE);
	GATE("wait write");
	EXPECT_BLOCKED(u, WAIT_FOR_WRITES);
	EXPECT_EQ(0, server_byte("f", 0));

	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_EQ('a', server_byte("f", 0));
	outcome("waits");
}

TEST_HARNESS_MAIN
