/* SPDX-License-Identifier: GPL-2.0-only */
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
 * An independent program. From the fsx of 1991, which lives on in xfstests, it has the
 * name, the letters of the options that mean the same, and the defaults 256K, 64K and
 * seed 1; the kernel patch that is studied here was "tested extensively" with that one.
 *
 *	operations.c	which there are, and which of them the file system offers
 *	model.c		what an operation does to the model; making one fit the file
 *	claims.c	who may touch which bytes
 *	log.c		operations as text
 *	check.c		the file against the model, and the first thing that is wrong
 *	execute.c	doing an operation
 *	processes.c	what each process does, in which order
 *	report.c	what went wrong, for people
 *	minimize.c	the fewest operations that still fail
 *	main.c		the command line
 */
#ifndef FSX_H
#define FSX_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../stress.h"

#define MAX_PROCS 32
#define MAX_LENGTH (1u << 30)
#define MAX_OPS 100000000u
#define SHOWN 8 /* bytes shown around a difference */
#define EVERYTHING UINT64_MAX

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

extern const struct op_info op_info[NR_KINDS];

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

/* What the command line says, beside struct common. */
struct options {
	uint32_t ops;
	uint32_t length;
	uint32_t op_size;
	uint32_t read_align;
	uint32_t write_align;
	uint32_t trunc_align;
	uint32_t check;
	unsigned int procs;
	bool serial;
	bool direct_only;
	bool close_syncs;
	bool require_mmap;
	bool minimize;
	const char *dir;
	const char *record;
	const char *replay;
};

extern struct options opt;

/* ---- operations.c: which there are ---- */

extern unsigned int weight[NR_KINDS]; /* how often; 0: never */
extern unsigned int offered; /* NEED_... that this file system has */
extern uint32_t page;
extern uint32_t direct_align;
extern uint32_t block; /* what collapse and insert go by */

void default_ops(void); /* the usual weights */
void choose_ops(const char *list); /* --ops */
void probe(void); /* find out what is offered, by doing it to the file */
void leave_out(void); /* take out what is not, and say so */

/* ---- what all processes share ---- */

enum verdict { V_OK, V_DIFF, V_IO };

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

extern struct shared *shared;
extern uint8_t *model; /* opt.length bytes, zero past the end of the file */
extern struct op *history; /* what was done, in order */

/* One process's own things. */
extern struct own {
	unsigned int me;
	int fd;
	int direct; /* O_DIRECT, or -1 */
	int server; /* the server's view, or -1 */
	uint8_t *map; /* the whole length of it, or NULL */
	uint8_t *buf;
	uint32_t nr; /* the operation being done */
	uint32_t size; /* of the file, when it began */
} own;

/* ---- model.c ---- */

/* Bytes of a write: no two writes alike, and none of them zero. */
void fill(uint8_t *buf, uint32_t len, uint32_t data);

/* Do @op to the model @m of a file of @size bytes; the new size. */
uint32_t apply(const struct op *op, uint8_t *m, uint32_t size);

/*
 * Make @op one that can be done to a file of @size bytes. False if there is
 * none. Does nothing to an operation that fits: a log replays as it was.
 */
bool clip(struct op *op, uint32_t size);

static inline uint64_t end_of(const struct op *op)
{
	return (uint64_t)op->off + op->len;
}

static inline uint64_t dest_end(const struct op *op)
{
	return (uint64_t)op->to + op->len;
}

static inline uint32_t round_down(uint32_t x, uint32_t align)
{
	return x / align * align;
}

static inline uint64_t round_up(uint64_t x, uint32_t align)
{
	return (x + align - 1) / align * align;
}

static inline uint32_t min_u32(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* ---- claims.c ---- */

/*
 * Claim what @op needs, for process @me, and enter it into the history as
 * number @nr. @op is clipped to the size the file has then, which goes to
 * @size. Returns 1 when claimed, 0 when there is nothing to do, -1 when all
 * is over.
 */
int claim(unsigned int me, struct op *op, uint32_t *size, uint32_t *nr);
void unclaim(unsigned int me, uint32_t old_size, uint32_t new_size);

/* ---- log.c ---- */

/* Operations to do again instead of random ones. */
extern struct op *script;
extern uint32_t script_len;

void print_op(FILE *f, const struct op *op);
void write_log(const char *path, const struct op *ops, uint32_t n);
/* Into script[]. Sets the length and the number of processes, too. */
void read_log(const char *path);
/* Where a file about this run goes: opt.dir/NAME.suffix, or beside the file. PATH_MAX. */
void beside(char *out, const char *suffix);

/* ---- check.c: each returns what it found, and notes it if it is the first ---- */

enum verdict fail_message(enum verdict verdict, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
enum verdict
failed(const char *what); /* a system call, where it must not: errno */
enum verdict check_read(const char *what, int fd, uint64_t off, uint64_t len);
enum verdict check_map(const uint8_t *map, uint64_t off, uint64_t len);
enum verdict check_size(const char *what, int fd);
/* What was written back, as the server has it: @lo..@hi of the file. */
enum verdict check_server(uint64_t lo, uint64_t hi);
/* Everything, by every way; write back, compare what the server has. */
enum verdict check_all(void);

/* ---- execute.c ---- */

enum verdict open_file(int flags);
enum verdict map_file(void);
enum verdict do_op(struct op *op);

/* ---- processes.c ---- */

void run_workers(unsigned int n);
void run_last_check(void);

/* ---- report.c, minimize.c ---- */

void report(void);
void minimize(int status);
extern char self[]; /* this program's file */

#endif
