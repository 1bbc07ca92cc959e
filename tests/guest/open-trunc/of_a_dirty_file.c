// SPDX-License-Identifier: GPL-2.0-only
/*
 * F23: open(O_TRUNC) of a file with dirty pages hangs.
 *
 * To keep WRITEs away from the truncation in OPEN the kernel blocked them (F16), and
 * then dropped the cached pages with the block still there. A dirty one is written out
 * first, and that WRITE waited in the queue for the block to go: who waits for whom is
 * one task alone (76224355db75). M2 has pages that were dirty before; these become
 * dirty again, and are written back again, while OPEN is with the server.
 */
#define SERVER_OPTIONS "-o writeback_cache,atomic_o_trunc"
#include "scenario.h"

SCENARIO(dirty_again_meanwhile)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	DO(u, STORE_PAGES, 0, 4, 'a');
	GATE("hold open after");
	begin_open(v, "f", O_RDWR | O_TRUNC);
	GATE("wait open");
	/* pages 0 and 1 are in the queue, 2 and 3 dirty */
	DO(u, STORE_PAGES, 2, 2, 'b');
	EXPECT_EQ(0, server_size("f"));

	GATE("release");
	EXPECT_LE(0, finish(v));
	DO(u, FSYNC, fd);
	EXPECT_DO(0, u, SIZE, fd);
	EXPECT_EQ(0, server_size("f"));
	outcome("no hang");
}

/* The server fails OPEN: nothing is truncated, nothing may stay blocked or get lost. */
SCENARIO(open_fails)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	GATE("hold open");
	begin_open(v, "f", O_RDWR | O_TRUNC);
	GATE("wait open");
	DO(u, STORE_PAGES, 0, 4, 'a');
	DO(u, KICK, fd);
	GATE("release open fail=EACCES");
	EXPECT_RESULT(-EACCES, v);
	EXPECT_DO(0, u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 3 * PAGE));
	EXPECT_DO(4 * PAGE, u, SIZE, fd);
}

TEST_HARNESS_MAIN
