// SPDX-License-Identifier: GPL-2.0-only
/*
 * A18: open(O_TRUNC), where the server truncates in its OPEN, waits for the WRITEs in
 * flight, as truncate does: otherwise one would land in the new, empty file. It sleeps
 * in fuse_open() -> fuse_set_nowrite(), and OPEN is sent after.
 */
#define SERVER_OPTIONS "-o writeback_cache,atomic_o_trunc"
#include "scenario.h"

SCENARIO(open_waits)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	STORE_IN_FLIGHT(u, fd, 'a');
	GATE("reset");

	begin_open(v, "f", O_RDWR | O_TRUNC);
	EXPECT_BLOCKED(v, "fuse_set_nowrite");
	EXPECT_EQ(0, GATE_NUMBER("count seen open"));

	GATE("release");
	EXPECT_LE(0, finish(v));
	EXPECT_EQ(0, server_size("f"));
	EXPECT_DO(0, u, SIZE, fd);
	outcome("waits");
}

TEST_HARNESS_MAIN
