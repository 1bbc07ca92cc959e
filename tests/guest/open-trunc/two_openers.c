// SPDX-License-Identifier: GPL-2.0-only
/*
 * F25: one task opens a file with O_TRUNC, another opens it without: both hang.
 *
 * The first blocks WRITEs, and with the block held wants the lock of each cached page,
 * to drop it. The second drops the cached pages, too: it has a dirty one locked, sends
 * its WRITE, which the block keeps back, and waits for it. Two tasks in D, and an idle,
 * healthy server; xfstests generic/464 ran into it (2fdbb8dd0155). The remedy is to
 * touch pages only once the block is gone.
 */
#define SERVER_OPTIONS "-o writeback_cache,atomic_o_trunc"
#include "scenario.h"

SCENARIO(block_and_page_lock)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	DO(u, LOAD_COUNT, 0, 4 * PAGE);
	/* v has the block, until its OPEN is answered */
	GATE("hold open after times=1");
	begin_open(v, "f", O_RDWR | O_TRUNC);
	GATE("wait open");
	/* w has the page */
	DO(u, STORE, 0, 'a');
	begin_open(w, "f", O_RDONLY);
	EXPECT_BLOCKED(w, "fuse_launder_folio");
	EXPECT_EQ(1, waiting());

	GATE("release");
	EXPECT_LE(0, finish(v));
	EXPECT_LE(0, finish(w));
	EXPECT_EQ(0, server_size("f"));
	EXPECT_DO(0, u, FSYNC, fd);
	EXPECT_DO(0, u, SIZE, fd);
	outcome("no deadlock");
}

TEST_HARNESS_MAIN
