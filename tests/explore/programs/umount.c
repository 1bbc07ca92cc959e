// SPDX-License-Identifier: GPL-2.0-only
/*
 * umount -f while tasks store, sync and cut: the connection is gone, all of them end, with
 * whatever error.
 */
#define _GNU_SOURCE
#include "program.h"

#include <sys/mount.h>

static void setup(void)
{
	make_file("f", 4 * PAGE, 'o');
}

static void store_in_it(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE);

	ready();
	/* what is not there any more gives SIGBUS, which store() takes */
	store(map, 4 * PAGE, 'a');
	(void)!sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	store(map + PAGE, 1, 'b');
	(void)!fsync(fd);
}

static void cut(void)
{
	int fd = file("f", O_RDWR);

	ready();
	(void)!ftruncate(fd, PAGE);
	(void)!pwrite(fd, "w", 1, 2 * PAGE);
}

static void unmount(void)
{
	ready();
	/* busy, but it aborts the connection */
	(void)!umount2(MOUNT, MNT_FORCE);
}

PROGRAM(.setup = setup, .unmounts = true,
	.tasks = { { "store_in_it", store_in_it },
		   { "cut", cut },
		   { "unmount", unmount } })
