// SPDX-License-Identifier: GPL-2.0-only
/* The loop over all orders to try: guests at work, progress, coverage, results. */
#define _GNU_SOURCE
#include "explore.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_int(int signal)
{
	/* who asks twice does not want to wait */
	if (interrupted)
		_exit(128 + signal);
	interrupted = 1;
}

/* ---- what was run ---- */

/*
 * One line a run, so that RESUME=1 leaves out what was run: seed, places, the symptom or
 * ok, and how the files end.
 * They hold for one kernel, program and way to choose.
 */
static FILE *runs;
static bool *was_run;

static void open_runs(void)
{
	char *name =
		text("%s/%s-%s.runs", o.out, base(o.program), how_names[o.how]);
	char *head = text("# %s %s %u %u", kernel_id(),
			  o.points ? o.points : "", o.rate, o.depth);
	char line[512];
	bool same = false;
	unsigned int seed;

	was_run = checked(calloc(o.to + 2, sizeof(*was_run)));
	runs = o.resume ? fopen(name, "re") : NULL;
	while (runs && fgets(line, sizeof(line), runs)) {
		line[strcspn(line, "\n")] = 0;
		if (*line == '#')
			same = !strcmp(line, head);
		else if (same && sscanf(line, "%u", &seed) == 1 && seed <= o.to)
			was_run[seed] = true;
	}
	if (runs)
		fclose(runs);
	runs = fopen(name, same ? "ae" : "we");
	if (!runs)
		cannot("%s: %s", name, strerror(errno));
	if (!same)
		fprintf(runs, "%s\n", head);
	fflush(runs);
	free(head);
	free(name);
}

static void note_run(unsigned int seed, const struct result *r)
{
	was_run[seed] = true;
	if (!runs)
		return;
	/* the number of places is there to see whether equal runs are equal */
	fprintf(runs, "%u\t%lu\t%s\t%s\n", seed, r->points,
		r->end == BAD ? r->symptom : "ok", r->state);
	if (fflush(runs))
		cannot("results: %s", strerror(errno));
}

/* ---- coverage: pairs of places ---- */

static uint32_t *pairs;
static size_t n_pairs, pairs_room;
static size_t *pairs_after; /* so many runs */

static void add_pair(uint32_t pair)
{
	size_t at;

	if (n_pairs * 2 >= pairs_room) {
		uint32_t *old = pairs;
		size_t had = pairs_room;

		pairs_room = had ? had * 2 : 4096;
		pairs = checked(calloc(pairs_room, sizeof(*pairs)));
		n_pairs = 0;
		for (size_t i = 0; i < had; i++)
			if (old[i])
				add_pair(old[i]);
		free(old);
	}
	for (at = pair % pairs_room; pairs[at]; at = (at + 1) % pairs_room)
		if (pairs[at] == pair)
			return;
	pairs[at] = pair;
	n_pairs++;
}

/* ---- findings ---- */

static struct finding *findings, **last_finding = &findings;

static struct finding *finding(const char *symptom)
{
	struct finding *f;

	for (f = findings; f; f = f->next)
		if (!strcmp(f->symptom, symptom))
			return f;
	f = checked(calloc(1, sizeof(*f)));
	snprintf(f->symptom, sizeof(f->symptom), "%s", symptom);
	*last_finding = f;
	last_finding = &f->next;
	return f;
}

/* ---- the loop ---- */

static struct {
	unsigned int next, done, failed, found;
	unsigned long ticks;
	double begin, shown;
	bool more;
} at;

/* Of all guests that have ended, with all of their processes */
static double cpu_seconds(void)
{
	struct rusage use;

	getrusage(RUSAGE_CHILDREN, &use);
	return use.ru_utime.tv_sec + use.ru_stime.tv_sec +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

/* As many guests at a time as the largest one would take, and this process */
static long megabytes(void)
{
	struct rusage guest, self;

	getrusage(RUSAGE_CHILDREN, &guest);
	getrusage(RUSAGE_SELF, &self);
	return (guest.ru_maxrss * o.jobs + self.ru_maxrss) / 1024;
}

/* The next orders of one guest; equal seeds are in equal company, whoever runs them. */
static bool next_batch(struct batch *batch)
{
	batch->n = 0;
	while (at.next <= o.to && was_run[at.next])
		at.next++;
	while (at.next <= o.to && !was_run[at.next] && batch->n < o.batch) {
		if (batch->n && (at.next - 1) % o.batch == 0)
			break;
		if (!choose(at.next, &batch->orders[batch->n]))
			break;
		batch->n++;
		at.next++;
	}
	return batch->n;
}

/* New ones in the last tenth of the runs: do more runs still come to what none came to? */
static size_t recent_pairs(void)
{
	return n_pairs - pairs_after[at.done - (at.done + 9) / 10];
}

static void show_progress(void)
{
	double took = now() - at.begin;

	if (now() - at.shown < 0.2)
		return;
	at.shown = now();
	printf("\r%u runs, %.1f/s, %u failed, %u different; %zu pairs of places, %zu new in the last tenth\033[K",
	       at.done, at.done / took, at.failed, at.found, n_pairs,
	       recent_pairs());
	fflush(stdout);
}

static void drop_later(unsigned int seed);

static void found(struct batch *batch, size_t i)
{
	struct result *r = &batch->results[i];
	struct finding *f = finding(r->symptom);

	at.failed++;
	if (f->times++ && batch->orders[i].seed > f->seed)
		return;
	at.found += f->times == 1;
	f->seed = batch->orders[i].seed;
	f->n = i + 1;
	f->orders = checked(calloc(f->n, sizeof(*f->orders)));
	memcpy(f->orders, batch->orders, f->n * sizeof(*f->orders));
	/* they are the finding's now */
	for (size_t j = 0; j <= i; j++)
		batch->orders[j].waits = NULL;
	f->waits = r->waits;
	f->n_waits = r->n_waits;
	r->waits = NULL;
	if (o.times)
		drop_later(f->seed);
	else if (f->times == 1)
		printf("%srun %u, seed %u: %s\n", isatty(1) ? "\r\033[K" : "",
		       at.done, f->seed, f->symptom);
	fflush(stdout);
	if (o.stop && at.found >= o.stop)
		at.more = false;
}

/* How many orders are still to be run, because one before them failed? */
static size_t take_results(struct batch *batch)
{
	size_t i;

	for (i = 0; i < batch->n; i++) {
		struct result *r = &batch->results[i];

		if (r->end == NOT_RUN)
			break;
		at.done++;
		at.ticks += r->ticks;
		note_run(batch->orders[i].seed, r);
		for (size_t j = 0; j < r->n_pairs; j++)
			add_pair(r->pairs[j]);
		pairs_after[at.done] = n_pairs;
		if (r->end == BAD)
			found(batch, i);
	}
	for (size_t j = 0; j < i; j++)
		free(batch->orders[j].waits);
	memmove(batch->orders, batch->orders + i,
		(batch->n - i) * sizeof(*batch->orders));
	forget_results(batch);
	return batch->n - i;
}

static struct batch *ended(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	if (pid < 0 && errno != EINTR)
		cannot("waitpid: %s", strerror(errno));
	for (unsigned int i = 0; pid > 0 && i < o.jobs; i++)
		if (slots[i].pid == pid) {
			if (slots[i].dropped) {
				slots[i].dropped = false;
				slots[i].pid = 0;
				slots[i].results = checked(calloc(
					slots[i].n, sizeof(struct result)));
			} else {
				finish(&slots[i], status);
			}
			return &slots[i];
		}
	return NULL;
}

/* What comes after the first failure is of no use to who stops there. */
static void drop_later(unsigned int seed)
{
	for (unsigned int i = 0; i < o.jobs; i++)
		if (slots[i].pid && slots[i].orders[0].seed > seed) {
			slots[i].dropped = true;
			kill(-slots[i].pid, SIGTERM);
		}
}

static void loop(void)
{
	unsigned int under_way = 0;
	struct batch *batch;

	at.next = o.from;
	at.begin = now();
	at.more = true;
	at.done = at.failed = at.found = at.ticks = 0;
	for (;;) {
		for (unsigned int i = 0; i < o.jobs && at.more && !interrupted;
		     i++) {
			if (slots[i].pid)
				continue;
			if (!next_batch(&slots[i]))
				break;
			start(&slots[i]);
			under_way++;
		}
		if (!under_way)
			return;
		batch = ended();
		if (!batch)
			continue;
		batch->n = take_results(batch);
		if (batch->n && at.more && !interrupted)
			start(batch);
		else
			under_way--;
		if (isatty(1))
			show_progress();
	}
}

static void prepare(void)
{
	struct sigaction act = { .sa_handler = on_int };

	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	for (unsigned int i = 0; i < o.jobs; i++)
		slots[i].orders =
			checked(calloc(o.batch, sizeof(*slots[i].orders)));
	pairs_after = checked(calloc(o.to - o.from + 2, sizeof(*pairs_after)));
}

unsigned int search(void)
{
	bool terminal = isatty(1);
	unsigned int number = 0;
	double before = cpu_seconds();

	prepare();
	open_runs();
	loop();
	printf("%s%s: %u runs in %.1f s (%.1f/s), %u failed, %u different; %zu pairs of places, %zu new in the last tenth%s\n",
	       terminal ? "\r\033[K" : "", base(o.program), at.done,
	       now() - at.begin, at.done / (now() - at.begin), at.failed,
	       at.found, n_pairs, recent_pairs(),
	       interrupted ? "; interrupted" : "");
	if (at.done)
		printf("a run: %lu ticks, %.0f ms of CPU time; memory: at most %ld MB\n",
		       at.ticks / at.done,
		       1000 * (cpu_seconds() - before) / at.done, megabytes());
	if (o.how == EVERY) {
		size_t all = every_place(), left = 0;

		for (size_t seed = 1; seed <= all; seed++)
			left += seed > o.to || !was_run[seed];
		printf("%zu places to wait at, %zu left\n", all, left);
	}
	for (struct finding *f = findings; f; f = f->next) {
		printf("%u times: %s\n", f->times, f->symptom);
		if (!o.quick)
			explain(f, ++number);
	}
	return at.found;
}

/* ---- how many runs it takes ---- */

int count_runs(void)
{
	unsigned int limit = o.to - o.from + 1, in_vain = 0, first = o.from;
	unsigned long runs = 0;
	double begin = now();

	prepare();
	o.stop = 1;
	for (unsigned int i = 0; i < o.times && !interrupted; i++) {
		struct finding *f;

		/* the median is known, or nothing is likely to come */
		if (in_vain * 2 > o.times ||
		    (o.vain && in_vain == i && i >= o.vain))
			break;
		o.from = first + i * 1000;
		o.to = o.from + limit - 1;
		free(was_run);
		was_run = checked(calloc(o.to + 2, sizeof(*was_run)));
		findings = NULL;
		last_finding = &findings;
		loop();
		runs += at.done;
		/* of several, the first */
		for (f = findings; f && f->next; f = f->next)
			if (f->next->seed > f->seed)
				f->next->seed = f->seed;
		in_vain += !f;
		if (!interrupted)
			printf("took %u: %s\n",
			       f ? f->seed - o.from + 1 : limit + 1,
			       f ? f->symptom : "not found");
		fflush(stdout);
	}
	if (!interrupted)
		printf("all: %lu runs in %.0f s, %.0f s of CPU time\n", runs,
		       now() - begin, cpu_seconds());
	return interrupted ? CANNOT : 0;
}
