// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes: what the kernel knows by number. A number is never used again, so a request
 * that comes late finds its node or ESTALE, never somebody else's file.
 *
 * A node is a file handle, from which a descriptor is opened for each request: a server
 * with a descriptor for each file that the kernel has in its cache would soon have too
 * many. It keeps a descriptor only where it must: no handles there (hostfs), no right to
 * open them, another file system below the source, or the file's last name is gone.
 */
#define _GNU_SOURCE
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH (1 << 14)
#define HANDLE_MAX 32 /* bytes; tmpfs has 12 */

struct handle {
	struct file_handle head;
	unsigned char bytes[HANDLE_MAX];
};

struct node {
	struct node *next; /* of the same id hash */
	struct node *next_ino; /* of the same inode hash */
	uint64_t id;
	uint64_t nlookup;
	int fd; /* -1: opened from the handle */
	dev_t dev;
	ino_t ino;
	struct handle handle; /* no bytes: it has none */
};

/* Leaf lock: nothing else is taken under it. */
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
static struct node *nodes[HASH], *by_ino[HASH];
static uint64_t last_node = FUSE_ROOT_ID;

/* The file system whose handles can be opened; -1: none */
static int mount_fd = -1, mount_id;

static struct node *node_find(uint64_t id)
{
	struct node *n;

	for (n = nodes[id % HASH]; n && n->id != id; n = n->next)
		;
	return n;
}

static bool same_handle(const struct handle *a, const struct handle *b)
{
	return a->head.handle_bytes == b->head.handle_bytes &&
	       a->head.handle_type == b->head.handle_type &&
	       !memcmp(a->head.f_handle, b->head.f_handle,
		       a->head.handle_bytes);
}

/* The inode number of a file that is gone may be another's: the handle tells. */
static struct node *node_by_stat(const struct stat *st, const struct handle *h)
{
	struct node *n;

	for (n = by_ino[st->st_ino % HASH]; n; n = n->next_ino)
		if (n->ino == st->st_ino && n->dev == st->st_dev &&
		    same_handle(&n->handle, h))
			break;
	return n;
}

static void node_add(struct node *n, const struct stat *st)
{
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	n->next = nodes[n->id % HASH];
	nodes[n->id % HASH] = n;
	n->next_ino = by_ino[n->ino % HASH];
	by_ino[n->ino % HASH] = n;
}

static void node_del(struct node *n)
{
	struct node **p;

	for (p = &nodes[n->id % HASH]; *p != n; p = &(*p)->next)
		;
	*p = n->next;
	for (p = &by_ino[n->ino % HASH]; *p != n; p = &(*p)->next_ino)
		;
	*p = n->next_ino;
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

const char *proc_path(struct proc_path *p, int fd)
{
	snprintf(p->s, sizeof(p->s), "/proc/self/fd/%d", fd);
	return p->s;
}

/* Leaves a handle without bytes if there is none that could be opened. */
static void get_handle(int fd, struct handle *h)
{
	int id;

	h->head.handle_bytes = HANDLE_MAX;
	h->head.handle_type = 0;
	if (mount_fd < 0 ||
	    name_to_handle_at(fd, "", &h->head, &id, AT_EMPTY_PATH) ||
	    id != mount_id)
		h->head.handle_bytes = 0;
}

int node_fd(uint64_t id)
{
	struct handle h;
	struct node *n;
	int fd = -ESTALE;

	pthread_mutex_lock(&table_lock);
	n = node_find(id);
	if (n && n->fd >= 0) {
		/* one of the caller's own, so that FORGET cannot close it */
		fd = fcntl(n->fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			fd = -errno;
		n = NULL;
	} else if (n) {
		h = n->handle;
	}
	pthread_mutex_unlock(&table_lock);
	if (n) {
		fd = open_by_handle_at(mount_fd, &h.head, O_PATH | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
	}
	return fd;
}

void node_forget(uint64_t id, uint64_t nlookup)
{
	struct node *n;

	pthread_mutex_lock(&table_lock);
	n = node_find(id);
	if (n) {
		n->nlookup -= nlookup < n->nlookup ? nlookup : n->nlookup;
		if (!n->nlookup && id != FUSE_ROOT_ID)
			node_del(n);
	}
	pthread_mutex_unlock(&table_lock);
}

int node_lookup(int parent_fd, const char *name, struct fuse_entry_param *e)
{
	struct handle h;
	struct node *n;
	int fd, err = 0;

	memset(e, 0, sizeof(*e));
	e->attr_timeout = server.attr_timeout;
	e->entry_timeout = server.entry_timeout;
	fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (fstatat(fd, "", &e->attr, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW)) {
		err = errno;
		close(fd);
		return err;
	}
	get_handle(fd, &h);
	pthread_mutex_lock(&table_lock);
	n = node_by_stat(&e->attr, &h);
	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n) {
			err = ENOMEM;
			goto out;
		}
		n->handle = h;
		n->fd = -1;
		if (!h.head.handle_bytes) {
			n->fd = fd;
			fd = -1;
		}
		n->id = ++last_node;
		node_add(n, &e->attr);
	}
	n->nlookup++;
	e->ino = n->id;
out:
	pthread_mutex_unlock(&table_lock);
	if (fd >= 0)
		close(fd);
	return err;
}

void node_keep(int parent_fd, const char *name)
{
	struct handle h;
	struct node *n;
	struct stat st;
	int fd = openat(parent_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	/* another name will do, but none is left of a directory */
	if (!fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) &&
	    (st.st_nlink == 1 || S_ISDIR(st.st_mode))) {
		get_handle(fd, &h);
		pthread_mutex_lock(&table_lock);
		n = node_by_stat(&st, &h);
		if (n && n->fd < 0) {
			n->fd = fd;
			fd = -1;
		}
		pthread_mutex_unlock(&table_lock);
	}
	if (fd >= 0)
		close(fd);
}

/* Files that are open are the kernel's to count; a server is there for all of them. */
static void raise_limit(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	if (!setrlimit(RLIMIT_NOFILE, &limit) ||
	    getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int nodes_init(void)
{
	struct node *root = calloc(1, sizeof(*root));
	struct handle h = { .head.handle_bytes = HANDLE_MAX };
	struct stat st;
	int fd;

	raise_limit();
	if (!root)
		return -1;
	root->fd = open(server.source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root->fd < 0 || fstat(root->fd, &st))
		return -1;
	root->id = FUSE_ROOT_ID;
	root->nlookup = 1;
	node_add(root, &st);

	mount_fd = open(server.source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mount_fd < 0)
		return 0;
	fd = name_to_handle_at(mount_fd, "", &h.head, &mount_id,
			       AT_EMPTY_PATH) ?
		     -1 :
		     open_by_handle_at(mount_fd, &h.head, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		get_handle(root->fd, &root->handle);
		close(fd);
	} else {
		close(mount_fd);
		mount_fd = -1;
	}
	return 0;
}
