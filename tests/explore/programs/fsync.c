// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two tasks store to one page, and each calls fsync or msync: when it returns, the server
 * has what this task stored before.
 */
#include "program.h"

#include <sys/mman.h>

static void setup(void)
{
	make_file("f", 2 * PAGE, 'o');
}

static void there(int at, int byte)
{
	int fd = must(open(server_path("f"), O_RDONLY | O_CLOEXEC));
	char got;

	if (pread(fd, &got, 1, at) != 1 || got != byte)
		fail("what was synced is not at the server");
	close(fd);
}

static void one(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE);

	ready();
	for (int i = 0; i < 2; i++) {
		store(map, 1, 'a' + i);
		must(fsync(fd));
		there(0, 'a' + i);
	}
}

static void two(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 2 * PAGE);

	ready();
	for (int i = 0; i < 2; i++) {
		store(map + 1, 1, 'A' + i);
		must(msync(map, PAGE, MS_SYNC));
		there(1, 'A' + i);
	}
}

static void check(void)
{
	expect_byte("f", 0, "b");
	expect_byte("f", 1, "B");
}

PROGRAM(.setup = setup, .tasks = { { "one", one }, { "two", two } },
	.check = check)
