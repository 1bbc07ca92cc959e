// SPDX-License-Identifier: GPL-2.0-only
/*
 * R2: somebody else's WRITE has failed, and a bystander's lock stays for ever.
 *
 * close(2) sends FLUSH, and with FLUSH the server drops the POSIX locks of who closes.
 * The kernel looked for errors of writeback before that, and if there was one close
 * returned it and sent nothing: the lock stayed until the file was closed by everybody,
 * and close failed for one who had stored nothing. Mainline forgets the error once it
 * is told, so it loses one lock; `patched` kept it for fsync, and lost them all.
 */
#include "scenario.h"

static long lock(char *map, const long arg[4])
{
	struct flock all = { .l_type = F_WRLCK };

	(void)map;
	return fcntl(arg[0], F_SETLK, &all) ? -errno : 0;
}

/* v has stored a byte, and its WRITE has failed; @v_fd may still be closed. */
static void fail_a_write(struct user *v, int v_fd)
{
	GATE("fail EIO write");
	DO(v, STORE, 0, 'a');
	DO(v, KICK, v_fd);
	GATE("wait done write");
	GATE("remove all");
	DO(v, SYNC);
}

SCENARIO(bystander_closes_last)
{
	int v_fd = MAPPED_FILE(v, "f", PAGE), u_fd = OPEN(u, "f", O_RDWR), w_fd;

	DO(u, CALL, (long)lock, u_fd);
	fail_a_write(v, v_fd);

	EXPECT_DO(-EIO, v, CLOSE, v_fd);
	EXPECT_DO(0, u, CLOSE, u_fd);
	EXPECT_LE(1, GATE_NUMBER("count seen flush"));
	w_fd = OPEN(w, "f", O_RDWR);
	EXPECT_DO(0, w, CALL, (long)lock, w_fd);
	/* whoever had it open when the WRITE failed can still ask */
	DO(v, UNMAP);
}

SCENARIO(bystander_closes_first)
{
	int v_fd = MAPPED_FILE(v, "f", PAGE), u_fd = OPEN(u, "f", O_RDWR), w_fd;
	bool stock = kernel() == STOCK;

	DO(u, CALL, (long)lock, u_fd);
	fail_a_write(v, v_fd);

	EXPECT_DO(stock ? -EIO : 0, u, CLOSE, u_fd);
	EXPECT_EQ(!stock, GATE_NUMBER("count seen flush"));
	w_fd = OPEN(w, "f", O_RDWR);
	EXPECT_DO(stock ? -EAGAIN : 0, w, CALL, (long)lock, w_fd);
	/* the one who stored is told, unless the other one was */
	EXPECT_DO(stock ? 0 : -EIO, v, CLOSE, v_fd);
	outcome(kernel() == STOCK ? "the lock stays" : "the lock goes");
}

/* The error comes with the WRITE that close itself sends: FLUSH follows all the same. */
SCENARIO(his_own_lock)
{
	int u_fd = MAPPED_FILE(u, "f", PAGE), w_fd;
	bool stock = kernel() == STOCK;

	DO(u, CALL, (long)lock, u_fd);
	DO(u, STORE, 0, 'a');
	GATE("fail ENOSPC write");
	EXPECT_DO(-ENOSPC, u, CLOSE, u_fd);
	EXPECT_EQ(!stock, GATE_NUMBER("count seen flush"));
	w_fd = OPEN(w, "f", O_RDWR);
	EXPECT_DO(stock ? -EAGAIN : 0, w, CALL, (long)lock, w_fd);
}

TEST_HARNESS_MAIN
