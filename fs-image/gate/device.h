/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writing to /dev/fuse, past libc: in the process of a server libc's own calls come to
 * the gate (preload.c).
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stddef.h>
#include <sys/uio.h>

int device_write(int fd, const void *buf, size_t len); /* 0 or an errno */
int device_writev(int fd, const struct iovec *iov, int count);

#endif
