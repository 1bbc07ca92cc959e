// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel under test can do: see capability.h. */
#include "capability.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc.h"

#define MAX_SIGNS 4

/*
 * Functions by which to tell. One of @yes: it can; one of @no: it cannot. Where @no is
 * empty, to have none of @yes says so, too.
 */
static const struct {
	const char *name;
	const char *yes[MAX_SIGNS], *no[MAX_SIGNS];
} table[NR_CAPABILITIES] = {
	[PAGE_WRITEBACK] = { "page writeback", { "fuse_writepages" }, { NULL } },
	[TEMP_PAGES] = { "temporary pages",
			 /* of mainline until 6.15; of `patched` */
			 { "fuse_find_writeback",
			   "fuse_wait_on_range_writeback" },
			 { "fuse_iomap_writeback_submit" } },
	[IOMAP_WRITEBACK] = { "writeback through iomap",
			      { "fuse_iomap_writeback_submit" },
			      { "fuse_writepages_fill",
				"fuse_writepage_locked" } },
	[WRITEPAGE_OP] = { "->writepage", { "fuse_writepage" }, { NULL } },
	/* how write(2) marks pages where they may be parts of a large folio */
	[FAILED_WRITE_STAYS] = { "failed writes that stay in the cache",
				 { "iomap_folio_mark_uptodate" },
				 { NULL } },
	[REQUEST_TIMEOUT] = { "request timeouts",
			      { "fuse_check_timeout" },
			      { NULL } },
};

static bool seen_yes[NR_CAPABILITIES], seen_no[NR_CAPABILITIES];

static bool is_one_of(const char *function, const char *const *list)
{
	for (int i = 0; i < MAX_SIGNS && list[i]; i++)
		if (!strcmp(function, list[i]))
			return true;
	return false;
}

/* Lines "address type name"; copies of a function that gcc made have .part.0 behind */
static void read_kallsyms(void)
{
	char line[256], *name;
	FILE *f = fopen("/proc/kallsyms", "r");
	bool any = false;

	while (f && fgets(line, sizeof(line), f)) {
		name = strrchr(line, ' ');
		if (!name++ ||
		    (strncmp(name, "fuse_", 5) && strncmp(name, "iomap_", 6)))
			continue;
		any = true;
		name[strcspn(name, ".\n\t")] = 0;
		for (int i = 0; i < NR_CAPABILITIES; i++) {
			seen_yes[i] |= is_one_of(name, table[i].yes);
			seen_no[i] |= is_one_of(name, table[i].no);
		}
	}
	if (f)
		fclose(f);
	if (!any) {
		fprintf(stderr, "# /proc/kallsyms names no function of FUSE\n");
		exit(1);
	}
}

static bool ask(enum capability capability)
{
	static bool read;
	bool yes, no;

	if (!read)
		read_kallsyms();
	read = true;
	yes = seen_yes[capability];
	no = table[capability].no[0] ? seen_no[capability] : !yes;
	/* what has no page writeback has none of its kinds */
	if (!yes && !no && !seen_yes[PAGE_WRITEBACK])
		no = true;
	if (yes == no) {
		fprintf(stderr,
			"# does this kernel have %s? Its functions speak %s: see tests/lib/capability.c\n",
			table[capability].name,
			yes ? "for it and against it" :
			      "neither for it nor against it");
		exit(1);
	}
	return yes;
}

bool can(enum capability capability)
{
	static signed char known[NR_CAPABILITIES]; /* 1 yes, -1 no */

	if (!known[capability])
		known[capability] = ask(capability) ? 1 : -1;
	return known[capability] > 0;
}

long pages_in_flight(void)
{
	return vmstat(can(TEMP_PAGES) ? "nr_writeback_temp" : "nr_writeback");
}
