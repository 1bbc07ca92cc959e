// SPDX-License-Identifier: GPL-2.0-only
/*
 * load: requests, for what a gate costs.
 *
 *	load read|write|meta CALLS DIRECTORY
 *
 * read, write: 4 KiB at random offsets of a 4 MiB file, past the page cache. meta: files
 * made, looked at, renamed and removed. Each call is a request or more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (4 << 20)
#define BLOCK 4096

static char *block;
static int fd, dir;

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
	long calls = argc == 4 ? atol(argv[2]) : -1;
	int (*fn)(void) = argc < 2		    ? NULL :
			  !strcmp(argv[1], "read")  ? do_read :
			  !strcmp(argv[1], "write") ? do_write :
			  !strcmp(argv[1], "meta")  ? do_meta :
						      NULL;

	if (!fn || calls < 0) {
		fputs("usage: load read|write|meta CALLS DIRECTORY\n", stderr);
		return 2;
	}
	check(posix_memalign((void **)&block, BLOCK, BLOCK), "memory");
	memset(block, 'x', BLOCK);
	dir = open(argv[3], O_RDONLY | O_DIRECTORY);
	check(dir < 0, argv[3]);
	fd = fill(dir);
	while (calls > 0)
		calls -= fn();
	return 0;
}
