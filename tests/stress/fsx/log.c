// SPDX-License-Identifier: GPL-2.0-only
/* Operations as text: a line each. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "fsx.h"

struct op *script;
uint32_t script_len;

void print_op(FILE *f, const struct op *op)
{
	fprintf(f, "%-10s %#9x %#8x %#9x %x %#10x %u\n", op_info[op->kind].name,
		op->off, op->len, op->to, op->flags, op->data, op->proc);
}

void write_log(const char *path, const struct op *ops, uint32_t n)
{
	FILE *f = fopen(path, "w");

	if (!f)
		io_error("%s", path);
	fprintf(f, "fsx-log 1\nlength %#x\nprocs %u\n", opt.length, opt.procs);
	fprintf(f,
		"#operation   offset   length        to f       data process\n");
	for (uint32_t i = 0; i < n; i++)
		print_op(f, &ops[i]);
	if (fflush(f) || ferror(f) || fclose(f))
		io_error("%s", path);
}

void read_log(const char *path)
{
	FILE *f = fopen(path, "r");
	static uint32_t room;
	char line[256], name[32];
	unsigned int nr = 0;

	script_len = 0;
	if (!f)
		usage_error("--replay: %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		unsigned int flags, proc, value;
		struct op op = { 0 };
		int kind;

		nr++;
		line[strcspn(line, "\n")] = 0;
		if (nr == 1) {
			if (strcmp(line, "fsx-log 1"))
				usage_error("--replay: %s is not a log of fsx",
					    path);
			continue;
		}
		if (*line == '#' || !*line)
			continue;
		if (sscanf(line, "length %i", &value) == 1) {
			if (value < 1 || value > MAX_LENGTH)
				usage_error("--replay: %s:%u: bad length", path,
					    nr);
			opt.length = value;
			continue;
		}
		if (sscanf(line, "procs %u", &value) == 1) {
			if (value < 1 || value > MAX_PROCS)
				usage_error(
					"--replay: %s:%u: bad number of processes",
					path, nr);
			opt.procs = value;
			continue;
		}
		if (sscanf(line, "%31s %i %i %i %x %i %u", name, &op.off,
			   &op.len, &op.to, &flags, &op.data, &proc) != 7)
			usage_error("--replay: %s:%u: not an operation: %s",
				    path, nr, line);
		for (kind = 0; kind < NR_KINDS; kind++)
			if (!strcmp(name, op_info[kind].name))
				break;
		if (kind == NR_KINDS)
			usage_error("--replay: %s:%u: unknown operation '%s'",
				    path, nr, name);
		if (proc >= opt.procs)
			usage_error("--replay: %s:%u: process %u of %u", path,
				    nr, proc, opt.procs);
		if (op.len > opt.length || op.off > opt.length ||
		    op.to > opt.length)
			usage_error("--replay: %s:%u: past the length %#x",
				    path, nr, opt.length);
		op.kind = kind;
		op.proc = proc;
		op.flags = flags;
		if (script_len == MAX_OPS)
			usage_error("--replay: %s: more than %u operations",
				    path, MAX_OPS);
		if (script_len == room) {
			room = room ? 2 * room : 1024;
			script = realloc(script, room * sizeof(*script));
			if (!script)
				io_error("no memory for %s", path);
		}
		script[script_len++] = op;
	}
	if (ferror(f))
		io_error("%s", path);
	if (!script_len)
		usage_error("--replay: %s has no operations", path);
	fclose(f);
}

void beside(char *out, const char *suffix)
{
	const char *name = strrchr(common.path, '/');
	int n;

	if (opt.dir)
		n = snprintf(out, PATH_MAX, "%s/%s.%s", opt.dir,
			     name ? name + 1 : common.path, suffix);
	else
		n = snprintf(out, PATH_MAX, "%s.%s", common.path, suffix);
	if (n >= PATH_MAX)
		usage_error("%s: the name is too long", common.path);
}
