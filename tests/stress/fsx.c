// SPDX-License-Identifier: GPL-2.0-only
/*
 * fsx - do random things to one file and check every byte.
 *
 * A model of the file is kept in memory. Each operation is done to the file
 * and to the model; what is read back has to be what the model says. After an
 * fsync the file behind the mount, as the FUSE server sees it, has to be the
 * same too (--server). When they differ, the operations are cut down to the few
 * that are needed, by running subsets of them on a fresh file.
 *
 * With --procs, several processes work on the file at the same time. The model
 * stays exact because a process first claims the bytes that its operation reads
 * or changes, and nobody else touches claimed bytes. The claims are bytes and
 * not pages wherever POSIX promises as much, so the processes do meet in pages.
 *
 * Sections: operations; the model; claims; the log; doing an operation;
 * the processes; the report; minimizing; the command line.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <linux/falloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

#define MAX_PROCS 32
#define MAX_LENGTH (1u << 30)
#define MAX_OPS 100000000u
#define SHOWN 8 /* bytes shown around a difference */
#define MAX_IDLE 100000 /* operations in a row that cannot be done */
#define LAST_OPS 12 /* operations shown before it */

/* ---- operations ------------------------------------------------------- */

enum kind {
	OP_READ,
	OP_WRITE,
	OP_MAPREAD,
	OP_MAPWRITE,
	OP_MAPEOF,
	OP_TRUNCATE,
	OP_ALLOC,
	OP_PUNCH,
	OP_ZERO,
	OP_COLLAPSE,
	OP_INSERT,
	OP_COPY,
	OP_DREAD,
	OP_DWRITE,
	OP_WRITEMAP,
	OP_READMAP,
	OP_DREADMAP,
	OP_FSYNC,
	OP_MSYNC,
	OP_KICK,
	OP_REOPEN,
	OP_OTRUNC,
	OP_INVALIDATE,
	OP_ZAP,
	OP_DROP,
	OP_STAT,
	OP_CHECK,
	NR_KINDS
};

/* What an operation needs and a file system may lack. */
enum {
	NEED_MAPREAD = 1, /* a shared mapping to read from */
	NEED_MAPWRITE = 2, /* a shared mapping to store to */
	NEED_DIRECT = 4, /* O_DIRECT */
	NEED_ALLOC = 8,
	NEED_PUNCH = 16,
	NEED_ZERO = 32,
	NEED_COLLAPSE = 64,
	NEED_INSERT = 128,
	NEED_COPY = 256,
	NEED_DROP = 512, /* /proc/sys/vm/drop_caches */
};

/* clang-format off */
static const struct op_info {
	const char *name;
	unsigned int weight;	/* how often it is done by default */
	unsigned int needs;
	const char *help;
} info[NR_KINDS] = {
	[OP_READ]	= { "read", 20, 0, "pread, also across the end of the file" },
	[OP_WRITE]	= { "write", 20, 0, "pwrite" },
	[OP_MAPREAD]	= { "mapread", 15, NEED_MAPREAD, "load from a shared mapping" },
	[OP_MAPWRITE]	= { "mapwrite", 20, NEED_MAPWRITE, "store to a shared mapping" },
	[OP_MAPEOF]	= { "mapeof", 4, NEED_MAPWRITE,
			    "store past the end of the file, in its last page" },
	[OP_TRUNCATE]	= { "truncate", 8, 0, "ftruncate, to less or more" },
	[OP_ALLOC]	= { "alloc", 2, NEED_ALLOC, "fallocate, with or without a new size" },
	[OP_PUNCH]	= { "punch", 4, NEED_PUNCH, "fallocate that makes a hole" },
	[OP_ZERO]	= { "zero", 3, NEED_ZERO, "fallocate that makes zeros" },
	[OP_COLLAPSE]	= { "collapse", 1, NEED_COLLAPSE, "fallocate that takes a range out" },
	[OP_INSERT]	= { "insert", 1, NEED_INSERT, "fallocate that puts a range in" },
	[OP_COPY]	= { "copy", 4, NEED_COPY, "copy_file_range within the file" },
	[OP_DREAD]	= { "dread", 4, NEED_DIRECT, "O_DIRECT read" },
	[OP_DWRITE]	= { "dwrite", 4, NEED_DIRECT, "O_DIRECT write" },
	[OP_WRITEMAP]	= { "writemap", 2, NEED_MAPREAD, "pwrite from a mapping of the file" },
	[OP_READMAP]	= { "readmap", 2, NEED_MAPWRITE, "pread into a mapping of the file" },
	[OP_DREADMAP]	= { "dreadmap", 2, NEED_MAPWRITE | NEED_DIRECT,
			    "O_DIRECT read into a mapping of the file (--procs: 0)" },
	[OP_FSYNC]	= { "fsync", 2, 0, "fsync or fdatasync, then look at the server's file" },
	[OP_MSYNC]	= { "msync", 2, NEED_MAPWRITE,
			    "msync(MS_SYNC), then look at the server's file" },
	[OP_KICK]	= { "kick", 4, 0,
			    "sync_file_range that starts writeback, no waiting" },
	[OP_REOPEN]	= { "reopen", 2, 0, "close and open, sometimes keeping the mapping" },
	[OP_OTRUNC]	= { "otrunc", 1, 0, "open with O_TRUNC" },
	[OP_INVALIDATE]	= { "invalidate", 6, 0,
			    "take it out of the mapping and, if it is clean, out of the cache" },
	[OP_ZAP]	= { "zap", 2, NEED_MAPREAD, "madvise(MADV_DONTNEED): fault in again" },
	[OP_DROP]	= { "drop", 0, NEED_DROP, "drop the caches of the whole system" },
	[OP_STAT]	= { "stat", 2, 0, "fstat and stat: the size" },
	[OP_CHECK]	= { "check", 0, 0, "compare the whole file by every way" },
};
/* clang-format on */

/* Flags of one operation; what they mean depends on its kind. */
enum {
	F_OWN = 1, /* map...: a mapping of its own, gone afterwards */
	F_KEEP = 2, /* alloc, zero: keep the size; reopen: keep the mapping */
	F_DATA = 4, /* fsync: fdatasync */
};

struct op {
	uint8_t kind;
	uint8_t proc;
	uint8_t flags;
	uint32_t off; /* where; copies: from where */
	uint32_t len; /* how much; truncate: the new size */
	uint32_t to; /* copies: to where */
	uint32_t data; /* writes: seed of the bytes */
};

static struct {
	uint64_t seed;
	uint32_t ops;
	uint32_t length;
	uint32_t op_size;
	uint32_t read_align;
	uint32_t write_align;
	uint32_t trunc_align;
	uint32_t check;
	uint32_t progress;
	unsigned int procs;
	bool serial;
	bool quiet;
	bool verbose;
	bool direct_only;
	bool close_syncs;
	bool require_mmap;
	bool minimize;
	bool minimize_set;
	const char *path;
	const char *server;
	const char *dir;
	const char *record;
	const char *replay;
} opt = {
	.seed = 1,
	.ops = 10000,
	.length = 256 << 10,
	.read_align = 1,
	.write_align = 1,
	.trunc_align = 1,
	.check = 1000,
	.procs = 1,
	.minimize = true,
};

static unsigned int weight[NR_KINDS];
static unsigned int total_weight;
static unsigned int offered; /* NEED_... that this file system has */
static uint32_t page = 4096;
static uint32_t direct_align = 512;
static uint32_t block = 4096; /* what collapse and insert go by */

#define EVERYTHING UINT64_MAX

/* Operations to do again instead of random ones. */
static struct op *script;
static uint32_t script_len;

enum verdict { V_OK, V_DIFF, V_IO };

/* What all processes share. */
struct shared {
	pthread_mutex_t lock;
	pthread_cond_t moved; /* a claim was given back, or all is over */
	uint32_t size; /* of the file, by the model */
	uint32_t nr_log; /* operations begun */
	uint32_t turn; /* the operation that may begin, where there are turns */
	bool stop;
	uint64_t tickets;
	struct claim {
		enum { CLAIM_NONE, CLAIM_WANTED, CLAIM_HELD } state;
		uint64_t ticket;
		struct range {
			uint64_t lo, hi; /* hi is not included */
		} r[2];
	} claim[MAX_PROCS];
	uint64_t verified[MAX_PROCS];
	/* the first thing that went wrong */
	enum verdict verdict;
	uint32_t bad_op;
	bool bad_data; /* the following describe bytes */
	uint64_t bad_off;
	uint64_t bad_last;
	uint64_t bad_count;
	unsigned int bad_len;
	uint8_t expected[SHOWN], found[SHOWN];
	char views[160];
	char message[240];
};

static struct shared *sh;

static uint8_t *model; /* opt.length bytes, zero past the end of the file */
static struct op *history; /* what was done, in order */

/* ---- the model -------------------------------------------------------- */

/* Bytes of a write: no two writes alike, and none of them zero. */
static void fill(uint8_t *buf, uint32_t len, uint32_t data)
{
	uint64_t state = (uint64_t)data << 32, word;

	while (len >= sizeof(word)) {
		word = mix64(++state) | 0x0101010101010101ull;
		memcpy(buf, &word, sizeof(word));
		buf += sizeof(word);
		len -= sizeof(word);
	}
	word = mix64(++state) | 0x0101010101010101ull;
	memcpy(buf, &word, len);
}

static uint64_t end_of(const struct op *op)
{
	return (uint64_t)op->off + op->len;
}

static uint64_t dest_end(const struct op *op)
{
	return (uint64_t)op->to + op->len;
}

/* Do @op to the model @m of a file of @size bytes; the new size. */
static uint32_t apply(const struct op *op, uint8_t *m, uint32_t size)
{
	uint32_t end = end_of(op);
	bool grows = end > size;

	switch (op->kind) {
	case OP_WRITE:
	case OP_DWRITE:
	case OP_MAPWRITE:
		fill(m + op->off, op->len, op->data);
		return grows ? end : size;
	case OP_TRUNCATE:
		if (op->len < size)
			memset(m + op->len, 0, size - op->len);
		return op->len;
	case OP_OTRUNC:
		memset(m, 0, size);
		return 0;
	case OP_ALLOC:
		return grows && !(op->flags & F_KEEP) ? end : size;
	case OP_PUNCH:
		memset(m + op->off, 0, op->len);
		return size;
	case OP_ZERO:
		memset(m + op->off, 0, op->len);
		return grows && !(op->flags & F_KEEP) ? end : size;
	case OP_COLLAPSE:
		memmove(m + op->off, m + end, size - end);
		memset(m + size - op->len, 0, op->len);
		return size - op->len;
	case OP_INSERT:
		memmove(m + end, m + op->off, size - op->off);
		memset(m + op->off, 0, op->len);
		return size + op->len;
	case OP_COPY:
	case OP_WRITEMAP:
	case OP_READMAP:
	case OP_DREADMAP:
		memmove(m + op->to, m + op->off, op->len);
		return dest_end(op) > size ? dest_end(op) : size;
	}
	return size;
}

static uint32_t round_down(uint32_t x, uint32_t align)
{
	return x / align * align;
}

static uint64_t round_up(uint64_t x, uint32_t align)
{
	return (x + align - 1) / align * align;
}

static uint32_t min_u32(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Fit two ranges of one length into the file without overlap: see clip(). */
static bool clip_copy(struct op *op, uint32_t size, uint32_t limit,
		      uint32_t align)
{
	uint32_t apart;

	op->off = round_down(op->off % size, align);
	op->to = round_down(op->to % limit, align);
	op->len = min_u32(op->len, size - op->off);
	op->len = min_u32(op->len, limit - op->to);
	apart = op->off > op->to ? op->off - op->to : op->to - op->off;
	op->len = round_down(min_u32(op->len, apart), align);
	return op->len;
}

/*
 * Make @op one that can be done to a file of @size bytes. False if there is
 * none. Does nothing to an operation that fits: a log replays as it was.
 */
static bool clip(struct op *op, uint32_t size)
{
	switch (op->kind) {
	case OP_READ:
	case OP_DREAD:
		if (size && op->off >= size)
			op->off %= size;
		if (op->kind == OP_DREAD) {
			op->off = round_down(op->off, direct_align);
			op->len = round_up(op->len, direct_align);
		}
		if (op->off >= opt.length)
			return false;
		op->len = min_u32(op->len, opt.length - op->off);
		return size && op->len &&
		       (op->kind == OP_READ || op->len % direct_align == 0);
	case OP_MAPREAD:
	case OP_MAPWRITE:
		if (!size)
			return false;
		if (op->off >= size)
			op->off %= size;
		op->len = min_u32(op->len, size - op->off);
		return op->len;
	case OP_MAPEOF:
		op->off = size;
		op->len = min_u32(op->len, round_up(size, page) - size);
		return op->len;
	case OP_DWRITE:
		op->off = round_down(op->off, direct_align);
		op->len = round_up(op->len, direct_align);
		/* fall through */
	case OP_WRITE:
	case OP_ALLOC:
	case OP_ZERO:
	case OP_PUNCH:
		if (op->off >= opt.length)
			return false;
		op->len = min_u32(op->len, opt.length - op->off);
		return op->len &&
		       (op->kind != OP_DWRITE || op->len % direct_align == 0);
	case OP_FSYNC:
	case OP_MSYNC:
	case OP_KICK:
	case OP_INVALIDATE:
		/* the range that a read or mapwrite would have become */
		if (size && op->off >= size)
			op->off %= size;
		if (op->off >= opt.length)
			return false;
		op->len = min_u32(op->len, opt.length - op->off);
		return op->len;
	case OP_TRUNCATE:
		return op->len <= opt.length;
	case OP_COLLAPSE:
		op->off = round_down(op->off, block);
		op->len = round_up(op->len, block);
		return op->len && end_of(op) < size;
	case OP_INSERT:
		op->off = round_down(op->off, block);
		op->len = round_up(op->len, block);
		return op->len && op->off < size &&
		       (uint64_t)size + op->len <= opt.length;
	case OP_COPY:
	case OP_WRITEMAP:
		return size && clip_copy(op, size, opt.length, 1);
	case OP_READMAP:
		return size && clip_copy(op, size, size, 1);
	case OP_DREADMAP:
		size = round_down(size, page);
		return size && clip_copy(op, size, size, page);
	}
	return true;
}

/* ---- claims ----------------------------------------------------------- */

/*
 * The bytes that @op reads or changes. An operation that depends on the size
 * claims all that follows, since every change of the size does so too.
 *
 * Bytes are enough for reads, writes and the mapping. O_DIRECT, fallocate and
 * copy_file_range work on the file behind the cache: what another process
 * stores into the same page at that moment has no defined outcome, so these
 * claim whole pages.
 */
static void ranges(const struct op *op, uint32_t size, struct range r[2])
{
	uint64_t end = end_of(op);

	r[0] = (struct range){ op->off, end };
	r[1] = (struct range){ 0, 0 };

	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		break;
	case OP_MAPREAD:
	case OP_MAPWRITE:
		return;
	case OP_MAPEOF:
	case OP_STAT:
		r[0] = (struct range){ size, EVERYTHING };
		return;
	case OP_TRUNCATE:
		r[0] = (struct range){ min_u32(size, op->len), EVERYTHING };
		return;
	case OP_COLLAPSE:
	case OP_INSERT:
		r[0] = (struct range){ op->off, EVERYTHING };
		return;
	case OP_OTRUNC:
	case OP_CHECK:
		r[0] = (struct range){ 0, EVERYTHING };
		return;
	case OP_REOPEN:
		r[0] = (struct range){ 0, opt.close_syncs ? EVERYTHING : 0 };
		return;
	case OP_FSYNC:
	case OP_MSYNC:
		if (opt.procs == 1)
			r[0] = (struct range){ 0, EVERYTHING };
		break;
	case OP_KICK:
	case OP_INVALIDATE:
	case OP_ZAP:
	case OP_DROP:
		r[0] = (struct range){ 0, 0 };
		return;
	case OP_COPY:
	case OP_WRITEMAP:
	case OP_READMAP:
	case OP_DREADMAP:
		r[1] = (struct range){ op->to, dest_end(op) };
		if (r[1].hi > size)
			r[1] = (struct range){ min_u32(size, op->to),
					       EVERYTHING };
		if (op->kind == OP_WRITEMAP || op->kind == OP_READMAP)
			return;
		break;
	}
	if (r[0].hi > size)
		r[0] = (struct range){ min_u32(size, op->off), EVERYTHING };
	if (op->kind == OP_READ || op->kind == OP_WRITE)
		return;
	for (int i = 0; i < 2; i++) {
		r[i].lo = round_down(r[i].lo, page);
		if (r[i].hi != EVERYTHING)
			r[i].hi = round_up(r[i].hi, page);
	}
}

static bool overlap(const struct claim *a, const struct claim *b)
{
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			if (a->r[i].lo < b->r[j].hi && b->r[j].lo < a->r[i].hi)
				return true;
	return false;
}

/* Is somebody at these bytes, or waiting for them for longer than we are? */
static bool must_wait(unsigned int me)
{
	const struct claim *mine = &sh->claim[me];

	for (unsigned int i = 0; i < opt.procs; i++) {
		const struct claim *c = &sh->claim[i];

		if (i == me || c->state == CLAIM_NONE || !overlap(c, mine))
			continue;
		if (c->state == CLAIM_HELD || c->ticket < mine->ticket)
			return true;
	}
	return false;
}

/*
 * Claim what @op needs, for process @me, and enter it into the history as
 * number @nr. @op is clipped to the size the file has then, which goes to
 * @size. Returns 1 when claimed, 0 when there is nothing to do, -1 when all
 * is over.
 */
static int claim(unsigned int me, struct op *op, uint32_t *size, uint32_t *nr)
{
	struct claim *mine = &sh->claim[me];
	const struct op wanted = *op;
	int ret = -1;

	pthread_mutex_lock(&sh->lock);
	mine->ticket = ++sh->tickets;
	for (;;) {
		if (sh->stop || sh->nr_log == opt.ops)
			break;
		*op = wanted;
		*size = sh->size;
		if (!clip(op, *size)) {
			ret = 0;
			break;
		}
		ranges(op, *size, mine->r);
		mine->state = CLAIM_WANTED;
		if (!must_wait(me)) {
			mine->state = CLAIM_HELD;
			*nr = sh->nr_log++;
			history[*nr] = *op;
			ret = 1;
			break;
		}
		pthread_cond_wait(&sh->moved, &sh->lock);
	}
	if (ret <= 0) {
		mine->state = CLAIM_NONE;
		pthread_cond_broadcast(&sh->moved);
	}
	pthread_mutex_unlock(&sh->lock);
	return ret;
}

static void unclaim(unsigned int me, uint32_t old_size, uint32_t new_size)
{
	pthread_mutex_lock(&sh->lock);
	if (new_size != old_size)
		sh->size = new_size;
	sh->claim[me].state = CLAIM_NONE;
	pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
}

/* ---- the log ---------------------------------------------------------- */

static void print_op(FILE *f, const struct op *op)
{
	fprintf(f, "%-10s %#9x %#8x %#9x %x %#10x %u\n", info[op->kind].name,
		op->off, op->len, op->to, op->flags, op->data, op->proc);
}

static void write_log(const char *path, const struct op *ops, uint32_t n)
{
	FILE *f = fopen(path, "w");

	if (!f)
		io_error("%s", path);
	fprintf(f, "fsx-log 1\nlength %#x\nprocs %u\n", opt.length, opt.procs);
	fprintf(f,
		"#operation   offset   length        to f       data process\n");
	for (uint32_t i = 0; i < n; i++)
		print_op(f, &ops[i]);
	if (fflush(f) || ferror(f) || fclose(f))
		io_error("%s", path);
}

/* Read the log at @path into script[]. It also sets the length and processes. */
static void read_log(const char *path)
{
	FILE *f = fopen(path, "r");
	static uint32_t room;
	char line[256], name[32];
	unsigned int nr = 0;

	script_len = 0;
	if (!f)
		usage_error("--replay: %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		unsigned int flags, proc, value;
		struct op op = { 0 };
		int kind;

		nr++;
		line[strcspn(line, "\n")] = 0;
		if (nr == 1) {
			if (strcmp(line, "fsx-log 1"))
				usage_error("--replay: %s is not a log of fsx",
					    path);
			continue;
		}
		if (*line == '#' || !*line)
			continue;
		if (sscanf(line, "length %i", &value) == 1) {
			if (value < 1 || value > MAX_LENGTH)
				usage_error("--replay: %s:%u: bad length", path,
					    nr);
			opt.length = value;
			continue;
		}
		if (sscanf(line, "procs %u", &value) == 1) {
			if (value < 1 || value > MAX_PROCS)
				usage_error(
					"--replay: %s:%u: bad number of processes",
					path, nr);
			opt.procs = value;
			continue;
		}
		if (sscanf(line, "%31s %i %i %i %x %i %u", name, &op.off,
			   &op.len, &op.to, &flags, &op.data, &proc) != 7)
			usage_error("--replay: %s:%u: not an operation: %s",
				    path, nr, line);
		for (kind = 0; kind < NR_KINDS; kind++)
			if (!strcmp(name, info[kind].name))
				break;
		if (kind == NR_KINDS)
			usage_error("--replay: %s:%u: unknown operation '%s'",
				    path, nr, name);
		if (proc >= opt.procs)
			usage_error("--replay: %s:%u: process %u of %u", path,
				    nr, proc, opt.procs);
		if (op.len > opt.length || op.off > opt.length ||
		    op.to > opt.length)
			usage_error("--replay: %s:%u: past the length %#x",
				    path, nr, opt.length);
		op.kind = kind;
		op.proc = proc;
		op.flags = flags;
		if (script_len == MAX_OPS)
			usage_error("--replay: %s: more than %u operations",
				    path, MAX_OPS);
		if (script_len == room) {
			room = room ? 2 * room : 1024;
			script = realloc(script, room * sizeof(*script));
			if (!script)
				io_error("no memory for %s", path);
		}
		script[script_len++] = op;
	}
	if (ferror(f))
		io_error("%s", path);
	if (!script_len)
		usage_error("--replay: %s has no operations", path);
	fclose(f);
}

/* ---- doing an operation ----------------------------------------------- */

/* One process's own things. */
static struct {
	unsigned int me;
	int fd;
	int direct; /* O_DIRECT, or -1 */
	int server; /* the server's view, or -1 */
	uint8_t *map; /* the whole length of it, or NULL */
	uint8_t *buf;
	uint32_t nr; /* the operation being done */
	uint32_t size; /* of the file, when it began */
} w;

/* Be the first to fail: the lock is held if true, and end_failure() follows. */
static bool begin_failure(enum verdict verdict)
{
	pthread_mutex_lock(&sh->lock);
	if (sh->verdict != V_OK) {
		pthread_mutex_unlock(&sh->lock);
		return false;
	}
	sh->verdict = verdict;
	sh->bad_op = w.nr;
	return true;
}

static void end_failure(void)
{
	sh->stop = true;
	pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
}

static enum verdict fail_message(enum verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static enum verdict fail_message(enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	if (begin_failure(verdict)) {
		va_start(ap, fmt);
		vsnprintf(sh->message, sizeof(sh->message), fmt, ap);
		va_end(ap);
		end_failure();
	}
	return verdict;
}

/* A system call failed where it must not. */
static enum verdict failed(const char *what)
{
	return fail_message(V_IO, "%s: %s", what, strerror(errno));
}

/* The bytes at @off by every way there is to look at them: who has it wrong? */
static void look_around(uint64_t off, unsigned int len)
{
	char *out = sh->views, *end = out + sizeof(sh->views);
	uint8_t bytes[SHOWN];

	for (int way = 0; way < 3; way++) {
		static const char *const name[] = { "read", "mapping",
						    "server" };
		ssize_t n = -1;

		if (way == 0) {
			n = pread(w.fd, bytes, len, off);
		} else if (way == 1 && w.map && off + len <= w.size) {
			if (!copy_mapped(bytes, w.map + off, len))
				n = len;
		} else if (way == 2 && w.server >= 0) {
			n = pread(w.server, bytes, len, off);
		}
		if (n < 0)
			continue;
		if (out != sh->views)
			out += snprintf(out, end - out, "; ");
		out += print_bytes(out, end - out, name[way], bytes, n);
		if (!n)
			out += snprintf(out, end - out, " (end of file)");
	}
}

/* Compare @len bytes of the file at @off, read into @buf by way of @what. */
static enum verdict same(const char *what, const uint8_t *buf, uint64_t off,
			 uint64_t len)
{
	const uint8_t *want = model + off;
	uint64_t first, last;

	sh->verified[w.me] += len;
	if (!memcmp(buf, want, len))
		return V_OK;
	if (!begin_failure(V_DIFF))
		return V_DIFF;
	for (first = 0; buf[first] == want[first]; first++)
		;
	for (last = len - 1; buf[last] == want[last]; last--)
		;
	sh->bad_data = true;
	sh->bad_off = off + first;
	sh->bad_last = off + last;
	for (uint64_t i = first; i <= last; i++)
		sh->bad_count += buf[i] != want[i];
	sh->bad_len = min_u32(SHOWN, len - first);
	memcpy(sh->expected, want + first, sh->bad_len);
	memcpy(sh->found, buf + first, sh->bad_len);
	snprintf(sh->message, sizeof(sh->message), "%s", what);
	look_around(sh->bad_off, sh->bad_len);
	end_failure();
	return V_DIFF;
}

/* Read @len bytes at @off from @fd and compare; the file ends at w.size. */
static enum verdict check_read(const char *what, int fd, uint64_t off,
			       uint64_t len)
{
	uint64_t want = off >= w.size ? 0 : min_u32(len, w.size - off);
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, w.buf + done, len - done, off + done);

		if (n < 0)
			return failed(what);
		if (!n)
			break;
		done += n;
		/* a direct read that ended within a block was the last one */
		if (fd == w.direct && done % direct_align)
			break;
	}
	if (same(what, w.buf, off, done < want ? done : want))
		return V_DIFF;
	if (done != want)
		return fail_message(
			V_DIFF,
			"%s of %#llx bytes at %#llx gave %#llx, not %#llx: "
			"the file has %#x bytes",
			what, (unsigned long long)len, (unsigned long long)off,
			(unsigned long long)done, (unsigned long long)want,
			w.size);
	return V_OK;
}

static enum verdict check_size(const char *what, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return failed(what);
	if (st.st_size != w.size)
		return fail_message(V_DIFF, "%s: size %#llx, expected %#x",
				    what, (unsigned long long)st.st_size,
				    w.size);
	return V_OK;
}

/* What was written back, as the server has it: @lo..@hi of the file. */
static enum verdict check_server(uint64_t lo, uint64_t hi)
{
	enum verdict v = V_OK;

	if (w.server < 0)
		return V_OK;
	if (hi > w.size) {
		v = check_size("the server's file", w.server);
		hi = w.size;
	}
	if (!v && lo < hi)
		v = check_read("the server's file", w.server, lo, hi - lo);
	return v;
}

static enum verdict map_file(void)
{
	int prot = PROT_READ | (offered & NEED_MAPWRITE ? PROT_WRITE : 0);

	if (!(offered & NEED_MAPREAD))
		return V_OK;
	w.map = mmap(NULL, round_up(opt.length, page), prot, MAP_SHARED, w.fd,
		     0);
	if (w.map == MAP_FAILED) {
		w.map = NULL;
		return failed("mmap");
	}
	return V_OK;
}

static enum verdict open_file(int flags)
{
	w.fd = open(opt.path, O_RDWR | flags);
	if (w.fd < 0)
		return failed("open");
	if (offered & NEED_DIRECT) {
		w.direct = open(opt.path, O_RDWR | O_DIRECT);
		if (w.direct < 0)
			return failed("open O_DIRECT");
	}
	return V_OK;
}

static enum verdict close_file(void)
{
	if (close(w.fd))
		return failed("close");
	if (w.direct >= 0 && close(w.direct))
		return failed("close O_DIRECT");
	w.fd = -1;
	w.direct = -1;
	return V_OK;
}

static enum verdict unmap_file(void)
{
	if (w.map && munmap(w.map, round_up(opt.length, page)))
		return failed("munmap");
	w.map = NULL;
	return V_OK;
}

static enum verdict do_write(const char *what, int fd, const uint8_t *buf,
			     uint64_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pwrite(fd, buf, len, off);

		if (n < 0)
			return failed(what);
		if (!n)
			return fail_message(V_IO, "%s: nothing written", what);
		buf += n;
		off += n;
		len -= n;
	}
	return V_OK;
}

/* Bytes that are not wanted back: read into the mapping, at most up to the end. */
static enum verdict do_read_into(const char *what, int fd, uint8_t *buf,
				 uint64_t len, uint64_t off)
{
	while (len) {
		ssize_t n = pread(fd, buf, len, off);

		if (n < 0)
			return failed(what);
		if (!n)
			return fail_message(
				V_DIFF,
				"%s: the file ends at %#llx, expected %#x",
				what, (unsigned long long)off, w.size);
		buf += n;
		off += n;
		len -= n;
	}
	return V_OK;
}

static enum verdict do_fallocate(const char *what, int mode,
				 const struct op *op)
{
	return fallocate(w.fd, mode, op->off, op->len) ? failed(what) : V_OK;
}

/* copy_file_range may do less; what it leaves is no longer asked for. */
static enum verdict do_copy(struct op *op)
{
	uint32_t done = 0;

	while (done < op->len) {
		off_t from = op->off + done, to = op->to + done;
		ssize_t n = copy_file_range(w.fd, &from, w.fd, &to,
					    op->len - done, 0);

		if (n < 0)
			return failed("copy_file_range");
		if (!n)
			return fail_message(
				V_DIFF,
				"copy_file_range: the file ends at %#x, "
				"expected %#x",
				op->off + done, w.size);
		done += n;
	}
	return V_OK;
}

static enum verdict do_drop(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd < 0)
		return failed("/proc/sys/vm/drop_caches");
	if (write(fd, "1", 1) != 1) {
		close(fd);
		return failed("/proc/sys/vm/drop_caches");
	}
	close(fd);
	return V_OK;
}

static enum verdict check_map(const uint8_t *map, uint64_t off, uint64_t len)
{
	memcpy(w.buf, map, len);
	return same("mapread", w.buf, off, len);
}

/* Compare everything, by every way; write back, compare what the server has. */
static enum verdict check_all(void)
{
	enum verdict v = check_size("fstat", w.fd);

	if (!v)
		v = check_read("read", w.fd, 0, opt.length);
	if (!v && w.map)
		v = check_map(w.map, 0, w.size);
	if (!v && fsync(w.fd))
		v = failed("fsync");
	if (!v)
		v = check_server(0, EVERYTHING);
	return v;
}

static enum verdict do_stat(void)
{
	struct stat st;

	if (stat(opt.path, &st))
		return failed("stat");
	if (st.st_size != w.size)
		return fail_message(V_DIFF, "stat: size %#llx, expected %#x",
				    (unsigned long long)st.st_size, w.size);
	return check_size("fstat", w.fd);
}

static enum verdict do_reopen(const struct op *op)
{
	enum verdict v;

	if (!(op->flags & F_KEEP)) {
		v = unmap_file();
		if (v)
			return v;
	}
	v = close_file();
	if (!v && opt.close_syncs)
		v = check_server(0, EVERYTHING);
	if (!v)
		v = open_file(0);
	if (!v && !w.map)
		v = map_file();
	return v;
}

static enum verdict do_otrunc(void)
{
	int old = w.fd;

	w.fd = open(opt.path, O_RDWR | O_TRUNC);
	if (w.fd < 0)
		return failed("open O_TRUNC");
	return close(old) ? failed("close") : V_OK;
}

static enum verdict do_op(struct op *op)
{
	uint64_t start = round_down(op->off, page), end = end_of(op);
	uint8_t *own = NULL, *map = w.map;
	enum verdict v = V_OK;
	int keep = op->flags & F_KEEP ? FALLOC_FL_KEEP_SIZE : 0;

	if (op->flags & F_OWN) {
		own = mmap(NULL, end - start,
			   PROT_READ |
				   (offered & NEED_MAPWRITE ? PROT_WRITE : 0),
			   MAP_SHARED, w.fd, start);
		if (own == MAP_FAILED)
			return failed("mmap");
		map = own - start;
	}

	switch (op->kind) {
	case OP_READ:
		v = check_read("read", w.fd, op->off, op->len);
		break;
	case OP_DREAD:
		v = check_read("O_DIRECT read", w.direct, op->off, op->len);
		break;
	case OP_WRITE:
		fill(w.buf, op->len, op->data);
		v = do_write("write", w.fd, w.buf, op->len, op->off);
		break;
	case OP_DWRITE:
		fill(w.buf, op->len, op->data);
		v = do_write("O_DIRECT write", w.direct, w.buf, op->len,
			     op->off);
		break;
	case OP_MAPREAD:
		v = check_map(map + op->off, op->off, op->len);
		break;
	case OP_MAPWRITE:
	case OP_MAPEOF:
		fill(map + op->off, op->len, op->data);
		break;
	case OP_TRUNCATE:
		if (ftruncate(w.fd, op->len))
			v = failed("ftruncate");
		break;
	case OP_ALLOC:
		v = do_fallocate("fallocate", keep, op);
		break;
	case OP_PUNCH:
		v = do_fallocate("fallocate punch",
				 FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				 op);
		break;
	case OP_ZERO:
		v = do_fallocate("fallocate zero", FALLOC_FL_ZERO_RANGE | keep,
				 op);
		break;
	case OP_COLLAPSE:
		v = do_fallocate("fallocate collapse", FALLOC_FL_COLLAPSE_RANGE,
				 op);
		break;
	case OP_INSERT:
		v = do_fallocate("fallocate insert", FALLOC_FL_INSERT_RANGE,
				 op);
		break;
	case OP_COPY:
		v = do_copy(op);
		break;
	case OP_WRITEMAP:
		v = do_write("write from the mapping", w.fd, w.map + op->off,
			     op->len, op->to);
		break;
	case OP_READMAP:
		v = do_read_into("read into the mapping", w.fd, w.map + op->to,
				 op->len, op->off);
		break;
	case OP_DREADMAP:
		v = do_read_into("O_DIRECT read into the mapping", w.direct,
				 w.map + op->to, op->len, op->off);
		break;
	case OP_FSYNC:
		if (op->flags & F_DATA ? fdatasync(w.fd) : fsync(w.fd))
			v = failed("fsync");
		else
			v = check_server(sh->claim[w.me].r[0].lo,
					 sh->claim[w.me].r[0].hi);
		break;
	case OP_MSYNC:
		/* all of it: a part says nothing about the size at the server */
		if (msync(w.map, round_up(opt.length, page), MS_SYNC))
			v = failed("msync");
		else
			v = check_server(sh->claim[w.me].r[0].lo,
					 sh->claim[w.me].r[0].hi);
		break;
	case OP_KICK:
		if (sync_file_range(w.fd, op->off, op->len,
				    SYNC_FILE_RANGE_WRITE))
			v = failed("sync_file_range");
		break;
	case OP_REOPEN:
		v = do_reopen(op);
		break;
	case OP_OTRUNC:
		v = do_otrunc();
		break;
	case OP_INVALIDATE:
		end = round_up(end, page);
		/* what is mapped stays in the cache */
		if (w.map && madvise(w.map + start, end - start, MADV_DONTNEED))
			v = failed("madvise");
		/* writes dirty pages, does not wait, drops the clean ones */
		errno = posix_fadvise(w.fd, start, end - start,
				      POSIX_FADV_DONTNEED);
		if (errno)
			v = failed("posix_fadvise");
		break;
	case OP_ZAP:
		if (madvise(w.map, round_up(opt.length, page), MADV_DONTNEED))
			v = failed("madvise");
		break;
	case OP_DROP:
		v = do_drop();
		break;
	case OP_STAT:
		v = do_stat();
		break;
	case OP_CHECK:
		v = check_all();
		break;
	}
	if (own && munmap(own, end - start) && !v)
		v = failed("munmap");
	return v;
}

/* ---- the processes ---------------------------------------------------- */

/* Small, page-sized and large lengths all happen often. */
static uint32_t random_len(struct rng *rng)
{
	uint32_t max = opt.op_size;

	switch (rng_below(rng, 4)) {
	case 0:
		max = min_u32(max, 64);
		break;
	case 1:
		max = min_u32(max, page);
		break;
	case 2:
		return min_u32(round_up(1 + rng_below(rng, max), page), max);
	}
	return 1 + rng_below(rng, max);
}

static struct op random_op(struct rng *rng)
{
	/* ranges used lately: bugs take several operations on one of them */
	static struct {
		uint32_t off, len;
	} hot[3];
	unsigned int again;
	struct op op = { .proc = w.me };
	uint32_t pick = rng_below(rng, total_weight), align = 1;
	uint32_t r;

	while (pick >= weight[op.kind])
		pick -= weight[op.kind++];
	op.off = rng_below(rng, opt.length);
	op.len = random_len(rng);
	op.to = rng_below(rng, opt.length);
	op.data = rng_next(rng);
	r = rng_next(rng);
	/* where pages meet is where the bugs are */
	if (r & 1)
		op.off = round_down(op.off, page);
	if (r & 2)
		op.to = round_down(op.to, page);
	again = rng_below(rng, 3);
	if (rng_below(rng, 4) && hot[again].len) {
		op.off = hot[again].off;
		op.len = hot[again].len;
	} else {
		hot[again].off = op.off;
		hot[again].len = op.len;
	}

	switch (op.kind) {
	case OP_READ:
	case OP_MAPREAD:
		align = opt.read_align;
		break;
	case OP_WRITE:
	case OP_MAPWRITE:
		align = opt.write_align;
		break;
	case OP_TRUNCATE:
		op.len = round_down(r & 4 ? op.off : op.to, opt.trunc_align);
		op.off = 0;
		break;
	}
	if (align > 1) {
		op.off = round_down(op.off, align);
		op.len = round_up(op.len, align);
	}
	if (op.kind != OP_WRITE && op.kind != OP_MAPWRITE &&
	    op.kind != OP_MAPEOF && op.kind != OP_DWRITE)
		op.data = 0;
	if (op.kind != OP_COPY && op.kind != OP_WRITEMAP &&
	    op.kind != OP_READMAP && op.kind != OP_DREADMAP)
		op.to = 0;
	if (opt.direct_only && op.kind == OP_READ)
		op.kind = OP_DREAD;
	if (opt.direct_only && op.kind == OP_WRITE)
		op.kind = OP_DWRITE;

	switch (op.kind) {
	case OP_MAPREAD:
	case OP_MAPWRITE:
	case OP_MAPEOF:
		op.flags = r & 16 ? F_OWN : 0;
		break;
	case OP_ALLOC:
	case OP_ZERO:
	case OP_REOPEN:
		op.flags = r & 16 ? F_KEEP : 0;
		break;
	case OP_FSYNC:
		op.flags = r & 16 ? F_DATA : 0;
		break;
	}
	return op;
}

static void wait_for_turn(uint32_t at)
{
	pthread_mutex_lock(&sh->lock);
	while (sh->turn != at && !sh->stop)
		pthread_cond_wait(&sh->moved, &sh->lock);
	pthread_mutex_unlock(&sh->lock);
}

static void give_turn(uint32_t at)
{
	pthread_mutex_lock(&sh->lock);
	sh->turn = at;
	pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
}

/*
 * Do @op if it can be done to the file as it is; count those in a row that cannot.
 * Then it is turn @next: as soon as @op has its claim, or with --serial when it is
 * over. There are no turns when @next is 0.
 */
static enum verdict step(struct op *op, uint32_t next)
{
	static uint32_t idle;
	enum verdict v;
	int ret = claim(w.me, op, &w.size, &w.nr);

	if (next && (ret <= 0 || !opt.serial))
		give_turn(next);
	if (ret == 0 && ++idle == MAX_IDLE && !script)
		return fail_message(
			V_IO,
			"nothing chosen can be done to a file of %u bytes",
			w.size);
	if (ret <= 0)
		return V_OK;
	idle = 0;
	if (opt.verbose) {
		printf("%6u ", w.nr);
		print_op(stdout, op);
	}
	if (sigsetjmp(bus_jump, 0)) {
		v = fail_message(
			V_IO, "SIGBUS in %s, at offset %#llx of the mapping",
			info[op->kind].name,
			w.map && bus_addr - (uintptr_t)w.map <
						opt.length + page ?
				(unsigned long long)(bus_addr -
						     (uintptr_t)w.map) :
				(unsigned long long)op->off);
	} else {
		bus_armed = 1;
		v = do_op(op);
		bus_armed = 0;
	}
	unclaim(w.me, w.size, v ? w.size : apply(op, model, w.size));
	if (next && opt.serial)
		give_turn(next);
	if (!v && opt.progress && (w.nr + 1) % opt.progress == 0)
		printf("fsx: %u operations\n", w.nr + 1);
	/* nothing preempts a process in a guest whose time stands still */
	if (opt.procs > 1)
		sched_yield();
	return v;
}

/*
 * The log is in the order in which operations began, and so they begin again. With
 * --serial each also ends before the next begins.
 */
static void run_script(void)
{
	for (uint32_t i = 0; i < script_len && !sh->stop; i++) {
		struct op op = script[i];

		if (op.proc != w.me)
			continue;
		wait_for_turn(i);
		if (info[op.kind].needs & ~offered)
			give_turn(i + 1);
		else
			step(&op, i + 1);
	}
}

static void run_random(void)
{
	struct rng rng = { .state = mix64(opt.seed) + ((uint64_t)w.me << 48) };
	uint32_t until_check = opt.check;
	bool over = false;

	for (uint32_t turn = w.me; !over; turn += opt.procs) {
		struct op op = random_op(&rng);

		if (opt.serial)
			wait_for_turn(turn);
		over = sh->stop || sh->nr_log >= opt.ops;
		if (w.me == 0 && opt.check && sh->nr_log >= until_check) {
			op = (struct op){ .kind = OP_CHECK };
			until_check += opt.check;
		}
		if (!over)
			step(&op, opt.serial ? turn + 1 : 0);
		else if (opt.serial)
			give_turn(turn + 1);
	}
}

/* Open everything; the last process ends the run with a check of all. */
static void worker(unsigned int me, bool last_check)
{
	struct op check = { .kind = OP_CHECK, .proc = me };

	catch_sigbus();
	w.me = me;
	w.direct = -1;
	w.server = -1;
	w.nr = sh->nr_log;
	w.buf = mmap(NULL, round_up(opt.length, page), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (w.buf == MAP_FAILED)
		io_error("no memory");
	if (opt.server) {
		w.server = open(opt.server, O_RDONLY);
		if (w.server < 0) {
			failed(opt.server);
			return;
		}
	}
	if (open_file(0) || map_file())
		return;
	if (last_check) {
		/* also as it comes back from the server */
		static const struct op last[] = {
			{ .kind = OP_CHECK },
			{ .kind = OP_REOPEN },
			{ .kind = OP_INVALIDATE, .len = MAX_LENGTH },
			{ .kind = OP_CHECK },
		};

		for (unsigned int i = 0; i < sizeof(last) / sizeof(*last);
		     i++) {
			check = last[i];
			check.len = min_u32(check.len, opt.length);
			step(&check, 0);
		}
	} else if (script) {
		run_script();
	} else {
		run_random();
	}
}

/* Fork @n processes and wait for them. */
static void run_workers(unsigned int n, bool last_check)
{
	pid_t pid[MAX_PROCS];

	fflush(stdout);
	for (unsigned int i = 0; i < n; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			io_error("fork");
		if (!pid[i]) {
			worker(i, last_check);
			exit(0);
		}
	}
	for (unsigned int left = n; left; left--) {
		int status;
		pid_t gone = wait(&status);

		if (gone < 0)
			io_error("wait");
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		/* it may have died with the lock held: do not ask for it */
		if (sh->verdict == V_OK) {
			sh->verdict = V_IO;
			sh->bad_op = sh->nr_log ? sh->nr_log - 1 : 0;
			if (WIFSIGNALED(status))
				snprintf(
					sh->message, sizeof(sh->message),
					"a process was killed by signal %d (%s)",
					WTERMSIG(status),
					strsignal(WTERMSIG(status)));
			else
				snprintf(sh->message, sizeof(sh->message),
					 "a process ended with status %d",
					 WEXITSTATUS(status));
		}
		for (unsigned int i = 0; i < n; i++)
			if (pid[i] != gone)
				kill(pid[i], SIGKILL);
	}
}

/* ---- the report ------------------------------------------------------- */

/* Which operation left the expected bytes there, and whose are those found? */
static void print_origin(void)
{
	uint64_t off = sh->bad_off;
	unsigned int n = sh->bad_len;
	char text[64];
	uint8_t *m = calloc(1, opt.length + SHOWN), was[SHOWN] = { 0 };
	uint32_t size = 0;
	long made = -1, found = -1;
	bool zeros = true;

	if (!m)
		io_error("no memory");
	for (unsigned int i = 0; i < n; i++)
		zeros &= !sh->found[i];
	for (uint32_t i = 0; i < sh->bad_op; i++) {
		size = apply(&history[i], m, size);
		if (!memcmp(m + off, was, n))
			continue;
		memcpy(was, m + off, n);
		if (!memcmp(was, sh->expected, n))
			made = i;
		if (!memcmp(was, sh->found, n))
			found = i;
	}
	free(m);
	print_bytes(text, sizeof(text), "expected", sh->expected, n);
	printf("fsx:   %s", text);
	if (made >= 0)
		printf("   since operation %ld: %s", made,
		       info[history[made].kind].name);
	putchar('\n');
	print_bytes(text, sizeof(text), "found   ", sh->found, n);
	printf("fsx:   %s", text);
	if (found >= 0)
		printf("   stale: so it was since operation %ld: %s", found,
		       info[history[found].kind].name);
	else if (zeros)
		printf("   zeros");
	putchar('\n');
	printf("fsx:   looked at again: %s\n", sh->views);
}

static void report(void)
{
	uint32_t n = min_u32(sh->nr_log, sh->bad_op + 1), i;

	if (sh->bad_data) {
		printf("fsx: DIFFERENCE at operation %u, by %s\n", sh->bad_op,
		       sh->message);
		printf("fsx: first differing byte at offset %#llx (page %llu, byte %#llx): "
		       "expected 0x%02x, found 0x%02x; %llu differ, the last at %#llx\n",
		       (unsigned long long)sh->bad_off,
		       (unsigned long long)(sh->bad_off / page),
		       (unsigned long long)(sh->bad_off % page),
		       sh->expected[0], sh->found[0],
		       (unsigned long long)sh->bad_count,
		       (unsigned long long)sh->bad_last);
		print_origin();
	} else {
		printf("fsx: %s at operation %u: %s\n",
		       sh->verdict == V_DIFF ? "DIFFERENCE" : "ERROR",
		       sh->bad_op, sh->message);
	}
	if (script)
		printf("fsx: replay of %s; last operations:\n", opt.replay);
	else
		printf("fsx: seed %llu; last operations:\n",
		       (unsigned long long)opt.seed);
	printf("       #operation    offset   length        to f       data process\n");
	for (i = n > LAST_OPS ? n - LAST_OPS : 0; i < n; i++) {
		printf("%6u ", i);
		print_op(stdout, &history[i]);
	}
	fflush(stdout);
}

/* ---- minimizing ------------------------------------------------------- */

static char min_file[PATH_MAX], min_server[PATH_MAX], min_log[PATH_MAX];
static char self[PATH_MAX];
static uint32_t runs;
static uint64_t runs_cost;
static bool min_serial;

/*
 * Do these operations, on a fresh file, still end as the run did? With @record,
 * min_log has them afterwards as they were fitted to the file.
 */
static bool still_fails(const struct op *ops, uint32_t n, int status,
			bool record)
{
	const char *argv[20];
	int argc = 0, result;
	pid_t pid;

	runs++;
	runs_cost += n + 100;
	write_log(min_log, ops, n);
	unlink(min_file);
	argv[argc++] = self;
	argv[argc++] = "--quiet";
	argv[argc++] = "--no-minimize";
	argv[argc++] = "--replay";
	argv[argc++] = min_log;
	if (record) {
		argv[argc++] = "--record";
		argv[argc++] = min_log;
	}
	if (min_serial)
		argv[argc++] = "--serial";
	if (opt.close_syncs)
		argv[argc++] = "--close-syncs";
	if (opt.server) {
		argv[argc++] = "--server";
		argv[argc++] = min_server;
	}
	argv[argc++] = min_file;
	argv[argc] = NULL;
	pid = fork();
	if (pid < 0)
		io_error("fork");
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execv(self, (char *const *)argv);
		_exit(127);
	}
	if (waitpid(pid, &result, 0) != pid)
		io_error("waitpid");
	return WIFEXITED(result) && WEXITSTATUS(result) == status;
}

static bool worth_going_on(uint64_t budget)
{
	return runs < 5000 && runs_cost < budget;
}

/* Cut @n operations down to few that fail with @status; their number. */
static uint32_t cut_down(struct op *ops, uint32_t n, int status)
{
	uint64_t budget = 40ull * n + 1000000;
	uint32_t parts = 2, tail;
	struct op *try = malloc(n * sizeof(*try));

	if (!try)
		io_error("no memory");
	/* most failures need only what came last */
	for (tail = 16; tail < n; tail *= 4) {
		if (still_fails(ops + n - tail, tail, status, false)) {
			memmove(ops, ops + n - tail, tail * sizeof(*ops));
			n = tail;
			break;
		}
	}
	/* then leave out ever smaller parts, the oldest first */
	while (n > 1 && worth_going_on(budget)) {
		uint32_t part = (n + parts - 1) / parts, at = 0;
		bool smaller = false;

		while (at < n && worth_going_on(budget)) {
			uint32_t out = min_u32(part, n - at);

			memcpy(try, ops, at * sizeof(*ops));
			memcpy(try + at, ops + at + out,
			       (n - at - out) * sizeof(*ops));
			if (out < n &&
			    still_fails(try, n - out, status, false)) {
				n -= out;
				memcpy(ops, try, n * sizeof(*ops));
				smaller = true;
			} else {
				at += out;
			}
		}
		if (part == 1 && !smaller)
			break;
		if (part > 1)
			parts = min_u32(2ull * parts, n);
	}
	free(try);
	/* and make those that remain short */
	for (uint32_t i = 0; i < n; i++) {
		while (ops[i].kind != OP_TRUNCATE && ops[i].len > 1 &&
		       worth_going_on(budget)) {
			uint32_t len = ops[i].len;

			ops[i].len = len / 2;
			if (!still_fails(ops, n, status, false)) {
				ops[i].len = len;
				break;
			}
		}
	}
	return n;
}

/* Where a file about this run goes: opt.dir/NAME.suffix, or beside the file. */
static void beside(char *out, const char *suffix)
{
	const char *name = strrchr(opt.path, '/');
	int n;

	if (opt.dir)
		n = snprintf(out, PATH_MAX, "%s/%s.%s", opt.dir,
			     name ? name + 1 : opt.path, suffix);
	else
		n = snprintf(out, PATH_MAX, "%s.%s", opt.path, suffix);
	if (n >= PATH_MAX)
		usage_error("%s: the name is too long", opt.path);
}

static void minimize(int status)
{
	uint32_t n = min_u32(sh->nr_log, sh->bad_op + 1), all = n;
	/* room for the checks that a recorded run ends with */
	struct op *ops = malloc((n + 8) * sizeof(*ops));

	if (!ops)
		io_error("no memory");
	memcpy(ops, history, n * sizeof(*ops));
	beside(min_log, "fsxmin");
	if (snprintf(min_file, PATH_MAX, "%s.min", opt.path) >= PATH_MAX ||
	    snprintf(min_server, PATH_MAX, "%s.min",
		     opt.server ? opt.server : "") >= PATH_MAX)
		usage_error("%s: the name is too long", opt.path);
	/* one after the other is exact; else it may take the same race again */
	min_serial = true;
	if (!still_fails(ops, n, status, false)) {
		min_serial = opt.serial;
		if (opt.procs == 1 || min_serial ||
		    !still_fails(ops, n, status, false)) {
			printf("fsx: the log alone does not fail again: not minimized%s\n",
			       opt.procs > 1 ? " (a race? try the seed)" : "");
			unlink(min_log);
			n = 0;
		}
	}
	if (n) {
		n = cut_down(ops, n, status);
		if (still_fails(ops, n, status, true)) {
			read_log(min_log);
			memcpy(ops, script, script_len * sizeof(*ops));
			n = script_len;
			/* every run ends with this anyway */
			while (n > 1 && ops[n - 1].kind == OP_CHECK)
				n--;
			write_log(min_log, ops, n);
		} else {
			write_log(min_log, ops, n);
		}
		printf("fsx: minimal replay: %u of %u operations, found in %u runs:\n",
		       n, all, runs);
		for (uint32_t i = 0; i < n && i < 40; i++) {
			printf("%6u ", i);
			print_op(stdout, &ops[i]);
		}
		if (n > 40)
			printf("       ...\n");
		printf("fsx: again: fsx --replay %s%s%s%s%s %s\n", min_log,
		       min_serial && opt.procs > 1 ? " --serial" : "",
		       opt.close_syncs ? " --close-syncs" : "",
		       opt.server ? " --server " : "",
		       opt.server ? opt.server : "", opt.path);
	}
	unlink(min_file);
	free(ops);
}

/* ---- the command line ------------------------------------------------- */

static void help(void)
{
	printf("fsx - do random things to one file and check every byte\n"
	       "\n"
	       "usage: fsx [options] FILE\n"
	       "\n"
	       "FILE is made anew. The operations follow from the seed alone (with --procs from\n"
	       "the seed and from who is when at work), so a run can be had again.\n"
	       "\n"
	       "how much\n"
	       "  -N, --ops-count N     operations to do (default 10000)\n"
	       "  -S, --seed N          seed of the random numbers (default 1)\n"
	       "  -l, --length SIZE     the file never gets longer than this (default 256K)\n"
	       "  -o, --op-size SIZE    longest single operation (default 64K; 16K with --procs)\n"
	       "  -r, -w, -t N          round offsets and lengths of reads, of writes, and sizes\n"
	       "                        given to truncate to multiples of N (default 1)\n"
	       "      --check N         compare the whole file each N operations (default 1000, 0: never)\n"
	       "which operations\n"
	       "      --ops LIST        names, with commas: only these. '+NAME' or '-NAME' changes\n"
	       "                        the usual mix; 'NAME=WEIGHT' says how often; 'all' is\n"
	       "                        all of them. Names and usual weights are listed below.\n"
	       "  -W, --no-mapwrite     no stores to a mapping\n"
	       "  -R, --no-mapread      no loads from a mapping\n"
	       "  -Z, --direct          read and write with O_DIRECT, always\n"
	       "      --require-mmap    fail where a shared mapping cannot be written to;\n"
	       "                        otherwise what the file system lacks is said and left out\n"
	       "several processes\n"
	       "      --procs N         N processes on the one file, at the same time (at most %d)\n"
	       "      --serial          they take turns: no races, but exactly repeatable anywhere\n"
	       "what to compare with\n"
	       "      --server PATH     the same file as the FUSE server sees it; has to be equal\n"
	       "                        after fsync, msync and at the end\n"
	       "      --close-syncs     ... and after close\n"
	       "log\n"
	       "      --record LOG      write all operations done to LOG\n"
	       "      --replay LOG      do those in LOG instead of random ones, begun in its order;\n"
	       "                        what no longer fits the file is fitted, or left out\n"
	       "  -P, --log-dir DIR     where FILE.fsxlog and FILE.fsxmin go after a failure\n"
	       "                        (default: beside FILE)\n"
	       "      --minimize        after a failure, look for the fewest operations that still\n"
	       "                        fail, on FILE.min (the default, except with --replay)\n"
	       "      --no-minimize     do not\n"
	       "output\n"
	       "  -p, --progress N      say so after each N operations\n"
	       "  -v, --verbose         print each operation\n"
	       "  -q, --quiet           only failures and the last line\n"
	       "  -h, --help            this text\n"
	       "\n"
	       "Exit status: 0 all is well; 1 the file differs from what it has to be; 2 bad\n"
	       "usage; 3 a system call failed, or a mapping gave SIGBUS.\n"
	       "\n"
	       "A log has a line for each operation: name, offset, length, destination of a copy,\n"
	       "flags (1: a mapping of its own; 2: keep the size, or the mapping; 4: fdatasync),\n"
	       "seed of the bytes written, number of the process. Lines can be taken out by hand.\n"
	       "\n"
	       "operations (and usual weight)\n",
	       MAX_PROCS);
	for (int i = 0; i < NR_KINDS; i++)
		printf("  %-10s %3u  %s\n", info[i].name, info[i].weight,
		       info[i].help);
}

static void choose_ops(const char *list)
{
	char *copy = strdup(list), *save = NULL, *item;
	bool first = true;

	if (!copy)
		io_error("no memory");
	for (item = strtok_r(copy, ",", &save); item;
	     item = strtok_r(NULL, ",", &save)) {
		char *equals = strchr(item, '=');
		char sign = *item;
		unsigned int value = 0;
		int kind;

		if (sign == '+' || sign == '-')
			item++;
		else if (first)
			memset(weight, 0, sizeof(weight));
		first = false;
		if (equals) {
			*equals = 0;
			value = number("--ops", equals + 1, 0, 10000);
		}
		if (!strcmp(item, "all")) {
			for (kind = 0; kind < NR_KINDS; kind++)
				weight[kind] = info[kind].weight ?
						       info[kind].weight :
						       1;
			continue;
		}
		for (kind = 0; kind < NR_KINDS; kind++)
			if (!strcmp(item, info[kind].name))
				break;
		if (kind == NR_KINDS)
			usage_error("--ops: no operation '%s'", item);
		if (sign == '-')
			weight[kind] = 0;
		else if (equals)
			weight[kind] = value;
		else
			weight[kind] = info[kind].weight ? info[kind].weight :
							   1;
	}
	if (first)
		usage_error("--ops: the list is empty");
	free(copy);
}

enum {
	OPT_CHECK = 256,
	OPT_OPS,
	OPT_REQUIRE_MMAP,
	OPT_PROCS,
	OPT_SERIAL,
	OPT_SERVER,
	OPT_CLOSE_SYNCS,
	OPT_RECORD,
	OPT_REPLAY,
	OPT_MINIMIZE,
	OPT_NO_MINIMIZE,
};

static const struct option options[] = {
	{ "ops-count", required_argument, NULL, 'N' },
	{ "seed", required_argument, NULL, 'S' },
	{ "length", required_argument, NULL, 'l' },
	{ "op-size", required_argument, NULL, 'o' },
	{ "check", required_argument, NULL, OPT_CHECK },
	{ "ops", required_argument, NULL, OPT_OPS },
	{ "no-mapwrite", no_argument, NULL, 'W' },
	{ "no-mapread", no_argument, NULL, 'R' },
	{ "direct", no_argument, NULL, 'Z' },
	{ "require-mmap", no_argument, NULL, OPT_REQUIRE_MMAP },
	{ "procs", required_argument, NULL, OPT_PROCS },
	{ "serial", no_argument, NULL, OPT_SERIAL },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "close-syncs", no_argument, NULL, OPT_CLOSE_SYNCS },
	{ "record", required_argument, NULL, OPT_RECORD },
	{ "replay", required_argument, NULL, OPT_REPLAY },
	{ "log-dir", required_argument, NULL, 'P' },
	{ "minimize", no_argument, NULL, OPT_MINIMIZE },
	{ "no-minimize", no_argument, NULL, OPT_NO_MINIMIZE },
	{ "progress", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void parse(int argc, char **argv)
{
	bool no_mapwrite = false, no_mapread = false, dreadmap_named = false;
	int c;

	for (int i = 0; i < NR_KINDS; i++)
		weight[i] = info[i].weight;
	while ((c = getopt_long(argc, argv, "N:S:l:o:r:w:t:WRZP:p:vqh", options,
				NULL)) != -1) {
		switch (c) {
		case 'N':
			opt.ops = number("-N", optarg, 1, MAX_OPS);
			break;
		case 'S':
			opt.seed = number("-S", optarg, 0, UINT64_MAX);
			break;
		case 'l':
			opt.length = number("-l", optarg, 1, MAX_LENGTH);
			break;
		case 'o':
			opt.op_size = number("-o", optarg, 1, MAX_LENGTH);
			break;
		case 'r':
			opt.read_align = number("-r", optarg, 1, MAX_LENGTH);
			break;
		case 'w':
			opt.write_align = number("-w", optarg, 1, MAX_LENGTH);
			break;
		case 't':
			opt.trunc_align = number("-t", optarg, 1, MAX_LENGTH);
			break;
		case 'W':
			no_mapwrite = true;
			break;
		case 'R':
			no_mapread = true;
			break;
		case 'Z':
			opt.direct_only = true;
			break;
		case 'P':
			opt.dir = optarg;
			break;
		case 'p':
			opt.progress = number("-p", optarg, 1, MAX_OPS);
			break;
		case 'v':
			opt.verbose = true;
			break;
		case 'q':
			opt.quiet = true;
			break;
		case 'h':
			help();
			exit(0);
		case OPT_CHECK:
			opt.check = number("--check", optarg, 0, MAX_OPS);
			break;
		case OPT_OPS:
			choose_ops(optarg);
			dreadmap_named = strstr(optarg, info[OP_DREADMAP].name);
			break;
		case OPT_REQUIRE_MMAP:
			opt.require_mmap = true;
			break;
		case OPT_PROCS:
			opt.procs = number("--procs", optarg, 1, MAX_PROCS);
			break;
		case OPT_SERIAL:
			opt.serial = true;
			break;
		case OPT_SERVER:
			opt.server = optarg;
			break;
		case OPT_CLOSE_SYNCS:
			opt.close_syncs = true;
			break;
		case OPT_RECORD:
			opt.record = optarg;
			break;
		case OPT_REPLAY:
			opt.replay = optarg;
			break;
		case OPT_MINIMIZE:
			opt.minimize = true;
			opt.minimize_set = true;
			break;
		case OPT_NO_MINIMIZE:
			opt.minimize = false;
			opt.minimize_set = true;
			break;
		default:
			usage_error("cannot go on");
		}
	}
	if (optind == argc)
		usage_error("which FILE?");
	if (optind + 1 < argc)
		usage_error("one FILE, please: '%s' is another",
			    argv[optind + 1]);
	opt.path = argv[optind];
	if (opt.replay) {
		read_log(opt.replay);
		/* the checks at the end are operations, too */
		opt.ops = script_len + 8;
		if (!opt.minimize_set)
			opt.minimize = false;
	}
	/*
	 * While the read is under way, the pages that it goes to are pinned and no
	 * more than that: when another process truncates or opens the file, they
	 * may leave the cache, and the data goes nowhere. No file system promises
	 * otherwise, so this is done only when asked for.
	 */
	if (opt.procs > 1 && !dreadmap_named)
		weight[OP_DREADMAP] = 0;
	for (int i = 0; i < NR_KINDS; i++)
		if ((no_mapwrite && info[i].needs & NEED_MAPWRITE) ||
		    (no_mapread && (i == OP_MAPREAD || i == OP_WRITEMAP)))
			weight[i] = 0;
	/* better now than after a long run */
	if (opt.dir && access(opt.dir, W_OK | X_OK))
		usage_error("--log-dir: %s: %s", opt.dir, strerror(errno));
	if (opt.record) {
		FILE *f = fopen(opt.record, "a");

		if (!f)
			usage_error("--record: %s: %s", opt.record,
				    strerror(errno));
		fclose(f);
	}
	if (!opt.op_size)
		opt.op_size = opt.procs > 1 ? 16 << 10 : 64 << 10;
	if (opt.op_size > opt.length)
		opt.op_size = opt.length;
}

/* Find out what the file system can do, by doing it to the file. */
static void probe(void)
{
	static const struct {
		unsigned int need;
		int mode;
	} falloc[] = {
		{ NEED_ALLOC, 0 },
		{ NEED_PUNCH, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE },
		{ NEED_ZERO, FALLOC_FL_ZERO_RANGE },
		{ NEED_COLLAPSE, FALLOC_FL_COLLAPSE_RANGE },
		{ NEED_INSERT, FALLOC_FL_INSERT_RANGE },
	};
	off_t from = 0, to = 4 * page;
	struct stat st;
	void *p, *buf;
	int fd, direct;

	fd = open(opt.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (fd < 0)
		io_error("%s", opt.path);
	if (fstat(fd, &st))
		io_error("fstat %s", opt.path);
	if (!S_ISREG(st.st_mode))
		usage_error("%s is not a regular file", opt.path);
	block = round_up(st.st_blksize, page) <= 64 << 10 ?
			round_up(st.st_blksize, page) :
			page;
	if (ftruncate(fd, 16 * block))
		io_error("ftruncate %s", opt.path);

	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED) {
		offered |= NEED_MAPREAD | NEED_MAPWRITE;
		munmap(p, page);
	} else {
		if (opt.require_mmap)
			io_error("%s: no shared writable mapping", opt.path);
		if (!opt.quiet)
			printf("fsx: no shared writable mapping here (%s)\n",
			       strerror(errno));
		p = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
		if (p != MAP_FAILED) {
			offered |= NEED_MAPREAD;
			munmap(p, page);
		} else if (!opt.quiet) {
			printf("fsx: no shared mapping to read from, either (%s)\n",
			       strerror(errno));
		}
	}
	for (unsigned int i = 0; i < sizeof(falloc) / sizeof(*falloc); i++)
		if (!fallocate(fd, falloc[i].mode, block, block))
			offered |= falloc[i].need;
	if (copy_file_range(fd, &from, fd, &to, page, 0) == (ssize_t)page)
		offered |= NEED_COPY;

	direct = open(opt.path, O_RDWR | O_DIRECT);
	if (direct >= 0) {
		if (posix_memalign(&buf, page, page))
			io_error("no memory");
		memset(buf, 0, page);
		for (direct_align = 512; direct_align <= page;
		     direct_align *= 2) {
			if (pwrite(direct, buf, direct_align, direct_align) ==
			    direct_align) {
				offered |= NEED_DIRECT;
				break;
			}
		}
		if (!(offered & NEED_DIRECT))
			direct_align = 512;
		free(buf);
		close(direct);
	}
	if (!access("/proc/sys/vm/drop_caches", W_OK))
		offered |= NEED_DROP;
	if (ftruncate(fd, 0))
		io_error("ftruncate %s", opt.path);
	if (close(fd))
		io_error("close %s", opt.path);
	if (opt.server && access(opt.server, R_OK))
		io_error("--server %s", opt.server);
}

/* Leave out what the file system lacks, and say so. */
static void leave_out(void)
{
	bool said = false;

	if (opt.direct_only && !(offered & NEED_DIRECT)) {
		errno = EINVAL;
		io_error("%s: -Z, but no O_DIRECT here", opt.path);
	}
	for (int i = 0; i < NR_KINDS; i++) {
		bool wanted = weight[i];

		if (script) {
			wanted = false;
			for (uint32_t j = 0; j < script_len; j++)
				wanted |= script[j].kind == i;
		}
		if (!wanted || !(info[i].needs & ~offered))
			continue;
		if (!opt.quiet) {
			printf("%s%s", said ? ", " : "fsx: not offered here: ",
			       info[i].name);
			said = true;
		}
		weight[i] = 0;
	}
	if (said)
		putchar('\n');
	for (int i = 0; i < NR_KINDS; i++)
		total_weight += weight[i];
	if (!total_weight && !script)
		usage_error("no operation is left to do");
	if (!script && !weight[OP_WRITE] && !weight[OP_DWRITE] &&
	    !weight[OP_TRUNCATE] && !weight[OP_ALLOC] && !weight[OP_ZERO])
		usage_error(
			"the file would stay empty: add write, truncate, alloc or zero");
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t mattr;
	pthread_condattr_t cattr;
	uint64_t verified = 0;
	int status = ST_OK;
	char log[PATH_MAX];
	ssize_t n;

	prog = "fsx";
	setvbuf(stdout, NULL, _IOLBF, 0);
	page = sysconf(_SC_PAGESIZE);
	parse(argc, argv);
	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	if (n <= 0 && !realpath(argv[0], self))
		opt.minimize = false;

	if (!opt.quiet) {
		if (script)
			printf("fsx: replay of %s, %u operations", opt.replay,
			       script_len);
		else
			printf("fsx: seed %llu, %u operations",
			       (unsigned long long)opt.seed, opt.ops);
		printf(", length %u, op size %u, %u process%s%s%s%s, file %s\n",
		       opt.length, opt.op_size, opt.procs,
		       opt.procs > 1 ? "es" : "", opt.serial ? " in turn" : "",
		       opt.server ? ", server's file " : "",
		       opt.server ? opt.server : "", opt.path);
	}
	probe();
	leave_out();

	sh = shared_zeros(sizeof(*sh));
	model = shared_zeros(opt.length);
	history = shared_zeros(((size_t)opt.ops + 8) * sizeof(*history));
	pthread_mutexattr_init(&mattr);
	pthread_mutexattr_setpshared(&mattr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&sh->lock, &mattr);
	pthread_condattr_init(&cattr);
	pthread_condattr_setpshared(&cattr, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&sh->moved, &cattr);

	run_workers(opt.procs, false);
	if (sh->verdict == V_OK) {
		opt.ops = sh->nr_log + 8;
		run_workers(1, true);
	}

	if (opt.record)
		write_log(opt.record, history,
			  sh->verdict ? min_u32(sh->nr_log, sh->bad_op + 1) :
					sh->nr_log);
	if (sh->verdict != V_OK) {
		status = sh->verdict == V_DIFF ? ST_DIFF : ST_IO;
		report();
		if (!script) {
			beside(log, "fsxlog");
			write_log(log, history,
				  min_u32(sh->nr_log, sh->bad_op + 1));
			printf("fsx: log: %s\n", log);
		}
		if (opt.minimize)
			minimize(status);
	}
	for (unsigned int i = 0; i < opt.procs; i++)
		verified += sh->verified[i];
	printf("fsx: %u operations, %llu verified bytes, %s\n", sh->nr_log,
	       (unsigned long long)verified, status ? "FAILED" : "ok");
	return status;
}
