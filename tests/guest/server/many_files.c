// SPDX-License-Identifier: GPL-2.0-only
/*
 * G5: more files than a process has descriptors. The server kept one for each file that
 * the kernel had in its cache: at 1015 files everything on the mount, `ls` and opening old
 * files too, failed with EMFILE until caches were dropped. A program that makes many files
 * took that for a fault of the kernel. Now it keeps file handles.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <dirent.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define MANY 3000
#define AT_ONCE 500 /* by the host's clock they take their time */

static long descriptors_of_server(void)
{
	char path[64];
	DIR *dir;
	long n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", server_pid());
	dir = opendir(path);
	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* arg: may they stay open? Which is the first? */
static long make_some(char *map, const long arg[4])
{
	struct rlimit limit = { MANY + 100, MANY + 100 };
	char name[64];

	(void)map;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		return -errno;
	for (int i = arg[1]; i < arg[1] + AT_ONCE; i++) {
		int fd;

		snprintf(name, sizeof(name), MOUNT "/f%d", i);
		fd = open(name, O_RDWR | O_CREAT, 0644);
		if (fd < 0)
			return -errno;
		if (!arg[0])
			close(fd);
	}
	return 0;
}

static void make_many(struct user *u, bool open)
{
	for (int i = 0; i < MANY; i += AT_ONCE)
		DO(u, CALL, (long)make_some, open, i);
}

static long stat_old(char *map, const long arg[4])
{
	struct stat st;

	(void)map, (void)arg;
	return stat(MOUNT "/f0", &st) ? -errno : 0;
}

SCENARIO(looked_up)
{
	make_many(u, false);
	EXPECT_LE(0, open_file(v, "f0", O_RDWR));
	EXPECT_GT(100, descriptors_of_server());
}

SCENARIO(open_at_once)
{
	make_many(u, true);
	EXPECT_LT(MANY, descriptors_of_server());
	EXPECT_LE(0, open_file(v, "f0", O_RDWR));
	EXPECT_DO(0, v, CALL, (long)stat_old);
}

/* A file without a name has only its node: it must not go with the name. */
static long unlinked(char *map, const long arg[4])
{
	int fd = open(MOUNT "/gone", O_PATH), dir = open(MOUNT "/d", O_PATH);
	struct stat st;

	(void)map, (void)arg;
	if (fd < 0 || dir < 0 || unlink(MOUNT "/gone") || rmdir(MOUNT "/d"))
		return -errno;
	/* past what is cached */
	sleep(2);
	if (fstat(fd, &st) || st.st_nlink || fstat(dir, &st))
		return -errno ?: -EINVAL;
	close(fd);
	fd = open(MOUNT "/under", O_PATH);
	if (fd < 0 || rename(MOUNT "/over", MOUNT "/under"))
		return -errno;
	sleep(2);
	return fstat(fd, &st) || st.st_nlink ? -errno ?: -EINVAL : 0;
}

SCENARIO(without_a_name)
{
	ASSERT_EQ(0, server_file("gone", 1, 'a'));
	ASSERT_EQ(0, server_file("over", 1, 'a'));
	ASSERT_EQ(0, server_file("under", 1, 'a'));
	ASSERT_EQ(0, mkdir(SERVER "/d", 0755));
	EXPECT_DO(0, u, CALL, (long)unlinked);
}

/* Of another file system no handle can be opened: there it keeps descriptors. */
SCENARIO(another_file_system_below)
{
	bool unmounted;
	double t = 0;
	int fd;

	ASSERT_EQ(0, mkdir(SERVER "/other", 0755));
	ASSERT_EQ(0, mount("tmpfs", SERVER "/other", "tmpfs", 0, NULL));
	fd = OPEN(u, "other/f", O_RDWR | O_CREAT);
	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	EXPECT_EQ('a', server_byte("other/f", 0));
	DO(u, CLOSE, fd);
	/* what the kernel has forgotten is closed */
	do {
		do_(u, DROP_CACHES);
		unmounted = !umount(SERVER "/other");
	} while (!unmounted && patience(&t, LIMIT));
	EXPECT_TRUE(unmounted);
}

TEST_HARNESS_MAIN
