// SPDX-License-Identifier: GPL-2.0-only
/*
 * F16: data written before open(O_TRUNC) is back after it.
 *
 * If the server truncates in its OPEN the kernel must have no WRITE under way then, and
 * send none before the answer; e4648309b85a saw to that, but with the write-back cache
 * only. What was stored through a mapping is reordered around OPEN on stock up to today:
 * the file should be empty and has the old data. `patched` has the block there, too.
 */
#define SERVER_OPTIONS "-o atomic_o_trunc"
#include "scenario.h"

SCENARIO(write_in_flight)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	STORE_IN_FLIGHT(u, fd, 'a');
	GATE("reset");

	begin_open(v, "f", O_RDWR | O_TRUNC);
	settle(5);
	EXPECT_EQ(kernel() == STOCK, GATE_NUMBER("count seen open"));
	GATE("release");
	EXPECT_LE(0, finish(v));
	DO(w, SYNC);
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ(kernel() == STOCK ? PAGE : 0, server_size("f"));
	EXPECT_EQ(kernel() == STOCK ? 'a' : -1, server_byte("f", 0));
	outcome(kernel() == STOCK ? "old data comes back" :
				    "the file stays empty");
}

SCENARIO(write_queued)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, LOAD, 0);
	GATE("hold open after");
	begin_open(v, "f", O_RDWR | O_TRUNC);
	GATE("wait open");
	EXPECT_EQ(0, server_size("f"));
	DO(u, STORE, 0, 'a');
	DO(u, KICK, fd);
	settle(5);

	GATE("release");
	EXPECT_LE(0, finish(v));
	DO(w, SYNC);
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ(kernel() == STOCK ? PAGE : 0, server_size("f"));
}

/* What the commit was about: pages that write(2) left in the cache. */
static void with_cached_writes(struct user *user, struct user *other,
			       const char *options)
{
	int fd, new;

	GATE("quit");
	ASSERT_TRUE(server_gone());
	gate_close(server_gate);
	ASSERT_EQ(NULL, server_start(options));
	fd = OPEN(user, "f", O_RDWR | O_CREAT);
	DO(user, WRITE, fd, 0, 4 * PAGE, 'a');
	GATE("hold write");
	begin(user, KICK, fd);
	settle(1);
	begin_open(other, "f", O_RDWR | O_TRUNC);
	settle(1);
	GATE("release");
	EXPECT_LE(0, finish(user));
	new = finish(other);
	ASSERT_LE(0, new);
	DO(other, WRITE, new, 0, 10, 'b');
	DO(other, FSYNC, new);
	DO(user, FSYNC, fd);
	EXPECT_EQ(10, server_size("f"));
	EXPECT_EQ('b', server_byte("f", 0));
	EXPECT_DO(10, user, SIZE, fd);
}

SCENARIO(cached_writes_and_the_server_truncates)
{
	with_cached_writes(u, v, "-o writeback_cache,atomic_o_trunc");
}

SCENARIO(cached_writes_and_the_kernel_truncates)
{
	with_cached_writes(u, v, "-o writeback_cache");
}

TEST_HARNESS_MAIN
