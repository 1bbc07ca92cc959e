// SPDX-License-Identifier: GPL-2.0-only
/*
 * A task that stores, syncs and cuts is killed, at any place: it ends, nobody who uses the
 * file after it hangs, and reader and server agree.
 */
#define _GNU_SOURCE
#include "program.h"

#include <signal.h>
#include <stdlib.h>

static void setup(void)
{
	make_file("f", 4 * PAGE, 'o');
}

static void victim(void)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, 4 * PAGE);

	may_be_killed();
	ready();
	store(map, 4 * PAGE, 'a');
	kick(fd);
	must(fsync(fd));
	must(ftruncate(fd, PAGE));
	must(pwrite(fd, "w", 1, 2 * PAGE));
}

static void killer(void)
{
	int fd = file("f", O_RDWR);

	ready();
	/* one more thing to be waited for, then at once */
	must(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	kill(task_pid(0), SIGKILL);
	must(fsync(fd));
	must(pwrite(fd, "k", 1, 0));
}

static void check(void)
{
	expect_same("f");
	expect_byte("f", 0, "k");
}

PROGRAM(.setup = setup, .tasks = { { "victim", victim }, { "killer", killer } },
	.check = check)
