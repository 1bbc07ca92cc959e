// SPDX-License-Identifier: GPL-2.0-only
/*
 * F19: copy_file_range(2) copies old data, or what it copied is overwritten.
 *
 * The server copies by itself, from what it has. What is dirty in the cache of the
 * source, or in flight, must be with it before; what is dirty of the destination must
 * not come after the copy; and pages of which it copies a part have other bytes that
 * must survive (2c4656dfd994, which also had to reach pages dirtied by mappings).
 *
 * A store to such a page while the server copies is lost on stock, as a comment there
 * admits: the page is dropped afterwards. On `patched` the store waits, and is kept.
 */
#define _GNU_SOURCE
#include "scenario.h"

SCENARIO(dirty_source)
{
	int from = MAPPED_FILE(u, "from", 2 * PAGE),
	    to = OPEN(u, "to", O_RDWR | O_CREAT);

	DO(u, STORE, PAGE, 'a');
	EXPECT_DO(2 * PAGE, u, COPY_RANGE, from, 0, to, 0, 2 * PAGE);
	EXPECT_EQ('a', server_byte("to", PAGE));
	EXPECT_DO('a', u, READ, to, PAGE);
	outcome("newest data copied");
}

SCENARIO(source_in_flight)
{
	int from = OPEN(u, "from", O_RDWR | O_CREAT),
	    to = OPEN(v, "to", O_RDWR | O_CREAT);
	int other = OPEN(v, "from", O_RDONLY);

	DO(u, TRUNCATE, from, PAGE);
	MAP_OR_ENODEV(u, from, PAGE);
	STORE_IN_FLIGHT(u, from, 'a');
	begin(v, COPY_RANGE, other, 0, to, 0, PAGE);
	settle(5);
	EXPECT_TRUE(busy(v));
	EXPECT_EQ(0, GATE_NUMBER("count seen copy_file_range"));
	GATE("release");
	EXPECT_RESULT(PAGE, v);
	EXPECT_EQ('a', server_byte("to", 0));
}

SCENARIO(dirty_destination)
{
	int from, to = OPEN(u, "to", O_RDWR | O_CREAT);

	ASSERT_EQ(0, server_file("from", PAGE, 'f'));
	from = OPEN(u, "from", O_RDONLY);
	DO(u, TRUNCATE, to, 3 * PAGE);
	MAP_OR_ENODEV(u, to, 3 * PAGE);
	DO(u, STORE_RANGE, 0, 3 * PAGE, 'x');
	EXPECT_DO(PAGE, u, COPY_RANGE, from, 0, to, 100, PAGE);
	DO(u, FSYNC, to);
	for (int at = 0; at < 3 * PAGE; at += 50) {
		int byte = at >= 100 && at < PAGE + 100 ? 'f' : 'x';

		EXPECT_EQ(byte, server_byte("to", at));
		EXPECT_DO(byte, u, LOAD, at);
	}
}

SCENARIO(destination_in_flight)
{
	int from, to = OPEN(u, "to", O_RDWR | O_CREAT),
		  other = OPEN(v, "to", O_RDWR);

	ASSERT_EQ(0, server_file("from", PAGE, 'f'));
	from = OPEN(v, "from", O_RDONLY);
	DO(u, TRUNCATE, to, PAGE);
	MAP_OR_ENODEV(u, to, PAGE);
	STORE_IN_FLIGHT(u, to, 'x');
	begin(v, COPY_RANGE, from, 0, other, 0, PAGE);
	EXPECT_BLOCKED(v, WAIT_FOR_WRITES);
	EXPECT_EQ(0, GATE_NUMBER("count seen copy_file_range"));
	GATE("release");
	EXPECT_RESULT(PAGE, v);
	EXPECT_EQ('f', server_byte("to", 0));
}

SCENARIO(store_during_the_copy)
{
	int from, to = OPEN(u, "to", O_RDWR | O_CREAT),
		  other = OPEN(v, "to", O_RDWR);

	ASSERT_EQ(0, server_file("from", PAGE, 'f'));
	from = OPEN(v, "from", O_RDONLY);
	DO(u, TRUNCATE, to, PAGE);
	MAP_OR_ENODEV(u, to, PAGE);
	DO(u, LOAD, 0);
	GATE("hold copy_file_range");
	begin(v, COPY_RANGE, from, 0, other, 0, 100);
	GATE("wait copy_file_range");
	begin(u, STORE, 200, 's');
	settle(5);
	EXPECT_EQ(kernel() == PATCHED, busy(u));
	GATE("release");
	EXPECT_RESULT(100, v);
	EXPECT_RESULT(0, u);
	DO(u, FSYNC, to);
	EXPECT_EQ('f', server_byte("to", 99));
	EXPECT_EQ(kernel() == PATCHED ? 's' : 0, server_byte("to", 200));
	EXPECT_DO(kernel() == PATCHED ? 's' : 0, u, LOAD, 200);
	outcome(kernel() == STOCK ? "a store meanwhile is lost" :
				    "a store meanwhile waits");
}

TEST_HARNESS_MAIN
