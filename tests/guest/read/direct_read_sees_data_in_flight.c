// SPDX-License-Identifier: GPL-2.0-only
/*
 * F11: an O_DIRECT read returns what the file had before the last store.
 *
 * It goes to the server, past the cache; it waited for pages that are dirty, but one
 * whose WRITE was in flight is clean in the cache, and READ overtook the WRITE
 * (ea8cd33390fa). An O_DIRECT write that overtakes it is worse: the older data wins.
 */
#define _GNU_SOURCE
#include "scenario.h"

SCENARIO(read_waits)
{
	int fd = MAPPED_FILE(u, "f", PAGE),
	    direct = OPEN(v, "f", O_RDONLY | O_DIRECT);

	STORE_IN_FLIGHT(u, fd, 'a');
	GATE("reset");

	begin(v, READ, direct, 0);
	EXPECT_BLOCKED(v, can(TEMP_PAGES) ? "fuse_direct_io" :
					    "folio_wait_writeback");
	EXPECT_EQ(0, GATE_NUMBER("count seen read"));
	GATE("release");
	EXPECT_RESULT('a', v);

	/* dirty, and not yet written back */
	DO(u, STORE, 0, 'b');
	EXPECT_DO('b', v, READ, direct, 0);
	outcome("waits");
}

SCENARIO(write_waits)
{
	int fd = MAPPED_FILE(u, "f", 2 * PAGE),
	    direct = OPEN(v, "f", O_RDWR | O_DIRECT);

	GATE("hold writepage");
	DO(u, STORE_RANGE, 0, 2 * PAGE, 'a');
	DO(u, KICK, fd);
	GATE("wait writepage");
	GATE("reset");

	begin(v, WRITE, direct, 1000, PAGE, 'd');
	settle(5);
	EXPECT_TRUE(busy(v));
	EXPECT_EQ(0, GATE_NUMBER("count seen write"));
	GATE("release");
	EXPECT_RESULT(PAGE, v);
	EXPECT_EQ('a', server_byte("f", 999));
	EXPECT_EQ('d', server_byte("f", 1000));
	EXPECT_EQ('d', server_byte("f", 999 + PAGE));
	EXPECT_EQ('a', server_byte("f", 1000 + PAGE));
	/* and the cache does not give the old data */
	EXPECT_DO('d', u, READ, fd, 1000);
}

TEST_HARNESS_MAIN
