// SPDX-License-Identifier: GPL-2.0-only
/*
 * act: does to a file what a shell cannot. act --help is the manual.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"
#include "verbs.h"

static struct {
	const char *path;
	int fd;
	long pages;
	struct actor actor;
} file = { .fd = -1 };

static long do_(enum verb verb, long a, long b, long c, long d)
{
	return do_verb(&file.actor, verb, file.path,
		       (const long[5]){ a, b, c, d });
}

static long open_file(long pages, long unused)
{
	long size, n;

	(void)unused;
	n = do_(OPEN_FILE, O_RDWR | O_CREAT, 0, 0, 0);
	if (n < 0)
		return n;
	file.fd = n;
	file.pages = pages > 0 ? pages : 1;
	size = do_(SIZE, file.fd, 0, 0, 0);
	if (size >= 0 && size < file.pages * PAGE)
		size = do_(TRUNCATE, file.fd, file.pages * PAGE, 0, 0);
	if (size < 0)
		return size;
	n = do_(MAP, file.fd, file.pages * PAGE, 0, 0);
	/* a kernel without writable mappings: the other verbs still work */
	return n == -ENODEV ? 0 : n;
}

static long store(long page, long unused)
{
	(void)unused;
	return do_(STORE, page * PAGE, 'a' + page % 26, 0, 0);
}

static long fill(long page, long unused)
{
	(void)unused;
	return do_(STORE_RANGE, page * PAGE, PAGE, 'a' + page % 26, 0);
}

static long load(long page, long unused)
{
	(void)unused;
	return do_(LOAD, page * PAGE, 0, 0, 0);
}

static long write_byte(long page, long unused)
{
	(void)unused;
	return do_(WRITE, file.fd, page * PAGE, 1, 'w');
}

static long shift(long from, long to)
{
	if (!from)
		return -EINVAL;
	return do_(WRITE_FROM_MAP, file.fd, from * PAGE, (to - from + 1) * PAGE,
		   (from - 1) * PAGE);
}

static long kick(long unused, long unused2)
{
	(void)unused, (void)unused2;
	return do_(KICK, file.fd, 0, 0, 0);
}

static long sync_file(long unused, long unused2)
{
	(void)unused, (void)unused2;
	return do_(FSYNC, file.fd, 0, 0, 0);
}

static long sync_mapping(long unused, long unused2)
{
	(void)unused, (void)unused2;
	return do_(MSYNC, 0, file.pages * PAGE, 0, 0);
}

static long truncate_file(long size, long unused)
{
	(void)unused;
	return do_(TRUNCATE, file.fd, size, 0, 0);
}

static long punch(long from, long to)
{
	return do_(PUNCH, file.fd, from * PAGE, (to - from + 1) * PAGE, 0);
}

static long drop_caches(long unused, long unused2)
{
	(void)unused, (void)unused2;
	return do_(DROP_CACHES, 0, 0, 0, 0);
}

static long sleep_for(long seconds, long unused)
{
	(void)unused;
	return sleep(seconds);
}

static long print_flags(long pages, long unused)
{
	(void)unused;
	for (long n = 0; n < pages && n < file.pages; n++) {
		long flags = file.actor.map ?
				     page_flags(file.actor.map + n * PAGE) :
				     -ENODATA;

		if (flags < 0 && flags != -ENODATA && flags != -EIO)
			return flags;
		putchar(flags == -EIO  ? '!' :
			flags < 0      ? '-' :
			flags & 1      ? 'L' :
			flags >> 8 & 1 ? 'W' :
			flags >> 4 & 1 ? 'D' :
			flags >> 3 & 1 ? '.' :
					 '?');
	}
	putchar('\n');
	fflush(stdout);
	return 0;
}

static long close_file(long unused, long unused2)
{
	int fd = file.fd;

	(void)unused, (void)unused2;
	do_(UNMAP, 0, 0, 0, 0);
	file.fd = -1;
	return do_(CLOSE, fd, 0, 0, 0);
}

enum takes { NOTHING, NUMBER, PAGES, EACH_PAGE };

/* clang-format off */
static const struct command {
	const char *name;
	enum takes takes;
	long (*run)(long from, long to);
	const char *usage, *help;
} commands[] = {
	{ "open", NUMBER, open_file, "open:PAGES",
	  "create FILE if need be, at least so many pages long, map it shared" },
	{ "store", EACH_PAGE, store, "store:N[-M]",
	  "store one byte to page N (to pages N to M) through the mapping" },
	{ "fill", EACH_PAGE, fill, "fill:N[-M]", "store to every byte of them, behind the end of the file, too" },
	{ "load", EACH_PAGE, load, "load:N[-M]", "load from them" },
	{ "pwrite", EACH_PAGE, write_byte, "pwrite:N[-M]", "write one byte to each with pwrite(2)" },
	{ "shift", PAGES, shift, "shift:N[-M]",
	  "one write(2) to them, of what the mapping has a page before them" },
	{ "punch", PAGES, punch, "punch:N[-M]", "fallocate(2) a hole there" },
	{ "kick", NOTHING, kick, "kick", "start writeback, wait for nothing (sync_file_range)" },
	{ "fsync", NOTHING, sync_file, "fsync", "fsync(2)" },
	{ "msync", NOTHING, sync_mapping, "msync", "msync(2), MS_SYNC" },
	{ "truncate", NUMBER, truncate_file, "truncate:BYTES", "ftruncate(2)" },
	{ "drop", NOTHING, drop_caches, "drop", "drop the caches of the whole guest" },
	{ "sleep", NUMBER, sleep_for, "sleep:SECONDS", "of the guest's clock" },
	{ "flags", NUMBER, print_flags, "flags:PAGES",
	  "print the flags of so many pages of the mapping, one letter each: L locked,\n"
	  "                    W under writeback, D dirty, ? not uptodate, . none of them, - not mapped here,\n"
	  "                    ! the kernel has no flags of it: UML of 6.1, the last pages of its memory" },
	{ "close", NOTHING, close_file, "close", "unmap and close" },
};
/* clang-format on */

#define NR_COMMANDS (sizeof(commands) / sizeof(*commands))

static void usage(FILE *out)
{
	fputs("usage: act FILE VERB...\n"
	      "Does to a file what a shell cannot. Verbs, done in order:\n\n",
	      out);
	for (size_t i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-16s  %s\n", commands[i].usage,
			commands[i].help);
	fputs("\nopen comes first. Status: 0; 1 a verb failed, which stderr names; 2 wrong usage.\n",
	      out);
}

static void __attribute__((noreturn)) wrong(const char *word, const char *why)
{
	fprintf(stderr, "act: %s: %s (see act --help)\n", word, why);
	exit(2);
}

static long run(const struct command *command, const char *word, long from,
		long to)
{
	bool needs_file = command->run != open_file &&
			  command->run != sleep_for &&
			  command->run != drop_caches;
	long n = 0;

	if (needs_file && file.fd < 0)
		return -EBADF;
	if ((command->takes == EACH_PAGE || command->takes == PAGES) &&
	    (from < 0 || to < from))
		wrong(word, "no such pages");
	if (command->takes != EACH_PAGE)
		return command->run(from, to);
	for (long page = from; page <= to && n >= 0; page++)
		n = command->run(page, page);
	return n;
}

static void act(const char *word)
{
	size_t len = strcspn(word, ":"), i;
	const char *number = word[len] ? word + len + 1 : NULL;
	long from = 0, to = 0, n;
	char *end;

	for (i = 0; i < NR_COMMANDS; i++)
		if (strlen(commands[i].name) == len &&
		    !strncmp(commands[i].name, word, len))
			break;
	if (i == NR_COMMANDS)
		wrong(word, "no such verb");
	if (!number != (commands[i].takes == NOTHING))
		wrong(word, number ? "takes no number" : "a number is missing");
	if (number) {
		to = from = strtol(number, &end, 0);
		if (end != number && *end == '-')
			to = strtol(number = end + 1, &end, 0);
		if (end == number || *end)
			wrong(word, "not a number");
	}
	n = run(&commands[i], word, from, to);
	if (n < 0) {
		fprintf(stderr, "act: %s: %s\n", word, strerror(-n));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--help")) {
		usage(stdout);
		return 0;
	}
	if (argc < 3) {
		usage(stderr);
		return 2;
	}
	file.path = argv[1];
	for (int i = 2; i < argc; i++)
		act(argv[i]);
	return 0;
}
