// SPDX-License-Identifier: GPL-2.0-only
/*
 * A9: a WRITE that fails is told to fsync(2), once to each open file.
 *
 * The error is recorded in the mapping. After that the page is clean: the cache has
 * the new data, the server the old, and a second fsync says 0.
 */
#include "scenario.h"

SCENARIO(first_fsync_fails)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	GATE("fail EIO write");
	DO(u, STORE, 0, 'a');

	EXPECT_DO(-EIO, u, FSYNC, fd);
	EXPECT_DO(0, u, FSYNC, fd);
	EXPECT_DO(-EIO, v, FSYNC, other);
	EXPECT_DO(0, v, FSYNC, other);
	EXPECT_DO('a', v, READ, other, 0);
	EXPECT_EQ(0, server_byte("f", 0));
	outcome("EIO, once for each descriptor");
}

TEST_HARNESS_MAIN
