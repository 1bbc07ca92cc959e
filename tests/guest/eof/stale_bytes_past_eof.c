// SPDX-License-Identifier: GPL-2.0-only
/*
 * M1: a file grows over bytes that were stored past its end.
 *
 * Until 34b5c4a6e4fb nothing zeroed the rest of the last page when the end moved on,
 * so a mapping of the file had 3072 of 3072 bytes that never were part of it. A19 looks
 * at it by read(2) and at the server's copy; this through the mapping, byte by byte.
 */
#include "scenario.h"

#define EOF_AT 1024
#define STALE (kernel() == STOCK && !can(CLEARS_TAIL) ? PAGE - EOF_AT : 0)

SCENARIO(the_tail_reads_as_zeros)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	MAP_OR_ENODEV(u, fd, PAGE);
	for (int way = 0; way < 3; way++) {
		DO(u, TRUNCATE, fd, EOF_AT);
		DO(u, STORE_RANGE, EOF_AT, PAGE - EOF_AT, 'z');
		EXPECT_DO(PAGE - EOF_AT, u, LOAD_COUNT, EOF_AT, PAGE - EOF_AT);

		if (way == 0)
			DO(u, WRITE, fd, 2 * PAGE, 1, 'b');
		else if (way == 1)
			DO(u, TRUNCATE, fd, 2 * PAGE);
		else
			DO(u, FALLOCATE, fd, 0, 0, 2 * PAGE);
		EXPECT_DO(STALE, u, LOAD_COUNT, EOF_AT, PAGE - EOF_AT);
	}
	outcome(STALE ? "fault: 3072 stale bytes" : "zeros");
}

TEST_HARNESS_MAIN
