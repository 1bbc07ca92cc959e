// SPDX-License-Identifier: GPL-2.0-only
/*
 * explore - run one program under many orders of the kernel's tasks
 *
 * Each run is a guest of its own, by uml/run; which tasks wait where is decided inside of
 * it by uml/kernel/explore.c. What is found is folded by symptom, shrunk to the fewest
 * waits, checked, and left as a schedule that replays it.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

const char *argp_program_version;

enum { FOUND = 1, CANNOT = 2 };

/* ---- options ---- */

enum how { PORTFOLIO, RANDOM, PCT, EVERY };
static const char *const how_names[] = { "portfolio", "random", "pct",
					 "every" };

static struct {
	const char *kernel, *image, *program, *out, *places, *points, *replay;
	enum how how;
	unsigned int from, to; /* seeds */
	unsigned int rate, depth, jobs, stop;
	bool from_start, resume, lost, quick;
	char **append;
	int n_append;
} o = { .image = "build/rootfs.cpio",
	.from = 1,
	.to = 500,
	.depth = 2,
	.stop = 1 };

static char folder[PATH_MAX]; /* of this process */

__attribute__((format(printf, 1, 2), noreturn)) static void
cannot(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("explore: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(CANNOT);
}

static void *checked(void *p)
{
	if (!p)
		cannot("no memory left");
	return p;
}

__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		s = NULL;
	va_end(args);
	return checked(s);
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Its name below the folder of all tests; those of tests/explore say when to begin. */
static const char *program_name(void)
{
	const char *at = strstr(o.program, "/tests/");

	return at ? at + strlen("/tests/") : base(o.program);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* ---- places ---- */

struct place {
	unsigned long pc;
	bool shared;
	char *file, *line, *function;
};

static struct place *places;
static size_t n_places;

static void read_places(void)
{
	FILE *f = fopen(o.places, "re");
	unsigned long pc;
	char class[16], file[256], line[256], function[256];

	if (!f)
		cannot("%s: %s", o.places, strerror(errno));
	while (fscanf(f, "%lx %15s %255s %255s %255s", &pc, class, file, line,
		      function) == 5) {
		if (n_places % 1024 == 0)
			places = checked(realloc(
				places, (n_places + 1024) * sizeof(*places)));
		places[n_places++] = (struct place){
			.pc = pc,
			.shared = !strcmp(class, "shared"),
			.file = checked(strdup(file)),
			.line = checked(strdup(line)),
			.function = checked(strdup(function)),
		};
	}
	fclose(f);
	if (!n_places)
		cannot("%s: a kernel without ticks", o.kernel);
}

static const struct place *place_of(unsigned long pc)
{
	static const struct place nowhere = { .file = "?",
					      .line = "?",
					      .function = "?" };

	for (size_t i = 0; i < n_places; i++)
		if (places[i].pc == pc)
			return &places[i];
	return &nowhere;
}

/*
 * Where tasks may wait: everywhere, where the block touches what is shared, in the two files
 * that decide what WRITEs an inode has, or both.
 */
enum points { ALL, SHARED, INODE, SHARED_INODE, N_POINTS };
static const char *const points_names[] = { "all", "shared", "inode",
					    "shared-inode" };

static bool is_point(const struct place *p, enum points points)
{
	bool inode = !strcmp(p->file, "fs/fuse/file.c") ||
		     !strcmp(p->file, "fs/fuse/dir.c");

	return (p->shared || !(points & 1)) && (inode || points < INODE);
}

static const char *points_file(enum points points)
{
	static char *names[N_POINTS];
	FILE *f;

	if (points == ALL)
		return NULL;
	if (names[points])
		return names[points];
	names[points] = text("%s/points-%s", folder, points_names[points]);
	f = fopen(names[points], "we");
	if (!f)
		cannot("%s: %s", names[points], strerror(errno));
	for (size_t i = 0; i < n_places; i++) {
		uint32_t pc = places[i].pc;

		if (is_point(&places[i], points))
			fwrite(&pc, sizeof(pc), 1, f);
	}
	if (fclose(f))
		cannot("%s: %s", names[points], strerror(errno));
	return names[points];
}

/* ---- schedules ---- */

struct wait {
	unsigned int pid, nth, jiffies;
	unsigned long tick, pc;
	char task[16];
};

struct schedule {
	enum points points;
	bool own; /* only the program's tasks, not the server's */
	unsigned int argument; /* of the program: the seed of the first run */
	unsigned int seed, rate; /* rate 0: no random waits */
	unsigned long after; /* random only from this tick on */
	char changes[128]; /* PCT's, "" for none */
	struct wait *waits; /* explicit ones */
	size_t n_waits;
	bool trace;
};

static uint64_t chance(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* ---- runs ---- */

struct result {
	bool failed;
	char symptom[400];
	struct wait *waits; /* those that were */
	size_t n_waits;
	unsigned long points, ticks;
};

struct job {
	pid_t pid; /* 0: free */
	struct schedule s;
	char *folder;
};

static struct job *slots;

static void write_waits(const char *path, const struct wait *waits, size_t n)
{
	FILE *f = fopen(path, "we");

	if (!f)
		cannot("%s: %s", path, strerror(errno));
	for (size_t i = 0; i < n; i++)
		fprintf(f, "%u:%u:%u\n", waits[i].pid, waits[i].nth,
			waits[i].jiffies);
	if (fclose(f))
		cannot("%s: %s", path, strerror(errno));
}

#define MAX_ARGS 64

/* Programs vary with the seed; tests know nothing of it */
static const char *argument(unsigned int seed)
{
	static char words[16];

	snprintf(words, sizeof(words), " %u", seed ? seed : 1);
	return o.from_start ? "" : words;
}

static void start(struct job *job)
{
	const char *argv[MAX_ARGS], **arg = argv;
	const struct schedule *s = &job->s;
	const char *points = points_file(s->points);
	char *schedule = text("%s/schedule", job->folder);

	*arg++ = "uml/run";
	*arg++ = "--kernel";
	*arg++ = o.kernel;
	*arg++ = "--initrd";
	*arg++ = o.image;
	*arg++ = "--no-fuse";
	*arg++ = "--mem";
	*arg++ = "128M";
	*arg++ = "--timeout";
	*arg++ = "60";
	*arg++ = "--log";
	*arg++ = text("%s/log", job->folder);
	*arg++ = "--add";
	*arg++ = o.program;
	*arg++ = "--append";
	*arg++ = text("explore.go=%d explore.trace=%d", o.from_start, s->trace);
	if (points) {
		*arg++ = "--add";
		*arg++ = points;
		*arg++ = "--append";
		*arg++ = text("explore.points=/tests/%s", base(points));
	}
	if (s->own) {
		*arg++ = "--append";
		*arg++ = text("explore.task=%.15s", base(o.program));
	}
	if (s->rate) {
		*arg++ = "--append";
		*arg++ = text("explore.random=%u:%u explore.after=%lu", s->seed,
			      s->rate, s->after);
	}
	if (*s->changes) {
		*arg++ = "--append";
		*arg++ = text("explore.changes=%s", s->changes);
	}
	if (s->n_waits) {
		write_waits(schedule, s->waits, s->n_waits);
		*arg++ = "--add";
		*arg++ = schedule;
		*arg++ = "--append";
		*arg++ = "explore.schedule=/tests/schedule";
	}
	for (int i = 0; i < o.n_append; i++) {
		*arg++ = "--append";
		*arg++ = o.append[i];
	}
	*arg++ = "--";
	/* as make gdb does: the same processes, so that a schedule holds there, too */
	*arg++ = "sh";
	*arg++ = "-c";
	*arg++ = text("exec /tests/%s%s", base(o.program),
		      argument(s->argument));
	*arg = NULL;

	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0)
		cannot("fork: %s", strerror(errno));
	if (!job->pid) {
		int out = open(text("%s/out", job->folder),
			       O_WRONLY | O_CREAT | O_TRUNC, 0644);

		/* ctrl-C is ours: runs under way end by themselves */
		setpgid(0, 0);
		dup2(open("/dev/null", O_RDONLY), 0);
		dup2(out, 1);
		dup2(out, 2);
		execv("uml/run", (char **)argv);
		_exit(127);
	}
	free(schedule);
}

static char *read_file(const char *path)
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

	if (at)
		snprintf(to, size, "%.*s", (int)strcspn(at, "\r\n"), at);
	return at;
}

static void read_log(const char *log, struct result *r)
{
	const char *at = log;
	struct wait w;
	size_t room = 0;

	for (; (at = strstr(at, "explore: wait ")); at++) {
		if (sscanf(at,
			   "explore: wait %u:%u:%u tick %lu pc %lx %15[^\r\n]",
			   &w.pid, &w.nth, &w.jiffies, &w.tick, &w.pc,
			   w.task) != 6)
			continue;
		if (r->n_waits == room) {
			room = room * 2 + 64;
			r->waits = checked(realloc(r->waits, room * sizeof(w)));
		}
		r->waits[r->n_waits++] = w;
	}
	/* the last one: a program may explore several times */
	for (at = log; (at = strstr(at, "explore: end, ")); at++)
		sscanf(at, "explore: end, %lu", &r->points);
	at = strstr(log, " ticks: ");
	if (at)
		sscanf(at, " ticks: %lu", &r->ticks);
}

static struct result finish(struct job *job, int status)
{
	char *out_name = text("%s/out", job->folder),
	     *out = read_file(out_name);
	char *log_name = text("%s/log", job->folder),
	     *log = read_file(log_name);
	struct result r = {};
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	job->pid = 0;
	read_log(log, &r);
	if (code == 125) {
		fputs(out, stderr);
		cannot("%s could not be run", base(o.program));
	}
	if (!strstr(log, "explore: on") && code != 124 && code != 126) {
		if (!find_line(log, "explore: ", r.symptom,
			       sizeof(r.symptom)) &&
		    !find_line(out, "FAIL: ", r.symptom, sizeof(r.symptom)))
			strcpy(r.symptom,
			       "it never began; is the kernel one with ticks?");
		cannot("%s: not explored: %s", base(o.program), r.symptom);
	}
	r.failed = code != 0;
	if (!code)
		;
	else if (code == 126 && find_line(out, "the kernel reported: ",
					  r.symptom, sizeof(r.symptom)))
		;
	else if (find_line(out, "FAIL: ", r.symptom, sizeof(r.symptom)))
		;
	else if (find_line(out, "\nnot ok ", r.symptom, sizeof(r.symptom)))
		;
	else if (code == 124)
		strcpy(r.symptom, "the guest spins: it does not end");
	else
		snprintf(r.symptom, sizeof(r.symptom), "status %d", code);
	free(out);
	free(out_name);
	free(log);
	free(log_name);
	return r;
}

static struct result wait_for(struct job *job)
{
	int status;

	while (waitpid(job->pid, &status, 0) < 0)
		if (errno != EINTR)
			cannot("waitpid: %s", strerror(errno));
	return finish(job, status);
}

static struct result run_one(const struct schedule *s)
{
	/* the last one: not among those of the loop */
	struct job *job = &slots[o.jobs];

	job->s = *s;
	start(job);
	return wait_for(job);
}

/* ---- counting: what a run without waits has ---- */

static unsigned long k_points[N_POINTS][2];
static struct wait *all_points;
static size_t n_all_points;

static void count(enum points points, bool own)
{
	const struct schedule s = {
		.points = points,
		.own = own,
		.trace = points == ALL,
	};
	struct result r = run_one(&s);

	if (r.failed)
		printf("fails without any wait: %s\n", r.symptom);
	free(r.waits);
	/* (at least one, to draw from) */
	k_points[points][own] = r.points ? r.points : 1;
}

/* The places of one run, from its log */
static void read_points(struct schedule s)
{
	struct result r;
	char *name = text("%s/log", slots[o.jobs].folder), *log, *at;
	size_t room = 0;

	s.trace = true;
	r = run_one(&s);
	free(r.waits);
	log = read_file(name);
	n_all_points = 0;
	for (at = log; (at = strstr(at, "explore: point ")); at++) {
		struct wait w = { .jiffies = 1 };

		if (sscanf(at,
			   "explore: point %u:%u tick %lu pc %lx %15[^\r\n]",
			   &w.pid, &w.nth, &w.tick, &w.pc, w.task) != 5)
			continue;
		if (n_all_points == room) {
			room = room * 2 + 1024;
			all_points =
				checked(realloc(all_points, room * sizeof(w)));
		}
		all_points[n_all_points++] = w;
	}
	free(log);
	free(name);
}

/* Equal runs must be equal, or nothing found can be shown again. */
static void check_reproducible(void)
{
	struct wait *first;
	size_t n, i;

	read_points((struct schedule){ .points = ALL });
	first = all_points;
	n = n_all_points;
	all_points = NULL;
	read_points((struct schedule){ .points = ALL });
	for (i = 0; i < n && i < n_all_points; i++)
		if (first[i].pc != all_points[i].pc ||
		    first[i].pid != all_points[i].pid)
			break;
	if (i < n || n != n_all_points) {
		const struct place *p = i < n ? place_of(first[i].pc) :
						place_of(0);

		cannot("%s is not the same twice: %zu and %zu places to wait at, other than before at the %zu-th, %s (%s)",
		       base(o.program), n, n_all_points, i + 1, p->function,
		       p->line);
	}
	free(first);
	if (!n)
		cannot("%s has no place to wait at: nothing to explore",
		       base(o.program));
}

/* ---- what to try ---- */

/* The seed decides; false: there is no more. */
static bool choose(unsigned int seed, struct schedule *s)
{
	static const unsigned int rates[] = { 15, 40, 100, 250, 600 };
	uint64_t state = seed;
	enum how how = o.how;
	unsigned int depth = o.depth;
	unsigned long k, first;
	size_t used = 0;

	memset(s, 0, sizeof(*s));
	s->seed = s->argument = seed;
	if (how == EVERY) {
		if (seed > n_all_points)
			return false;
		s->waits = &all_points[seed - 1];
		s->n_waits = 1;
		return true;
	}
	s->points = chance(&state) % N_POINTS;
	for (enum points p = 0; o.points && p < N_POINTS; p++)
		if (!strcmp(o.points, points_names[p]))
			s->points = p;
	s->own = chance(&state) % 2 && !o.from_start;
	if (how == PORTFOLIO) {
		how = chance(&state) % 3 ? RANDOM : PCT;
		depth = 2 + chance(&state) % 3;
	}
	if (how == RANDOM) {
		s->rate = o.rate ? o.rate : rates[chance(&state) % 5];
		return true;
	}
	if (!k_points[s->points][s->own])
		count(s->points, s->own);
	/* near each other: a program does the same several times, and so do tests */
	k = k_points[s->points][s->own];
	first = chance(&state) % k;
	for (unsigned int i = 1; i < depth; i++) {
		unsigned long at = first + chance(&state) % (k / 4 + 1);

		used += snprintf(s->changes + used, sizeof(s->changes) - used,
				 "%s%lu:%lu", i > 1 ? "," : "", 1 + at % k,
				 1 + (unsigned long)(chance(&state) % 3));
	}
	return true;
}

/* ---- shrinking ---- */

/* The first of @n runs that fails this way; @n: none does. */
static size_t first_that_fails(const char *symptom, struct schedule *list,
			       size_t n)
{
	size_t first = n;

	for (size_t at = 0; at < n && first == n; at += o.jobs) {
		size_t end = at + o.jobs < n ? at + o.jobs : n;

		for (size_t i = at; i < end; i++) {
			slots[i - at].s = list[i];
			start(&slots[i - at]);
		}
		for (size_t i = at; i < end; i++) {
			struct result r = wait_for(&slots[i - at]);

			if (r.failed && !strcmp(r.symptom, symptom) &&
			    i < first)
				first = i;
			free(r.waits);
		}
	}
	return first;
}

/* In how many of @n runs does it fail the same way? */
static unsigned int the_argument; /* of the run that is looked into */

static unsigned int fails_with(const char *symptom, struct wait *waits,
			       size_t n_waits, unsigned int n)
{
	struct schedule s = {
		.argument = the_argument,
		.waits = waits,
		.n_waits = n_waits,
	};
	unsigned int failed = 0;

	for (unsigned int i = 0; i < n; i++)
		failed += !first_that_fails(symptom, &s, 1);
	return failed;
}

/* Delta debugging: leave out ever smaller parts, while it still fails. */
static size_t shrink(const char *symptom, struct wait *waits, size_t n)
{
	size_t parts = 2;

	while (n > 1) {
		size_t part = (n + parts - 1) / parts, tries = 0, found;
		struct schedule *list = checked(calloc(parts, sizeof(*list)));

		for (size_t at = 0; at < n; at += part) {
			size_t cut = at + part < n ? part : n - at;
			struct wait *less = checked(calloc(n, sizeof(*less)));

			memcpy(less, waits, at * sizeof(*less));
			memcpy(less + at, waits + at + cut,
			       (n - at - cut) * sizeof(*less));
			list[tries++] = (struct schedule){
				.argument = the_argument,
				.waits = less,
				.n_waits = n - cut,
			};
		}
		found = first_that_fails(symptom, list, tries);
		if (found < tries) {
			n = list[found].n_waits;
			memcpy(waits, list[found].waits, n * sizeof(*waits));
			parts = parts > 2 ? parts - 1 : 2;
		}
		for (size_t i = 0; i < tries; i++)
			free(list[i].waits);
		free(list);
		if (found < tries)
			continue;
		if (part == 1)
			break;
		parts = parts * 2 < n ? parts * 2 : n;
	}
	return n;
}

static const char *kernel_id(void)
{
	static char id[17];
	char *command = text("sha256sum %s", o.kernel);
	FILE *f = popen(command, "re");

	if (!f || fscanf(f, "%16s", id) != 1)
		cannot("sha256sum %s failed", o.kernel);
	pclose(f);
	free(command);
	return id;
}

static void in_words(FILE *f, const struct wait *w)
{
	const struct place *p = place_of(w->pc);

	fprintf(f, "%u:%u:%u # %s waits in %s, %s\n", w->pid, w->nth,
		w->jiffies, w->task, p->function, p->line);
}

/* ---- results ---- */

struct finding {
	char symptom[400];
	unsigned int seed, times;
	struct finding *next;
};

static struct finding *findings;

static struct finding *known(const char *symptom)
{
	for (struct finding *f = findings; f; f = f->next)
		if (!strcmp(f->symptom, symptom))
			return f;
	return NULL;
}

static char *schedule_name(unsigned int n)
{
	return text("%s/%s-%u.schedule", o.out, base(o.program), n);
}

/* With fewer waits, the same ticks may be in other places */
static void where_now(struct wait *waits, size_t n)
{
	const struct schedule s = {
		.argument = the_argument,
		.waits = waits,
		.n_waits = n,
	};
	struct result r = run_one(&s);

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < r.n_waits; j++)
			if (r.waits[j].pid == waits[i].pid &&
			    r.waits[j].nth == waits[i].nth)
				waits[i] = r.waits[j];
	free(r.waits);
}

/* From a failing run to a schedule of few waits, in a file */
static void explain(struct finding *f, struct result *r, unsigned int n)
{
	char *name = schedule_name(n), *new = text("%s.new", name);
	size_t had = r->n_waits, left;
	unsigned int again;
	FILE *file;

	the_argument = f->seed;
	if (had && !fails_with(f->symptom, r->waits, had, 1)) {
		printf("  seed %u: its %zu waits alone do not bring it back\n",
		       f->seed, had);
		return;
	}
	left = had ? shrink(f->symptom, r->waits, had) : 0;
	where_now(r->waits, left);
	again = fails_with(f->symptom, r->waits, left, 5);
	file = fopen(new, "we");
	if (!file)
		cannot("%s: %s", new, strerror(errno));
	fprintf(file, "# %s\n# program %s\n# seed %u\n# kernel %s\n",
		f->symptom, program_name(), f->seed, kernel_id());
	for (size_t i = 0; i < left; i++)
		in_words(file, &r->waits[i]);
	if (fclose(file) || rename(new, name))
		cannot("%s: %s", name, strerror(errno));
	printf("  seed %u: %zu waits, shrunk to %zu; fails in %u of 5 runs: %s\n",
	       f->seed, had, left, again, name);
	for (size_t i = 0; i < left; i++) {
		printf("    ");
		in_words(stdout, &r->waits[i]);
	}
	free(name);
	free(new);
}

/* ---- the loop ---- */

static volatile sig_atomic_t interrupted;

static void on_int(int signal)
{
	/* who asks twice does not want to wait */
	if (interrupted)
		_exit(128 + signal);
	interrupted = 1;
}

/*
 * One line a run, so that RESUME=1 leaves out what was run: seed, and the symptom or ok.
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

	was_run = checked(calloc(o.to + 1, sizeof(*was_run)));
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
	fprintf(runs, "%u\t%s\n", seed, r->failed ? r->symptom : "ok");
	if (fflush(runs))
		cannot("results: %s", strerror(errno));
}

static unsigned int explore(void)
{
	bool terminal = isatty(1);
	unsigned int seed = o.from, done = 0, failed = 0, found = 0,
		     under_way = 0;
	double begin = now(), shown = 0;
	struct result *kept = NULL;
	struct finding **kept_for = NULL;
	bool more = true;

	while ((more && !interrupted) || under_way) {
		struct result r;
		struct finding *f;
		int status;
		pid_t pid;
		unsigned int i;

		for (i = 0; i < o.jobs && more && !interrupted; i++) {
			if (slots[i].pid)
				continue;
			while (seed <= o.to && was_run[seed])
				seed++;
			if (seed > o.to || !choose(seed, &slots[i].s)) {
				more = false;
				break;
			}
			slots[i].s.seed = seed++;
			start(&slots[i]);
			under_way++;
		}
		if (!under_way)
			break;
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			cannot("waitpid: %s", strerror(errno));
		for (i = 0; i < o.jobs && slots[i].pid != pid; i++)
			;
		if (i == o.jobs)
			continue;
		r = finish(&slots[i], status);
		under_way--;
		done++;
		note_run(slots[i].s.seed, &r);
		if (r.failed) {
			failed++;
			f = known(r.symptom);
			if (!f) {
				f = checked(calloc(1, sizeof(*f)));
				strcpy(f->symptom, r.symptom);
				f->seed = slots[i].s.seed;
				f->next = findings;
				findings = f;
				found++;
				kept = checked(
					realloc(kept, found * sizeof(*kept)));
				kept_for = checked(realloc(
					kept_for, found * sizeof(*kept_for)));
				kept[found - 1] = r;
				kept_for[found - 1] = f;
				printf("%srun %u, seed %u: %s\n",
				       terminal ? "\r\033[K" : "", done,
				       f->seed, f->symptom);
				fflush(stdout);
				if (o.stop && found >= o.stop)
					more = false;
			} else {
				free(r.waits);
			}
			f->times++;
		} else {
			free(r.waits);
		}
		if (terminal && now() - shown > 0.2) {
			shown = now();
			printf("\r%u runs, %.1f/s, %u failed, %u different\033[K",
			       done, done / (now() - begin), failed, found);
			fflush(stdout);
		}
	}
	printf("%s%s: %u runs in %.1f s (%.1f/s), %u failed, %u different%s\n",
	       terminal ? "\r\033[K" : "", base(o.program), done, now() - begin,
	       done / (now() - begin), failed, found,
	       interrupted ? "; interrupted" : "");
	if (o.how == EVERY)
		printf("%zu places to wait at, %zu left\n", n_all_points,
		       n_all_points -
			       (done < n_all_points ? done : n_all_points));
	interrupted = 0;
	for (unsigned int i = 0; i < found; i++) {
		printf("%u times: %s\n", kept_for[i]->times,
		       kept_for[i]->symptom);
		if (!o.quick)
			explain(kept_for[i], &kept[i], i + 1);
	}
	return found;
}

/* ---- when it was lost ---- */

#define CONTINUATIONS 16

/* Do all ways to go on from this tick fail alike? */
static bool lost_at(unsigned long tick, const struct schedule *s,
		    const char *symptom)
{
	struct schedule prefix = {
		.argument = s->argument,
		.rate = 30,
		.after = tick,
	};
	bool same = true;

	prefix.waits = checked(calloc(s->n_waits + 1, sizeof(*s->waits)));
	for (size_t i = 0; i < s->n_waits; i++)
		if (s->waits[i].tick <= tick)
			prefix.waits[prefix.n_waits++] = s->waits[i];
	for (unsigned int seed = 1; same && seed <= CONTINUATIONS;) {
		unsigned int n = 0;

		for (; n < o.jobs && seed <= CONTINUATIONS; n++) {
			prefix.seed = seed++;
			slots[n].s = prefix;
			start(&slots[n]);
		}
		while (n--) {
			struct result r = wait_for(&slots[n]);

			same &= r.failed && !strcmp(r.symptom, symptom);
			free(r.waits);
		}
	}
	free(prefix.waits);
	return same;
}

/*
 * The first place of a failing run from which all continuations fail: bisection, as what
 * is lost stays lost.
 */
static void find_lost(const struct schedule *s, const char *symptom)
{
	size_t low = 0, high;
	const struct wait *w;

	read_points(*s);
	high = n_all_points;
	while (low < high) {
		size_t middle = (low + high) / 2;

		if (lost_at(all_points[middle].tick, s, symptom))
			high = middle;
		else
			low = middle + 1;
	}
	if (low == n_all_points) {
		printf("never lost: after the last place to wait at, some of %d continuations still go well\n",
		       CONTINUATIONS);
		return;
	}
	w = &all_points[low];
	printf("lost from tick %lu on, in all of %d continuations: %s in %s, %s\n",
	       w->tick, CONTINUATIONS, w->task, place_of(w->pc)->function,
	       place_of(w->pc)->line);
}

/* ---- replay ---- */

static int replay(void)
{
	FILE *f = fopen(o.replay, "re");
	struct schedule s = {};
	char *line = NULL, symptom[400] = "", kernel[80] = "", function[256],
	     at[256];
	struct {
		char function[256], line[256];
	} *want = NULL;
	struct result r;
	size_t size = 0;
	int bad = 0;

	if (!f)
		cannot("%s: %s", o.replay, strerror(errno));
	while (getline(&line, &size, f) > 0) {
		struct wait w = {};

		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%u:%u:%u", &w.pid, &w.nth, &w.jiffies) == 3) {
			s.waits = checked(
				realloc(s.waits, (s.n_waits + 1) * sizeof(w)));
			want = checked(
				realloc(want, (s.n_waits + 1) * sizeof(*want)));
			*function = *at = 0;
			sscanf(line, "%*s # %*s waits in %255[^,], %255s",
			       function, at);
			strcpy(want[s.n_waits].function, function);
			strcpy(want[s.n_waits].line, at);
			s.waits[s.n_waits++] = w;
		} else if (sscanf(line, "# seed %u", &s.argument) == 1) {
			;
		} else if (!strncmp(line, "# kernel ", 9)) {
			snprintf(kernel, sizeof(kernel), "%s", line + 9);
		} else if (*line == '#' && !*symptom) {
			snprintf(symptom, sizeof(symptom), "%s", line + 2);
		}
	}
	fclose(f);
	free(line);
	r = run_one(&s);
	for (size_t i = 0; i < s.n_waits; i++) {
		const struct wait *w = &s.waits[i], *got = NULL;
		const struct place *p;

		for (size_t j = 0; j < r.n_waits; j++)
			if (r.waits[j].pid == w->pid &&
			    r.waits[j].nth == w->nth)
				got = &r.waits[j];
		p = got ? place_of(got->pc) : NULL;
		if (got && (!strcmp(p->function, want[i].function) ||
			    !*want[i].function))
			continue;
		printf("tick %u of task %u was in %s (%s); now %s %s\n", w->nth,
		       w->pid, want[i].function, want[i].line,
		       got ? "it is in" :
			     "it is no place to wait at, or never comes",
		       got ? p->function : "");
		bad = 1;
	}
	if (bad && strcmp(kernel, kernel_id()))
		cannot("%s is a schedule of another kernel (%s): explore anew",
		       o.replay, kernel);
	for (size_t i = 0; i < r.n_waits; i++)
		in_words(stdout, &r.waits[i]);
	if (r.failed && !strcmp(r.symptom, symptom)) {
		printf("%s\n", r.symptom);
		for (size_t i = 0; i < s.n_waits; i++)
			for (size_t j = 0; j < r.n_waits; j++)
				if (r.waits[j].pid == s.waits[i].pid &&
				    r.waits[j].nth == s.waits[i].nth)
					s.waits[i].tick = r.waits[j].tick;
		if (o.lost)
			find_lost(&s, symptom);
		return FOUND;
	}
	printf("%s\n(not as it was: %s)\n",
	       r.failed ? r.symptom : "nothing fails", symptom);
	return r.failed ? FOUND : 0;
}

/* ---- main ---- */

static const struct argp_option options[] = {
	{ "kernel", 'k', "FILE", 0, "the kernel", 0 },
	{ "image", 'i', "FILE", 0, "the guest's root (build/rootfs.cpio)", 0 },
	{ "places", 'p', "FILE", 0,
	  "what tests/explore/places made of the kernel", 0 },
	{ "out", 'o', "FOLDER", 0, "where schedules go", 0 },
	{ "how", 'w', "portfolio|random|pct|every", 0,
	  "how tasks are chosen to wait (portfolio)", 0 },
	{ "seeds", 's', "A-B", 0, "one run each (1-500)", 0 },
	{ "rate", 'r', "N", 0,
	  "random: one tick in N is a wait; default: varied", 0 },
	{ "depth", 'd', "D", 0, "pct: D - 1 points of change (2)", 0 },
	{ "points", 'P', "all|shared|inode|shared-inode", 0,
	  "where tasks may wait; default: varied", 0 },
	{ "jobs", 'j', "N", 0, "guests at a time (CPUs)", 0 },
	{ "stop", 'S', "N", 0,
	  "end after so many different failures (1), 0: never", 0 },
	{ "append", 'a', "WORDS", 0, "more words for the kernel's command line",
	  0 },
	{ "resume", 'e', NULL, 0,
	  "leave out the seeds that the last exploration has run", 0 },
	{ "lost", 'l', NULL, 0,
	  "with --replay: from where on every continuation fails", 0 },
	{ "quick", 'q', NULL, 0, "do not shrink what is found", 0 },
	{ "replay", 'R', "SCHEDULE", 0, "run this schedule, once", 0 },
	{ 0 },
};

static unsigned int number(const char *arg, const char *name)
{
	char *end;
	unsigned long n = strtoul(arg, &end, 10);

	if (!*arg || *end || n > UINT_MAX)
		cannot("--%s %s: not a number", name, arg);
	return n;
}

static error_t option(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'k':
		o.kernel = arg;
		break;
	case 'i':
		o.image = arg;
		break;
	case 'p':
		o.places = arg;
		break;
	case 'o':
		o.out = arg;
		break;
	case 'r':
		o.rate = number(arg, "rate");
		break;
	case 'j':
		o.jobs = number(arg, "jobs");
		break;
	case 'S':
		o.stop = number(arg, "stop");
		break;
	case 'q':
		o.quick = true;
		break;
	case 'e':
		o.resume = true;
		break;
	case 'l':
		o.lost = true;
		break;
	case 'R':
		o.replay = arg;
		break;
	case 'd':
		o.depth = number(arg, "depth");
		if (o.depth < 2 || o.depth > 8)
			cannot("--depth %s: 2 to 8", arg);
		break;
	case 'a':
		if (o.n_append == 8)
			cannot("--append: 8 times at most");
		o.append = checked(
			realloc(o.append, (o.n_append + 1) * sizeof(arg)));
		o.append[o.n_append++] = arg;
		break;
	case 's':
		if (sscanf(arg, "%u-%u", &o.from, &o.to) != 2 || !o.from ||
		    o.to < o.from)
			cannot("--seeds %s: not A-B, from 1", arg);
		break;
	case 'w':
		for (o.how = 0; o.how <= EVERY && strcmp(arg, how_names[o.how]);
		     o.how++)
			;
		if (o.how > EVERY)
			cannot("--how %s: portfolio, random, pct or every",
			       arg);
		break;
	case 'P':
		o.points = arg;
		for (int i = 0; i < N_POINTS; i++)
			if (!strcmp(arg, points_names[i]))
				return 0;
		cannot("--points %s: all, shared, inode or shared-inode", arg);
	case ARGP_KEY_ARG:
		if (o.program)
			argp_usage(state);
		o.program = arg;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void remove_folder(void)
{
	char *command = text("rm -rf %s", folder);

	(void)!system(command);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		option,
		"PROGRAM",
		"Run PROGRAM, linked for the guest, under many orders of the kernel's tasks.\v"
		"Status: 0 nothing found, 1 found, 2 could not be tried.",
		0,
		0,
		0
	};
	struct sigaction act = { .sa_handler = on_int };

	argp_err_exit_status = CANNOT;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	if (!o.kernel || !o.program || !o.places || !o.out)
		cannot("--kernel, --places, --out and a program are needed (see --help)");
	if (access(o.program, X_OK) || access(o.kernel, X_OK))
		cannot("%s: %s", access(o.program, X_OK) ? o.program : o.kernel,
		       strerror(errno));
	if (!o.jobs)
		o.jobs = sysconf(_SC_NPROCESSORS_ONLN);
	if (mkdir(o.out, 0755) && errno != EEXIST)
		cannot("%s: %s", o.out, strerror(errno));
	snprintf(folder, sizeof(folder), "%s/run-%d", o.out, getpid());
	if (mkdir(folder, 0755))
		cannot("%s: %s", folder, strerror(errno));
	atexit(remove_folder);
	slots = checked(calloc(o.jobs + 1, sizeof(*slots)));
	for (unsigned int i = 0; i <= o.jobs; i++) {
		slots[i].folder = text("%s/%u", folder, i);
		mkdir(slots[i].folder, 0755);
	}
	/* a test does not say when to begin */
	o.from_start = strncmp(program_name(), "explore/", strlen("explore/"));
	read_places();
	if (o.replay)
		return replay();
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	check_reproducible();
	if (o.how == EVERY) {
		enum points p = ALL;

		while (o.points && strcmp(o.points, points_names[p]))
			p++;
		read_points((struct schedule){ .points = p });
		o.to = n_all_points < o.to || o.to == 500 ? n_all_points : o.to;
	}
	open_runs();
	return explore() ? FOUND : 0;
}
