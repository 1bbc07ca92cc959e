// SPDX-License-Identifier: GPL-2.0-only
/*
 * supervise - own a guest's life, from its folder to its exit status
 *
 * uml/run's other half: it knows the kernel's command line, this knows what has to stand
 * around a kernel that runs as a process. Here: options, and the launcher.
 */
#define _GNU_SOURCE
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervise.h"

void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("uml/run: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void cannot(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("uml/run: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(NOT_TRIED);
}

void *checked(void *allocated)
{
	if (!allocated)
		cannot("no memory left on the host");
	return allocated;
}

char *path(const char *folder, const char *name)
{
	char *text;

	if (asprintf(&text, "%s/%s", folder, name) < 0)
		text = NULL;
	return checked(text);
}

/* --- options ---------------------------------------------------------------------- */

enum {
	TOP = 256,
	BUILD,
	IMAGE,
	ADD,
	JOB,
	MEMORY,
	LIMIT,
	SHARE,
	SHARE_RW,
	HOST_ROOT,
	STDIN,
	TERMINAL,
	PTY,
	CONSOLE,
	LOG,
	TRACE,
	KEEP,
	NO_CORE,
	ALL_CPUS,
	EDGES,
	TICKS,
	STOP_AT,
	WHOLE,
	WRAP,
	DRY_RUN,
	ATTACH,
	CONFINED,
	CONTAIN,
	FOLDER,
	LANDLOCK,
};

static const struct argp_option known[] = {
	{ "top", TOP, "DIR", 0, "The tree, with uml/gdb", 0 },
	{ "build", BUILD, "DIR", 0,
	  "What is made: the guest's folder is below its run/", 0 },
	{ "initrd", IMAGE, "FILE", 0, "The guest's root image", 0 },
	{ "add", ADD, "FILE", 0, "Put FILE into the guest's /tests", 0 },
	{ "job", JOB, "NAME=TEXT", 0, "A file /job/NAME in the guest", 0 },
	{ "mem", MEMORY, "SIZE", 0, "What the kernel is told to have", 0 },
	{ "timeout", LIMIT, "SECONDS", 0, "Wall-clock limit; 0: none", 0 },
	{ "share", SHARE, "DIR", 0, "The kernel may read below DIR", 0 },
	{ "share-rw", SHARE_RW, "DIR", 0, "... and write", 0 },
	{ "host-root", HOST_ROOT, NULL, 0, "... and read all of the host", 0 },
	{ "stdin", STDIN, NULL, 0,
	  "Wait for the end of stdin, however long it is silent", 0 },
	{ "terminal", TERMINAL, NULL, 0,
	  "The command gets this terminal, by way of a pty", 0 },
	{ "pty", PTY, NULL, 0, "The command gets a pty, named in FOLDER/pty",
	  0 },
	{ "console", CONSOLE, NULL, 0, "The kernel's messages to stderr, too",
	  0 },
	{ "log", LOG, "FILE", 0, "Keep the kernel's messages", 0 },
	{ "trace", TRACE, "FILE", 0, "Keep the kernel's ticks", 0 },
	{ "keep", KEEP, "DIR", 0, "Keep the guest, should it hang or break",
	  0 },
	{ "no-core", NO_CORE, NULL, 0, "... without its memory", 0 },
	{ "all-cpus", ALL_CPUS, NULL, 0,
	  "The kernel has more CPUs than one: let it have the host's", 0 },
	{ "edges", EDGES, "FILE", 0, "Add what the kernel runs", 0 },
	{ "ticks", TICKS, NULL, 0, "Print how many there were", 0 },
	{ "stop-at", STOP_AT, "TICK", 0, "The kernel ends at this tick", 0 },
	{ "whole", WHOLE, NULL, 0,
	  "FILE and WORDs are those of a run: add nothing to them", 0 },
	{ "wrap", WRAP, "COMMAND", 0,
	  "Run the kernel under it, in the foreground", 0 },
	{ "dry-run", DRY_RUN, NULL, 0, "Print what would be run", 0 },
	{ NULL, 0, NULL, 0, "Other uses:", 1 },
	{ "attach", ATTACH, "PTY", 0, "This terminal becomes that of a guest",
	  0 },
	{ "confined", CONFINED, NULL, 0,
	  "Run -- KERNEL WORD... with the guest's view, in FOLDER", 0 },
	{ "folder", FOLDER, "DIR", 0, "... the guest's", 0 },
	{ "contain", CONTAIN, NULL, 0,
	  "Run -- COMMAND ARG...; nothing of it stays when this is told to end",
	  0 },
	{ "landlock", LANDLOCK, NULL, 0,
	  "Print the version of the host's Landlock, 0: none", 0 },
	{ 0 },
};

struct parsed {
	struct options o;
	const char *attach, *folder;
	struct view view;
	bool confined, contain;
};

static unsigned long long number(const char *text, char **end)
{
	errno = 0;
	if (*text < '0' || *text > '9') {
		*end = (char *)text - 1;
		return 0;
	}
	return strtoull(text, end, 10);
}

static unsigned long long kib(const char *size)
{
	char *end;
	unsigned long long n = number(size, &end);
	const char *unit;

	if (end < size || errno || (*end && end[1]))
		cannot("--mem %s: not a size (256M, 1G)", size);
	unit = *end ? strchr("kKmMgG", *end) : "b";
	if (!unit || n > 1ULL << 40)
		cannot("--mem %s: not a size (256M, 1G)", size);
	switch (*unit) {
	case 'g':
	case 'G':
		return n << 20;
	case 'm':
	case 'M':
		return n << 10;
	case 'k':
	case 'K':
		return n;
	}
	return n >> 10;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct parsed *p = state->input;
	struct options *o = &p->o;
	char *end;

	switch (key) {
	case TOP:
		o->top = arg;
		break;
	case BUILD:
		o->build = arg;
		break;
	case IMAGE:
		o->initrd = arg;
		break;
	case ADD:
		o->add = checked(
			realloc(o->add, (o->n_add + 1) * sizeof(*o->add)));
		o->add[o->n_add++] = arg;
		break;
	case JOB:
		if (!strchr(arg, '='))
			cannot("--job %s: no NAME=TEXT", arg);
		o->job = checked(
			realloc(o->job, (o->n_job + 1) * sizeof(*o->job)));
		o->job[o->n_job++] = arg;
		break;
	case MEMORY:
		o->memory = kib(arg);
		break;
	case LIMIT:
		o->limit = number(arg, &end);
		if (end < arg || *end || errno)
			cannot("--timeout %s: not a number of seconds", arg);
		break;
	case SHARE_RW:
		o->share_rw = true;
		/* fall through */
	case SHARE:
		o->share = arg;
		break;
	case HOST_ROOT:
		o->host_root = true;
		break;
	case STDIN:
		o->stdin_whole = true;
		break;
	case TERMINAL:
		o->terminal = true;
		break;
	case PTY:
		o->pty = true;
		break;
	case CONSOLE:
		o->console = true;
		break;
	case LOG:
		o->log = arg;
		break;
	case TRACE:
		o->trace = arg;
		break;
	case KEEP:
		o->keep = arg;
		break;
	case NO_CORE:
		o->no_core = true;
		break;
	case ALL_CPUS:
		o->all_cpus = true;
		break;
	case WHOLE:
		o->whole = true;
		break;
	case TICKS:
		o->ticks = true;
		break;
	case STOP_AT:
		o->stop_at = number(arg, &end);
		if (end < arg || *end || errno || !o->stop_at)
			cannot("--stop-at %s: not a tick, of which the first is 1",
			       arg);
		break;
	case EDGES:
		o->edges = arg;
		break;
	case WRAP:
		o->wrap = arg;
		break;
	case DRY_RUN:
		o->dry_run = true;
		break;
	case ATTACH:
		p->attach = arg;
		break;
	case CONFINED:
		p->confined = true;
		break;
	case CONTAIN:
		p->contain = true;
		break;
	case FOLDER:
		p->folder = arg;
		break;
	case LANDLOCK:
		printf("%d\n", confine_version());
		exit(0);
	case ARGP_KEY_ARGS:
		o->words = state->argv + state->next;
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = known,
	.parser = parse,
	.args_doc = "-- KERNEL WORD... -- COMMAND ARG...",
	.doc = "Run a User-mode Linux kernel and, in it, one command; what uml/run calls.\v"
	       "To the kernel's words it adds those for its image and its consoles. The exit "
	       "statuses are those of uml/run.",
};

/* --- the launcher ----------------------------------------------------------------- */

/* A closed descriptor must not become one of the guest's. */
static void fill_stdio(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			_exit(NOT_TRIED);
}

static int dry_run(const struct options *o)
{
	struct place place = choose_place(o);

	printf("cd <a new folder below %s, with initrd = %s + the command>\n",
	       place.runs, o->initrd);
	printf("setsid setarch -R env -i HOME=. TMPDIR=<a new folder below %s>",
	       place.memory_below);
	for (char **word = kernel_argv(o); *word; word++)
		printf(" %s", *word);
	printf("\nfd 1, 2: console log; 3: stdout; 4: stderr; 5: verdict\ncommand:");
	for (char **arg = o->command; *arg; arg++)
		printf(" %s", *arg);
	printf("\n");
	return 0;
}

/* Pass signals on, until the keeper ends; its status. */
static int launch(const struct options *o)
{
	static const int passed_on[] = { SIGINT, SIGTERM, SIGHUP };
	struct place place = choose_place(o);
	sigset_t signals, before;
	int life[2], status;
	pid_t keeper;

	/* should the keeper be killed, its children become ours */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++) {
		struct sigaction was;

		/* one that is ignored (nohup, a job in the background) stays so */
		if (!sigaction(passed_on[i], NULL, &was) &&
		    was.sa_handler != SIG_IGN)
			sigaddset(&signals, passed_on[i]);
	}
	sigaddset(&signals, SIGWINCH);
	sigaddset(&signals, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	sigprocmask(SIG_BLOCK, &signals, &before);

	/* ends, in the keeper's hands, when this process does */
	if (pipe2(life, O_CLOEXEC))
		cannot("no pipe can be made: %s", strerror(errno));
	keeper = fork();
	if (keeper < 0)
		cannot("cannot fork: %s", strerror(errno));
	if (!keeper) {
		close(life[1]);
		keep(o, &place, &signals, &before, life[0]);
	}
	close(life[0]);

	for (;;) {
		int signal = sigwaitinfo(&signals, NULL);

		if (signal == SIGCHLD) {
			if (waitpid(keeper, &status, WNOHANG) == keeper)
				break;
		} else if (signal == SIGINT && o->wrap) {
			/* ctrl-C is the wrapper's */
		} else if (signal > 0) {
			kill(keeper, signal);
		}
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	kill_children(0);
	remove_place(&place);
	restore_terminal();
	say("its own process was killed (signal %d), and the guest with it",
	    WTERMSIG(status));
	return NOT_TRIED;
}

static void check(struct options *o)
{
	char *kernel, *initrd;

	if (!o->words || !o->words[0])
		cannot("supervise is called by uml/run: no kernel given");
	for (o->command = o->words; *o->command; o->command++)
		if (!strcmp(*o->command, "--"))
			break;
	if (!*o->command || !o->command[1] || !o->top || !o->build)
		cannot("supervise is called by uml/run: no command, --top or --build given");
	*o->command++ = NULL;
	o->build = realpath(o->build, NULL);
	o->top = realpath(o->top, NULL);
	if (!o->build || !o->top)
		cannot("--build, --top: no such folder");
	o->kernel = *o->words++;
	kernel = realpath(o->kernel, NULL);
	if (!kernel || access(kernel, X_OK))
		cannot("no kernel at %s: %s", o->kernel, strerror(errno));
	initrd = o->initrd ? realpath(o->initrd, NULL) : NULL;
	if (!initrd || access(initrd, R_OK))
		cannot("no root image at %s: make image", o->initrd);
	o->keep_as = o->keep;
	if (o->keep && *o->keep != '/') {
		char *here = getcwd(NULL, 0);

		o->keep = path(here ?: "", o->keep);
		free(here);
	}
	if (o->keep && !access(o->keep, F_OK))
		cannot("--keep %s: it is there already", o->keep);
	if (o->keep && strchr(o->keep, '\''))
		cannot("--keep %s: not with a ' in its name", o->keep);
	o->kernel = kernel;
	o->initrd = initrd;
	for (size_t i = 0; i < o->n_add; i++)
		if (access(o->add[i], R_OK))
			cannot("--add %s: %s", o->add[i],
			       errno == ENOENT ? "no such file" :
						 strerror(errno));
}

int main(int argc, char **argv)
{
	struct parsed p = { 0 };
	struct rlimit files;

	fill_stdio();
	/* a guest has some thirty files open, a share many more */
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	argp_err_exit_status = NOT_TRIED;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &p);
	if (p.attach)
		return attach(p.attach);
	if (p.contain && p.o.words && p.o.words[0])
		return contain(p.o.words);
	if (p.confined) {
		p.view.share = p.o.share;
		p.view.share_rw = p.o.share_rw;
		p.view.host_root = p.o.host_root;
		if (!p.o.words || !p.folder || chdir(p.folder))
			cannot("supervise --confined needs --folder DIR -- KERNEL");
		p.view.kernel = p.o.words[0];
		confine(&p.view);
		execv(p.o.words[0], p.o.words);
		cannot("%s: %s", p.o.words[0], strerror(errno));
	}
	check(&p.o);
	if (p.o.dry_run)
		return dry_run(&p.o);
	if ((p.o.share || p.o.host_root) && !confine_version())
		say("this host has no Landlock: root in the guest can reach beyond what is shared");
	if (p.o.terminal)
		make_raw(0);
	return launch(&p.o);
}
