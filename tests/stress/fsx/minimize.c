// SPDX-License-Identifier: GPL-2.0-only
/* The fewest operations that still fail. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fsx.h"

static char min_file[PATH_MAX], min_server[PATH_MAX], min_log[PATH_MAX];
char self[PATH_MAX];
static uint32_t runs;
static uint64_t runs_cost;
static bool min_serial;

/*
 * Do these operations, on a fresh file, still end as the run did? With @record,
 * min_log has them afterwards as they were fitted to the file.
 */
static bool still_fails(const struct op *ops, uint32_t n, int status,
			bool record)
{
	const char *argv[20];
	int argc = 0, result;
	pid_t pid;

	runs++;
	runs_cost += n + 100;
	write_log(min_log, ops, n);
	unlink(min_file);
	argv[argc++] = self;
	argv[argc++] = "--quiet";
	argv[argc++] = "--no-minimize";
	argv[argc++] = "--replay";
	argv[argc++] = min_log;
	if (record) {
		argv[argc++] = "--record";
		argv[argc++] = min_log;
	}
	if (min_serial)
		argv[argc++] = "--serial";
	if (opt.close_syncs)
		argv[argc++] = "--close-syncs";
	if (common.server) {
		argv[argc++] = "--server";
		argv[argc++] = min_server;
	}
	argv[argc++] = min_file;
	argv[argc] = NULL;
	pid = fork();
	if (pid < 0)
		io_error("fork");
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 1);
		dup2(null, 2);
		execv(self, (char *const *)argv);
		_exit(127);
	}
	if (waitpid(pid, &result, 0) != pid)
		io_error("waitpid");
	return WIFEXITED(result) && WEXITSTATUS(result) == status;
}

static bool worth_going_on(uint64_t budget)
{
	return runs < 5000 && runs_cost < budget;
}

/* Cut @n operations down to few that fail with @status; their number. */
static uint32_t cut_down(struct op *ops, uint32_t n, int status)
{
	uint64_t budget = 40ull * n + 1000000;
	uint32_t parts = 2, tail;
	struct op *try = malloc(n * sizeof(*try));

	if (!try)
		io_error("no memory");
	/* most failures need only what came last */
	for (tail = 16; tail < n; tail *= 4) {
		if (still_fails(ops + n - tail, tail, status, false)) {
			memmove(ops, ops + n - tail, tail * sizeof(*ops));
			n = tail;
			break;
		}
	}
	/* then leave out ever smaller parts, the oldest first */
	while (n > 1 && worth_going_on(budget)) {
		uint32_t part = (n + parts - 1) / parts, at = 0;
		bool smaller = false;

		while (at < n && worth_going_on(budget)) {
			uint32_t out = min_u32(part, n - at);

			memcpy(try, ops, at * sizeof(*ops));
			memcpy(try + at, ops + at + out,
			       (n - at - out) * sizeof(*ops));
			if (out < n &&
			    still_fails(try, n - out, status, false)) {
				n -= out;
				memcpy(ops, try, n * sizeof(*ops));
				smaller = true;
			} else {
				at += out;
			}
		}
		if (part == 1 && !smaller)
			break;
		if (part > 1)
			parts = min_u32(2ull * parts, n);
	}
	free(try);
	/* and make those that remain short */
	for (uint32_t i = 0; i < n; i++) {
		while (ops[i].kind != OP_TRUNCATE && ops[i].len > 1 &&
		       worth_going_on(budget)) {
			uint32_t len = ops[i].len;

			ops[i].len = len / 2;
			if (!still_fails(ops, n, status, false)) {
				ops[i].len = len;
				break;
			}
		}
	}
	return n;
}

void minimize(int status)
{
	uint32_t n = min_u32(shared->nr_log, shared->bad_op + 1), all = n;
	/* room for the checks that a recorded run ends with */
	struct op *ops = malloc((n + 8) * sizeof(*ops));

	if (!ops)
		io_error("no memory");
	memcpy(ops, history, n * sizeof(*ops));
	beside(min_log, "fsxmin");
	if (snprintf(min_file, PATH_MAX, "%s.min", common.path) >= PATH_MAX ||
	    snprintf(min_server, PATH_MAX, "%s.min",
		     common.server ? common.server : "") >= PATH_MAX)
		usage_error("%s: the name is too long", common.path);
	/* one after the other is exact; else it may take the same race again */
	min_serial = true;
	if (!still_fails(ops, n, status, false)) {
		min_serial = opt.serial;
		if (opt.procs == 1 || min_serial ||
		    !still_fails(ops, n, status, false)) {
			printf("fsx: the log alone does not fail again: not minimized%s\n",
			       opt.procs > 1 ? " (a race? try the seed)" : "");
			unlink(min_log);
			n = 0;
		}
	}
	if (n) {
		n = cut_down(ops, n, status);
		if (still_fails(ops, n, status, true)) {
			read_log(min_log);
			memcpy(ops, script, script_len * sizeof(*ops));
			n = script_len;
			/* every run ends with this anyway */
			while (n > 1 && ops[n - 1].kind == OP_CHECK)
				n--;
			write_log(min_log, ops, n);
		} else {
			write_log(min_log, ops, n);
		}
		printf("fsx: minimal replay: %u of %u operations, found in %u runs:\n",
		       n, all, runs);
		for (uint32_t i = 0; i < n && i < 40; i++) {
			printf("%6u ", i);
			print_op(stdout, &ops[i]);
		}
		if (n > 40)
			printf("       ...\n");
		printf("fsx: again: fsx --replay %s%s%s%s%s %s\n", min_log,
		       min_serial && opt.procs > 1 ? " --serial" : "",
		       opt.close_syncs ? " --close-syncs" : "",
		       common.server ? " --server " : "",
		       common.server ? common.server : "", common.path);
	}
	unlink(min_file);
	free(ops);
}
