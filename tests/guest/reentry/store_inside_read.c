// SPDX-License-Identifier: GPL-2.0-only
/*
 * A12: a server that pushes data into the cache (NOTIFY_STORE) from inside its READ
 * handler: as A11, it waits for the lock of the page it is to fill, in
 * __filemap_get_folio().
 */
#include "scenario.h"

SCENARIO(server_waits_for_itself)
{
	int fd;

	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	fd = OPEN(u, "f", O_RDONLY);
	GATE("notify store read");
	begin(u, READ, fd, 0);

	/* in __filemap_get_folio(), or what it calls by now */
	EXPECT_TRUE(server_blocked_in("fuse_notify", "D"));
	EXPECT_EQ(1, waiting());
	EXPECT_TRUE(busy(u));

	EXPECT_EQ(0, abort_connection());
	EXPECT_TRUE(server_gone());
	/* the page is free: on another CPU the server may fill it before the read gives up */
	EXPECT_TRUE(finish(u) < 0 || user_result(u) == 'S')
	{
		TH_LOG("read gave %ld", user_result(u));
	}
	outcome("hangs until abort");
}

TEST_HARNESS_MAIN
