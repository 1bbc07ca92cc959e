// SPDX-License-Identifier: GPL-2.0-only
/* From a failing order to the fewest waits that bring it back, and the file of them. */
#define _GNU_SOURCE
#include "explore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t first_that_fails(const char *symptom, const struct series *list,
			size_t n)
{
	size_t first = n;

	for (size_t at = 0; at < n && first == n; at += o.jobs) {
		size_t end = at + o.jobs < n ? at + o.jobs : n;

		for (size_t i = at; i < end; i++) {
			slots[i - at].orders = list[i].orders;
			slots[i - at].n = list[i].n;
			start(&slots[i - at]);
		}
		for (size_t i = at; i < end; i++) {
			struct batch *batch = &slots[i - at];
			const struct result *r;

			wait_for(batch);
			r = &batch->results[batch->n - 1];
			if (r->end == BAD && !strcmp(r->symptom, symptom) &&
			    i < first)
				first = i;
			forget_results(batch);
		}
	}
	return first;
}

/* The finding's orders, the last one with these waits: valid until the next call */
static struct series with(const struct finding *f, struct wait *waits, size_t n)
{
	struct series series = {
		.orders = checked(calloc(f->n, sizeof(*f->orders))),
		.n = f->n,
	};

	memcpy(series.orders, f->orders, f->n * sizeof(*f->orders));
	series.orders[f->n - 1] = (struct order){
		.seed = f->seed,
		.waits = waits,
		.n_waits = n,
	};
	return series;
}

static unsigned int fails(const struct finding *f, struct wait *waits, size_t n,
			  unsigned int runs)
{
	struct series series = with(f, waits, n);
	unsigned int failed = 0;

	for (unsigned int i = 0; i < runs; i++)
		failed += !first_that_fails(f->symptom, &series, 1);
	free(series.orders);
	return failed;
}

/* Delta debugging: leave out ever smaller parts, while it still fails. */
static size_t shrink(const struct finding *f, struct wait *waits, size_t n)
{
	size_t parts = 2;

	if (n && fails(f, waits, 0, 1))
		return 0;
	while (n > 1) {
		size_t part = (n + parts - 1) / parts, tries = 0, found;
		struct series *list = checked(calloc(parts, sizeof(*list)));
		struct wait **less = checked(calloc(parts, sizeof(*less)));

		for (size_t at = 0; at < n; at += part, tries++) {
			size_t cut = at + part < n ? part : n - at;

			less[tries] = checked(calloc(n, sizeof(**less)));
			memcpy(less[tries], waits, at * sizeof(**less));
			memcpy(less[tries] + at, waits + at + cut,
			       (n - at - cut) * sizeof(**less));
			list[tries] = with(f, less[tries], n - cut);
		}
		found = first_that_fails(f->symptom, list, tries);
		if (found < tries) {
			n = list[found].orders[f->n - 1].n_waits;
			memcpy(waits, less[found], n * sizeof(*waits));
			parts = parts > 2 ? parts - 1 : 2;
		}
		for (size_t i = 0; i < tries; i++) {
			free(list[i].orders);
			free(less[i]);
		}
		free(list);
		free(less);
		if (found < tries)
			continue;
		if (part == 1)
			break;
		parts = parts * 2 < n ? parts * 2 : n;
	}
	return n;
}

/* With fewer waits, the same ticks may be in other places */
static void where_now(const struct finding *f, struct wait *waits, size_t n)
{
	struct series series = with(f, waits, n);
	struct wait *all;
	struct result r;
	size_t points;

	strcpy(series.orders[f->n - 1].words, "trace=1");
	r = run_last(series.orders, series.n);
	all = traced(f->n, &points);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < r.n_waits; j++)
			if (r.waits[j].task == waits[i].task &&
			    r.waits[j].nth == waits[i].nth) {
				unsigned int jiffies = waits[i].jiffies;

				waits[i] = r.waits[j];
				waits[i].jiffies = jiffies;
				waits[i].there =
					count_there(all, points, &waits[i]);
			}
	free(all);
	forget(&r);
	free(series.orders);
}

static void write_schedule(const char *name, const struct finding *f,
			   const struct order *last)
{
	char *new = text("%s.new", name);
	FILE *file = fopen(new, "we");

	if (!file)
		cannot("%s: %s", new, strerror(errno));
	fprintf(file, "# %s\n# program %s\n# kernel %s\n", f->symptom,
		program_name(), kernel_id());
	if (o.rule)
		fprintf(file, "rule %s\n", o.rule);
	if (o.tmpfs)
		fputs("tmpfs\n", file);
	for (size_t i = 0; i + 1 < f->n; i++)
		write_order(file, &f->orders[i], false);
	write_order(file, last, true);
	if (fclose(file) || rename(new, name))
		cannot("%s: %s", name, strerror(errno));
	free(new);
}

/* Of a hang: what fuse-why says of it, which is the line before the class */
static void say_why(const struct finding *f, const struct order *last)
{
	char *plan = text("%s/why.plan", folder), *command, *before = NULL;
	struct order patient = f->n > 1 ? f->orders[0] : *last;
	char words[sizeof(patient.words) + 16];
	FILE *file = fopen(plan, "we");
	char *line = NULL;
	size_t size = 0;

	if (!file)
		cannot("%s: %s", plan, strerror(errno));
	/* from the first one on: in this guest another one may be it that hangs */
	snprintf(words, sizeof(words), "patient %s", patient.words);
	snprintf(patient.words, sizeof(patient.words), "%.*s",
		 (int)sizeof(patient.words) - 1, words);
	write_order(file, &patient, false);
	for (size_t i = 1; i + 1 < f->n; i++)
		write_order(file, &f->orders[i], false);
	if (f->n > 1)
		write_order(file, last, false);
	if (fclose(file))
		cannot("%s: %s", plan, strerror(errno));
	command = text(
		"CMD='exec /tests/%s /tests/why.plan' RUN='--no-fuse --add %s --add %s --add %s --append explore.go=0 --append explore.points=/tests/points' "
		"CURE=no MEM=" GUEST_MEMORY
		" uml/gdb/why '%s' '%s' 2>/dev/null",
		base(o.program), o.program, plan, points_file, o.kernel,
		o.image);
	file = popen(command, "re");
	while (file && getline(&line, &size, file) > 0) {
		if (!strncmp(line, "  class:", 8) && before)
			printf("  fuse-why: %s", before);
		free(before);
		before = checked(strdup(line));
	}
	if (file)
		pclose(file);
	free(before);
	free(line);
	free(command);
	free(plan);
}

/*
 * Its waits in a guest of their own, if that fails as well; else after the orders that its
 * guest had before; else as chance had it, not shrunk.
 */
void explain(struct finding *f, unsigned int number)
{
	char *name = text("%s/%s-%u.schedule", o.out, base(o.program), number);
	struct finding alone = *f, *best = &alone;
	struct order last = f->orders[f->n - 1];
	size_t had = f->n_waits;
	struct series series;
	unsigned int again;

	alone.orders = &last;
	alone.n = 1;
	if (!fails(best, f->waits, had, 1))
		best = f;
	if (best == &alone || fails(best, f->waits, had, 1)) {
		last.n_waits = shrink(best, f->waits, had);
		last.waits = f->waits;
		*last.words = 0;
		where_now(best, last.waits, last.n_waits);
	}
	series = (struct series){ checked(calloc(best->n, sizeof(last))),
				  best->n };
	memcpy(series.orders, best->orders, best->n * sizeof(last));
	series.orders[best->n - 1] = last;
	again = 0;
	for (int i = 0; i < 5; i++)
		again += !first_that_fails(f->symptom, &series, 1);
	free(series.orders);
	write_schedule(name, best, &last);
	if (*last.words)
		printf("  seed %u: its %zu waits alone do not bring it back, all of its order fails in %u of 5 runs: %s\n",
		       f->seed, had, again, name);
	else
		printf("  seed %u: %zu waits, shrunk to %zu; fails in %u of 5 runs: %s\n",
		       f->seed, had, last.n_waits, again, name);
	if (best->n > 1)
		printf("  after %zu other orders in the same guest\n",
		       best->n - 1);
	for (size_t i = 0; !*last.words && i < last.n_waits; i++) {
		printf("    ");
		in_words(stdout, &last.waits[i]);
	}
	if (strstr(f->symptom, " hangs: ") && !o.is_test)
		say_why(best, &last);
	free(name);
}
