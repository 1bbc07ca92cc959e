// SPDX-License-Identifier: GPL-2.0-only
/* See locks.h. */
#include "locks.h"
#include "board.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

static void add(const struct board_lock *new)
{
	struct board *board = board_get();

	for (int n = 0; n < BOARD_LOCKS; n++)
		if (!board->lock[n].kind) {
			board->lock[n] = *new;
			return;
		}
	/* what is not known is not told */
	board->locks_lost = true;
}

/* Nothing of this owner's from start to end; what sticks out stays. */
static void cut(uint64_t nodeid, uint64_t owner, bool flock, uint64_t start,
		uint64_t end)
{
	struct board *board = board_get();
	struct board_lock *l, rest;

	for (l = board->lock; l < board->lock + BOARD_LOCKS; l++) {
		if (!l->kind || l->nodeid != nodeid || l->owner != owner ||
		    l->flock != flock || l->start > end || l->end < start)
			continue;
		rest = *l;
		if (l->start < start && l->end > end) {
			l->end = start - 1;
			rest.start = end + 1;
			add(&rest);
		} else if (l->start < start) {
			l->end = start - 1;
		} else if (l->end > end) {
			l->start = end + 1;
		} else {
			l->kind = 0;
		}
	}
}

void locks_note(const struct op *op, const char *message, size_t len)
{
	const void *arg = message + sizeof(struct fuse_in_header);

	if (!board_get())
		return;
	if ((op->opcode == FUSE_SETLK || op->opcode == FUSE_SETLKW) &&
	    len >= sizeof(struct fuse_in_header) + sizeof(struct fuse_lk_in)) {
		const struct fuse_lk_in *in = arg;
		struct board_lock new = {
			.nodeid = op->nodeid,
			.owner = in->owner,
			.start = in->lk.start,
			.end = in->lk.end,
			.pid = in->lk.pid,
			.kind = in->lk.type == F_RDLCK ? 'r' : 'w',
			.flock = in->lk_flags & FUSE_LK_FLOCK,
		};

		cut(op->nodeid, in->owner, new.flock, new.start, new.end);
		if (in->lk.type != F_UNLCK)
			add(&new);
	} else if (op->opcode == FUSE_FLUSH) {
		cut(op->nodeid, ((const struct fuse_flush_in *)arg)->lock_owner,
		    false, 0, UINT64_MAX);
	} else if (op->opcode == FUSE_RELEASE) {
		const struct fuse_release_in *in = arg;

		if (in->release_flags & FUSE_RELEASE_FLOCK_UNLOCK)
			cut(op->nodeid, in->lock_owner, true, 0, UINT64_MAX);
	}
}
