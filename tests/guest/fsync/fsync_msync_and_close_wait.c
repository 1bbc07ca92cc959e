// SPDX-License-Identifier: GPL-2.0-only
/*
 * C6: fsync, fdatasync, msync(MS_SYNC) and close return when the data is with the
 * server, not before. (A2 and A3 tell in what they wait.)
 */
#include "scenario.h"

SCENARIO(not_before_the_reply)
{
	static const struct {
		int action;
		const char *name;
	} ways[] = {
		{ FSYNC, "fsync" },
		{ FDATASYNC, "fdatasync" },
		{ MSYNC, "msync" },
		{ CLOSE, "close" },
	};
	int fd = MAPPED_FILE(u, "f", PAGE);

	for (int i = 0; i < 4; i++) {
		GATE("hold write");
		DO(u, STORE, 0, 'a' + i);
		if (ways[i].action == MSYNC)
			begin(u, MSYNC, 0, PAGE);
		else
			begin(u, ways[i].action, fd);
		GATE("wait write");
		settle(20);
		EXPECT_TRUE(busy(u))
		{
			TH_LOG("%s did not wait", ways[i].name);
		}
		GATE("release");
		EXPECT_RESULT(0, u);
		EXPECT_EQ('a' + i, server_byte("f", 0))
		{
			TH_LOG("%s came back too early", ways[i].name);
		}
	}
	outcome("waits");
}

TEST_HARNESS_MAIN
