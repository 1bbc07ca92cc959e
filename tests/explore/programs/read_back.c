// SPDX-License-Identifier: GPL-2.0-only
/*
 * What was stored, written back and dropped from the cache is read again: the new data,
 * also while its WRITE is still under way (M4).
 */
#include "program.h"

#include <sys/mman.h>

static void setup(void)
{
	make_file("f", 4 * PAGE, 'o');
}

static void store_and_read(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE), byte;

	ready();
	for (int page = 0; page < 4; page++)
		store(map + page * PAGE, 1, 'n');
	munmap(map, 4 * PAGE);
	/* starts writeback, and drops what is clean then */
	must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	for (int page = 0; page < 4; page++) {
		if (pread(fd, &byte, 1, page * PAGE) != 1 || byte != 'n')
			fail("what was stored is not what is read");
	}
}

static void drop(void)
{
	int fd = file("f", O_RDWR);

	ready();
	for (int i = 0; i < 4; i++)
		must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
}

static void check(void)
{
	for (int page = 0; page < 4; page++)
		expect_byte("f", page * PAGE, "n");
}

PROGRAM(.setup = setup,
	.tasks = { { "store_and_read", store_and_read }, { "drop", drop } },
	.check = check)
