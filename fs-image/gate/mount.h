/* SPDX-License-Identifier: GPL-2.0-only */
/* Mounting FUSE as fusermount3 does, and handing out the device as it does. */
#ifndef MOUNT_H
#define MOUNT_H

#include <stddef.h>
#include <sys/types.h>

/* What a stand-in for fusermount3 asks of the gate, in one packet of a unix socket */
#define MOUNT_SOCKET_VARIABLE "FUSE_GATE"

/* Without the variable (Go servers clear it): a gate listens at one of these */
#define MOUNT_SOCKETS "/run/*.mount"
#define NOT_MINE "another gate's"

/* preload.c, as a file of the image */
#define GATE_LIBRARY "fuse-gate.so"

struct mount_order {
	/*
	 * 'm' mount; 'M' the same, and the gate is in the server's process (preload.c);
	 * 'u' unmount; 'z' the same, lazily; 'i' INIT has been answered, from preload.c
	 */
	char what;
	char guess; /* without $FUSE_GATE: whose mount point is it? */
	int error; /* 'i' */
	unsigned int major, minor;
	char mountpoint[4096];
	char options[4096];
};

/* @device: an open /dev/fuse. NULL, or what went wrong, valid until the next call. */
const char *mount_fuse(int device, const char *mountpoint, const char *options,
		       uid_t uid, gid_t gid);

/* As libfuse expects it at the other end of _FUSE_COMMFD. 0, or -1 and errno */
int send_fd(int to, int fd);

#endif
