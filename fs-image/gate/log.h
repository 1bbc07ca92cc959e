/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: the last so many events. And counters of all events, which go on when the
 * log has lost its oldest.
 *
 * state_lock is held for all of these.
 */
#ifndef LOG_H
#define LOG_H

#include "rules.h"

enum event {
	EV_SEEN,
	EV_HELD,
	EV_RELEASED,
	EV_DONE,
	EV_NOTIFY,
	EV_INTERRUPT,
	EV_ACTION,
	EV_NR
};

/* uml/gdb/fuseuml/model/gate.py knows this, too */
struct entry {
	uint64_t seq;
	double time;
	enum event event;
	struct op op;
	char name[40];
	int error; /* EV_DONE: errno of the reply, or of write(2) to the device */
	long len; /* EV_DONE: payload of the reply, -1: no reply */
	bool overlap; /* EV_SEEN: a page of it was in flight */
	bool sent; /* EV_DONE: the kernel has it */
	char note[40];
};

/* @control: as for the board, a debugger reads the log in the file with ".log" added. */
void log_init(unsigned int entries, const char *control);

/* @op may be NULL. Returns the entry's sequence number. */
uint64_t log_event(enum event ev, const struct op *op, int error, long len,
		   const char *note);
void log_seen(const struct op *op, bool overlap);
/* The kernel has the reply logged as @seq, or write(2) gave @err: now it counts. */
void log_sent(uint64_t seq, const struct op *op, int error, int err);

struct entry *log_get(uint64_t seq); /* NULL: gone, or not yet there */
uint64_t log_lost(void); /* how many are gone, as the log is full */
double log_time(void); /* of the last event */
uint64_t log_next(void); /* sequence number of the next entry */
void log_print_entry(FILE *out, const struct entry *e);
/* @kept: by opcode, how many the gate keeps */
void log_stats(FILE *out, const unsigned long kept[OP_MAX]);
void log_reset(void);

enum tally { TALLY_SEEN, TALLY_DONE, TALLY_NOTIFIED, TALLY_OVERLAPS, TALLY_NR };

/*
 * How many since the log was emptied. What names only opcodes is always known; for
 * anything else a counter runs from the first time it is asked for, so it is unknown
 * (false) if the log had lost entries by then.
 */
bool log_count(enum tally what, const struct match *m, uint64_t *n);

/* To be told of each event as it is counted; one watcher. */
extern void (*log_watcher)(enum event ev, const struct op *op);

#endif
