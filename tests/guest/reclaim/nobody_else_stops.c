// SPDX-License-Identifier: GPL-2.0-only
/*
 * C5: a server that never answers stops nobody but those who wait for its data.
 *
 * What the design lists as places where the kernel may wait for writeback: migration
 * of pages and allocations of many pages (compaction), reclaim, sync(2). With pages of
 * the mount in flight all of them go on: they see clean pages. Where the page itself is
 * sent it is under writeback (0c58a97f919c). sync(2) passes it by (76f9377cd2ab); the
 * reclaim of a memory group that cannot throttle writers waits for the server (see F31), and
 * so may who compacts all memory, where it comes to such a page.
 */
#include <sys/mman.h>

#include "scenario.h"

SCENARIO(the_rest_goes_on)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);
	long throttled;

	ASSERT_EQ(0, memory_group(user_pid(u)));
	DO(u, TRUNCATE, fd, 16 * PAGE);
	MAP_OR_ENODEV(u, fd, 16 * PAGE);
	GATE("drop write");
	DO(u, STORE_PAGES, 0, 16, 'a');
	DO(u, KICK, fd);
	GATE("wait seen write");
	EXPECT_EQ(16, pages_in_flight());

	throttled = vmstat("nr_throttled_written");
	EXPECT_DO(0, v, SYNC);
	if (!can(TEMP_PAGES)) {
		begin(w, RECLAIM, 64);
		EXPECT_BLOCKED(w, "shrink_folio_list");
		EXPECT_EQ(0, abort_connection());
		EXPECT_NE(-ETIME, finish(w));
		outcome("fault: a memory group's reclaim waits for the server");
		return;
	}
	EXPECT_DO(0, v, COMPACT);
	EXPECT_DO(0, v, RECLAIM, 64);
	EXPECT_LT(8, memory_stat("pgsteal"));
	EXPECT_EQ(16, pages_in_flight());
	/* the throttle of today's reclaim, after throttle_vm_writeout() */
	EXPECT_EQ(throttled, vmstat("nr_throttled_written"));
	outcome("the rest goes on");
}

#define PAGES 2048l

/* Physical pages of the mapping; a second call tells how many have moved since. */
static long moved(char *map, const long arg[4])
{
	static uint64_t frame[PAGES];
	int fd = open("/proc/self/pagemap", O_RDONLY);
	long n = 0;

	for (long i = 0; i < PAGES; i++) {
		uint64_t entry;

		/* migration leaves pages mapped; a byte must be there */
		if (map[i * PAGE] != arg[0] ||
		    pread(fd, &entry, 8, ((uintptr_t)map / PAGE + i) * 8) != 8)
			n = -EIO;
		entry &= (1ull << 55) - 1;
		if (n >= 0)
			n += frame[i] && frame[i] != entry;
		frame[i] = entry;
	}
	close(fd);
	return n;
}

/* The pages beside them are free again: wherever they lie, compaction has to move some. */
static long scattered(char *map, const long arg[4])
{
	char *between = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (between == MAP_FAILED)
		return -errno;
	for (long i = 0; i < PAGES; i++) {
		between[i * PAGE] = 1;
		map[i * PAGE] = arg[0];
	}
	return munmap(between, PAGES * PAGE) ? -errno : 0;
}

static void in_flight(struct user *u, int fd)
{
	ASSERT_EQ(0, bdi_set("max_ratio", "100"));
	ASSERT_EQ(0, bdi_set("strict_limit", "0"));
	GATE("drop write");
	DO(u, CALL, (long)scattered, 'a');
	DO(u, KICK, fd);
	GATE("wait seen write");
	EXPECT_EQ(PAGES, pages_in_flight());
}

SCENARIO(pages_in_flight_move)
{
	int fd = MAPPED_FILE(u, "f", PAGES * PAGE);

	in_flight(u, fd);
	DO(u, CALL, (long)moved, 'a');
	if (!can(TEMP_PAGES)) {
		begin(v, COMPACT);
		settle(5);
		EXPECT_DO(0, u, CALL, (long)moved, 'a');
		EXPECT_EQ(PAGES, pages_in_flight());
		EXPECT_EQ(0, abort_connection());
		EXPECT_RESULT(0, v);
		return;
	}
	EXPECT_DO(0, v, COMPACT);
	EXPECT_LT(0, do_(u, CALL, (long)moved, 'a'));
	EXPECT_EQ(PAGES, pages_in_flight());
}

TEST_HARNESS_MAIN
