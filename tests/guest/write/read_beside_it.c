// SPDX-License-Identifier: GPL-2.0-only
/*
 * R12: what write(2) has written is not there, as somebody has read the page meanwhile.
 *
 * The data is in the cache before the server has it, and the page is clean and not locked.
 * An open(2) by anybody, or the server, drops it. Whoever reads it now gets what the
 * server has, which is older, and that stays in the cache when write(2) has returned. A
 * store to this page, and write(2)'s data is lost at the server as well.
 */
#include "scenario.h"

/* @v's WRITE of a byte is held, and its page is no longer in the cache. */
static void write_and_drop(struct user *u, struct user *v, int fd, int other)
{
	GATE("hold write");
	EXPECT_DO(0, u, READ, fd, 0);
	begin(v, WRITE, other, 0, 1, 'w');
	GATE("wait write");
	EXPECT_DO('w', u, READ, fd, 0);
	OPEN(u, "f", O_RDONLY);
}

SCENARIO(read)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other;

	DO(u, TRUNCATE, fd, PAGE);
	other = OPEN(v, "f", O_RDWR);
	write_and_drop(u, v, fd, other);
	if (kernel() == PATCHED) {
		begin(u, READ, fd, 0);
		EXPECT_BLOCKED(u, "fuse_read_folio");
		GATE("release");
		EXPECT_RESULT('w', u);
	} else {
		EXPECT_DO(0, u, READ, fd, 0);
		GATE("release");
	}
	EXPECT_RESULT(1, v);
	EXPECT_EQ('w', server_byte("f", 0));
	EXPECT_DO(kernel() == PATCHED ? 'w' : 0, v, READ, other, 0);
	outcome(kernel() == PATCHED ? "new data" : "old data");
}

SCENARIO(store)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	write_and_drop(u, v, fd, other);
	if (kernel() == PATCHED) {
		begin(u, STORE, 1, 's');
		EXPECT_BLOCKED(u, "fuse_read_folio");
		GATE("release");
		EXPECT_RESULT(0, u);
	} else {
		DO(u, STORE, 1, 's');
		GATE("release");
	}
	EXPECT_RESULT(1, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('s', server_byte("f", 1));
	EXPECT_EQ(kernel() == PATCHED ? 'w' : 0, server_byte("f", 0));
	outcome(kernel() == PATCHED ? "both there" :
				      "what was written is lost");
}

/* Who waits for the WRITE has not locked the page that its handler invalidates. */
SCENARIO(handler_invalidates)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other;

	DO(u, TRUNCATE, fd, PAGE);
	other = OPEN(v, "f", O_RDWR);
	write_and_drop(u, v, fd, other);
	GATE("notify inval_inode write times=1");
	begin(u, READ, fd, 0);
	settle(2);
	GATE("release");
	EXPECT_RESULT(kernel() == PATCHED ? 'w' : 0, u);
	EXPECT_RESULT(1, v);
}

/* Who waits can be killed. */
SCENARIO(killed)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other;

	DO(u, TRUNCATE, fd, PAGE);
	other = OPEN(v, "f", O_RDWR);
	write_and_drop(u, v, fd, other);
	if (kernel() == PATCHED) {
		begin(u, READ, fd, 0);
		EXPECT_BLOCKED(u, "fuse_read_folio");
		user_kill(u);
		settle(2);
		EXPECT_FALSE(blocked_in(user_pid(u), "fuse_read_folio", "D"));
	}
	GATE("release");
	EXPECT_RESULT(1, v);
}

TEST_HARNESS_MAIN
