/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate in the process of a libfuse server. Its io takes the place of libfuse's own
 * reading and writing of /dev/fuse, so each request stays in the thread that read it.
 *
 *	gate_start(&options)	with .transport = &inside
 *	fuse_session_custom_io(session, &inside_io, device)
 */
#ifndef INSIDE_H
#define INSIDE_H

#include "transport.h"

#include <stdbool.h>

struct fuse_custom_io;

extern const struct fuse_custom_io inside_io;
extern const struct transport inside;

/* @handle: the server handles this message, in the calling thread */
void inside_init(void (*handle)(const char *message, size_t len));

/* For the calling thread: read by splice(2), through a pipe for so many bytes. errno */
int inside_splice(size_t size);

#endif
