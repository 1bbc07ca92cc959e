// SPDX-License-Identifier: GPL-2.0-only
/*
 * R3: sync(2) hangs behind one who waits for a WRITE in flight with the page locked.
 *
 * sync(2) locks each dirty page to start its writeback. A page can be dirty while its
 * WRITE is in flight: an O_DIRECT read into the mapping puts its data there without a
 * fault. If write(2), a store, or the dropping of the page from the cache then waits for
 * that WRITE and keeps the page locked meanwhile, sync(2), and with it everybody who calls
 * it, waits for a server that may never answer. Mainline's write(2) waits without the
 * lock, its stores and its laundering with it. Where no copies are made sync(2) passes
 * FUSE by (76f9377cd2ab), and none of them stands in its way.
 */
#define _GNU_SOURCE
#include "scenario.h"

#define SYNC_RETURNS (kernel() != STOCK || !can(TEMP_PAGES))

/* Page 0 of f, which u has mapped, is in flight and dirty again */
static void dirty_in_flight(struct user *u, int f)
{
	int g;

	ASSERT_EQ(0, server_file("g", PAGE, 'g'));
	g = OPEN(u, "g", O_RDONLY | O_DIRECT);
	in_flight_and_read_into(u, f, g);
	GATE("release read");
	EXPECT_DO(PAGE, u, AIO_WAIT);
	EXPECT_LE(1, vmstat("nr_dirty"));
}

/* v waits for that WRITE in @function: does sync(2) return? */
static void expect_sync(struct user *v, struct user *w, const char *function,
			bool returns)
{
	EXPECT_BLOCKED(v, function);
	begin(w, SYNC);
	settle(5);
	EXPECT_EQ(returns, !busy(w))
	{
		TH_LOG("sync(2) %s: %s", returns ? "hangs" : "returns",
		       user_where(w));
	}
	EXPECT_TRUE(busy(v));
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
}

SCENARIO(write_waits)
{
	int f = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDWR);

	dirty_in_flight(u, f);
	begin(v, WRITE, other, 0, 1, 'b');
	expect_sync(v, w, "fuse_cache_write_iter", true);
	GATE("release");
	EXPECT_RESULT(1, v);
	EXPECT_RESULT(0, w);
	DO(u, FSYNC, f);
	EXPECT_EQ('b', server_byte("f", 0));
	EXPECT_EQ('g', server_byte("f", 1));
}

SCENARIO(store_waits)
{
	int f = MAPPED_FILE(u, "f", PAGE);

	dirty_in_flight(u, f);
	begin(u, STORE, 0, 'b');
	expect_sync(u, w, "fuse_page_mkwrite", SYNC_RETURNS);
	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_RESULT(0, w);
	DO(u, FSYNC, f);
	EXPECT_EQ('b', server_byte("f", 0));
	EXPECT_EQ('g', server_byte("f", 1));
	outcome(SYNC_RETURNS ? "returns at once" : "hangs behind a store");
}

/* open(2) drops the pages, unless the server says that they are still good. */
SCENARIO(launder_waits)
{
	int f = MAPPED_FILE(u, "f", PAGE);

	dirty_in_flight(u, f);
	begin_open(v, "f", O_RDONLY);
	expect_sync(v, w,
		    can(TEMP_PAGES) ? "fuse_launder_folio" :
				      "invalidate_inode_pages2_range",
		    SYNC_RETURNS);
	GATE("release");
	EXPECT_LE(0, finish(v));
	EXPECT_RESULT(0, w);
	DO(u, FSYNC, f);
	EXPECT_EQ('g', server_byte("f", 0));
}

TEST_HARNESS_MAIN
