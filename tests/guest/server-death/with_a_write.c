// SPDX-License-Identifier: GPL-2.0-only
/*
 * A8: the server is killed while it has a WRITE.
 *
 * The device is closed, so the connection is aborted: fsync(2) gets ECONNABORTED, the
 * temporary pages are dropped, and what they held is lost. Lost with an error, that
 * is: nobody was told that it is safe.
 */
#include "scenario.h"

SCENARIO(fsync_tells)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	GATE("hold write");
	DO(u, STORE, 0, 'a');
	begin(u, FSYNC, fd);
	GATE("wait write");
	EXPECT_EQ(1, pages_in_flight());

	server_kill();
	EXPECT_RESULT(-ECONNABORTED, u);
	EXPECT_TRUE(server_gone());
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ(0, server_byte("f", 0));
	EXPECT_EQ(GATE_DEAD, gate(server_gate, "ping"));
	outcome("data lost, fsync: ECONNABORTED");
}

TEST_HARNESS_MAIN
