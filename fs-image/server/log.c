// SPDX-License-Identifier: GPL-2.0-only
/* The log: the last opt.log_entries events, and counters of all. */
#include "daemon.h"

#include <stdlib.h>
#include <string.h>

static struct entry *ring;
/* sequence numbers: the first since the log was emptied, the oldest kept, the next */
static uint64_t start, first, next;

static struct {
	uint64_t seen, held, done, failed, bytes, overlaps;
} count[OP_MAX];

void log_init(void)
{
	/* untouched pages of it cost nothing */
	ring = calloc(opt.log_entries, sizeof(*ring));
	if (!ring)
		abort();
}

void log_reset(void)
{
	start = first = next;
	memset(count, 0, sizeof(count));
}

static void add_up(const struct entry *e, const struct request *rq)
{
	unsigned int op = e->op.opcode < OP_MAX ? e->op.opcode : 0;

	switch (e->event) {
	case EV_SEEN:
		count[op].seen++;
		count[op].bytes += e->op.opcode == FUSE_WRITE ||
						   e->op.opcode == FUSE_READ ?
					   e->op.size :
					   0;
		count[op].overlaps += rq->overlap;
		break;
	case EV_HELD:
		count[op].held++;
		break;
	case EV_DONE:
		count[op].done++;
		count[op].failed += e->error != 0;
		break;
	default:
		break;
	}
}

uint64_t log_event(enum event ev, const struct request *rq, int error, long len,
		   const char *note)
{
	struct entry *e = &ring[next % opt.log_entries];

	memset(e, 0, sizeof(*e));
	e->seq = next++;
	if (next - first > opt.log_entries)
		first = next - opt.log_entries;
	e->time = now();
	e->event = ev;
	e->error = error;
	e->len = len;
	if (note)
		snprintf(e->note, sizeof(e->note), "%s", note);
	if (rq) {
		e->op = rq->op;
		e->overlap = ev == EV_SEEN && rq->overlap;
		if (rq->op.name) {
			snprintf(e->name, sizeof(e->name), "%s", rq->op.name);
			e->op.name = e->name;
		}
		add_up(e, rq);
	}
	if (ev != EV_DONE) /* counted once the kernel has the reply */
		control_count(ev, &e->op);
	return e->seq;
}

uint64_t log_lost(void)
{
	return first - start;
}

uint64_t log_next(void)
{
	return next;
}

struct entry *log_get(uint64_t seq)
{
	return seq >= first && seq < next ? &ring[seq % opt.log_entries] : NULL;
}

void log_print_op(FILE *out, const struct op *op)
{
	fprintf(out, "%-11s unique=%llu node=%llu", op_name(op->opcode),
		(unsigned long long)op->unique, (unsigned long long)op->nodeid);
	if (op->off >= 0)
		fprintf(out, " off=%lld", (long long)op->off);
	if (op->off >= 0 || op->truncate)
		fprintf(out, " size=%llu", (unsigned long long)op->size);
	if (op->writepage)
		fprintf(out, " writepage");
	if (op->flags)
		fprintf(out, " flags=%#x", op->flags);
	if (op->name)
		fprintf(out, " name=%s", op->name);
	fprintf(out, " pid=%u", op->pid);
}

void log_print_entry(FILE *out, const struct entry *e)
{
	static const char *const verbs[] = {
		[EV_SEEN] = ">",
		[EV_HELD] = "held",
		[EV_RELEASED] = "released",
		[EV_DONE] = "<",
		[EV_NOTIFY] = "notified",
		[EV_INTERRUPT] = "interrupt",
		[EV_ACTION] = "!",
	};

	fprintf(out, "%12.6f %-9s ", e->time, verbs[e->event]);
	if (e->op.opcode)
		log_print_op(out, &e->op);
	if (e->event == EV_DONE && e->len >= 0)
		fprintf(out, " reply=%ld", e->len);
	if (e->error)
		fprintf(out, " error=%s", errno_name(e->error));
	if (*e->note)
		fprintf(out, "%s(%s)", e->op.opcode ? " " : "", e->note);
	fputc('\n', out);
}

void log_stats(FILE *out)
{
	unsigned long held[OP_MAX] = { 0 };
	struct request *rq;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->keep != RUNNING && rq->op.opcode < OP_MAX)
			held[rq->op.opcode]++;
	fprintf(out, "%-16s %8s %8s %8s %8s %12s %8s\n", "opcode", "seen",
		"kept", "done", "failed", "bytes", "overlaps");
	for (unsigned int i = 1; i < OP_MAX; i++)
		if (count[i].seen || held[i])
			fprintf(out,
				"%-16s %8llu %8lu %8llu %8llu %12llu %8llu\n",
				op_name(i), (unsigned long long)count[i].seen,
				held[i], (unsigned long long)count[i].done,
				(unsigned long long)count[i].failed,
				(unsigned long long)count[i].bytes,
				(unsigned long long)count[i].overlaps);
}
