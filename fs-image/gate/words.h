/* SPDX-License-Identifier: GPL-2.0-only */
/* The words of a command, and what to say about those that are wrong. */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stdint.h>

struct words {
	char *text; /* a copy, cut up */
	char **word; /* NULL-terminated */
	int nr;
};

int words_split(struct words *w, const char *text); /* how many */
void words_free(struct words *w);
bool word_is_of(const char *word,
		const char *const *list); /* NULL-terminated */

/*
 * Functions that return a string return NULL if all is well, else what is wrong, by
 * complain(): valid until this thread's next.
 */
const char *complain(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));
const char *number_parse(const char *text,
			 uint64_t *n); /* 0x..., suffix k, m */
const char *seconds_parse(const char *text, double *seconds);

#endif
