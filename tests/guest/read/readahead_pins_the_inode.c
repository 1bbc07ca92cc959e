// SPDX-License-Identifier: GPL-2.0-only
/*
 * F28: pages that are being read ahead keep their inode.
 *
 * Nobody waits for readahead: the file may be closed while READ is with the server, and
 * the inode become unused. Reclaim that evicts it waits for the pages of the READ; if
 * it is the server's own reclaim, in the handler of that READ, it waits for itself.
 * What pinned the inode was the RELEASE to be sent, and a server without OPEN gets
 * none (bd5603eaae0a).
 */
#define _GNU_SOURCE
#define SERVER_OPTIONS "-o no_open"
#include "scenario.h"

#include <unistd.h>

static long read_ahead(char *map, const long arg[4])
{
	int fd = open(MOUNT "/f", O_RDONLY | O_CLOEXEC), err;

	(void)map;
	(void)arg;
	if (fd < 0)
		return -errno;
	err = posix_fadvise(fd, 0, 16 * PAGE, POSIX_FADV_WILLNEED);
	close(fd);
	return -err;
}

SCENARIO(dropping_caches_does_not_wait)
{
	ASSERT_EQ(0, server_file("f", 16 * PAGE, 'a'));
	GATE("hold read");
	DO(u, CALL, (long)read_ahead);
	GATE("wait read");
	GATE("reset");

	EXPECT_DO(0, v, DROP_CACHES);
	EXPECT_EQ(0, GATE_NUMBER("count seen forget,batch_forget"));

	/* once it is answered the inode can go */
	GATE("release");
	GATE("wait done read");
	settle(1);
	EXPECT_DO(0, v, DROP_CACHES);
	GATE("wait seen forget,batch_forget");
	outcome("reclaim does not wait");
}

TEST_HARNESS_MAIN
