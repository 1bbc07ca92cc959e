// SPDX-License-Identifier: GPL-2.0-only
/*
 * F6: a hole is punched, and the old data is back in it.
 *
 * The WRITE of a page was in flight when FALLOCATE was sent, and the server did it
 * after, in the hole (bde52788bdb7). So what is dirty or in flight in the range must
 * have arrived before FALLOCATE is sent, and none may follow before it is answered.
 * What is stored in between is another matter: on `patched` it waits, and is kept; on
 * stock it is dropped with the cached pages, which a program that punches where it
 * stores has to expect. In any case the cache and the server must agree in the end.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <linux/falloc.h>

SCENARIO(write_in_flight)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE), other = OPEN(v, "f", O_RDWR);

	GATE("hold write");
	DO(u, STORE_PAGES, 0, 4, 'a');
	DO(u, KICK, fd);
	GATE("wait write");

	begin(v, PUNCH, other, PAGE, PAGE);
	EXPECT_BLOCKED(v, WAIT_FOR_WRITES);
	EXPECT_EQ(0, GATE_NUMBER("count seen fallocate"));

	GATE("release");
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ(0, server_byte("f", PAGE));
	EXPECT_EQ('a', server_byte("f", 2 * PAGE));
	EXPECT_DO(0, u, LOAD, PAGE);
	outcome("punch waits");
}

/* Half a page is zeroed: the other half is only in the cache, and must get through. */
SCENARIO(dirty_page)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE_RANGE, PAGE, PAGE, 'a');
	GATE("hold fallocate");
	begin(v, FALLOCATE, other, FALLOC_FL_ZERO_RANGE, PAGE + 1000, PAGE);
	GATE("wait fallocate");
	EXPECT_EQ('a', server_byte("f", PAGE + 1000));

	GATE("release");
	EXPECT_RESULT(0, v);
	EXPECT_DO(1000, u, LOAD_COUNT, PAGE, 2 * PAGE);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", PAGE + 999));
	EXPECT_EQ(0, server_byte("f", PAGE + 1000));
}

SCENARIO(store_during_the_punch)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, LOAD_COUNT, 0, 4 * PAGE);
	GATE("hold fallocate after");
	begin(v, PUNCH, other, PAGE, PAGE);
	GATE("wait fallocate");
	begin(u, STORE, PAGE, 'b');
	settle(5);
	EXPECT_EQ(kernel() == PATCHED, busy(u));

	GATE("release");
	EXPECT_RESULT(0, v);
	EXPECT_RESULT(0, u);
	DO(u, FSYNC, fd);
	EXPECT_DO(kernel() == PATCHED ? 'b' : 0, u, LOAD, PAGE);
	EXPECT_EQ(kernel() == PATCHED ? 'b' : 0, server_byte("f", PAGE));
	outcome(kernel() == STOCK ? "a store meanwhile is lost" :
				    "a store meanwhile waits");
}

/* Pages outside of the range can be stored to and written back all the time. */
SCENARIO(store_elsewhere)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 3 * PAGE, 'a');
	GATE("hold fallocate");
	begin(v, PUNCH, other, PAGE, PAGE);
	GATE("wait fallocate");
	begin(u, STORE, 3 * PAGE, 'b');
	settle(1);
	begin(w, SYNC);
	settle(1);
	GATE("release");
	EXPECT_RESULT(0, v);
	EXPECT_RESULT(0, u);
	EXPECT_RESULT(0, w);
	DO(u, FSYNC, fd);
	EXPECT_EQ('b', server_byte("f", 3 * PAGE));
}

/* The server fails it: the block must go, and nothing is lost. */
SCENARIO(fallocate_fails)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	DO(u, STORE, PAGE, 'a');
	GATE("fail EIO fallocate");
	EXPECT_DO(-EIO, u, PUNCH, fd, PAGE, PAGE);
	EXPECT_DO('a', u, LOAD, PAGE);
	DO(u, STORE, 2 * PAGE, 'b');
	EXPECT_DO(0, u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", PAGE));
	EXPECT_EQ('b', server_byte("f", 2 * PAGE));
}

TEST_HARNESS_MAIN
