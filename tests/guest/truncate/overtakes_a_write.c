// SPDX-License-Identifier: GPL-2.0-only
/*
 * M8: without the block around SETATTR, truncate(0) overtakes a WRITE that is in
 * flight or queued, and the server's file, which should be empty, ends with 16384
 * bytes.
 */
#include "scenario.h"

SCENARIO(write_in_flight)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE);

	GATE("hold write");
	DO(u, STORE_PAGES, 0, 4, 'a');
	DO(u, KICK, fd);
	GATE("wait write");

	begin(u, TRUNCATE, fd, 0);
	settle(5); /* time for SETATTR to go first, if it can */
	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_EQ(0, server_size("f"));
	DO(v, SYNC);
	EXPECT_EQ(0, server_size("f"));
	EXPECT_EQ(0, pages_in_flight());
	outcome("the file stays empty");
}

/* The page is written back while the truncate is with the server. */
SCENARIO(write_queued)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);

	DO(u, TRUNCATE, fd, 4 * PAGE);
	MAP_OR_ENODEV(v, other, 4 * PAGE);
	DO(v, LOAD, 3 * PAGE);
	GATE("hold truncate after");
	begin(u, TRUNCATE, fd, 0);
	GATE("wait truncate");
	DO(v, STORE_PAGES, 3, 1, 'a');
	DO(v, KICK, other);
	settle(5);
	EXPECT_EQ(0, server_size("f"));

	GATE("release");
	EXPECT_RESULT(0, u);
	DO(w, SYNC);
	EXPECT_EQ(0, server_size("f"));
}

TEST_HARNESS_MAIN
