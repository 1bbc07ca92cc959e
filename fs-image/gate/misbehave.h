/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a server does that it should not, or should not at this moment. Each of these
 * may wait for as long as the kernel likes: that is what they are for.
 *
 * state_lock is not held.
 */
#ifndef MISBEHAVE_H
#define MISBEHAVE_H

#include "message.h"

void misbehave_init(int device, const char *mountpoint);

/* A notification about what @op is about; @whole: about the whole file. */
void do_notify(const char *kind, const struct op *op, bool whole);
/* The same from a thread of its own; state_lock may be held. */
void notify_start(const char *kind, const struct op *op);
/* Go to our own mount. */
void do_reenter(const struct op *op, const char *verb, const char *path);
void do_allocate(const struct op *op, long mib);

/* Is this what NOTIFY_RETRIEVE of ours asked for? It is not the server's then. */
bool retrieved(const struct op *op);

#endif
