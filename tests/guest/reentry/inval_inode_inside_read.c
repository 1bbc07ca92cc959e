// SPDX-License-Identifier: GPL-2.0-only
/*
 * A11: a server that invalidates an inode from inside its READ handler.
 *
 * The page that READ is to fill is locked; NOTIFY_INVAL_INODE wants that lock and
 * sleeps for it, in the server's own thread, which alone could answer the READ. Even
 * kill -9 does not end the server. Aborting the connection frees both.
 */
#include "scenario.h"

SCENARIO(server_waits_for_itself)
{
	int fd;

	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	fd = OPEN(u, "f", O_RDONLY);
	GATE("notify inval_inode read");
	begin(u, READ, fd, 0);

	EXPECT_TRUE(server_blocked_in("invalidate_inode_pages2_range", "D"));
	EXPECT_EQ(1, waiting());
	server_kill();
	settle(5);
	EXPECT_TRUE(server_blocked_in("invalidate_inode_pages2_range", "D"));
	EXPECT_TRUE(busy(u));

	EXPECT_EQ(0, abort_connection());
	EXPECT_TRUE(server_gone());
	EXPECT_GT(0, finish(u));
	outcome("hangs until abort");
}

TEST_HARNESS_MAIN
