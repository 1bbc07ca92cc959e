// SPDX-License-Identifier: GPL-2.0-only
/*
 * A20: umount -f of a mount that is in use says EBUSY, and has killed it all the same.
 *
 * Forcing begins with aborting the connection, before anybody looks whether the mount
 * is busy. It stays mounted, and every request fails from then on.
 */
#include "scenario.h"

SCENARIO(ebusy_and_dead)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	EXPECT_DO(-EBUSY, v, UMOUNT_FORCE);
	EXPECT_DO(-ENOTCONN, u, WRITE, fd, 0, 1, 'b');
	EXPECT_EQ(-ENOTCONN, open_file(u, "f", O_RDONLY));
	EXPECT_TRUE(server_gone());
	EXPECT_EQ('a', server_byte("f", 0));
	outcome("EBUSY, and the mount is dead");
}

TEST_HARNESS_MAIN
