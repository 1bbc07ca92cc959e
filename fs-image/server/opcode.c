// SPDX-License-Identifier: GPL-2.0-only
/* Names of opcodes and errors, both ways. */
#include "daemon.h"

#include <errno.h>
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

/* clang-format off */
static const struct {
	int err;
	const char *name;
} errors[] = {
#define E(e) { e, #e }
	E(EPERM), E(ENOENT), E(EINTR), E(EIO), E(ENXIO), E(E2BIG), E(EBADF), E(EAGAIN),
	E(ENOMEM), E(EACCES), E(EFAULT), E(EBUSY), E(EEXIST), E(EXDEV), E(ENODEV),
	E(ENOTDIR), E(EISDIR), E(EINVAL), E(ENFILE), E(EMFILE), E(ETXTBSY), E(EFBIG),
	E(ENOSPC), E(EROFS), E(EMLINK), E(EPIPE), E(ERANGE), E(EDEADLK),
	E(ENAMETOOLONG), E(ENOSYS), E(ENOTEMPTY), E(ENODATA), E(EOVERFLOW),
	E(EOPNOTSUPP), E(ENOTCONN), E(ETIMEDOUT), E(ESTALE), E(EDQUOT), E(ECONNABORTED),
#undef E
};
/* clang-format on */

int errno_parse(const char *name)
{
	char *end;
	long n;

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (!strcasecmp(errors[i].name, name))
			return errors[i].err;
	n = strtol(name, &end, 10);
	/* the kernel takes 1 to 511 in a reply */
	return *name && !*end && n > 0 && n < 512 ? n : -1;
}

const char *errno_name(int err)
{
	static __thread char number[16];

	for (size_t i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i].err == err)
			return errors[i].name;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}
