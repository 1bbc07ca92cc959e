// SPDX-License-Identifier: GPL-2.0-only
/*
 * X3: the tracepoints of page writeback tell a WRITE's life, in order.
 *
 * Who looks for a lost page on a machine that he cannot stop has these, and no debugger: the
 * page is copied, its WRITE sent, cropped, dropped or answered; who waits for whom.
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#define TRACING "/sys/kernel/tracing/"
#define EVENTS TRACING "events/fuse/"

static int trace(const char *on)
{
	mount("tracefs", TRACING, "tracefs", 0, NULL); /* may be there */
	return write_text(EVENTS "enable", on);
}

/* The number of the first line of the trace behind @from that has @what and @too; 0: none. */
static int line(int from, const char *what, const char *too)
{
	FILE *f = fopen(TRACING "trace", "r");
	char text[512];
	int n = 0, found = 0;

	while (f && !found && fgets(text, sizeof(text), f))
		if (++n > from && *text != '#' && strstr(text, what) &&
		    strstr(text, too))
			found = n;
	if (f)
		fclose(f);
	return found;
}

#define THEN(what, too)                             \
	do {                                        \
		int next = line(at, what, too);     \
                                                    \
		EXPECT_NE(0, next)                  \
		{                                   \
			TH_LOG("no " what " " too); \
		}                                   \
		at = next;                          \
	} while (0)

SCENARIO(in_order)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), other = OPEN(v, "f", O_RDWR);
	int at = 0;

	if (kernel() != PATCHED) {
		EXPECT_NE(0,
			  write_text(EVENTS "fuse_writepage_send/enable", "1"));
		outcome("no such tracepoints");
		return;
	}
	DO(u, TRUNCATE, fd, 8 * PAGE);
	MAP_OR_ENODEV(u, fd, 8 * PAGE);
	ASSERT_EQ(0, trace("1"));
	GATE("hold write");
	DO(u, STORE, 0, 'a');
	DO(u, KICK, fd);
	GATE("wait write");
	begin(u, STORE, 0, 'b');
	EXPECT_BLOCKED(u, "fuse_page_mkwrite");
	GATE("release");
	EXPECT_RESULT(0, u);

	/* what is beyond the new size is dropped, what it cuts is cropped */
	GATE("hold truncate");
	begin(v, TRUNCATE, other, PAGE + 100);
	GATE("wait truncate");
	DO(u, STORE_PAGES, 1, 1, 'c');
	DO(u, STORE_PAGES, 6, 1, 'd');
	DO(u, KICK, fd);
	GATE("release");
	EXPECT_RESULT(0, v);
	DO(u, FSYNC, fd);
	EXPECT_EQ(0, trace("0"));

	THEN("fuse_writepage_queue:", "offset 0 size 4096");
	THEN("fuse_writepage_send:", "offset 0 size 4096");
	THEN("fuse_mkwrite_wait:", "offset 0");
	THEN("fuse_writepage_end:", "offset 0 size 4096 written 4096 error 0");
	THEN("fuse_nowrite_wait:", "sent 0");
	THEN("fuse_nowrite_set:", "sent 0");
	THEN("fuse_writepage_queue:", "offset 4096 size 4096");
	THEN("fuse_writepage_queue:", "offset 24576 size 4096");
	THEN("fuse_nowrite_release:", "");
	/* pages 0 and 1 are one WRITE, up to the new end of the file */
	THEN("fuse_writepage_send:", "offset 0 size 4196");
	THEN("fuse_writepage_drop:", "offset 24576");
	THEN("fuse_writepage_end:", "offset 0 size 4196 written 4196 error 0");
	outcome("each step is told");
}

/* Where there is no memory for the copy: the page stays dirty, which is told, too. */
SCENARIO(a_page_that_stays_dirty)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), nth;
	bool failed = true;

	if (kernel() != PATCHED) {
		outcome("no such tracepoints");
		return;
	}
	ASSERT_TRUE(fault_injection());
	DO(u, TRUNCATE, fd, 4 * PAGE);
	MAP_OR_ENODEV(u, fd, 4 * PAGE);
	ASSERT_EQ(0, trace("1"));
	for (nth = 1; failed && nth < 100; nth++) {
		DO(u, STORE_EVERY, 0, 2, nth % 64 + 1, 2);
		DO(u, FAIL_NTH, nth);
		do_(u, KICK, fd);
		failed = do_(u, FAILED);
		do_(u, FSYNC, fd);
	}
	EXPECT_EQ(0, trace("0"));
	EXPECT_NE(0, line(0, "fuse_writepage_redirty:", "size 4096"));
}

TEST_HARNESS_MAIN
