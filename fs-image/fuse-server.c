// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuse-server: the server with the gate inside, or (--no-gate) without it. Options, the
 * mount, the threads, the end.
 */
#define _GNU_SOURCE
#include "gate/gate.h"
#include "gate/inside.h"
#include "gate/start.h"
#include "gate/words.h"
#include "server/server.h"

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

static struct gate_options gate_options = {
	.control = GATE_SOCKET,
	.log_entries = 16384,
	.transport = &inside,
};

static struct fuse_session *session;
static unsigned int threads = 8;
static bool no_gate;
static int ready_fd = -1; /* the parent waits at the other end */

static const char usage[] =
	"usage: fuse-server [OPTION]... MOUNTPOINT\n"
	"A FUSE file system that passes everything to a directory, and holds, delays, fails,\n"
	"shortens or drops requests when gate(1) tells it to. Returns when it is mounted.\n"
	"\n"
	"      --source DIR          the directory it shows (/srv/fuse)\n"
	"      --control SOCKET      where gate finds it (" GATE_SOCKET ")\n"
	"      --no-gate             no gate: libfuse reads /dev/fuse itself\n"
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
	"      device=FILE           a mount of type fuseblk, in blocks of 512\n"
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

static void bad_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("fuse-server: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'fuse-server --help'.\n", stderr);
	exit(2);
}

static void die(const char *what)
{
	fprintf(stderr, "fuse-server: %s: %s\n", what, strerror(errno));
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
		{ "writeback_cache", &server.writeback_cache, true },
		{ "atomic_o_trunc", &server.atomic_o_trunc, true },
		{ "keep_cache", &server.keep_cache, true },
		{ "direct_io", &server.direct_io, true },
		{ "auto_inval", &server.auto_inval, true },
		{ "splice", &server.splice, true },
		{ "no_open", &server.no_open, true },
		{ "sync_read", &server.async_read, false },
		{ "no_readdirplus", &server.readdirplus, false },
		{ "no_locks", &server.locks, false },
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
		server.source = strdup(value);
	else if (!strcmp(text, "device") && value)
		server.device = strdup(value);
	else if (!strcmp(text, "max_write"))
		server.max_write = number(text, value, 4096, MAX_MAX_WRITE);
	else if (!strcmp(text, "max_background"))
		server.max_background = number(text, value, 1, UINT16_MAX);
	else if (!strcmp(text, "max_readahead"))
		server.max_readahead = number(text, value, 0, UINT_MAX - 1);
	else if (!strcmp(text, "attr_timeout"))
		server.attr_timeout = seconds(text, value);
	else if (!strcmp(text, "entry_timeout"))
		server.entry_timeout = seconds(text, value);
	else if (!strcmp(text, "init_set"))
		gate_options.init_set = number(text, value, 0, UINT64_MAX);
	else if (!strcmp(text, "init_clear"))
		gate_options.init_clear = number(text, value, 0, UINT64_MAX);
	else
		bad_usage("unknown option -o %s", text);
}

/* Once in the background stderr is the kernel log, where each write is a line. */
static void to_log(enum fuse_log_level level, const char *fmt, va_list ap)
{
	char text[512];

	(void)level;
	vsnprintf(text, sizeof(text), fmt, ap);
	dprintf(STDERR_FILENO, "fuse-server: %s", text);
}

/* INIT has been answered: who waits for the mount may go on. */
static void ready(void)
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

static void init_answered(const struct fuse_init_out *out, int error)
{
	(void)out;
	(void)error;
	ready();
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

/*
 * One message. uml/gdb/server.py finds here which request a thread handles, so @message
 * (NULL: it is in a pipe) stays in sight to the end.
 */
__attribute__((noipa)) static void
handle_buf(const struct fuse_in_header *message, const struct fuse_buf *buf)
{
	fuse_session_process_buf(session, buf);
	__asm__ volatile("" : : "r"(message));
}

static void handle(const char *message, size_t len)
{
	struct fuse_buf buf = { .mem = (void *)message, .size = len };

	handle_buf(buf.mem, &buf);
}

static void *serve(void *unused)
{
	struct fuse_buf buf = { 0 };
	int len;

	if (server.splice && !no_gate) {
		errno = inside_splice(server.max_write + 2 * 4096);
		if (errno) {
			fuse_log(FUSE_LOG_ERR, "a pipe for splice: %s\n",
				 strerror(errno));
			_exit(1);
		}
	}
	while (!fuse_session_exited(session)) {
		len = fuse_session_receive_buf(session, &buf);
		if (len == -EINTR || len == -EAGAIN)
			continue;
		if (len <= 0)
			break;
		handle_buf(buf.flags & FUSE_BUF_IS_FD ? NULL : buf.mem, &buf);
		if (no_gate)
			ready(); /* that was INIT */
	}
	/* unmounted or aborted: main() ends the program */
	kill(getpid(), SIGUSR1);
	return unused;
}

static void do_mount(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	char data[128], path[32];

	if (fd < 0)
		die("/dev/fuse");
	gate_options.device = fd;
	/* libfuse's way to be given a device that is open already */
	snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	if (no_gate ? fuse_session_mount(session, path) :
		      fuse_session_custom_io(session, &inside_io, fd)) {
		fputs("fuse-server: libfuse does not take the device\n",
		      stderr);
		exit(1);
	}
	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,"
		 "allow_other,default_permissions",
		 fd);
	if (server.device)
		strcat(data, ",blksize=512");
	if (mount(server.device ?: "fuse-server", gate_options.mountpoint,
		  server.device ? "fuseblk" : "fuse", 0, data)) {
		fprintf(stderr, "fuse-server: mounting on %s: %s\n",
			gate_options.mountpoint, strerror(errno));
		exit(1);
	}
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "source", required_argument, NULL, 's' },
		{ "control", required_argument, NULL, 'c' },
		{ "gate", required_argument, NULL, 'g' },
		{ "no-gate", no_argument, NULL, 'n' },
		{ "threads", required_argument, NULL, 't' },
		{ "log-entries", required_argument, NULL, 'l' },
		{ "foreground", no_argument, NULL, 'f' },
		{ "debug", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	char *fuse_argv[] = { "fuse-server", "-d", NULL }, *save, *p;
	struct fuse_args args = FUSE_ARGS_INIT(1, fuse_argv);
	bool foreground = false, early = false;
	const char *err;
	pthread_t thread;
	int c, sig;
	sigset_t set;

	while ((c = getopt_long(argc, argv, "o:fdh", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case 's':
			server.source = optarg;
			break;
		case 'c':
			gate_options.control = optarg;
			break;
		case 'g':
			err = gate_first_rule(optarg);
			if (err)
				bad_usage("--gate '%s': %s", optarg, err);
			early = true;
			break;
		case 'n':
			no_gate = true;
			break;
		case 't':
			threads = number("--threads", optarg, 1, 256);
			break;
		case 'l':
			gate_options.log_entries =
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
	if (no_gate && early)
		bad_usage("--gate needs the gate: not with --no-gate");
	gate_options.mountpoint = realpath(argv[optind], NULL);
	if (!gate_options.mountpoint)
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
	if (nodes_init())
		die(server.source);
	gate_options.init_answered = init_answered;
	inside_init(handle);
	if (!no_gate && gate_init(&gate_options))
		die(gate_options.control);
	session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), NULL);
	if (!session) {
		fputs("fuse-server: libfuse gives no session\n", stderr);
		exit(1);
	}
	do_mount();
	if (!no_gate)
		gate_start();
	for (unsigned int i = 0; i < threads; i++) {
		errno = pthread_create(&thread, NULL, serve, NULL);
		if (errno)
			die("cannot start a thread");
	}
	if (early) /* a rule may keep INIT itself: do not wait for it */
		ready();

	while (sigwait(&set, &sig))
		;
	if (sig != SIGUSR1 && umount2(gate_options.mountpoint, MNT_DETACH))
		fuse_log(FUSE_LOG_ERR, "unmounting %s: %s\n",
			 gate_options.mountpoint, strerror(errno));
	if (!no_gate)
		unlink(gate_options.control);
	_exit(0);
}
