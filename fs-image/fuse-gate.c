// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuse-gate: start any FUSE server, with the gate in front of it, and return when its
 * mount answers.
 *
 * The server may not mount, so its library runs fusermount3: the stand-in of ours, which
 * asks here. What the server gets for its /dev/fuse is one end of a socket pair.
 */
#define _GNU_SOURCE
#include "gate/gate.h"
#include "gate/mount.h"
#include "gate/socket.h"
#include "gate/start.h"
#include "gate/words.h"
#include "gate/state.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAP_SYS_ADMIN 21
#define CAP_SYS_RESOURCE 24
#define PATIENCE 30 /* seconds until there must be a mount */

static const char usage[] =
	"usage: fuse-gate [OPTION]... MOUNTPOINT COMMAND\n"
	"Starts a FUSE server by the shell command COMMAND, in which {} stands for MOUNTPOINT, with\n"
	"the gate in front of it. Returns when the mount answers. For gate's verbs: gate help.\n"
	"\n"
	"      --control SOCKET     where gate finds it (" GATE_SOCKET ")\n"
	"      --gate RULE          a rule to start with, e.g. --gate 'hold init'; may be repeated\n"
	"      --log-entries N      length of the log (16384)\n"
	"      --output FILE        what the server prints (/run/server.log)\n"
	"      --why FILE           if there is no mount, that one line goes there, too\n"
	"      --socket             do not put the gate into the server's process, by LD_PRELOAD,\n"
	"                           where that can be done; stand in front of it by a socket\n"
	"      --only-pass          the same, with no rules and no log: what a socket costs\n"
	"      --no-gate            nothing in front: the server has the real /dev/fuse\n"
	"  -h, --help               this text\n"
	"\n"
	"The server runs without CAP_SYS_ADMIN and CAP_SYS_RESOURCE, or it would mount by itself,\n"
	"and splice more than a socket takes in one piece.\n"
	"Status: 0 mounted; 2 wrong usage; else there is no mount, and why is said in one line.\n";

static struct gate_options options = {
	.control = GATE_SOCKET,
	.log_entries = 16384,
	.init_hide = SOCKET_CANNOT,
	.transport = &socket_transport,
};

static const char *command, *output = "/run/server.log", *why;
static char *rules; /* a line each */
static bool no_gate, only_socket, only_pass, mounted, lazy_end;
static bool preloaded; /* the gate is in the server's process */
static pid_t server; /* that process */
static char mount_socket[108];
static int mount_fd = -1, server_end = -1;
static int report_fd = -1; /* the parent waits at the other end */
static int answered; /* INIT: an eventfd */
static pid_t shell;

static void bad_usage(const char *fmt, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
static void bad_usage(const char *fmt, ...)
{
	va_list ap;

	fputs("fuse-gate: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\nTry 'fuse-gate --help'.\n", stderr);
	exit(2);
}

static void clean_up(void)
{
	if (*mount_socket)
		unlink(mount_socket);
	if (!no_gate)
		unlink(options.control);
}

/* What the server has printed, after why it is shown. */
static void show_output(void)
{
	FILE *f = fopen(output, "re");
	char line[1024];

	while (f && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		dprintf(STDERR_FILENO, "server: %s\n", line);
	}
	if (f)
		fclose(f);
}

/* A line behind what the server has printed: whoever reads that should know. */
static void append(const char *line)
{
	int fd = open(output, O_WRONLY | O_APPEND);

	if (fd < 0)
		return;
	dprintf(fd, "%s\n", line);
	close(fd);
}

/*
 * No mount: say so in one line, to whoever waits; and once nobody does any more, to the
 * kernel's log, which is stderr by then.
 */
static void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *fmt, ...)
{
	static bool failed;
	char text[600];
	va_list ap;
	int fd;

	/* what the first one does may be another thread's reason */
	if (__atomic_test_and_set(&failed, __ATOMIC_RELAXED))
		for (;;)
			pause();
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	show_output();
	dprintf(STDERR_FILENO, "fuse-gate: %s\n", text);
	fd = why && report_fd >= 0 ?
		     open(why, O_WRONLY | O_CREAT | O_TRUNC, 0644) :
		     -1;
	if (fd >= 0)
		dprintf(fd, "%s\n", text);
	if (shell > 0)
		kill(-shell, SIGKILL);
	clean_up();
	_exit(1);
}

/* ---- the server's process ---- */

static void replace(char *to, size_t size, const char *from, const char *what,
		    const char *with)
{
	const char *p;

	*to = 0;
	for (; (p = strstr(from, what)) != NULL; from = p + strlen(what)) {
		strncat(to, from, p - from);
		strncat(to, with, size - strlen(to) - 1);
	}
	strncat(to, from, size - strlen(to) - 1);
}

static void set_up_preload(void)
{
	char entries[16];

	snprintf(entries, sizeof(entries), "%u", options.log_entries);
	setenv("LD_PRELOAD", "/bin/" GATE_LIBRARY, 1);
	setenv("FUSE_GATE_CONTROL", options.control, 1);
	setenv("FUSE_GATE_MOUNTPOINT", options.mountpoint, 1);
	setenv("FUSE_GATE_LOG", entries, 1);
	setenv("FUSE_GATE_RULES", rules ? rules : "", 1);
}

static void __attribute__((noreturn)) run_server(void)
{
	int in = open("/dev/null", O_RDONLY),
	    out = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	size_t size = strlen(command) +
		      (strlen(command) / 2 + 1) * strlen(options.mountpoint) +
		      1;
	char *line = malloc(size);
	sigset_t none;

	if (in < 0 || out < 0 || !line) {
		dprintf(STDERR_FILENO, "fuse-gate: %s: %s\n", output,
			strerror(errno));
		_exit(125);
	}
	replace(line, size, command, "{}", options.mountpoint);
	setsid();
	dup2(in, 0);
	dup2(out, 1);
	dup2(out, 2);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (!no_gate) {
		setenv(MOUNT_SOCKET_VARIABLE, mount_socket, 1);
		if (!only_socket)
			set_up_preload();
		prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
		prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
	}
	execl("/bin/sh", "sh", "-c", line, NULL);
	_exit(127);
}

/* libfuse runs fusermount3 by this path first. */
static void stand_in(const char *name)
{
	char path[64], real[64];

	snprintf(real, sizeof(real), "/bin/%s", name);
	snprintf(path, sizeof(path), "/usr/bin/%s", name);
	if (!access(path, F_OK) &&
	    mount("/bin/fusermount3", path, NULL, MS_BIND, NULL))
		fail("%s cannot be replaced: %s", path, strerror(errno));
}

/* Splicing more would send a message in pieces, and pieces of two could mix. */
static void limit_pipes(void)
{
	int fd = open("/proc/sys/fs/pipe-max-size", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "65536", 5) != 5)
		fail("/proc/sys/fs/pipe-max-size: %s", strerror(errno));
	close(fd);
}

/* ---- the mount ---- */

static void init_answered(const struct fuse_init_out *out, int error)
{
	uint64_t one = 1;

	if (error)
		fail("the server answers INIT with %s", errno_name(error));
	if (out->major != FUSE_KERNEL_VERSION)
		fail("the server speaks version %u.%u of the FUSE protocol, the kernel %d",
		     out->major, out->minor, FUSE_KERNEL_VERSION);
	if (write(answered, &one, sizeof(one)) < 0)
		abort();
}

static const char *do_mount(const struct mount_order *order, int comm_fd,
			    const struct ucred *who)
{
	static char text[600];
	const char *err;

	if (order->guess && strcmp(order->mountpoint, options.mountpoint))
		return NOT_MINE;
	if (strcmp(order->mountpoint, options.mountpoint)) {
		snprintf(
			text, sizeof(text),
			"the server mounts %s, not %s: write {} for the mount point in its command",
			order->mountpoint, options.mountpoint);
		return text;
	}
	if (mounted)
		return "this server has its mount already";
	err = mount_fuse(options.device, order->mountpoint, order->options,
			 who->uid, who->gid);
	if (err)
		return err;
	preloaded = order->what == 'M';
	if (send_fd(comm_fd, preloaded ? options.device : server_end)) {
		snprintf(text, sizeof(text), "handing out the device: %s",
			 strerror(errno));
		return text;
	}
	mounted = true;
	lazy_end = strstr(order->options, "auto_unmount");
	if (preloaded) {
		/* should the server end, the connection must */
		close(options.device);
		close(server_end);
	} else if (gate_init(&options)) {
		fail("%s: %s", options.control, strerror(errno));
	} else {
		gate_start();
		socket_start(server_end, only_pass);
	}
	return NULL;
}

static int receive_fd(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd = -1;

	if (recvmsg(from, &msg, MSG_CMSG_CLOEXEC) == 1) {
		c = CMSG_FIRSTHDR(&msg);
		if (c && c->cmsg_type == SCM_RIGHTS)
			memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	}
	return fd;
}

/* A stand-in wants something. It is our own program: it does not keep us waiting. */
static void order_arrives(void)
{
	int fd = accept4(mount_fd, NULL, NULL, SOCK_CLOEXEC), comm_fd;
	static struct mount_order order;
	socklen_t len = sizeof(struct ucred);
	const char *err = NULL;
	struct ucred who;

	if (fd < 0)
		return;
	if (recv(fd, &order, sizeof(order), 0) != sizeof(order) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len)) {
		close(fd);
		return;
	}
	if (order.what == 'i') {
		struct fuse_init_out out = { .major = order.major,
					     .minor = order.minor };

		server = who.pid;
		init_answered(&out, order.error);
	} else if (order.what == 'm' || order.what == 'M') {
		comm_fd = receive_fd(fd);
		err = do_mount(&order, comm_fd, &who);
		close(comm_fd);
	} else if (order.guess &&
		   strcmp(order.mountpoint, options.mountpoint)) {
		err = NOT_MINE;
	} else if (umount2(order.mountpoint,
			   order.what == 'z' ? MNT_DETACH : 0)) {
		err = strerror(errno);
	}
	send(fd, err ? err : "", err ? strlen(err) : 0, MSG_NOSIGNAL);
	close(fd);
	if (err && strcmp(err, NOT_MINE) && (order.what | 32) == 'm' &&
	    !mounted)
		fail("%s", err);
}

/* ---- what happens meanwhile ---- */

/* The device is closed by our end, as if it had been the server's. */
static void server_gone(void)
{
	if (report_fd >= 0)
		fail("the server ended before it had answered INIT");
	dprintf(STDERR_FILENO, "fuse-gate: the server of %s has ended\n",
		options.mountpoint);
	append("fuse-gate: the server has ended");
	if (lazy_end)
		umount2(options.mountpoint, MNT_DETACH);
	clean_up();
	_exit(0);
}

static void garbage(const char *what)
{
	if (report_fd >= 0)
		fail("the server answers garbage: %s", what);
	dprintf(STDERR_FILENO, "fuse-gate: the server answers garbage: %s\n",
		what);
}

/* The kernel's list of mounts has changed: is ours there? For --no-gate. */
static bool is_mounted(void)
{
	char line[2048], path[1024], type[64], *dash;
	bool found = false;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && fgets(line, sizeof(line), f)) {
		dash = strstr(line, " - ");
		if (dash && sscanf(line, "%*s %*s %*s %*s %1023s", path) == 1 &&
		    sscanf(dash, " - %63s", type) == 1 &&
		    !strncmp(type, "fuse", 4) && strcmp(type, "fusectl") &&
		    !strcmp(path, options.mountpoint))
			found = true;
	}
	if (f)
		fclose(f);
	return found;
}

static void ready(void)
{
	int null = open("/dev/null", O_RDWR),
	    kmsg = open("/dev/kmsg", O_WRONLY);
	int fd = report_fd;

	report_fd = -1;
	/* whoever started us may wait for these to be closed */
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(kmsg >= 0 ? kmsg : null, STDERR_FILENO);
	if (write(fd, "", 1) != 1)
		dprintf(STDERR_FILENO, "fuse-gate: nobody waits\n");
	close(fd);
	close(null);
	close(kmsg);
}

/* Our children are the server, and what it left behind when it went to the background. */
static void children_end(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == server)
			server_gone();
		if (pid != shell)
			continue;
		shell = 0;
		if (report_fd < 0 ||
		    (WIFEXITED(status) && !WEXITSTATUS(status)))
			continue;
		if (WIFSIGNALED(status))
			fail("the server was killed by signal %d before it mounted: %s",
			     WTERMSIG(status), command);
		fail("the server ended with status %d before it mounted%s: %s",
		     WEXITSTATUS(status),
		     WEXITSTATUS(status) == 127 ?
			     " (the guest has no such program or library? --host-root, or --add FILE)" :
			     "",
		     command);
	}
	if (pid < 0 && report_fd >= 0 && !mounted)
		fail("the server ended without a mount: %s", command);
	if (pid < 0 && report_fd < 0 && (no_gate || preloaded))
		server_gone();
}

static void wait_and_serve(int signals)
{
	struct pollfd fds[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = answered, .events = POLLIN },
		{ .fd = mount_fd, .events = POLLIN },
		{ .fd = -1, .events = POLLPRI },
	};
	double until = now() + PATIENCE;
	struct signalfd_siginfo info;

	if (no_gate)
		fds[3].fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	for (;;) {
		double left = until - now();

		if (report_fd >= 0 && left <= 0)
			fail("nothing is mounted at %s after %d s: %s",
			     options.mountpoint, PATIENCE, command);
		poll(fds, 4, report_fd < 0 ? -1 : (int)(left * 1000) + 1);
		if (fds[1].revents) {
			fds[1].fd = -1;
			ready();
		}
		if (fds[2].revents)
			order_arrives();
		if (report_fd >= 0 && no_gate && is_mounted()) {
			fds[3].fd = -1;
			ready();
		}
		if (!fds[0].revents ||
		    read(signals, &info, sizeof(info)) != sizeof(info))
			continue;
		if (info.ssi_signo == SIGCHLD) {
			children_end();
			continue;
		}
		umount2(options.mountpoint, MNT_DETACH); /* gate quit */
		if (preloaded || socket_server() > 0)
			kill(preloaded ? server : socket_server(), SIGTERM);
		clean_up();
		_exit(0);
	}
}

static void listen_for_stand_ins(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (snprintf(mount_socket, sizeof(mount_socket), "%s.mount",
		     options.control) >= (int)sizeof(mount_socket))
		bad_usage("--control %s: the name is too long",
			  options.control);
	strcpy(addr.sun_path, mount_socket);
	mount_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	unlink(mount_socket);
	if (mount_fd < 0 ||
	    bind(mount_fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    listen(mount_fd, 8))
		fail("%s: %s", mount_socket, strerror(errno));
	chmod(mount_socket, 0666);
	chmod("/dev/fuse", 0666);
}

/* The parent's part: wait until the child says it is ready, or is gone. */
static void background(void)
{
	int fds[2];
	char c;

	if (pipe2(fds, O_CLOEXEC))
		fail("pipe: %s", strerror(errno));
	switch (fork()) {
	case -1:
		fail("fork: %s", strerror(errno));
	case 0:
		close(fds[0]);
		setsid();
		report_fd = fds[1];
		return;
	}
	close(fds[1]);
	_exit(read(fds[0], &c, 1) == 1 ? 0 : 1);
}

static void parse_options(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "control", required_argument, NULL, 'c' },
		{ "gate", required_argument, NULL, 'g' },
		{ "log-entries", required_argument, NULL, 'l' },
		{ "output", required_argument, NULL, 'o' },
		{ "no-gate", no_argument, NULL, 'n' },
		{ "socket", no_argument, NULL, 's' },
		{ "only-pass", no_argument, NULL, 'p' },
		{ "why", required_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	const char *err = NULL;
	uint64_t n;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			options.control = optarg;
			break;
		case 'g':
			err = gate_first_rule(optarg);
			if (asprintf(&rules, "%s%s\n", rules ? rules : "",
				     optarg) < 0)
				abort();
			break;
		case 'l':
			err = number_parse(optarg, &n);
			if (!err && (n < 16 || n > 1 << 24))
				err = "16 to 16777216";
			options.log_entries = n;
			break;
		case 'o':
			output = optarg;
			break;
		case 'n':
			no_gate = true;
			break;
		case 'w':
			why = optarg;
			break;
		case 'p':
			only_pass = true;
			/* fall through */
		case 's':
			only_socket = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			bad_usage("see above");
		}
		if (err)
			bad_usage("%s: %s", optarg, err);
	}
	if (no_gate && rules)
		bad_usage("--gate needs the gate: not with --no-gate");
	if (argc - optind != 2)
		bad_usage("it takes a mount point and a command");
	command = argv[optind + 1];
	if (!strstr(command, "{}"))
		bad_usage("no {} in '%s': where is it to mount?", command);
	options.mountpoint = realpath(argv[optind], NULL);
	if (!options.mountpoint)
		bad_usage("%s: %s", argv[optind], strerror(errno));
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signals;

	parse_options(argc, argv);
	background();
	umask(0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	answered = eventfd(0, EFD_CLOEXEC);
	if (signals < 0 || answered < 0)
		fail("%s", strerror(errno));

	if (!no_gate) {
		options.init_answered = init_answered;
		options.device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
		if (options.device < 0)
			fail("/dev/fuse: %s", strerror(errno));
		listen_for_stand_ins();
		limit_pipes();
		server_end =
			socket_init(options.device,
				    strrchr(options.control, '/') ?
					    strrchr(options.control, '/') + 1 :
					    options.control,
				    server_gone, garbage);
		if (server_end < 0)
			fail("socketpair: %s", strerror(errno));
		/* a server must not get ahead of writeback by our allocations */
		prctl(PR_SET_IO_FLUSHER, 1);
	}
	stand_in("fusermount3");
	stand_in("fusermount");
	stand_in("mergerfs-fusermount");
	shell = fork();
	if (!shell)
		run_server();
	if (shell < 0)
		fail("fork: %s", strerror(errno));
	wait_and_serve(signals);
}
