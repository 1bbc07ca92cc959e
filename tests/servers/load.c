// SPDX-License-Identifier: GPL-2.0-only
/*
 * load: requests as fast as they go, for what a gate costs.
 *
 *	load SECONDS DIRECTORY...
 *
 * 4 KiB at random offsets of a 4 MiB file, past the page cache; then files made, looked
 * at, renamed and removed. In turns: a few calls in each directory, and again, so that
 * whatever else the host does it does to all of them. For each kind a line: its name,
 * and for each directory how many calls there were in a second of its own.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SIZE (4 << 20)
#define BLOCK 4096

#define MOST 8

static char *block;
static int fd, dir;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static off_t somewhere(void)
{
	return rand() % (SIZE / BLOCK) * BLOCK;
}

static int do_read(void)
{
	check(pread(fd, block, BLOCK, somewhere()) != BLOCK, "read");
	return 1;
}

static int do_write(void)
{
	check(pwrite(fd, block, BLOCK, somewhere()) != BLOCK, "write");
	return 1;
}

static int do_meta(void)
{
	struct stat st;
	int new = openat(dir, "load-a", O_CREAT | O_WRONLY, 0644);

	check(new < 0 || close(new), "create");
	check(fstatat(dir, "load-a", &st, 0), "stat");
	check(renameat(dir, "load-a", dir, "load-b"), "rename");
	check(unlinkat(dir, "load-b", 0), "unlink");
	return 4;
}

static void run(const char *name, int (*fn)(void), double seconds, int n,
		const int fds[], const int dirs[])
{
	double spent[MOST] = { 0 }, start = now(), end = start, before;
	long calls[MOST] = { 0 };

	while (end < start + seconds * n) {
		for (int i = 0; i < n; i++) {
			fd = fds[i];
			dir = dirs[i];
			before = end;
			for (int k = 0; k < 20; k++)
				calls[i] += fn();
			end = now();
			spent[i] += end - before;
		}
	}
	printf("%s", name);
	for (int i = 0; i < n; i++)
		printf(" %.0f", calls[i] / spent[i]);
	putchar('\n');
}

static int fill(int where)
{
	int new = openat(where, "load-data", O_RDWR | O_CREAT | O_TRUNC, 0644);

	check(new < 0, "load-data");
	for (off_t at = 0; at < SIZE; at += BLOCK)
		check(pwrite(new, block, BLOCK, at) != BLOCK, "write");
	check(fsync(new), "fsync");
	check(close(new), "close");
	new = openat(where, "load-data", O_RDWR | O_DIRECT);
	check(new < 0, "load-data, O_DIRECT");
	return new;
}

int main(int argc, char **argv)
{
	int fds[MOST], dirs[MOST], n = argc - 2;
	double seconds = argc > 1 ? atof(argv[1]) : 0;

	if (n < 1 || n > MOST || seconds <= 0) {
		fputs("usage: load SECONDS DIRECTORY...\n", stderr);
		return 2;
	}
	check(posix_memalign((void **)&block, BLOCK, BLOCK), "memory");
	memset(block, 'x', BLOCK);
	for (int i = 0; i < n; i++) {
		dirs[i] = open(argv[i + 2], O_RDONLY | O_DIRECTORY);
		check(dirs[i] < 0, argv[i + 2]);
		fds[i] = fill(dirs[i]);
	}
	run("read", do_read, seconds, n, fds, dirs);
	run("write", do_write, seconds, n, fds, dirs);
	run("meta", do_meta, seconds, n, fds, dirs);
	return 0;
}
