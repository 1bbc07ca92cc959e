// SPDX-License-Identifier: GPL-2.0-only
/*
 * A2: fsync(2) waits for a WRITE that the server keeps, and nothing but the server
 * or an abort ends that.
 *
 * Users see this as a process in D state that SIGKILL does not end, and then a second
 * one behind it, on the inode's lock. It is meant: fsync must not say that data is
 * safe while it is still on its way. The page cache knows of no writeback any more
 * (the temporary page has it), so FUSE waits by itself, in fuse_set_nowrite().
 */
#include "scenario.h"

SCENARIO(abort_ends_both)
{
	int fd = MAPPED_FILE(u, "f", PAGE), fd2 = OPEN(v, "f", O_RDWR);

	GATE("hold write");
	DO(u, STORE, 0, 'a');

	begin(u, FSYNC, fd);
	GATE("wait write");
	EXPECT_BLOCKED(u, WAIT_FOR_WRITES);
	begin(v, FSYNC, fd2);
	EXPECT_BLOCKED(v, "rwsem_down_write_slowpath");

	/* the server withholds a reply: it is its fault, and seen to be */
	EXPECT_EQ(1, waiting());

	EXPECT_EQ(0, abort_connection());
	EXPECT_RESULT(-ECONNABORTED, u);
	EXPECT_RESULT(-ECONNABORTED, v);
	outcome("waits, ECONNABORTED after an abort");
}

SCENARIO(sigkill_does_nothing)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	GATE("hold write");
	DO(u, STORE, 0, 'a');

	begin(u, FSYNC, fd);
	EXPECT_UNKILLABLE(u, WAIT_FOR_WRITES);
	GATE("release");
	EXPECT_TRUE(user_gone(u));
	EXPECT_EQ('a', server_byte("f", 0));
	outcome("SIGKILL does nothing");
}

TEST_HARNESS_MAIN
