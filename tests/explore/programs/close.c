// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was stored through a mapping is with the server once the mapping is gone and the
 * file closed; somebody else stores to it, unmaps and closes at the same time.
 */
#include "program.h"

#include <sys/mman.h>

static void setup(void)
{
	make_file("f", 4 * PAGE, 'o');
}

static void work(int at, int byte)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE), got;

	ready();
	for (int page = 0; page < 4; page++)
		store(map + page * PAGE + at, 1, byte);
	must(munmap(map, 4 * PAGE));
	must(close(fd));
	fd = must(open(server_path("f"), O_RDONLY | O_CLOEXEC));
	for (int page = 0; page < 4; page++)
		if (pread(fd, &got, 1, page * PAGE + at) != 1 || got != byte)
			fail("what was stored before close is not at the server");
	close(fd);
}

static void one(void)
{
	work(0, 'a');
}

static void two(void)
{
	work(100, 'b');
}

static void check(void)
{
	for (int page = 0; page < 4; page++) {
		expect_byte("f", page * PAGE, "a");
		expect_byte("f", page * PAGE + 1, "o");
		expect_byte("f", page * PAGE + 100, "b");
	}
}

PROGRAM(.setup = setup, .tasks = { { "one", one }, { "two", two } },
	.check = check)
