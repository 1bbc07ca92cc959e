// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mode, owner, times and size of a file, changed by its name: in a folder that is shared for
 * writing the guest may, elsewhere not, and Landlock does not know of them. So the kernel's
 * system calls for it wait (seccomp), and the keeper makes the change, if the name leads
 * to something in the folder. By the same way the keeper hears of the kernel's end before
 * it comes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "supervise.h"

/* --- the kernel's side ------------------------------------------------------------ */

void send_listener(int listener)
{
	char byte = 0;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	memcpy(CMSG_DATA(&control.header), &listener, sizeof(int));
	if (sendmsg(GUEST_ASKS, &message, 0) < 0)
		cannot("seccomp: %s", strerror(errno));
	close(GUEST_ASKS);
	close(listener);
}

/* --- the keeper's ----------------------------------------------------------------- */

/* -1: the other end is closed */
int receive_listener(int from)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec data = { &byte, 1 };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = space,
				  .msg_controllen = sizeof(space) };
	struct cmsghdr *header;
	int fd = -1;

	if (recvmsg(from, &message, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(int));
	return fd;
}

static bool read_guest(pid_t pid, unsigned long long address, void *to,
		       size_t size)
{
	struct iovec local = { to, size },
		     remote = { (void *)(uintptr_t)address, size };

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* Up to its end, page by page: the next one may not be there */
static bool read_name(pid_t pid, unsigned long long address,
		      char name[PATH_SIZE])
{
	size_t have = 0;

	while (have < PATH_SIZE) {
		size_t part = 4096 - (address + have) % 4096;

		if (part > PATH_SIZE - have)
			part = PATH_SIZE - have;
		if (!read_guest(pid, address + have, name + have, part))
			return false;
		if (memchr(name + have, '\0', part))
			return true;
		have += part;
	}
	return false;
}

/* An O_PATH descriptor of what name leads to in the folder; or -1 */
static int open_in(const char *folder, char *name)
{
	struct open_how how = { .flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH |
					   RESOLVE_NO_MAGICLINKS };
	size_t n = strlen(folder);
	int top, fd;
	char *to = name;

	/* hostfs puts names together with a slash too many */
	for (char *from = name; *from; from++)
		if (*from != '/' || from[1] != '/')
			*to++ = *from;
	*to = '\0';
	if (strncmp(name, folder, n) || (name[n] && name[n] != '/'))
		return -1;
	name += n;
	name += *name == '/';
	top = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fd = syscall(SYS_openat2, top, *name ? name : ".", &how, sizeof(how));
	close(top);
	return fd;
}

/* By name, or by descriptor of the guest's kernel, as the call says */
static int open_target(const struct seccomp_notif *call, bool by_fd, int arg,
		       const char *folder)
{
	char name[PATH_SIZE], link[64];
	ssize_t n;

	if (by_fd) {
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", call->pid,
			 (int)call->data.args[arg]);
		n = readlink(link, name, sizeof(name) - 1);
		if (n < 0)
			return -1;
		name[n] = '\0';
	} else if (!read_name(call->pid, call->data.args[arg], name)) {
		return -1;
	}
	return open_in(folder, name);
}

static int set_times(const struct seccomp_notif *call, const char *target)
{
	unsigned long long from = call->data.nr == SYS_utimensat ?
					  call->data.args[2] :
					  call->data.args[1];
	struct timespec times[2] = { { .tv_nsec = UTIME_NOW },
				     { .tv_nsec = UTIME_NOW } };

	if (from && !read_guest(call->pid, from, times, sizeof(times)))
		return -1;
	/* the others count microseconds */
	if (from && call->data.nr != SYS_utimensat)
		for (int i = 0; i < 2; i++)
			times[i].tv_nsec *= 1000;
	return utimensat(AT_FDCWD, target, times, 0);
}

/* 0 or an error number */
static int change(int listener, const struct seccomp_notif *call,
		  const char *folder)
{
	const unsigned long long *args = (const void *)call->data.args;
	char target[32];
	int nr = call->data.nr, fd, failed = -1;

	switch (nr) {
	case SYS_chmod:
	case SYS_chown:
	case SYS_lchown:
	case SYS_truncate:
	case SYS_utimes:
		fd = open_target(call, false, 0, folder);
		break;
	case SYS_fchmod:
	case SYS_fchown:
		fd = open_target(call, true, 0, folder);
		break;
	case SYS_utimensat:
		fd = open_target(call, !args[1], args[1] ? 1 : 0, folder);
		break;
	default:
		return EPERM;
	}
	/* it still waits: what was read was its own */
	if (fd < 0 ||
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->id)) {
		if (fd >= 0)
			close(fd);
		return EPERM;
	}
	snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
	switch (nr) {
	case SYS_chmod:
	case SYS_fchmod:
		failed = chmod(target, args[1]);
		break;
	case SYS_chown:
	case SYS_lchown:
	case SYS_fchown:
		failed = fchownat(fd, "", args[1], args[2], AT_EMPTY_PATH);
		break;
	case SYS_truncate:
		failed = truncate(target, args[1]);
		break;
	default:
		failed = set_times(call, target);
	}
	failed = failed ? errno : 0;
	close(fd);
	return failed;
}

static bool let_go(int listener, __u64 id)
{
	struct seccomp_notif_resp answer = {
		.id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE
	};

	return !ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) ||
	       errno == ENOENT;
}

/*
 * The end of a process that is not let go at once: its call. A debugger that attaches
 * meanwhile interrupts the call, which then comes again.
 */
static __u64 ending;

void let_end(int listener)
{
	if (ending)
		let_go(listener, ending);
	ending = 0;
}

/* One call that waits; false: nobody can make any more. */
bool answer_call(int listener, const char *folder, bool (*may_end)(pid_t pid))
{
	struct seccomp_notif call;
	struct seccomp_notif_resp answer;

	memset(&call, 0, sizeof(call));
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call))
		return errno == EINTR || errno == ENOENT;
	if (call.data.nr == SYS_exit_group || call.data.nr == SYS_kill) {
		if (may_end(call.pid))
			return let_go(listener, call.id);
		ending = call.id;
		return true;
	}
	memset(&answer, 0, sizeof(answer));
	answer.id = call.id;
	answer.error = folder ? -change(listener, &call, folder) : -EPERM;
	return !ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer) ||
	       errno == ENOENT;
}
