// SPDX-License-Identifier: GPL-2.0-only
/*
 * A7: a process that has dirtied a mapping and is killed cannot exit while the server
 * keeps its WRITE.
 *
 * Closing its files is part of dying, and close flushes: fuse_flush() writes the file
 * back and waits. On production machines this is the pile of processes in D that
 * ends with a reboot; aborting the connection frees them.
 */
#include "scenario.h"

/* Mappings go first, and munmap waits where the page itself is in flight (0c58a97f919c) */
#define EXIT_WAITS (can(TEMP_PAGES) ? "fuse_flush" : "fuse_vma_close")

SCENARIO(it_never_exits)
{
	MAPPED_FILE(u, "f", PAGE);
	GATE("hold write");
	DO(u, STORE, 0, 'a');

	user_kill(u);
	GATE("wait write");
	EXPECT_TRUE(blocked_in(user_pid(u), EXIT_WAITS, "D"));
	settle(30);
	EXPECT_TRUE(blocked_in(user_pid(u), EXIT_WAITS, "D"));

	EXPECT_EQ(0, abort_connection());
	EXPECT_TRUE(user_gone(u));
	outcome("hangs until abort");
}

TEST_HARNESS_MAIN
