// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a run went: what the guest told, what its console shows, and the exit status of it
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise.h"

/* A console that shows one of these fails the run */
static const char badness[] =
	"(^|\\] )(WARNING:|BUG:|UBSAN:|Oops|Kernel panic|kernel BUG at|"
	"INFO: task .* blocked for more than|INFO: rcu|INFO: possible|INFO: suspicious|"
	"Segfault with no mm|general protection fault)|"
	"possible (circular|recursive|irq|deadlock)|suspicious RCU usage|inconsistent lock state";

/* The first line like that, without the time before it; NULL: none */
static char *first_line(const char *console, const char *like)
{
	FILE *f = fopen(console, "re");
	char *line = NULL, *found = NULL;
	size_t size = 0;
	ssize_t n;
	regex_t bad;

	if (!f || regcomp(&bad, like, REG_EXTENDED | REG_NOSUB))
		return NULL;
	while (!found && (n = getline(&line, &size, f)) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!regexec(&bad, line, 0, NULL, 0)) {
			char *after = strstr(line, "] ");

			found = checked(strdup(after ? after + 2 : line));
		}
	}
	free(line);
	regfree(&bad);
	fclose(f);
	return found;
}

/*
 * The log as it is kept and shown: stack traces with file:line, by the script of the
 * kernel's own tree. The name of the file that has it.
 */
static const char *decoded(const struct options *o, const char *folder)
{
	char *console = path(folder, "console"), *out = path(folder, "decoded");
	char *home = strndup(o->kernel, strrchr(o->kernel, '/') - o->kernel);
	char *tree = path(checked(home), "obj/source"), *script;
	pid_t pid;
	int status;

	if (access(tree, F_OK))
		tree = path(home, "source");
	tree = realpath(tree, NULL);
	script = tree ? path(tree, "scripts/decode_stacktrace.sh") : NULL;
	if (!script || access(script, R_OK) ||
	    !first_line(console, "\\+0x[0-9a-f]*/0x"))
		return console;
	pid = fork();
	if (!pid) {
		dup2(open(console, O_RDONLY), 0);
		dup2(open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
		dup2(open("/dev/null", O_WRONLY), 2);
		execlp("bash", "bash", script, o->kernel, tree, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status)
		return console;
	return out;
}

/* What makes a run one that the kernel reported something in; NULL: nothing */
char *badness_of(const char *console)
{
	return first_line(console, badness);
}

/* Where the kernel stopped, at the tick that it was told; NULL: it did not. */
char *stop_of(const char *console)
{
	char *line = first_line(console, "\\] ticks: [0-9]+, stop: ");
	char *stop = line ? strstr(line, ", stop: ") : NULL, *text;

	if (!stop)
		return NULL;
	*stop = '\0';
	if (asprintf(&text, "stopped at tick %s: %s", line + strlen("ticks: "),
		     stop + strlen(", stop: ")) < 0)
		return NULL;
	return text;
}

static void keep_log(const char *from, int log)
{
	FILE *f = fopen(from, "re");
	char data[4096];
	size_t n;

	while (f && (n = fread(data, 1, sizeof(data), f)) > 0)
		if (write(log, data, n) < 0) {
			say("the log cannot be written: %s", strerror(errno));
			break;
		}
	if (f)
		fclose(f);
}

static void show_log(const char *from, const char *why)
{
	FILE *f = fopen(from, "re");
	char *line = NULL;
	size_t size = 0;

	say("%s. The guest's console:", why);
	while (f && getline(&line, &size, f) > 0)
		fprintf(stderr, "    | %s%s", line,
			strchr(line, '\n') ? "" : "\n");
	say("%s", why);
	free(line);
	if (f)
		fclose(f);
}

/* A guest that is kept, or should have been */
static void tell_kept(const struct options *o)
{
	if (!o->keep || o->wrap)
		return;
	if (access(o->keep, F_OK))
		say("it could not be kept: is gdb here, and may it attach? (make doctor)");
	else
		say("kept: %s/report.html, make open RUN=%s", o->keep_as,
		    o->keep_as);
}

/* How many ticks the command had; by --stop-at it was to end at one: the status. */
static int tell_ticks(const struct options *o, const char *log)
{
	char *stop = o->stop_at ? stop_of(log) : NULL;
	char *end = first_line(log, "\\] ticks: [0-9]+( at the panic)?$");

	if (stop) {
		say("%s", stop);
		tell_kept(o);
		return 0;
	}
	if (o->stop_at) {
		say("--stop-at %lu: there is no such tick, the command's last one: %s",
		    o->stop_at, end ? end : "not known");
		return NOT_TRIED;
	}
	say("%s",
	    end ? end :
		  "no ticks: this kernel counts none, or the command never began");
	return -1;
}

/* The run's exit status; says on stderr, and writes to log, what there is to say. */
int decide(const struct options *o, const char *folder,
	   const struct outcome *end)
{
	char *why = NULL, *bad;
	const char *log;
	int n;

	if (end->unread)
		return NOBODY_READS;
	if (o->wrap && end->no_end) {
		say("%s", end->no_end);
		return PAST_LIMIT;
	}
	if (o->wrap && end->status)
		return WIFEXITED(end->status) ? WEXITSTATUS(end->status) :
						128 + WTERMSIG(end->status);
	/* (gdb's report has the lines; the script takes seconds where there are many stacks) */
	log = end->no_end ? path(folder, "console") : decoded(o, folder);
	if (end->log >= 0)
		keep_log(log, end->log);
	/* gdb's user has seen what he came for, a hang perhaps, and left */
	if (o->wrap && !access(path(folder, "left"), F_OK))
		return 0;
	bad = badness_of(log);
	if (end->no_end) {
		show_log(log, end->no_end);
		tell_kept(o);
		return PAST_LIMIT;
	}
	if (bad) {
		n = asprintf(&why, "the kernel reported: %s", bad);
		show_log(log, n < 0 ? bad : why);
		tell_kept(o);
		return REPORTED;
	}
	if (o->ticks || o->stop_at) {
		n = tell_ticks(o, log);
		if (n >= 0)
			return n;
	}
	if (sscanf(end->verdict, "exit %d", &n) == 1) {
		if (n < PAST_LIMIT || n > REPORTED)
			return n;
		say("the command ended with %d, which has a meaning here: given as 123",
		    n);
		return 123;
	}
	if (sscanf(end->verdict, "signal %d", &n) == 1) {
		bad = n == SIGKILL ?
			      first_line(log, "Out of memory: Killed process") :
			      NULL;
		if (bad)
			say("the guest had no memory left (--mem gives it more): %s",
			    bad);
		return 128 + n;
	}
	if (!strncmp(end->verdict, "init:", 5)) {
		show_log(log, end->verdict);
		return NOT_TRIED;
	}
	if (o->wrap)
		return 0;
	n = asprintf(&why, "the guest ended before the command did (%s %d)",
		     WIFEXITED(end->status) ? "status" : "signal",
		     WIFEXITED(end->status) ? WEXITSTATUS(end->status) :
					      WTERMSIG(end->status));
	show_log(log, n < 0 ? "the guest ended" : why);
	return NOT_TRIED;
}
