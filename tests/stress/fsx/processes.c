// SPDX-License-Identifier: GPL-2.0-only
/* What each process does, and in which order. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>

#include "fsx.h"

#define MAX_IDLE 100000 /* operations in a row that cannot be done */

/* Small, page-sized and large lengths all happen often. */
static uint32_t random_len(struct rng *rng)
{
	uint32_t max = opt.op_size;

	switch (rng_below(rng, 4)) {
	case 0:
		max = min_u32(max, 64);
		break;
	case 1:
		max = min_u32(max, page);
		break;
	case 2:
		return min_u32(round_up(1 + rng_below(rng, max), page), max);
	}
	return 1 + rng_below(rng, max);
}

static struct op random_op(struct rng *rng)
{
	/* ranges used lately: bugs take several operations on one of them */
	static struct {
		uint32_t off, len;
	} hot[3];
	unsigned int again;
	struct op op = { .proc = own.me };
	uint32_t align = 1, r;

	op.kind = rng_pick(rng, weight, NR_KINDS);
	op.off = rng_below(rng, opt.length);
	op.len = random_len(rng);
	op.to = rng_below(rng, opt.length);
	op.data = rng_next(rng);
	r = rng_next(rng);
	/* where pages meet is where the bugs are */
	if (r & 1)
		op.off = round_down(op.off, page);
	if (r & 2)
		op.to = round_down(op.to, page);
	again = rng_below(rng, 3);
	if (rng_below(rng, 4) && hot[again].len) {
		op.off = hot[again].off;
		op.len = hot[again].len;
	} else {
		hot[again].off = op.off;
		hot[again].len = op.len;
	}

	switch (op.kind) {
	case OP_READ:
	case OP_MAPREAD:
		align = opt.read_align;
		break;
	case OP_WRITE:
	case OP_MAPWRITE:
		align = opt.write_align;
		break;
	case OP_TRUNCATE:
		op.len = round_down(r & 4 ? op.off : op.to, opt.trunc_align);
		op.off = 0;
		break;
	}
	if (align > 1) {
		op.off = round_down(op.off, align);
		op.len = round_up(op.len, align);
	}
	if (op.kind != OP_WRITE && op.kind != OP_MAPWRITE &&
	    op.kind != OP_MAPEOF && op.kind != OP_DWRITE)
		op.data = 0;
	if (op.kind != OP_COPY && op.kind != OP_WRITEMAP &&
	    op.kind != OP_READMAP && op.kind != OP_DREADMAP)
		op.to = 0;
	if (opt.direct_only && op.kind == OP_READ)
		op.kind = OP_DREAD;
	if (opt.direct_only && op.kind == OP_WRITE)
		op.kind = OP_DWRITE;

	switch (op.kind) {
	case OP_MAPREAD:
	case OP_MAPWRITE:
	case OP_MAPEOF:
		op.flags = r & 16 ? F_OWN : 0;
		break;
	case OP_ALLOC:
	case OP_ZERO:
	case OP_REOPEN:
		op.flags = r & 16 ? F_KEEP : 0;
		break;
	case OP_FSYNC:
		op.flags = r & 16 ? F_DATA : 0;
		break;
	}
	return op;
}

static void wait_for_turn(uint32_t at)
{
	pthread_mutex_lock(&shared->lock);
	while (shared->turn != at && !shared->stop)
		pthread_cond_wait(&shared->moved, &shared->lock);
	pthread_mutex_unlock(&shared->lock);
}

static void give_turn(uint32_t at)
{
	pthread_mutex_lock(&shared->lock);
	shared->turn = at;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}

/*
 * Do @op if it can be done to the file as it is; count those in a row that cannot.
 * Then it is turn @next: as soon as @op has its claim, or with --serial when it is
 * over. There are no turns when @next is 0.
 */
static enum verdict step(struct op *op, uint32_t next)
{
	static uint32_t idle;
	enum verdict v;
	int ret = claim(own.me, op, &own.size, &own.nr);

	if (next && (ret <= 0 || !opt.serial))
		give_turn(next);
	if (ret == 0 && ++idle == MAX_IDLE && !script)
		return fail_message(
			V_IO,
			"nothing chosen can be done to a file of %u bytes",
			own.size);
	if (ret <= 0)
		return V_OK;
	idle = 0;
	if (common.verbose) {
		printf("%6u ", own.nr);
		print_op(stdout, op);
	}
	if (sigsetjmp(bus_jump, 0)) {
		v = fail_message(
			V_IO, "SIGBUS in %s, at offset %#llx of the mapping",
			op_info[op->kind].name,
			own.map && bus_addr - (uintptr_t)own.map <
						opt.length + page ?
				(unsigned long long)(bus_addr -
						     (uintptr_t)own.map) :
				(unsigned long long)op->off);
	} else {
		bus_armed = 1;
		v = do_op(op);
		bus_armed = 0;
	}
	unclaim(own.me, own.size, v ? own.size : apply(op, model, own.size));
	if (next && opt.serial)
		give_turn(next);
	if (!v && common.progress && (own.nr + 1) % common.progress == 0)
		printf("fsx: %u operations\n", own.nr + 1);
	/* nothing preempts a process in a guest whose time stands still */
	if (opt.procs > 1)
		sched_yield();
	return v;
}

/*
 * The log is in the order in which operations began, and so they begin again. With
 * --serial each also ends before the next begins.
 */
static void run_script(void)
{
	for (uint32_t i = 0; i < script_len && !shared->stop; i++) {
		struct op op = script[i];

		if (op.proc != own.me)
			continue;
		wait_for_turn(i);
		if (op_info[op.kind].needs & ~offered)
			give_turn(i + 1);
		else
			step(&op, i + 1);
	}
}

static void run_random(void)
{
	struct rng rng = { .state = mix64(common.seed) +
				    ((uint64_t)own.me << 48) };
	uint32_t until_check = opt.check;
	bool over = false;

	for (uint32_t turn = own.me; !over; turn += opt.procs) {
		struct op op = random_op(&rng);

		if (opt.serial)
			wait_for_turn(turn);
		over = shared->stop || shared->nr_log >= opt.ops;
		if (own.me == 0 && opt.check && shared->nr_log >= until_check) {
			op = (struct op){ .kind = OP_CHECK };
			until_check += opt.check;
		}
		if (!over)
			step(&op, opt.serial ? turn + 1 : 0);
		else if (opt.serial)
			give_turn(turn + 1);
	}
}

/* Open everything. False: it failed, and that has been noted. */
static bool begin(unsigned int me)
{
	catch_sigbus();
	own.me = me;
	own.direct = -1;
	own.server = -1;
	own.nr = shared->nr_log;
	own.buf = mmap(NULL, round_up(opt.length, page), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (own.buf == MAP_FAILED)
		io_error("no memory");
	if (common.server) {
		own.server = open(common.server, O_RDONLY);
		if (own.server < 0)
			return failed(common.server) == V_OK;
	}
	return !open_file(0) && !map_file();
}

static void work(unsigned int me)
{
	if (!begin(me))
		return;
	if (script)
		run_script();
	else
		run_random();
}

/* Everything, also as it comes back from the server. */
static void last_check(unsigned int me)
{
	static const struct op last[] = {
		{ .kind = OP_CHECK },
		{ .kind = OP_REOPEN },
		{ .kind = OP_INVALIDATE, .len = MAX_LENGTH },
		{ .kind = OP_CHECK },
	};

	if (!begin(me))
		return;
	for (unsigned int i = 0; i < sizeof(last) / sizeof(*last); i++) {
		struct op op = last[i];

		op.len = min_u32(op.len, opt.length);
		step(&op, 0);
	}
}

static void died(unsigned int i, const char *how)
{
	(void)i;
	if (shared->verdict != V_OK)
		return;
	shared->verdict = V_IO;
	shared->bad_op = shared->nr_log ? shared->nr_log - 1 : 0;
	snprintf(shared->message, sizeof(shared->message), "a process %s", how);
}

void run_workers(unsigned int n)
{
	run_processes(n, work, died);
}

void run_last_check(void)
{
	run_processes(1, last_check, died);
}
