// SPDX-License-Identifier: GPL-2.0-only
/* What the kernel under test can do: see capability.h. */
#include "capability.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox.h"

#define MAX_SIGNS 4

static bool sync_waits(struct user *user);
static bool clears_tail(struct user *user);

/*
 * Functions by which to tell. One of @yes: it can; one of @no: it cannot. Where @no is
 * empty, to have none of @yes says so, too; but where there is @try, that then tells.
 */
static const struct {
	const char *name;
	const char *yes[MAX_SIGNS], *no[MAX_SIGNS];
	bool (*try)(struct user *user);
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
	[LIFT_LIMIT] = { "a limit of dirty pages that root may lift",
			 { "bdi_set_strict_limit" },
			 { NULL } },
	[SYNC_WAITS] = { "a sync(2) that waits for WRITEs in flight",
			 { NULL },
			 { "fuse_find_writeback",
			   "fuse_wait_on_range_writeback",
			   /* of 7.2: what mends it is older */
			   "fuse_chan_send" },
			 sync_waits },
	[CLEARS_TAIL] = { "a clear tail after the old end of a file that grows",
			  { /* came to mainline with it */
			    "iomap_folio_mark_uptodate",
			    /* of `patched` */
			    "fuse_extend" },
			  { NULL },
			  clears_tail },
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
		if (!name++)
			continue;
		any |= !strncmp(name, "fuse_", 5);
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

static long must(long result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "# %s, to know what the kernel can do: %s\n",
			what, strerror(-result));
		exit(1);
	}
	return result;
}

static void tell_gate(const char *command)
{
	if (gate(server_gate, "%s", command) != GATE_OK) {
		fprintf(stderr, "# gate %s: %s\n", command,
			gate_text(server_gate));
		exit(1);
	}
}

static bool sync_waits(struct user *user)
{
	int fd = open_file(user, "asked", O_RDWR | O_CREAT);
	bool waits;

	must(do_(user, TRUNCATE, fd, PAGE), "ftruncate");
	must(do_(user, MAP, fd, PAGE), "mmap");
	tell_gate("hold write");
	must(do_(user, STORE, 0, 'a'), "store");
	must(do_(user, KICK, fd), "sync_file_range");
	tell_gate("wait write");
	begin(user, SYNC);
	settle(30);
	waits = busy(user);
	tell_gate("release");
	must(finish(user), "sync");
	must(do_(user, UNMAP), "munmap");
	must(do_(user, CLOSE, fd), "close");
	return waits;
}

static bool clears_tail(struct user *user)
{
	int fd = open_file(user, "asked", O_RDWR | O_CREAT);
	long byte;

	must(do_(user, TRUNCATE, fd, 100), "ftruncate");
	must(do_(user, MAP, fd, PAGE), "mmap");
	must(do_(user, STORE, 200, 'a'), "store");
	must(do_(user, TRUNCATE, fd, PAGE), "ftruncate");
	byte = must(do_(user, READ, fd, 200), "read");
	must(do_(user, UNMAP), "munmap");
	must(do_(user, CLOSE, fd), "close");
	return !byte;
}

bool try_out(enum capability capability)
{
	struct user *user = user_new();
	bool yes;

	tell_gate("rules");
	if (*gate_output(server_gate)) {
		fprintf(stderr, "# %s: to be asked before the gate has rules\n",
			table[capability].name);
		exit(1);
	}
	yes = table[capability].try(user);
	begin_unlink(user, "asked");
	must(finish(user), "unlink");
	user_kill(user);
	user_gone(user);
	tell_gate("reset");
	return yes;
}

static bool ask(enum capability capability)
{
	static bool read;
	bool yes, no;

	if (!read)
		read_kallsyms();
	read = true;
	yes = seen_yes[capability];
	no = table[capability].no[0] || table[capability].try ?
		     seen_no[capability] :
		     !yes;
	/* what has no page writeback has none of its kinds */
	if (!yes && !no && !seen_yes[PAGE_WRITEBACK])
		no = true;
	if (!yes && !no && table[capability].try)
		return try_out(capability);
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
