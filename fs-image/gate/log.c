// SPDX-License-Identifier: GPL-2.0-only
/* See log.h. */
#include "log.h"
#include "state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct entry *ring;
static unsigned int ring_size;
/* sequence numbers: the first since the log was emptied, the oldest kept, the next */
static uint64_t start, first, next;
static double last_time;

static struct {
	uint64_t tally[TALLY_NR], failed, bytes;
} count[OP_NR];

/* Counters for what somebody asked for that is not only opcodes */
struct counter {
	enum tally what;
	struct match match;
	uint64_t n;
};

static struct counter counters[64];
static unsigned int nr_counters;

void (*log_watcher)(enum event ev, const struct op *op);

/* In a file, if it can be: untouched pages of it cost nothing */
static void *ring_in_file(const char *control, size_t size)
{
	void *map = MAP_FAILED;
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s.log", control);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return NULL;
	if (!ftruncate(fd, size))
		map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			   0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

void log_init(unsigned int entries, const char *control)
{
	_Static_assert(sizeof(*ring) == 216 && offsetof(struct entry, op) == 24,
		       "gate.py has it so");

	ring = ring_in_file(control, entries * sizeof(*ring));
	if (!ring)
		ring = calloc(entries, sizeof(*ring));
	if (!ring)
		abort();
	ring_size = entries;
}

void log_reset(void)
{
	start = first = next;
	memset(count, 0, sizeof(count));
	while (nr_counters)
		match_free(&counters[--nr_counters].match);
}

static void add_up(enum tally what, const struct op *op)
{
	count[op->opcode < OP_MAX ? op->opcode : 0].tally[what]++;
	if (op->truncate)
		count[OP_TRUNCATE].tally[what]++;
	if (op->writepage)
		count[OP_WRITEPAGE].tally[what]++;
	count[OP_ALL].tally[what]++;
	for (unsigned int i = 0; i < nr_counters; i++)
		counters[i].n += counters[i].what == what &&
				 match_op(&counters[i].match, op);
}

static void tell(enum event ev, const struct op *op)
{
	if (log_watcher)
		log_watcher(ev, op);
}

static struct entry *add(enum event ev, const struct op *op, int error,
			 long len, const char *note)
{
	struct entry *e = &ring[next % ring_size];

	e->seq = next++;
	if (next - first > ring_size)
		first = next - ring_size;
	e->time = last_time = now();
	e->event = ev;
	e->error = error;
	e->len = len;
	e->overlap = e->sent = false;
	e->note[0] = 0;
	if (note)
		snprintf(e->note, sizeof(e->note), "%s", note);
	if (op) {
		e->op = *op;
		e->op.newname = NULL;
		if (op->name) {
			snprintf(e->name, sizeof(e->name), "%s", op->name);
			e->op.name = e->name;
		}
	} else {
		e->op = (struct op){ .off = -1 };
	}
	return e;
}

uint64_t log_event(enum event ev, const struct op *op, int error, long len,
		   const char *note)
{
	struct entry *e = add(ev, op, error, len, note);

	if (ev == EV_NOTIFY)
		add_up(TALLY_NOTIFIED, &e->op);
	if (ev != EV_DONE)
		tell(ev, &e->op);
	return e->seq;
}

void log_seen(const struct op *op, bool overlap)
{
	struct entry *e = add(EV_SEEN, op, 0, -1,
			      overlap ? "OVERLAPS a write in flight" : NULL);

	e->overlap = overlap;
	add_up(TALLY_SEEN, op);
	if (overlap)
		add_up(TALLY_OVERLAPS, op);
	if (op->opcode < OP_MAX)
		count[op->opcode].bytes +=
			op->opcode == FUSE_WRITE || op->opcode == FUSE_READ ?
				op->size :
				0;
	tell(EV_SEEN, op);
}

void log_sent(uint64_t seq, const struct op *op, int error, int err)
{
	struct entry *e = log_get(seq);

	if (e) {
		e->sent = true;
		if (err)
			snprintf(e->note, sizeof(e->note), "not taken: %s",
				 errno_name(err));
	}
	if (seq >= start) { /* else of before a reset */
		add_up(TALLY_DONE, op);
		if (op->opcode < OP_MAX)
			count[op->opcode].failed += error != 0;
	}
	tell(EV_DONE, op);
}

uint64_t log_lost(void)
{
	return first - start;
}

double log_time(void)
{
	return last_time;
}

uint64_t log_next(void)
{
	return next;
}

struct entry *log_get(uint64_t seq)
{
	return seq >= first && seq < next ? &ring[seq % ring_size] : NULL;
}

static bool is(enum tally what, const struct entry *e)
{
	switch (what) {
	case TALLY_SEEN:
		return e->event == EV_SEEN;
	case TALLY_DONE:
		return e->event == EV_DONE && e->sent;
	case TALLY_NOTIFIED:
		return e->event == EV_NOTIFY;
	default:
		return e->event == EV_SEEN && e->overlap;
	}
}

/* Pseudo opcodes are among those of a real one: none is counted twice. */
static uint64_t count_opcodes(enum tally what, const struct match *m)
{
	uint64_t n = 0;

	if (m->op[OP_ALL])
		return count[OP_ALL].tally[what];
	for (unsigned int i = 0; i < OP_MAX; i++)
		n += m->op[i] ? count[i].tally[what] : 0;
	if (m->op[OP_TRUNCATE] && !m->op[FUSE_SETATTR])
		n += count[OP_TRUNCATE].tally[what];
	if (m->op[OP_WRITEPAGE] && !m->op[FUSE_WRITE])
		n += count[OP_WRITEPAGE].tally[what];
	return n;
}

bool log_count(enum tally what, const struct match *m, uint64_t *n)
{
	struct counter *c;
	struct entry *e;

	if (match_only_opcodes(m)) {
		*n = count_opcodes(what, m);
		return true;
	}
	for (c = counters; c < counters + nr_counters; c++) {
		if (c->what == what && match_equal(&c->match, m)) {
			*n = c->n;
			return true;
		}
	}
	*n = 0;
	for (uint64_t seq = next; seq-- && (e = log_get(seq));)
		*n += is(what, e) && match_op(m, &e->op);
	if (log_lost())
		return false;
	if (nr_counters < ARRAY_SIZE(counters)) {
		counters[nr_counters] =
			(struct counter){ .what = what, .n = *n };
		match_copy(&counters[nr_counters++].match, m);
	}
	return true;
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
		op_print(out, &e->op);
	if (e->event == EV_DONE && e->len >= 0)
		fprintf(out, " reply=%ld", e->len);
	if (e->error)
		fprintf(out, " error=%s", errno_name(e->error));
	if (*e->note)
		fprintf(out, "%s(%s)", e->op.opcode ? " " : "", e->note);
	fputc('\n', out);
}

void log_stats(FILE *out, const unsigned long kept[OP_MAX])
{
	fprintf(out, "%-16s %8s %8s %8s %8s %12s %8s\n", "opcode", "seen",
		"kept", "done", "failed", "bytes", "overlaps");
	for (unsigned int i = 1; i < OP_MAX; i++)
		if (count[i].tally[TALLY_SEEN] || kept[i])
			fprintf(out,
				"%-16s %8llu %8lu %8llu %8llu %12llu %8llu\n",
				op_name(i),
				(unsigned long long)count[i].tally[TALLY_SEEN],
				kept[i],
				(unsigned long long)count[i].tally[TALLY_DONE],
				(unsigned long long)count[i].failed,
				(unsigned long long)count[i].bytes,
				(unsigned long long)count[i]
					.tally[TALLY_OVERLAPS]);
}
