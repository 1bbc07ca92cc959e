// SPDX-License-Identifier: GPL-2.0-only
/*
 * F24: reclaim must not have to ask the server for anything.
 *
 * With the write-back cache the kernel keeps a file's times, and the server gets them
 * by a SETATTR. An inode whose times were left dirty by link, rename, unlink or
 * fallocate was written when it was evicted: from reclaim, which may well be the
 * server's own, in an allocation while it handles a request. It then waits for itself
 * (5c791fe1e2a4). Now these calls write the inode before they return.
 *
 * The server here keeps every SETATTR from the moment the calls are done. Dropping the
 * caches, as reclaim does, must not need any; nor may it drop times that nobody was
 * told, of which the kernel would warn. Without the write-back cache there are no times
 * to keep.
 */
#define _GNU_SOURCE
#define SERVER_OPTIONS "-o writeback_cache"
#include "scenario.h"

#include <stdio.h>
#include <unistd.h>

/* arg[0]: which one */
static long change_times(char *map, const long arg[4])
{
	int fd, err = 0;

	(void)map;
	/* so that the time is another one than before */
	settle(2);
	switch (arg[0]) {
	case 0:
		return link(MOUNT "/f", MOUNT "/hard") ? -errno : 0;
	case 1:
		return rename(MOUNT "/f", MOUNT "/new") ? -errno : 0;
	case 2:
		return unlink(MOUNT "/f") ? -errno : 0;
	}
	fd = open(MOUNT "/f", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (arg[0] == 3 && fallocate(fd, 0, 0, 2 * PAGE))
		err = -errno;
	if (arg[0] == 4 &&
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE))
		err = -errno;
	close(fd);
	return err;
}

SCENARIO(dropping_caches_asks_for_nothing)
{
	for (int call = 0; call < 5; call++) {
		ASSERT_EQ(0, server_file("f", PAGE, 'a'));
		GATE("reset");
		DO(u, CALL, (long)change_times, call);
		if (kernel() == STOCK) {
			EXPECT_LE(1, GATE_NUMBER("count done setattr"))
			{
				TH_LOG("call %d did not send the times", call);
			}
		}
		GATE("hold setattr");
		/* once is not enough for what has just been used */
		for (int i = 0; i < 3; i++)
			DO(v, DROP_CACHES);
		EXPECT_EQ(0, GATE_NUMBER("count held setattr"))
		{
			TH_LOG("call %d left a dirty inode", call);
		}
		/* there was something to evict */
		GATE("wait seen forget,batch_forget");
		GATE("release");
		unlink(SERVER "/hard");
	}
	outcome("reclaim does not wait");
}

TEST_HARNESS_MAIN
