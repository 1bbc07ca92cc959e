// SPDX-License-Identifier: GPL-2.0-only
/* See words.h. */
#define _GNU_SOURCE
#include "words.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *complain(const char *fmt, ...)
{
	static __thread char message[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	return message;
}

int words_split(struct words *w, const char *text)
{
	size_t max = strlen(text) / 2 + 2;
	char *save = NULL, *p;

	w->nr = 0;
	w->text = strdup(text);
	w->word = calloc(max, sizeof(*w->word));
	if (!w->text || !w->word)
		abort();
	for (p = strtok_r(w->text, " \t\r\n", &save); p;
	     p = strtok_r(NULL, " \t\r\n", &save))
		w->word[w->nr++] = p;
	return w->nr;
}

void words_free(struct words *w)
{
	free(w->text);
	free(w->word);
}

bool word_is_of(const char *word, const char *const *list)
{
	while (*list && strcmp(*list, word))
		list++;
	return *list;
}

const char *number_parse(const char *text, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(text, &end, 0);
	if (errno || end == text || *text == '-')
		return complain("'%s' is no number", text);
	if (*end == 'k' || *end == 'K')
		*n <<= 10, end++;
	else if (*end == 'm' || *end == 'M')
		*n <<= 20, end++;
	if (*end)
		return complain("'%s' is no number (bytes may end in k or m)",
				text);
	return NULL;
}

const char *seconds_parse(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	if (*end || end == text || !(*seconds >= 0))
		return complain("'%s' is no number of seconds", text);
	return NULL;
}
