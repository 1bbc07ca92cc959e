// SPDX-License-Identifier: GPL-2.0-only
/*
 * C8: WRITEs queued while SETATTR(size) is under way go out after it, cropped to the
 * new size, or not at all if they are beyond it. Sent whole they would make the
 * file long again.
 */
#include "scenario.h"

SCENARIO(cropped_or_dropped)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);

	DO(u, TRUNCATE, fd, 8 * PAGE);
	MAP_OR_ENODEV(v, other, 8 * PAGE);
	DO(v, LOAD, PAGE);
	DO(v, LOAD, 6 * PAGE);
	GATE("hold truncate");
	begin(u, TRUNCATE, fd, PAGE + 100);
	GATE("wait truncate");

	DO(v, STORE, PAGE, 'a');
	DO(v, STORE, 6 * PAGE, 'b');
	DO(v, KICK, other);
	settle(2);
	EXPECT_EQ(0, GATE_NUMBER("count seen write"));
	EXPECT_EQ(2, pages_in_flight());

	GATE("release");
	EXPECT_RESULT(0, u);
	DO(w, SYNC);
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
	EXPECT_EQ(1,
		  GATE_NUMBER("count seen write off=%d-%d", PAGE, PAGE + 99));
	EXPECT_EQ(0, GATE_NUMBER("count seen write off=%d-%d", PAGE + 100,
				 8 * PAGE));
	EXPECT_EQ(PAGE + 100, server_size("f"));
	EXPECT_EQ('a', server_byte("f", PAGE));
	outcome("cropped");
}

TEST_HARNESS_MAIN
