// SPDX-License-Identifier: GPL-2.0-only
/* See device.h. */
#define _GNU_SOURCE
#include "device.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

int device_write(int fd, const void *buf, size_t len)
{
	return syscall(SYS_write, fd, buf, len) < 0 ? errno : 0;
}

int device_writev(int fd, const struct iovec *iov, int count)
{
	return syscall(SYS_writev, fd, iov, count) < 0 ? errno : 0;
}
