// SPDX-License-Identifier: GPL-2.0-only
/*
 * M4: a READ that overtakes the WRITE in flight brings back the old data.
 *
 * The page is clean and dropped from the cache while its WRITE is with the server. If
 * reads do not wait for it, the old byte is read at once, and stays in the cache after
 * the WRITE is done: what was stored has vanished from everybody's view. By read(2)
 * and by a fault in the mapping.
 */
#include "scenario.h"

static void write_in_flight(struct user *user, struct user *other, int fd)
{
	DO(user, STORE, 0, 'b');
	DO(user, KICK, fd);
	GATE("wait write");
	DO(user, UNMAP);
	DO(other, DROP_CACHES);
}

SCENARIO(read_gets_the_new_data)
{
	int fd;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("hold write");
	write_in_flight(u, v, fd);

	begin(u, READ, fd, 0);
	settle(5);
	EXPECT_TRUE(busy(u));
	GATE("release");
	EXPECT_RESULT('b', u);
	outcome("new data");
}

SCENARIO(fault_gets_the_new_data)
{
	int fd;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("hold write");
	write_in_flight(u, v, fd);

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
	int fd;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, PAGE);
	GATE("hold write");
	write_in_flight(u, v, fd);
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
