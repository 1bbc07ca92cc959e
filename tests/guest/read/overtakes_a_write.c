// SPDX-License-Identifier: GPL-2.0-only
/*
 * M4: a READ that overtakes the WRITE in flight brings back the old data.
 *
 * The page is clean and dropped from the cache while its WRITE is with the server. If
 * reads do not wait for it, the old byte is read at once, and stays in the cache after
 * the WRITE is done: what was stored has vanished from everybody's view. By read(2)
 * and by a fault in the mapping. A page that is under writeback until the answer has come
 * (0c58a97f919c) cannot be dropped, and is read at once; munmap waits for it.
 */
#include "scenario.h"

static void write_in_flight(struct user *user, struct user *other, int fd)
{
	DO(user, STORE, 0, 'b');
	DO(user, KICK, fd);
	GATE("wait write");
	if (can(TEMP_PAGES)) {
		DO(user, UNMAP);
	} else {
		begin(user, UNMAP);
		EXPECT_BLOCKED(user, "fuse_vma_close");
	}
	DO(other, DROP_CACHES);
}

/* The page is still there: v reads, or loads, the new data at once, u is unmapping. */
static void at_once(struct user *u, struct user *v, int fd, bool by_load,
		    bool readahead)
{
	if (by_load) {
		DO(v, MAP, fd, PAGE);
		if (!readahead)
			DO(v, NO_READAHEAD);
		EXPECT_DO('b', v, LOAD, 0);
	} else {
		EXPECT_DO('b', v, READ, fd, 0);
	}
	EXPECT_TRUE(busy(u));
	GATE("release");
	EXPECT_RESULT(0, u);
}

SCENARIO(read_gets_the_new_data)
{
	int fd, other;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	other = OPEN(v, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("hold write");
	write_in_flight(u, v, fd);
	if (!can(TEMP_PAGES)) {
		at_once(u, v, other, false, true);
		outcome("new data");
		return;
	}

	begin(u, READ, fd, 0);
	settle(5);
	EXPECT_TRUE(busy(u));
	GATE("release");
	EXPECT_RESULT('b', u);
	outcome("new data");
}

SCENARIO(fault_gets_the_new_data)
{
	int fd, other;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	other = OPEN(v, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("hold write");
	write_in_flight(u, v, fd);
	if (!can(TEMP_PAGES)) {
		at_once(u, v, other, true, true);
		return;
	}

	DO(u, MAP, fd, PAGE);
	begin(u, LOAD, 0);
	settle(5);
	EXPECT_TRUE(busy(u));
	GATE("release");
	EXPECT_RESULT('b', u);
}

/* Without readahead, a page is read by another function. */
SCENARIO(fault_without_readahead_gets_the_new_data)
{
	int fd, other;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	other = OPEN(v, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("hold write");
	write_in_flight(u, v, fd);
	if (!can(TEMP_PAGES)) {
		at_once(u, v, other, true, false);
		return;
	}
	GATE("reset");

	DO(u, MAP, fd, PAGE);
	DO(u, NO_READAHEAD);
	begin(u, LOAD, 0);
	EXPECT_BLOCKED(u, kernel() == STOCK ? "fuse_read_folio" :
					      "fuse_do_readpage");
	EXPECT_EQ(0, GATE_NUMBER("count seen read"));
	GATE("release");
	EXPECT_RESULT('b', u);
}

TEST_HARNESS_MAIN
