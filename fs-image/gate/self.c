// SPDX-License-Identifier: GPL-2.0-only
/*
 * Servers that mount by themselves, without fusermount3 (ntfs-3g does), for preload.c: their
 * mount(2) of a FUSE becomes what fusermount3 would ask the gate for, and what that hands out
 * takes the place of the /dev/fuse that they have opened.
 */
#define _GNU_SOURCE
#include "mount.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static int receive_fd(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT) == 1) {
		c = CMSG_FIRSTHDR(&msg);
		if (c && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

/* What came with send_fd() there is at fds[0] here; false and errno: it refuses */
static bool ask(const struct mount_order *order, int fds[2])
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char answer[5000];
	ssize_t n = -1;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s",
		 getenv(MOUNT_SOCKET_VARIABLE));
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)) &&
	    send(fd, order, sizeof(*order), MSG_NOSIGNAL) == sizeof(*order) &&
	    (!fds || !send_fd(fd, fds[1])))
		n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n > 0) {
		answer[n] = 0;
		fprintf(stderr, "fuse-gate.so: %s\n", answer);
		errno = EPERM;
	}
	close(fd);
	return !n;
}

static void add_option(struct mount_order *order, const char *option)
{
	strncat(order->options, option,
		sizeof(order->options) - strlen(order->options) - 1);
	strncat(order->options, ",",
		sizeof(order->options) - strlen(order->options) - 1);
}

static bool mount_by_gate(const char *source, const char *target,
			  unsigned long flags, const char *data, int device)
{
	static struct mount_order order;
	char path[PATH_MAX], text[4096], *word, *save = NULL;
	int fds[2], fd;
	bool done;

	memset(&order, 0, sizeof(order));
	order.what = 'M';
	if (!realpath(target, path))
		return false;
	strncpy(order.mountpoint, path, sizeof(order.mountpoint) - 1);
	if (flags & MS_RDONLY)
		add_option(&order, "ro");
	add_option(&order, flags & MS_NOSUID ? "nosuid" : "suid");
	add_option(&order, flags & MS_NODEV ? "nodev" : "dev");
	if (source && !strpbrk(source, ",\\")) {
		snprintf(text, sizeof(text), "fsname=%s", source);
		add_option(&order, text);
	}
	snprintf(text, sizeof(text), "%s", data);
	for (word = strtok_r(text, ",", &save); word;
	     word = strtok_r(NULL, ",", &save))
		/* (of fuseblk, which this is not) */
		if (strncmp(word, "blksize=", 8))
			add_option(&order, word);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		return false;
	done = ask(&order, fds);
	if (done) {
		fd = receive_fd(fds[0]);
		done = fd >= 0 && dup3(fd, device, O_CLOEXEC) == device;
		close(fd);
	}
	close(fds[0]);
	close(fds[1]);
	return done;
}

/* It goes to fusermount3 when it may not mount */
static bool by_libfuse(void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname &&
	       strstr(info.dli_fname, "libfuse");
}

EXPORT int mount(const char *source, const char *target, const char *type,
		 unsigned long flags, const void *data)
{
	int (*real)(const char *, const char *, const char *, unsigned long,
		    const void *) = dlsym(RTLD_NEXT, "mount");
	const char *device = data ? strstr(data, "fd=") : NULL;

	if (!type || strncmp(type, "fuse", 4) || !device ||
	    !getenv(MOUNT_SOCKET_VARIABLE) ||
	    by_libfuse(__builtin_return_address(0)))
		return real(source, target, type, flags, data);
	return mount_by_gate(source, target, flags, data, atoi(device + 3)) ?
		       0 :
		       -1;
}

EXPORT int umount2(const char *target, int flags)
{
	static struct mount_order order;
	int (*real)(const char *, int) = dlsym(RTLD_NEXT, "umount2");
	const char *own = getenv("FUSE_GATE_MOUNTPOINT");
	char path[PATH_MAX];

	if (!own || !getenv(MOUNT_SOCKET_VARIABLE) ||
	    strcmp(realpath(target, path) ? path : target, own))
		return real(target, flags);
	order.what = flags & MNT_DETACH ? 'z' : 'u';
	strncpy(order.mountpoint, own, sizeof(order.mountpoint) - 1);
	return ask(&order, NULL) ? 0 : -1;
}

EXPORT int umount(const char *target)
{
	return umount2(target, 0);
}
