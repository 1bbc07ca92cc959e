// SPDX-License-Identifier: GPL-2.0-only
/*
 * F31: the deadlock that the whole design exists for.
 *
 * A server needs memory to handle a WRITE. Memory is short, so its allocation reclaims
 * some, finds the very page that this WRITE is about, under writeback, and waits: for
 * the reply that it should be sending itself. With temporary pages the page in the
 * cache is clean by then, and is simply taken; there is nothing to wait for.
 *
 * Reclaim waits for pages under writeback in the memory groups of cgroup v1 (which
 * cannot throttle a writer), so the server and its user share one here. Most of
 * what it has are the mount's pages, each of them in flight.
 *
 * 0c58a97f919c did away with temporary pages, and tells reclaim not to wait for such
 * pages: but of mounts with the write-back cache only. A mapping's pages are written
 * back without it, too, and there the deadlock is back.
 */
#include "scenario.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define GROUP "/run/memory/scenario"
#define PAGES 512

static int memory_group_v1(pid_t pid)
{
	char text[16];

	mkdir("/run/memory", 0755);
	if (mount("memory", "/run/memory", "cgroup", 0, "memory") &&
	    errno != EBUSY)
		return errno;
	if (mkdir(GROUP, 0755) && errno != EEXIST)
		return errno;
	snprintf(text, sizeof(text), "%d", pid);
	return write_text(GROUP "/cgroup.procs", text);
}

static long group_knob(const char *name)
{
	char path[80];
	FILE *f;
	long n = -1;

	snprintf(path, sizeof(path), GROUP "/%s", name);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%ld", &n) != 1)
			n = -1;
		fclose(f);
	}
	return n;
}

SCENARIO(reclaim_inside_write)
{
	char limit[24];
	int fd;

	/* the server's own pages shall not be the group's */
	ASSERT_EQ(0, server_file("f", PAGES * PAGE, 'o'));
	fd = OPEN(u, "f", O_RDWR);
	ASSERT_EQ(0, bdi_unlimit());
	ASSERT_EQ(0, memory_group_v1(user_pid(u)));
	ASSERT_EQ(0, memory_group_v1(server_pid()));
	MAP_OR_ENODEV(u, fd, PAGES * PAGE);

	GATE("hold write");
	DO(u, STORE_PAGES, 0, PAGES, 'a');
	/* what is not mapped is reclaimed first; unmapping also writes it back */
	begin(u, UNMAP);
	GATE("wait write");
	settle(1);
	EXPECT_EQ(PAGES, pages_in_flight());

	/* from now on 2 MiB more have no room beside them */
	snprintf(limit, sizeof(limit), "%ld",
		 group_knob("memory.usage_in_bytes") + (1 << 20));
	ASSERT_EQ(0, write_text(GROUP "/memory.limit_in_bytes", limit));
	EXPECT_EQ(0, group_knob("memory.failcnt"));
	GATE("allocate 2 write");
	GATE("release");
	if (!can(TEMP_PAGES)) {
		EXPECT_TRUE(server_blocked_in("shrink_folio_list", "D"));
		EXPECT_TRUE(busy(u));
		EXPECT_EQ(0, abort_connection());
		EXPECT_NE(-ETIME, finish(u));
		outcome("fault: deadlock until abort");
		return;
	}
	EXPECT_RESULT(0, u);
	EXPECT_DO(0, u, FSYNC, fd);
	EXPECT_LT(0, group_knob("memory.failcnt"));
	EXPECT_EQ('a', server_byte("f", (PAGES - 1) * PAGE));
	outcome("no deadlock");
}

TEST_HARNESS_MAIN
