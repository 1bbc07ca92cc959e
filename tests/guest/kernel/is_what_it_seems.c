// SPDX-License-Identifier: GPL-2.0-only
/*
 * K1: what the other scenarios take the kernel for.
 *
 * They ask can(): by the functions that the kernel has. Here each answer is held against
 * what the kernel does. A tree that has the one without the other fails here, and what
 * it fails elsewhere says little.
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

SCENARIO(page_in_flight)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	DO(u, TRUNCATE, fd, PAGE);
	EXPECT_EQ(can(PAGE_WRITEBACK) ? 0 : -ENODEV, do_(u, MAP, fd, PAGE));
	if (!can(PAGE_WRITEBACK)) {
		EXPECT_FALSE(can(TEMP_PAGES));
		outcome("no page writeback");
		return;
	}
	STORE_IN_FLIGHT(u, fd, 'a');
	EXPECT_EQ(can(TEMP_PAGES), vmstat("nr_writeback_temp") == 1);
	EXPECT_EQ(!can(TEMP_PAGES), vmstat("nr_writeback") == 1);
	EXPECT_EQ(1, pages_in_flight());
	EXPECT_FALSE(can(TEMP_PAGES) && can(IOMAP_WRITEBACK));
	GATE("release");
	DO(u, FSYNC, fd);
	outcome(can(TEMP_PAGES)	     ? "temporary pages" :
		can(IOMAP_WRITEBACK) ? "the page itself, through iomap" :
				       "the page itself");
}

SCENARIO(request_timeout)
{
	bool knob = !access("/proc/sys/fs/fuse/default_request_timeout", F_OK);

	EXPECT_EQ(can(REQUEST_TIMEOUT), knob);
	outcome(knob ? "request timeouts" : "no request timeouts");
}

SCENARIO(sync_of_a_page_in_flight)
{
	if (!can(PAGE_WRITEBACK))
		return;
	EXPECT_EQ(can(SYNC_WAITS), try_out(SYNC_WAITS));
}

SCENARIO(tail_of_a_file_that_grows)
{
	if (!can(PAGE_WRITEBACK))
		return;
	EXPECT_EQ(can(CLEARS_TAIL), try_out(CLEARS_TAIL));
}

TEST_HARNESS_MAIN
