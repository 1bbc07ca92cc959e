// SPDX-License-Identifier: GPL-2.0-only
/*
 * A13: a page is dirtied when no open file is left that could write it.
 *
 * An O_DIRECT read into a shared mapping pins its pages, and marks them dirty when the
 * data has come, whatever became of the mapping meanwhile. Here the mapped file is
 * unmapped and closed before. Writeback then finds no handle for the WRITE: BUG_ON in
 * the first kernels, since 72523425fb43 a warning, and the data is dropped while
 * fsync(2) says 0. Since writeback goes through iomap (ef7e7cbb323f) the error is kept
 * for fsync, and the warning has stayed. `patched` neither warns nor drops it in silence.
 */
#define _GNU_SOURCE
#include "scenario.h"

SCENARIO(no_write_file_is_left)
{
	int f = OPEN(u, "f", O_RDWR | O_CREAT), g;
	bool lost;

	ASSERT_EQ(0, server_file("g", PAGE, 'g'));
	DO(u, TRUNCATE, f, PAGE);
	MAP_OR_ENODEV(u, f, PAGE);
	DO(u, LOAD, 0);
	g = OPEN(u, "g", O_RDONLY | O_DIRECT);
	GATE("hold read file=g");
	DO(u, AIO_READ, g, 0, PAGE);
	GATE("wait read");
	DO(u, UNMAP);
	DO(u, CLOSE, f);
	settle(1);

	console_quiet(true);
	GATE("release");
	EXPECT_DO(PAGE, u, AIO_WAIT);
	DO(v, SYNC);
	EXPECT_EQ(kernel() == STOCK, kernel_log_has("WARNING"));
	console_quiet(false);

	f = OPEN(v, "f", O_RDWR);
	lost = kernel() == STOCK && !can(IOMAP_WRITEBACK);
	EXPECT_DO(lost ? 0 : -EIO, v, FSYNC, f);
	EXPECT_EQ(0, server_byte("f", 0));
	outcome(lost		  ? "WARNING, data lost, fsync 0" :
		kernel() == STOCK ? "fault: WARNING; fsync: EIO" :
				    "fsync: EIO");
}

TEST_HARNESS_MAIN
