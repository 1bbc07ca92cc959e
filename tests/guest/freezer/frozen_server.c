// SPDX-License-Identifier: GPL-2.0-only
/*
 * F32: suspend, and container checkpoints, freeze all tasks. A task that waits for a FUSE
 * server which is frozen already cannot be frozen.
 *
 * A task is frozen where it can be woken by a signal. One that waits for the answer to
 * a request cannot give up once it has been woken: it waits on, uninterruptibly, and
 * the freezer for it, until the server is thawed. The other way round all goes well.
 * The same for a task that waits for WRITEs in flight. Known for as long as FUSE
 * exists, and so today.
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FREEZER "/run/freezer"

static const char *knob(const char *group, const char *file)
{
	static char path[64];

	snprintf(path, sizeof(path), FREEZER "/%s/%s", group, file);
	return path;
}

/* A group of the freezer with one process in it. errno. */
static int group_of(const char *group, pid_t pid)
{
	char text[16];

	mkdir(FREEZER, 0755);
	if (mount("freezer", FREEZER, "cgroup", 0, "freezer") && errno != EBUSY)
		return errno;
	snprintf(text, sizeof(text), FREEZER "/%s", group);
	if (mkdir(knob(group, ""), 0755) && errno != EEXIST)
		return errno;
	snprintf(text, sizeof(text), "%d", pid);
	return write_text(knob(group, "cgroup.procs"), text);
}

static int freeze(const char *group)
{
	return write_text(knob(group, "freezer.state"), "FROZEN");
}

static int thaw(const char *group)
{
	return write_text(knob(group, "freezer.state"), "THAWED");
}

static bool is_frozen(const char *group)
{
	char text[16] = "";
	FILE *f = fopen(knob(group, "freezer.state"), "r");

	if (f) {
		if (!fgets(text, sizeof(text), f))
			text[0] = 0;
		fclose(f);
	}
	return !strcmp(text, "FROZEN\n");
}

SCENARIO(server_first)
{
	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	ASSERT_EQ(0, group_of("server", server_pid()));
	ASSERT_EQ(0, group_of("user", user_pid(u)));
	ASSERT_EQ(0, freeze("server"));
	EXPECT_SOON(true, is_frozen("server"));

	begin_open(u, "f", O_RDONLY);
	settle(1);
	ASSERT_EQ(0, freeze("user"));
	settle(20);
	EXPECT_FALSE(is_frozen("user"));
	EXPECT_TRUE(blocked_in(user_pid(u), "request_wait_answer", "D"));

	ASSERT_EQ(0, thaw("server"));
	EXPECT_SOON(true, is_frozen("user"));
	ASSERT_EQ(0, thaw("user"));
	EXPECT_LE(0, finish(u));
	outcome("not frozen until the server is thawed");
}

SCENARIO(user_first)
{
	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	ASSERT_EQ(0, group_of("server", server_pid()));
	ASSERT_EQ(0, group_of("user", user_pid(u)));
	ASSERT_EQ(0, freeze("user"));
	EXPECT_SOON(true, is_frozen("user"));
	ASSERT_EQ(0, freeze("server"));
	EXPECT_SOON(true, is_frozen("server"));

	begin_open(u, "f", O_RDONLY);
	settle(1);
	EXPECT_TRUE(busy(u));
	ASSERT_EQ(0, thaw("server"));
	ASSERT_EQ(0, thaw("user"));
	EXPECT_LE(0, finish(u));
}

SCENARIO(write_in_flight)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	ASSERT_EQ(0, group_of("user", user_pid(u)));
	GATE("hold write");
	DO(u, STORE, 0, 'a');
	begin(u, FSYNC, fd);
	GATE("wait write");
	ASSERT_EQ(0, freeze("user"));
	settle(20);
	EXPECT_FALSE(is_frozen("user"));
	EXPECT_TRUE(blocked_in(user_pid(u), WAIT_FOR_WRITES, "D"));

	GATE("release");
	EXPECT_SOON(true, is_frozen("user"));
	ASSERT_EQ(0, thaw("user"));
	EXPECT_RESULT(0, u);
}

TEST_HARNESS_MAIN
