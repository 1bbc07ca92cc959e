// SPDX-License-Identifier: GPL-2.0-only
/*
 * X1: whatever the server answers to a page's WRITE, nobody hangs, writeback goes on
 * with the next store, and fsync(2) tells of every byte that the server may not have.
 *
 * Each wrong answer is given while a truncation waits for that WRITE, which must take
 * it for an end like any other. Two of them are silent loss on stock: a short reply
 * (A10), and none of it written. A reply that claims more than the server was given is
 * an error on `patched` only: stock looks at the size in no reply.
 */
#include "scenario.h"

static const struct {
	const char *rule;
	int patched, stock; /* what fsync says */
} answer[] = {
	{ "fail EIO write times=1", EIO, EIO },
	{ "fail ENOSPC write times=1", ENOSPC, ENOSPC },
	{ "fail EINTR write times=1", EIO, EINTR },
	{ "fail EAGAIN write times=1", EIO, EAGAIN },
	{ "short 0 write times=1", EIO, 0 },
	{ "short 100 write times=1", EIO, 0 },
	{ "short 4097 write times=1", EIO, 0 },
	{ "claim 16384 write times=1", EIO, 0 },
	{ "claim 4294967295 write times=1", EIO, 0 },
	{ "garble 3 write times=1", EIO, EIO },
	{ "garble 100 write times=1", EIO, EIO },
	{ "twice write times=1", 0, 0 },
};

SCENARIO(while_a_truncation_waits)
{
	for (unsigned int i = 0; i < sizeof(answer) / sizeof(*answer); i++) {
		int expected = kernel() == STOCK ? answer[i].stock :
						   answer[i].patched;
		int fd = OPEN(u, "f", O_RDWR | O_CREAT | O_TRUNC);
		int other = OPEN(v, "f", O_RDWR);
		long told;

		DO(u, TRUNCATE, fd, 2 * PAGE);
		MAP_OR_ENODEV(u, fd, 2 * PAGE);
		GATE("hold write");
		GATE("%s", answer[i].rule);
		DO(u, STORE_PAGES, 0, 2, 'a');
		DO(u, KICK, fd);
		GATE("wait write");
		begin(v, TRUNCATE, other, 3 * PAGE);
		EXPECT_BLOCKED(v, "fuse_set_nowrite");
		GATE("release");
		EXPECT_RESULT(0, v);

		told = do_(u, FSYNC, fd);
		EXPECT_EQ(-expected, told)
		{
			TH_LOG("that is after: %s", answer[i].rule);
		}
		GATE("remove all");
		DO(u, STORE_PAGES, 0, 2, 'b');
		EXPECT_DO(0, u, FSYNC, fd);
		EXPECT_EQ('b', server_byte("f", 0));
		EXPECT_EQ('b', server_byte("f", PAGE));
		DO(u, UNMAP);
		DO(u, CLOSE, fd);
		EXPECT_NE(-ETIME, do_(v, CLOSE, other)); /* tells, too */
	}
	outcome(kernel() == STOCK ? "short replies: data lost, fsync 0" :
				    "fsync tells every loss");
}

TEST_HARNESS_MAIN
