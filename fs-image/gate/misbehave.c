// SPDX-License-Identifier: GPL-2.0-only
/* See misbehave.h. */
#define _GNU_SOURCE
#include "misbehave.h"
#include "device.h"
#include "log.h"
#include "names.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The uniques of our own NOTIFY_RETRIEVEs: no server counts that far */
#define OUR_RETRIEVE (1ULL << 62)

static int device;
static const char *mountpoint;

void misbehave_init(int fd, const char *path)
{
	device = fd;
	mountpoint = path;
}

/* 0, or an errno */
static int send_notification(enum fuse_notify_code code, const void *arg,
			     size_t arg_len, const void *data, size_t data_len)
{
	struct fuse_out_header out = {
		.len = sizeof(out) + arg_len + data_len,
		.error = code,
	};
	struct iovec iov[] = {
		{ &out, sizeof(out) },
		{ (void *)arg, arg_len },
		{ (void *)data, data_len },
	};

	return device_writev(device, iov, 3);
}

static int send_inval_inode(uint64_t nodeid, int64_t off, uint64_t len)
{
	struct fuse_notify_inval_inode_out arg = { .ino = nodeid,
						   .off = off,
						   .len = len };

	return send_notification(FUSE_NOTIFY_INVAL_INODE, &arg, sizeof(arg),
				 NULL, 0);
}

static int send_store(uint64_t nodeid, uint64_t off, uint64_t len)
{
	struct fuse_notify_store_out arg = { .nodeid = nodeid,
					     .offset = off,
					     .size = len };
	char *data = malloc(len);
	int err;

	if (!data)
		return ENOMEM;
	memset(data, 'S', len);
	err = send_notification(FUSE_NOTIFY_STORE, &arg, sizeof(arg), data,
				len);
	free(data);
	return err;
}

static int send_retrieve(uint64_t nodeid, uint64_t off, uint64_t len)
{
	static uint64_t unique = OUR_RETRIEVE;
	struct fuse_notify_retrieve_out arg = {
		.notify_unique =
			__atomic_add_fetch(&unique, 1, __ATOMIC_SEQ_CST),
		.nodeid = nodeid,
		.offset = off,
		.size = len,
	};

	return send_notification(FUSE_NOTIFY_RETRIEVE, &arg, sizeof(arg), NULL,
				 0);
}

bool retrieved(const struct op *op)
{
	return op->opcode == FUSE_NOTIFY_REPLY && op->unique > OUR_RETRIEVE;
}

/* inval_entry and delete are about a name in a directory */
static int send_about_name(const char *kind, const struct op *op)
{
	uint64_t parent = op->nodeid, child = 0;
	char name[256];
	size_t len;

	if (op->name) {
		snprintf(name, sizeof(name), "%s", op->name);
	} else {
		bool named;

		pthread_mutex_lock(&state_lock);
		named = names_parent(op->nodeid, &parent, name, sizeof(name));
		pthread_mutex_unlock(&state_lock);
		if (!named)
			return ENOENT;
		child = op->nodeid;
	}
	len = strlen(name);
	if (!strcmp(kind, "delete")) {
		struct fuse_notify_delete_out arg = { .parent = parent,
						      .child = child,
						      .namelen = len };

		return send_notification(FUSE_NOTIFY_DELETE, &arg, sizeof(arg),
					 name, len + 1);
	} else {
		struct fuse_notify_inval_entry_out arg = { .parent = parent,
							   .namelen = len };

		return send_notification(FUSE_NOTIFY_INVAL_ENTRY, &arg,
					 sizeof(arg), name, len + 1);
	}
}

void do_notify(const char *kind, const struct op *op, bool whole)
{
	int64_t off = whole || op->off < 0 ? 0 : op->off;
	uint64_t len = whole ? 0 : op->size ? op->size : 4096;
	char note[40];
	int err;

	snprintf(note, sizeof(note), "notify %s", kind);
	pthread_mutex_lock(&state_lock);
	log_event(EV_ACTION, op, 0, -1, note);
	pthread_mutex_unlock(&state_lock);
	if (!strcmp(kind, "inval_inode"))
		err = send_inval_inode(op->nodeid, off, len);
	else if (!strcmp(kind, "store"))
		err = send_store(op->nodeid, off, len);
	else if (!strcmp(kind, "retrieve"))
		err = send_retrieve(op->nodeid, off, len);
	else
		err = send_about_name(kind, op);
	pthread_mutex_lock(&state_lock);
	log_event(EV_NOTIFY, op, err, -1, note);
	pthread_mutex_unlock(&state_lock);
}

struct notice {
	char kind[32];
	struct op op;
};

static void *notify_thread(void *arg)
{
	struct notice *n = arg;

	do_notify(n->kind, &n->op, false);
	free(n);
	return NULL;
}

void notify_start(const char *kind, const struct op *op)
{
	struct notice *n = calloc(1, sizeof(*n));

	if (!n)
		abort();
	snprintf(n->kind, sizeof(n->kind), "%s", kind);
	n->op = *op;
	thread_start(notify_thread, n);
}

/* A fault in a mapping of the file */
static int load_from(int fd)
{
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return errno;
	(void)*(volatile char *)p;
	munmap(p, 4096);
	return 0;
}

void do_reenter(const struct op *op, const char *verb, const char *path)
{
	char full[4096], byte = 'R', note[40];
	struct stat st;
	int fd, err = 0;

	snprintf(full, sizeof(full), "%s/%s", mountpoint, path);
	snprintf(note, sizeof(note), "re-enter: %s %.20s", verb, path);
	pthread_mutex_lock(&state_lock);
	log_event(EV_ACTION, op, 0, -1, note);
	pthread_mutex_unlock(&state_lock);
	errno = 0;
	if (!strcmp(verb, "stat")) {
		err = stat(full, &st) ? errno : 0;
	} else if (!strcmp(verb, "unlink")) {
		err = unlink(full) ? errno : 0;
	} else {
		fd = open(full, !strcmp(verb, "write") ? O_RDWR : O_RDONLY);
		if (fd < 0)
			err = errno;
		else if (!strcmp(verb, "read"))
			err = pread(fd, &byte, 1, 0) < 0 ? errno : 0;
		else if (!strcmp(verb, "write"))
			err = pwrite(fd, &byte, 1, 0) < 0 ? errno : 0;
		else if (!strcmp(verb, "fsync"))
			err = fsync(fd) ? errno : 0;
		else if (!strcmp(verb, "map"))
			err = load_from(fd);
		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_lock(&state_lock);
	log_event(EV_NOTIFY, op, err, -1, note);
	pthread_mutex_unlock(&state_lock);
}

void do_allocate(const struct op *op, long mib)
{
	size_t len = (size_t)mib << 20, at;
	char note[40], *p;

	snprintf(note, sizeof(note), "allocate %ld MiB", mib);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	for (at = 0; p != MAP_FAILED && at < len; at += 4096)
		((volatile char *)p)[at] = 1;
	pthread_mutex_lock(&state_lock);
	log_event(EV_ACTION, op, p == MAP_FAILED ? ENOMEM : 0, -1, note);
	pthread_mutex_unlock(&state_lock);
	if (p != MAP_FAILED)
		munmap(p, len);
}
