// SPDX-License-Identifier: GPL-2.0-only
/*
 * F15: a file is written, then made setuid, and is not setuid in the end.
 *
 * A program that installs a setuid file calls write, fchown and fchmod. With the
 * write-back cache the data stayed in the kernel and came to the server after the
 * SETATTR; a WRITE clears the setuid bit on the server (b24e7598db62). The WRITE has to
 * be answered before the SETATTR is sent. Without that cache, on `before` and
 * `patched`, write(2) itself waits.
 */
#define SERVER_OPTIONS "-o writeback_cache"
#include "scenario.h"

#include <sys/stat.h>
#include <unistd.h>

static long install(char *map, const long arg[4])
{
	(void)map;
	if (pwrite(arg[0], "program", 7, 0) != 7 || fchown(arg[0], 0, 0) ||
	    fchmod(arg[0], 04755))
		return -errno;
	return 0;
}

SCENARIO(setattr_waits)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);
	struct stat st;

	GATE("hold write");
	GATE("reset");
	begin(u, CALL, (long)install, fd);
	GATE("wait write");
	settle(5);
	EXPECT_EQ(0, GATE_NUMBER("count seen setattr"));
	EXPECT_TRUE(busy(u));

	GATE("release");
	EXPECT_RESULT(0, u);
	EXPECT_LE(2, GATE_NUMBER("count seen setattr"));
	DO(u, FSYNC, fd);
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
	EXPECT_EQ(0, stat(SERVER "/f", &st));
	EXPECT_EQ(04755u, st.st_mode & 07777);
	EXPECT_EQ('p', server_byte("f", 0));
	outcome("setuid stays");
}

TEST_HARNESS_MAIN
