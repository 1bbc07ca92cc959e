// SPDX-License-Identifier: GPL-2.0-only
/*
 * F2: a server that maps a file of its own mount, and answers a READ of that file from
 * the mapping.
 *
 * The kernel's documentation (fuse.rst, scenario 2) has it as the tricky deadlock: the
 * page is locked until READ is answered. The reply is copied from the mapping, where
 * that page is not there yet; the fault waits for its lock, in the server, inside
 * write(2) to the device. Aborting the connection ends it, because a request is not
 * locked against that while its reply faults. kill -9 does so today, too: the fault
 * gives up, and READ with it.
 *
 * fuse-server answers from memory of its own; so this has a small server of the raw
 * protocol, which knows one file. In the last scenario fuse-server looks into a mapping
 * before it answers.
 */
#define _GNU_SOURCE
#define SERVER_OPTIONS "-o keep_cache"
#include "scenario.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRICKY "/mnt/tricky"
#define FILE_NODE 2

static int dev;
static char *mapping;
static volatile pid_t *server; /* the thread that answers, for the test to know */

static void reply(uint64_t unique, int error, const void *data, size_t len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + (error ? 0 : len),
		.error = error,
		.unique = unique,
	};
	struct iovec iov[2] = {
		{ .iov_base = &out, .iov_len = sizeof(out) },
		{ .iov_base = (void *)data, .iov_len = error ? 0 : len },
	};

	/* an error is the end of the mount, or of this request */
	if (writev(dev, iov, 2) < 0)
		return;
}

static struct fuse_attr attr_of(uint64_t node)
{
	return (struct fuse_attr){
		.ino = node,
		.mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755 : S_IFREG | 0644,
		.size = node == FUSE_ROOT_ID ? 0 : PAGE,
		.nlink = 1,
	};
}

static void *serve(void *unused)
{
	static char buf[1 << 18];
	const struct fuse_in_header *in = (void *)buf;
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = PAGE,
	};
	struct fuse_entry_out entry = { .nodeid = FILE_NODE,
					.attr = attr_of(FILE_NODE) };
	struct fuse_open_out opened = { .open_flags = FOPEN_KEEP_CACHE };
	struct fuse_attr_out attr;

	*server = gettid();
	while (read(dev, buf, sizeof(buf)) > 0) {
		switch (in->opcode) {
		case FUSE_INIT:
			reply(in->unique, 0, &init, sizeof(init));
			break;
		case FUSE_LOOKUP:
			reply(in->unique, 0, &entry, sizeof(entry));
			break;
		case FUSE_GETATTR:
			attr = (struct fuse_attr_out){ .attr = attr_of(
							       in->nodeid) };
			reply(in->unique, 0, &attr, sizeof(attr));
			break;
		case FUSE_OPEN:
			reply(in->unique, 0, &opened, sizeof(opened));
			break;
		case FUSE_READ:
			reply(in->unique, 0, mapping, PAGE);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
			break;
		default:
			reply(in->unique,
			      in->opcode == FUSE_FLUSH ? 0 : -ENOSYS, NULL, 0);
		}
	}
	return unused;
}

/* The server: one thread serves, the other maps the file and looks into it. */
static void __attribute__((noreturn)) tricky_server(void)
{
	pthread_t thread;
	char options[64];
	int fd;

	dev = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", dev);
	mkdir(TRICKY, 0755);
	if (dev < 0 || mount("tricky", TRICKY, "fuse", 0, options) ||
	    pthread_create(&thread, NULL, serve, NULL))
		_exit(1);
	fd = open(TRICKY "/file", O_RDONLY);
	mapping = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	if (fd < 0 || mapping == MAP_FAILED)
		_exit(2);
	close(fd);
	/* SIGBUS, once it is aborted */
	_exit(*(volatile char *)mapping);
}

static bool ended(pid_t pid, int *status)
{
	for (double t = 0; !waitpid(pid, status, WNOHANG);)
		if (!patience(&t, LIMIT))
			return false;
	return true;
}

/* The tricky server, when it hangs. */
static pid_t tricky(void)
{
	pid_t pid;

	server = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid = fork();
	if (!pid)
		tricky_server();
	/* its first thread wants the page, the other is to answer */
	EXPECT_TRUE(blocked_in(pid, "request_wait_answer", "S"));
	EXPECT_TRUE(blocked_in(*server, "fuse_dev_do_write", "D"));
	EXPECT_TRUE(blocked_in(*server, "filemap_fault", "D"));
	settle(20);
	EXPECT_TRUE(blocked_in(*server, "filemap_fault", "D"));
	return pid;
}

SCENARIO(fault_inside_the_reply_aborted)
{
	pid_t pid = tricky();
	int status = 0;
	bool unmounted;

	/*
	 * It aborts the connection, though the mount is busy. With several CPUs who has it
	 * busy may be gone by the time that is looked at
	 */
	unmounted = !umount2(TRICKY, MNT_FORCE);
	EXPECT_TRUE(!unmounted || kept_by_cpus());
	EXPECT_TRUE(ended(pid, &status));
	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
	EXPECT_TRUE(unmounted || !umount2(TRICKY, 0));
}

SCENARIO(fault_inside_the_reply_killed)
{
	pid_t pid = tricky();
	int status = 0;

	kill(pid, SIGKILL);
	EXPECT_TRUE(ended(pid, &status));
	EXPECT_EQ(0, umount2(TRICKY, 0));
	outcome("hangs until abort or SIGKILL");
}

SCENARIO(fault_inside_the_handler)
{
	int fd;

	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	fd = OPEN(u, "f", O_RDONLY);
	GATE("reenter map f read");
	begin(u, READ, fd, 0);

	EXPECT_TRUE(server_blocked_in("filemap_fault", "DS"));
	settle(20);
	EXPECT_TRUE(busy(u));
	EXPECT_EQ(1, waiting());

	EXPECT_EQ(0, abort_connection());
	EXPECT_GT(0, finish(u));
	EXPECT_TRUE(server_gone());
}

TEST_HARNESS_MAIN
