// SPDX-License-Identifier: GPL-2.0-only
/*
 * A5: truncate waits for the WRITEs in flight before it asks the server.
 *
 * A WRITE that arrives after the SETATTR would bring back what was cut off. So
 * fuse_set_nowrite() keeps new WRITEs back and waits for those under way; SETATTR is
 * sent after. A writer elsewhere in the file waits behind it for the inode's lock; a
 * reader does not.
 */
#include "scenario.h"

SCENARIO(truncate_waits)
{
	int fd = MAPPED_FILE(u, "f", 4 * PAGE), other = OPEN(v, "f", O_RDWR);

	GATE("hold write");
	DO(u, STORE_PAGES, 0, 1, 'a');
	DO(u, KICK, fd);
	GATE("wait write");
	GATE("reset");

	begin(u, TRUNCATE, fd, 2 * PAGE);
	EXPECT_BLOCKED(u, "fuse_set_nowrite");
	EXPECT_EQ(0, GATE_NUMBER("count seen setattr"));

	EXPECT_DO('a', v, READ, other, 0);
	begin(v, WRITE, other, 3 * PAGE, 1, 'b');
	EXPECT_BLOCKED(v, "rwsem_down_write_slowpath");

	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_RESULT(1, v);
	EXPECT_EQ(1, GATE_NUMBER("count seen truncate"));
	EXPECT_EQ('a', server_byte("f", 0));
	EXPECT_EQ(3 * PAGE + 1, server_size("f"));
	outcome("waits");
}

TEST_HARNESS_MAIN
