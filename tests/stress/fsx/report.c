// SPDX-License-Identifier: GPL-2.0-only
/* What went wrong, for people. */
#include <stdlib.h>
#include <string.h>

#include "fsx.h"

#define LAST_OPS 12 /* operations shown */

/* Which operation left the expected bytes there, and whose are those found? */
static void print_origin(void)
{
	uint64_t off = shared->bad_off;
	unsigned int n = shared->bad_len;
	char text[64];
	uint8_t *m = calloc(1, opt.length + SHOWN), was[SHOWN] = { 0 };
	uint32_t size = 0;
	long made = -1, found = -1;
	bool zeros = true;

	if (!m)
		io_error("no memory");
	for (unsigned int i = 0; i < n; i++)
		zeros &= !shared->found[i];
	for (uint32_t i = 0; i < shared->bad_op; i++) {
		size = apply(&history[i], m, size);
		if (!memcmp(m + off, was, n))
			continue;
		memcpy(was, m + off, n);
		if (!memcmp(was, shared->expected, n))
			made = i;
		if (!memcmp(was, shared->found, n))
			found = i;
	}
	free(m);
	print_bytes(text, sizeof(text), "expected", shared->expected, n);
	printf("fsx:   %s", text);
	if (made >= 0)
		printf("   since operation %ld: %s", made,
		       op_info[history[made].kind].name);
	putchar('\n');
	print_bytes(text, sizeof(text), "found   ", shared->found, n);
	printf("fsx:   %s", text);
	if (found >= 0)
		printf("   stale: so it was since operation %ld: %s", found,
		       op_info[history[found].kind].name);
	else if (zeros)
		printf("   zeros");
	putchar('\n');
	printf("fsx:   looked at again: %s\n", shared->views);
}

void report(void)
{
	uint32_t n = min_u32(shared->nr_log, shared->bad_op + 1), i;

	if (shared->bad_data) {
		printf("fsx: DIFFERENCE at operation %u, by %s\n",
		       shared->bad_op, shared->message);
		printf("fsx: first differing byte at offset %#llx (page %llu, byte %#llx): "
		       "expected 0x%02x, found 0x%02x; %llu differ, the last at %#llx\n",
		       (unsigned long long)shared->bad_off,
		       (unsigned long long)(shared->bad_off / page),
		       (unsigned long long)(shared->bad_off % page),
		       shared->expected[0], shared->found[0],
		       (unsigned long long)shared->bad_count,
		       (unsigned long long)shared->bad_last);
		print_origin();
	} else {
		printf("fsx: %s at operation %u: %s\n",
		       shared->verdict == V_DIFF ? "DIFFERENCE" : "ERROR",
		       shared->bad_op, shared->message);
	}
	if (script)
		printf("fsx: replay of %s; last operations:\n", opt.replay);
	else
		printf("fsx: seed %llu; last operations:\n",
		       (unsigned long long)common.seed);
	printf("       #operation    offset   length        to f       data process\n");
	for (i = n > LAST_OPS ? n - LAST_OPS : 0; i < n; i++) {
		printf("%6u ", i);
		print_op(stdout, &history[i]);
	}
	fflush(stdout);
}
