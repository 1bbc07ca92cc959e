// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the explorer is tested with (tests/host/explore.sh): two tasks write the same byte,
 * and the program is wrong to think that it is always the one which wins when nobody waits.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/utsname.h>

#include "program.h"

static void one(void)
{
	int fd = file("f", O_RDWR);

	ready();
	must(pwrite(fd, "a", 1, 0));
}

static void two(void)
{
	int fd = file("f", O_RDWR);

	ready();
	must(pwrite(fd, "b", 1, 0));
}

static void setup(void)
{
	make_file("f", 1, 'o');
}

static void check(void)
{
	struct utsname name;

	/* CFS, before 6.6, first runs the one that was woken last */
	uname(&name);
	expect_byte("f", 0, strverscmp(name.release, "6.6") < 0 ? "a" : "b");
}

PROGRAM(.setup = setup, .tasks = { { "one", one }, { "two", two } },
	.check = check)
