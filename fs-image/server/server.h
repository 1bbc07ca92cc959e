/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The server: a passthrough file system on libfuse, each operation passed to a
 * directory. Nothing of gates in it.
 */
#ifndef SERVER_H
#define SERVER_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define MAX_MAX_WRITE (1u << 20) /* 256 pages: what the kernel takes at most */

struct server_options {
	const char *source; /* directory that holds the files */
	const char *device; /* NULL: no fuseblk */
	unsigned int max_write; /* bytes */
	unsigned int max_background; /* 0: the kernel's default */
	unsigned int max_readahead; /* bytes; UINT_MAX: the kernel's default */
	double attr_timeout; /* seconds */
	double entry_timeout; /* seconds */
	bool writeback_cache, atomic_o_trunc, keep_cache, direct_io, splice,
		async_read;
	bool auto_inval, no_open, readdirplus, locks;
};

extern struct server_options server; /* options.c */

/* ---- fs.c ---- */

extern const struct fuse_lowlevel_ops fs_ops;

/* ---- node.c ---- */

struct fuse_entry_param;

/* Opens server.source. 0, or -1 and errno. */
int nodes_init(void);
/* An O_PATH descriptor of the node for the caller, or -errno. */
int node_fd(uint64_t id);
/* Look up a name: an entry for the kernel, counted as one lookup. An errno. */
int node_lookup(int parent_fd, const char *name, struct fuse_entry_param *e);
void node_forget(uint64_t id, uint64_t nlookup);
/* This name goes: should its file go with it, those who have it open still find it. */
void node_keep(int parent_fd, const char *name);

struct proc_path {
	char s[40];
};

/* A path to what a descriptor is open at, for calls that take no O_PATH descriptor */
const char *proc_path(struct proc_path *p, int fd);

/* ---- posix_locks.c ---- */

/* These answer the request: at once, or when the lock is had. */
void locks_get(fuse_req_t req, uint64_t nodeid, uint64_t owner,
	       struct flock *fl);
void locks_set(fuse_req_t req, uint64_t nodeid, uint64_t owner,
	       struct flock *fl, bool wait);
/* @fd is this function's to close */
void locks_flock(fuse_req_t req, int fd, int op);
void locks_drop_owner(uint64_t nodeid, uint64_t owner);
void locks_changed(void); /* an flock lock went: try those who wait */

#endif
