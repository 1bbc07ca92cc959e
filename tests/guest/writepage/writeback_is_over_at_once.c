// SPDX-License-Identifier: GPL-2.0-only
/*
 * C2: as soon as the page is copied its writeback is over for the rest of the kernel.
 *
 * Neither PageDirty nor PageWriteback is set while the server has the WRITE, and the
 * page is no longer tagged as either: another round of writeback finds nothing to do.
 */
#include "scenario.h"

#define DIRTY (1 << 4) /* bits of /proc/kpageflags */
#define WRITEBACK (1 << 8)

/* UML of 6.1 has no flags for the last pages of its memory: there the counters tell */
static long flags(struct user *user)
{
	long flags = do_(user, PAGE_FLAGS, 0);

	if (flags == -EIO)
		flags = (vmstat("nr_dirty") ? DIRTY : 0) |
			(vmstat("nr_writeback") ? WRITEBACK : 0);
	return flags & (DIRTY | WRITEBACK);
}

SCENARIO(flags_are_clear)
{
	int fd = MAPPED_FILE(u, "f", PAGE);

	GATE("hold write");
	DO(u, STORE, 0, 'a');
	EXPECT_EQ(DIRTY, flags(u));

	DO(u, KICK, fd);
	GATE("wait write");
	EXPECT_EQ(can(TEMP_PAGES) ? 0 : WRITEBACK, flags(u));
	DO(u, KICK, fd);
	DO(v, SYNC);
	settle(60); /* the flusher has come by, twice */
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
	EXPECT_EQ(1, pages_in_flight());
	outcome(can(TEMP_PAGES) ? "clean at once" :
				  "under writeback until answered");
}

TEST_HARNESS_MAIN
