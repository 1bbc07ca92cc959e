// SPDX-License-Identifier: GPL-2.0-only
/*
 * R3: a server that invalidates an inode from inside the handler of a page's WRITE.
 *
 * The page is clean by then and not locked, so this need not wait for anything. But one
 * who waits for that very WRITE, and has the page locked meanwhile, makes the handler
 * wait for the lock: the WRITE is never answered, and neither gets any further before
 * the connection is aborted. Mainline's write(2) waits without the lock, its stores with
 * it. Where the page cache's own page is sent (0c58a97f919c) the handler waits for the
 * end of the writeback that it is part of, whoever else waits or not.
 *
 * Nor may anybody make the page dirty while its WRITE is in flight: the handler, which
 * launders it, would wait for its own WRITE.
 */
#include "scenario.h"

static void in_handler(struct user *u, int fd)
{
	GATE("hold write");
	GATE("notify inval_inode write times=1");
	DO(u, STORE, 0, 'a');
	DO(u, KICK, fd);
	GATE("wait write");
}

SCENARIO(write_waits)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	in_handler(u, fd);
	begin(v, WRITE, other, 1, 1, 'b');
	EXPECT_BLOCKED(v, "fuse_cache_write_iter");
	GATE("release");
	if (!can(TEMP_PAGES)) {
		/* it waits for the page whose WRITE it has not answered: for itself */
		EXPECT_TRUE(server_blocked_in("folio_wait_writeback", "D"));
		EXPECT_TRUE(busy(v));
		EXPECT_EQ(0, abort_connection());
		EXPECT_NE(-ETIME, finish(v));
		outcome("fault: write(2): hangs until abort");
		return;
	}
	EXPECT_RESULT(1, v);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ('b', server_byte("f", 1));
	outcome("write(2): no hang");
}

SCENARIO(store_waits)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	in_handler(u, fd);
	begin(u, STORE, 1, 'b');
	EXPECT_BLOCKED(u, "fuse_page_mkwrite");
	GATE("release");
	if (kernel() == STOCK) {
		EXPECT_TRUE(server_blocked_in("invalidate_inode_pages2_range",
					      "D"));
		EXPECT_TRUE(busy(u));
		EXPECT_EQ(0, abort_connection());
		finish(u);
		outcome("a store: hangs until abort");
		return;
	}
	EXPECT_RESULT(0, u);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ('b', server_byte("f", 1));
	outcome("a store: no hang");
}

/* The page's WRITE is in flight when that of write(2), to the same page, is answered. */
SCENARIO(write_is_answered_first)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	DO(u, STORE, 0, 'o');
	DO(u, FSYNC, fd);
	GATE("reset");

	GATE("hold write");
	GATE("notify inval_inode writepage times=1");
	begin(v, WRITE, other, 1, 1, 'b');
	GATE("wait write");
	DO(u, STORE, 0, 'a');
	DO(u, KICK, fd);
	GATE("wait held writepage");
	GATE("release write 1");
	GATE("wait done write");
	settle(1);
	GATE("release");
	if (!can(TEMP_PAGES)) {
		EXPECT_TRUE(server_blocked_in("folio_wait_writeback", "D"));
		EXPECT_RESULT(1, v);
		EXPECT_EQ(0, abort_connection());
		outcome("fault: the server: hangs until abort");
		return;
	}
	EXPECT_RESULT(1, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ('b', server_byte("f", 1));
}

TEST_HARNESS_MAIN
