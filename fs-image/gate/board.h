/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where each request is, on a board that a debugger of the kernel reads: a small file,
 * mapped here, of which the kernel has the pages. The kernel itself only knows that a
 * request has been read.
 *
 * state_lock is held for all of these.
 */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

#define BOARD_SLOTS 500
#define BOARD_LOCKS 100

struct board {
	char magic[8]; /* "GATE 1" */
	uint32_t slots, size; /* how many, bytes of each */
	uint32_t pid; /* of the process that answers: its device is the connection */
	uint32_t locks, lock_size; /* the same of what follows the slots */
	uint32_t locks_lost; /* there were more */
	struct board_slot {
		uint64_t unique; /* 0: free */
		char place[8]; /* "held"... */
		uint32_t thread; /* that has it; 0: none, or not known */
		uint32_t rule; /* the last that was applied; 0: none */
		uint64_t due; /* delayed until then, in ns of CLOCK_MONOTONIC */
	} slot[BOARD_SLOTS];
	struct board_lock {
		uint64_t nodeid, owner;
		uint64_t start, end; /* bytes, the last one included */
		uint32_t pid; /* of the process that asked for it */
		uint8_t kind; /* 'r', 'w'; 0: free */
		uint8_t flock; /* by flock(2), else POSIX */
		uint8_t unused[2];
	} lock[BOARD_LOCKS];
};

/* @control: the board is beside the control socket, with ".board" added to its name. */
void board_init(const char *control);
/* Returns a slot, -1 if all are taken: then nothing is known of this request. */
int board_take(uint64_t unique);
void board_set(int slot, const char *place, uint32_t thread, uint32_t rule,
	       double due);
void board_free(int slot);
/* NULL: there is none */
struct board *board_get(void);

#endif
