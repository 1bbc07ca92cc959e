// SPDX-License-Identifier: GPL-2.0-only
/*
 * why_user: what the guest's shell cannot do to make a hang, for gdb_why.sh
 *
 *	why_user flock FILE OTHER	lock FILE, and a second later OTHER, by flock(2)
 *	why_user posix FILE OTHER	the same by POSIX locks, of the first 10 bytes
 *	why_user closed FILE		lock FILE by a POSIX lock, close it, and do no more
 *	why_user from FILE OTHER	write to OTHER what is in FILE, from a mapping of it
 *	why_user keep PID		keep the /dev/fuse of process PID open for ever
 *
 * Status: 0; 1 it failed; 2 wrong usage.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int lock(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	return fd < 0 || flock(fd, LOCK_EX);
}

static int posix(const char *path)
{
	struct flock fl = { .l_type = F_WRLCK, .l_len = 10 };
	int fd = open(path, O_RDWR | O_CREAT, 0644);

	return fd < 0 || fcntl(fd, F_SETLKW, &fl);
}

/* write(2) holds the lock of OTHER's inode while it faults in what it is to write */
static int from(const char *path, const char *other)
{
	int fd = open(path, O_RDONLY),
	    out = open(other, O_WRONLY | O_CREAT, 0644);
	void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

	return out < 0 || map == MAP_FAILED || write(out, map, 1) != 1;
}

static int keep(int pid)
{
	char path[64], where[PATH_MAX];
	int process = syscall(SYS_pidfd_open, pid, 0), kept = 0;
	ssize_t len;

	for (int fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		len = readlink(path, where, sizeof(where) - 1);
		if (len < 0)
			continue;
		where[len] = 0;
		if (!strcmp(where, "/dev/fuse") &&
		    syscall(SYS_pidfd_getfd, process, fd, 0) >= 0)
			kept++;
	}
	if (!kept)
		return 1;
	puts("kept");
	fflush(stdout);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "flock")) {
		if (lock(argv[2]))
			return 1;
		sleep(1);
		return lock(argv[3]);
	}
	if (argc == 4 && !strcmp(argv[1], "posix")) {
		if (posix(argv[2]))
			return 1;
		sleep(1);
		return posix(argv[3]);
	}
	if (argc == 3 && !strcmp(argv[1], "closed")) {
		if (posix(argv[2]))
			return 1;
		close_range(3, ~0U, 0);
		for (;;)
			pause();
	}
	if (argc == 4 && !strcmp(argv[1], "from"))
		return from(argv[2], argv[3]);
	if (argc == 3 && !strcmp(argv[1], "keep"))
		return keep(atoi(argv[2]));
	fprintf(stderr,
		"usage: why_user flock|posix|from FILE OTHER | closed FILE | keep PID\n");
	return 2;
}
