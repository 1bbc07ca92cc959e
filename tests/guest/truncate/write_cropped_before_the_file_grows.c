// SPDX-License-Identifier: GPL-2.0-only
/*
 * F9: what a truncation cut off must not come back when the file grows again.
 *
 * The page is dirty when the file is cut, and is written back while SETATTR is under
 * way. Its WRITE is cropped to the size of the moment it is sent; in 3.12 it could be
 * collected into a batch before, and sent after a write(2) had made the file long
 * again: uncropped, with bytes that had been cut off (2d033eaa0073). So: whatever has
 * been collected when the truncation ends goes out, cropped, before anybody can make
 * the file grow.
 */
#include "scenario.h"

SCENARIO(cut_and_grown)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);

	DO(u, TRUNCATE, fd, 8 * PAGE);
	MAP_OR_ENODEV(v, other, 8 * PAGE);
	DO(v, LOAD_COUNT, 0, 8 * PAGE);
	GATE("hold truncate");
	begin(u, TRUNCATE, fd, PAGE + 100);
	GATE("wait truncate");
	for (int page = 1; page < 8; page++)
		DO(v, STORE_RANGE, page * PAGE, PAGE, 'a');
	begin(v, KICK, other);
	settle(1);

	/* the WRITE that follows is kept: the file grows while it is with the server */
	GATE("hold writepage");
	GATE("release truncate");
	if (can(TEMP_PAGES)) {
		EXPECT_RESULT(0, u);
		DO(u, WRITE, fd, 8 * PAGE, 1, 'b');
		GATE("wait writepage");
		GATE("release");
	} else {
		/* the page that is cut in two must be written before it is zeroed */
		GATE("wait writepage");
		EXPECT_BLOCKED(u, "truncate_inode_pages_range");
		GATE("release");
		EXPECT_RESULT(0, u);
		DO(u, WRITE, fd, 8 * PAGE, 1, 'b');
	}
	EXPECT_RESULT(0, v);

	DO(u, FSYNC, fd);
	EXPECT_EQ(0, GATE_NUMBER("count seen writepage off=%d-%d", PAGE + 100,
				 8 * PAGE));
	EXPECT_EQ(8 * PAGE + 1, server_size("f"));
	EXPECT_EQ('a', server_byte("f", PAGE + 99));
	for (int at = PAGE + 100; at < 8 * PAGE; at += 200)
		EXPECT_EQ(0, server_byte("f", at));
	EXPECT_DO(0, v, LOAD_COUNT, PAGE + 100, 6 * PAGE);
	outcome("stays cut off");
}

TEST_HARNESS_MAIN
