// SPDX-License-Identifier: GPL-2.0-only
/* See mount.h. */
#define _GNU_SOURCE
#include "mount.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Those that are flags of mount(2); the rest is for FUSE, or for fusermount3 itself */
static const struct {
	const char *name;
	unsigned long set, clear;
} flags[] = {
	{ "rw", 0, MS_RDONLY },
	{ "ro", MS_RDONLY, 0 },
	{ "suid", 0, MS_NOSUID },
	{ "nosuid", MS_NOSUID, 0 },
	{ "dev", 0, MS_NODEV },
	{ "nodev", MS_NODEV, 0 },
	{ "exec", 0, MS_NOEXEC },
	{ "noexec", MS_NOEXEC, 0 },
	{ "async", 0, MS_SYNCHRONOUS },
	{ "sync", MS_SYNCHRONOUS, 0 },
	{ "atime", 0, MS_NOATIME },
	{ "noatime", MS_NOATIME, 0 },
	{ "diratime", 0, MS_NODIRATIME },
	{ "nodiratime", MS_NODIRATIME, 0 },
	{ "norelatime", 0, MS_RELATIME },
	{ "relatime", MS_RELATIME, 0 },
	{ "nostrictatime", 0, MS_STRICTATIME },
	{ "strictatime", MS_STRICTATIME, 0 },
	{ "dirsync", MS_DIRSYNC, 0 },
};

/* Not the kernel's: said otherwise here, or for who mounts */
static const char *const ours[] = {
	"fd=",	    "rootmode=",    "user_id=", "group_id=", "fsname=",
	"subtype=", "auto_unmount", "user=",	"nonempty",  "large_read",
	"blkdev",   "x-",	    "_netdev",	"defaults",  "no_remote_lock",
	"dev=",	    "nofail",	    "noauto",
};

struct parsed {
	unsigned long flags;
	char fsname[256], subtype[64];
	char kernel[4096]; /* each with a comma before it */
};

static int is_flag(struct parsed *p, const char *word)
{
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		if (strcmp(flags[i].name, word))
			continue;
		p->flags = (p->flags & ~flags[i].clear) | flags[i].set;
		return 1;
	}
	return 0;
}

static int is_ours(struct parsed *p, const char *word)
{
	if (!strncmp(word, "fsname=", 7))
		snprintf(p->fsname, sizeof(p->fsname), "%s", word + 7);
	if (!strncmp(word, "subtype=", 8))
		snprintf(p->subtype, sizeof(p->subtype), "%s", word + 8);
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (!strncmp(ours[i], word, strlen(ours[i])))
			return 1;
	return 0;
}

static void parse(struct parsed *p, const char *options)
{
	char text[4096], *word = text, *from, *to;

	memset(p, 0, sizeof(*p));
	p->flags = MS_NOSUID | MS_NODEV;
	snprintf(text, sizeof(text), "%s,", options);
	/* a comma in a name has a backslash before it */
	for (from = to = text; *from; from++) {
		if (*from == '\\' && from[1]) {
			*to++ = *++from;
			continue;
		}
		if (*from != ',') {
			*to++ = *from;
			continue;
		}
		*to = 0;
		if (*word && !is_flag(p, word) && !is_ours(p, word)) {
			strncat(p->kernel, ",",
				sizeof(p->kernel) - strlen(p->kernel) - 1);
			strncat(p->kernel, word,
				sizeof(p->kernel) - strlen(p->kernel) - 1);
		}
		to = word = from + 1;
	}
}

const char *mount_fuse(int device, const char *mountpoint, const char *options,
		       uid_t uid, gid_t gid)
{
	static char message[4600];
	char data[4300], type[80];
	const char *source;
	struct parsed p;
	struct stat st;

	if (stat(mountpoint, &st)) {
		snprintf(message, sizeof(message), "mount point %s: %s",
			 mountpoint, strerror(errno));
		return message;
	}
	parse(&p, options);
	snprintf(type, sizeof(type), "fuse%s%s", *p.subtype ? "." : "",
		 p.subtype);
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=%o,user_id=%u,group_id=%u%s", device,
		 st.st_mode & S_IFMT, uid, gid, p.kernel);
	source = *p.fsname ? p.fsname : *p.subtype ? p.subtype : "fuse";
	if (!mount(source, mountpoint, type, p.flags, data))
		return NULL;
	snprintf(message, sizeof(message), "mounting on %s with '%s': %s",
		 mountpoint, p.kernel, strerror(errno));
	return message;
}

int send_fd(int to, int fd)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	return sendmsg(to, &msg, MSG_NOSIGNAL) == 1 ? 0 : -1;
}
