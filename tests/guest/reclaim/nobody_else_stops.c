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
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

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

static long free_memory(void)
{
	struct sysinfo info;

	return sysinfo(&info) ? 0 : info.freeram;
}

/*
 * The pages beside them are free again; and with arg[1] one half is stored before so much of
 * the free memory is taken, one after: whichever end the kernel takes its pages from, one
 * half lies where compaction moves pages away.
 */
static long scattered(char *map, const long arg[4])
{
	char *between = mmap(NULL, PAGES * PAGE + arg[1],
			     PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
	     *taken = between + PAGES * PAGE;

	if (between == MAP_FAILED)
		return -errno;
	for (long i = 0; i < PAGES; i++) {
		for (long at = 0; i == PAGES / 2 && at < arg[1]; at += PAGE)
			taken[at] = 1;
		between[i * PAGE] = 1;
		map[i * PAGE] = arg[0];
	}
	return munmap(between, PAGES * PAGE + arg[1]) ? -errno : 0;
}

static void in_flight(struct user *u, int fd, long taken)
{
	ASSERT_EQ(0, bdi_unlimit());
	GATE("drop write");
	DO(u, CALL, (long)scattered, 'a', taken);
	DO(u, KICK, fd);
	GATE("wait seen write");
	EXPECT_EQ(PAGES, pages_in_flight());
}

SCENARIO(pages_in_flight_move)
{
	int fd = MAPPED_FILE(u, "f", PAGES * PAGE);

	in_flight(u, fd, free_memory() - (96l << 20));
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

#define FILLED "/run/filled"
#define ORDER 5 /* costly: above 3 */
#define SLOTS 2048 /* of a pipe, 40 bytes each: 80 kB, or an order of 5 */

/* Blocks of the order, or larger ones, that are there for the taking. */
static long blocks(void)
{
	FILE *f = fopen("/proc/buddyinfo", "r");
	long n, sum = 0;

	if (!f)
		return -errno;
	if (fscanf(f, "Node 0, zone %*s") < 0)
		sum = -EIO;
	for (int order = 0; sum >= 0 && fscanf(f, "%ld", &n) == 1; order++)
		if (order >= ORDER)
			sum += n << (order - ORDER);
	fclose(f);
	return sum;
}

/*
 * All memory is taken by pages that cannot be moved, but for arg[0] MB in the larger blocks
 * that are left, and as much in single pages.
 */
static long fill(char *map, const long arg[4])
{
	static char chunk[16 * PAGE];
	const long left = arg[0] << 20;
	int keep, hole;

	(void)map;
	if (write_text("/proc/sys/vm/compact_unevictable_allowed", "0") ||
	    write_text("/proc/sys/vm/min_free_kbytes", "1024") ||
	    (mkdir(FILLED, 0700) && errno != EEXIST) ||
	    mount("ramfs", FILLED, "ramfs", 0, NULL))
		return -errno;
	keep = open(FILLED "/keep", O_WRONLY | O_CREAT, 0600);
	hole = open(FILLED "/hole", O_WRONLY | O_CREAT, 0600);
	while (free_memory() > 3 * left)
		if (write(keep, chunk, sizeof(chunk)) < 0)
			return -errno;
	while (free_memory() > left)
		if (write(keep, chunk, PAGE) < 0 ||
		    write(hole, chunk, PAGE) < 0)
			return -errno;
	close(keep);
	close(hole);
	return unlink(FILLED "/hole") ? -errno : 0;
}

static long emptied(char *map, const long arg[4])
{
	(void)map;
	(void)arg;
	return umount(FILLED) ? -errno : 0;
}

/* Up to arg[0] allocations of so many pages in one piece: how many go well? */
static long take(char *map, const long arg[4])
{
	long n;

	(void)map;
	for (n = 0; n < arg[0]; n++) {
		int end[2];

		if (pipe(end))
			return -errno;
		if (fcntl(end[0], F_SETPIPE_SZ, SLOTS * PAGE) < 0)
			break;
	}
	return n; /* they are freed when the user ends */
}

/*
 * Who needs many pages in one piece gets them, though memory is full of a silent server's
 * pages: these are clean, and can be moved or dropped.
 */
SCENARIO(many_pages_in_one_piece)
{
	int fd = MAPPED_FILE(u, "f", PAGES * PAGE);
	long there, got, more = PAGES / 4 >> ORDER;

	if (kept_by_cpus())
		SKIP(return,
			   "free pages, and references to those in use, that CPUs keep to themselves decide it");
	in_flight(u, fd, 0);
	DO(v, CALL, (long)fill, 16);
	there = blocks();
	ASSERT_LT(0, there);
	got = do_(w, CALL, (long)take, there + more);
	EXPECT_EQ(PAGES, pages_in_flight());
	if (got == there + more) {
		EXPECT_TRUE(can(TEMP_PAGES));
	} else {
		/*
		 * Would they if the pages were at rest? 6.1 does not even then: beyond
		 * the copies, which are free now, there is nothing.
		 */
		got = can(TEMP_PAGES) ? (PAGES >> ORDER) + more : 1;
		EXPECT_EQ(0, abort_connection());
		EXPECT_SOON(0, pages_in_flight());
		EXPECT_EQ(!can(TEMP_PAGES),
			  do_(w, CALL, (long)take, got) == got);
	}
	DO(v, CALL, (long)emptied);
}

TEST_HARNESS_MAIN
