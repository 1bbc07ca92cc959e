// SPDX-License-Identifier: GPL-2.0-only
/* A schedule once more, and from where on nothing could save it. */
#define _GNU_SOURCE
#include "explore.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct {
	char symptom[400], kernel[80];
	struct order *orders;
	size_t n;
	struct {
		char function[256], line[256];
		unsigned int there;
	} * places; /* of the last one's waits */
} schedule;

static void add_order(const char *line)
{
	struct order *order;
	int words;

	schedule.orders = checked(realloc(
		schedule.orders, (schedule.n + 1) * sizeof(*schedule.orders)));
	order = &schedule.orders[schedule.n++];
	*order = (struct order){};
	if (sscanf(line, "order %u %n", &order->seed, &words) < 1)
		cannot("%s: not a schedule: %s", o.replay, line);
	snprintf(order->words, sizeof(order->words), "%s", line + words);
	free(schedule.places);
	schedule.places = NULL;
}

static void add_wait(const char *line)
{
	struct order *order = &schedule.orders[schedule.n - 1];
	size_t n = order->n_waits++;
	struct wait *w;

	order->waits =
		checked(realloc(order->waits, (n + 1) * sizeof(*order->waits)));
	w = &order->waits[n];
	*w = (struct wait){};
	if (sscanf(line, "%u:%u:%u", &w->task, &w->nth, &w->jiffies) != 3)
		cannot("%s: not a schedule: %s", o.replay, line);
	schedule.places = checked(
		realloc(schedule.places, (n + 1) * sizeof(*schedule.places)));
	memset(&schedule.places[n], 0, sizeof(*schedule.places));
	line = strstr(line, " waits in ");
	if (line)
		sscanf(line, " waits in %255[^,], %255[^,], tick %u there",
		       schedule.places[n].function, schedule.places[n].line,
		       &schedule.places[n].there);
}

static void read_schedule(void)
{
	FILE *f = fopen(o.replay, "re");
	char *line = NULL;
	size_t size = 0;

	if (!f)
		cannot("%s: %s", o.replay, strerror(errno));
	while (getline(&line, &size, f) > 0) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "# kernel ", 9))
			snprintf(schedule.kernel, sizeof(schedule.kernel), "%s",
				 line + 9);
		else if (*line == '#' && !*schedule.symptom)
			snprintf(schedule.symptom, sizeof(schedule.symptom),
				 "%s", line + 2);
		else if (!strncmp(line, "rule ", 5))
			o.rule = checked(strdup(line + 5));
		else if (!strcmp(line, "tmpfs"))
			o.tmpfs = true;
		else if (!strncmp(line, "order ", 6))
			add_order(line);
		else if (*line && *line != '#' && schedule.n)
			add_wait(line);
	}
	fclose(f);
	free(line);
	if (!schedule.n)
		cannot("%s: not a schedule: there is no order in it", o.replay);
}

static const struct wait *was(const struct result *r, const struct wait *w)
{
	for (size_t i = 0; i < r->n_waits; i++)
		if (r->waits[i].task == w->task && r->waits[i].nth == w->nth)
			return &r->waits[i];
	return NULL;
}

/* ---- when it was lost ---- */

/* Do all ways to go on from this tick fail alike? */
static bool lost_at(unsigned long tick, const struct wait *waits, size_t n)
{
	struct order *last = &schedule.orders[schedule.n - 1], was_last = *last;
	struct series series = { schedule.orders, schedule.n };
	bool same = true;

	last->n_waits = 0;
	for (size_t i = 0; i < n; i++)
		if (waits[i].tick <= tick)
			last->waits[last->n_waits++] = waits[i];
	for (unsigned int seed = 1; same && seed <= o.lost; seed++) {
		snprintf(last->words, sizeof(last->words),
			 "random=%u:30 after=%lu", seed, tick);
		same = !first_that_fails(schedule.symptom, &series, 1);
	}
	*last = was_last;
	return same;
}

static struct wait *trace_last(size_t *n)
{
	struct order *last = &schedule.orders[schedule.n - 1];
	struct order plain = *last;
	struct wait *list;
	struct result r;
	char *words = text("%s trace=1", last->words);

	snprintf(last->words, sizeof(last->words), "%s", words);
	r = run_last(schedule.orders, schedule.n);
	forget(&r);
	free(words);
	list = traced(schedule.n, n);
	*last = plain;
	return list;
}

/*
 * The first place of a failing run from which all continuations fail: bisection, as what
 * is lost stays lost.
 */
static void find_lost(const struct result *r)
{
	struct order *last = &schedule.orders[schedule.n - 1];
	size_t low = 0, high, n;
	struct wait *waits, *all = trace_last(&n);
	const struct wait *w;

	waits = checked(calloc(last->n_waits + 1, sizeof(*waits)));
	for (size_t i = 0; i < last->n_waits; i++) {
		w = was(r, &last->waits[i]);
		waits[i] = w ? *w : last->waits[i];
	}
	high = n;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (lost_at(all[middle].tick, waits, last->n_waits))
			high = middle;
		else
			low = middle + 1;
	}
	free(waits);
	if (low == n) {
		printf("never lost: after the last place to wait at, some of %u continuations still go well\n",
		       o.lost);
		return;
	}
	w = &all[low];
	printf("lost from tick %lu on, in all of %u continuations: %s in %s, %s\n",
	       w->tick, o.lost, w->name, place_of(w->pc)->function,
	       place_of(w->pc)->line);
}

/* Is each wait where it was? */
static bool same_places(const struct result *r)
{
	const struct order *last = &schedule.orders[schedule.n - 1];
	bool same = true;

	for (size_t i = 0; i < last->n_waits; i++) {
		const struct wait *w = &last->waits[i], *got = was(r, w);
		const struct place *p = got ? place_of(got->pc) : NULL;

		if (got && (!*schedule.places[i].function ||
			    !strcmp(p->function, schedule.places[i].function)))
			continue;
		printf("tick %u of task %u was in %s (%s); now %s%s\n", w->nth,
		       w->task, schedule.places[i].function,
		       schedule.places[i].line,
		       got ? "it is in " :
			     "it is no place to wait at, or never comes",
		       got ? p->function : "");
		same = false;
	}
	return same;
}

/*
 * Another kernel has other ticks. The same place is where the task is as often in this
 * function: one wait after the other, as each may change what comes after it.
 */
static void find_places(void)
{
	struct order *last = &schedule.orders[schedule.n - 1];
	size_t waits = last->n_waits;

	for (size_t i = 0; i < waits; i++) {
		struct wait *w = &last->waits[i], *all;
		size_t n, at;

		last->n_waits = i;
		all = trace_last(&n);
		for (at = 0; at < n; at++)
			if (all[at].task == w->task &&
			    !strcmp(place_of(all[at].pc)->function,
				    schedule.places[i].function) &&
			    count_there(all, n, &all[at]) ==
				    schedule.places[i].there)
				break;
		if (at == n)
			cannot("%s is a schedule of another kernel (%s): tick %u of task %u in %s never comes; explore anew",
			       o.replay, schedule.kernel,
			       schedule.places[i].there, w->task,
			       schedule.places[i].function);
		w->nth = all[at].nth;
		free(all);
	}
	last->n_waits = waits;
}

static bool can_be_found(void)
{
	for (size_t i = 0; i < schedule.orders[schedule.n - 1].n_waits; i++)
		if (!schedule.places[i].there)
			return false;
	return !*schedule.orders[schedule.n - 1].words;
}

int replay(void)
{
	struct result r;
	int status;

	read_schedule();
	if (strcmp(schedule.kernel, kernel_id()) && can_be_found())
		find_places();
	r = run_last(schedule.orders, schedule.n);
	if (!same_places(&r) && strcmp(schedule.kernel, kernel_id()))
		cannot("%s is a schedule of another kernel (%s): explore anew",
		       o.replay, schedule.kernel);
	for (size_t i = 0; i < r.n_waits; i++)
		in_words(stdout, &r.waits[i]);
	status = r.end == BAD ? FOUND : 0;
	if (status && !strcmp(r.symptom, schedule.symptom)) {
		printf("%s\n", r.symptom);
		if (o.lost)
			find_lost(&r);
	} else {
		printf("%s\n(not as it was: %s)\n",
		       status ? r.symptom : "nothing fails", schedule.symptom);
	}
	forget(&r);
	return status;
}
