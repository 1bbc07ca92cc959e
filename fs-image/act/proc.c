// SPDX-License-Identifier: GPL-2.0-only
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t read_text(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n, len = 0;

	buf[0] = 0;
	if (fd < 0)
		return -1;
	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += n;
	buf[len] = 0;
	close(fd);
	return len;
}

int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		err = errno;
	close(fd);
	return err;
}

long field(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = text; (p = strstr(p, name)) != NULL; p += len)
		if ((p == text || p[-1] == '\n') &&
		    (p[len] == ' ' || p[len] == ':'))
			return strtol(p + len + 1, NULL, 10);
	return -1;
}

long vmstat(const char *name)
{
	static char text[16384];

	/* there with several CPUs: what each of them has not added yet */
	read_text("/proc/sys/vm/stat_refresh", text, sizeof(text));
	read_text("/proc/vmstat", text, sizeof(text));
	return field(text, name);
}

static int entry(const char *table, uint64_t index, uint64_t *value)
{
	int fd = open(table, O_RDONLY | O_CLOEXEC), err = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = pread(fd, value, sizeof(*value), index * sizeof(*value));
	if (n != sizeof(*value))
		err = n < 0 ? -errno : -EIO;
	close(fd);
	return err;
}

long page_flags(const void *p)
{
	uint64_t map, flags;
	int err = entry("/proc/self/pagemap",
			(uintptr_t)p / sysconf(_SC_PAGESIZE), &map);

	if (err)
		return err;
	if (!(map >> 63))
		return -ENODATA;
	err = entry("/proc/kpageflags", map & ((1ULL << 55) - 1), &flags);
	return err ? err : (long)(flags & 0xffffffff);
}
