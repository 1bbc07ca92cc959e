// SPDX-License-Identifier: GPL-2.0-only
/*
 * A6: while SETATTR(size) is under way no WRITE is sent.
 *
 * Otherwise the server would see the two in any order. Pages written back meanwhile
 * have their copy and their request, which waits in the inode's queue until the
 * block is released, and goes out then.
 */
#include "scenario.h"

SCENARIO(write_is_queued)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);

	DO(u, TRUNCATE, fd, 4 * PAGE);
	MAP_OR_ENODEV(v, other, 4 * PAGE);
	DO(v, LOAD, 0);
	GATE("hold truncate");
	begin(u, TRUNCATE, fd, 3 * PAGE);
	GATE("wait truncate");

	DO(v, STORE, PAGE, 'a');
	DO(v, KICK, other);
	settle(2);
	EXPECT_EQ(0, GATE_NUMBER("count seen write"));
	EXPECT_EQ(1, pages_in_flight());

	GATE("release");
	EXPECT_RESULT(0, u);
	GATE("wait done write");
	EXPECT_EQ('a', server_byte("f", PAGE));
	EXPECT_EQ(3 * PAGE, server_size("f"));
	outcome("sent after it");
}

TEST_HARNESS_MAIN
