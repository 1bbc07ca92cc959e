// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX locks: one open file description for each owner of locks on a node, with
 * locks of the open-file-description kind on it. So the server's kernel keeps the
 * list of ranges, splits and joins them, and closing the description drops them.
 */
#define _GNU_SOURCE
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct owner {
	struct owner *next;
	uint64_t nodeid, owner;
	int fd;
};

static pthread_mutex_t owners_lock = PTHREAD_MUTEX_INITIALIZER;
static struct owner *owners;

/* owners_lock held */
static struct owner *owner_get(uint64_t nodeid, int path_fd, uint64_t id)
{
	char path[40];
	struct owner *o;

	for (o = owners; o; o = o->next)
		if (o->nodeid == nodeid && o->owner == id)
			return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	o->fd = open(path, O_RDWR | O_CLOEXEC);
	if (o->fd < 0) {
		free(o);
		return NULL;
	}
	o->nodeid = nodeid;
	o->owner = id;
	o->next = owners;
	owners = o;
	return o;
}

static int lock_cmd(uint64_t nodeid, int path_fd, uint64_t id, int cmd,
		    struct flock *fl)
{
	struct owner *o;
	int err;

	pthread_mutex_lock(&owners_lock);
	o = owner_get(nodeid, path_fd, id);
	fl->l_pid = 0; /* as this kind of lock demands */
	err = o && !fcntl(o->fd, cmd, fl) ? 0 : errno;
	pthread_mutex_unlock(&owners_lock);
	return err == EACCES ? EAGAIN : err;
}

int locks_get(uint64_t nodeid, int path_fd, uint64_t owner, struct flock *fl)
{
	int err = lock_cmd(nodeid, path_fd, owner, F_OFD_GETLK, fl);

	/* the kernel takes no negative pid for a real one */
	if (fl->l_pid < 0)
		fl->l_pid = 0;
	return err;
}

int locks_set(uint64_t nodeid, int path_fd, uint64_t owner, struct flock *fl)
{
	return lock_cmd(nodeid, path_fd, owner, F_OFD_SETLK, fl);
}

void locks_drop_owner(uint64_t nodeid, uint64_t owner)
{
	struct owner **p, *o;
	bool dropped = false;

	pthread_mutex_lock(&owners_lock);
	for (p = &owners; (o = *p) != NULL;) {
		if (o->nodeid == nodeid && o->owner == owner) {
			*p = o->next;
			close(o->fd);
			free(o);
			dropped = true;
		} else {
			p = &o->next;
		}
	}
	pthread_mutex_unlock(&owners_lock);
	if (dropped)
		request_locks_changed();
}
