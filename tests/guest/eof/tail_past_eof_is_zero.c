// SPDX-License-Identifier: GPL-2.0-only
/*
 * A19, M1: what is stored past the end of the file, in its last page, is not part of
 * the file, and must not become so when the file grows.
 *
 * mmap(2) promises that such bytes are not written out. They were in the page cache,
 * though, and turned up once write, ftruncate or fallocate moved the end: 3072 of
 * 3072 bytes stale, before 34b5c4a6e4fb. It did not think of writes that pass the page
 * cache by, nor of copy_file_range.
 */
#define _GNU_SOURCE
#include <linux/fuse.h>

#include "scenario.h"

#define EOF_AT 1024
#define STALE (kernel() == STOCK && !can(CLEARS_TAIL))

static void store_past_eof(struct user *user, int fd)
{
	DO(user, TRUNCATE, fd, EOF_AT);
	DO(user, STORE, 0, 'a');
	DO(user, STORE_RANGE, EOF_AT, PAGE - EOF_AT, 'z');
}

static void expect_tail(struct user *user, int fd, bool stale)
{
	EXPECT_DO(stale ? PAGE - EOF_AT : 0, user, READ_COUNT, fd, EOF_AT,
		  PAGE - EOF_AT);
	DO(user, FSYNC, fd);
	EXPECT_EQ(stale ? 'z' : 0, server_byte("f", EOF_AT));
	EXPECT_EQ(stale ? 'z' : 0, server_byte("f", PAGE - 1));
}

SCENARIO(extended_by_write)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	MAP_OR_ENODEV(u, fd, PAGE);
	store_past_eof(u, fd);
	EXPECT_DO(1, u, WRITE, fd, PAGE, 1, 'b');
	expect_tail(u, fd, STALE);
}

SCENARIO(extended_by_truncate)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	MAP_OR_ENODEV(u, fd, PAGE);
	store_past_eof(u, fd);
	DO(u, TRUNCATE, fd, 2 * PAGE);
	expect_tail(u, fd, STALE);
}

SCENARIO(extended_by_fallocate)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	MAP_OR_ENODEV(u, fd, PAGE);
	store_past_eof(u, fd);
	DO(u, FALLOCATE, fd, 0, 0, 2 * PAGE);
	expect_tail(u, fd, STALE);
	outcome(STALE ? "fault: 3072 stale bytes" : "zeros");
}

static void extend_directly(struct user *user, int fd, int direct)
{
	store_past_eof(user, fd);
	EXPECT_DO(1, user, WRITE, direct, PAGE, 1, 'b');
	expect_tail(user, fd, kernel() == STOCK);
	if (kernel() == STOCK)
		outcome("fault: stale bytes behind a direct write");
}

SCENARIO(extended_by_direct_write)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	MAP_OR_ENODEV(u, fd, PAGE);
	extend_directly(u, fd, OPEN(u, "f", O_RDWR | O_DIRECT));
}

SCENARIO(extended_by_a_file_without_cache)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("claim %d open", FOPEN_DIRECT_IO);
	extend_directly(u, fd, OPEN(u, "f", O_RDWR));
}

SCENARIO(extended_by_a_copy)
{
	int fd, source;

	ASSERT_EQ(0, server_file("source", PAGE, 's'));
	source = OPEN(u, "source", O_RDONLY);
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	MAP_OR_ENODEV(u, fd, PAGE);
	store_past_eof(u, fd);
	EXPECT_DO(PAGE, u, COPY_RANGE, source, 0, fd, PAGE, PAGE);
	expect_tail(u, fd, kernel() == STOCK);
	if (kernel() == STOCK)
		outcome("fault: stale bytes behind a copy");
}

TEST_HARNESS_MAIN
