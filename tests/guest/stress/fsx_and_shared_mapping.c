// SPDX-License-Identifier: GPL-2.0-only
/*
 * C11: random operations through every way to a file, checked byte by byte, and
 * several processes at a shared mapping: what the patch was "tested extensively" with.
 *
 * A short run of each, as part of every test run; the programs can be run for as long
 * as you like: fsx --help, shared-mapping --help.
 */
#include "scenario.h"

/* What it prints is for people: stdout is for the results. */
#define RUN(command) WEXITSTATUS(system(command " >&2"))

#define FSX "fsx -q --server " SERVER "/x " MOUNT "/x "

SCENARIO(fsx)
{
	/* A19: what was stored past the end of the file comes back */
	if (kernel() == STOCK && !can(CLEARS_TAIL)) {
		EXPECT_EQ(0, RUN(FSX "-N 500 --ops -mapeof"));
		EXPECT_EQ(1, RUN(FSX "-N 500 --ops truncate,mapeof,write"));
		outcome("fault: stale bytes past EOF, else no difference");
		return;
	}
	EXPECT_EQ(0, RUN(FSX "-N 500"));
	outcome("no difference");
}

SCENARIO(fsx_by_two)
{
	EXPECT_EQ(0, RUN("fsx -q -N 200 --procs 2 --server " SERVER "/x " MOUNT
			 "/x"));
}

SCENARIO(shared_mapping)
{
	/* 3: there is no shared writable mapping */
	EXPECT_EQ(
		kernel() == BEFORE ? 3 : 0,
		RUN("shared-mapping -q -N 100 -s 512K --procs 3 --server " SERVER
		    "/y " MOUNT "/y"));
}

TEST_HARNESS_MAIN
