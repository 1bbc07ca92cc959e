// SPDX-License-Identifier: GPL-2.0-only
/* The command line: see fsx.h for what this program does. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fsx.h"

struct options opt = {
	.ops = 10000,
	.length = 256 << 10,
	.read_align = 1,
	.write_align = 1,
	.trunc_align = 1,
	.check = 1000,
	.procs = 1,
	.minimize = true,
};

static const char doc[] =
	"Do random things to one file and check every byte.\v"
	"FILE is made anew. The operations follow from the seed alone (with --procs from "
	"the seed and from who is when at work), so a run can be had again.\n"
	"\n"
	"Exit status: 0 all is well; 1 the file differs from what it has to be; 2 bad "
	"usage; 3 a system call failed, or a mapping gave SIGBUS.\n"
	"\n"
	"A log has a line for each operation: name, offset, length, destination of a copy, "
	"flags (1: a mapping of its own; 2: keep the size, or the mapping; 4: fdatasync), "
	"seed of the bytes written, number of the process. Lines can be taken out by hand.\n"
	"\n"
	"Operations, and how often each is done:\n";

enum {
	OPT_CHECK = 256,
	OPT_OPS,
	OPT_REQUIRE_MMAP,
	OPT_PROCS,
	OPT_SERIAL,
	OPT_CLOSE_SYNCS,
	OPT_RECORD,
	OPT_REPLAY,
	OPT_MINIMIZE,
	OPT_NO_MINIMIZE,
};

/* clang-format off */
static const struct argp_option options[] = {
	{ NULL, 0, NULL, 0, "How much:", 1 },
	{ "ops-count", 'N', "N", 0, "Operations to do (default 10000)", 0 },
	{ "length", 'l', "SIZE", 0, "The file never gets longer than this (default 256K)", 0 },
	{ "op-size", 'o', "SIZE", 0, "Longest single operation (default 64K; 16K with --procs)", 0 },
	{ "read-align", 'r', "N", 0, "Round offsets and lengths of reads to multiples of N", 0 },
	{ "write-align", 'w', "N", 0, "Round offsets and lengths of writes to multiples of N", 0 },
	{ "truncate-align", 't', "N", 0, "Round the sizes given to truncate to multiples of N", 0 },
	{ "check", OPT_CHECK, "N", 0, "Compare the whole file each N operations (default 1000, 0: never)", 0 },
	{ NULL, 0, NULL, 0, "Which operations:", 2 },
	{ "ops", OPT_OPS, "LIST", 0, "Names, with commas: only these. +NAME or -NAME changes the usual mix; "
	  "NAME=WEIGHT says how often; all is all of them", 0 },
	{ "no-mapwrite", 'W', NULL, 0, "No stores to a mapping", 0 },
	{ "no-mapread", 'R', NULL, 0, "No loads from a mapping", 0 },
	{ "direct", 'Z', NULL, 0, "Read and write with O_DIRECT, always", 0 },
	{ "require-mmap", OPT_REQUIRE_MMAP, NULL, 0, "Fail where a shared mapping cannot be written to; "
	  "otherwise what the file system lacks is said and left out", 0 },
	{ NULL, 0, NULL, 0, "Several processes:", 3 },
	{ "procs", OPT_PROCS, "N", 0, "N processes at the one file, at the same time (at most 32)", 0 },
	{ "serial", OPT_SERIAL, NULL, 0, "They take turns: no races, but exactly repeatable anywhere", 0 },
	{ NULL, 0, NULL, 0, "The log:", 4 },
	{ "record", OPT_RECORD, "LOG", 0, "Write all operations done to LOG", 0 },
	{ "replay", OPT_REPLAY, "LOG", 0, "Do those in LOG instead of random ones, begun in its order; what no "
	  "longer fits the file is fitted, or left out", 0 },
	{ "log-dir", 'P', "DIR", 0, "Where FILE.fsxlog and FILE.fsxmin go after a failure (default: beside FILE)", 0 },
	{ "minimize", OPT_MINIMIZE, NULL, 0, "After a failure, look for the fewest operations that still fail, on "
	  "FILE.min (the default, except with --replay)", 0 },
	{ "no-minimize", OPT_NO_MINIMIZE, NULL, 0, "Do not", 0 },
	{ "close-syncs", OPT_CLOSE_SYNCS, NULL, 0, "The server's file has to be equal after close, too", 0 },
	{}
};
/* clang-format on */

/* What is said by several options together, or has to be looked at before a long run. */
static void finish_options(bool no_mapwrite, bool no_mapread, bool dreadmap,
			   bool minimize_set)
{
	if (opt.replay) {
		read_log(opt.replay);
		/* the checks at the end are operations, too */
		opt.ops = script_len + 8;
		if (!minimize_set)
			opt.minimize = false;
	}
	/*
	 * While the read is under way, the pages that it goes to are pinned and no
	 * more than that: when another process truncates or opens the file, they
	 * may leave the cache, and the data goes nowhere. No file system promises
	 * otherwise, so this is done only when asked for.
	 */
	if (opt.procs > 1 && !dreadmap)
		weight[OP_DREADMAP] = 0;
	for (int i = 0; i < NR_KINDS; i++)
		if ((no_mapwrite && op_info[i].needs & NEED_MAPWRITE) ||
		    (no_mapread && (i == OP_MAPREAD || i == OP_WRITEMAP)))
			weight[i] = 0;
	if (opt.dir && access(opt.dir, W_OK | X_OK))
		usage_error("--log-dir: %s: %s", opt.dir, strerror(errno));
	if (opt.record) {
		FILE *f = fopen(opt.record, "a");

		if (!f)
			usage_error("--record: %s: %s", opt.record,
				    strerror(errno));
		fclose(f);
	}
	if (!opt.op_size)
		opt.op_size = opt.procs > 1 ? 16 << 10 : 64 << 10;
	if (opt.op_size > opt.length)
		opt.op_size = opt.length;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	static bool no_mapwrite, no_mapread, dreadmap, minimize_set;

	(void)state;
	switch (key) {
	case ARGP_KEY_INIT:
		default_ops();
		break;
	case 'N':
		opt.ops = number("-N", arg, 1, MAX_OPS);
		break;
	case 'l':
		opt.length = number("-l", arg, 1, MAX_LENGTH);
		break;
	case 'o':
		opt.op_size = number("-o", arg, 1, MAX_LENGTH);
		break;
	case 'r':
		opt.read_align = number("-r", arg, 1, MAX_LENGTH);
		break;
	case 'w':
		opt.write_align = number("-w", arg, 1, MAX_LENGTH);
		break;
	case 't':
		opt.trunc_align = number("-t", arg, 1, MAX_LENGTH);
		break;
	case 'W':
		no_mapwrite = true;
		break;
	case 'R':
		no_mapread = true;
		break;
	case 'Z':
		opt.direct_only = true;
		break;
	case 'P':
		opt.dir = arg;
		break;
	case OPT_CHECK:
		opt.check = number("--check", arg, 0, MAX_OPS);
		break;
	case OPT_OPS:
		choose_ops(arg);
		dreadmap = strstr(arg, op_info[OP_DREADMAP].name);
		break;
	case OPT_REQUIRE_MMAP:
		opt.require_mmap = true;
		break;
	case OPT_PROCS:
		opt.procs = number("--procs", arg, 1, MAX_PROCS);
		break;
	case OPT_SERIAL:
		opt.serial = true;
		break;
	case OPT_CLOSE_SYNCS:
		opt.close_syncs = true;
		break;
	case OPT_RECORD:
		opt.record = arg;
		break;
	case OPT_REPLAY:
		opt.replay = arg;
		break;
	case OPT_MINIMIZE:
	case OPT_NO_MINIMIZE:
		opt.minimize = key == OPT_MINIMIZE;
		minimize_set = true;
		break;
	case ARGP_KEY_END:
		finish_options(no_mapwrite, no_mapread, dreadmap, minimize_set);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void say_what(void)
{
	if (script)
		printf("fsx: replay of %s, %u operations", opt.replay,
		       script_len);
	else
		printf("fsx: seed %llu, %u operations",
		       (unsigned long long)common.seed, opt.ops);
	printf(", length %u, op size %u, %u process%s%s%s%s, file %s\n",
	       opt.length, opt.op_size, opt.procs, opt.procs > 1 ? "es" : "",
	       opt.serial ? " in turn" : "",
	       common.server ? ", server's file " : "",
	       common.server ? common.server : "", common.path);
}

int main(int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ &common_argp, 0, "With each run:", 5 }, {}
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "FILE",
		.doc = doc,
		.children = children,
		.help_filter = op_table,
	};
	struct op_list ops = { op_info, NR_KINDS };
	uint64_t verified = 0;
	int status = ST_OK;
	char log[PATH_MAX];
	ssize_t n;

	setvbuf(stdout, NULL, _IOLBF, 0);
	page = sysconf(_SC_PAGESIZE);
	argp_parse(&argp, argc, argv, 0, NULL, &ops);
	n = readlink("/proc/self/exe", self, PATH_MAX - 1);
	if (n <= 0 && !realpath(argv[0], self))
		opt.minimize = false;

	if (!common.quiet)
		say_what();
	probe();
	leave_out();

	shared = shared_zeros(sizeof(*shared));
	model = shared_zeros(opt.length);
	history = shared_zeros(((size_t)opt.ops + 8) * sizeof(*history));
	shared_lock(&shared->lock, &shared->moved);

	run_workers(opt.procs);
	if (shared->verdict == V_OK) {
		opt.ops = shared->nr_log + 8;
		run_last_check();
	}

	n = min_u32(shared->nr_log,
		    shared->verdict ? shared->bad_op + 1 : UINT32_MAX);
	if (opt.record)
		write_log(opt.record, history, n);
	if (shared->verdict != V_OK) {
		status = shared->verdict == V_DIFF ? ST_DIFF : ST_IO;
		report();
		if (!script) {
			beside(log, "fsxlog");
			write_log(log, history, n);
			printf("fsx: log: %s\n", log);
		}
		if (opt.minimize)
			minimize(status);
	}
	for (unsigned int i = 0; i < opt.procs; i++)
		verified += shared->verified[i];
	printf("fsx: %u operations, %llu verified bytes, %s\n", shared->nr_log,
	       (unsigned long long)verified, status ? "FAILED" : "ok");
	return status;
}
