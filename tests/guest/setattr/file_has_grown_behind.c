// SPDX-License-Identifier: GPL-2.0-only
/*
 * X5: a file has grown on the server, and chmod(2) is how the kernel learns of it.
 *
 * What was stored past the old end through a mapping is not part of the file, and must not come
 * between the reader and what the server has there now. The size comes with the answer to a
 * SETATTR that was about something else, so nothing holds the WRITEs back meanwhile.
 */
#include "scenario.h"

#include <fcntl.h>
#include <unistd.h>

SCENARIO(chmod_tells_the_size)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), file;
	char grown[PAGE];

	DO(u, WRITE, fd, 0, 100, 'a');
	MAP_OR_ENODEV(u, fd, PAGE);
	DO(u, STORE_RANGE, 100, 1000, 'x');
	DO(u, FSYNC, fd);
	EXPECT_EQ(100, server_size("f"));

	file = open(SERVER "/f", O_WRONLY | O_APPEND);
	for (int i = 0; i < PAGE; i++)
		grown[i] = 's';
	ASSERT_EQ(PAGE, write(file, grown, sizeof(grown)));
	close(file);

	EXPECT_DO(0, u, CHMOD, fd, 0600);
	EXPECT_DO(100 + PAGE, u, SIZE, fd);
	EXPECT_DO('a', u, READ, fd, 99);
	EXPECT_DO('s', u, READ, fd, 100);
	EXPECT_DO('s', u, READ, fd, PAGE);
	DO(u, FSYNC, fd);
	EXPECT_EQ('s', server_byte("f", 100));
	outcome("the server's data");
}

/* A page that gets dirty meanwhile is written, as far as the file goes now. */
SCENARIO(dirty_meanwhile)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), file;
	int other = OPEN(v, "f", O_RDWR);
	bool stale = kernel() == STOCK && !can(CLEARS_TAIL);

	DO(u, WRITE, fd, 0, 100, 'a');
	MAP_OR_ENODEV(u, fd, PAGE);
	DO(u, FSYNC, fd);
	GATE("hold setattr");
	begin(v, CHMOD, other, 0600);
	GATE("wait setattr");
	DO(u, STORE, 200, 'x');
	file = open(SERVER "/f", O_WRONLY);
	ASSERT_EQ(1, pwrite(file, "s", 1, 999));
	close(file);
	GATE("release");
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ(1000, server_size("f"));
	EXPECT_EQ(stale ? 'x' : 0, server_byte("f", 200));
	if (stale)
		outcome("fault: stale bytes reach the server");
}

TEST_HARNESS_MAIN
