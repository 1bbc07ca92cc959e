/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Programs in Go, for preload.c: they read past libc, also where they have it. All their
 * reading and writing is by one function of Go's runtime, Syscall6; this puts a jump into
 * it, to what libc's callers get. For programs that are linked to libc ("cgo"), as Debian's
 * are: there each thread has been made by libc, so C may run in it. A static one loads no
 * library at all.
 */
#ifndef GO_H
#define GO_H

#include <stdbool.h>

/* A mapping of this name tells fusermount3 that it has been done */
#define GO_MARK "fuse-gate-go"

/* The program is in Go, and goes through here: which of its threads has a request is not
 * known, as its goroutines change threads. */
extern bool go_hooked;

/* Which descriptors are the device: preload.c keeps it */
#define DESCRIPTORS (1 << 12)
extern bool is_device[DESCRIPTORS];

/* The least a server reads at a time, by the protocol */
#define MIN_READ 8192

#endif
