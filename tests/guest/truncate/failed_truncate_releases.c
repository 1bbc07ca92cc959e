// SPDX-License-Identifier: GPL-2.0-only
/*
 * C9: where SETATTR fails the block on WRITEs must go, too; the error path is easily
 * forgotten. Pages stay writable, those queued meanwhile go out.
 */
#include "scenario.h"

SCENARIO(writes_go_on)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);

	DO(u, TRUNCATE, fd, 4 * PAGE);
	MAP_OR_ENODEV(v, other, 4 * PAGE);
	DO(v, LOAD, PAGE);
	GATE("hold truncate");
	begin(u, TRUNCATE, fd, PAGE);
	GATE("wait truncate");
	DO(v, STORE, PAGE, 'a');
	DO(v, KICK, other);
	GATE("release truncate fail=EIO");
	EXPECT_RESULT(-EIO, u);

	GATE("wait done write");
	EXPECT_EQ('a', server_byte("f", PAGE));
	DO(v, STORE, PAGE, 'b');
	EXPECT_DO(0, v, FSYNC, other);
	EXPECT_EQ('b', server_byte("f", PAGE));
	EXPECT_DO(4 * PAGE, u, SIZE, fd);
	outcome("writes go on");
}

TEST_HARNESS_MAIN
