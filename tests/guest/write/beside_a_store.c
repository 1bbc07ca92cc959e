// SPDX-License-Identifier: GPL-2.0-only
/*
 * R10: a store to the same page as a write(2) is lost, and fsync(2) says that it is safe.
 * Two ways:
 *
 * The page cache puts both in an order, and so must the server. But it gets two WRITEs:
 * that of write(2) at once, that of the page when it is written back, and neither waits
 * for the other. A server with two threads may handle write(2)'s last. Then it has the
 * older byte, and the cache shows the newer one until the page is reclaimed.
 *
 * The server does not take what write(2) has put into the cache: since 4f06dd92b5d0 the
 * page is read anew then, over what was stored in it.
 *
 * Mainline of today leaves the page as it is: the store is safe, and so is what the
 * server has refused. And its writeback clears what lies behind the end of the file
 * (ef7e7cbb323f): where write(2) is making the file longer, that is its data.
 */
#include "scenario.h"

static void expect_store(struct user *u, int fd, long off)
{
	DO(u, FSYNC, fd);
	EXPECT_EQ(kernel() == PATCHED, server_byte("f", off) == 's');
}

/* @u stores where @v's WRITE is held, and the page's WRITE, if any, is handled first. */
static void store_handled_first(struct user *u, int fd, long off)
{
	GATE("wait write");
	/* write(2)'s byte is in the cache already */
	EXPECT_DO('w', u, LOAD, off);
	DO(u, STORE, off, 's');
	DO(u, KICK, fd);
	GATE("wait held writepage");
	GATE("release writepage 1");
	GATE("wait done writepage");
}

SCENARIO(server_handles_the_store_first)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'a');
	DO(u, FSYNC, fd);
	GATE("reset");

	GATE("hold write");
	begin(v, WRITE, other, 0, 1, 'w');
	store_handled_first(u, fd, 0);
	GATE("release");
	EXPECT_RESULT(1, v);
	expect_store(u, fd, 0);
	EXPECT_DO('s', u, LOAD, 0);
	outcome(kernel() == STOCK ? "store is lost" : "written once more");
}

/* The page's WRITE is cropped to the old end, whichever the server handles first. */
SCENARIO(store_behind_the_old_end)
{
	int fd = MAPPED_FILE(u, "f", 100), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'a');
	DO(u, FSYNC, fd);
	GATE("reset");

	GATE("hold write");
	begin(v, WRITE, other, 100, 100, 'w');
	store_handled_first(u, fd, 150);
	GATE("release");
	EXPECT_RESULT(100, v);
	expect_store(u, fd, 150);
	EXPECT_EQ('w', server_byte("f", 199));
	if (kernel() == STOCK && can(IOMAP_WRITEBACK)) {
		EXPECT_DO(0, u, LOAD, 150);
		EXPECT_DO(0, v, READ, other, 199);
		outcome("fault: what write(2) has appended reads as zeros");
		return;
	}
	EXPECT_DO('s', u, LOAD, 150);
	EXPECT_DO('w', v, READ, other, 199);
}

/* Who wrote is the last one who has the file open. */
SCENARIO(mapping_is_gone)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'a');
	DO(u, FSYNC, fd);
	GATE("reset");

	GATE("hold write");
	begin(v, WRITE, other, 0, 1, 'w');
	store_handled_first(u, fd, 0);
	DO(u, UNMAP);
	begin(u, CLOSE, fd);
	settle(1);
	GATE("release");
	EXPECT_RESULT(1, v);
	EXPECT_RESULT(0, u);
	expect_store(v, other, 0);
}

SCENARIO(write_fails)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'a');
	DO(u, FSYNC, fd);
	DO(u, STORE, 1, 's');
	GATE("fail ENOSPC write times=1");
	EXPECT_DO(-ENOSPC, v, WRITE, other, 0, 1, 'w');
	if (kernel() == STOCK && can(FAILED_WRITE_STAYS)) {
		EXPECT_DO('s', v, READ, other, 1);
		DO(u, FSYNC, fd);
		EXPECT_EQ('s', server_byte("f", 1));
		return;
	}
	EXPECT_DO(kernel() == STOCK ? 0 : 's', v, READ, other, 1);
	expect_store(u, fd, 1);
}

/* The server takes the first page only: the second one is as the server has it, and the store. */
SCENARIO(write_is_short)
{
	int fd = MAPPED_FILE(u, "f", 2 * PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE_PAGES, 0, 2, 'a');
	DO(u, FSYNC, fd);
	DO(u, STORE, PAGE + 1, 's');
	GATE("short %ld write times=1", PAGE);
	EXPECT_DO(PAGE, v, WRITE, other, 0, PAGE + 1, 'w');
	if (kernel() == STOCK && can(FAILED_WRITE_STAYS)) {
		EXPECT_DO('s', v, READ, other, PAGE + 1);
		DO(u, FSYNC, fd);
		EXPECT_EQ('s', server_byte("f", PAGE + 1));
		return;
	}
	EXPECT_DO(kernel() == STOCK ? 0 : 's', v, READ, other, PAGE + 1);
	expect_store(u, fd, PAGE + 1);
}

/* With no store it is as the server has it. */
SCENARIO(write_fails_on_a_clean_page)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'a');
	DO(u, FSYNC, fd);
	EXPECT_DO('a', u, LOAD, 0);
	GATE("fail ENOSPC write times=1");
	EXPECT_DO(-ENOSPC, v, WRITE, other, 0, 1, 'w');
	EXPECT_DO(kernel() == STOCK ? 'w' : 'a', u, LOAD, 0);
	if (kernel() == STOCK && can(FAILED_WRITE_STAYS)) {
		EXPECT_DO('w', v, READ, other, 0);
		DO(u, STORE, 1, 's');
		DO(u, FSYNC, fd);
		EXPECT_EQ('w', server_byte("f", 0));
		outcome("fault: a write that failed stays, and is written later");
		return;
	}
	EXPECT_DO('a', v, READ, other, 0);
	EXPECT_DO('a', u, LOAD, 0);
	/* a store to it now is not lost by reading it anew */
	DO(u, STORE, 1, 's');
	EXPECT_DO('s', v, READ, other, 1);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ('s', server_byte("f", 1));
}

TEST_HARNESS_MAIN
