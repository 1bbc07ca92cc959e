// SPDX-License-Identifier: GPL-2.0-only
/*
 * F8: a page is dirty again while its WRITE is in flight.
 *
 * Stores wait for the WRITE in page_mkwrite, but an O_DIRECT read into the mapping puts
 * its data there without a fault. The next writeback then sent a second WRITE beside
 * the first: two at a time of the same bytes, and the older could win. Since
 * 8b284dc47291 the second waits until the first is answered. C4 counts the WRITEs; here
 * the page is rewritten twice, and somebody wants the result: fsync, a truncation.
 */
#define _GNU_SOURCE
#include "scenario.h"

SCENARIO(fsync_gets_the_newest)
{
	int f = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR), g;

	ASSERT_EQ(0, server_file("g", 2 * PAGE, 'g'));
	DO(u, TRUNCATE, f, 2 * PAGE);
	MAP_OR_ENODEV(u, f, 2 * PAGE);
	g = OPEN(u, "g", O_RDONLY | O_DIRECT);
	in_flight_and_read_into(u, f, g);

	GATE("release read");
	EXPECT_DO(PAGE, u, AIO_WAIT);
	begin(v, FSYNC, other);
	settle(5);
	EXPECT_TRUE(busy(v));
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
	DO(w, SYNC);

	/* the first is answered: now, and not before, the second may go */
	GATE("release write 1");
	GATE("wait seen write 2");
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_TRUE(busy(v));
	GATE("release");
	EXPECT_RESULT(0, v);
	EXPECT_EQ('g', server_byte("f", 0));
	EXPECT_EQ(0, GATE_NUMBER("count overlaps write"));
	EXPECT_EQ(0, pages_in_flight());
	outcome("waits");
}

SCENARIO(truncate_drops_both)
{
	int f = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR), g;

	ASSERT_EQ(0, server_file("g", 2 * PAGE, 'g'));
	DO(u, TRUNCATE, f, 2 * PAGE);
	MAP_OR_ENODEV(u, f, 2 * PAGE);
	g = OPEN(u, "g", O_RDONLY | O_DIRECT);
	in_flight_and_read_into(u, f, g);

	GATE("release read");
	EXPECT_DO(PAGE, u, AIO_WAIT);
	begin(u, KICK, f);
	settle(1);
	begin(v, TRUNCATE, other, 0);
	settle(5);
	EXPECT_TRUE(busy(v));
	EXPECT_EQ(1, GATE_NUMBER("count seen truncate"));
	GATE("release");
	EXPECT_RESULT(0, v);
	EXPECT_RESULT(0, u);
	DO(w, SYNC);
	EXPECT_SOON(0, pages_in_flight());
	EXPECT_EQ(0, server_size("f"));
	EXPECT_EQ(0, GATE_NUMBER("count overlaps write"));
}

TEST_HARNESS_MAIN
