// SPDX-License-Identifier: GPL-2.0-only
/* fuse-daemon: options, the mount, the threads, the end. */
#define _GNU_SOURCE
#include "daemon.h"
#include "../gate/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_MAX_WRITE (1u << 20) /* 256 pages: what the kernel takes at most */

struct options opt = {
	.source = "/srv/fuse",
	.control = GATE_SOCKET,
	.threads = 8,
	.max_write = MAX_MAX_WRITE,
	.max_readahead = UINT_MAX,
	.log_entries = 16384,
	.attr_timeout = 1,
	.entry_timeout = 1,
	.async_read = true,
	.readdirplus = true,
	.locks = true,
};

struct fuse_session *session;
int fuse_fd = -1;

static int ready_fd = -1; /* the parent waits at the other end */

static const char usage[] =
	"usage: fuse-daemon [OPTION]... MOUNTPOINT\n"
	"A FUSE file system that passes everything to a directory, and holds, delays, fails,\n"
	"shortens or drops requests when gate(1) tells it to. Returns when it is mounted.\n"
	"\n"
	"      --source DIR          the directory it shows (/srv/fuse)\n"
	"      --control SOCKET      where gate finds it (" GATE_SOCKET ")\n"
	"      --gate COMMAND        a rule to start with, e.g. --gate 'hold init'; may be repeated\n"
	"      --threads N           threads that read requests (8)\n"
	"      --log-entries N       length of the log (16384)\n"
	"  -f, --foreground          do not go to the background\n"
	"  -d, --debug               libfuse's own log of messages, on stderr\n"
	"  -o OPTION[,OPTION]...     what INIT and OPEN tell the kernel; NAME or NAME=VALUE:\n"
	"      writeback_cache       write(2) into the page cache\n"
	"      atomic_o_trunc        OPEN truncates, no SETATTR before it\n"
	"      keep_cache            OPEN keeps cached pages\n"
	"      direct_io             OPEN bypasses the cache\n"
	"      auto_inval            cached pages go when the server's mtime changes\n"
	"      splice                move data by splice(2); READ replies pass no 'after' rule then\n"
	"      no_open               OPEN and CREATE are not implemented\n"
	"      sync_read             no parallel READs\n"
	"      no_readdirplus        no READDIRPLUS\n"
	"      no_locks              locks stay in the kernel\n"
	"      max_write=BYTES       of one WRITE, 4096 to 1m (1m)\n"
	"      max_background=N      background requests at a time (the kernel's: 12)\n"
	"      max_readahead=BYTES   (the kernel's)\n"
	"      attr_timeout=SECONDS  attributes are cached so long (1)\n"
	"      entry_timeout=SECONDS names are cached so long (1)\n"
	"      init_set=FLAGS        set these bits in the reply to INIT, known to libfuse or not\n"
	"      init_clear=FLAGS      clear these bits there\n"
	"  -h, --help                this text\n"
	"\n"
	"Ends when it is unmounted, its connection aborted, or by SIGTERM (which unmounts).\n"
	"Its own messages go to the kernel log once it is in the background.\n"
	"Status: 0 mounted (or, with -f, ended as it should); 1 it failed; 2 wrong usage.\n";

double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void bad_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("fuse-daemon: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'fuse-daemon --help'.\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	fprintf(stderr, "fuse-daemon: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *name, const char *text, uint64_t min,
		       uint64_t max)
{
	const char *err;
	uint64_t n;

	if (!text || !*text)
		bad_usage("%s needs a value", name);
	err = number_parse(text, &n);
	if (err)
		bad_usage("%s: %s", name, err);
	if (n < min || n > max)
		bad_usage("%s=%s is out of range (%llu to %llu)", name, text,
			  (unsigned long long)min, (unsigned long long)max);
	return n;
}

static double seconds(const char *name, const char *text)
{
	char *end;
	double s = text ? strtod(text, &end) : -1;

	if (!text || end == text || *end || !(s >= 0))
		bad_usage("%s needs a number of seconds", name);
	return s;
}

static void mount_option(char *text)
{
	static const struct {
		const char *name;
		bool *flag, value;
	} flags[] = {
		{ "writeback_cache", &opt.writeback_cache, true },
		{ "atomic_o_trunc", &opt.atomic_o_trunc, true },
		{ "keep_cache", &opt.keep_cache, true },
		{ "direct_io", &opt.direct_io, true },
		{ "auto_inval", &opt.auto_inval, true },
		{ "splice", &opt.splice, true },
		{ "no_open", &opt.no_open, true },
		{ "sync_read", &opt.async_read, false },
		{ "no_readdirplus", &opt.readdirplus, false },
		{ "no_locks", &opt.locks, false },
	};
	char *value = strchr(text, '=');

	if (value)
		*value++ = 0;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (strcmp(flags[i].name, text))
			continue;
		if (value)
			bad_usage("-o %s takes no value", text);
		*flags[i].flag = flags[i].value;
		return;
	}
	if (!strcmp(text, "source") && value)
		opt.source = strdup(value);
	else if (!strcmp(text, "max_write"))
		opt.max_write = number(text, value, 4096, MAX_MAX_WRITE);
	else if (!strcmp(text, "max_background"))
		opt.max_background = number(text, value, 1, UINT16_MAX);
	else if (!strcmp(text, "max_readahead"))
		opt.max_readahead = number(text, value, 0, UINT_MAX - 1);
	else if (!strcmp(text, "attr_timeout"))
		opt.attr_timeout = seconds(text, value);
	else if (!strcmp(text, "entry_timeout"))
		opt.entry_timeout = seconds(text, value);
	else if (!strcmp(text, "init_set"))
		opt.init_set = number(text, value, 0, UINT64_MAX);
	else if (!strcmp(text, "init_clear"))
		opt.init_clear = number(text, value, 0, UINT64_MAX);
	else
		bad_usage("unknown option -o %s", text);
}

static void first_rule(const char *text)
{
	unsigned int id;
	struct words w;
	const char *err = "an empty command";

	if (words_split(&w, text))
		err = rule_is_action(w.word[0]) ? rule_add(&w, text, &id) :
						  "not a rule";
	if (err)
		bad_usage("--gate '%s': %s", text, err);
	words_free(&w);
}

/* Once in the background stderr is the kernel log, where each write is a line. */
static void to_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[512];

	(void)level;
	vsnprintf(text, sizeof(text), fmt, ap);
	dprintf(STDERR_FILENO, "fuse-daemon: %s", text);
}

void ready(void)
{
	int fd = __atomic_exchange_n(&ready_fd, -1, __ATOMIC_SEQ_CST);
	int null = -1, kmsg = -1;

	if (fd < 0)
		return;
	/* whoever started us may wait for these to be closed */
	null = open("/dev/null", O_RDWR);
	kmsg = open("/dev/kmsg", O_WRONLY);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(kmsg >= 0 ? kmsg : null, STDERR_FILENO);
	}
	if (null > STDERR_FILENO)
		close(null);
	if (kmsg > STDERR_FILENO)
		close(kmsg);
	if (write(fd, "", 1) != 1)
		fuse_log(FUSE_LOG_ERR, "nobody waits for the mount\n");
	close(fd);
}

/* The parent's part: wait until the child says it is ready, or is gone. */
static void background(void)
{
	int fds[2];
	pid_t pid;
	char c;

	if (pipe2(fds, O_CLOEXEC))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(fds[0]);
		setsid();
		ready_fd = fds[1];
		return;
	}
	close(fds[1]);
	_exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
}

static void start(void *(*fn)(void *unused))
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	errno = pthread_create(&thread, &attr, fn, NULL);
	if (errno)
		die("cannot start a thread");
}

static void do_mount(void)
{
	char data[128];

	fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (fuse_fd < 0)
		die("/dev/fuse");
	if (fuse_session_custom_io(session, &request_io, fuse_fd)) {
		fputs("fuse-daemon: libfuse takes no custom io\n", stderr);
		exit(1);
	}
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,"
		 "allow_other,default_permissions",
		 fuse_fd);
	if (mount("fuse-daemon", opt.mountpoint, "fuse", 0, data)) {
		fprintf(stderr, "fuse-daemon: mounting on %s: %s\n",
			opt.mountpoint, strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "source", required_argument, NULL, 's' },
		{ "control", required_argument, NULL, 'c' },
		{ "gate", required_argument, NULL, 'g' },
		{ "threads", required_argument, NULL, 't' },
		{ "log-entries", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	char *fuse_argv[] = { "fuse-daemon", "-d", NULL }, *save, *p;
	struct fuse_args args = FUSE_ARGS_INIT(1, fuse_argv);
	bool foreground = false, early = false;
	int c, sig;
	sigset_t set;

	while ((c = getopt_long(argc, argv, "o:fdh", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case 's':
			opt.source = optarg;
			break;
		case 'c':
			opt.control = optarg;
			break;
		case 'g':
			first_rule(optarg);
			early = true;
			break;
		case 't':
			opt.threads = number("--threads", optarg, 1, 256);
			break;
		case 'l':
			opt.log_entries =
				number("--log-entries", optarg, 16, 1 << 24);
			break;
		case 'o':
			for (p = strtok_r(optarg, ",", &save); p;
			     p = strtok_r(NULL, ",", &save))
				mount_option(p);
			break;
		case 'd':
			args.argc = 2;
			foreground = true;
			break;
		case 'f':
			foreground = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			bad_usage("see above");
		}
	}
	if (argc - optind != 1)
		bad_usage(argc == optind ? "where to mount it?" :
					   "one mount point at a time");
	opt.mountpoint = realpath(argv[optind], NULL);
	if (!opt.mountpoint)
		die(argv[optind]);

	if (!foreground)
		background();
	umask(0);
	/* one process, no children: stopped only by the end of the mount or a signal */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);

	fuse_set_log_func(to_log);
	log_init();
	if (fs_init())
		die(opt.source);
	if (control_init())
		die(opt.control);
	session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), NULL);
	if (!session) {
		fputs("fuse-daemon: libfuse gives no session\n", stderr);
		exit(1);
	}
	do_mount();
	start(control_thread);
	for (unsigned int i = 0; i < opt.threads; i++)
		start(request_reader);
	for (unsigned int i = 0; i < 4; i++)
		start(request_releaser);
	if (early) /* a rule may keep INIT itself: do not wait for it */
		ready();

	while (sigwait(&set, &sig))
		;
	if (sig != SIGUSR1 && umount2(opt.mountpoint, MNT_DETACH))
		fuse_log(FUSE_LOG_ERR, "unmounting %s: %s\n", opt.mountpoint,
			 strerror(errno));
	unlink(opt.control);
	_exit(0);
}
