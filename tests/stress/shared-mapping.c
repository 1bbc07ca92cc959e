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
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
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

#define MAX_PROCS 64
#define MAX_BLOCK 32768
#define WORD sizeof(uint64_t)
#define GENERATIONS (1u << 24)
#define LAST_OPS 12
#define PRESS_EACH 64 /* operations between two rounds of pressure, */
#define PRESS_PARTS 16 /* each of which gives so much of the memory back */
#define NOWHERE UINT64_MAX

static struct {
	uint64_t seed;
	uint64_t size;
	uint64_t pressure;
	uint32_t ops;
	uint32_t block;
	uint32_t progress;
	unsigned int procs;
	bool truncate;
	bool quiet;
	bool verbose;
	const char *path;
	const char *server;
} opt = {
	.seed = 1,
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
static const struct {
	const char *name;
	unsigned int weight;
	const char *help;
} info[NR_KINDS] = {
	[OP_STORE]	= { "store", 80, "store to some blocks of one's own" },
	[OP_CHECK]	= { "check", 80, "check some blocks of everybody's" },
	[OP_WRITE]	= { "write", 8, "pwrite some blocks of one's own" },
	[OP_READ]	= { "read", 8, "pread and check some blocks of everybody's" },
	[OP_MSYNC]	= { "msync", 2, "msync(MS_SYNC), then check one's own at the server" },
	[OP_KICK]	= { "kick", 6, "sync_file_range that starts writeback, no waiting" },
	[OP_ZAP]	= { "zap", 4, "madvise(MADV_DONTNEED): fault in again" },
	[OP_INVALIDATE]	= { "invalidate", 4, "posix_fadvise(POSIX_FADV_DONTNEED)" },
	[OP_TRUNCATE]	= { "truncate", 1, "cut the file somewhere, make it long again" },
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

static struct shared *sh;

/* One process's own things. */
static struct {
	unsigned int me;
	int fd;
	int server;
	bool last; /* all is synced, the server's file has to be complete */
	uint8_t *map;
	uint64_t buf[MAX_BLOCK / WORD];
} w;

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

	pthread_mutex_lock(&sh->lock);
	if (!sh->status) {
		sh->status = status;
		sh->bad_proc = w.me;
		va_start(ap, fmt);
		vsnprintf(sh->message, sizeof(sh->message), fmt, ap);
		va_end(ap);
	}
	sh->stop = true;
	pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
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
	if (!copy_mapped(&look, w.map + off, WORD)) {
		explain(note, sizeof(note), look, number, want);
		out += snprintf(out, end - out,
				"  looked at again, mapping: %#018llx  %s\n",
				(unsigned long long)look, note);
	}
	if (pread(w.fd, &look, WORD, off) == WORD) {
		explain(note, sizeof(note), look, number, want);
		out += snprintf(out, end - out,
				"  looked at again, read:    %#018llx  %s\n",
				(unsigned long long)look, note);
	}
	if (w.server >= 0 && pread(w.server, &look, WORD, off) == WORD) {
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

	pthread_mutex_lock(&sh->lock);
	while (end > sh->limit && !sh->stop)
		pthread_cond_wait(&sh->moved, &sh->lock);
	go = !sh->stop;
	if (go) {
		sh->at[w.me].first = first;
		sh->at[w.me].end = end;
	}
	pthread_mutex_unlock(&sh->lock);
	return go;
}

static void leave(void)
{
	pthread_mutex_lock(&sh->lock);
	sh->at[w.me].first = 0;
	sh->at[w.me].end = 0;
	/* nobody but a truncate waits for us */
	if (sh->limit != NOWHERE)
		pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
}

/* Be alone from block @first to the end. False when all is over. */
static bool enter_truncate(uint64_t first)
{
	bool go;

	pthread_mutex_lock(&sh->lock);
	while (sh->limit != NOWHERE && !sh->stop)
		pthread_cond_wait(&sh->moved, &sh->lock);
	go = !sh->stop;
	if (go)
		sh->limit = first;
	for (unsigned int i = 0; go && i < opt.procs; i++) {
		while (sh->at[i].end > first && !sh->stop)
			pthread_cond_wait(&sh->moved, &sh->lock);
		go = !sh->stop;
	}
	pthread_mutex_unlock(&sh->lock);
	return go;
}

static void leave_truncate(void)
{
	pthread_mutex_lock(&sh->lock);
	sh->limit = NOWHERE;
	pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
}

static int store_block(uint64_t b, bool by_write)
{
	uint64_t number = b * opt.block / WORD, words = opt.block / WORD;
	uint64_t *to = (uint64_t *)(w.map + b * opt.block);
	uint32_t generation = blocks[b].begun + 1;

	blocks[b].begun = generation;
	if (!by_write) {
		for (uint64_t i = 0; i < words; i++)
			to[i] = word_of(number + i, generation);
	} else {
		for (uint64_t i = 0; i < words; i++)
			w.buf[i] = word_of(number + i, generation);
		for (size_t done = 0; done < opt.block;) {
			ssize_t n = pwrite(w.fd, (char *)w.buf + done,
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
		memcpy(w.buf, w.map + b * opt.block, opt.block);
	} else {
		ssize_t n = pread(way == BY_READ ? w.fd : w.server, w.buf,
				  opt.block, b * opt.block);

		if (n < 0)
			return failed(way_name[way]);
		/* msync of a part says nothing about the size at the server */
		if (way == BY_SERVER && !w.last) {
			memset((char *)w.buf + n, 0, opt.block - n);
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
	sh->verified[w.me] += opt.block;

	for (uint64_t i = 0; i < words; i++) {
		uint64_t word = w.buf[i];
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
		if (owner(b) == w.me && store_block(b, by_write))
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

	if (msync(w.map + lo, hi - lo, MS_SYNC))
		return failed("msync");
	for (uint64_t b = first; w.server >= 0 && b < first + count; b++)
		if (owner(b) == w.me && check_block(b, BY_SERVER))
			return -1;
	return 0;
}

/* Cut the file at byte @at. In @way 1 it is made long by a write, else by ftruncate. */
static int truncate_at(uint64_t at, unsigned int way)
{
	uint64_t first = at / opt.block;
	uint32_t cut = at % opt.block;

	if (ftruncate(w.fd, at))
		return failed("ftruncate");
	if (way == 1 && at < opt.size) {
		if (pwrite(w.fd, "", 1, opt.size - 1) != 1)
			return failed("write of the last byte");
	} else if (ftruncate(w.fd, opt.size)) {
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
	w.fd = open(opt.path, O_RDWR);
	if (w.fd < 0)
		return failed(opt.path);
	w.server = -1;
	if (opt.server) {
		w.server = open(opt.server, O_RDONLY);
		if (w.server < 0)
			return failed(opt.server);
	}
	w.map = mmap(NULL, opt.size, PROT_READ | PROT_WRITE, MAP_SHARED, w.fd,
		     0);
	if (w.map == MAP_FAILED)
		return failed("mmap");
	catch_sigbus();
	return 0;
}

static struct op random_op(struct rng *rng, uint64_t *sweep)
{
	unsigned int total = 0, pick;
	struct op op = { 0 };

	for (int i = 0; i < NR_KINDS; i++)
		total += i == OP_TRUNCATE && !opt.truncate ? 0 : info[i].weight;
	pick = rng_below(rng, total);
	while (pick >= info[op.kind].weight)
		pick -= info[op.kind++].weight;

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
		if (sync_file_range(w.fd, lo, len, SYNC_FILE_RANGE_WRITE))
			return failed("sync_file_range");
		return 0;
	case OP_ZAP:
		if (madvise(w.map + lo / page * page, len + lo % page,
			    MADV_DONTNEED))
			return failed("madvise");
		return 0;
	case OP_INVALIDATE:
		errno = posix_fadvise(w.fd, lo, len, POSIX_FADV_DONTNEED);
		return errno ? failed("posix_fadvise") : 0;
	case OP_TRUNCATE:
		return truncate_at(op->first, op->count);
	}
	return 0;
}

static void print_op(const struct op *op)
{
	if (op->kind == OP_TRUNCATE)
		printf("%-10s at %#llx%s\n", info[op->kind].name,
		       (unsigned long long)op->first,
		       op->count == 1 ? ", long again by a write" : "");
	else
		printf("%-10s %u blocks at %#llx\n", info[op->kind].name,
		       op->count, (unsigned long long)op->first * opt.block);
}

static int step(const struct op *op)
{
	int ret;

	sh->log[w.me].last[sh->log[w.me].nr++ % LAST_OPS] = *op;
	if (opt.verbose) {
		printf("process %u: ", w.me);
		print_op(op);
	}
	if (op->kind == OP_TRUNCATE ? !enter_truncate(op->first / opt.block) :
				      !enter(op->first, op->first + op->count))
		return -1;
	if (sigsetjmp(bus_jump, 0)) {
		ret = fail(ST_IO, "SIGBUS at offset %#llx, in %s\n",
			   (unsigned long long)(bus_addr - (uintptr_t)w.map),
			   info[op->kind].name);
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
	pthread_mutex_lock(&sh->lock);
	sh->ops++;
	if (opt.progress && sh->ops % opt.progress == 0)
		printf("shared-mapping: %llu operations\n",
		       (unsigned long long)sh->ops);
	if (opt.pressure && sh->ops % PRESS_EACH == 0)
		pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
}

static void worker(void)
{
	struct rng rng = { .state = mix64(opt.seed) + ((uint64_t)w.me << 48) };
	uint64_t sweep = nr_blocks / opt.procs * w.me;

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
	pthread_mutex_lock(&sh->lock);
	sh->running--;
	pthread_cond_broadcast(&sh->moved);
	pthread_mutex_unlock(&sh->lock);
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
		pthread_mutex_lock(&sh->lock);
		next = sh->ops + PRESS_EACH;
		while (sh->ops < next && sh->running && !sh->stop)
			pthread_cond_wait(&sh->moved, &sh->lock);
		over = !sh->running || sh->stop;
		pthread_mutex_unlock(&sh->lock);
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
	if (fstat(w.fd, &st)) {
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
			     (unsigned long long)(bus_addr - (uintptr_t)w.map));
			return;
		}
		bus_armed = 1;
		sh->log[w.me].last[sh->log[w.me].nr++ % LAST_OPS] = all;
		for (uint64_t b = 0; b < nr_blocks; b++)
			if (check_block(b, BY_MAPPING) ||
			    check_block(b, BY_READ))
				return;
		if (fsync(w.fd)) {
			failed("fsync");
			return;
		}
		w.last = true;
		for (uint64_t b = 0; w.server >= 0 && b < nr_blocks; b++)
			if (check_block(b, BY_SERVER))
				return;
		bus_armed = 0;
		if (munmap(w.map, opt.size)) {
			failed("munmap");
			return;
		}
		posix_fadvise(w.fd, 0, 0, POSIX_FADV_DONTNEED);
		w.map = mmap(NULL, opt.size, PROT_READ | PROT_WRITE, MAP_SHARED,
			     w.fd, 0);
		if (w.map == MAP_FAILED) {
			failed("mmap");
			return;
		}
	}
}

/* Processes number @first..@first+@n-1 do @what; one more presses. */
static void run(void (*what)(void), unsigned int first, unsigned int n,
		bool pressed)
{
	pid_t pid[MAX_PROCS + 1];
	unsigned int all = n + pressed;

	fflush(stdout);
	for (unsigned int i = 0; i < all; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			io_error("fork");
		if (!pid[i]) {
			w.me = first + i;
			if (i < n)
				what();
			else
				press();
			exit(0);
		}
	}
	for (unsigned int left = all; left; left--) {
		int status;
		pid_t gone = wait(&status);

		if (gone < 0)
			io_error("wait");
		if (WIFEXITED(status) && !WEXITSTATUS(status))
			continue;
		/* it may have died with the lock held: do not ask for it */
		if (!sh->status) {
			sh->status = ST_IO;
			for (unsigned int i = 0; i < all; i++)
				if (pid[i] == gone)
					sh->bad_proc = first + i;
			snprintf(sh->message, sizeof(sh->message),
				 "process %u was killed: %s\n", sh->bad_proc,
				 strsignal(WTERMSIG(status)));
		}
		for (unsigned int i = 0; i < all; i++)
			if (pid[i] != gone)
				kill(pid[i], SIGKILL);
	}
}

static void report(void)
{
	unsigned int p = sh->bad_proc;
	uint32_t nr;

	printf("shared-mapping: %s, seen by process %u%s: %s",
	       sh->status == ST_DIFF ? "DIFFERENCE" : "ERROR", p,
	       p == opt.procs ? " (the last check)" : "", sh->message);
	if (!strchr(sh->message, '\n'))
		putchar('\n');
	if (p < opt.procs) {
		nr = sh->log[p].nr;
		printf("shared-mapping: seed %llu; last operations of process %u:\n",
		       (unsigned long long)opt.seed, p);
		for (uint32_t i = nr > LAST_OPS ? nr - LAST_OPS : 0; i < nr;
		     i++) {
			printf("%6u ", i);
			print_op(&sh->log[p].last[i % LAST_OPS]);
		}
	}
	printf("shared-mapping: again: shared-mapping -S %llu -N %u -s %llu -b %u --procs %u",
	       (unsigned long long)opt.seed, opt.ops,
	       (unsigned long long)opt.size, opt.block, opt.procs);
	if (opt.pressure)
		printf(" --pressure %llu", (unsigned long long)opt.pressure);
	printf("%s%s%s %s\n", opt.truncate ? "" : " --no-truncate",
	       opt.server ? " --server " : "", opt.server ? opt.server : "",
	       opt.path);
}

/* ---- the command line ------------------------------------------------- */

static void help(void)
{
	printf("shared-mapping - several processes store to one shared mapping and check it\n"
	       "\n"
	       "usage: shared-mapping [options] FILE\n"
	       "\n"
	       "FILE is made anew. Each process's operations follow from the seed; who is when at\n"
	       "work depends on the machine, except in a guest with virtual time.\n"
	       "\n"
	       "  -N, --ops N           operations of each process (default 10000)\n"
	       "  -S, --seed N          seed of the random numbers (default 1)\n"
	       "  -s, --size SIZE       of the mapping: bytes (K, M, G may follow), or N%% of the\n"
	       "                        machine's memory, as in 150%% (default 64M)\n"
	       "      --procs N         processes (default 4, at most %d)\n"
	       "  -b, --block SIZE      what belongs to one process: a power of two from 8 to 32K\n"
	       "                        (default 1K: four owners in a page)\n"
	       "      --pressure SIZE   one more process takes that much memory and gives it back,\n"
	       "                        again and again\n"
	       "      --no-truncate     leave the size alone\n"
	       "      --server PATH     the same file as the FUSE server sees it; has to be equal\n"
	       "                        after msync and at the end\n"
	       "  -p, --progress N      say so after each N operations\n"
	       "  -v, --verbose         print each operation\n"
	       "  -q, --quiet           only failures and the last line\n"
	       "  -h, --help            this text\n"
	       "\n"
	       "Exit status: 0 all is well; 1 a word is not what it has to be; 2 bad usage; 3 a\n"
	       "system call failed (where there is no shared writable mapping: ENODEV), or the\n"
	       "mapping gave SIGBUS.\n"
	       "\n"
	       "A guest's tmpfs cannot hold a file larger than memory: let the server keep it on a\n"
	       "folder of the host, or shrink what memory is left with --pressure.\n"
	       "\n"
	       "operations (and how often)\n",
	       MAX_PROCS);
	for (int i = 0; i < NR_KINDS; i++)
		printf("  %-10s %3u  %s\n", info[i].name, info[i].weight,
		       info[i].help);
}

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

enum { OPT_PROCS = 256, OPT_PRESSURE, OPT_NO_TRUNCATE, OPT_SERVER };

static const struct option options[] = {
	{ "ops", required_argument, NULL, 'N' },
	{ "seed", required_argument, NULL, 'S' },
	{ "size", required_argument, NULL, 's' },
	{ "block", required_argument, NULL, 'b' },
	{ "procs", required_argument, NULL, OPT_PROCS },
	{ "pressure", required_argument, NULL, OPT_PRESSURE },
	{ "no-truncate", no_argument, NULL, OPT_NO_TRUNCATE },
	{ "server", required_argument, NULL, OPT_SERVER },
	{ "progress", required_argument, NULL, 'p' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{},
};

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "N:S:s:b:p:vqh", options, NULL)) !=
	       -1) {
		switch (c) {
		case 'N':
			opt.ops = number("-N", optarg, 1, GENERATIONS - 1);
			break;
		case 'S':
			opt.seed = number("-S", optarg, 0, UINT64_MAX);
			break;
		case 's':
			opt.size = size_option(optarg);
			break;
		case 'b':
			opt.block = number("-b", optarg, WORD, MAX_BLOCK);
			break;
		case 'p':
			opt.progress = number("-p", optarg, 1, UINT32_MAX);
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
		case OPT_PROCS:
			opt.procs = number("--procs", optarg, 1, MAX_PROCS);
			break;
		case OPT_PRESSURE:
			opt.pressure =
				number("--pressure", optarg, 1, UINT64_MAX / 2);
			break;
		case OPT_NO_TRUNCATE:
			opt.truncate = false;
			break;
		case OPT_SERVER:
			opt.server = optarg;
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
	if (opt.block & (opt.block - 1))
		usage_error("-b: %u is not a power of two", opt.block);
	opt.path = argv[optind];
	/* whole blocks and whole pages */
	opt.size = (opt.size + MAX_BLOCK - 1) / MAX_BLOCK * MAX_BLOCK;
	nr_blocks = opt.size / opt.block;
}

static void make_file(void)
{
	int fd = open(opt.path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	void *p;

	if (fd < 0)
		io_error("%s", opt.path);
	if (ftruncate(fd, opt.size))
		io_error("ftruncate %s", opt.path);
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		io_error("%s: no shared writable mapping", opt.path);
	munmap(p, page);
	if (close(fd))
		io_error("close %s", opt.path);
	if (opt.server && access(opt.server, R_OK))
		io_error("--server %s", opt.server);
}

int main(int argc, char **argv)
{
	pthread_mutexattr_t mattr;
	pthread_condattr_t cattr;
	uint64_t verified = 0;

	prog = "shared-mapping";
	setvbuf(stdout, NULL, _IOLBF, 0);
	page = sysconf(_SC_PAGESIZE);
	parse(argc, argv);
	if (!opt.quiet)
		printf("shared-mapping: seed %llu, %u processes with %u operations each, "
		       "%llu bytes in blocks of %u, pressure %llu%s%s, file %s\n",
		       (unsigned long long)opt.seed, opt.procs, opt.ops,
		       (unsigned long long)opt.size, opt.block,
		       (unsigned long long)opt.pressure,
		       opt.server ? ", server's file " : "",
		       opt.server ? opt.server : "", opt.path);
	make_file();

	sh = shared_zeros(sizeof(*sh));
	blocks = shared_zeros(nr_blocks * sizeof(*blocks));
	sh->limit = NOWHERE;
	sh->running = opt.procs;
	pthread_mutexattr_init(&mattr);
	pthread_mutexattr_setpshared(&mattr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&sh->lock, &mattr);
	pthread_condattr_init(&cattr);
	pthread_condattr_setpshared(&cattr, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&sh->moved, &cattr);

	run(worker, 0, opt.procs, opt.pressure);
	if (!sh->status)
		run(last_check, opt.procs, 1, false);
	if (sh->status)
		report();
	for (unsigned int i = 0; i <= opt.procs; i++)
		verified += sh->verified[i];
	printf("shared-mapping: %llu operations, %llu verified bytes, %s\n",
	       (unsigned long long)sh->ops, (unsigned long long)verified,
	       sh->status ? "FAILED" : "ok");
	return sh->status;
}
