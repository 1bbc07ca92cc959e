// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages are taken away, by memory pressure on the task that stores to them, and by
 * drop_caches, while they are dirty and written back: what was stored stays.
 */
#include "program.h"

#define PAGES 8

static void setup(void)
{
	make_file("f", PAGES * PAGE, 'o');
}

static void say(const char *path, const char *text, bool may_fail)
{
	int fd = must(open(path, O_WRONLY | O_CLOEXEC));

	/* EAGAIN: it could not take away as many */
	if (write(fd, text, strlen(text)) < 0 && !may_fail)
		fail("%s: %s", path, strerror(errno));
	close(fd);
}

static void store_in_it(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, PAGES * PAGE);

	errno = memory_group(getpid());
	if (errno)
		fail("memory group: %s", strerror(errno));
	ready();
	for (int page = 0; page < PAGES; page++) {
		store(map + page * PAGE, 1, 'n');
		kick(fd);
	}
}

static void take_away(void)
{
	ready();
	for (int i = 0; i < 3; i++) {
		say(MEMORY_GROUP "/memory.reclaim", "64K", true);
		say("/proc/sys/vm/drop_caches", "1", false);
	}
}

static void check(void)
{
	for (int page = 0; page < PAGES; page++) {
		expect_byte("f", page * PAGE, "n");
		expect_byte("f", page * PAGE + 1, "o");
	}
}

PROGRAM(.setup = setup,
	.tasks = { { "store_in_it", store_in_it }, { "take_away", take_away } },
	.check = check)
