// SPDX-License-Identifier: GPL-2.0-only
/*
 * M2: truncate of a file that keeps a dirty page hangs, with an idle, healthy server.
 *
 * After SETATTR the kernel drops the cached pages, and a dirty one is written out
 * first ("laundered"). While the block of fuse_set_nowrite() is still there that WRITE
 * is only queued, so laundering waits for ever: `waiting` is 0, abort has nothing to
 * abort, kill -9 does nothing, the machine must be rebooted. The comment in the first
 * patch demands the right order; open(O_TRUNC) had it wrong once more (76224355db75).
 */
#define SERVER_OPTIONS "-o writeback_cache,atomic_o_trunc"
#include "scenario.h"

SCENARIO(shrink)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	DO(u, STORE_PAGES, 0, 4, 'a');
	EXPECT_DO(0, u, TRUNCATE, fd, 2 * PAGE);
	DO(u, FSYNC, fd);
	EXPECT_EQ(2 * PAGE, server_size("f"));
	EXPECT_EQ('a', server_byte("f", PAGE));
	outcome("no hang");
}

SCENARIO(grow)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, STORE, 0, 'a');
	EXPECT_DO(0, u, TRUNCATE, fd, 4 * PAGE);
	DO(u, FSYNC, fd);
	EXPECT_EQ(4 * PAGE, server_size("f"));
	EXPECT_EQ('a', server_byte("f", 0));
}

SCENARIO(open_with_o_trunc)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	DO(u, STORE_PAGES, 0, 4, 'a');
	OPEN(v, "f", O_RDWR | O_TRUNC);
	DO(u, FSYNC, fd);
	EXPECT_EQ(0, server_size("f"));
}

TEST_HARNESS_MAIN
