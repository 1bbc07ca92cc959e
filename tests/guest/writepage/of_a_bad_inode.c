// SPDX-License-Identifier: GPL-2.0-only
/*
 * X7: what is dirty of an inode that has gone bad is not written.
 *
 * An inode is bad when the server says what cannot be of that file, or has given its
 * nodeid to another one. A WRITE would then change the other file. The flusher knew that;
 * who drops pages, as on the server's own notification, did not, and wrote them out first
 * (mended in 6.12.118).
 */
#define SERVER_OPTIONS "-o attr_timeout=0"
#include "scenario.h"

SCENARIO(of_a_bad_inode)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, STORE, 0, 'a');
	GATE("claim %d getattr", S_IFDIR);
	EXPECT_DO(-EIO, u, SIZE, fd);
	GATE("reset");
	GATE("send inval_inode file=f");
	GATE("wait notified all");
	EXPECT_DO(-EIO, u, FSYNC, fd);
	EXPECT_EQ(0, GATE_NUMBER("count seen write"));
	outcome("not written");

	/* On stock the page is dirty for as long as the inode is there */
	DO(u, UNMAP);
	EXPECT_DO(-EIO, u, CLOSE, fd);
	DO(v, DROP_CACHES);
}

TEST_HARNESS_MAIN
