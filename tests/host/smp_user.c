// SPDX-License-Identifier: GPL-2.0-only
/*
 * smp_user: what goes into a mapping while another CPU makes its page clean, or adds to the
 * same word, for smp.sh
 *
 *	smp_user store FILE OTHER ROUNDS	a store, just after fsync(2) by another process
 *	smp_user read FILE OTHER ROUNDS		read(2), beside one who starts writeback
 *	smp_user futex FILE OTHER ROUNDS	FUTEX_WAKE_OP, beside one who adds in user mode
 *
 * OTHER is FILE as the server sees it: after fsync(2) it must have what came last. Prints
 * how many times it had not, or how much is missing in the word. Status: 0 never; 1 some,
 * or it failed; 2 wrong usage.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static int file, other, rounds;
static unsigned char *map;

static void check(int failed, const char *what)
{
	if (failed) {
		perror(what);
		exit(1);
	}
}

static int is_there(const void *want, size_t len)
{
	char have[PAGE];

	check(fsync(file), "fsync");
	check(pread(other, have, len, 0) != (ssize_t)len, "read");
	return !memcmp(have, want, len);
}

/* Who stores must not enter the kernel in between: turns are passed in user mode. */
static int store(void)
{
	volatile int *word = (int *)map;
	atomic_int *turn = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int lost = 0;

	check(turn == MAP_FAILED, "mmap");
	if (!fork()) {
		for (int n = 0; n < rounds; n++) {
			*word = 2 * n + 1;
			*turn = 4 * n + 1;
			while (*turn != 4 * n + 2)
				;
			*word = 2 * n + 2;
			*turn = 4 * n + 3;
			while (*turn != 4 * n + 4)
				;
		}
		_exit(0);
	}
	for (int n = 0; n < rounds; n++) {
		int last = 2 * n + 2;

		while (*turn != 4 * n + 1)
			;
		check(fsync(file), "fsync");
		*turn = 4 * n + 2;
		while (*turn != 4 * n + 3)
			;
		lost += !is_there(&last, sizeof(last));
		*turn = 4 * n + 4;
	}
	wait(NULL);
	return lost;
}

static int copy(void)
{
	int source = open("/tmp/source", O_RDWR | O_CREAT | O_TRUNC, 0600),
	    lost = 0;
	char data[PAGE];
	pid_t cleaner;

	check(source < 0, "/tmp/source");
	cleaner = fork();
	if (!cleaner)
		for (;;)
			sync_file_range(file, 0, PAGE, SYNC_FILE_RANGE_WRITE);
	for (int n = 1; n <= rounds; n++) {
		map[0] = ~n; /* dirty, so that read(2) meets no fault */
		memset(data, n, PAGE);
		check(pwrite(source, data, PAGE, 0) != PAGE, "write");
		check(pread(source, map, PAGE, 0) != PAGE, "read");
		lost += !is_there(data, PAGE);
	}
	kill(cleaner, SIGKILL);
	wait(NULL);
	return lost;
}

static int futex(void)
{
	struct {
		atomic_uint word, stop;
		unsigned int added, nobody;
	} *both = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	check(both == MAP_FAILED, "mmap");
	if (!fork()) {
		for (; !both->stop; both->added++)
			both->word++;
		_exit(0);
	}
	while (!both->word)
		;
	for (int n = 0; n < rounds; n++)
		check(syscall(SYS_futex, &both->nobody, FUTEX_WAKE_OP, 0, 0,
			      &both->word,
			      FUTEX_OP(FUTEX_OP_ADD, 1, FUTEX_OP_CMP_EQ, 0)) <
			      0,
		      "futex");
	both->stop = 1;
	wait(NULL);
	return both->added + rounds - both->word;
}

static const struct {
	const char *name;
	int (*run)(void);
} modes[] = { { "store", store }, { "read", copy }, { "futex", futex } };

int main(int argc, char **argv)
{
	int lost, mode = 0;

	while (argc == 5 && mode < 3 && strcmp(argv[1], modes[mode].name))
		mode++;
	if (argc != 5 || mode == 3)
		return 2;
	file = open(argv[2], O_RDWR | O_CREAT | O_TRUNC, 0600);
	check(file < 0 || ftruncate(file, PAGE), argv[2]);
	other = open(argv[3], O_RDONLY);
	check(other < 0, argv[3]);
	rounds = atoi(argv[4]);
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	check(map == MAP_FAILED, "mmap");
	lost = modes[mode].run();
	printf("%d lost\n", lost);
	return !!lost;
}
