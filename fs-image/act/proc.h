/* SPDX-License-Identifier: GPL-2.0-only */
/* Small files of the kernel's: /proc, /sys. */
#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

/* All of it, with a NUL behind; what does not fit is cut off. Bytes, or -1 with errno. */
ssize_t read_text(const char *path, char *buf, size_t size);

/* To a file that is there. 0, or an errno. */
int write_text(const char *path, const char *text);

/* The number behind @name at the beginning of a line ("name 5", "name: 5 kB"); -1: none. */
long field(const char *text, const char *name);

/* A counter of /proc/vmstat; -1: no such. */
long vmstat(const char *name);

/*
 * The bits in /proc/kpageflags of the page that is mapped at @p, as
 * linux/kernel-page-flags.h numbers them. -ENODATA: none is; -errno.
 */
long page_flags(const void *p);

#endif
