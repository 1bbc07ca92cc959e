// SPDX-License-Identifier: GPL-2.0-only
/*
 * F18: what was stored through a mapping was not on the server after close(2).
 *
 * close flushed the data of the write-back cache, and forgot that a mapping dirties
 * pages without it: another client of the same server saw old data, and an error came
 * when nobody was left to hear it. Since 5.8 close writes back, waits, and tells.
 * A mapping outlives the descriptor it was made with: unmapping writes back, too, as
 * later there may be no handle to do it with.
 */
#include "scenario.h"

SCENARIO(close_writes_back)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, STORE, 0, 'a');
	GATE("hold write");
	begin(u, CLOSE, fd);
	GATE("wait write");
	EXPECT_BLOCKED(u, "fuse_flush");
	EXPECT_EQ(0, GATE_NUMBER("count seen flush"));
	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ(1, GATE_NUMBER("count seen flush"));
	outcome("close waits");
}

SCENARIO(close_of_another_descriptor)
{
	int other;

	MAPPED_FILE(u, "f", PAGE);
	other = OPEN(v, "f", O_RDONLY);
	DO(u, STORE, 0, 'a');
	DO(v, CLOSE, other);
	EXPECT_EQ('a', server_byte("f", 0));
}

/* Whoever has the file open hears of it, once each; that close told takes it from nobody. */
SCENARIO(close_tells)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'a');
	GATE("fail ENOSPC write");
	EXPECT_DO(-ENOSPC, u, CLOSE, fd);
	EXPECT_DO(-ENOSPC, v, FSYNC, other);
	EXPECT_DO(0, v, FSYNC, other);
}

SCENARIO(munmap_writes_back)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, CLOSE, fd);
	DO(u, STORE, 0, 'a');
	EXPECT_EQ(0, GATE_NUMBER("count seen write"));
	DO(u, UNMAP);
	GATE("wait done write timeout=1");
	EXPECT_EQ('a', server_byte("f", 0));
	outcome("munmap writes back");
}

TEST_HARNESS_MAIN
