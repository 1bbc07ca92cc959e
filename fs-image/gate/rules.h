/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Rules: which requests, and what to do to them. Parsed here, from the words of a
 * command, so that every way in (socket, command line) gives the same messages.
 *
 * state_lock is held for all of these. For those that return a string, see words.h.
 */
#ifndef RULES_H
#define RULES_H

#include "message.h"
#include "words.h"

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

bool rule_is_action(const char *word);
const char *rule_add(struct words *w, const char *text, unsigned int *id);
/* The first rule behind the one with id *last; that then is the last. */
struct rule *rule_next(const struct op *op, unsigned int *last, bool after);
int rule_remove(unsigned int id); /* 0: all; returns how many */
int rule_remove_holds(const struct match *m);
void rule_print(FILE *out);

/* Takes the word if it says what to match; *used tells. */
const char *match_word(struct match *m, const char *word, bool *used);
bool match_op(const struct match *m, const struct op *op);
bool match_opcode_named(const struct match *m);
bool match_only_opcodes(const struct match *m);
bool match_equal(const struct match *a, const struct match *b);
void match_copy(struct match *to, const struct match *from);
void match_free(struct match *m);

bool notify_kind(const char *word);

#endif
