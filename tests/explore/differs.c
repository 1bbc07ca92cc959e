// SPDX-License-Identifier: GPL-2.0-only
/* No two runs are the same: it asks the CPU what to do. */
#include <x86intrin.h>

#include "program.h"

static void setup(void)
{
	make_file("f", PAGE, 'o');
}

static void either(void)
{
	int fd = file("f", O_RDWR);
	unsigned long long time = __rdtsc();
	char c;

	ready();
	for (int bit = 0; bit < 32; bit++)
		if (time >> bit & 1)
			must(pwrite(fd, "w", 1, 0));
		else
			must(pread(fd, &c, 1, 0));
}

PROGRAM(.setup = setup, .tasks = { { "either", either } })
