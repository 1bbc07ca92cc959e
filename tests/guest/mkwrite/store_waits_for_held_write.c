// SPDX-License-Identifier: GPL-2.0-only
/*
 * A4: a store to a page whose WRITE is in flight waits for it.
 *
 * There is at most one temporary copy of a cached page: a store that dirties it again waits in
 * fuse_page_mkwrite(). Reads go on. What users report is the next thing: close(2) of
 * any descriptor of the file, one opened for reading only too, hangs in fuse_flush(),
 * because it writes the file back and waits. sync(2) waits for none of this.
 */
#include "scenario.h"

SCENARIO(store_waits)
{
	int fd = MAPPED_FILE(u, "f", PAGE), other = OPEN(v, "f", O_RDONLY);

	STORE_IN_FLIGHT(u, fd, 'a');

	begin(u, STORE, 0, 'b');
	EXPECT_BLOCKED(u, "fuse_page_mkwrite");
	EXPECT_EQ(1, pages_in_flight());

	EXPECT_DO('a', v, READ, other, 0);
	begin(v, CLOSE, other);
	EXPECT_BLOCKED(v, "fuse_flush");
	DO(w, SYNC);

	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ('b', server_byte("f", 0));
	outcome("waits");
}

TEST_HARNESS_MAIN
