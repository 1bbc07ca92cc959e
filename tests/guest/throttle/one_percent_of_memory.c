// SPDX-License-Identifier: GPL-2.0-only
/*
 * C7: a FUSE mount begins with 1 % of the dirty memory, kept strictly, and root may
 * raise that in /sys/class/bdi; others may not. (A15 shows it at work.)
 */
#include "scenario.h"

SCENARIO(root_may_raise_it)
{
	if (kernel() == BEFORE) {
		EXPECT_EQ(100, bdi_get("max_ratio"));
		outcome("no limit of its own");
		return;
	}
	EXPECT_EQ(1, bdi_get("max_ratio"));
	EXPECT_EQ(can(LIFT_LIMIT) ? 1 : -1, bdi_get("strict_limit"));

	/* in a process of its own, which gives up what makes it root */
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(99);
		_exit(bdi_set("max_ratio", "50"));
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(EACCES, WEXITSTATUS(status));
	EXPECT_EQ(1, bdi_get("max_ratio"));

	EXPECT_EQ(0, bdi_set("max_ratio", "50"));
	EXPECT_EQ(50, bdi_get("max_ratio"));
	EXPECT_EQ(EINVAL, bdi_set("max_ratio", "101"));
	outcome(can(LIFT_LIMIT) ? "1 %" : "1 %, and strict for ever");
}

TEST_HARNESS_MAIN
