// SPDX-License-Identifier: GPL-2.0-only
/*
 * A16: held WRITEs use up the background requests, and an unrelated read waits.
 *
 * The server gets max_background (12) of them, the rest is queued in the kernel. A
 * readahead of another file, which is a background request too, waits in
 * fuse_get_req() for its turn: one slow file slows down all of the mount.
 */
#include "scenario.h"

SCENARIO(unrelated_read_waits)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), g;

	ASSERT_EQ(0, server_file("g", 64 * PAGE, 'g'));
	g = OPEN(v, "g", O_RDONLY);
	DO(u, TRUNCATE, fd, 80 * PAGE);
	MAP_OR_ENODEV(u, fd, 80 * PAGE);
	ASSERT_EQ(0, bdi_unlimit());

	GATE("hold write");
	DO(u, STORE_EVERY, 0, 40, 'a', 2); /* no two side by side: 40 WRITEs */
	DO(u, KICK, fd);
	GATE("wait write 12");
	settle(2);
	EXPECT_EQ(12, GATE_NUMBER("count seen write"));
	EXPECT_EQ(40, pages_in_flight());

	begin(v, READ, g, 0);
	EXPECT_BLOCKED(v, "fuse_get_req");
	EXPECT_EQ(0, GATE_NUMBER("count seen read file=g"));

	GATE("release");
	EXPECT_RESULT('g', v);
	DO(u, FSYNC, fd);
	EXPECT_SOON(40, GATE_NUMBER("count done write"));
	outcome("an unrelated read waits");
}

TEST_HARNESS_MAIN
