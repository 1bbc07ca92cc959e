// SPDX-License-Identifier: GPL-2.0-only
/*
 * X2: the server dies, at each point of a dirty page's way to the server.
 *
 * Whoever waits for it must go on with an error, and every temporary page must go:
 * the end of each scenario checks the accounting. fsync(2) may say 0 only where the
 * server had answered everything before.
 */
#include "scenario.h"

/*
 * One stores and calls fsync, another truncates while the server has the @request of that,
 * and it dies: by then, or when it has done it.
 */
static void dies(struct user *u, struct user *v, const char *request,
		 const char *when, bool at_server)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);
	long told;

	DO(u, TRUNCATE, fd, 2 * PAGE);
	MAP_OR_ENODEV(u, fd, 2 * PAGE);
	DO(u, STORE_PAGES, 0, 2, 'a');
	GATE("hold %s", request);
	GATE("die %s %s", request, when);
	begin(u, FSYNC, fd);
	GATE("wait %s", request);
	begin(v, TRUNCATE, other, 3 * PAGE);
	gate(server_gate, "release");
	told = finish(u);
	EXPECT_TRUE(told == -ECONNABORTED || told == -ENOTCONN || told == -EIO)
	{
		TH_LOG("fsync gave %ld", told);
	}
	EXPECT_GT(0, finish(v));
	EXPECT_NE(-ETIME, do_(v, SIZE, other));
	EXPECT_TRUE(server_gone());
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ(at_server ? 'a' : 0, server_byte("f", PAGE));
	/* one who stores now is told, too */
	DO(u, STORE, 0, 'b');
	EXPECT_GT(0, do_(u, FSYNC, fd));
}

SCENARIO(before_it_writes)
{
	dies(u, v, "write", "", false);
}

SCENARIO(before_it_answers)
{
	dies(u, v, "write", "after", true);
}

SCENARIO(in_fsync)
{
	dies(u, v, "fsync", "", true);
	outcome("an error, and nothing is left");
}

SCENARIO(in_fsync_before_it_answers)
{
	dies(u, v, "fsync", "after", true);
}

/* WRITEs are blocked, and one is queued behind the block. */
SCENARIO(in_truncate)
{
	int fd = MAPPED_FILE(u, "f", 2 * PAGE), other = OPEN(v, "f", O_RDWR);

	GATE("hold truncate");
	GATE("die truncate");
	begin(v, TRUNCATE, other, PAGE);
	GATE("wait truncate");
	DO(u, STORE_PAGES, 0, 2, 'a');
	DO(u, KICK, fd);
	EXPECT_EQ(2, pages_in_flight());
	gate(server_gate, "release");
	EXPECT_GT(0, finish(v));
	EXPECT_GT(0, do_(u, FSYNC, fd));
	EXPECT_TRUE(server_gone());
	EXPECT_EQ(0, pages_in_flight());
	EXPECT_EQ(0, server_byte("f", 0));
}

/* The last close of a mapped file: munmap writes back, and the server dies over it. */
SCENARIO(in_the_write_of_munmap)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, CLOSE, fd);
	DO(u, STORE, 0, 'a');
	GATE("die write");
	EXPECT_NE(-ETIME, do_(u, UNMAP));
	EXPECT_TRUE(server_gone());
	EXPECT_SOON(0, pages_in_flight());
}

TEST_HARNESS_MAIN
