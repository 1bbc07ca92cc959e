// SPDX-License-Identifier: GPL-2.0-only
/*
 * G4: with no rules the server is an ordinary file system, with each set of what INIT
 * can be told: ordinary programs run on it.
 */
#define _GNU_SOURCE
#include "scenario.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#define MANY 100

/* Everything but reading and writing, which the other tests do. */
static int look_around(void)
{
	char buf[300];
	struct stat st;
	struct statvfs fs;
	struct dirent *d;
	DIR *dir;
	int fd, n;

#define TRY(what)                           \
	do {                                \
		if (!(what)) {              \
			perror("# " #what); \
			return __LINE__;    \
		}                           \
	} while (0)
	TRY(!chdir(MOUNT));
	TRY(!mkdir("d", 0750));
	TRY(!stat("d", &st) && S_ISDIR(st.st_mode) &&
	    (st.st_mode & 0777) == 0750);
	TRY((fd = open("d/a", O_RDWR | O_CREAT | O_EXCL, 0640)) >= 0);
	TRY(open("d/a", O_RDWR | O_CREAT | O_EXCL, 0640) < 0 &&
	    errno == EEXIST);
	TRY(write(fd, "hello", 5) == 5);
	TRY(!chmod("d/a", 0600) && !chown("d/a", 1, 2));
	TRY(!fstat(fd, &st) && st.st_uid == 1 && st.st_gid == 2 &&
	    (st.st_mode & 0777) == 0600);
	TRY(!rename("d/a", "b") && stat("d/a", &st) && errno == ENOENT);
	TRY(!link("b", "c") && !stat("c", &st) && st.st_nlink == 2 &&
	    st.st_size == 5);
	TRY(!symlink("b", "s") && readlink("s", buf, sizeof(buf)) == 1);
	TRY(!renameat2(AT_FDCWD, "c", AT_FDCWD, "s", RENAME_EXCHANGE));
	TRY(!lstat("c", &st) && S_ISLNK(st.st_mode));
	TRY(!mkfifo("p", 0644) && !stat("p", &st) && S_ISFIFO(st.st_mode));
	/* user.* is the server's file system's: in tmpfs since 6.6 */
	if (setxattr(SERVER "/b", "user.x", "v", 1, 0) && errno == EOPNOTSUPP) {
		TRY(setxattr("b", "user.x", "value", 5, 0) < 0 &&
		    errno == EOPNOTSUPP);
	} else {
		TRY(!setxattr("b", "user.x", "value", 5, 0));
		TRY(getxattr("b", "user.x", NULL, 0) == 5 &&
		    getxattr("b", "user.x", buf, 300) == 5);
		TRY(listxattr("b", buf, sizeof(buf)) == 7 &&
		    !strcmp(buf, "user.x"));
		TRY(!removexattr("b", "user.x") &&
		    getxattr("b", "user.x", buf, 300) < 0);
	}
	TRY(!fallocate(fd, 0, 0, 3 * PAGE) && !fstat(fd, &st) &&
	    st.st_size == 3 * PAGE);
	TRY(pwrite(fd, "x", 1, PAGE) == 1 &&
	    pwrite(fd, "x", 1, 2 * PAGE) == 1 && !fsync(fd));
	TRY(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE,
		       PAGE));
	TRY(lseek(fd, 0, SEEK_HOLE) == PAGE &&
	    lseek(fd, PAGE, SEEK_DATA) == 2 * PAGE);
	TRY(!fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4 * PAGE));
	TRY(pread(fd, buf, 1, 0) == 1 && !buf[0] && !fstat(fd, &st) &&
	    st.st_size == 4 * PAGE);
	TRY(!statvfs(".", &fs) && fs.f_blocks);
	TRY(!fsync(fd) &&
	    !utimensat(AT_FDCWD, "b", (struct timespec[]){ { 5, 6 }, { 7, 8 } },
		       0));
	TRY(!stat("b", &st) && st.st_mtim.tv_sec == 7 &&
	    st.st_mtim.tv_nsec == 8);
	TRY(unlink("d") && rmdir("b") && !rmdir("d") && !unlink("c") &&
	    !unlink("s") && !unlink("p"));
	TRY(!unlink("b") && !fstat(fd, &st) && !st.st_nlink &&
	    pread(fd, buf, 1, 0) == 1);
	TRY(!close(fd));
	/* a directory that needs more than one READDIR */
	TRY(!mkdir("many", 0755) && !chdir("many"));
	for (n = 0; n < MANY; n++) {
		snprintf(buf, sizeof(buf), "a-file-with-a-long-name-%d", n);
		TRY(!close(open(buf, O_CREAT | O_WRONLY, 0644)));
	}
	TRY((dir = opendir(".")) != NULL);
	for (n = 0; (d = readdir(dir)) != NULL; n++)
		TRY(*d->d_name == '.' || !unlink(d->d_name));
	TRY(n == MANY + 2 && !closedir(dir) && !chdir("..") && !rmdir("many"));
	return 0;
}

/* Two processes and a lock: the second gets it when the first lets go. */
static int lock_and_wait(bool posix)
{
	struct flock fl = { .l_type = F_WRLCK, .l_start = 10, .l_len = 10 };
	int fd = open(MOUNT "/lock", O_RDWR | O_CREAT, 0644), status;
	pid_t pid;

	TRY(fd >= 0);
	TRY(posix ? !fcntl(fd, F_SETLK, &fl) : !flock(fd, LOCK_EX));
	pid = fork();
	if (!pid) {
		fd = open(MOUNT "/lock", O_RDWR);
		fl.l_start = 15;
		TRY(posix ? fcntl(fd, F_SETLK, &fl) :
			    flock(fd, LOCK_EX | LOCK_NB));
		_exit(posix ? fcntl(fd, F_SETLKW, &fl) : flock(fd, LOCK_EX));
	}
	settle(5);
	TRY(!waitpid(pid, &status, WNOHANG));
	fl.l_type = F_UNLCK;
	TRY(posix ? !fcntl(fd, F_SETLK, &fl) : !flock(fd, LOCK_UN));
	TRY(waitpid(pid, &status, 0) == pid && !status);
	close(fd);
	return 0;
}

static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (!pid) {
		status = fn();
		fflush(NULL);
		_exit(status != 0);
	}
	waitpid(pid, &status, 0);
	return status;
}

static int posix_locks(void)
{
	return lock_and_wait(true);
}

static int flocks(void)
{
	return lock_and_wait(false);
}

SCENARIO(plain)
{
	EXPECT_EQ(0, in_child(look_around));
	EXPECT_EQ(0, in_child(posix_locks));
	EXPECT_EQ(0, in_child(flocks));
}

/* libfuse alone: nothing of the gate is there, and nothing of it is needed. */
SCENARIO(with_no_gate)
{
	GATE("quit");
	ASSERT_TRUE(server_gone());
	gate_close(server_gate);
	server_gate = NULL;
	ASSERT_EQ(0, system("exec fuse-server --no-gate -o splice " MOUNT));
	EXPECT_EQ(NULL, gate_connect(NULL));
	EXPECT_EQ(0, in_child(look_around));
	EXPECT_EQ(0, in_child(posix_locks));
	EXPECT_EQ(0, in_child(flocks));
	EXPECT_EQ(0, umount2(MOUNT, 0));
}

static void with(struct user *user, struct user *other, const char *options)
{
	const char *error;
	int fd;

	GATE("quit");
	ASSERT_TRUE(server_gone());
	gate_close(server_gate);
	error = server_start(options);
	ASSERT_EQ(NULL, error)
	{
		TH_LOG("%s", error);
	}
	EXPECT_EQ(0, in_child(look_around));
	EXPECT_EQ(0, in_child(posix_locks));

	fd = OPEN(user, "data", O_RDWR | O_CREAT | O_TRUNC);
	EXPECT_DO(100000, user, WRITE, fd, 0, 100000, 'x');
	DO(user, FSYNC, fd);
	DO(other, DROP_CACHES);
	EXPECT_DO(100000, user, READ_COUNT, fd, 0, 200000);
	EXPECT_EQ('x', server_byte("data", 99999));
	DO(user, CLOSE, fd);

	/* part of a page, which a write-back cache has to READ first */
	DO(other, DROP_CACHES);
	fd = OPEN(user, "data", O_WRONLY | O_APPEND);
	EXPECT_DO(1, user, WRITE, fd, 0, 1, 'y');
	DO(user, CLOSE, fd);
	EXPECT_EQ('x', server_byte("data", 99999));
	EXPECT_EQ('y', server_byte("data", 100000));
}

SCENARIO(with_a_writeback_cache)
{
	with(u, v, "-o writeback_cache,atomic_o_trunc,keep_cache");
}

SCENARIO(with_direct_io)
{
	with(u, v, "-o direct_io,no_readdirplus,sync_read,no_locks");
}

SCENARIO(with_splice)
{
	with(u, v, "-o splice,auto_inval,max_write=8192,max_background=2");
}

SCENARIO(with_no_open)
{
	with(u, v, "-o no_open,attr_timeout=0,entry_timeout=0");
}

TEST_HARNESS_MAIN
