// SPDX-License-Identifier: GPL-2.0-only
/*
 * A17: with the write-back cache, sync(2) hangs on a server that keeps a SETATTR.
 *
 * The times of a file written through that cache are the kernel's, and the flusher
 * sends them by a SETATTR that it waits for: what the temporary pages were made to
 * avoid. sync(2) sleeps in wb_wait_for_completion(), and with it everybody's.
 * A fault of stock 6.12 that users meet; kernels without that cache do not have it. Since
 * sync(2) passes FUSE by (76f9377cd2ab) only the flusher waits.
 */
#define SERVER_OPTIONS "-o writeback_cache"
#include "scenario.h"

SCENARIO(sync_hangs)
{
	int fd;

	WRITEBACK_CACHE_OR_RETURN(u);
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	settle(1); /* a time that differs from that of the creation */
	GATE("hold setattr");
	DO(u, WRITE, fd, 0, 1, 'a');
	begin(v, SYNC);
	GATE("wait setattr");
	if (!can(TEMP_PAGES)) {
		EXPECT_RESULT(0, v);
		GATE("release");
		outcome("returns at once");
		return;
	}
	EXPECT_BLOCKED(v, "wb_wait_for_completion");
	settle(20);
	EXPECT_TRUE(busy(v));

	GATE("release");
	EXPECT_RESULT(0, v);
	outcome("hangs");
}

TEST_HARNESS_MAIN
