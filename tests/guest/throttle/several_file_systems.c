// SPDX-License-Identifier: GPL-2.0-only
/*
 * R9: several servers that never answer, and one that does.
 *
 * Dirty memory is shared by all file systems. Each FUSE mount gets 1 % of it, so that one,
 * or several, whose servers are buggy or malicious cannot have so much of it that others
 * are slowed down. Here the writers of three mounts are stopped, each at its own limit,
 * and the writer of a fourth stores to the whole of his file.
 */
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define HUNG 2 /* besides the mount that all scenarios have */
#define PAGES 2000

static int start(int n)
{
	char command[300];

	snprintf(
		command, sizeof(command),
		"mkdir -p /srv/%d /mnt/%d && fuse-server --source /srv/%d --control /run/%d.sock "
		"%s /mnt/%d",
		n, n, n, n, n < HUNG ? "--gate 'hold write'" : "", n);
	return system(command);
}

static void use(struct user *u, int n)
{
	char name[40];
	int fd;

	snprintf(name, sizeof(name), "../%d/f", n);
	fd = OPEN(u, name, O_RDWR | O_CREAT);
	DO(u, TRUNCATE, fd, PAGES * PAGE);
	DO(u, MAP, fd, PAGES * PAGE);
	begin(u, STORE_PAGES, 0, PAGES, 'a');
}

SCENARIO(one_goes_on)
{
	struct user *healthy = user_new();
	long stopped;

	MAPPED_FILE(u, "f", PAGES * PAGE);
	for (int n = 0; n <= HUNG; n++)
		ASSERT_EQ(0, start(n));
	GATE("hold write");
	begin(u, STORE_PAGES, 0, PAGES, 'a');
	use(v, 0);
	use(w, 1);
	EXPECT_BLOCKED(u, WAIT_FOR_LIMIT);
	EXPECT_BLOCKED(v, WAIT_FOR_LIMIT);
	EXPECT_BLOCKED(w, WAIT_FOR_LIMIT);
	stopped = pages_in_flight() + vmstat("nr_dirty");

	use(healthy, HUNG);
	EXPECT_RESULT(0, healthy);
	EXPECT_LT(stopped, PAGES);
	EXPECT_TRUE(busy(u) && busy(v) && busy(w));
	for (int n = 0; n < HUNG; n++) {
		char command[64];

		snprintf(command, sizeof(command),
			 "gate --control /run/%d.sock release", n);
		EXPECT_EQ(0, system(command));
	}
	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_RESULT(0, v);
	EXPECT_RESULT(0, w);
	user_kill(healthy);
	user_kill(v);
	user_kill(w);
	EXPECT_TRUE(user_gone(healthy) && user_gone(v) && user_gone(w));
	for (int n = 0; n <= HUNG; n++) {
		char path[16];

		snprintf(path, sizeof(path), "/mnt/%d", n);
		EXPECT_EQ(0, umount2(path, 0));
	}
	outcome("the healthy one goes on");
}

TEST_HARNESS_MAIN
