// SPDX-License-Identifier: GPL-2.0-only
/* explore: the command line, and what all parts share. See explore.h. */
#define _GNU_SOURCE
#include "explore.h"

#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char *argp_program_version;

const char *const how_names[N_HOW] = { "portfolio", "random", "pct",
				       "surw",	    "window", "slow",
				       "every",	    "usleep", "plain" };

struct options o = {
	.image = "build/rootfs.cpio",
	.from = 1,
	.to = 500,
	.depth = 3,
	.stop = 1,
	.batch = 25,
};

char folder[PATH_MAX];

void cannot(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("explore: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(CANNOT);
}

void *checked(void *p)
{
	if (!p)
		cannot("no memory left");
	return p;
}

char *text(const char *format, ...)
{
	va_list args;
	char *s;

	va_start(args, format);
	if (vasprintf(&s, format, args) < 0)
		s = NULL;
	va_end(args);
	return checked(s);
}

const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Its name below the folder of all tests; those of tests/explore say when to begin. */
const char *program_name(void)
{
	const char *at = strstr(o.program, "/tests/");

	return at ? at + strlen("/tests/") : base(o.program);
}

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

uint64_t chance(uint64_t *state)
{
	uint64_t x = *state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

/* ---- options ---- */

static const struct argp_option options[] = {
	{ "kernel", 'k', "FILE", 0, "the kernel", 0 },
	{ "image", 'i', "FILE", 0, "the guest's root (build/rootfs.cpio)", 0 },
	{ "places", 'p', "FILE", 0,
	  "what tests/explore/places made of the kernel", 0 },
	{ "out", 'o', "FOLDER", 0, "where schedules go", 0 },
	{ "how", 'w',
	  "portfolio|random|pct|surw|window|slow|every|usleep|plain", 0,
	  "how tasks are chosen to wait (portfolio)", 0 },
	{ "cpus", 'c', "N", 0,
	  "usleep, plain: the guest has N CPUs; the kernel is made with SMP=N",
	  0 },
	{ "seeds", 's', "A-B", 0, "one run each (1-500)", 0 },
	{ "rate", 'r', "N", 0,
	  "random: one tick in N is a wait; default: varied", 0 },
	{ "depth", 'd', "D", 0, "pct: D - 1 waits (3)", 0 },
	{ "points", 'P', "all|shared|inode|shared-inode", 0,
	  "where tasks may wait; default: varied", 0 },
	{ "jobs", 'j', "N", 0, "guests at a time (CPUs)", 0 },
	{ "batch", 'b', "N", 0, "orders that one guest runs (25)", 0 },
	{ "times", 't', "N", 0,
	  "N ranges of seeds, 1000 apart: how many runs until the first failure in each",
	  0 },
	{ "vain", 'v', "N", 0,
	  "with --times: give up when the first N ranges have nothing", 0 },
	{ "stop", 'S', "N", 0,
	  "end after so many different failures (1), 0: never", 0 },
	{ "append", 'a', "WORDS", 0, "more words for the kernel's command line",
	  0 },
	{ "resume", 'e', NULL, 0,
	  "leave out the seeds that the last exploration has run", 0 },
	{ "rule", 'g', "RULE", 0,
	  "for the gate, in each run, as 'delay 1 write'", 0 },
	{ "tmpfs", 'f', NULL, 0, "not FUSE, but what a tmpfs in its place does",
	  0 },
	{ "lost", 'l', "N", OPTION_ARG_OPTIONAL,
	  "with --replay: from where on all of N continuations fail (16)", 0 },
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
	case 'b':
		o.batch = number(arg, "batch");
		if (!o.batch || o.batch > 1000)
			cannot("--batch %s: 1 to 1000", arg);
		break;
	case 'c':
		o.cpus = number(arg, "cpus");
		break;
	case 't':
		o.times = number(arg, "times");
		break;
	case 'v':
		o.vain = number(arg, "vain");
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
		o.lost = arg ? number(arg, "lost") : 16;
		break;
	case 'g':
		o.rule = arg;
		break;
	case 'f':
		o.tmpfs = true;
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
		for (o.how = 0; o.how < N_HOW && strcmp(arg, how_names[o.how]);
		     o.how++)
			;
		if (o.how == N_HOW)
			cannot("--how %s: portfolio, random, pct, surw, window, slow, every, usleep or plain",
			       arg);
		break;
	case 'P':
		o.points = arg;
		if (!kind_by_name(arg))
			cannot("--points %s: all, shared, inode or shared-inode",
			       arg);
		break;
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
	/* a test knows nothing of orders: it has a guest of its own for each */
	o.is_test = strncmp(program_name(), "explore/", strlen("explore/")) !=
		    0;
	if (o.is_test)
		o.batch = 1;
	if (o.is_test && o.tmpfs)
		cannot("--tmpfs: %s is a test of FUSE", program_name());
	if (is_on_hosts_clock(o.how)) {
		if (o.is_test || o.replay || (o.cpus && o.cpus < 2))
			cannot("--how %s is for programs of tests/explore, --cpus N from 2",
			       how_names[o.how]);
	} else {
		if (o.cpus)
			cannot("--cpus: several have the host's clock: --how usleep or plain");
		read_places();
	}
	if (o.replay)
		return replay();
	if (!is_on_hosts_clock(o.how))
		make_profile();
	if (o.times)
		return count_runs();
	if (o.how == EVERY) {
		size_t all = every_place();

		o.to = all < o.to || o.to == 500 ? all : o.to;
	}
	return search() ? FOUND : 0;
}
