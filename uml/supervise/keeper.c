// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keeper: makes what a guest needs, starts it, passes its output on, and ends it
 *
 * The launcher's end of a pipe tells that the launcher lives. Whatever the guest starts
 * becomes a child of the keeper (PR_SET_CHILD_SUBREAPER), so there is always somebody to
 * kill it; should the keeper be killed, the kernel ends the guest (PR_SET_PDEATHSIG), and
 * the launcher what that leaves. Should both be, the next run removes the folder.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervise.h"

/* What is on its way from a guest's descriptor to one of ours */
struct stream {
	int from, to; /* from < 0: ended */
	size_t begin, end;
	char data[1 << 16];
};

static struct keeper {
	const struct options *o;
	const struct place *place;
	int life, signals;
	struct guest guest;
	pid_t report;
	int console;
	int changes; /* a guest's calls that wait, see changes.c; or -1 */
	bool kept; /* or it has been tried */
	int late_stdin; /* was silent; must stay so */
	struct stream out, err;
	struct stream typed; /* by the user, for the guest's terminal */
	off_t console_shown;
	long long deadline; /* ms; of the run, then of the report */
	long long report_limit; /* ms */
	long long report_spent; /* ns of CPU time */
	char told[512]; /* the guest's verdict */
	size_t told_size;
	bool ended;
	struct outcome outcome;
} k;

/* --- the end ---------------------------------------------------------------------- */

__attribute__((noreturn)) static void end(int status)
{
	exit(status);
}

/* --- stdin ------------------------------------------------------------------------ */

static void on_signal(void);

static bool launcher_lives(short revents)
{
	if (revents)
		end(NOT_TRIED);
	return true;
}

/* What comes from fd until its end; false: still silent after that many ms. */
static bool read_input(int fd, int patience, char **data, size_t *size)
{
	size_t room = 0;

	for (;;) {
		struct pollfd fds[] = {
			{ .fd = k.life, .events = POLLIN },
			{ .fd = k.signals, .events = POLLIN },
			{ .fd = fd, .events = POLLIN },
		};
		int ready = poll(fds, 3, *size ? -1 : patience);
		ssize_t n;

		if (!ready)
			return false;
		launcher_lives(fds[0].revents);
		if (fds[1].revents)
			on_signal();
		if (!fds[2].revents)
			continue;
		if (*size == room) {
			room = room ? room * 2 : 1 << 16;
			*data = checked(realloc(*data, room));
		}
		n = read(fd, *data + *size, room - *size);
		if (n < 0)
			cannot("stdin: %s", strerror(errno));
		if (!n)
			return true;
		*size += n;
	}
}

/*
 * The command's input is part of the image, so that equal runs are equal: it is read to
 * its end before the guest starts. A pipe that nobody writes to (of a CI's runner, of ssh)
 * must not stop that; should there be something in it after all, it is refused aloud.
 */
static void take_stdin(char **data, size_t *size)
{
	struct stat st;

	k.late_stdin = -1;
	if (k.o->wrap || k.o->terminal || k.o->pty || fstat(0, &st))
		return;
	if (k.o->stdin_whole) {
		*data = checked(malloc(1));
		read_input(0, -1, data, size);
	} else if (S_ISREG(st.st_mode)) {
		off_t at = lseek(0, 0, SEEK_CUR);

		if (at < 0 || at >= st.st_size)
			return;
		/* its offset stays: the loop that reads the same file goes on */
		*data = checked(malloc(st.st_size - at));
		while (at < st.st_size) {
			ssize_t n =
				pread(0, *data + *size, st.st_size - at, at);

			if (n <= 0)
				break;
			at += n;
			*size += n;
		}
	} else if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) {
		if (!read_input(0, 500, data, size))
			k.late_stdin = 0;
	}
	if (*size / 1024 > k.o->memory / 3)
		cannot("stdin has %zu MB, too much for a guest with %llu MB: give it more (--mem), or --share a folder with the file",
		       *size >> 20, k.o->memory >> 10);
}

/* --- the loop --------------------------------------------------------------------- */

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void write_console(const char *text)
{
	if (write(k.console, text, strlen(text)) < 0)
		return;
}

static void kill_guest(void)
{
	if (k.ended)
		return;
	if (!k.o->wrap)
		kill(-k.guest.pid, SIGKILL);
	kill(k.guest.pid, SIGKILL);
}

/* On a busy host gdb may have to wait for its turn: its CPU time counts */
static void begin_report(pid_t guest, int console, const char *why, int limit)
{
	k.kept = true;
	k.report = start_report(k.o, k.place->folder, guest, console, why);
	k.report_limit = limit;
	k.report_spent = 0;
	k.deadline = now() + limit;
}

static bool report_goes_on(void)
{
	long long spent;
	struct timespec t;
	clockid_t clock;

	if (clock_getcpuclockid(k.report, &clock) || clock_gettime(clock, &t))
		return false;
	spent = t.tv_sec * 1000000000LL + t.tv_nsec;
	if (spent <= k.report_spent || spent >= k.report_limit * 1000000)
		return false;
	k.report_spent = spent;
	return true;
}

/* It will not end: what the tasks wait for goes to the console log, then it is killed. */
static void no_end(const char *why)
{
	char *text;

	if (k.outcome.no_end || k.ended)
		return;
	k.outcome.no_end = checked(strdup(why));
	/* the wrapper may trace it: then nobody else can look into it */
	if (k.o->wrap) {
		k.deadline = 0;
		kill_guest();
		return;
	}
	/* as it is now: with virtual time, hours would pass */
	kill(k.guest.pid, SIGSTOP);
	if (asprintf(&text, "uml/run: %s: what the tasks wait for\n", why) > 0)
		write_console(text);
	begin_report(k.guest.pid, k.console, why, k.o->keep ? 120000 : 20000);
}

/*
 * The kernel, or a process of its, is about to end; false: not yet, there is something to
 * be kept.
 */
static bool may_end(pid_t pid)
{
	char *console, *why, *bad;

	if (pid != k.guest.pid || k.kept || !k.o->keep)
		return true;
	console = path(k.place->folder, "console");
	bad = badness_of(console);
	why = bad ? NULL : stop_of(console);
	free(console);
	if (!bad && !why)
		return true;
	if (bad && asprintf(&why, "the kernel reported: %s", bad) < 0)
		return true;
	begin_report(pid, -1, why, 120000);
	return false;
}

static void past_deadline(void)
{
	char text[80];

	if (k.report && report_goes_on()) {
		k.deadline = now() + k.report_limit;
		return;
	}
	if (k.report) {
		/* it takes too long */
		kill(k.report, SIGKILL);
		k.deadline = 0;
		return;
	}
	snprintf(text, sizeof(text), "no end after %lu s of wall-clock time",
		 k.o->limit);
	no_end(text);
}

static void reported(int status)
{
	k.report = 0;
	if (!k.outcome.no_end) {
		k.deadline = now() + 10000;
		let_end(k.changes);
		return;
	}
	kill(k.guest.pid, SIGCONT);
	if (status && !ask_mconsole(k.place->folder, "sysrq w"))
		write_console(
			"uml/run: neither gdb nor sysrq could show them\n");
	kill_guest();
}

static void guest_ended(int status)
{
	k.ended = true;
	k.outcome.status = status;
	/* processes of a guest that died hold the pipes open */
	kill_children(k.o->wrap ? 0 : k.guest.pid);
	k.typed.from = -1;
	k.typed.begin = k.typed.end = 0;
}

static void on_child(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k.guest.pid)
			guest_ended(status);
		else if (pid == k.report)
			reported(status);
	}
}

static void on_signal(void)
{
	struct signalfd_siginfo info;

	if (read(k.signals, &info, sizeof(info)) != sizeof(info))
		return;
	switch (info.ssi_signo) {
	case SIGCHLD:
		on_child();
		break;
	case SIGWINCH:
		copy_window_size(k.guest.user, k.guest.pty);
		break;
	default:
		end(128 + info.ssi_signo);
	}
}

static void show_console(void)
{
	char data[4096];
	ssize_t n;

	while ((n = pread(k.console, data, sizeof(data), k.console_shown)) >
	       0) {
		k.console_shown += n;
		if (write(2, data, n) < 0)
			return;
	}
}

static void fill(struct stream *s)
{
	ssize_t n = read(s->from, s->data, sizeof(s->data));

	if (n < 0 && errno == EINTR)
		return;
	s->begin = 0;
	s->end = n < 0 ? 0 : n;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		s->from = -1;
}

/*
 * Never more than a pipe has room for when poll says that it has some: ours are not set
 * to O_NONBLOCK, as that would change the descriptors of the caller.
 */
static void drain(struct stream *s)
{
	size_t size = s->end - s->begin;
	struct stat st;
	ssize_t n;

	if (size > 4096 && !(!fstat(s->to, &st) && S_ISREG(st.st_mode)))
		size = 4096;
	n = write(s->to, s->data + s->begin, size);
	if (n >= 0) {
		s->begin += n;
		return;
	}
	if (errno == EINTR || errno == EAGAIN)
		return;
	s->begin = s->end = 0;
	if (s == &k.typed)
		return;
	/* nobody reads any longer (| head): the guest ends, as a program does by SIGPIPE */
	if (errno != EPIPE)
		say("%s: %s", s->to == 1 ? "stdout" : "stderr",
		    strerror(errno));
	k.outcome.unread = true;
	kill_guest();
}

/* A line of init's that others follow; false: it stays, to be judged at the end. */
static bool hear_line(const char *line)
{
	if (!strcmp(line, "ready")) {
		k.typed.from = k.guest.user_in;
		copy_window_size(k.guest.user, k.guest.pty);
		return true;
	}
	if (!strncmp(line, "hang: ", 6)) {
		/* in a debugger somebody may want to see it */
		if (!k.o->wrap)
			no_end(line);
		return true;
	}
	return false;
}

static void hear_verdict(void)
{
	ssize_t n = read(k.guest.verdict, k.told + k.told_size,
			 sizeof(k.told) - 1 - k.told_size);
	char *end;

	if (n > 0)
		k.told_size += n;
	if (n == 0 || k.told_size == sizeof(k.told) - 1) {
		close(k.guest.verdict);
		k.guest.verdict = -1;
	}
	k.told[k.told_size] = '\0';
	while ((end = strchr(k.told, '\n'))) {
		*end = '\0';
		if (!hear_line(k.told)) {
			*end = '\n';
			break;
		}
		k.told_size -= end + 1 - k.told;
		memmove(k.told, end + 1, k.told_size + 1);
	}
}

static struct pollfd readable(const struct stream *s)
{
	return (struct pollfd){ .fd = s->begin < s->end ? -1 : s->from,
				.events = POLLIN };
}

static struct pollfd writable(const struct stream *s)
{
	return (struct pollfd){ .fd = s->begin < s->end ? s->to : -1,
				.events = POLLOUT };
}

static bool all_passed_on(void)
{
	/* of a pty that nobody looks at nothing is read */
	if (k.o->pty)
		return true;
	return k.out.from < 0 && k.err.from < 0 && k.guest.verdict < 0 &&
	       k.out.begin == k.out.end && k.err.begin == k.err.end;
}

/* A kernel (under gdb one after the other) hands over its calls that change files. */
static void hear_guest(void)
{
	int listener = receive_listener(k.guest.asks);

	if (listener < 0) {
		close(k.guest.asks);
		k.guest.asks = -1;
		return;
	}
	if (k.changes >= 0)
		close(k.changes);
	k.changes = listener;
}

/* With the keeper, a pty goes, and what uml/console has not read yet. */
static void last_words(void)
{
	int n;

	if (!k.o->pty)
		return;
	while (k.out.from >= 0 &&
	       poll(&(struct pollfd){ .fd = k.out.from, .events = POLLIN }, 1,
		    0) > 0) {
		fill(&k.out);
		drain(&k.out);
	}
	for (int tries = 0; tries < 30; tries++) {
		if (ioctl(k.guest.user, FIONREAD, &n) || !n)
			break;
		poll(NULL, 0, 10);
	}
}

static void look_after_guest(void)
{
	while (!k.ended || !all_passed_on()) {
		struct pollfd fds[] = {
			{ .fd = k.life, .events = POLLIN },
			{ .fd = k.signals, .events = POLLIN },
			{ .fd = k.guest.verdict, .events = POLLIN },
			readable(&k.out),
			readable(&k.err),
			writable(&k.out),
			writable(&k.err),
			{ .fd = k.late_stdin, .events = POLLIN },
			readable(&k.typed),
			writable(&k.typed),
			{ .fd = k.guest.asks, .events = POLLIN },
			{ .fd = k.changes, .events = POLLIN },
		};
		long long wait = k.deadline && !k.ended ? k.deadline - now() :
							  3600000;

		if (k.o->console && wait > 50)
			wait = 50;
		if (wait > 0 && poll(fds, sizeof(fds) / sizeof(fds[0]),
				     wait > 3600000 ? 3600000 : wait) < 0)
			continue;
		if (k.o->console)
			show_console();
		if (k.deadline && !k.ended && now() >= k.deadline)
			past_deadline();
		if (wait <= 0)
			continue;
		launcher_lives(fds[0].revents);
		if (fds[1].revents)
			on_signal();
		if (fds[2].revents)
			hear_verdict();
		if (fds[3].revents)
			fill(&k.out);
		if (fds[4].revents)
			fill(&k.err);
		if (fds[5].revents)
			drain(&k.out);
		if (fds[6].revents)
			drain(&k.err);
		if (fds[7].revents) {
			int n = 0;

			if (!ioctl(0, FIONREAD, &n) && n) {
				say("something comes on stdin, which was silent when the guest started: say --stdin to wait for it, </dev/null if there is none");
				end(NOT_TRIED);
			}
			k.late_stdin = -1;
		}
		if (fds[8].revents)
			fill(&k.typed);
		if (fds[9].revents)
			drain(&k.typed);
		if (fds[10].revents)
			hear_guest();
		if (fds[11].revents &&
		    !answer_call(k.changes, k.o->share_rw ? k.o->share : NULL,
				 may_end)) {
			close(k.changes);
			k.changes = -1;
		}
	}
	if (k.o->console)
		show_console();
	last_words();
}

/* Something could not be made: nothing of it stays. */
static void abandon(void)
{
	kill_children(k.ended ? 0 : k.guest.pid);
	restore_terminal();
	remove_place(k.place);
}

void keep(const struct options *o, const struct place *p,
	  const sigset_t *signals, const sigset_t *before, int life)
{
	char number[32], *console, *input = NULL;
	size_t input_size = 0;

	k.o = o;
	k.place = p;
	k.life = life;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fork_guest(o, p, life, before, &k.guest);
	k.out.from = k.guest.out;
	k.out.to = k.guest.user_out;
	k.err.from = k.guest.err;
	k.err.to = 2;
	k.changes = -1;
	k.typed.from = -1;
	k.typed.to = k.guest.pty;
	/* from here on, whatever happens is cleaned up; `cannot` ends in exit() */
	atexit(abandon);
	signal(SIGPIPE, SIG_IGN);
	k.signals = signalfd(-1, signals, SFD_CLOEXEC);
	k.outcome.log = -1;
	if (o->log) {
		k.outcome.log = open(
			o->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
		if (k.outcome.log < 0)
			cannot("--log %s: %s", o->log, strerror(errno));
	}
	make_place(p);
	make_file(p, "console", "");
	if (o->pty) {
		strcat(k.guest.user_name, "\n");
		make_file(p, "pty", k.guest.user_name);
	}
	console = path(p->folder, "console");
	k.console = open(console, O_RDWR | O_APPEND | O_CLOEXEC);
	if (k.console < 0)
		cannot("%s: %s", console, strerror(errno));
	snprintf(number, sizeof(number), "%d\n", k.guest.pid);
	make_file(p, "pid", number);
	take_stdin(&input, &input_size);
	if (write_initrd(o, path(p->folder, "initrd"), input, input_size))
		cannot("the run's image cannot be made in %s: %s", p->folder,
		       strerror(errno));
	free(input);
	if (!o->all_cpus)
		pin_guest(k.guest.pid);
	if (o->limit)
		k.deadline = now() + (long long)o->limit * 1000;
	if (write(k.guest.go, "", 1) != 1)
		cannot("the guest's process has gone");
	close(k.guest.go);

	look_after_guest();
	k.told[strcspn(k.told, "\r\n")] = '\0';
	k.outcome.verdict = k.told;
	exit(decide(o, p->folder, &k.outcome));
}
