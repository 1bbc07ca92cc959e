// SPDX-License-Identifier: GPL-2.0-only
/* Who may touch which bytes of the file. */

#include "fsx.h"

/*
 * The bytes that @op reads or changes. An operation that depends on the size
 * claims all that follows, since every change of the size does so too.
 *
 * Bytes are enough for reads, writes and the mapping. O_DIRECT, fallocate and
 * copy_file_range work on the file behind the cache: what another process
 * stores into the same page at that moment has no defined outcome, so these
 * claim whole pages.
 */
static void ranges(const struct op *op, uint32_t size, struct range r[2])
{
	uint64_t end = end_of(op);

	r[0] = (struct range){ op->off, end };
	r[1] = (struct range){ 0, 0 };

	switch (op->kind) {
	case OP_READ:
	case OP_WRITE:
		break;
	case OP_MAPREAD:
	case OP_MAPWRITE:
		return;
	case OP_MAPEOF:
	case OP_STAT:
		r[0] = (struct range){ size, EVERYTHING };
		return;
	case OP_TRUNCATE:
		r[0] = (struct range){ min_u32(size, op->len), EVERYTHING };
		return;
	case OP_COLLAPSE:
	case OP_INSERT:
		r[0] = (struct range){ op->off, EVERYTHING };
		return;
	case OP_OTRUNC:
	case OP_CHECK:
		r[0] = (struct range){ 0, EVERYTHING };
		return;
	case OP_REOPEN:
		r[0] = (struct range){ 0, opt.close_syncs ? EVERYTHING : 0 };
		return;
	case OP_FSYNC:
	case OP_MSYNC:
		if (opt.procs == 1)
			r[0] = (struct range){ 0, EVERYTHING };
		break;
	case OP_KICK:
	case OP_INVALIDATE:
	case OP_ZAP:
	case OP_DROP:
		r[0] = (struct range){ 0, 0 };
		return;
	case OP_COPY:
	case OP_WRITEMAP:
	case OP_READMAP:
	case OP_DREADMAP:
		r[1] = (struct range){ op->to, dest_end(op) };
		if (r[1].hi > size)
			r[1] = (struct range){ min_u32(size, op->to),
					       EVERYTHING };
		if (op->kind == OP_WRITEMAP || op->kind == OP_READMAP)
			return;
		break;
	}
	if (r[0].hi > size)
		r[0] = (struct range){ min_u32(size, op->off), EVERYTHING };
	if (op->kind == OP_READ || op->kind == OP_WRITE)
		return;
	for (int i = 0; i < 2; i++) {
		r[i].lo = round_down(r[i].lo, page);
		if (r[i].hi != EVERYTHING)
			r[i].hi = round_up(r[i].hi, page);
	}
}

static bool overlap(const struct claim *a, const struct claim *b)
{
	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			if (a->r[i].lo < b->r[j].hi && b->r[j].lo < a->r[i].hi)
				return true;
	return false;
}

/* Is somebody at these bytes, or waiting for them for longer than we are? */
static bool must_wait(unsigned int me)
{
	const struct claim *mine = &shared->claim[me];

	for (unsigned int i = 0; i < opt.procs; i++) {
		const struct claim *c = &shared->claim[i];

		if (i == me || c->state == CLAIM_NONE || !overlap(c, mine))
			continue;
		if (c->state == CLAIM_HELD || c->ticket < mine->ticket)
			return true;
	}
	return false;
}

int claim(unsigned int me, struct op *op, uint32_t *size, uint32_t *nr)
{
	struct claim *mine = &shared->claim[me];
	const struct op wanted = *op;
	int ret = -1;

	pthread_mutex_lock(&shared->lock);
	mine->ticket = ++shared->tickets;
	for (;;) {
		if (shared->stop || shared->nr_log == opt.ops)
			break;
		*op = wanted;
		*size = shared->size;
		if (!clip(op, *size)) {
			ret = 0;
			break;
		}
		ranges(op, *size, mine->r);
		mine->state = CLAIM_WANTED;
		if (!must_wait(me)) {
			mine->state = CLAIM_HELD;
			*nr = shared->nr_log++;
			history[*nr] = *op;
			ret = 1;
			break;
		}
		pthread_cond_wait(&shared->moved, &shared->lock);
	}
	if (ret <= 0) {
		mine->state = CLAIM_NONE;
		pthread_cond_broadcast(&shared->moved);
	}
	pthread_mutex_unlock(&shared->lock);
	return ret;
}

void unclaim(unsigned int me, uint32_t old_size, uint32_t new_size)
{
	pthread_mutex_lock(&shared->lock);
	if (new_size != old_size)
		shared->size = new_size;
	shared->claim[me].state = CLAIM_NONE;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}
