// SPDX-License-Identifier: GPL-2.0-only
/*
 * X6: where the server is behind as it is, the flusher leaves pages dirty.
 *
 * Each page that is written is copied first. With as many background requests under way as the
 * connection calls congested (9), more copies would only use up memory: the pages stay in the
 * cache, dirty, and go out later, or when somebody wants to have them written.
 */
#include "scenario.h"

SCENARIO(pages_stay_dirty)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	DO(u, TRUNCATE, fd, 80 * PAGE);
	MAP_OR_ENODEV(u, fd, 80 * PAGE);
	ASSERT_EQ(0, bdi_unlimit());

	GATE("hold write");
	DO(u, STORE_EVERY, 0, 10, 'a', 2); /* no two side by side: 10 WRITEs */
	DO(u, KICK, fd);
	GATE("wait write 10");
	DO(u, STORE, 40 * PAGE, 'b');
	DO(u, KICK, fd);
	settle(2);
	EXPECT_EQ(10, GATE_NUMBER("count seen write"));
	EXPECT_EQ(10, pages_in_flight());

	GATE("release");
	DO(u, FSYNC, fd);
	EXPECT_EQ('b', server_byte("f", 40 * PAGE));
	EXPECT_SOON(11, GATE_NUMBER("count done write"));
	outcome("stay dirty");
}

TEST_HARNESS_MAIN
