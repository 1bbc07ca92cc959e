// SPDX-License-Identifier: GPL-2.0-only
/*
 * X4: a server that knows no FLUSH: close(2) sends no more of them, and still waits for the
 * data that was stored, and tells of its loss.
 *
 * Many servers do not implement flush. ENOSYS is remembered by the connection; what close(2)
 * owes to who has stored through a mapping must not go with it.
 */
#include "scenario.h"

SCENARIO(close_still_writes_back)
{
	int fd, again;

	GATE("fail ENOSYS flush");
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	EXPECT_DO(0, u, CLOSE, fd);
	EXPECT_EQ(1, GATE_NUMBER("count done flush"));

	fd = OPEN(u, "f", O_RDWR);
	DO(u, TRUNCATE, fd, 2 * PAGE);
	MAP_OR_ENODEV(u, fd, 2 * PAGE);
	DO(u, STORE, 0, 'a');
	GATE("hold write");
	begin(u, CLOSE, fd);
	GATE("wait write");
	EXPECT_BLOCKED(u, "fuse_flush");
	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ(1, GATE_NUMBER("count done flush"));

	again = OPEN(u, "f", O_RDWR);
	DO(u, MAP, again, 2 * PAGE);
	DO(u, STORE, 0, 'b');
	GATE("fail EIO write times=1");
	EXPECT_DO(-EIO, u, CLOSE, again);
	EXPECT_EQ(1, GATE_NUMBER("count done flush"));
	outcome("close waits, and tells");
}

TEST_HARNESS_MAIN
