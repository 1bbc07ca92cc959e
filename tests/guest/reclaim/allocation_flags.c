// SPDX-License-Identifier: GPL-2.0-only
/*
 * R7: what writeback allocates must not come back to the filesystem (GFP_NOFS).
 *
 * A page is written by whoever needs it clean: with locks held, and from reclaim. An
 * allocation that enters the filesystem again deadlocks, sooner or later. So all of them
 * are GFP_NOFS, and the temporary page, which is only copied to, may come from high memory.
 * GFP_KERNEL in its place passed all other tests. Nor may any be __GFP_NOFAIL: reclaim can
 * not wait for memory. So `patched` has the request before it says that a page is written;
 * with the first ones unused, and others allocated when they were sent, all else passed.
 *
 * The kernel's own trace events tell the flags of each allocation.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#define TRACING "/sys/kernel/tracing/"

static int trace(pid_t pid)
{
	char text[16];

	mount("tracefs", TRACING, "tracefs", 0, NULL); /* may be there */
	snprintf(text, sizeof(text), "%d", pid);
	return write_text(TRACING "tracing_on", "0") ||
	       write_text(TRACING "set_event_pid", text) ||
	       write_text(TRACING "buffer_size_kb", "8192") ||
	       write_text(TRACING "events/kmem/mm_page_alloc/enable", "1") ||
	       write_text(TRACING "events/kmem/kmalloc/enable", "1") ||
	       write_text(TRACING "events/kmem/kmem_cache_alloc/enable", "1") ||
	       write_text(TRACING "tracing_on", "1");
}

static int trace_end(void)
{
	return write_text(TRACING "tracing_on", "0") ||
	       write_text(TRACING "events/enable", "0");
}

/* Lines of the trace that have @what, and @too; the first of them is in @line. */
static int lines(const char *what, const char *too, char *line, size_t size)
{
	FILE *f = fopen(TRACING "trace", "r");
	char text[512];
	int n = 0;

	*line = '\0';
	while (f && fgets(text, sizeof(text), f))
		if (*text != '#' && strstr(text, what) &&
		    (!too || strstr(text, too)) && !n++)
			snprintf(line, size, "%s", text);
	if (f)
		fclose(f);
	return n;
}

/* Start writing back, and nothing else, under the eyes of the tracer. */
static long traced_kick(char *map, const long arg[4])
{
	long err;

	(void)map;
	err = trace(getpid()) ? -EIO : 0;
	if (!err && sync_file_range(arg[0], 0, 0, SYNC_FILE_RANGE_WRITE))
		err = -errno;
	trace_end();
	return err;
}

#define PAGES 8

SCENARIO(none_enters_the_filesystem)
{
	int fd = MAPPED_FILE(u, "f", PAGES * PAGE);
	char line[512];

	DO(u, STORE_EVERY, 0, PAGES / 2, 'a', 2);
	DO(u, CALL, (long)traced_kick, fd);
	/* the temporary pages, and besides a request each */
	EXPECT_LE(can(TEMP_PAGES) ? PAGES / 2 : 0,
		  lines("__GFP_HIGHMEM", NULL, line, sizeof(line)));
	EXPECT_LE(PAGES, lines("GFP_NOFS", NULL, line, sizeof(line)));
	EXPECT_EQ(0, lines("call_site=fuse_", "GFP_KERNEL", line, sizeof(line)))
	{
		TH_LOG("%s", line);
	}
	EXPECT_EQ(0, lines("__GFP_HIGHMEM", "GFP_KERNEL", line, sizeof(line)))
	{
		TH_LOG("%s", line);
	}
	if (kernel() == PATCHED) {
		EXPECT_EQ(0, lines("call_site=fuse_", "__GFP_NOFAIL", line,
				   sizeof(line)))
		{
			TH_LOG("%s", line);
		}
	}
	outcome("GFP_NOFS");
}

TEST_HARNESS_MAIN
