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
