// SPDX-License-Identifier: GPL-2.0-only
/*
 * F4: a server that goes to its own mount while it handles a request.
 *
 * Which hangs it is depends on what it waits for there. A server of one thread waits
 * for a request that nobody will read: kill -9 ends it, and with it everything. Where
 * it wants a lock that is held for the request it handles (the inode's, a page's), or
 * waits for the WRITE it handles, more threads would not help either, and where that
 * wait is uninterruptible kill -9 does not: only aborting the connection does.
 */
#define SERVER_OPTIONS "--threads 1 -o attr_timeout=0,keep_cache"
#include "scenario.h"

SCENARIO(stat)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("reenter stat f write");
	begin(u, WRITE, fd, 0, 1, 'a');
	EXPECT_TRUE(server_blocked_in("request_wait_answer", "S"));
	EXPECT_EQ(2, waiting());
	settle(20);
	EXPECT_TRUE(busy(u));

	server_kill();
	EXPECT_TRUE(server_gone());
	EXPECT_RESULT(-ECONNABORTED, u);
	outcome("one thread: hangs until it is killed");
}

SCENARIO(open)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	ASSERT_EQ(0, server_file("other", PAGE, 'o'));
	GATE("reenter read other write");
	begin(u, WRITE, fd, 0, 1, 'a');
	EXPECT_TRUE(server_blocked_in("request_wait_answer", "S"));
	EXPECT_EQ(2, waiting());
	server_kill();
	EXPECT_TRUE(server_gone());
	EXPECT_RESULT(-ECONNABORTED, u);
}

/* For what follows open(2) must be answered: the server once more, with more threads. */
static const char *more_threads(void)
{
	gate(server_gate, "quit");
	if (!server_gone())
		return "it does not end";
	gate_close(server_gate);
	return server_start("--threads 4 -o attr_timeout=0,keep_cache");
}

/* It wants the inode's lock, which u holds until its truncation is answered. */
SCENARIO(write_to_the_file_that_is_truncated)
{
	int fd;

	ASSERT_EQ(NULL, more_threads());
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	GATE("reenter write f truncate");
	begin(u, TRUNCATE, fd, PAGE);
	EXPECT_TRUE(server_blocked_in("rwsem_down_write_slowpath", "D"));
	EXPECT_EQ(1, waiting());
	server_kill();
	settle(20);
	EXPECT_TRUE(server_blocked_in("rwsem_down_write_slowpath", "D"));
	EXPECT_TRUE(busy(u));

	EXPECT_EQ(0, abort_connection());
	EXPECT_RESULT(-ECONNABORTED, u);
	EXPECT_TRUE(server_gone());
	outcome("a lock: hangs until abort");
}

/* It waits for the WRITE that it handles. Others are not concerned. */
SCENARIO(fsync_of_the_page_it_writes)
{
	int fd;

	ASSERT_EQ(NULL, more_threads());
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	DO(u, TRUNCATE, fd, PAGE);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("reenter fsync f writepage");
	DO(u, STORE, 0, 'a');
	DO(u, KICK, fd);
	EXPECT_TRUE(server_blocked_in(WAIT_FOR_WRITES, "D"));
	EXPECT_EQ(1, waiting());
	EXPECT_DO('a', v, READ, OPEN(v, "f", O_RDONLY), 0);
	DO(w, SYNC);
	server_kill();
	settle(20);
	EXPECT_TRUE(server_blocked_in(WAIT_FOR_WRITES, "D"));

	EXPECT_EQ(0, abort_connection());
	EXPECT_TRUE(server_gone());
	EXPECT_SOON(0, pages_in_flight());
}

TEST_HARNESS_MAIN
