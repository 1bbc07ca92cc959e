// SPDX-License-Identifier: GPL-2.0-only
/*
 * F1: a server keeps its files on another file system that is throttled, too.
 *
 * A writer is slowed down once there are too many dirty pages in the machine,
 * until some are clean. In 2007 it did not matter whose they were: the mount's own
 * pages, stored through a big mapping, filled the limit; the server that was to clean
 * them wrote to its ext4 and slept in balance_dirty_pages() for just these pages to
 * become clean. Limits for each device, and temporary pages that are not counted as
 * dirty, ended it: only what is dirty on ext4 counts for a writer to ext4. Without copies
 * (0c58a97f919c) the pages in flight count again, and stop who stores them; the limits
 * for each device let the other one go on.
 *
 * The guest has no disk, so a second FUSE mount is that other file system.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define LOWER SERVER "/lower"
#define LOWER_FROM_MOUNT "../../srv/fuse/lower"
#define PAGES 600
#define LIMIT_PAGES 256

/* The lower mount lies in the server's own directory. Few dirty pages are allowed. */
static int lower_start(const char *options)
{
	char command[200], limit[16];

	mkdir(LOWER, 0755);
	mkdir("/srv/lower", 0755);
	snprintf(command, sizeof(command),
		 "fuse-server --source /srv/lower --control "
		 "/run/lower.sock %s " LOWER,
		 options);
	snprintf(limit, sizeof(limit), "%d", LIMIT_PAGES * PAGE);
	return write_text("/proc/sys/vm/dirty_bytes", limit) || bdi_unlimit() ||
	       system(command);
}

static int lower_end(void)
{
	/* the server above has files of it open until it gets their FORGETs */
	for (double t = 0; umount2(LOWER, 0);)
		if (errno != EBUSY || !patience(&t, LIMIT))
			return errno;
	return rmdir(LOWER) || system("rm -r /srv/lower") ||
	       write_text("/proc/sys/vm/dirty_ratio", "20");
}

static int lower_byte(int page)
{
	return server_byte("../lower/f", page * PAGE);
}

/*
 * v does what the server would do: it stores the data on the lower mount, here through
 * a mapping, while more of the upper mount than the machine's limit is in flight.
 */
SCENARIO(the_other_one_goes_on)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), lower;
	/* what is in flight counts for the machine's limit, or for a strict one of the mount */
	bool stops = !can(TEMP_PAGES) || !can(LIFT_LIMIT);

	ASSERT_EQ(0, lower_start(""));
	DO(u, TRUNCATE, fd, PAGES * PAGE);
	lower = OPEN(v, LOWER_FROM_MOUNT "/f", O_RDWR | O_CREAT);
	DO(v, TRUNCATE, lower, PAGES * PAGE);
	if (kernel() != BEFORE) {
		DO(u, MAP, fd, PAGES * PAGE);
		DO(v, MAP, lower, PAGES * PAGE);
		GATE("hold write");
		begin(u, STORE_PAGES, 0, PAGES, 'a');
		if (stops) {
			EXPECT_BLOCKED(u, WAIT_FOR_LIMIT);
			EXPECT_GE(LIMIT_PAGES + kept_by_cpus(),
				  pages_in_flight());
			/* a strict one of the mount is a part of the machine's */
			if (can(LIFT_LIMIT) && !kept_by_cpus()) {
				EXPECT_EQ(LIMIT_PAGES, pages_in_flight());
			}
		} else {
			EXPECT_RESULT(0, u);
			EXPECT_LT(LIMIT_PAGES, pages_in_flight());
		}

		DO(v, STORE_PAGES, 0, PAGES, 'b');
		EXPECT_DO(0, v, FSYNC, lower);
		EXPECT_EQ('b', lower_byte(PAGES - 1));
		GATE("release");
		if (stops)
			EXPECT_RESULT(0, u);
		DO(u, FSYNC, fd);
		DO(v, UNMAP);
		outcome("the server goes on");
	}
	DO(v, CLOSE, lower);
	ASSERT_EQ(0, lower_end());
}

/* The server itself, on a mount with the write-back cache: only stock has it. */
SCENARIO(the_server_goes_on)
{
	struct gate *lower;
	int fd;

	ASSERT_EQ(0, lower_start("-o writeback_cache --gate 'hold write'"));
	fd = OPEN(u, "lower/f", O_RDWR | O_CREAT);
	DO(u, TRUNCATE, fd, PAGES * PAGE);
	if (kernel() != BEFORE) {
		DO(u, MAP, fd, PAGES * PAGE);
		begin(u, STORE_PAGES, 0, PAGES, 'a');
		if (kernel() == STOCK)
			EXPECT_TRUE(
				server_blocked_in("balance_dirty_pages", "D"));
		/* the lower server is slow, no more: all goes on when it does */
		lower = gate_connect("/run/lower.sock");
		ASSERT_EQ(GATE_OK, gate(lower, "release"));
		gate_close(lower);
		EXPECT_RESULT(0, u);
		EXPECT_DO(0, u, FSYNC, fd);
		DO(v, SYNC);
		EXPECT_EQ('a', lower_byte(PAGES - 1));
		DO(u, UNMAP);
	}
	DO(u, CLOSE, fd);
	DO(v, SYNC);
	DO(v, DROP_CACHES);
	ASSERT_EQ(0, lower_end());
}

TEST_HARNESS_MAIN
