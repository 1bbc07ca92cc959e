/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * fuse-daemon: a passthrough filesystem that misbehaves on command.
 *
 * A request travels:  /dev/fuse -> request.c (log, rules) -> libfuse -> fs.c
 * and its reply:      fs.c -> libfuse -> request.c (rules, log) -> /dev/fuse
 *
 * Rules are looked at on the raw message, before libfuse sees it, so every
 * opcode can be held, failed or dropped, and a kept request is just a buffer:
 * no thread waits with it.
 */
#ifndef DAEMON_H
#define DAEMON_H

#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 34
#endif

#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* ---- main.c ---- */

struct options {
	const char *source; /* directory that holds the files */
	const char *mountpoint;
	const char *control; /* path of the control socket */
	unsigned int threads;
	unsigned int max_write; /* bytes */
	unsigned int max_background; /* 0: the kernel's default */
	unsigned int max_readahead; /* bytes; UINT_MAX: the kernel's default */
	unsigned int log_entries;
	double attr_timeout; /* seconds */
	double entry_timeout; /* seconds */
	uint64_t init_set; /* FUSE_INIT flags forced on... */
	uint64_t init_clear; /* ...and off in the reply to INIT */
	bool writeback_cache, atomic_o_trunc, keep_cache, direct_io, splice,
		async_read;
	bool auto_inval, no_open, readdirplus, locks;
};

extern struct options opt;
extern struct fuse_session *session;
extern int fuse_fd;

void ready(void); /* INIT has been answered */
double now(void); /* seconds, CLOCK_MONOTONIC */

/* ---- opcode.c ---- */

#define OP_MAX 64 /* opcodes are below this; the pseudo ones are not */
#define OP_TRUNCATE OP_MAX /* SETATTR with a size */
#define OP_WRITEPAGE (OP_MAX + 1) /* WRITE from the page cache */
#define OP_ALL (OP_MAX + 2)
#define OP_NR (OP_MAX + 3)

const char *op_name(unsigned int opcode); /* "WRITE"; never NULL */
int op_parse(const char *name); /* opcode or pseudo one, -1: unknown */
int errno_parse(const char *name); /* "EIO" or "5"; -1: unknown */
const char *errno_name(int err); /* "EIO", or the number */

/* ---- request.c ---- */

/* What a request asks for, as far as rules and the log look at it. */
struct op {
	uint32_t opcode;
	uint32_t pid;
	uint64_t unique;
	uint64_t nodeid;
	uint64_t fh;
	int64_t off; /* -1: this opcode has none */
	uint64_t size;
	uint32_t flags; /* open flags, fallocate mode, setattr valid... */
	const char *name; /* NULL: this opcode has none */
	bool writepage, truncate;
};

enum keep { RUNNING, HELD, DELAYED, DROPPED, LOCK_WAIT };

struct request {
	struct request *next, *prev; /* on the list of all requests in flight */
	struct request *queue; /* on the queue of the release threads */
	struct op op;
	char *buf; /* the message */
	size_t len;
	bool own_buf;
	enum keep keep;
	uint64_t seq; /* order of arrival */
	unsigned int rule[2]; /* id of the last rule applied, before and after */
	bool after; /* the file system has done its part */
	double due; /* DELAYED until then */
	bool interrupted, interruptible;
	bool answered;
	bool wait_lock; /* SETLKW that found the lock taken */
	bool overlap; /* arrived while a page of it was in flight */
	/* what to do to the reply */
	int fail; /* errno, 0: none */
	long shorten; /* bytes, -1: none */
	long claim; /* WRITE: bytes to claim as written, -1: none */
	long garble; /* payload bytes of the reply, -1: none */
	bool twice;
	bool drop; /* release says: never answer */
	/* the reply, when it is kept after the operation */
	char *reply;
	size_t reply_len;
};

extern pthread_mutex_t lock; /* everything below, rules, log and clients */
extern struct request requests; /* list head of all in flight, oldest first */

void *request_reader(void *unused);
void *request_releaser(void *unused);
void request_queue(struct request *rq); /* lock held; back to work */
/* lock held; time of the next delayed one, < 0: none */
double request_next_due(void);
void request_run_due(void); /* lock held */
void request_wait_for_lock(void); /* from a handler: try this one again later */
void request_locks_changed(void); /* a lock was dropped: try the waiting ones */
void notify_queue(const char *kind, uint64_t nodeid, int64_t off, uint64_t len);
extern const struct fuse_custom_io request_io;

/* ---- rules.c ---- */

enum action {
	ACT_HOLD,
	ACT_DELAY,
	ACT_FAIL,
	ACT_SHORT,
	ACT_CLAIM,
	ACT_GARBLE,
	ACT_TWICE,
	ACT_DROP,
	ACT_DIE,
	ACT_NOTIFY,
	ACT_REENTER,
	ACT_ALLOCATE
};

struct match {
	bool op[OP_NR];
	char *file; /* path below the mount, NULL: any */
	uint64_t nodeid; /* 0: any */
	uint64_t unique; /* 0: any */
	uint32_t pid; /* 0: any */
	bool range;
	uint64_t from, to; /* bytes, inclusive */
};

struct rule {
	struct rule *next;
	unsigned int id;
	enum action action;
	struct match match;
	unsigned int nth; /* only the n-th match; 0: all */
	unsigned int times; /* at most so many; 0: no limit */
	unsigned int seen; /* matches so far */
	bool after; /* once the operation is done, before its reply */
	bool interruptible, instead;
	int err;
	long number;
	double seconds;
	char *kind; /* notify: what; reenter: verb */
	char *path; /* reenter */
	char *text; /* as the user wrote it */
};

struct words {
	char *text; /* a copy, cut up */
	char **word; /* NULL-terminated */
	int nr;
};

/*
 * The lock is held for all of these. Those that return a string return NULL if all
 * is well, else what is wrong, valid until the next of them is called.
 */
bool rule_is_action(const char *word);
const char *rule_add(struct words *w, const char *text, unsigned int *id);
struct rule *rule_next(struct request *rq, bool after);
int rule_remove(unsigned int id); /* 0: all; returns how many */
int rule_remove_holds(const struct match *m);
void rule_print(FILE *out);

/* Takes the word if it says what to match; *used tells. */
const char *match_word(struct match *m, const char *word, bool *used);
bool match_op(const struct match *m, const struct op *op);
bool match_opcode_named(const struct match *m);
void match_free(struct match *m);

int words_split(struct words *w, const char *text);
void words_free(struct words *w);
const char *complain(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
/* k, m suffixes; 0x... */
const char *number_parse(const char *text, uint64_t *n);
bool notify_kind(const char *word);

/* ---- log.c ---- */

enum event {
	EV_SEEN,
	EV_HELD,
	EV_RELEASED,
	EV_DONE,
	EV_NOTIFY,
	EV_INTERRUPT,
	EV_ACTION
};

struct entry {
	uint64_t seq;
	double time;
	enum event event;
	struct op op;
	char name[40];
	int error; /* EV_DONE: errno of the reply, or of write(2) to the device */
	long len; /* EV_DONE: payload of the reply, -1: no reply */
	bool overlap; /* EV_SEEN: see struct request */
	bool sent; /* EV_DONE: the kernel has it */
	char note[40];
};

/* The lock is held for all of these. */
void log_init(void);
uint64_t log_event(enum event ev, const struct request *rq, int error, long len,
		   const char *note); /* returns its sequence number */
struct entry *log_get(uint64_t seq); /* NULL: gone, or not yet there */
uint64_t log_lost(void); /* how many are gone, as the log is full */
uint64_t log_next(void); /* sequence number of the next entry */
void log_print_entry(FILE *out, const struct entry *e);
void log_print_op(FILE *out, const struct op *op);
void log_stats(FILE *out);
void log_reset(void);

/* ---- control.c ---- */

int control_init(void);
void *control_thread(void *unused);
/* The lock is held for both. */
/* for clients that wait */
void control_count(enum event ev, const struct op *op);
void control_wake(void); /* what is held, or due, has changed */

/* ---- fs.c ---- */

extern const struct fuse_lowlevel_ops fs_ops;
int fs_init(void);
bool fs_is_path(uint64_t nodeid, const char *name, const char *path);
bool fs_parent(uint64_t nodeid, uint64_t *parent, char *name, size_t size);
uint64_t fs_nodeid(const char *path); /* 0: the kernel does not know it */

/* ---- lock.c ---- */

void locks_drop_owner(uint64_t nodeid, uint64_t owner);
int locks_get(uint64_t nodeid, int path_fd, uint64_t owner, struct flock *fl);
int locks_set(uint64_t nodeid, int path_fd, uint64_t owner, struct flock *fl);

#endif
