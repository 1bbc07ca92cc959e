// SPDX-License-Identifier: GPL-2.0-only
/*
 * A19: with the write-back cache, too, what is stored past the end of the file becomes data
 * when write(2) makes it longer.
 *
 * 34b5c4a6e4fb clears it in fuse_perform_write(), where write(2) comes by only without that
 * cache. With it the page is dirty, and the next WRITE takes the bytes to the server.
 */
#define SERVER_OPTIONS "-o writeback_cache"
#include "scenario.h"

#define EOF_AT 1024

SCENARIO(extended_by_write)
{
	int fd;

	WRITEBACK_CACHE_OR_RETURN(u);
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	MAP_OR_ENODEV(u, fd, PAGE);
	DO(u, TRUNCATE, fd, EOF_AT);
	DO(u, STORE_RANGE, EOF_AT, PAGE - EOF_AT, 'z');
	EXPECT_DO(1, u, WRITE, fd, PAGE, 1, 'b');

	EXPECT_DO(PAGE - EOF_AT, u, READ_COUNT, fd, EOF_AT, PAGE - EOF_AT);
	DO(u, FSYNC, fd);
	EXPECT_EQ('z', server_byte("f", EOF_AT));
	EXPECT_EQ('z', server_byte("f", PAGE - 1));
	outcome("fault: 3072 stale bytes");
}

TEST_HARNESS_MAIN
