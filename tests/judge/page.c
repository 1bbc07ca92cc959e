// SPDX-License-Identifier: GPL-2.0-only
/* The page: see judge.h. Text to paste under a patch, and HTML with the same words. */
#define _GNU_SOURCE
#include "judge.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WIDTH 100

enum kind { SECTION, ROW, DETAIL, NOTHING };

static struct line {
	enum kind kind;
	enum weight weight;
	char *name, *text;
} * lines;
static size_t n_lines;

static struct {
	const char *what;
	int n;
} counts[16];

static const char *title, *names[2];

void fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("judge: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
	exit(CANNOT);
}

void *checked(void *p)
{
	if (!p)
		fail("no memory left");
	return p;
}

static char *vformat(const char *fmt, va_list args)
{
	char *text;

	return checked(vasprintf(&text, fmt, args) < 0 ? NULL : text);
}

char *format(const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = vformat(fmt, args);
	va_end(args);
	return text;
}

static void add(enum kind kind, enum weight weight, const char *name,
		char *text)
{
	lines = checked(realloc(lines, (n_lines + 1) * sizeof(*lines)));
	lines[n_lines++] = (struct line){ kind, weight,
					  name ? format("%s", name) : NULL,
					  text };
}

void page(const char *head, const char *a, const char *b)
{
	title = head;
	names[0] = a;
	names[1] = b;
}

void section(const char *name)
{
	add(SECTION, OTHER, name, NULL);
}

void row(enum weight weight, const char *name, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(ROW, weight, name, vformat(fmt, args));
	va_end(args);
}

void detail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(DETAIL, OTHER, NULL, vformat(fmt, args));
	va_end(args);
}

void nothing(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	add(NOTHING, OTHER, NULL, vformat(fmt, args));
	va_end(args);
}

void count(const char *what, int n)
{
	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		if (counts[i].what && strcmp(counts[i].what, what))
			continue;
		counts[i].what = what;
		counts[i].n += n;
		return;
	}
}

static bool is_worse(void)
{
	for (size_t i = 0; i < n_lines; i++)
		if (lines[i].weight == WORSE)
			return true;
	return false;
}

static char *verdict(void)
{
	char *text = format("%s", is_worse() ? "" : "nothing got worse");

	for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++)
		if (counts[i].n)
			text = format("%s%s%s: %d", text, *text ? ", " : "",
				      counts[i].what, counts[i].n);
	return text;
}

/* ---- text ---- */

/* Folded at blanks; what comes after the first line is indented by @indent */
static void fold(FILE *f, int column, int indent, const char *text)
{
	bool first = true;

	while (*text) {
		int word = strcspn(text, " ");

		if (column > indent && column + word > WIDTH) {
			fprintf(f, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', f);
		}
		first = false;
		column += fprintf(f, "%.*s", word, text) + 1;
		text += word;
		text += strspn(text, " ");
	}
	fputc('\n', f);
}

static void write_text(FILE *f)
{
	static const char marks[] = "!+ ";

	fprintf(f, "%s\n", title);
	fold(f, fprintf(f, "%s -> %s: ", names[0], names[1]), 4, verdict());
	for (size_t i = 0; i < n_lines; i++) {
		const struct line *line = &lines[i];

		switch (line->kind) {
		case SECTION:
			fprintf(f, "\n%s\n", line->name);
			break;
		case ROW:
			fold(f,
			     fprintf(f, "%c %-44s ", marks[line->weight],
				     line->name),
			     47, line->text);
			break;
		case DETAIL:
			fold(f, fprintf(f, "    "), 6, line->text);
			break;
		case NOTHING:
			fprintf(f, "  (%s)\n", line->text);
		}
	}
}

/* ---- HTML ---- */

static void escaped(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '<':
			fputs("&lt;", f);
			break;
		case '>':
			fputs("&gt;", f);
			break;
		case '&':
			fputs("&amp;", f);
			break;
		default:
			fputc(*text, f);
		}
}

static void element(FILE *f, const char *open, const char *text,
		    const char *close)
{
	fputs(open, f);
	escaped(f, text);
	fputs(close, f);
}

static void write_html(FILE *f)
{
	static const char *const classes[] = { "worse", "better", "other" };
	bool table = false;

	fputs("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n", f);
	element(f, "<title>", title, "</title>\n");
	fputs("<style>body { font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto }\n"
	      "table { border-collapse: collapse; width: 100% } td { vertical-align: top; padding: .15em .6em }\n"
	      "td:first-child { white-space: nowrap; font-family: monospace } .detail { color: #555; font-size: 13px }\n"
	      ".worse { background: #fdd } .better { background: #dfd } .other { background: #f4f4f4 }</style>\n",
	      f);
	element(f, "<h1>", title, "</h1>\n");
	element(f, "<p>", names[0], " &rarr; ");
	element(f, "", names[1], ": ");
	element(f, "<b>", verdict(), "</b></p>\n");
	for (size_t i = 0; i < n_lines; i++) {
		const struct line *line = &lines[i];

		if (table && line->kind != ROW && line->kind != DETAIL) {
			fputs("</table>\n", f);
			table = false;
		} else if (!table && line->kind == ROW) {
			fputs("<table>\n", f);
			table = true;
		}
		switch (line->kind) {
		case SECTION:
			element(f, "<h2>", line->name, "</h2>\n");
			break;
		case ROW:
			fprintf(f, "<tr class=\"%s\"><td>",
				classes[line->weight]);
			element(f, "", line->name, "</td><td>");
			element(f, "", line->text, "</td></tr>\n");
			break;
		case DETAIL:
			element(f, "<tr class=\"detail\"><td></td><td>",
				line->text, "</td></tr>\n");
			break;
		case NOTHING:
			element(f, "<p class=\"detail\">", line->text,
				"</p>\n");
		}
	}
	if (table)
		fputs("</table>\n", f);
}

/* Written beside, then renamed */
static void write_file(const char *path, void (*write)(FILE *f))
{
	char *new = format("%s.new", path);
	FILE *f = fopen(new, "we");

	if (!f)
		fail("%s: %s", new, strerror(errno));
	write(f);
	if (fclose(f) || rename(new, path)) {
		int why = errno;

		unlink(new);
		fail("%s: %s", path, strerror(why));
	}
	free(new);
}

int write_page(const char *text, const char *html)
{
	write_text(stdout);
	if (fflush(stdout))
		fail("the page cannot be printed: %s", strerror(errno));
	if (text)
		write_file(text, write_text);
	if (html)
		write_file(html, write_html);
	return is_worse();
}
