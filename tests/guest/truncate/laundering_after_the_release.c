// SPDX-License-Identifier: GPL-2.0-only
/*
 * C10: the cached pages are invalidated only once the block on WRITEs is gone, because
 * laundering a dirty one needs a WRITE.
 *
 * The WRITE is held here: that it gets to the server at all is the point. The truncation
 * waits for the server, with `waiting` 1, not for ever and for nobody, as in
 * M2.
 */
#include "scenario.h"

SCENARIO(the_write_is_sent)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	DO(u, STORE, 0, 'a');
	GATE("hold write");
	begin(u, TRUNCATE, fd, 4 * PAGE);
	GATE("wait write");
	EXPECT_BLOCKED(u, "fuse_launder_folio");
	EXPECT_EQ(4 * PAGE, server_size("f"));
	EXPECT_EQ(1, waiting());

	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_EQ('a', server_byte("f", 0));
	outcome("waits for the server");
}

TEST_HARNESS_MAIN
