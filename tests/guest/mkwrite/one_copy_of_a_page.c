// SPDX-License-Identifier: GPL-2.0-only
/*
 * C4: there is one temporary copy of a cached page at a time, also where the page is
 * dirtied without a fault.
 *
 * A store waits in page_mkwrite (A4, M16). An O_DIRECT read into the mapping does not
 * fault when its data comes: it marks the page dirty behind the file system's back
 * (8b284dc47291), so the next writeback of it has to look out for the WRITE in flight.
 * The server must never have two WRITEs of one page, and the last data must win.
 */
#define _GNU_SOURCE
#include "scenario.h"

SCENARIO(dirtied_by_direct_io)
{
	int f = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR), g;

	ASSERT_EQ(0, server_file("g", PAGE, 'g'));
	DO(u, TRUNCATE, f, PAGE);
	MAP_OR_ENODEV(u, f, PAGE);
	g = OPEN(u, "g", O_RDONLY | O_DIRECT);
	in_flight_and_read_into(u, f, g);
	GATE("release read");
	EXPECT_DO(PAGE, u, AIO_WAIT);

	begin(v, KICK, other);
	settle(5);
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));

	GATE("release");
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, f);
	EXPECT_EQ('g', server_byte("f", 0));
	EXPECT_EQ(0, GATE_NUMBER("count overlaps write"));
	outcome("one WRITE at a time");
}

TEST_HARNESS_MAIN
