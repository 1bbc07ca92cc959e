/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a scenario is made of: a mounted server, users of the mount, and looks at the
 * kernel. Plain C, no test harness in it; see scenario.h for that.
 *
 * A test process never touches the mount itself: it might hang with it. Everything
 * is done by users, processes forked before the first file is opened, because a child
 * that inherits an open FUSE file hangs at exit where its WRITEs are held.
 */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "gate.h"
#include "proc.h"
#include "verbs.h"

#define MOUNT "/mnt/fuse"
#define SERVER "/srv/fuse"
#define MEMORY_GROUP "/sys/fs/cgroup/scenario"

/*
 * How long anything may take that must not take for ever, in seconds of the guest's
 * clock: computing takes none of it, so this is all waiting. Shorter than the 120 s
 * after which the kernel reports a hung task.
 */
#define LIMIT 60

/* ---- which kernel ---- */

enum { STOCK, BEFORE, PATCHED };

/**
 * kernel() - the variant that is running, by the end of its release
 *
 * Return: BEFORE (no writable mmap, no write-back cache), PATCHED, or STOCK, which
 * any kernel counts as that does not name itself.
 */
int kernel(void);

/* ---- users: verbs.h says what they can do ---- */

struct user;

/**
 * user_new() - fork a user
 *
 * To be called before anything in the mount is opened.
 */
struct user *user_new(void);

pid_t user_pid(const struct user *u);

/*
 * begin() and finish(), or do_(), which is both. finish() waits LIMIT seconds, then
 * returns -ETIME: the user hangs, user_where() says in what. A user that was killed
 * gives -EOWNERDEAD.
 */
void begin_args(struct user *u, enum verb verb, const long arg[5]);
#define begin(u, verb, ...) begin_args(u, verb, (const long[5]){ __VA_ARGS__ })
long finish(struct user *u);
#define do_(u, verb, ...) (begin(u, verb, ##__VA_ARGS__), finish(u))
long user_result(const struct user *u); /* what finish() gave last */

/* @name is below the mount. Mode 0644 with O_CREAT. */
void begin_open(struct user *u, const char *name, int flags);
void begin_unlink(struct user *u, const char *name);
long open_file(struct user *u, const char *name, int flags);

/* Is what was begun still not done? */
bool busy(const struct user *u);

/* SIGKILL; user_gone() then waits until it is no more, false: LIMIT has passed. */
void user_kill(struct user *u);
bool user_gone(struct user *u);

/* The user's state and kernel stack, one line, valid until the next call. */
const char *user_where(const struct user *u);

/**
 * blocked_in() - wait until a task sleeps in a function of the kernel
 * @pid: the task
 * @function: its name, in any frame of the stack; or several, "one|another"
 * @states: letters of the states that count, as in /proc/PID/stat
 *
 * Return: true; false if LIMIT seconds pass.
 */
bool blocked_in(pid_t pid, const char *function, const char *states);

/* The same of any thread of the server. */
bool server_blocked_in(const char *function, const char *states);

/* Let whatever can happen happen: @seconds of sleep. */
void settle(double seconds);

/*
 * For what no event tells of:
 *
 *	for (double t = 0; !there() && patience(&t, LIMIT);)
 *		;
 *
 * Sleeps a little, then longer; false once @limit seconds have passed.
 */
bool patience(double *waited, double limit);

/* ---- the server ---- */

/* @options as on its command line, "" for none. NULL, or what went wrong. */
const char *server_start(const char *options);
/* What it returns where $FUSE_SERVER is the server, and there are options for ours */
#define SERVER_TAKES_NO_OPTIONS "this server takes none of our options"
pid_t server_pid(void);
void server_kill(void); /* SIGKILL */
bool server_gone(void); /* false: LIMIT has passed */
extern struct gate *server_gate;

/* The server's copy: -1 where it has no such byte, or no such file. */
int server_byte(const char *name, off_t offset);
off_t server_size(const char *name);
/* Make a file of the server's, before the kernel looks it up. */
int server_file(const char *name, size_t size, int byte);

/* ---- the kernel's own view ---- */

/* A line of the mount's bdi in debugfs, in kB ("BdiWriteback"); -1: no such. */
long bdi_stat(const char *name);
/*
 * By how many pages that may be off, and a limit be missed. None with one CPU; of several
 * each keeps up to WB_STAT_BATCH to itself, and nothing makes it tell.
 */
long kept_by_cpus(void);
bool bdi_is(const char *name, long kb); /* but for these */
int bdi_set(const char *knob, const char *value); /* errno */
long bdi_get(const char *knob);
/*
 * Take away the mount's own limit of dirty pages. errno. Where that cannot be
 * (can(LIFT_LIMIT)), make it nearly all of the machine's, which it may then not exceed.
 */
int bdi_unlimit(void);

/* Requests of the connection not yet answered; -1: it is gone. */
long waiting(void);
/* Fail everything that is under way, as echo 1 > .../abort does. errno. */
int abort_connection(void);

/*
 * A memory control group of our own, and a process in it: pages it brings in from now
 * on are the group's, and RECLAIM takes them away. errno.
 */
int memory_group(pid_t pid);
long memory_stat(const char *name); /* of that group; -1: no such */

/*
 * Let FAIL_NTH reach allocations of every kind. False: a kernel without fault
 * injection.
 */
bool fault_injection(void);

/*
 * A report on the console fails a run. Where a report is what a scenario is about,
 * take it off the console first, then look for it.
 */
void console_quiet(bool quiet);
bool kernel_log_has(const char *text);

/* ---- before and after ---- */

struct sandbox;

/* NULL and a message in *error if the guest cannot be used. */
struct sandbox *sandbox_start(const char *server_options, int users,
			      const char **error);
struct user *sandbox_user(struct sandbox *sb, int i);

/**
 * sandbox_end() - get the guest clean, whatever state it is in
 *
 * Releases what is held, ends the users, unmounts; where that hangs, aborts the
 * connection. Then the accounting must be as it was before: pages dirty, under
 * writeback, and under writeback from temporary copies, of the bdi and of the whole
 * guest; and no two WRITEs of one cached page may ever have been in flight.
 *
 * Return: NULL, or what is wrong, to be freed.
 */
char *sandbox_end(struct sandbox *sb);

#endif
