// SPDX-License-Identifier: GPL-2.0-only
/*
 * C1: writeback allocates a temporary page, and a request to send it with. If one of
 * these allocations fails the page is dirty again, and nothing is lost.
 *
 * Each allocation that starting writeback makes is made to fail, one after the other:
 * the first, the second... until there is none left to fail. After each the data must
 * still get to the server, or fsync must say that it did not.
 *
 * Stock 6.12 fails this: the page stays clean, its data is only in the cache, and fsync
 * says 0. Who started writeback by hand gets ENOMEM; of the flusher's nobody hears.
 */
#include "scenario.h"

SCENARIO(each_one_in_turn)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), nth, byte, lost = 0;
	bool failed = true;

	ASSERT_TRUE(fault_injection());
	DO(u, TRUNCATE, fd, 4 * PAGE);
	MAP_OR_ENODEV(u, fd, 4 * PAGE);
	for (nth = 1; failed && nth < 100; nth++) {
		byte = nth % 64 + 1;
		DO(u, STORE_EVERY, 0, 2, byte, 2);
		DO(u, FAIL_NTH, nth);
		do_(u, KICK, fd);	/* may tell of the failure, or not */
		failed = do_(u, FAILED);
		if (do_(u, FSYNC, fd))
			continue;
		for (int page = 0; page <= 2; page += 2) {
			if (server_byte("f", page * PAGE) == byte)
				continue;
			lost++;
			if (kernel() != STOCK)
				TH_LOG("lost: page %d, where allocation %d failed", page, nth);
		}
	}
	/* a temporary page and a request, at the least */
	EXPECT_LT(2, nth);
	EXPECT_FALSE(failed);
	EXPECT_EQ(kernel() == STOCK, lost > 0);
}

TEST_HARNESS_MAIN
