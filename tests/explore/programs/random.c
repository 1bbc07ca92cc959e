// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs by chance: two to four tasks do a few things each to one file, as the seed says.
 * In the end each byte is what the last of some task's operations on it made of it: only
 * that one can have been the last of all. What nobody touched is as it was.
 */
#define _GNU_SOURCE
#include "program.h"

#include <string.h>
#include <sys/mman.h>

#define PAGES 4
#define OPS 6
#define TASKS 4

struct op {
	enum {
		STORE_BYTE,
		WRITE_BYTE,
		PUNCH_PAGE,
		CUT,
		START,
		SYNC_FILE,
		FORGET,
		LOOK,
		N_OPS
	} what;
	int page, at;
	char byte;
};

/* What came of it, told by the task: a store behind the end of the file does nothing. */
static bool (*done)[OPS];

__attribute__((constructor)) static void share(void)
{
	done = mmap(NULL, TASKS * sizeof(*done), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static unsigned int chance(unsigned int *state)
{
	*state = *state * 1103515245 + 12345;
	return *state >> 16;
}

static int tasks(void)
{
	unsigned int state = program_seed * 977;

	return 2 + chance(&state) % (TASKS - 1);
}

static struct op op(int task, int n)
{
	unsigned int state = program_seed * 7919 + task * 104729 + n * 31;
	struct op op;

	chance(&state);
	op.what = chance(&state) % N_OPS;
	op.page = chance(&state) % PAGES;
	op.at = op.page * PAGE + 100 * (chance(&state) % 2);
	op.byte = 'A' + task * OPS + n;
	return op;
}

static void setup(void)
{
	make_file("f", PAGES * PAGE, 'o');
}

static void run(int task)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, PAGES * PAGE), byte;

	opened();
	ready();
	for (int n = 0; n < OPS && task < tasks(); n++) {
		struct op o = op(task, n);
		bool did = true;

		switch (o.what) {
		case STORE_BYTE:
			did = store(map + o.at, 1, o.byte);
			break;
		case WRITE_BYTE:
			must(pwrite(fd, &o.byte, 1, o.at));
			break;
		case PUNCH_PAGE:
			must(fallocate(
				fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				o.page * PAGE, PAGE));
			break;
		case CUT:
			must(ftruncate(fd, o.page * PAGE));
			break;
		case START:
			kick(fd);
			break;
		case SYNC_FILE:
			must(fsync(fd));
			break;
		case FORGET:
			must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
			break;
		default:
			must(pread(fd, &byte, 1, o.at));
		}
		done[task][n] = did;
	}
}

static void task_0(void)
{
	run(0);
}

static void task_1(void)
{
	run(1);
}

static void task_2(void)
{
	run(2);
}

static void task_3(void)
{
	run(3);
}

/* Does it decide what is at an offset, and what is it? */
static bool decides(struct op o, off_t at, char *byte)
{
	*byte = o.what == STORE_BYTE || o.what == WRITE_BYTE ? o.byte : 0;
	switch (o.what) {
	case STORE_BYTE:
	case WRITE_BYTE:
		return at == o.at;
	case PUNCH_PAGE:
		return at / PAGE == o.page;
	case CUT:
		return at >= o.page * PAGE;
	default:
		return false;
	}
}

static void check(void)
{
	for (int where = 0; where < 2 * PAGES; where++) {
		off_t at = where / 2 * PAGE + where % 2 * 100;
		char allowed[TASKS + 1] = "", byte;
		bool zero = false;

		for (int task = 0; task < tasks(); task++) {
			for (int n = OPS - 1; n >= 0; n--) {
				if (!done[task][n] ||
				    !decides(op(task, n), at, &byte))
					continue;
				if (byte)
					strncat(allowed, &byte, 1);
				zero |= !byte;
				break;
			}
		}
		/* 0 is also what is cut off */
		if (zero)
			expect_bytes("f", at, at + 1, allowed);
		else
			expect_data("f", at, at + 1, *allowed ? allowed : "o");
	}
}

PROGRAM(.setup = setup,
	.tasks = { { "task 0", task_0 },
		   { "task 1", task_1 },
		   { "task 2", task_2 },
		   { "task 3", task_3 } },
	.check = check)
