/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the kernel calls the files: learned from the messages alone, whatever the server
 * is. A nodeid has the names by which the kernel looked it up, until it forgets it.
 *
 * state_lock is held for all of these.
 */
#ifndef NAMES_H
#define NAMES_H

#include "message.h"

/* A request that the kernel has sent: FORGETs count. */
void names_request(const struct op *op, const char *message, size_t len);
/* A reply that the kernel is about to get, header included. */
void names_reply(const struct op *op, const char *reply, size_t len);

/*
 * Is this request about the file at @path, below the mount: by its nodeid, or as the
 * child that it names?
 */
bool names_match(const struct op *op, const char *path);
uint64_t names_node(const char *path); /* 0: the kernel does not know it */
/* One of its names. */
bool names_parent(uint64_t nodeid, uint64_t *parent, char *name, size_t size);
/* A path below the mount; "" for the root and for what has no name (any more). */
void names_path(uint64_t nodeid, char *path, size_t size);

#endif
