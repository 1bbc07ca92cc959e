// SPDX-License-Identifier: GPL-2.0-only
/* A guest that runs some orders of the program, by uml/run, and what came of each. */
#define _GNU_SOURCE
#include "explore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct batch *slots;

void in_words(FILE *f, const struct wait *w)
{
	const struct place *p = place_of(w->pc);

	fprintf(f, "%u:%u:%u # %s waits in %s, %s", w->task, w->nth, w->jiffies,
		w->name, p->function, p->line);
	if (w->there)
		fprintf(f, ", tick %u there", w->there);
	fputc('\n', f);
}

void write_order(FILE *f, const struct order *order, bool words)
{
	fprintf(f, "order %u%s%s\n", order->seed, *order->words ? " " : "",
		order->words);
	for (size_t i = 0; i < order->n_waits; i++) {
		const struct wait *w = &order->waits[i];

		if (words)
			in_words(f, w);
		else
			fprintf(f, "%u:%u:%u\n", w->task, w->nth, w->jiffies);
	}
}

static void write_plan(const char *path, const struct batch *batch)
{
	FILE *f = fopen(path, "we");

	if (!f)
		cannot("%s: %s", path, strerror(errno));
	if (o.rule)
		fprintf(f, "rule %s\n", o.rule);
	if (o.tmpfs)
		fputs("tmpfs\n", f);
	for (size_t i = 0; i < batch->n; i++)
		write_order(f, &batch->orders[i], false);
	if (fclose(f))
		cannot("%s: %s", path, strerror(errno));
}

void start(struct batch *batch)
{
	const char *argv[64], **arg = argv;
	char *plan = text("%s/plan", batch->folder),
	     *command = text(o.is_test ?
				     "exec /tests/apply /tests/plan /tests/%s" :
				     "exec /tests/%s /tests/plan",
			     base(o.program)),
	     *log = text("%s/log", batch->folder),
	     *output = text("%s/out", batch->folder),
	     *cpus = text("%u", o.cpus);

	if (batch->plan) {
		free(plan);
		plan = checked(strdup(batch->plan));
	} else {
		write_plan(plan, batch);
	}
	*arg++ = "uml/run";
	*arg++ = "--kernel";
	*arg++ = o.kernel;
	*arg++ = "--initrd";
	*arg++ = o.image;
	*arg++ = "--no-fuse";
	*arg++ = "--mem";
	*arg++ = GUEST_MEMORY;
	*arg++ = "--timeout";
	*arg++ = is_on_hosts_clock(o.how) ? "300" : "60";
	*arg++ = "--log";
	*arg++ = log;
	*arg++ = "--add";
	*arg++ = o.program;
	*arg++ = "--add";
	*arg++ = plan;
	if (o.cpus) {
		*arg++ = "--smp";
		*arg++ = cpus;
	} else if (is_on_hosts_clock(o.how)) {
		*arg++ = "--wall-clock";
	} else {
		*arg++ = "--add";
		*arg++ = points_file;
		*arg++ = "--append";
		*arg++ = "explore.go=0 explore.points=/tests/points";
	}
	if (o.is_test) {
		*arg++ = "--add";
		*arg++ = "tests/explore/apply";
	}
	for (int i = 0; i < o.n_append; i++) {
		*arg++ = "--append";
		*arg++ = o.append[i];
	}
	*arg++ = "--";
	/* as make gdb does: the same processes, so that a schedule holds there, too */
	*arg++ = "sh";
	*arg++ = "-c";
	*arg++ = command;
	*arg = NULL;

	fflush(NULL);
	batch->pid = fork();
	if (batch->pid < 0)
		cannot("fork: %s", strerror(errno));
	if (!batch->pid) {
		int out = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0644);

		/* ctrl-C is ours: runs under way end by themselves */
		setpgid(0, 0);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out, 1);
		dup2(out, 2);
		execv("uml/run", (char **)argv);
		_exit(127);
	}
	free(command);
	free(cpus);
	free(plan);
	free(log);
	free(output);
}

char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *data = NULL;
	size_t size = 0;

	if (!f)
		return checked(strdup(""));
	if (getdelim(&data, &size, 0, f) < 0) {
		free(data);
		data = checked(strdup(""));
	}
	fclose(f);
	return data;
}

/* The first line with this in it, from there */
static bool find_line(const char *in, const char *what, char *to, size_t size)
{
	const char *at = strstr(in, what);

	if (at && *at == '\n')
		at++;
	if (at)
		snprintf(to, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	return at;
}

/* sscanf(3) looks for the end of all that it is given, and a log has megabytes */
const char *one_line(const char *at)
{
	static char line[200];

	snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\r\n"), at);
	return line;
}

static void add_wait(struct result *r, const struct wait *w)
{
	if (r->n_waits % 64 == 0)
		r->waits = checked(realloc(
			r->waits, (r->n_waits + 64) * sizeof(*r->waits)));
	r->waits[r->n_waits++] = *w;
}

static void add_pairs(struct result *r, const char *list)
{
	size_t end = strcspn(list, "\r\n");
	char *next;

	for (const char *at = list; at < list + end; at = next) {
		uint32_t pair = strtoul(at, &next, 16);

		if (next == at || next > list + end)
			break;
		if (r->n_pairs % 64 == 0)
			r->pairs = checked(
				realloc(r->pairs,
					(r->n_pairs + 64) * sizeof(*r->pairs)));
		r->pairs[r->n_pairs++] = pair;
	}
}

/* What the kernel says of each order. */
static void read_log(const char *log, struct batch *batch)
{
	struct result *r = batch->results - 1, *end = batch->results + batch->n;
	unsigned long begin = 0;
	struct wait w = {};
	const char *line;

	for (const char *at = log; (at = strstr(at, "explore: "));) {
		at += strlen("explore: ");
		line = one_line(at);
		if (sscanf(line, "on at tick %lu", &begin) == 1 && ++r == end)
			break;
		if (r < batch->results)
			continue;
		if (sscanf(line, "wait %u:%u:%u tick %lu pc %lx %15[^\r\n]",
			   &w.task, &w.nth, &w.jiffies, &w.tick, &w.pc,
			   w.name) == 6)
			add_wait(r, &w);
		else if (!strncmp(line, "pairs ", 6))
			add_pairs(r, at + 6);
		else if (sscanf(line, "end, %lu points, tick %lu", &r->points,
				&r->ticks) == 2)
			r->ticks -= begin;
	}
}

void finish(struct batch *batch, int status)
{
	char *out_name = text("%s/out", batch->folder),
	     *out = read_file(out_name);
	char *log_name = text("%s/log", batch->folder),
	     *log = read_file(log_name);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	struct result *last;
	size_t begun = 0;
	char why[400];

	batch->pid = 0;
	batch->results = checked(calloc(batch->n, sizeof(*batch->results)));
	read_log(log, batch);
	if (code == 125) {
		fputs(out, stderr);
		cannot("%s could not be run", base(o.program));
	}
	for (const char *at = out; at && *at; at = strchr(at, '\n')) {
		at += *at == '\n';
		begun += !strncmp(at, "order ", 6);
		if (begun && begun <= batch->n)
			sscanf(at, "state %15s",
			       batch->results[begun - 1].state);
	}
	if (o.is_test)
		begun = 1;
	if (!is_on_hosts_clock(o.how) && !strstr(log, "explore: on") &&
	    code != 124 && code != 126) {
		if (!find_line(log, "explore: ", why, sizeof(why)) &&
		    !find_line(out, "FAIL: ", why, sizeof(why)))
			strcpy(why,
			       "it never began; is the kernel one with ticks?");
		cannot("%s: not explored: %s", base(o.program), why);
	}
	if (!begun || begun > batch->n || (!code && begun < batch->n))
		cannot("%s: status %d, and %zu of %zu orders were begun; is the disk full?",
		       base(o.program), code, begun, batch->n);
	for (size_t i = 0; i < begun; i++)
		batch->results[i].end = GOOD;
	if (code) {
		last = &batch->results[begun - 1];
		last->end = BAD;
		if (code == 126 &&
		    find_line(out, "the kernel reported: ", last->symptom,
			      sizeof(last->symptom)))
			;
		else if (find_line(out, "FAIL: ", last->symptom,
				   sizeof(last->symptom)))
			;
		else if (find_line(out, "\nnot ok ", last->symptom,
				   sizeof(last->symptom)))
			;
		else if (code == 124)
			strcpy(last->symptom,
			       "the guest spins: it does not end");
		else
			snprintf(last->symptom, sizeof(last->symptom),
				 "status %d", code);
	}
	free(out);
	free(out_name);
	free(log);
	free(log_name);
}

void wait_for(struct batch *batch)
{
	int status;

	while (waitpid(batch->pid, &status, 0) < 0)
		if (errno != EINTR)
			cannot("waitpid: %s", strerror(errno));
	finish(batch, status);
}

void forget(struct result *r)
{
	free(r->waits);
	free(r->pairs);
}

void forget_results(struct batch *batch)
{
	for (size_t i = 0; batch->results && i < batch->n; i++)
		forget(&batch->results[i]);
	free(batch->results);
	batch->results = NULL;
}

struct result run_last(struct order *orders, size_t n)
{
	/* the last one: not among those of the loop */
	struct batch *batch = &slots[o.jobs];
	struct result r;

	batch->orders = orders;
	batch->n = n;
	start(batch);
	wait_for(batch);
	/* or the one that ended it all */
	while (n > 1 && batch->results[n - 1].end == NOT_RUN)
		n--;
	r = batch->results[n - 1];
	batch->results[n - 1] = (struct result){};
	forget_results(batch);
	return r;
}

const char *kernel_id(void)
{
	static char id[17];
	char *command;
	FILE *f;

	if (*id)
		return id;
	command = text("sha256sum '%s'", o.kernel);
	f = popen(command, "re");
	if (!f || fscanf(f, "%16s", id) != 1)
		cannot("%s failed", command);
	pclose(f);
	free(command);
	return id;
}
