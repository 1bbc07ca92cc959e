// SPDX-License-Identifier: GPL-2.0-only
/*
 * C1: no memory for writeback: the data of a page must not get lost.
 *
 * Writeback allocates a temporary page, and a request to send it with. If one of these
 * allocations fails the page is dirty again.
 *
 * Each allocation that starting writeback makes is made to fail, one after the other:
 * the first, the second... until there is none left to fail. After each the data must
 * still get to the server, or fsync must say that it did not.
 *
 * Stock 6.12 fails this: the page stays clean, its data is only in the cache, and fsync
 * says 0. sync_file_range(2) gets ENOMEM; of the flusher's failure nobody hears. iomap
 * (ef7e7cbb323f) keeps such an error for fsync.
 */
#include "scenario.h"

#define LOSES (kernel() == STOCK && !can(IOMAP_WRITEBACK))

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
		do_(u, KICK, fd); /* may tell of the failure, or not */
		failed = do_(u, FAILED);
		if (do_(u, FSYNC, fd))
			continue;
		for (int page = 0; page <= 2; page += 2) {
			if (server_byte("f", page * PAGE) == byte)
				continue;
			lost++;
			if (!LOSES)
				TH_LOG("lost: page %d, where allocation %d failed",
				       page, nth);
		}
	}
	/* a temporary page and a request, at the least */
	EXPECT_LT(2, nth);
	EXPECT_FALSE(failed);
	EXPECT_EQ(LOSES, lost > 0);
}

/*
 * The same for all else that writes pages back. A call that waits for its data may wait
 * for memory, too, so these mostly go well; if not they say so, and a second try does.
 */
SCENARIO(whoever_writes_back)
{
	static const struct {
		const char *name;
		enum verb what;
	} way[] = {
		{ "fsync", FSYNC },
		{ "msync", MSYNC },
		{ "munmap", UNMAP },
		{ "close", CLOSE },
		{ "truncate to more", TRUNCATE },
		{ "fallocate", FALLOCATE },
		{ "pwrite", WRITE },
	};
	int fd, spare, nth, byte, lost = 0;
	bool failed;

	ASSERT_TRUE(fault_injection());
	spare = OPEN(u, "f", O_RDWR | O_CREAT);
	DO(u, TRUNCATE, spare, 2 * PAGE);
	MAP_OR_ENODEV(u, spare, 2 * PAGE);
	for (unsigned int i = 0; i < sizeof(way) / sizeof(*way); i++) {
		failed = true;
		for (nth = 1; failed && nth < 200; nth++) {
			long size = 2 * PAGE + nth, arg[5] = { 0 }, told;

			byte = nth % 64 + 1;
			DO(u, TRUNCATE, spare, 2 * PAGE);
			fd = OPEN(u, "f", O_RDWR);
			DO(u, MAP, fd, 2 * PAGE);
			DO(u, STORE_PAGES, 0, 2, byte);
			arg[0] = fd;
			switch (way[i].what) {
			case MSYNC:
				arg[0] = 0;
				arg[1] = 2 * PAGE;
				break;
			case TRUNCATE:
				arg[1] = size;
				break;
			case FALLOCATE:
				arg[3] = size;
				break;
			case WRITE:
				arg[1] = 100;
				arg[2] = 10;
				arg[3] = byte;
				break;
			default:
				break;
			}
			DO(u, FAIL_NTH, nth);
			begin_args(u, way[i].what, arg);
			told = finish(u); /* may tell of the failure, or not */
			failed = do_(u, FAILED);
			/* a sync that says 0 has done it, others leave it to the next one */
			if (way[i].what != FSYNC && way[i].what != MSYNC)
				told = do_(u, FSYNC, spare);
			if (told == 0 && (server_byte("f", 0) != byte ||
					  server_byte("f", PAGE) != byte)) {
				lost++;
				if (!LOSES)
					TH_LOG("lost by %s, where allocation %d failed",
					       way[i].name, nth);
			}
			if (way[i].what != CLOSE)
				DO(u, CLOSE, fd);
			DO(u, UNMAP);
		}
		EXPECT_FALSE(failed);
	}
	EXPECT_EQ(LOSES, lost > 0);
	outcome(lost ? "data lost, fsync 0" : "nothing lost");
}

TEST_HARNESS_MAIN
