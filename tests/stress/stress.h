/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the exercisers share: exit statuses, messages, the command line, processes
 * at the same file, and random numbers that are the same everywhere for the same seed.
 */
#ifndef STRESS_H
#define STRESS_H

#include <argp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit statuses of every exerciser. */
enum {
	ST_OK = 0,
	ST_DIFF = 1, /* the file is not what it has to be */
	ST_USAGE = 2, /* the command line makes no sense */
	ST_IO = 3, /* a system call failed, or a mapping gave SIGBUS */
};

/* Print "PROGRAM: message" and a pointer to --help on stderr, exit with ST_USAGE. */
void usage_error(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/* Print "PROGRAM: message: strerror(errno)" on stderr, exit with ST_IO. */
void io_error(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));

/*
 * The number in @text: decimal, 0x hexadecimal or 0 octal, with K, M or G for
 * powers of 1024. Anything else, or a value outside @min..@max, is a usage
 * error that names @option.
 */
uint64_t number(const char *option, const char *text, uint64_t min,
		uint64_t max);

/* What every exerciser is told, with its FILE. */
struct common {
	uint64_t seed;
	uint32_t progress; /* a line after so many operations, 0: none */
	bool quiet;
	bool verbose;
	const char *path;
	const char *server; /* the same file as the server sees it, or NULL */
};

extern struct common common;
extern const struct argp common_argp; /* a child for the parser of each */

/* One operation that an exerciser knows. */
struct op_info {
	const char *name;
	unsigned int weight; /* how often it is done by default */
	unsigned int needs; /* for the exerciser's own use */
	const char *help;
};

struct op_list {
	const struct op_info *op;
	int n;
};

/* An argp help filter; the input is a struct op_list, which ends --help as a table. */
char *op_table(int key, const char *text, void *input);

/*
 * @size bytes of zeros that children made by fork() share with their parent.
 * Memory is taken as it is touched. Exits with ST_IO when there is none.
 */
void *shared_zeros(size_t size);

/* A lock and a condition in such memory. */
void shared_lock(pthread_mutex_t *lock, pthread_cond_t *condition);

/*
 * Fork @n processes, which do @what(0) to @what(@n - 1), and wait for all of them. When
 * one does not end by exit(0) the others are killed, and @died is told, which may not
 * ask for a lock: the dead one may hold it.
 */
void run_processes(unsigned int n, void (*what)(unsigned int i),
		   void (*died)(unsigned int i, const char *how));

/*
 * Touching a mapping may give SIGBUS. After catch_sigbus(), when it does while
 * bus_armed is set, bus_armed is cleared and the program goes on where
 * sigsetjmp(bus_jump, 0) was called, with the address in bus_addr.
 */
void catch_sigbus(void);

extern sigjmp_buf bus_jump;
extern volatile sig_atomic_t bus_armed;
extern volatile uintptr_t bus_addr;

/* memcpy() with that care: 0, or -1 after SIGBUS. */
int copy_mapped(void *to, const void *from, size_t len);

/*
 * Print "expected 01 02 ..." or the like on @out: @len bytes after @what.
 * Returns the number of characters, as snprintf() does.
 */
int print_bytes(char *out, size_t room, const char *what, const void *bytes,
		size_t len);

/* A sequence of random numbers: set @state to anything and go. */
struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);

/* A number in 0..@bound-1; @bound must not be 0. */
uint32_t rng_below(struct rng *rng, uint32_t bound);

/* A number in 0..@n-1, each as often as its weight says; not all may be 0. */
int rng_pick(struct rng *rng, const unsigned int *weight, int n);

/* Scramble @x: every bit of the result depends on every bit of @x. */
static inline uint64_t mix64(uint64_t x)
{
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
	return x ^ (x >> 32);
}

#endif
