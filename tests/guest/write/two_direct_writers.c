// SPDX-License-Identifier: GPL-2.0-only
/*
 * R11: two writers past the cache meet the WRITE of a page, and the kernel has a BUG.
 *
 * A server can allow several direct writes of a file at a time, and the writers share the
 * inode lock then, as long as nobody uses the page cache: no page can be under writeback.
 * But with mainline's write-back cache the WRITE of a page goes through any file that is
 * open for writing, also through theirs, and the file whose mapping has made the page
 * dirty can be closed meanwhile. Then each of the writers calls fuse_set_nowrite() to wait
 * for that WRITE, which the exclusive lock is to keep apart: the second one is a BUG_ON.
 * Without copies munmap waits for the page (0c58a97f919c), and they do not meet it.
 */
#include <linux/fuse.h>

#define SERVER_OPTIONS "-o writeback_cache"
#include "scenario.h"

SCENARIO(page_in_flight)
{
	int fd = MAPPED_FILE(u, "f", 2 * PAGE), one, two;

	GATE("claim %d open", FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES);
	one = OPEN(v, "f", O_RDWR);
	two = OPEN(w, "f", O_RDWR);

	DO(u, CLOSE, fd);
	GATE("hold write");
	DO(u, STORE, 0, 'a');
	DO(v, KICK, one);
	GATE("wait write");
	if (!can(TEMP_PAGES)) {
		/* the last user of the page cache cannot go before the WRITE is done */
		begin(u, UNMAP);
		EXPECT_BLOCKED(u, "fuse_vma_close");
		GATE("release");
		EXPECT_RESULT(0, u);
		EXPECT_DO(1, v, WRITE, one, 0, 1, 'b');
		EXPECT_DO(1, w, WRITE, two, PAGE, 1, 'c');
		EXPECT_EQ('b', server_byte("f", 0));
		EXPECT_EQ('c', server_byte("f", PAGE));
		outcome("munmap waits for the WRITE");
		return;
	}
	/* the last user of the page cache goes, and waits for nothing */
	DO(u, UNMAP);

	begin(v, WRITE, one, 0, 1, 'b');
	EXPECT_BLOCKED(v, kernel() == STOCK ? "fuse_set_nowrite" :
					      "fuse_direct_io");
	/*
	 * Of the other page: then it has nothing to wait for but the inode lock. Of the
	 * same page it would be the end of mainline's kernel.
	 */
	begin(w, WRITE, two, PAGE, 1, 'c');
	settle(1);
	EXPECT_EQ(kernel() == STOCK ? 2 : 1, GATE_NUMBER("count held write"));
	GATE("release");
	EXPECT_RESULT(1, v);
	EXPECT_RESULT(1, w);
	DO(v, FSYNC, one);
	EXPECT_EQ('b', server_byte("f", 0));
	EXPECT_EQ('c', server_byte("f", PAGE));
	outcome(kernel() == STOCK ? "let in together: a BUG" : "one at a time");
}

TEST_HARNESS_MAIN
