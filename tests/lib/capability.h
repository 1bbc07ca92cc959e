/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel under test can do and does. It is asked, and not known by its version:
 * distributions port back, and developers' trees are between two versions.
 */
#ifndef CAPABILITY_H
#define CAPABILITY_H

#include <stdbool.h>

enum capability {
	/* page writeback at all, and with it writable shared mappings: not on `before` */
	PAGE_WRITEBACK,
	/*
	 * It sends copies, and the page is clean as soon as it is copied. Since 6.16
	 * (0c58a97f919c) the page cache's own page is sent, and is under writeback until
	 * the server has answered.
	 */
	TEMP_PAGES,
	/* ...and it goes through iomap: 6.17 (ef7e7cbb323f) */
	IOMAP_WRITEBACK,
	/* reclaim may write single pages of FUSE by ->writepage */
	WRITEPAGE_OP,
	/* the server or the administrator can have slow requests aborted: 6.14 */
	REQUEST_TIMEOUT,
	/* a page that write(2) has filled stays as it is if the server does not take it */
	FAILED_WRITE_STAYS,
	/* root may lift the strict limit of dirty pages: 6.2 */
	LIFT_LIMIT,
	/* sync(2) waits for WRITEs in flight: 6.16 until 7.0 (76f9377cd2ab) */
	SYNC_WAITS,
	/*
	 * What was stored past the end of a file is cleared when the file grows: 7.3
	 * (34b5c4a6e4fb), and stable releases
	 */
	CLEARS_TAIL,
	NR_CAPABILITIES
};

/**
 * can() - has the kernel that is running this capability?
 *
 * Found by the functions that it has, once. What gives no answer, or two, ends the
 * program with a line that says which capability is unknown: add to the table in
 * capability.c how to tell it.
 *
 * Some fixes leave no trace among the functions. Where these give no answer it is tried
 * out, by a user of the mount who comes for that alone: to be asked before the scenario's
 * first command for the gate.
 */
bool can(enum capability capability);

/* Try it out, whatever the functions say. Only for those that can be. */
bool try_out(enum capability capability);

/* Pages whose WRITE is in flight or queued, by the guest's own count. */
long pages_in_flight(void);

#endif
