// SPDX-License-Identifier: GPL-2.0-only
/* Names of opcodes and errors, both ways. */
#define _GNU_SOURCE
#include "message.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const names[OP_NR] = {
	[FUSE_LOOKUP] = "LOOKUP",
	[FUSE_FORGET] = "FORGET",
	[FUSE_GETATTR] = "GETATTR",
	[FUSE_SETATTR] = "SETATTR",
	[FUSE_READLINK] = "READLINK",
	[FUSE_SYMLINK] = "SYMLINK",
	[FUSE_MKNOD] = "MKNOD",
	[FUSE_MKDIR] = "MKDIR",
	[FUSE_UNLINK] = "UNLINK",
	[FUSE_RMDIR] = "RMDIR",
	[FUSE_RENAME] = "RENAME",
	[FUSE_LINK] = "LINK",
	[FUSE_OPEN] = "OPEN",
	[FUSE_READ] = "READ",
	[FUSE_WRITE] = "WRITE",
	[FUSE_STATFS] = "STATFS",
	[FUSE_RELEASE] = "RELEASE",
	[FUSE_FSYNC] = "FSYNC",
	[FUSE_SETXATTR] = "SETXATTR",
	[FUSE_GETXATTR] = "GETXATTR",
	[FUSE_LISTXATTR] = "LISTXATTR",
	[FUSE_REMOVEXATTR] = "REMOVEXATTR",
	[FUSE_FLUSH] = "FLUSH",
	[FUSE_INIT] = "INIT",
	[FUSE_OPENDIR] = "OPENDIR",
	[FUSE_READDIR] = "READDIR",
	[FUSE_RELEASEDIR] = "RELEASEDIR",
	[FUSE_FSYNCDIR] = "FSYNCDIR",
	[FUSE_GETLK] = "GETLK",
	[FUSE_SETLK] = "SETLK",
	[FUSE_SETLKW] = "SETLKW",
	[FUSE_ACCESS] = "ACCESS",
	[FUSE_CREATE] = "CREATE",
	[FUSE_INTERRUPT] = "INTERRUPT",
	[FUSE_BMAP] = "BMAP",
	[FUSE_DESTROY] = "DESTROY",
	[FUSE_IOCTL] = "IOCTL",
	[FUSE_POLL] = "POLL",
	[FUSE_NOTIFY_REPLY] = "NOTIFY_REPLY",
	[FUSE_BATCH_FORGET] = "BATCH_FORGET",
	[FUSE_FALLOCATE] = "FALLOCATE",
	[FUSE_READDIRPLUS] = "READDIRPLUS",
	[FUSE_RENAME2] = "RENAME2",
	[FUSE_LSEEK] = "LSEEK",
	[FUSE_COPY_FILE_RANGE] = "COPY_FILE_RANGE",
	[FUSE_SETUPMAPPING] = "SETUPMAPPING",
	[FUSE_REMOVEMAPPING] = "REMOVEMAPPING",
	[FUSE_SYNCFS] = "SYNCFS",
	[51] = "TMPFILE", /* newer than some hosts' <linux/fuse.h> */
	[52] = "STATX",
	[OP_TRUNCATE] = "TRUNCATE",
	[OP_WRITEPAGE] = "WRITEPAGE",
	[OP_ALL] = "ALL",
};

const char *op_name(unsigned int opcode)
{
	static __thread char number[16];

	if (opcode < OP_NR && names[opcode])
		return names[opcode];
	snprintf(number, sizeof(number), "OP%u", opcode);
	return number;
}

int op_parse(const char *name)
{
	for (unsigned int i = 0; i < OP_NR; i++)
		if (names[i] && !strcasecmp(names[i], name))
			return i;
	return -1;
}

/* the kernel takes 1 to 511 in a reply */
#define ERRNO_END 512

int errno_parse(const char *name)
{
	const char *known;
	char *end;
	long n;

	for (n = 1; n < ERRNO_END; n++) {
		known = strerrorname_np(n);
		if (known && !strcasecmp(known, name))
			return n;
	}
	n = strtol(name, &end, 10);
	return *name && !*end && n > 0 && n < ERRNO_END ? n : -1;
}

const char *errno_name(int err)
{
	static __thread char number[16];
	const char *known = strerrorname_np(err);

	if (known)
		return known;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}
