// SPDX-License-Identifier: GPL-2.0-only
/*
 * F7: stat(2) eats what was just stored.
 *
 * A stat asks the server, and the answer has a size. Where it differs from what the
 * kernel knows the file has changed on the server, and pages behind the new end are
 * dropped, dirty or not. But it may differ just because it is older than a write that
 * made the file grow, or because a truncation of our own is under way. fsx found bytes
 * that had gone, with somebody running stat in a loop beside it. 06a7c3c27813 and
 * 0ab08f576b9e: no size is taken from a reply that is out of date, or while we are
 * changing the size ourselves.
 */
#define _GNU_SOURCE
#include <linux/fuse.h>

#define SERVER_OPTIONS "-o attr_timeout=0,max_readahead=0"
#include "scenario.h"

/* The server has looked at the size; meanwhile the file grows; then its reply comes. */
static void grow(struct user *user, struct user *other, int way)
{
	int fd = OPEN(user, "f", O_RDWR | O_CREAT | O_TRUNC),
	    stat = OPEN(other, "f", O_RDONLY);

	DO(user, TRUNCATE, fd, PAGE);
	MAP_OR_ENODEV(user, fd, 4 * PAGE);
	GATE("hold getattr after");
	begin(other, SIZE, stat);
	GATE("wait getattr");
	if (way == 0)
		DO(user, WRITE, fd, 4 * PAGE - 1, 1, 'x');
	else if (way == 1)
		DO(user, TRUNCATE, fd, 4 * PAGE);
	else
		DO(user, FALLOCATE, fd, 0, 0, 4 * PAGE);
	DO(user, STORE, 3 * PAGE, 'a');
	GATE("release");
	EXPECT_LE(0, finish(other));

	EXPECT_DO(4 * PAGE, other, SIZE, stat);
	EXPECT_DO('a', user, LOAD, 3 * PAGE);
	DO(user, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 3 * PAGE));
}

SCENARIO(reply_from_before_a_write)
{
	grow(u, v, 0);
}

SCENARIO(reply_from_before_a_truncate)
{
	grow(u, v, 1);
}

SCENARIO(reply_from_before_a_fallocate)
{
	grow(u, v, 2);
}

/*
 * The reply tells the size that our own truncation has just made. A stat that took it set
 * out to drop pages, and could sleep there, for the lock of a page that is being read,
 * until the file was long again and had new data.
 */
SCENARIO(reply_from_inside_a_truncate)
{
	int fd, stat, reader;

	ASSERT_EQ(0, server_file("f", 16 * PAGE, 'o'));
	fd = OPEN(u, "f", O_RDWR);
	stat = OPEN(v, "f", O_RDONLY);
	reader = OPEN(w, "f", O_RDONLY);
	MAP_OR_ENODEV(u, fd, 16 * PAGE);
	GATE("hold read");
	begin(w, READ, reader, 15 * PAGE);
	GATE("wait read");

	GATE("hold truncate after");
	begin(u, TRUNCATE, fd, 4 * PAGE);
	GATE("wait truncate");
	begin(v, SIZE, stat);
	settle(2);
	GATE("release truncate");
	settle(2);
	/* as it should be: the truncation waits for the page itself */
	if (busy(u))
		GATE("release read");
	EXPECT_RESULT(0, u);

	DO(u, WRITE, fd, 4 * PAGE, PAGE, 'n');
	DO(u, STORE, 4 * PAGE, 's');
	GATE("release");
	EXPECT_LE(0, finish(v));
	EXPECT_LE(-ENODATA, finish(w));
	EXPECT_DO('s', u, LOAD, 4 * PAGE);
	DO(u, FSYNC, fd);
	EXPECT_EQ('s', server_byte("f", 4 * PAGE));
	EXPECT_EQ(5 * PAGE, server_size("f"));
	outcome("new data stays");
}

/*
 * The server has made the file longer, and tells somebody else before it answers. Who took
 * that size left nothing to be done for who made it longer: what was stored past the old
 * end stayed (A19).
 */
static void seen_before_the_reply(struct user *user, struct user *other, int fd,
				  int by, enum verb how)
{
	const char *request = how == FALLOCATE	? "fallocate" :
			      how == COPY_RANGE ? "copy_file_range" :
						  "write";
	int stat = OPEN(other, "f", O_RDONLY), source = -1;
	bool stale = kernel() == STOCK &&
		     (how == COPY_RANGE || (how == WRITE && by != fd) ||
		      !can(CLEARS_TAIL));

	if (how == COPY_RANGE)
		source = OPEN(user, "source", O_RDWR);
	DO(user, TRUNCATE, fd, 100);
	MAP_OR_ENODEV(user, fd, PAGE);
	DO(user, STORE, 200, 'z');
	GATE("hold %s after", request);
	if (how == FALLOCATE)
		begin(user, FALLOCATE, fd, 0, 0, 2 * PAGE);
	else if (how == COPY_RANGE)
		begin(user, COPY_RANGE, source, 0, fd, PAGE, PAGE);
	else
		begin(user, WRITE, by, PAGE, PAGE, 'b');
	GATE("wait %s", request);
	begin(other, SIZE, stat);
	settle(1);
	GATE("release");
	EXPECT_LE(0, finish(user));
	EXPECT_LE(0, finish(other));
	EXPECT_DO(2 * PAGE, other, SIZE, stat);
	EXPECT_DO(stale ? 'z' : 0, user, READ, fd, 200);
	if (!stale)
		return;
	outcome(how == COPY_RANGE ? "fault: stale bytes behind a copy" :
		how == FALLOCATE  ? "fault: stale bytes behind fallocate" :
		by != fd	  ? "fault: stale bytes behind a direct write" :
				    "fault: stale bytes behind a write");
}

SCENARIO(seen_before_the_reply_to_a_write)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	seen_before_the_reply(u, v, fd, fd, WRITE);
}

SCENARIO(seen_before_the_reply_to_a_direct_write)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	seen_before_the_reply(u, v, fd, OPEN(u, "f", O_RDWR | O_DIRECT), WRITE);
}

SCENARIO(seen_before_the_reply_to_a_file_without_cache)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("claim %d open times=1", FOPEN_DIRECT_IO);
	seen_before_the_reply(u, v, fd, OPEN(u, "f", O_RDWR), WRITE);
}

SCENARIO(seen_before_the_reply_to_a_fallocate)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	seen_before_the_reply(u, v, fd, fd, FALLOCATE);
}

SCENARIO(seen_before_the_reply_to_a_copy)
{
	int fd;

	ASSERT_EQ(0, server_file("source", PAGE, 's'));
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	seen_before_the_reply(u, v, fd, fd, COPY_RANGE);
}

TEST_HARNESS_MAIN
