// SPDX-License-Identifier: GPL-2.0-only
/*
 * F21: copy_file_range(2) copies less than the file has.
 *
 * With the write-back cache a file may have grown in the kernel only; the server, asked
 * to copy what lies before, found its own file shorter and copied a part. It was given
 * the range that is copied, and not what makes the file long enough (59bda8ecee2f).
 *
 * A short copy that is the server's own doing is told as it is, and cached pages behind
 * it are neither dropped nor taken for copied. Where nothing was copied to the start of a
 * file, all that was stored to it meanwhile was dropped (mended in 6.12.118).
 */
#define SERVER_OPTIONS "-o writeback_cache"
#define _GNU_SOURCE
#include "scenario.h"

SCENARIO(source_grown_in_the_cache)
{
	int from = OPEN(u, "from", O_RDWR | O_CREAT),
	    to = OPEN(u, "to", O_RDWR | O_CREAT);

	DO(u, WRITE, from, 0, 1, 'f');
	DO(u, FSYNC, from);
	DO(u, WRITE, from, 8 * PAGE, 1, 'g');
	EXPECT_DO(4 * PAGE, u, COPY_RANGE, from, 0, to, 0, 4 * PAGE);
	EXPECT_EQ(4 * PAGE, server_size("to"));
	EXPECT_EQ('f', server_byte("to", 0));
}

SCENARIO(short_reply)
{
	int from, to;

	ASSERT_EQ(0, server_file("from", 2 * PAGE, 'f'));
	ASSERT_EQ(0, server_file("to", 2 * PAGE, 't'));
	from = OPEN(u, "from", O_RDONLY);
	to = OPEN(u, "to", O_RDWR);
	EXPECT_DO(2 * PAGE, u, READ_COUNT, to, 0, 2 * PAGE);
	GATE("short %d copy_file_range", PAGE);
	EXPECT_DO(PAGE, u, COPY_RANGE, from, 0, to, 0, 2 * PAGE);
	GATE("reset");
	EXPECT_DO('t', u, READ, to, PAGE);
	EXPECT_EQ(0, GATE_NUMBER("count seen read"));
	EXPECT_DO('f', u, READ, to, 0);
	EXPECT_EQ('t', server_byte("to", PAGE));
	outcome("told as it is");
}

SCENARIO(nothing_is_copied)
{
	int from, to = MAPPED_FILE(u, "to", 3 * PAGE),
		  other = OPEN(v, "to", O_RDWR);

	ASSERT_EQ(0, server_file("from", PAGE, 'f'));
	from = OPEN(v, "from", O_RDONLY);
	DO(u, STORE, PAGE, 'b');
	GATE("hold copy_file_range");
	GATE("short 0 copy_file_range");
	begin(v, COPY_RANGE, from, 0, other, 0, PAGE);
	GATE("wait copy_file_range");
	begin(u, STORE, 2 * PAGE, 'm');
	settle(5);
	EXPECT_EQ(kernel() == PATCHED, busy(u));
	GATE("release");
	EXPECT_RESULT(0, v);
	EXPECT_RESULT(0, u);
	EXPECT_DO('b', u, LOAD, PAGE);
	EXPECT_DO('m', u, LOAD, 2 * PAGE);
	EXPECT_DO(0, u, FSYNC, to);
	EXPECT_EQ('b', server_byte("to", PAGE));
	EXPECT_EQ('m', server_byte("to", 2 * PAGE));
	outcome("nothing is lost");
}

TEST_HARNESS_MAIN
