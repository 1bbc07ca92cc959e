/* SPDX-License-Identifier: GPL-2.0-only */
/* The page that judge writes: sections of rows, each with a weight, as text and HTML. */
#ifndef JUDGE_H
#define JUDGE_H

enum weight { WORSE, BETTER, OTHER };
enum { CANNOT = 2 };

/* The page's head: a title, and what the two sides are called */
void page(const char *title, const char *a, const char *b);

/* Rows belong to the last section, details to the last row. */
void section(const char *title);
void row(enum weight weight, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void detail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* ... the section's last line; what it says when it has no rows is the same */
void nothing(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For the verdict in the second line: @n more of @what ("tests that fail") */
void count(const char *what, int n);

/* Returns judge's status: 1 if something is worse. */
int write_page(const char *text, const char *html);

/* Memory that is there, or the end */
void *checked(void *p);
char *format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

#endif
