/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a user of a mount does to its files: one table for `act`, the tests' users and the
 * benchmark.
 */
#ifndef VERBS_H
#define VERBS_H

#include <stddef.h>

#define PAGE 4096

/*
 * Arguments are in the order of the system call, files are descriptors. Each returns what
 * the system call does, or -errno.
 */
enum verb {
	OPEN_FILE, /* path, flags: mode is 0644 */
	UNLINK_FILE, /* path */
	CLOSE, /* fd */
	READ, /* fd, offset: the byte there, -ENODATA past EOF */
	READ_COUNT, /* fd, offset, length: how many bytes there are not 0 */
	WRITE, /* fd, offset, length, byte */
	TRUNCATE, /* fd, size */
	FALLOCATE, /* fd, mode, offset, length */
	FSYNC, /* fd */
	FDATASYNC, /* fd */
	SYNC, /* sync(2) */
	SYNCFS, /* fd */
	KICK, /* fd: start writing back, wait for nothing */
	MAP, /* fd, length: shared, writable, instead of the last */
	UNMAP,
	NO_READAHEAD, /* of the mapping: each fault reads one page */
	STORE, /* offset in the mapping, byte */
	STORE_RANGE, /* offset, length, byte: every byte of it */
	STORE_PAGES, /* first page, number, byte: the first byte of each page */
	STORE_EVERY, /* first page, number, byte, step: each step-th page */
	LOAD, /* offset in the mapping: the byte there */
	LOAD_COUNT, /* offset, length: how many bytes there are not 0 */
	WRITE_FROM_MAP, /* fd, offset, length, offset in the mapping: write(2) from there */
	CHMOD, /* fd, mode */
	MSYNC, /* offset, length */
	AIO_READ, /* fd, offset, length: into the mapping; 0 once submitted */
	AIO_WAIT, /* the result of that */
	COPY_RANGE, /* fd in, offset in, fd out, offset out, length */
	PUNCH, /* fd, offset, length */
	SIZE, /* fd: by fstat(2) */
	DROP_CACHES,
	COMPACT, /* compact all memory */
	RECLAIM, /* path of a memory group, kB: as memory pressure would */
	PAGE_FLAGS, /* offset in the mapping: see page_flags(); the page is touched first */
	FAIL_NTH, /* n: in the next verb, the n-th allocation fails */
	FAILED, /* did it? 0: there were less than n */
	UMOUNT_FORCE, /* path: umount2(MNT_FORCE) */
	CALL, /* a call_fn of the caller's own, and what it is given */
	NR_VERBS
};

/*
 * A verb that is not in the list, for one test. @map is the actor's mapping or NULL.
 * Returns a result, or -errno.
 */
typedef long call_fn(char *map, const long arg[4]);

/* Who does it: what a process has beside its descriptors. Zero to begin with. */
struct actor {
	char *map;
	size_t map_len;
	unsigned long aio; /* an aio_context_t */
	int fail_nth;
	int failed;
};

/*
 * Do it. @path is for the verbs that take one. -EINVAL: no such verb; -ENODEV: it needs a
 * mapping and there is none; -ERANGE: past the end of the mapping.
 */
long do_verb(struct actor *actor, enum verb verb, const char *path,
	     const long arg[5]);

#endif
