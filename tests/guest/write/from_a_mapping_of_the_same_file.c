// SPDX-License-Identifier: GPL-2.0-only
/*
 * F20: writev(2) never returns, if its data lies in a mapping of the file it writes.
 *
 * write(2) collected several pages of the cache for one WRITE, and kept each locked
 * until the server had answered. The data for the next page was copied from the
 * caller's memory meanwhile; if that is a mapping of the file, the copy faults, and may
 * wait for a page that the same task has locked: a fuzzer hung in D, by itself alone
 * (4f06dd92b5d0). Now a whole page that has been copied is up to date, and unlocked.
 */
#define SERVER_OPTIONS "-o max_readahead=0"
#include "scenario.h"

#include <sys/uio.h>

/* First page of the file from memory of our own, the second from what is now the first */
static long second_from_first(char *map, const long arg[4])
{
	char page[PAGE];
	struct iovec iov[2] = {
		{ .iov_base = page, .iov_len = PAGE },
		{ .iov_base = map + arg[1], .iov_len = PAGE },
	};
	ssize_t n;

	memset(page, arg[2], PAGE);
	n = pwritev(arg[0], iov, 2, arg[1]);
	return n < 0 ? -errno : n;
}

SCENARIO(a_page_of_the_same_write)
{
	int fd;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'o'));
	fd = OPEN(u, "f", O_RDWR);
	MAP_OR_ENODEV(u, fd, 4 * PAGE);
	EXPECT_DO(2 * PAGE, u, CALL, (long)second_from_first, fd, PAGE, 'n');
	EXPECT_EQ('o', server_byte("f", PAGE - 1));
	EXPECT_EQ('n', server_byte("f", PAGE));
	EXPECT_EQ('n', server_byte("f", 3 * PAGE - 1));
	EXPECT_EQ('o', server_byte("f", 3 * PAGE));
	EXPECT_DO('n', u, LOAD, 3 * PAGE - 1);
	outcome("no hang");
}

static long open_again(char *map, const long arg[4])
{
	(void)map;
	(void)arg;
	return open(MOUNT "/f", O_RDONLY) < 0 ? -errno : 0;
}

/*
 * The first page has been copied, and is dropped while the second one, whose data it is, is
 * waited for. A read of it waits until it is written (R12): not by who is writing it.
 */
SCENARIO(a_source_that_is_dropped_meanwhile)
{
	int fd, other;

	ASSERT_EQ(0, server_file("f", 4 * PAGE, 'o'));
	fd = OPEN(u, "f", O_RDWR);
	other = OPEN(w, "f", O_RDONLY);
	MAP_OR_ENODEV(u, fd, 4 * PAGE);
	DO(u, NO_READAHEAD);
	GATE("hold read off=%ld", 2 * PAGE);
	begin(w, READ, other, 2 * PAGE);
	GATE("wait read");
	begin(u, CALL, (long)second_from_first, fd, PAGE, 'n');
	EXPECT_BLOCKED(u, "fuse_fill_write_pages");
	begin(v, CALL, (long)open_again);
	EXPECT_BLOCKED(v, "invalidate_inode_pages2_range");
	GATE("release");
	EXPECT_RESULT('o', w);
	EXPECT_RESULT(0, v);
	EXPECT_RESULT(2 * PAGE, u);
	EXPECT_EQ('n', server_byte("f", PAGE));
	/* mainline has read the page from the server again, too early */
	EXPECT_EQ(kernel() == STOCK ? 'o' : 'n',
		  server_byte("f", 3 * PAGE - 1));
}

/* Partly written pages, from pages behind, at and before those that are written */
SCENARIO(pages_that_are_not_cached)
{
	int fd;

	for (int to = 0; to < 5; to++) {
		ASSERT_EQ(0, server_file("f", 0, 0));
		fd = OPEN(u, "f", O_RDWR);
		for (int page = 0; page < 8; page++)
			DO(u, WRITE, fd, page * PAGE, PAGE, '0' + page);
		MAP_OR_ENODEV(u, fd, 8 * PAGE);
		DO(v, DROP_CACHES);
		EXPECT_DO(3 * PAGE, u, WRITE_FROM_MAP, fd, to * PAGE + 100,
			  3 * PAGE, 2 * PAGE);
		DO(u, FSYNC, fd);
		EXPECT_EQ('0' + to, server_byte("f", to * PAGE + 99));
		/* a byte is copied once, from what its page was then */
		EXPECT_EQ('2', server_byte("f", to * PAGE + 100));
		EXPECT_EQ(8 * PAGE, server_size("f"));
		for (int at = 0; at < 8 * PAGE; at += PAGE / 2)
			EXPECT_DO(server_byte("f", at), u, LOAD, at);
		DO(u, UNMAP);
		DO(u, CLOSE, fd);
	}
}

TEST_HARNESS_MAIN
