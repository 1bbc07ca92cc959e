// SPDX-License-Identifier: GPL-2.0-only
/*
 * mmap-store - what it costs to store through a shared mapping and fsync
 *
 *	mmap-store all|scattered|random|files MIB
 *
 * all		stores one byte into each page of a new file of MIB mebibytes at /mnt/fuse,
 *		four times over, with an fsync after each
 * scattered	the same with every third page only, where no WRITE can take two
 * random	the same with an eighth of the pages, picked at random (the same ones each time)
 * files	stores to all pages of new files of 16 KiB each, MIB mebibytes in all,
 *		unmaps and closes each
 *
 * Prints, for `make bench`:
 *
 *	writes N            WRITE requests that the server got
 *	pages_per_write N
 *	peak_temp N         most temporary pages seen at once, looked at each millisecond
 *
 * For peak_temp, time in the guest must be the host's (uml/run --wall-clock).
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gate.h"
#include "proc.h"
#include "verbs.h"

#define ROUNDS 4
#define SMALL 16384l

static volatile bool done;

static void *sample(void *peak)
{
	while (!done) {
		long now = vmstat("nr_writeback_temp");

		if (now > *(long *)peak)
			*(long *)peak = now;
		usleep(1000);
	}
	return NULL;
}

static struct actor actor;

static char path[64] = "/mnt/fuse/mmap-store";

static long must(const char *what, enum verb verb, long a, long b, long c,
		 long d)
{
	long n = do_verb(&actor, verb, path, (const long[5]){ a, b, c, d });

	if (n < 0)
		errx(1, "%s: %s", what, strerror(-n));
	return n;
}

static int new_file(long size)
{
	int fd = must("open", OPEN_FILE, O_RDWR | O_CREAT | O_TRUNC, 0, 0, 0);

	must("ftruncate", TRUNCATE, fd, size, 0, 0);
	must("mmap", MAP, fd, size, 0, 0);
	return fd;
}

/* Each returns the number of pages it has stored to. */
static long one_file(long size, int step)
{
	long pages = size / PAGE / step;
	int fd = new_file(size);

	for (int round = 0; round < ROUNDS; round++) {
		must("store", STORE_EVERY, 0, pages, 'a' + round, step);
		must("fsync", FSYNC, fd, 0, 0, 0);
	}
	return ROUNDS * pages;
}

static long random_pages(long size)
{
	long pages = size / PAGE;
	int fd = new_file(size);

	srandom(1);
	for (int round = 0; round < ROUNDS; round++) {
		for (long n = 0; n < pages / 8; n++)
			must("store", STORE, random() % pages * PAGE,
			     'a' + round, 0, 0);
		must("fsync", FSYNC, fd, 0, 0, 0);
	}
	return ROUNDS * pages / 8;
}

static long small_files(long size)
{
	for (long i = 0; i < size / SMALL; i++) {
		int fd;

		snprintf(path, sizeof(path), "/mnt/fuse/small-%ld", i);
		fd = new_file(SMALL);
		must("store", STORE_PAGES, 0, SMALL / PAGE, 'a', 0);
		must("munmap", UNMAP, 0, 0, 0, 0);
		must("close", CLOSE, fd, 0, 0, 0);
	}
	return size / PAGE;
}

int main(int argc, char **argv)
{
	long peak = 0, writes, size, pages;
	struct gate *server = gate_connect(NULL);
	pthread_t sampler;
	const char *line;

	if (argc != 3 || !(size = strtoul(argv[2], NULL, 0) << 20))
		errx(2, "usage: mmap-store all|scattered|random|files MIB");
	if (!server)
		err(1, "no server");
	if (pthread_create(&sampler, NULL, sample, &peak))
		errx(1, "pthread_create");

	if (!strcmp(argv[1], "files"))
		pages = small_files(size);
	else if (!strcmp(argv[1], "random"))
		pages = random_pages(size);
	else
		pages = one_file(size, strcmp(argv[1], "all") ? 3 : 1);
	done = true;
	pthread_join(sampler, NULL);
	/* of counters: the log is too short */
	if (gate(server, "stats"))
		errx(1, "gate: %s", gate_text(server));
	line = strstr(gate_output(server), "\nWRITE ");
	if (!line || sscanf(line, " WRITE %ld", &writes) != 1)
		errx(1, "no WRITE in\n%s", gate_output(server));
	printf("writes %ld\npages_per_write %.1f\npeak_temp %ld\n", writes,
	       (double)pages / writes, peak);
	return 0;
}
