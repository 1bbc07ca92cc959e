// SPDX-License-Identifier: GPL-2.0-only
/*
 * judge - what two kernels do differently, on one page
 *
 * Reads what tests/judge/measure has left of each (the scenarios' TAP, what the explorer
 * said), tests/judge/speed's lines, and what is known of a series: its commits, the lines
 * of it that nobody ran. Writes the page as text and as HTML.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fts.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "judge.h"

const char *argp_program_version;

static struct {
	const char *title, *a, *b, *a_name, *b_name, *speed, *commits, *nobody,
		*text, *html;
} o = { .a_name = "A", .b_name = "B" };

/* ---- what the scenarios did ---- */

static const char *const results[] = { "passes", "fails", "hangs",
				       "breaks the kernel", "was not run" };
enum result { PASS, FAIL, HANG, BREAK, NOT_RUN };

struct test {
	char *name, *outcome, *requests, *why, *hangs;
	enum result result;
};

struct side {
	struct test *test;
	size_t tests;
};

static void join(char **to, const char *text)
{
	char *was = *to;

	if (was && strstr(was, text))
		return;
	*to = format("%s%s%s", was ? was : "", was ? "; " : "", text);
	free(was);
}

static bool begins(const char *line, const char *with)
{
	return !strncmp(line, with, strlen(with));
}

/* A failed check, or what the kernel said: what came first is why */
static bool tells_why(const char *line)
{
	return begins(line, "# uml/run: ") ||
	       (begins(line, "# tests/") && strstr(line, ": expected "));
}

static bool tells_of_a_hang(const char *line)
{
	return strstr(line, ": it hangs: ") ||
	       strstr(line, " hangs for ever") ||
	       strstr(line, " blocked for more than ");
}

static void read_test(struct side *side, const char *path, const char *name)
{
	struct test *t;
	int status = 125;
	char *line = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re");

	if (!f)
		fail("%s: %s", path, strerror(errno));
	side->test = checked(
		realloc(side->test, (side->tests + 1) * sizeof(*side->test)));
	t = &side->test[side->tests++];
	memset(t, 0, sizeof(*t));
	t->name = format("%.*s", (int)strlen(name) - 4, name);
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (begins(line, "# outcome: "))
			join(&t->outcome, line + strlen("# outcome: "));
		else if (begins(line, "# requests: "))
			join(&t->requests, line + strlen("# requests: "));
		else if (begins(line, "# status: "))
			status = atoi(line + strlen("# status: "));
		else if (!t->hangs && tells_of_a_hang(line))
			t->hangs = format("%.300s", line + 2);
		else if (!t->why && tells_why(line))
			t->why = format("%s", line + 2);
	}
	free(line);
	fclose(f);
	t->result = !status	  ? PASS :
		    status == 124 ? HANG :
		    status == 126 ? BREAK :
		    status == 125 ? NOT_RUN :
				    FAIL;
	/* where only a hang is reported, that is what it is */
	if (t->hangs && (t->result == FAIL || t->result == BREAK))
		t->result = HANG;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static struct side read_side(const char *folder)
{
	char *results_of = format("%s/results", folder);
	char *roots[] = { results_of, NULL };
	struct side side = { 0 };
	FTSENT *entry;
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name);

	while (tree && (entry = fts_read(tree)) != NULL) {
		size_t length = strlen(entry->fts_name);

		if (entry->fts_info == FTS_F && length > 4 &&
		    !strcmp(entry->fts_name + length - 4, ".tap"))
			read_test(&side, entry->fts_path,
				  entry->fts_path + strlen(results_of) + 1);
	}
	if (tree)
		fts_close(tree);
	if (!side.tests)
		fail("%s: nothing was measured", folder);
	free(results_of);
	return side;
}

static const struct test *find(const struct side *side, const char *name)
{
	for (size_t i = 0; i < side->tests; i++)
		if (!strcmp(side->test[i].name, name))
			return &side->test[i];
	return NULL;
}

static const char *words(const char *text)
{
	return text ? text : "no words";
}

static void compare_tests(const struct side *a, const struct side *b)
{
	size_t same = 0;

	section("Tests");
	for (size_t i = 0; i < b->tests; i++) {
		const struct test *is = &b->test[i], *was = find(a, is->name);
		bool worse = is->result != PASS &&
			     (!was || was->result == PASS ||
			      is->result > was->result);

		if (!was ||
		    (was->result == is->result &&
		     !strcmp(words(was->outcome), words(is->outcome)))) {
			same++;
			continue;
		}
		row(worse		     ? WORSE :
		    was->result > is->result ? BETTER :
					       OTHER,
		    is->name, "%s -> %s", results[was->result],
		    results[is->result]);
		if (strcmp(words(was->outcome), words(is->outcome)))
			detail("%s -> %s", words(was->outcome),
			       words(is->outcome));
		if (is->result != PASS && is->why)
			detail("%s", is->why);
		if (is->result == HANG && is->hangs)
			detail("%s", is->hangs);
		if (is->result == PASS && was->result != PASS && was->why)
			detail("it was: %s", was->why);
		if (worse)
			count("tests that fail", 1);
	}
	nothing("%zu are as before", same);
}

/* ---- requests ---- */

/* "WRITE 4 (16384 bytes), READ 1": the next one; false at the end */
static bool next_request(const char **at, char opcode[24], long *n, long *bytes)
{
	int used = 0;

	*bytes = 0;
	if (sscanf(*at, "%23s %ld%n", opcode, n, &used) != 2)
		return false;
	*at += used;
	if (sscanf(*at, " (%ld bytes)%n", bytes, &used) == 1)
		*at += used;
	*at += strspn(*at, ",; ");
	return true;
}

static bool request(const char *of, const char *opcode, long *n, long *bytes)
{
	char other[24];
	long more, size;

	*n = *bytes = 0;
	while (next_request(&of, other, &more, &size))
		if (!strcmp(other, opcode)) {
			*n += more;
			*bytes += size;
		}
	return *n;
}

static void one_request(char **told, const char *opcode, const char *was,
			const char *is)
{
	long a, b, a_bytes, b_bytes;

	request(was, opcode, &a, &a_bytes);
	request(is, opcode, &b, &b_bytes);
	if (a == b && a_bytes == b_bytes)
		return;
	if (a_bytes == b_bytes)
		join(told, format("%s %ld -> %ld", opcode, a, b));
	else
		join(told, format("%s %ld -> %ld (%ld -> %ld bytes)", opcode, a,
				  b, a_bytes, b_bytes));
}

static void compare_requests(const struct side *a, const struct side *b)
{
	size_t same = 0;

	section("Requests that the server got");
	for (size_t i = 0; i < b->tests; i++) {
		const struct test *is = &b->test[i], *was = find(a, is->name);
		const char *at;
		char opcode[24], *told = NULL;
		long n, bytes;

		if (!was || !was->requests || !is->requests)
			continue;
		for (at = is->requests; next_request(&at, opcode, &n, &bytes);)
			one_request(&told, opcode, was->requests, is->requests);
		for (at = was->requests; next_request(&at, opcode, &n, &bytes);)
			if (!request(is->requests, opcode, &n, &bytes))
				one_request(&told, opcode, was->requests,
					    is->requests);
		if (told)
			row(OTHER, is->name, "%s", told);
		else
			same++;
		free(told);
	}
	nothing("in %zu tests they are the same", same);
}

/* ---- exploration ---- */

struct exploration {
	char program[64], symptom[400];
	unsigned int runs, failed;
};

/* The lines of one program's exploration; false at the end */
static bool next_exploration(FILE *f, struct exploration *e)
{
	static char *line;
	static size_t size;
	unsigned int n;
	int at = 0;

	memset(e, 0, sizeof(*e));
	while (f && getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "run %u, seed %u: FAIL: %n", &n, &n, &at) ==
			    2 &&
		    at && !*e->symptom)
			snprintf(e->symptom, sizeof(e->symptom), "seed %u: %s",
				 n, line + at);
		if (sscanf(line, "%63[^:]: %u runs in %*f s (%*f/s), %u failed",
			   e->program, &e->runs, &e->failed) == 3)
			return true;
	}
	return false;
}

static void compare_explorations(void)
{
	FILE *a = fopen(format("%s/explored", o.a), "re");
	FILE *b = fopen(format("%s/explored", o.b), "re");
	struct exploration was, is;
	unsigned int runs = 0, programs = 0;

	section("Other orders of the tasks");
	while (next_exploration(b, &is)) {
		bool had = next_exploration(a, &was) &&
			   !strcmp(was.program, is.program);
		unsigned int before = had ? was.failed : 0;

		runs += is.runs;
		programs++;
		if (before == is.failed)
			continue;
		row(is.failed > before ? WORSE : BETTER, is.program,
		    "%u of %u fail -> %u of %u", before, had ? was.runs : 0,
		    is.failed, is.runs);
		if (is.failed)
			detail("%s", is.symptom);
		if (is.failed > before)
			count("programs that fail in other orders of the tasks",
			      1);
	}
	if (programs)
		nothing("%u runs of %u programs on each side; the others are as before",
			runs, programs);
	else
		nothing("not asked for");
}

/* ---- speed ---- */

static bool more_is_worse(const char *key)
{
	return strcmp(key, "pages_per_write");
}

static void compare_speed(void)
{
	FILE *f = o.speed ? fopen(o.speed, "re") : NULL;
	char load[32], key[32], was[32], is[32];
	unsigned int same = 0;

	if (!f)
		return;
	section("Speed");
	while (fscanf(f, "%31s %31s %31s %31s", load, key, was, is) == 4) {
		double a = atof(was), b = atof(is), change;
		/* counts are exact, what runs beside a run is not */
		bool busy = begins(key, "busy_");
		double noise = strstr(key, "cpu_seconds") ? 0.25 : 0.02;

		if (*was == '-' && *is == '-')
			continue;
		if (*was == '-' || *is == '-') {
			row(OTHER, format("%s, %s", load, key), "%s -> %s",
			    *was == '-' ? "not possible" : was,
			    *is == '-' ? "not possible" : is);
			continue;
		}
		change = a > 0 ? b / a - 1 : b > 0;
		if (change > noise || change < -noise) {
			bool worse = (change > 0) == more_is_worse(key);

			row(busy  ? OTHER :
			    worse ? WORSE :
				    BETTER,
			    format("%s, %s", load, key), "%s -> %s (x %.2f)",
			    was, is, a > 0 ? b / a : 0);
			if (busy)
				detail("the host was busy with other things: this means little");
			else if (worse)
				count("figures of speed that are worse", 1);
		} else {
			same++;
		}
	}
	fclose(f);
	nothing("%u figures are as before", same);
}

/* ---- the series ---- */

/* Lines of tests/judge/try: "commit SUBJECT", "good WHAT", "bad WHAT", "  detail" */
static void tell_commits(void)
{
	FILE *f = o.commits ? fopen(o.commits, "re") : NULL;
	char *line = NULL, *subject = NULL;
	size_t size = 0;
	int n = 0;

	if (!f)
		return;
	section("Commits, each built");
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (begins(line, "commit ")) {
			free(subject);
			subject = format("%d. %s", ++n, line + 7);
		} else if (begins(line, "good ")) {
			row(OTHER, subject, "%s", line + 5);
		} else if (begins(line, "bad ")) {
			row(WORSE, subject, "%s", line + 4);
			count("commits with something to mend", 1);
		} else {
			detail("%s", line);
		}
	}
	free(line);
	free(subject);
	fclose(f);
}

/* tests/coverage: FILE:LINE, "line" or a branch, text, reason; by tabs */
static void tell_nobody(void)
{
	FILE *f = o.nobody ? fopen(o.nobody, "re") : NULL;
	char *line = NULL;
	size_t size = 0;
	int n = 0;

	if (!f)
		return;
	section("Lines of the series that no test ran");
	while (getline(&line, &size, f) > 0) {
		char *rest = line, *where = strsep(&rest, "\t"),
		     *kind = strsep(&rest, "\t"), *text = strsep(&rest, "\t\n");

		if (!text || strcmp(kind, "line"))
			continue;
		row(OTHER, where, "%s", text + strspn(text, " \t"));
		n++;
	}
	count("lines that no test ran", n);
	if (!n)
		nothing("each line with code was run");
	free(line);
	fclose(f);
}

/* ---- */

static const struct argp_option options[] = {
	{ "title", 't', "TEXT", 0, "the page's first line", 0 },
	{ "names", 'n', "A,B", 0, "what the two are called", 0 },
	{ "speed", 's', "FILE", 0, "lines of tests/judge/speed", 0 },
	{ "commits", 'c', "FILE", 0, "what is known of a series' commits", 0 },
	{ "nobody", 'u', "FILE", 0, "lines that no test ran (tests/coverage)",
	  0 },
	{ "text", 'T', "FILE", 0, "the page as text (also on stdout)", 0 },
	{ "html", 'H', "FILE", 0, "the page as HTML", 0 },
	{ 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *comma;

	switch (key) {
	case 't':
		o.title = arg;
		break;
	case 'n':
		comma = strchr(arg, ',');
		if (!comma)
			argp_error(state, "--names %s: A,B", arg);
		*comma = 0;
		o.a_name = arg;
		o.b_name = comma + 1;
		break;
	case 's':
		o.speed = arg;
		break;
	case 'c':
		o.commits = arg;
		break;
	case 'u':
		o.nobody = arg;
		break;
	case 'T':
		o.text = arg;
		break;
	case 'H':
		o.html = arg;
		break;
	case ARGP_KEY_ARG:
		if (!o.a)
			o.a = arg;
		else if (!o.b)
			o.b = arg;
		else
			argp_usage(state);
		break;
	case ARGP_KEY_END:
		if (!o.b)
			argp_usage(state);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		parse,
		"A B",
		"What two kernels do differently, on one page.\v"
		"A and B are folders of tests/judge/measure. Status: 0 nothing is worse in B, 1 something is, "
		"2 a mistake.",
		NULL,
		NULL,
		NULL
	};
	struct side a, b;

	argp_err_exit_status = CANNOT;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	a = read_side(o.a);
	b = read_side(o.b);
	page(o.title ? o.title : "Two kernels", o.a_name, o.b_name);
	tell_commits();
	compare_tests(&a, &b);
	compare_requests(&a, &b);
	compare_explorations();
	compare_speed();
	tell_nobody();
	return write_page(o.text, o.html);
}
