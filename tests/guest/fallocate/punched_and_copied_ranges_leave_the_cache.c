// SPDX-License-Identifier: GPL-2.0-only
/*
 * F5: a copy of a file that had a hole punched differs from the file.
 *
 * The server lets the cache be kept, and the kernel kept it, also of a range that it
 * had just asked the server to punch out: reads gave the old data, so did the copy, and
 * after the caches were dropped the file had changed by itself (3634a6327815). The same
 * goes for a range that is zeroed, or that the server copies over.
 */
#define SERVER_OPTIONS "-o keep_cache"
#define _GNU_SOURCE
#include "scenario.h"

#include <linux/falloc.h>

#define PAGES 8

/* @user has all of the file in the cache. */
static void change(struct user *user, int fd)
{
	int g = OPEN(user, "g", O_RDONLY);

	DO(user, PUNCH, fd, PAGE + 100, 2 * PAGE);
	DO(user, FALLOCATE, fd, FALLOC_FL_ZERO_RANGE, 4 * PAGE, PAGE + 1);
	EXPECT_DO(2 * PAGE, user, COPY_RANGE, g, 0, fd, 5 * PAGE + 10,
		  2 * PAGE);
}

SCENARIO(read)
{
	int fd;

	ASSERT_EQ(0, server_file("f", PAGES * PAGE, 'a'));
	ASSERT_EQ(0, server_file("g", 2 * PAGE, 'g'));
	fd = OPEN(u, "f", O_RDWR);
	EXPECT_DO(PAGES * PAGE, u, READ_COUNT, fd, 0, PAGES * PAGE);
	change(u, fd);
	for (int dropped = 0; dropped < 2; dropped++) {
		EXPECT_DO((PAGES - 3) * PAGE - 1, u, READ_COUNT, fd, 0,
			  PAGES * PAGE);
		for (int at = 0; at < PAGES * PAGE; at += 512)
			EXPECT_DO(server_byte("f", at), u, READ, fd, at);
		DO(v, DROP_CACHES);
	}
	outcome("file and copy agree");
}

SCENARIO(mapping)
{
	int fd;

	ASSERT_EQ(0, server_file("f", PAGES * PAGE, 'a'));
	ASSERT_EQ(0, server_file("g", 2 * PAGE, 'g'));
	fd = OPEN(u, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGES * PAGE);
	EXPECT_DO(PAGES * PAGE, u, LOAD_COUNT, 0, PAGES * PAGE);
	change(u, fd);
	EXPECT_DO((PAGES - 3) * PAGE - 1, u, LOAD_COUNT, 0, PAGES * PAGE);
	for (int at = 0; at < PAGES * PAGE; at += 512)
		EXPECT_DO(server_byte("f", at), u, LOAD, at);
}

TEST_HARNESS_MAIN
