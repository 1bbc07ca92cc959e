// SPDX-License-Identifier: GPL-2.0-only
/*
 * shared-mapping - several processes store to one shared mapping and check it
 *
 * The mapping may be larger than memory, so that pages go out to the server and
 * come back all the time, and truncates take its end away and give it back. The
 * expected contents would not fit into memory, so each word tells about itself:
 *
 *	 63        40 39    32 31              0
 *	| generation | writer | number of word |
 *
 * A word that is lost, stale, of another place or of another writer is known as
 * such. All that is kept is the generation of each block of words. Blocks are
 * smaller than pages and belong to the processes in turn, so that neighbours
 * store to the same page at the same time. Only its owner stores to a block;
 * everybody checks it, also while it is being stored to.
 *
 * A truncate waits until nobody is behind the place of the cut, and keeps the
 * others out until the file is long again and zero there.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stress.h"

#define MAX_PROCS 64
#define MAX_BLOCK 32768
#define WORD sizeof(uint64_t)
#define GENERATIONS (1u << 24)
#define LAST_OPS 12
#define PRESS_EACH 64 /* operations between two rounds of pressure, */
#define PRESS_PARTS 16 /* each of which gives so much of the memory back */
#define NOWHERE UINT64_MAX

static struct {
	uint64_t size;
	uint64_t pressure;
	uint32_t ops;
	uint32_t block;
	unsigned int procs;
	bool truncate;
} opt = {
	.size = 64 << 20,
	.ops = 10000,
	.block = 1024,
	.procs = 4,
	.truncate = true,
};

enum kind {
	OP_STORE,
	OP_CHECK,
	OP_WRITE,
	OP_READ,
	OP_MSYNC,
	OP_KICK,
	OP_ZAP,
	OP_INVALIDATE,
	OP_TRUNCATE,
	NR_KINDS
};

/* clang-format off */
static const struct op_info op_info[NR_KINDS] = {
	[OP_STORE]	= { "store", 80, 0, "store to some blocks of one's own" },
	[OP_CHECK]	= { "check", 80, 0, "check some blocks of everybody's" },
	[OP_WRITE]	= { "write", 8, 0, "pwrite some blocks of one's own" },
	[OP_READ]	= { "read", 8, 0, "pread and check some blocks of everybody's" },
	[OP_MSYNC]	= { "msync", 2, 0, "msync(MS_SYNC), then check one's own at the server" },
	[OP_KICK]	= { "kick", 6, 0, "sync_file_range that starts writeback, no waiting" },
	[OP_ZAP]	= { "zap", 4, 0, "madvise(MADV_DONTNEED): fault in again" },
	[OP_INVALIDATE]	= { "invalidate", 4, 0, "posix_fadvise(POSIX_FADV_DONTNEED)" },
	[OP_TRUNCATE]	= { "truncate", 1, 0, "cut the file somewhere, make it long again" },
};
/* clang-format on */

struct op {
	uint8_t kind;
	uint64_t first; /* block; truncate: byte */
	uint32_t count;
};

/*
 * What a block has to hold: words of generation done, zeros from byte cut on; a
 * hole is cut at 0. While its owner stores, words of generation begun may be
 * there, too. Done and cut change together, hence in one word.
 */
struct block {
	_Atomic uint64_t done_cut;
	_Atomic uint32_t begun;
};

static unsigned int weight[NR_KINDS];
static struct block *blocks;
static uint64_t nr_blocks;
static uint32_t page;

struct shared {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint64_t limit; /* a truncate works on this block and all behind it */
	struct {
		uint64_t first, end; /* blocks it is at */
	} at[MAX_PROCS];
	uint64_t ops;
	unsigned int running;
	bool stop;
	int status;
	uint64_t verified[MAX_PROCS + 1];
	struct {
		struct op last[LAST_OPS];
		uint32_t nr;
	} log[MAX_PROCS + 1];
	unsigned int bad_proc;
	char message[1400];
};

static struct shared *shared;

/* One process's own things. */
static struct {
	unsigned int me;
	int fd;
	int server;
	bool last; /* all is synced, the server's file has to be complete */
	uint8_t *map;
	uint64_t buf[MAX_BLOCK / WORD];
} own;

/* ---- words ------------------------------------------------------------ */

static unsigned int owner(uint64_t block)
{
	return block % opt.procs;
}

static uint64_t word_of(uint64_t number, uint32_t generation)
{
	uint64_t writer = owner(number * WORD / opt.block) + 1;

	return (uint64_t)generation << 40 | writer << 32 | (uint32_t)number;
}

/* The word at @number, in a block that holds @generation up to byte @cut. */
static uint64_t expected(uint64_t number, uint32_t generation, uint32_t cut)
{
	uint32_t at = number * WORD % opt.block;
	uint64_t word;

	if (at >= cut)
		return 0;
	word = word_of(number, generation);
	if (cut - at < WORD)
		word &= (1ull << 8 * (cut - at)) - 1;
	return word;
}

/* What is @word, found where word @number has to be? */
static void explain(char *out, size_t room, uint64_t word, uint64_t number,
		    uint32_t want)
{
	uint32_t generation = word >> 40;
	unsigned int writer = (word >> 32 & 0xff) - 1;
	uint64_t place = (word & 0xffffffff) * WORD;

	if (!word)
		snprintf(out, room, "zero");
	else if (!(word >> 32 & 0xff) || writer >= opt.procs ||
		 place >= opt.size || word != word_of(place / WORD, generation))
		snprintf(out, room, "no word of ours");
	else if (place != number * WORD)
		snprintf(out, room, "of offset %#llx, generation %u: MISPLACED",
			 (unsigned long long)place, generation);
	else if (generation == want)
		snprintf(out, room, "generation %u", generation);
	else
		snprintf(out, room, "generation %u: %s", generation,
			 generation < want ? "STALE" : "from the future");
}

/* ---- failing ---------------------------------------------------------- */

static int fail(int status, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Note what went wrong, if it is the first, and stop everybody. Returns -1. */
static int fail(int status, const char *fmt, ...)
{
	va_list ap;

	pthread_mutex_lock(&shared->lock);
	if (!shared->status) {
		shared->status = status;
		shared->bad_proc = own.me;
		va_start(ap, fmt);
		vsnprintf(shared->message, sizeof(shared->message), fmt, ap);
		va_end(ap);
	}
	shared->stop = true;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
	return -1;
}

static int failed(const char *what)
{
	return fail(ST_IO, "%s: %s", what, strerror(errno));
}

/* The word @number is @word but should be of generation @want: tell all. */
static int bad_word(const char *how, uint64_t number, uint64_t word,
		    uint32_t want, uint32_t cut, const char *also)
{
	uint64_t off = number * WORD, look;
	char text[1200], *out = text, *end = text + sizeof(text), note[80];

	explain(note, sizeof(note), word, number, want);
	out += snprintf(
		out, end - out,
		"offset %#llx (page %llu, byte %#llx), block %llu of process %u, by %s\n"
		"  expected %#018llx  %s%u%s\n",
		(unsigned long long)off, (unsigned long long)(off / page),
		(unsigned long long)(off % page),
		(unsigned long long)(off / opt.block), owner(off / opt.block),
		how, (unsigned long long)expected(number, want, cut),
		!cut		? "a hole since generation " :
		cut < opt.block ? "cut by a truncate in generation " :
				  "generation ",
		want, also);
	out += snprintf(out, end - out, "  found    %#018llx  %s\n",
			(unsigned long long)word, note);
	if (!copy_mapped(&look, own.map + off, WORD)) {
		explain(note, sizeof(note), look, number, want);
		out += snprintf(out, end - out,
				"  looked at again, mapping: %#018llx  %s\n",
				(unsigned long long)look, note);
	}
	if (pread(own.fd, &look, WORD, off) == WORD) {
		explain(note, sizeof(note), look, number, want);
		out += snprintf(out, end - out,
				"  looked at again, read:    %#018llx  %s\n",
				(unsigned long long)look, note);
	}
	if (own.server >= 0 && pread(own.server, &look, WORD, off) == WORD) {
		explain(note, sizeof(note), look, number, want);
		out += snprintf(out, end - out,
				"  looked at again, server:  %#018llx  %s\n",
				(unsigned long long)look, note);
	}
	return fail(ST_DIFF, "%s", text);
}

/* ---- blocks ----------------------------------------------------------- */

/* Be at blocks @first..@end-1, once no truncate is. False when all is over. */
static bool enter(uint64_t first, uint64_t end)
{
	bool go;

	pthread_mutex_lock(&shared->lock);
	while (end > shared->limit && !shared->stop)
		pthread_cond_wait(&shared->moved, &shared->lock);
	go = !shared->stop;
	if (go) {
		shared->at[own.me].first = first;
		shared->at[own.me].end = end;
	}
	pthread_mutex_unlock(&shared->lock);
	return go;
}

static void leave(void)
{
	pthread_mutex_lock(&shared->lock);
	shared->at[own.me].first = 0;
	shared->at[own.me].end = 0;
	/* nobody but a truncate waits for us */
	if (shared->limit != NOWHERE)
		pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}

/* Be alone from block @first to the end. False when all is over. */
static bool enter_truncate(uint64_t first)
{
	bool go;

	pthread_mutex_lock(&shared->lock);
	while (shared->limit != NOWHERE && !shared->stop)
		pthread_cond_wait(&shared->moved, &shared->lock);
	go = !shared->stop;
	if (go)
		shared->limit = first;
	for (unsigned int i = 0; go && i < opt.procs; i++) {
		while (shared->at[i].end > first && !shared->stop)
			pthread_cond_wait(&shared->moved, &shared->lock);
		go = !shared->stop;
	}
	pthread_mutex_unlock(&shared->lock);
	return go;
}

static void leave_truncate(void)
{
	pthread_mutex_lock(&shared->lock);
	shared->limit = NOWHERE;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}

static int store_block(uint64_t b, bool by_write)
{
	uint64_t number = b * opt.block / WORD, words = opt.block / WORD;
	uint64_t *to = (uint64_t *)(own.map + b * opt.block);
	uint32_t generation = blocks[b].begun + 1;

	blocks[b].begun = generation;
	if (!by_write) {
		for (uint64_t i = 0; i < words; i++)
			to[i] = word_of(number + i, generation);
	} else {
		for (uint64_t i = 0; i < words; i++)
			own.buf[i] = word_of(number + i, generation);
		for (size_t done = 0; done < opt.block;) {
			ssize_t n = pwrite(own.fd, (char *)own.buf + done,
					   opt.block - done,
					   b * opt.block + done);

			if (n <= 0)
				return failed("write");
			done += n;
		}
	}
	blocks[b].done_cut = (uint64_t)generation << 32 | opt.block;
	return 0;
}

/* By which way to look at a block. */
enum way { BY_MAPPING, BY_READ, BY_SERVER };

static const char *const way_name[] = { "the mapping", "read",
					"the server's file" };

/* Is block @b what it has to be? Its owner may be storing to it, if not us. */
static int check_block(uint64_t b, enum way way)
{
	uint64_t number = b * opt.block / WORD, words = opt.block / WORD;
	uint64_t state = blocks[b].done_cut;
	uint32_t done = state >> 32, cut = (uint32_t)state, begun;

	if (way == BY_MAPPING) {
		memcpy(own.buf, own.map + b * opt.block, opt.block);
	} else {
		ssize_t n = pread(way == BY_READ ? own.fd : own.server, own.buf,
				  opt.block, b * opt.block);

		if (n < 0)
			return failed(way_name[way]);
		/* msync of a part says nothing about the size at the server */
		if (way == BY_SERVER && !own.last) {
			memset((char *)own.buf + n, 0, opt.block - n);
			n = opt.block;
		}
		if (n != opt.block)
			return fail(
				ST_DIFF,
				"offset %#llx: %s ends there, the file has %#llx bytes\n",
				(unsigned long long)(b * opt.block + n),
				way_name[way], (unsigned long long)opt.size);
	}
	/* what the owner began later than this is not in the copy */
	begun = blocks[b].begun;
	shared->verified[own.me] += opt.block;

	for (uint64_t i = 0; i < words; i++) {
		uint64_t word = own.buf[i];
		uint32_t generation = word >> 40;

		if (word == expected(number + i, done, cut))
			continue;
		if (generation > done && generation <= begun &&
		    word == word_of(number + i, generation))
			continue;
		return bad_word(way_name[way], number + i, word, done, cut,
				begun > done ? ", or one being stored" : "");
	}
	return 0;
}

/* Blocks of ours among @count from @first on. */
static int store_run(uint64_t first, uint32_t count, bool by_write)
{
	for (uint64_t b = first; b < first + count; b++)
		if (owner(b) == own.me && store_block(b, by_write))
			return -1;
	return 0;
}

static int check_run(uint64_t first, uint32_t count, enum way way)
{
	for (uint64_t b = first; b < first + count; b++)
		if (check_block(b, way))
			return -1;
	return 0;
}

static int msync_run(uint64_t first, uint32_t count)
{
	uint64_t lo = first * opt.block / page * page,
		 hi = (first + count) * opt.block;

	if (msync(own.map + lo, hi - lo, MS_SYNC))
		return failed("msync");
	for (uint64_t b = first; own.server >= 0 && b < first + count; b++)
		if (owner(b) == own.me && check_block(b, BY_SERVER))
			return -1;
	return 0;
}

/* Cut the file at byte @at. In @way 1 it is made long by a write, else by ftruncate. */
static int truncate_at(uint64_t at, unsigned int way)
{
	uint64_t first = at / opt.block;
	uint32_t cut = at % opt.block;

	if (ftruncate(own.fd, at))
		return failed("ftruncate");
	if (way == 1 && at < opt.size) {
		if (pwrite(own.fd, "", 1, opt.size - 1) != 1)
			return failed("write of the last byte");
	} else if (ftruncate(own.fd, opt.size)) {
		return failed("ftruncate");
	}
	for (uint64_t b = first; b < nr_blocks; b++) {
		uint64_t state = blocks[b].done_cut;

		if (b > first)
			cut = 0;
		if (cut < (uint32_t)state)
			blocks[b].done_cut = (state >> 32) << 32 | cut;
	}
	return 0;
}

/* ---- processes -------------------------------------------------------- */

static int open_all(void)
{
	own.fd = open(common.path, O_RDWR);
	if (own.fd < 0)
		return failed(common.path);
	own.server = -1;
	if (common.server) {
		own.server = open(common.server, O_RDONLY);
		if (own.server < 0)
			return failed(common.server);
	}
	own.map = mmap(NULL, opt.size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       own.fd, 0);
	if (own.map == MAP_FAILED)
		return failed("mmap");
	catch_sigbus();
	return 0;
}

static struct op random_op(struct rng *rng, uint64_t *sweep)
{
	struct op op = { .kind = rng_pick(rng, weight, NR_KINDS) };

	op.count = 1 + rng_below(rng, 8 * opt.procs);
	if (rng_below(rng, 2)) {
		/* on and on through the file, as fast as memory fills */
		op.first = *sweep;
		*sweep = (*sweep + op.count) % nr_blocks;
	} else {
		op.first = (rng_next(rng) >> 8) % nr_blocks;
	}
	if (op.count > nr_blocks - op.first)
		op.count = nr_blocks - op.first;
	if (op.kind == OP_TRUNCATE) {
		uint64_t range = opt.size >> 2 * rng_below(rng, 6);

		op.first = opt.size - (rng_next(rng) >> 8) % (range + 1);
		op.count = rng_below(rng, 2);
	}
	return op;
}

static int do_op(const struct op *op)
{
	uint64_t lo = op->first * opt.block,
		 len = (uint64_t)op->count * opt.block;

	switch (op->kind) {
	case OP_STORE:
		return store_run(op->first, op->count, false);
	case OP_WRITE:
		return store_run(op->first, op->count, true);
	case OP_CHECK:
		return check_run(op->first, op->count, BY_MAPPING);
	case OP_READ:
		return check_run(op->first, op->count, BY_READ);
	case OP_MSYNC:
		return msync_run(op->first, op->count);
	case OP_KICK:
		if (sync_file_range(own.fd, lo, len, SYNC_FILE_RANGE_WRITE))
			return failed("sync_file_range");
		return 0;
	case OP_ZAP:
		if (madvise(own.map + lo / page * page, len + lo % page,
			    MADV_DONTNEED))
			return failed("madvise");
		return 0;
	case OP_INVALIDATE:
		errno = posix_fadvise(own.fd, lo, len, POSIX_FADV_DONTNEED);
		return errno ? failed("posix_fadvise") : 0;
	case OP_TRUNCATE:
		return truncate_at(op->first, op->count);
	}
	return 0;
}

static void print_op(const struct op *op)
{
	if (op->kind == OP_TRUNCATE)
		printf("%-10s at %#llx%s\n", op_info[op->kind].name,
		       (unsigned long long)op->first,
		       op->count == 1 ? ", long again by a write" : "");
	else
		printf("%-10s %u blocks at %#llx\n", op_info[op->kind].name,
		       op->count, (unsigned long long)op->first * opt.block);
}

static int step(const struct op *op)
{
	int ret;

	shared->log[own.me].last[shared->log[own.me].nr++ % LAST_OPS] = *op;
	if (common.verbose) {
		printf("process %u: ", own.me);
		print_op(op);
	}
	if (op->kind == OP_TRUNCATE ? !enter_truncate(op->first / opt.block) :
				      !enter(op->first, op->first + op->count))
		return -1;
	if (sigsetjmp(bus_jump, 0)) {
		ret = fail(ST_IO, "SIGBUS at offset %#llx, in %s\n",
			   (unsigned long long)(bus_addr - (uintptr_t)own.map),
			   op_info[op->kind].name);
	} else {
		bus_armed = 1;
		ret = do_op(op);
		bus_armed = 0;
	}
	if (op->kind == OP_TRUNCATE)
		leave_truncate();
	else
		leave();
	return ret;
}

static void count_op(void)
{
	pthread_mutex_lock(&shared->lock);
	shared->ops++;
	if (common.progress && shared->ops % common.progress == 0)
		printf("shared-mapping: %llu operations\n",
		       (unsigned long long)shared->ops);
	if (opt.pressure && shared->ops % PRESS_EACH == 0)
		pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}

static void worker(void)
{
	struct rng rng = { .state = mix64(common.seed) +
				    ((uint64_t)own.me << 48) };
	uint64_t sweep = nr_blocks / opt.procs * own.me;

	if (!open_all()) {
		for (uint32_t i = 0; i < opt.ops; i++) {
			struct op op = random_op(&rng, &sweep);

			if (step(&op))
				break;
			count_op();
			/* nothing preempts us in a guest whose time stands still */
			sched_yield();
		}
	}
	pthread_mutex_lock(&shared->lock);
	shared->running--;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}

/* Take memory away from the page cache and give it back, as the others work. */
static void press(void)
{
	uint8_t *p = mmap(NULL, opt.pressure, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t part = (opt.pressure / PRESS_PARTS + page) / page * page, next;

	if (p == MAP_FAILED) {
		failed("mmap for --pressure");
		return;
	}
	for (uint64_t at = 0;; at = at + part < opt.pressure ? at + part : 0) {
		bool over;

		for (uint64_t i = 0; i < opt.pressure; i += page)
			p[i] = 1;
		pthread_mutex_lock(&shared->lock);
		next = shared->ops + PRESS_EACH;
		while (shared->ops < next && shared->running && !shared->stop)
			pthread_cond_wait(&shared->moved, &shared->lock);
		over = !shared->running || shared->stop;
		pthread_mutex_unlock(&shared->lock);
		if (over)
			return;
		madvise(p + at,
			part < opt.pressure - at ? part : opt.pressure - at,
			MADV_DONTNEED);
	}
}

/* When all is done: each block, by each way, also fresh from the server. */
static void last_check(void)
{
	struct stat st;
	struct op all = { .kind = OP_CHECK };

	if (open_all())
		return;
	if (fstat(own.fd, &st)) {
		failed("fstat");
		return;
	}
	if ((uint64_t)st.st_size != opt.size) {
		fail(ST_DIFF, "the file has %#llx bytes, expected %#llx\n",
		     (unsigned long long)st.st_size,
		     (unsigned long long)opt.size);
		return;
	}
	for (int round = 0; round < 2; round++) {
		if (sigsetjmp(bus_jump, 0)) {
			fail(ST_IO,
			     "SIGBUS at offset %#llx, in the last check\n",
			     (unsigned long long)(bus_addr -
						  (uintptr_t)own.map));
			return;
		}
		bus_armed = 1;
		shared->log[own.me].last[shared->log[own.me].nr++ % LAST_OPS] =
			all;
		for (uint64_t b = 0; b < nr_blocks; b++)
			if (check_block(b, BY_MAPPING) ||
			    check_block(b, BY_READ))
				return;
		if (fsync(own.fd)) {
			failed("fsync");
			return;
		}
		own.last = true;
		for (uint64_t b = 0; own.server >= 0 && b < nr_blocks; b++)
			if (check_block(b, BY_SERVER))
				return;
		bus_armed = 0;
		if (munmap(own.map, opt.size)) {
			failed("munmap");
			return;
		}
		posix_fadvise(own.fd, 0, 0, POSIX_FADV_DONTNEED);
		own.map = mmap(NULL, opt.size, PROT_READ | PROT_WRITE,
			       MAP_SHARED, own.fd, 0);
		if (own.map == MAP_FAILED) {
			failed("mmap");
			return;
		}
	}
}

static void work_or_press(unsigned int i)
{
	own.me = i;
	if (i < opt.procs)
		worker();
	else
		press();
}

static void check_at_last(unsigned int i)
{
	own.me = opt.procs + i;
	last_check();
}

static void died(unsigned int i, const char *how)
{
	if (shared->status)
		return;
	shared->status = ST_IO;
	shared->bad_proc = i;
	snprintf(shared->message, sizeof(shared->message), "process %u %s\n", i,
		 how);
}

static void report(void)
{
	unsigned int p = shared->bad_proc;
	uint32_t nr;

	printf("shared-mapping: %s, seen by process %u%s: %s",
	       shared->status == ST_DIFF ? "DIFFERENCE" : "ERROR", p,
	       p == opt.procs ? " (the last check)" : "", shared->message);
	if (!strchr(shared->message, '\n'))
		putchar('\n');
	if (p < opt.procs) {
		nr = shared->log[p].nr;
		printf("shared-mapping: seed %llu; last operations of process %u:\n",
		       (unsigned long long)common.seed, p);
		for (uint32_t i = nr > LAST_OPS ? nr - LAST_OPS : 0; i < nr;
		     i++) {
			printf("%6u ", i);
			print_op(&shared->log[p].last[i % LAST_OPS]);
		}
	}
	printf("shared-mapping: again: shared-mapping -S %llu -N %u -s %llu -b %u --procs %u",
	       (unsigned long long)common.seed, opt.ops,
	       (unsigned long long)opt.size, opt.block, opt.procs);
	if (opt.pressure)
		printf(" --pressure %llu", (unsigned long long)opt.pressure);
	printf("%s%s%s %s\n", opt.truncate ? "" : " --no-truncate",
	       common.server ? " --server " : "",
	       common.server ? common.server : "", common.path);
}

/* ---- the command line ------------------------------------------------- */

static const char doc[] =
	"Several processes store to one shared mapping and check it.\v"
	"FILE is made anew. Each process's operations follow from the seed; who is when at "
	"work depends on the machine, except in a guest with virtual time.\n"
	"\n"
	"Exit status: 0 all is well; 1 a word is not what it has to be; 2 bad usage; 3 a "
	"system call failed (where there is no shared writable mapping: ENODEV), or the "
	"mapping gave SIGBUS.\n"
	"\n"
	"A guest's tmpfs cannot hold a file larger than memory: let the server keep it on a "
	"folder of the host, or shrink what memory is left with --pressure.\n"
	"\n"
	"Operations, and how often each is done:\n";

static uint64_t size_option(const char *text)
{
	size_t len = strlen(text);
	char digits[16];

	if (!len || text[len - 1] != '%')
		return number("-s", text, 1, UINT32_MAX * WORD);
	snprintf(digits, sizeof(digits), "%.*s", (int)len - 1, text);
	return sysconf(_SC_PHYS_PAGES) * number("-s", digits, 1, 10000) / 100 *
	       page;
}

enum { OPT_PROCS = 256, OPT_PRESSURE, OPT_NO_TRUNCATE };

/* clang-format off */
static const struct argp_option options[] = {
	{ "ops", 'N', "N", 0, "Operations of each process (default 10000)", 0 },
	{ "size", 's', "SIZE", 0, "Of the mapping: bytes (K, M, G may follow), or N% of the machine's "
	  "memory, as in 150% (default 64M)", 0 },
	{ "procs", OPT_PROCS, "N", 0, "Processes (default 4, at most 64)", 0 },
	{ "block", 'b', "SIZE", 0, "What belongs to one process: a power of two from 8 to 32K "
	  "(default 1K: four owners in a page)", 0 },
	{ "pressure", OPT_PRESSURE, "SIZE", 0, "One more process takes that much memory and gives it back, "
	  "again and again", 0 },
	{ "no-truncate", OPT_NO_TRUNCATE, NULL, 0, "Leave the size alone", 0 },
	{}
};
/* clang-format on */

static error_t parse(int key, char *arg, struct argp_state *state)
{
	(void)state;
	switch (key) {
	case 'N':
		opt.ops = number("-N", arg, 1, GENERATIONS - 1);
		break;
	case 's':
		opt.size = size_option(arg);
		break;
	case 'b':
		opt.block = number("-b", arg, WORD, MAX_BLOCK);
		if (opt.block & (opt.block - 1))
			usage_error("-b: %u is not a power of two", opt.block);
		break;
	case OPT_PROCS:
		opt.procs = number("--procs", arg, 1, MAX_PROCS);
		break;
	case OPT_PRESSURE:
		opt.pressure = number("--pressure", arg, 1, UINT64_MAX / 2);
		break;
	case OPT_NO_TRUNCATE:
		opt.truncate = false;
		break;
	case ARGP_KEY_END:
		/* whole blocks and whole pages */
		opt.size = (opt.size + MAX_BLOCK - 1) / MAX_BLOCK * MAX_BLOCK;
		nr_blocks = opt.size / opt.block;
		for (int i = 0; i < NR_KINDS; i++)
			weight[i] = op_info[i].weight;
		if (!opt.truncate)
			weight[OP_TRUNCATE] = 0;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void make_file(void)
{
	int fd = open(common.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	void *p;

	if (fd < 0)
		io_error("%s", common.path);
	if (ftruncate(fd, opt.size))
		io_error("ftruncate %s", common.path);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		io_error("%s: no shared writable mapping", common.path);
	munmap(p, page);
	if (close(fd))
		io_error("close %s", common.path);
	if (common.server && access(common.server, R_OK))
		io_error("--server %s", common.server);
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &common_argp, 0, NULL, 0 }, {}
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE",
		.doc = doc,
		.children = children,
		.help_filter = op_table,
	};
	struct op_list ops = { op_info, NR_KINDS };
	uint64_t verified = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	page = sysconf(_SC_PAGESIZE);
	argp_parse(&argp, argc, argv, 0, NULL, &ops);
	if (!common.quiet)
		printf("shared-mapping: seed %llu, %u processes with %u operations each, "
		       "%llu bytes in blocks of %u, pressure %llu%s%s, file %s\n",
		       (unsigned long long)common.seed, opt.procs, opt.ops,
		       (unsigned long long)opt.size, opt.block,
		       (unsigned long long)opt.pressure,
		       common.server ? ", server's file " : "",
		       common.server ? common.server : "", common.path);
	make_file();

	shared = shared_zeros(sizeof(*shared));
	blocks = shared_zeros(nr_blocks * sizeof(*blocks));
	shared->limit = NOWHERE;
	shared->running = opt.procs;
	shared_lock(&shared->lock, &shared->moved);

	run_processes(opt.procs + !!opt.pressure, work_or_press, died);
	if (!shared->status)
		run_processes(1, check_at_last, died);
	if (shared->status)
		report();
	for (unsigned int i = 0; i <= opt.procs; i++)
		verified += shared->verified[i];
	printf("shared-mapping: %llu operations, %llu verified bytes, %s\n",
	       (unsigned long long)shared->ops, (unsigned long long)verified,
	       shared->status ? "FAILED" : "ok");
	return shared->status;
}
