// SPDX-License-Identifier: GPL-2.0-only
/*
 * A14: the cached page is gone, its WRITE is still in flight: a read must wait.
 *
 * For the rest of the kernel the page is clean once it is copied, so it may be
 * dropped. A READ sent now could overtake the WRITE and bring back the old data. So
 * readahead waits for the WRITE first, and no READ is sent before. Without copies
 * (0c58a97f919c) the page is under writeback, stays, and is read from the cache.
 */
#include "scenario.h"

SCENARIO(no_read_is_sent)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDONLY);

	STORE_IN_FLIGHT(u, fd, 'a');
	if (!can(TEMP_PAGES)) {
		GATE("reset");
		DO(v, DROP_CACHES);
		EXPECT_DO('a', v, READ, other, 0);
		EXPECT_EQ(0, GATE_NUMBER("count seen read"));
		GATE("release");
		outcome("read from the cache");
		return;
	}
	DO(u, UNMAP);
	DO(v, DROP_CACHES);
	GATE("reset");

	begin(u, READ, fd, 0);
	EXPECT_BLOCKED(u, "fuse_readahead");
	EXPECT_EQ(0, GATE_NUMBER("count seen read"));

	GATE("release");
	EXPECT_RESULT('a', u);
	EXPECT_EQ(1, GATE_NUMBER("count seen read"));
	outcome("waits");
}

TEST_HARNESS_MAIN
