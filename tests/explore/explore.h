/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * explore - run one program under many orders of the kernel's tasks
 *
 *	main.c		options
 *	places.c	where in the kernel a task can wait
 *	guest.c		a guest that runs some orders, and what came of each
 *	choose.c	which orders to try: the algorithms
 *	search.c	the loop over all of them, progress, coverage, results
 *	shrink.c	from a failing order to the fewest waits, and its file
 *	replay.c	that file, once more; when it was lost
 */
#ifndef EXPLORE_H
#define EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { FOUND = 1, CANNOT = 2 };

enum how {
	PORTFOLIO,
	RANDOM,
	PCT,
	SURW,
	WINDOW,
	SLOW,
	EVERY,
	/* on the host's clock, where nothing is exact, and no task is told to wait */
	USLEEP,
	PLAIN,
	N_HOW
};

static inline bool is_on_hosts_clock(enum how how)
{
	return how == USLEEP || how == PLAIN;
}
extern const char *const how_names[];

extern struct options {
	const char *kernel, *image, *program, *out, *places, *points, *replay,
		*rule;
	enum how how;
	unsigned int from, to; /* seeds */
	unsigned int rate, depth, jobs, stop, batch, times, vain, lost, cpus;
	bool resume, quick, is_test, tmpfs;
	char **append;
	int n_append;
} o;

extern char folder[]; /* of this process */

__attribute__((format(printf, 1, 2), noreturn)) void cannot(const char *format,
							    ...);
__attribute__((format(printf, 1, 2))) char *text(const char *format, ...);
void *checked(void *p); /* of an allocation */
const char *base(const char *path);
const char *program_name(void); /* below the folder of all tests */
double now(void);
uint64_t chance(uint64_t *state);

/* ---- places.c ---- */

/*
 * Kinds of places, bits: blocks that touch what is shared, or release it; the two files
 * that decide what WRITEs an inode has. From GROUP on, a bit each for a sixteenth of the
 * functions. SEAM is of a place in a run: a lock has just been released there, or the task
 * has slept; FREE: a lock that one sleeps for.
 */
enum {
	PLACE = 1,
	SHARED = 2,
	INODE = 4,
	UNLOCK = 8,
	LETGO = 16,
	SEAM = 32,
	FREE = 64,
	GROUP = 16,
	GROUPS = 16
};

struct place {
	unsigned long pc;
	uint32_t kind;
	char *file, *line, *function;
};

void read_places(void);
const struct place *place_of(unsigned long pc);
uint32_t kind_by_name(const char *name); /* 0: no such */
extern const char *points_file; /* for the guest */

/* ---- guest.c ---- */

/* KASAN takes its part */
#define GUEST_MEMORY "256M"

#define FLUSHER 5 /* tasks up to here are the program's own, and this one */

struct wait {
	unsigned int task, nth, jiffies;
	unsigned long tick, pc;
	unsigned int seam; /* SEAM, FREE: see below */
	unsigned int
		there; /* the how many-th tick of the task in this function; 0: not known */
	char name[16];
};

/* One order of the tasks: what decides it. */
struct order {
	unsigned int seed;
	char words[400]; /* for the kernel, see uml/kernel/explore.c */
	struct wait *waits;
	size_t n_waits;
};

struct result {
	enum { NOT_RUN, GOOD, BAD } end;
	char symptom[400];
	struct wait *waits; /* those that were */
	size_t n_waits;
	uint32_t *pairs; /* of places, new in this guest */
	size_t n_pairs;
	unsigned long points, ticks;
	char state[16]; /* of the files in the end */
};

/* Some orders, one after the other in one guest, which ends with the first that fails. */
struct batch {
	int pid; /* 0: free */
	bool dropped; /* killed: what it did does not count */
	struct order *orders;
	size_t n;
	char *folder;
	const char *plan; /* a file in place of orders, which has n */
	struct result *results;
};

extern struct batch *slots; /* as many as jobs, and one more */

void start(struct batch *batch);
void finish(struct batch *batch, int status);
void wait_for(struct batch *batch);
void forget_results(struct batch *batch);
/* In a guest of its own: the last of these orders. To be freed with forget(). */
struct result run_last(struct order *orders, size_t n);
void forget(struct result *r);
void write_order(FILE *f, const struct order *order, bool in_words);
void in_words(FILE *f, const struct wait *w);
const char *one_line(const char *at); /* a copy, until the next call */
char *read_file(const char *path);
const char *kernel_id(void);

/* ---- choose.c ---- */

void make_profile(void);
/* The places where a task could wait in the n-th order of the last guest of run_last() */
struct wait *traced(unsigned int order, size_t *n);
/* Of a list of traced() */
unsigned int count_there(const struct wait *list, size_t n,
			 const struct wait *upto);
bool choose(unsigned int seed,
	    struct order *order); /* false: there is no more */
size_t every_place(void); /* how many HOW=every has */

/* ---- shrink.c ---- */

struct finding {
	char symptom[400];
	unsigned int seed, times;
	struct order *orders; /* of its guest, up to the one that failed */
	size_t n;
	struct wait *waits; /* of the last one, as they were */
	size_t n_waits;
	struct finding *next;
};

void explain(struct finding *f, unsigned int number);
/* The first of @n series of orders, in guests of their own, whose last fails so; @n: none */
struct series {
	struct order *orders;
	size_t n;
};
size_t first_that_fails(const char *symptom, const struct series *list,
			size_t n);

/* ---- search.c, replay.c ---- */

unsigned int search(void); /* how many different failures */
int count_runs(void); /* until it is found: --times */
int replay(void);

#endif
