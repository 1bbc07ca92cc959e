// SPDX-License-Identifier: GPL-2.0-only
/*
 * init - the guest's first process: runs one command and tells how it ended
 *
 * What uml/run puts into the guest:
 *   /job/argv   the command, each argument ended by a NUL
 *   /job/stdin  its input (absent: /dev/null)
 *   /job/server1, server2...   shell commands of FUSE servers to have in place of ours
 *   /job/server-options        for ours
 * and on the kernel command line, which reaches init as environment:
 *   FUSE=no         no server, nothing at /mnt/fuse
 *   GATE=no         no gate in front of it
 *   SHARE=ro|rw     a host folder at /mnt/share: the one that hostfs is limited to,
 *                   or SHARE_DIR
 *   HOST_ROOT=1     the host's programs, read-only
 *   HANG=N          tell when nothing has run for N seconds, and nothing will; 0: do not
 *   MERGE=1         the command's stderr goes where its stdout goes
 *   TTY=1           the command owns tty1, a terminal
 *
 * Consoles: tty0 the kernel's log, tty1 stdout, tty2 stderr, tty3 the verdict:
 * one line, "exit N", "signal N" or "init: what failed". Before it, "ready" once the
 * terminal can be typed into, and "hang: why".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "hang.h"

/* Where fuse-gate says why there is no mount */
#define SERVER_WHY "/run/fuse-gate.why"

static int verdict_fd = -1;

static void power_off(void)
{
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void report(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vdprintf(verdict_fd, format, args);
	va_end(args);
}

/* Nothing can be tested any more: say why and stop the guest. */
static void fail(const char *what, const char *which)
{
	report("init: %s %s: %s\n", what, which, strerror(errno));
	power_off();
}

static bool asked(const char *name)
{
	const char *value = getenv(name);

	return value && strcmp(value, "no");
}

static int open_console(const char *path, bool raw)
{
	struct termios mode;
	int fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		fail("open", path);
	if (raw) {
		if (tcgetattr(fd, &mode))
			fail("tcgetattr", path);
		cfmakeraw(&mode);
		if (tcsetattr(fd, TCSANOW, &mode))
			fail("tcsetattr", path);
	}
	return fd;
}

static void mount_at(const char *type, const char *path, unsigned long flags,
		     const char *options)
{
	if (mkdir(path, 0755) && errno != EEXIST)
		fail("mkdir", path);
	if (mount(type, path, type, flags, options))
		fail("mount", path);
}

static void mount_filesystems(void)
{
	mount_at("devtmpfs", "/dev", 0, NULL);
	mount_at("devpts", "/dev/pts", 0, NULL);
	mount_at("tmpfs", "/dev/shm", 0, NULL);
	mount_at("proc", "/proc", 0, NULL);
	mount_at("sysfs", "/sys", 0, NULL);
	mount_at("debugfs", "/sys/kernel/debug", 0, NULL);
	mount_at("tracefs", "/sys/kernel/tracing", 0, NULL);
	mount_at("fusectl", "/sys/fs/fuse/connections", 0, NULL);
	mount_at("tmpfs", "/tmp", 0, "mode=1777");
	mount_at("tmpfs", "/run", 0, NULL);
	/* the server's own files: beside the mount, for tests to look into. Not all of the
	 * memory: a full server is to give ENOSPC, not to take the guest's last page */
	mount_at("tmpfs", "/srv", 0, "size=50%");
	symlink("/proc/self/fd", "/dev/fd");
}

static void mount_share(void)
{
	const char *mode = getenv("SHARE"), *dir = getenv("SHARE_DIR");

	if (mode)
		mount_at("hostfs", "/mnt/share",
			 strcmp(mode, "rw") ? MS_RDONLY : 0, dir ? dir : "/");
}

/* The host's folders appear where its programs look for them; ours stay in front. */
static void mount_host_root(void)
{
	static const char *const dirs[] = { "usr", "lib", "lib64", "etc" };
	char from[64], to[64];

	if (!asked("HOST_ROOT"))
		return;
	mount_at("hostfs", "/host", MS_RDONLY, "/");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		snprintf(from, sizeof(from), "/host/%s", dirs[i]);
		snprintf(to, sizeof(to), "/%s", dirs[i]);
		if (access(from, F_OK))
			continue;
		if (mkdir(to, 0755) && errno != EEXIST)
			fail("mkdir", to);
		if (mount(from, to, NULL, MS_BIND, NULL))
			fail("bind", to);
	}
	symlink("/usr/bin/bash", "/bin/bash");
}

/* Start a program in a session of its own, on the given stdin, stdout and stderr. */
static pid_t spawn(char *const argv[], const int stdio[3])
{
	char term[64];
	pid_t pid = fork();

	if (pid < 0)
		fail("fork for", argv[0]);
	if (pid)
		return pid;

	setsid();
	for (int i = 0; i < 3; i++)
		dup2(stdio[i], i);
	if (isatty(0))
		ioctl(0, TIOCSCTTY, 1);
	/* the kernel's command line arrived as environment: not the command's business */
	snprintf(term, sizeof(term), "TERM=%s",
		 getenv("TERM") ? getenv("TERM") : "dumb");
	environ =
		(char *[]){ "PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin",
			    "HOME=/root",
			    "USER=root",
			    "LANG=C.UTF-8",
			    term,
			    NULL };
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

/* A file of the job's as text, to be freed; NULL: there is none. */
static char *job_text(const char *name)
{
	char path[64], *text = NULL;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/job/%s", name);
	f = fopen(path, "re");
	if (f && getdelim(&text, &size, '\0', f) < 0)
		text = NULL;
	if (f)
		fclose(f);
	return text;
}

/* Returns when the mount answers. */
static void start(const char *name, char *const argv[])
{
	char why[600] = "";
	int status;
	FILE *f;

	if (!waitpid(spawn(argv, (int[]){ 0, 1, 2 }), &status, 0) || !status)
		return;
	f = fopen(SERVER_WHY, "re");
	if (f && !fgets(why, sizeof(why), f))
		why[0] = 0;
	if (*why)
		report("init: %s", why);
	else
		report("init: %s did not start: status 0x%x\n", name, status);
	power_off();
}

static bool own_servers;

/* Their own, at /mnt/fuse, /mnt/fuse2... */
static bool start_own_servers(const char *gate)
{
	char name[16], mount[32], control[48], output[32], number[8] = "";
	char *command;

	for (int n = 1;; n++) {
		snprintf(name, sizeof(name), "server%d", n);
		command = job_text(name);
		if (!command)
			return n > 1;
		if (n > 1)
			snprintf(number, sizeof(number), "%d", n);
		snprintf(mount, sizeof(mount), "/mnt/fuse%s", number);
		snprintf(control, sizeof(control), "/run/fuse-gate%s.sock",
			 number);
		snprintf(output, sizeof(output), "/run/server%s.log", number);
		if (mkdir(mount, 0755) && errno != EEXIST)
			fail("mkdir", mount);
		own_servers = true;
		start("fuse-gate",
		      (char *[]){ "fuse-gate", "--control", control, "--output",
				  output, "--why", SERVER_WHY, mount, command,
				  (char *)gate, NULL });
		free(command);
	}
}

static void start_server(void)
{
	char command[4096], *options = job_text("server-options");
	const char *gate = getenv("GATE") ? "--no-gate" : NULL;

	if (mkdir("/srv/fuse", 0755) || mkdir("/mnt/fuse", 0755))
		fail("mkdir", "/srv/fuse or /mnt/fuse");
	if (!asked("FUSE") && getenv("FUSE"))
		return;
	if (start_own_servers(gate))
		return;
	/* options are words of a shell */
	snprintf(command, sizeof(command),
		 "exec fuse-server --source /srv/fuse %s %s /mnt/fuse",
		 gate ? gate : "", options ? options : "");
	start("fuse-server", (char *[]){ "sh", "-c", command, NULL });
	free(options);
}

/* What their own servers have printed, where the command's stderr goes. */
static void show_server_output(void)
{
	int fd = open_console(asked("MERGE") || asked("TTY") ? "/dev/tty1" :
							       "/dev/tty2",
			      !asked("TTY"));
	char path[32] = "/run/server.log", line[1024];
	FILE *f;

	for (int n = 2; (f = fopen(path, "re")) != NULL; n++) {
		while (fgets(line, sizeof(line), f))
			dprintf(fd, "%s: %s", path + strlen("/run/"), line);
		fclose(f);
		snprintf(path, sizeof(path), "/run/server%d.log", n);
	}
	close(fd);
}

static char **read_argv(void)
{
	static char buffer[1 << 21];
	static char *argv[1 << 16];
	int fd = open("/job/argv", O_RDONLY | O_CLOEXEC);
	ssize_t size = fd < 0 ? -1 : read(fd, buffer, sizeof(buffer) - 1);
	size_t n = 0;

	if (size <= 0)
		fail("read", "/job/argv");
	close(fd);
	errno = E2BIG;
	if (size == sizeof(buffer) - 1)
		fail("hold", "/job/argv");
	for (char *p = buffer; p < buffer + size; p += strlen(p) + 1) {
		if (n == sizeof(argv) / sizeof(argv[0]) - 1)
			fail("hold", "/job/argv");
		argv[n++] = p;
	}
	return argv;
}

/*
 * Count ticks from now on, or no longer: uml/kernel/ticks.c. Kernels that were not built
 * here have none.
 */
static void count_ticks(bool on)
{
	int fd = open("/sys/module/ticks/parameters/on", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, on ? "1" : "0", 1) != 1)
		fail("write", "/sys/module/ticks/parameters/on");
	close(fd);
}

/* What is in the pipes now goes to the consoles. */
static void relay(struct pollfd pipes[2], const int consoles[2])
{
	char buffer[1 << 16];

	while (poll(pipes, 2, 0) > 0) {
		for (int i = 0; i < 2; i++) {
			ssize_t n, done = 0;

			if (!pipes[i].revents)
				continue;
			n = read(pipes[i].fd, buffer, sizeof(buffer));
			if (n <= 0)
				pipes[i].fd = -1;
			while (done < n) {
				ssize_t w = write(consoles[i], buffer + done,
						  n - done);

				if (w < 0)
					break;
				done += w;
			}
		}
	}
}

/*
 * A process that passes on what the command prints, until the command has ended. First
 * in line for the CPU: what was printed gets out even if the guest dies next. Not init
 * itself, which reaps: with this priority that can spin in the kernel, where it waits
 * for a task that it does not let run.
 */
static pid_t start_relay(const int out[2], const int err[2], const int ended[2],
			 const int consoles[2])
{
	const struct sched_param first = { .sched_priority = 1 };
	struct pollfd fds[3] = {
		{ .fd = out[0], .events = POLLIN },
		{ .fd = err[0], .events = POLLIN },
		{ .fd = ended[0], .events = POLLIN },
	};
	pid_t pid = fork();

	if (pid < 0)
		fail("fork for", "the output");
	if (pid)
		return pid;

	close(out[1]);
	close(err[1]);
	close(ended[1]);
	sched_setscheduler(0, SCHED_FIFO, &first);
	do {
		poll(fds, 3, -1);
		relay(fds, consoles);
	} while (!fds[2].revents);
	_exit(0);
}

/*
 * The command; its wait status. It writes to pipes, not to the consoles, so that it
 * does not take them for terminals.
 */
static int run_piped(char **argv)
{
	bool merge = asked("MERGE");
	int in, out[2], err[2], ended[2], consoles[2], status;
	pid_t pid, relay_pid;

	consoles[0] = open_console("/dev/tty1", true);
	consoles[1] = merge ? -1 : open_console("/dev/tty2", true);
	in = open("/job/stdin", O_RDONLY | O_CLOEXEC);
	if (in < 0)
		in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) ||
	    pipe2(ended, O_CLOEXEC))
		fail("make", "a pipe");

	relay_pid = start_relay(out, err, ended, consoles);
	count_ticks(true);
	pid = spawn(argv, (int[]){ in, out[1], merge ? out[1] : err[1] });
	close(out[1]);
	close(err[1]);
	while (wait(&status) != pid)
		;
	count_ticks(false);
	close(ended[1]);
	waitpid(relay_pid, NULL, 0);
	return status;
}

/* The command on a terminal of its own; returns its wait status. */
static int run_on_terminal(char **argv)
{
	int tty = open_console("/dev/tty1", false), status;
	pid_t pid;

	/* what is typed earlier would wait in the host's pty until more is typed */
	report("ready\n");
	count_ticks(true);
	pid = spawn(argv, (int[]){ tty, tty, tty });
	while (wait(&status) != pid)
		;
	count_ticks(false);
	return status;
}

int main(void)
{
	int status;

	umask(022);
	mount_filesystems();
	verdict_fd = open_console("/dev/tty3", true);
	/* what the kernel does not know is in the environment */
	if (getenv("time-travel")) {
		report("init: this kernel has no virtual time: --wall-clock\n");
		power_off();
	}
	mount_share();
	mount_host_root();
	start_server();
	if (chdir("/root"))
		fail("chdir", "/root");

	if (getenv("HANG"))
		watch_for_hang(atoi(getenv("HANG")), verdict_fd);
	status = asked("TTY") ? run_on_terminal(read_argv()) :
				run_piped(read_argv());

	if (status && own_servers)
		show_server_output();
	if (WIFSIGNALED(status))
		report("signal %d\n", WTERMSIG(status));
	else
		report("exit %d\n", WEXITSTATUS(status));
	power_off();
}
