// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs by chance: two to four tasks do a few things each to one file, as the seed says.
 * In the end each byte is what the last of some task's operations on it made of it: only
 * that one can have been the last of all. What nobody touched is as it was.
 *
 * With every fourth seed only the first task changes anything, and the others start
 * writeback, sync, read and drop pages. Then all is decided: each operation has the result
 * that it has on tmpfs, and the file ends as one there does.
 */
#define _GNU_SOURCE
#include "program.h"

#include <stdlib.h>
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

static bool one_changes(void)
{
	return program_seed % 4 == 0;
}

/* What came of it, told by the task: a store behind the end of the file does nothing. */
static bool (*done)[OPS];
/* the same on tmpfs, where one changes it */
static int twin;

__attribute__((constructor)) static void share(void)
{
	done = mmap(NULL, TASKS * sizeof(*done), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	twin = memfd_create("twin", 0);
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
	/* who alone changes it mostly stores, and looks whether it is there */
	static const unsigned char mostly[8] = { STORE_BYTE, STORE_BYTE,
						 LOOK,	     LOOK,
						 WRITE_BYTE, PUNCH_PAGE,
						 CUT,	     FORGET };
	unsigned int state = program_seed * 7919 + task * 104729 + n * 31;
	struct op op;

	chance(&state);
	if (!one_changes())
		op.what = chance(&state) % N_OPS;
	else if (task)
		op.what = START + chance(&state) % (N_OPS - START);
	else
		op.what = mostly[chance(&state) % 8];
	/* all that differs is of one page: let them meet there */
	op.page = chance(&state) % (one_changes() ? 2 : PAGES);
	op.at = op.page * PAGE + 100 * (chance(&state) % 2);
	op.byte = 'A' + task * OPS + n;
	return op;
}

static void setup(void)
{
	make_file("f", PAGES * PAGE, 'o');
	must(ftruncate(twin, 0));
	fill(twin, PAGES * PAGE, 'o');
}

/* Its result */
static int do_op(struct op o, int fd, char *map)
{
	char byte;

	switch (o.what) {
	case STORE_BYTE:
		return store(map + o.at, 1, o.byte);
	case WRITE_BYTE:
		return must(pwrite(fd, &o.byte, 1, o.at));
	case PUNCH_PAGE:
		return must(fallocate(
			fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			o.page * PAGE, PAGE));
	case CUT:
		return must(ftruncate(fd, o.page * PAGE));
	case START:
		kick(fd);
		return 0;
	case SYNC_FILE:
		return must(fsync(fd));
	case FORGET:
		return must(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	default:
		return must(pread(fd, &byte, 1, o.at)) ? byte : -1;
	}
}

/* What is stored behind the end is no data; tmpfs has it nevertheless once the file grows */
static bool is_behind_the_end(struct op o)
{
	return o.what == STORE_BYTE && o.at >= lseek(twin, 0, SEEK_END);
}

static void run(int task)
{
	int fd = file("f", O_RDWR);
	char *map = map_file(fd, PAGES * PAGE),
	     *twins = map_file(twin, PAGES * PAGE);

	opened();
	ready();
	for (int n = 0; n < OPS && task < tasks(); n++) {
		struct op o = op(task, n);
		int result = do_op(o, fd, map);

		done[task][n] = o.what != STORE_BYTE || result;
		if (!task && one_changes() && !is_behind_the_end(o) &&
		    result != do_op(o, twin, twins))
			fail("operation %d of the only task that changes it: not as on tmpfs",
			     o.what);
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
	char *data = NULL;
	off_t size = lseek(twin, 0, SEEK_END);

	if (one_changes()) {
		data = malloc(size + 1);
		must(pread(twin, data, size, 0));
		expect_content("f", data, size);
	}
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
