// SPDX-License-Identifier: GPL-2.0-only
/*
 * F3: a server that unlinks, through its own mount, the file whose UNLINK it handles.
 *
 * The kernel's documentation (fuse.rst, scenario 1) has it as the simple deadlock:
 * whoever asked holds the directory's lock until the answer, and the server sleeps on
 * that lock. More threads do not help, nor does kill -9, as the wait for the lock is
 * uninterruptible. The way out, of this and of all others that go through the
 * server, is to abort the connection.
 */
#include "scenario.h"

SCENARIO(directory_lock)
{
	int g;

	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	ASSERT_EQ(0, server_file("g", PAGE, 'g'));
	g = OPEN(v, "g", O_RDONLY);
	GATE("reenter unlink f unlink");
	begin_unlink(u, "f");

	EXPECT_TRUE(server_blocked_in("rwsem_down_write_slowpath", "D"));
	EXPECT_EQ(1, waiting());
	/* the other threads answer still, but a name cannot be looked up there */
	EXPECT_DO('g', v, READ, g, 0);
	begin_open(w, "h", O_RDONLY);
	EXPECT_BLOCKED(w, "path_openat");

	server_kill();
	settle(20);
	EXPECT_TRUE(server_blocked_in("rwsem_down_write_slowpath", "D"));
	EXPECT_TRUE(busy(u));

	EXPECT_EQ(0, abort_connection());
	EXPECT_RESULT(-ECONNABORTED, u);
	EXPECT_RESULT(-ENOTCONN, w);
	EXPECT_TRUE(server_gone());
	outcome("hangs until abort");
}

TEST_HARNESS_MAIN
