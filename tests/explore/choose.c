// SPDX-License-Identifier: GPL-2.0-only
/* Which orders to try. The seed decides, and what a run without waits has. */
#define _GNU_SOURCE
#include "explore.h"

#include <stdlib.h>
#include <string.h>

/*
 * The places where tasks could wait in a run without waits; and in one each where one of
 * the program's tasks is first, as all others wait at their first place until it is
 * blocked, or done.
 */
#define TASKS 4
static struct profile {
	struct wait *places, start[TASKS];
	size_t n, n_start;
} profiles[1 + TASKS];
static unsigned int n_profiles;

/* ---- a run without waits ---- */

/* The places where a task could wait in the n-th order of the last guest */
struct wait *traced(unsigned int order, size_t *n)
{
	char *name = text("%s/log", slots[o.jobs].folder), *log, *end;
	const char *at;
	struct wait *list = NULL, w = { .jiffies = 1 };

	log = read_file(name);
	for (at = log; order-- && at; at += at != NULL)
		at = strstr(at, "explore: on at");
	end = at ? strstr(at, "explore: end") : NULL;
	if (end)
		*end = 0;
	*n = 0;
	while (at && (at = strstr(at, "explore: point "))) {
		at += strlen("explore: point ");
		if (sscanf(one_line(at), "%u:%u tick %lu pc %lx %15[^\r\n]",
			   &w.task, &w.nth, &w.tick, &w.pc, w.name) != 5)
			continue;
		if (*n % 1024 == 0)
			list = checked(
				realloc(list, (*n + 1024) * sizeof(*list)));
		list[(*n)++] = w;
	}
	free(log);
	free(name);
	return list;
}

unsigned int count_there(const struct wait *list, size_t n,
			 const struct wait *upto)
{
	const char *function = place_of(upto->pc)->function;
	unsigned int there = 0;

	for (size_t i = 0; i < n; i++)
		there += list[i].task == upto->task &&
			 list[i].nth <= upto->nth &&
			 !strcmp(place_of(list[i].pc)->function, function);
	return there;
}

/* The first place of each of the program's tasks but one, which goes first */
static void delay_others(struct profile *p, unsigned int first)
{
	bool seen[TASKS + 1] = {};

	for (size_t i = 0; i < profiles[0].n; i++) {
		const struct wait *w = &profiles[0].places[i];

		if (w->task > TASKS || w->task == first || seen[w->task])
			continue;
		seen[w->task] = true;
		p->start[p->n_start] = *w;
		p->start[p->n_start++].jiffies = 0;
	}
}

/*
 * Where a task has just let go of something, or has slept, is where others may have been
 * in between. A spinlock shows as ticks at which it could not wait.
 */
static void find_seams(struct profile *p)
{
	const struct wait *last[FLUSHER + 1] = {};

	for (size_t i = 0; i < p->n; i++) {
		struct wait *w = &p->places[i];
		const struct wait *before;

		if (w->task > FLUSHER)
			continue;
		before = last[w->task];
		last[w->task] = w;
		if (!before || before->nth + 1 != w->nth || before + 1 != w ||
		    place_of(before->pc)->kind & UNLOCK)
			w->seam = SEAM;
		if (before && place_of(before->pc)->kind & LETGO)
			w->seam |= FREE;
	}
}

static bool fails_at_once;

/* In one guest: some order, as most are not the first in theirs; then what is asked for */
static void trace(struct profile *p)
{
	struct order orders[2] = { { .seed = o.from }, { .seed = o.from } };
	unsigned int first = o.is_test || fails_at_once ? 0 : 1;
	struct result r;

	orders[first].waits = p->start;
	orders[first].n_waits = p->n_start;
	strcpy(orders[first].words, "trace=1");
	r = run_last(orders, first + 1);
	forget(&r);
	if (r.end == BAD && first && !profiles[0].n) {
		printf("fails without any wait: %s\n", r.symptom);
		fails_at_once = true;
		trace(p);
		return;
	}
	p->places = traced(first + 1, &p->n);
	find_seams(p);
}

/* Equal runs must be equal, or nothing found can be shown again. */
void make_profile(void)
{
	struct profile again = {}, *p = &profiles[0];
	unsigned int tasks = 0;
	size_t i;

	trace(p);
	trace(&again);
	for (i = 0; i < again.n && i < p->n; i++)
		if (again.places[i].pc != p->places[i].pc ||
		    again.places[i].task != p->places[i].task)
			break;
	if (i < again.n || again.n != p->n) {
		const struct place *now = place_of(i < again.n ?
							   again.places[i].pc :
							   0),
				   *was = place_of(i < p->n ? p->places[i].pc :
							      0);

		cannot("%s is not the same twice: %zu and %zu places to wait at; the %zu-th was in %s (%s), then in %s (%s)",
		       base(o.program), p->n, again.n, i + 1, was->function,
		       was->line, now->function, now->line);
	}
	free(again.places);
	if (!p->n)
		cannot("%s has no place to wait at: nothing to explore",
		       base(o.program));
	for (i = 0; i < p->n; i++)
		if (p->places[i].task <= TASKS && p->places[i].task > tasks)
			tasks = p->places[i].task;
	n_profiles = 1;
	if (o.is_test || fails_at_once)
		return;
	for (; n_profiles <= tasks; n_profiles++) {
		delay_others(&profiles[n_profiles], n_profiles);
		trace(&profiles[n_profiles]);
	}
}

/* ---- choices ---- */

enum { SERVER = FLUSHER + 1, ACTORS };

static unsigned int actor(const struct wait *w)
{
	return w->task <= FLUSHER ? w->task : SERVER;
}

static bool is_kind(const struct wait *w, uint32_t kind)
{
	uint32_t its = place_of(w->pc)->kind | w->seam;

	return (its & kind) == kind;
}

/* The actor's places of a kind */
static size_t places_of(const struct profile *p, unsigned int who,
			uint32_t kind, const struct wait **list)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		if ((who == ACTORS || actor(&p->places[i]) == who) &&
		    is_kind(&p->places[i], kind))
			list[n++] = &p->places[i];
	return n;
}

static size_t times(unsigned long pc, const struct wait *const *list, size_t n)
{
	size_t same = 0;

	for (size_t i = 0; i < n; i++)
		same += list[i]->pc == pc;
	return same;
}

/* What loops would else have most of: each place as likely, then one of its times */
static size_t pick(const struct wait *const *list, size_t n, bool evenly,
		   uint64_t *state)
{
	size_t at;

	do {
		at = chance(state) % n;
	} while (evenly && chance(state) % times(list[at]->pc, list, n));
	return at;
}

static size_t pick_actor(const struct profile *p, uint32_t kind, bool own,
			 const struct wait **list, uint64_t *state)
{
	/* the server's threads do most, and decide least */
	for (int tries = 0; tries < 100; tries++) {
		bool server = !own && chance(state) % 16 == 0;
		size_t n = places_of(
			p, server ? SERVER : 1 + chance(state) % FLUSHER, kind,
			list);

		if (n)
			return n;
	}
	return places_of(p, ACTORS, PLACE, list);
}

static void add_words(struct order *order, const char *words)
{
	size_t used = strlen(order->words);

	snprintf(order->words + used, sizeof(order->words) - used, "%s%s",
		 used ? " " : "", words);
}

#define MOST_WAITS 500

static void add_wait(struct order *order, const struct wait *w,
		     unsigned int jiffies)
{
	/* with more, a task that has much to do looks like one that hangs */
	if (order->n_waits == MOST_WAITS)
		return;
	if (order->n_waits % 16 == 0)
		order->waits = checked(
			realloc(order->waits,
				(order->n_waits + 16) * sizeof(*order->waits)));
	order->waits[order->n_waits] = *w;
	order->waits[order->n_waits++].jiffies = jiffies;
}

static unsigned int length(uint64_t *state)
{
	/* until it is its turn, until all others are blocked, or longer */
	static const unsigned int lengths[] = { 0, 0, 1, 3, 5 };

	return lengths[chance(state) % 5];
}

static const struct profile *pick_start(struct order *order, uint64_t *state)
{
	const struct profile *p = &profiles[0];

	if (n_profiles > 1 && chance(state) % 2)
		p = &profiles[n_profiles > 2 ?
				      2 + chance(state) % (n_profiles - 2) :
				      1];
	for (size_t i = 0; i < p->n_start; i++)
		add_wait(order, &p->start[i], p->start[i].jiffies);
	/* where it failed at once, there is nothing to choose from */
	return p->n ? p : &profiles[0];
}

/* PCT, placed exactly: at DEPTH - 1 places of all that a run has, a priority ends */
static void choose_pct(struct order *order, uint32_t kind, unsigned int depth,
		       uint64_t *state)
{
	const struct wait **list =
		checked(calloc(profiles[0].n, sizeof(*list)));
	size_t n = places_of(&profiles[0], ACTORS, kind, list);
	char *words = text("all=%u pct=%u", kind, order->seed);

	if (!n)
		n = 1;
	add_words(order, words);
	free(words);
	for (char sep = ':'; depth > 1; depth--, sep = ',') {
		size_t used = strlen(order->words);

		snprintf(order->words + used, sizeof(order->words) - used,
			 "%c%zu", sep, 1 + (size_t)(chance(state) % n));
	}
	free(list);
}

static void slow_woken(struct order *order, bool own, uint64_t *state)
{
	char *words = text("random=%u:0 woken=%u own=%d", order->seed,
			   1u << chance(state) % 3, own);

	add_words(order, words);
	free(words);
}

/*
 * A window between two locks: a task waits each time that it is at a place where it has
 * just let go of one; perhaps another task at another such place; and tasks that were
 * woken may wait before they go on, so that who woke them is first.
 */
static void choose_window(struct order *order, bool own, uint64_t *state)
{
	const struct profile *p = pick_start(order, state);
	const struct wait **list = checked(calloc(p->n, sizeof(*list)));
	uint32_t where = chance(state) % 3 ? FREE : SEAM;

	for (int places = 1 + chance(state) % 2; places; places--) {
		size_t n = pick_actor(p, where, true, list, state);
		const struct wait *w = list[pick(list, n, true, state)];
		char *words =
			text("at=%u:%lx:%u", w->task, w->pc, length(state));

		add_words(order, words);
		free(words);
	}
	if (chance(state) % 4)
		slow_woken(order, own, state);
	free(list);
}

/* The same by chance: one task, or all, wait at one in so many of such places */
static void choose_seams(struct order *order, bool own, uint64_t *state)
{
	const struct profile *p = pick_start(order, state);
	const struct wait **list = checked(calloc(p->n, sizeof(*list)));
	size_t n = pick_actor(p, FREE, true, list, state);
	unsigned int rate = 1u << chance(state) % 5;

	if (chance(state) % 4 == 0)
		n = places_of(p, ACTORS, FREE, list);
	for (size_t at = 0; at < n; at++)
		if (chance(state) % rate == 0)
			add_wait(order, list[at], length(state));
	if (chance(state) % 4)
		slow_woken(order, own, state);
	free(list);
}

/*
 * A task that is slow from some place on: it waits there, and then at one place in so
 * many. Or only there, and another task somewhere else.
 */
static void choose_slow(struct order *order, uint32_t kind, bool own,
			uint64_t *state)
{
	const struct profile *p = pick_start(order, state);
	const struct wait **list = checked(calloc(p->n, sizeof(*list)));
	size_t n = pick_actor(p, kind, own, list, state);
	const struct wait *first =
		list[pick(list, n, chance(state) % 2, state)];
	unsigned int rate = 4u << chance(state) % 4;

	add_wait(order, first, length(state));
	if (chance(state) % 4) {
		n = places_of(p, actor(first), PLACE, list);
		for (size_t at = 0; at < n; at++)
			if (list[at]->nth > first->nth &&
			    chance(state) % rate == 0)
				add_wait(order, list[at], chance(state) % 4);
	} else {
		n = pick_actor(p, kind, own, list, state);
		add_wait(order, list[pick(list, n, true, state)],
			 length(state));
	}
	if (chance(state) % 4 == 0)
		slow_woken(order, own, state);
	free(list);
}

/* How many events of some functions each task has; the server's threads are tasks, too */
#define SHARES 16
struct share {
	unsigned int task, events;
};

static unsigned int count_events(uint32_t kind, uint32_t groups,
				 struct share *shares)
{
	unsigned int n = 0, at;

	for (size_t i = 0; i < profiles[0].n; i++) {
		const struct wait *w = &profiles[0].places[i];

		if (!is_kind(w, kind) ||
		    (groups && !(place_of(w->pc)->kind & groups)))
			continue;
		for (at = 0; at < n && shares[at].task != w->task; at++)
			;
		if (at == SHARES)
			continue;
		if (at == n)
			shares[n++] = (struct share){ .task = w->task };
		shares[at].events++;
	}
	return n;
}

/* SURW over the events of a few functions, in proportion to how many each task has */
static void choose_surw(struct order *order, uint32_t kind, uint64_t *state)
{
	static const uint32_t releases[] = { UNLOCK, LETGO };
	struct share shares[SHARES];
	unsigned int n = 0;
	uint32_t groups = 0;
	char *words;

	if (!o.points && chance(state) % 2)
		kind = releases[chance(state) % 2];
	for (int few = chance(state) % 4; few; few--)
		groups |= 1u << (GROUP + chance(state) % GROUPS);
	if (groups)
		n = count_events(kind, groups, shares);
	/* nothing to choose from with these functions: all */
	if (n < 2) {
		groups = 0;
		n = count_events(kind, 0, shares);
	}
	if (n < 2) {
		kind = PLACE;
		n = count_events(kind, 0, shares);
	}
	words = text("random=%u:0 all=%u any=%u surw=", order->seed, kind,
		     groups);
	add_words(order, words);
	free(words);
	for (unsigned int i = 0; i < n; i++) {
		size_t used = strlen(order->words);

		snprintf(order->words + used, sizeof(order->words) - used,
			 "%s%u:%u", i ? "," : "", shares[i].task,
			 shares[i].events);
	}
}

static void choose_random(struct order *order, uint32_t kind, bool own,
			  uint64_t *state)
{
	static const unsigned int rates[] = { 15, 40, 100, 250, 600 };
	unsigned int rate = o.rate ? o.rate : rates[chance(state) % 5];
	char *words = text("random=%u:%u all=%u own=%d", order->seed, rate,
			   kind, own);

	add_words(order, words);
	free(words);
}

static size_t all_places(const struct wait ***list)
{
	*list = checked(calloc(profiles[0].n, sizeof(**list)));
	return places_of(&profiles[0], ACTORS,
			 o.points ? kind_by_name(o.points) : PLACE, *list);
}

size_t every_place(void)
{
	const struct wait **list;
	size_t n = all_places(&list);

	free(list);
	return n;
}

/* The n-th of them, far from the one before: a part of the whole is spread over it all */
static bool choose_every(struct order *order)
{
	const struct wait **list;
	size_t n = all_places(&list), at = order->seed - 1, a, b, step;
	bool there = at < n || o.times;

	at %= n;
	/* a step that has no divisor in common with n comes to all of them */
	for (step = n * 618 / 1000 + 1;; step++) {
		for (a = n, b = step; b;) {
			size_t rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			break;
	}
	if (there)
		add_wait(order, list[at * step % n], 1);
	free(list);
	return there;
}

bool choose(unsigned int seed, struct order *order)
{
	static const uint32_t kinds[] = { PLACE, SHARED, INODE,
					  SHARED | INODE };
	uint64_t state = seed;
	enum how how = o.how;
	uint32_t kind = kinds[chance(&state) % 4];
	bool own = chance(&state) % 2;

	*order = (struct order){ .seed = seed };
	if (o.points)
		kind = kind_by_name(o.points);
	if (how == PORTFOLIO) {
		static const enum how mix[] = { WINDOW, WINDOW, SLOW,
						RANDOM, PCT,	SURW };

		how = mix[chance(&state) % 6];
	}
	switch (how) {
	case USLEEP:
		strcpy(order->words, "hosts-clock usleep=1000");
		break;
	case PLAIN:
		strcpy(order->words, "hosts-clock");
		break;
	case EVERY:
		return choose_every(order);
	case RANDOM:
		choose_random(order, kind, own && !o.is_test, &state);
		break;
	case SURW:
		choose_surw(order, kind, &state);
		break;
	case PCT:
		choose_pct(order, kind, o.depth, &state);
		break;
	case WINDOW:
		if (chance(&state) % 2)
			choose_seams(order, own, &state);
		else
			choose_window(order, own, &state);
		break;
	default:
		choose_slow(order, chance(&state) % 2 ? PLACE : kind, own,
			    &state);
	}
	return true;
}
