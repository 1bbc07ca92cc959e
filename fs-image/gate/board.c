// SPDX-License-Identifier: GPL-2.0-only
/* See board.h. */
#include "board.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct board *board;
static int next; /* where to look for a free slot first */

void board_init(const char *control)
{
	char path[4096];
	void *map;
	int fd;

	snprintf(path, sizeof(path), "%s.board", control);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return; /* it only explains hangs */
	if (!ftruncate(fd, sizeof(*board))) {
		map = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
			   MAP_SHARED, fd, 0);
		if (map != MAP_FAILED) {
			board = map;
			board->slots = BOARD_SLOTS;
			board->pid = getpid();
			board->size = sizeof(board->slot[0]);
			board->locks = BOARD_LOCKS;
			board->lock_size = sizeof(board->lock[0]);
			memcpy(board->magic, "GATE 1", 6);
		}
	}
	close(fd);
}

struct board *board_get(void)
{
	return board;
}

int board_take(uint64_t unique)
{
	if (!board || !unique)
		return -1;
	for (int n = 0; n < BOARD_SLOTS; n++) {
		int slot = (next + n) % BOARD_SLOTS;

		if (!board->slot[slot].unique) {
			board->slot[slot].unique = unique;
			next = slot + 1;
			return slot;
		}
	}
	return -1;
}

void board_set(int slot, const char *place, uint32_t thread, uint32_t rule,
	       double due)
{
	struct board_slot *s;

	if (slot < 0)
		return;
	s = &board->slot[slot];
	strncpy(s->place, place, sizeof(s->place) - 1);
	s->thread = thread;
	s->rule = rule;
	s->due = due * 1e9;
}

void board_free(int slot)
{
	if (slot >= 0)
		memset(&board->slot[slot], 0, sizeof(board->slot[slot]));
}
