// SPDX-License-Identifier: GPL-2.0-only
/*
 * V1: sync(2) while the server keeps a WRITE, from one kernel version to the next.
 *
 * As long as FUSE wrote from temporary pages (up to 6.15) the writeback was over for
 * sync(2) at once, and it returned. 6.16 dropped those pages: sync waited for the
 * server, with everybody who called it. 7.0 made sync skip such mounts
 * (f9a49aa302a0, 76f9377cd2ab), and later releases of 6.18 and 6.19, too. With KSRC= this
 * test says which of the three a tree is; it fails if a tree does not do what its version
 * should.
 */
#include "scenario.h"

#include <stdio.h>
#include <sys/utsname.h>

/* 6.12 as 612 */
static int version(void)
{
	struct utsname uts;
	int major = 0, minor = 0;

	uname(&uts);
	if (sscanf(uts.release, "%d.%d", &major, &minor) != 2)
		return 0;
	return major * 100 + minor;
}

SCENARIO(sync_against_a_held_write)
{
	bool either = version() >= 616 && version() < 700, waits = false;
	int fd = MAPPED_FILE(u, "f", PAGE);

	STORE_IN_FLIGHT(u, fd, 'a');

	begin(v, SYNC);
	settle(30);
	if (either)
		waits = busy(v);
	EXPECT_EQ(waits, busy(v))
	{
		TH_LOG("%d.%d: sync %s", version() / 100, version() % 100,
		       busy(v) ? user_where(v) : "returned");
	}
	GATE("release");
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('a', server_byte("f", 0));
	outcome(waits ? "fault: waits" : "returns at once");
}

TEST_HARNESS_MAIN
