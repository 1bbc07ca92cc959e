// SPDX-License-Identifier: GPL-2.0-only
/*
 * POSIX locks: one open file description for each owner of locks on a node, with
 * locks of the open-file-description kind on it. So the source's kernel keeps the
 * list of ranges, splits and joins them, and closing the description drops them.
 *
 * Who waits for a lock, POSIX or flock, waits on a list, not in a thread: whenever a
 * lock goes, all of them are tried again.
 */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

struct owner {
	struct owner *next;
	uint64_t nodeid, owner;
	int fd;
};

/* Somebody who wants a lock. */
struct wish {
	struct wish *next;
	fuse_req_t req;
	bool waits; /* it is on the list */
	bool interrupted;
	/* POSIX */
	uint64_t nodeid, owner;
	struct flock fl;
	/* flock */
	int fd; /* -1: POSIX */
	int op;
};

static pthread_mutex_t locks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct owner *owners;
static struct wish *wishes;

/* locks_lock held for these. */

static struct owner *owner_get(uint64_t nodeid, uint64_t id)
{
	struct proc_path path;
	struct owner *o;
	int fd;

	for (o = owners; o; o = o->next)
		if (o->nodeid == nodeid && o->owner == id)
			return o;
	fd = node_fd(nodeid);
	if (fd < 0) {
		errno = -fd;
		return NULL;
	}
	o = calloc(1, sizeof(*o));
	if (!o) {
		close(fd);
		return NULL;
	}
	o->fd = open(proc_path(&path, fd), O_RDWR | O_CLOEXEC);
	if (o->fd < 0) {
		int err = errno;

		close(fd);
		free(o);
		errno = err;
		return NULL;
	}
	close(fd);
	o->nodeid = nodeid;
	o->owner = id;
	o->next = owners;
	owners = o;
	return o;
}

static int lock_cmd(uint64_t nodeid, uint64_t id, int cmd, struct flock *fl)
{
	struct owner *o = owner_get(nodeid, id);
	int err;

	fl->l_pid = 0; /* as this kind of lock demands */
	err = o && !fcntl(o->fd, cmd, fl) ? 0 : errno;
	return err == EACCES ? EAGAIN : err;
}

static int try(struct wish *w)
{
	if (w->fd < 0)
		return lock_cmd(w->nodeid, w->owner, F_OFD_SETLK, &w->fl);
	return flock(w->fd, w->op | LOCK_NB) ? errno : 0;
}

static void unlist(struct wish *w)
{
	struct wish **p;

	for (p = &wishes; *p != w; p = &(*p)->next)
		;
	*p = w->next;
	w->waits = false;
}

/* Not held from here on. */

static void answer(struct wish *w, int err)
{
	fuse_reply_err(w->req, err);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
}

/* libfuse holds the request meanwhile, so it does not end under our hands. */
static void interrupted(fuse_req_t req, void *arg)
{
	struct wish *w = arg;
	bool waited;

	pthread_mutex_lock(&locks_lock);
	w->interrupted = true;
	waited = w->waits;
	if (waited)
		unlist(w);
	pthread_mutex_unlock(&locks_lock);
	(void)req;
	if (waited)
		answer(w, EINTR);
}

static void grant(struct wish *w, bool wait)
{
	int err;

	if (wait)
		fuse_req_interrupt_func(w->req, interrupted, w);
	pthread_mutex_lock(&locks_lock);
	err = try(w);
	if (err == EAGAIN && wait) {
		if (!w->interrupted) {
			w->next = wishes;
			wishes = w;
			w->waits = true;
			pthread_mutex_unlock(&locks_lock);
			return;
		}
		err = EINTR;
	}
	pthread_mutex_unlock(&locks_lock);
	if (wait)
		fuse_req_interrupt_func(w->req, NULL, NULL);
	answer(w, err);
}

void locks_changed(void)
{
	struct wish *w;
	int err = EAGAIN;

	do {
		pthread_mutex_lock(&locks_lock);
		for (w = wishes; w; w = w->next) {
			err = try(w);
			if (err != EAGAIN)
				break;
		}
		if (w)
			unlist(w);
		pthread_mutex_unlock(&locks_lock);
		if (w) {
			/* waits for an interrupt under way, which finds it gone */
			fuse_req_interrupt_func(w->req, NULL, NULL);
			answer(w, err);
		}
	} while (w);
}

void locks_get(fuse_req_t req, uint64_t nodeid, uint64_t owner,
	       struct flock *fl)
{
	int err;

	pthread_mutex_lock(&locks_lock);
	err = lock_cmd(nodeid, owner, F_OFD_GETLK, fl);
	pthread_mutex_unlock(&locks_lock);
	/* the kernel takes no negative pid for a real one */
	if (fl->l_pid < 0)
		fl->l_pid = 0;
	if (err)
		fuse_reply_err(req, err);
	else
		fuse_reply_lock(req, fl);
}

static struct wish *wish_new(fuse_req_t req)
{
	struct wish *w = calloc(1, sizeof(*w));

	if (!w)
		fuse_reply_err(req, ENOMEM);
	else
		*w = (struct wish){ .req = req, .fd = -1 };
	return w;
}

void locks_set(fuse_req_t req, uint64_t nodeid, uint64_t owner,
	       struct flock *fl, bool wait)
{
	bool frees = fl->l_type != F_WRLCK; /* or shares */
	struct wish *w = wish_new(req);

	if (!w)
		return;
	w->nodeid = nodeid;
	w->owner = owner;
	w->fl = *fl;
	grant(w, wait);
	if (frees)
		locks_changed();
}

void locks_flock(fuse_req_t req, int fd, int op)
{
	struct wish *w = wish_new(req);

	if (!w) {
		close(fd);
		return;
	}
	w->fd = fd;
	w->op = op & ~LOCK_NB;
	grant(w, !(op & LOCK_NB));
	if (!(op & LOCK_EX))
		locks_changed();
}

void locks_drop_owner(uint64_t nodeid, uint64_t owner)
{
	struct owner **p, *o;
	bool dropped = false;

	pthread_mutex_lock(&locks_lock);
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
	pthread_mutex_unlock(&locks_lock);
	if (dropped)
		locks_changed();
}
