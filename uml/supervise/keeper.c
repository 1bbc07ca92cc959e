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
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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
	struct place place;
	int life, signals;
	pid_t guest, report;
	int go; /* a byte here starts the guest */
	int verdict, pty, console;
	char pty_name[32];
	int late_stdin; /* was silent; must stay so */
	struct stream out, err;
	struct pollfd typed; /* by the user, for the guest's terminal */
	off_t console_shown;
	long long deadline; /* ms; of the run, then of the report */
	char told[512]; /* the guest's verdict */
	size_t told_size;
	bool ended;
	struct outcome outcome;
} k;

/* --- places ----------------------------------------------------------------------- */

static bool has_room(const char *folder, unsigned long long kib)
{
	struct statvfs fs;

	return !access(folder, W_OK) && !statvfs(folder, &fs) &&
	       !(fs.f_flag & (ST_NOEXEC | ST_RDONLY)) &&
	       fs.f_bavail * (fs.f_frsize >> 9) / 2 > kib;
}

/* The names of what will be made: whoever is left can remove it. Makes nothing. */
struct place choose_place(const struct options *o)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	const char *tmp = getenv("TMPDIR") ?: "/tmp",
		   *memory[] = { "/dev/shm", tmp, "." };
	struct place place = { 0 };
	char name[32];
	size_t n;

	n = snprintf(name, sizeof(name), "%d-", getpid());
	if (getrandom(name + n, 6, 0) != 6)
		cannot("no random name: %s", strerror(errno));
	for (size_t i = n; i < n + 6; i++)
		name[i] = letters[name[i] & 31];
	name[n + 6] = '\0';

	for (size_t i = 0; !place.memory_below && i < 3; i++)
		if (has_room(memory[i], o->memory))
			place.memory_below = checked(realpath(memory[i], NULL));
	if (!place.memory_below)
		cannot("no folder with %llu MB free for the guest's memory, not mounted noexec: /dev/shm, /tmp",
		       o->memory >> 10);
	place.memory = path(place.memory_below, "fuse-uml-");
	place.memory = checked(
		realloc(place.memory, strlen(place.memory) + sizeof(name)));
	strcat(place.memory, name);
	place.runs = path(o->build, "run");
	place.folder = path(place.runs, name);
	return place;
}

static int remove_one(const char *name, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(name);
	return 0;
}

static void remove_tree(const char *folder)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void remove_place(const struct place *p)
{
	remove_tree(p->memory);
	remove_tree(p->folder);
}

static pid_t read_pid(const char *folder)
{
	char *name = path(folder, "pid");
	FILE *f = fopen(name, "re");
	int pid = 0;

	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	free(name);
	return pid;
}

/* Whether the process works in that folder: pids are used again */
static bool works_in(pid_t pid, const char *folder)
{
	char name[32], cwd[4096];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/cwd", pid);
	n = readlink(name, cwd, sizeof(cwd) - 1);
	if (n < 0)
		return false;
	cwd[n] = '\0';
	return !strcmp(cwd, folder);
}

/* Folders whose launcher and keeper were both killed: nobody holds their lock. */
static void sweep(const char *runs)
{
	DIR *dir = opendir(runs);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char *folder, *link, memory[4096];
		ssize_t n;
		int fd;

		if (!isdigit(d->d_name[0]))
			continue;
		folder = path(runs, d->d_name);
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
			pid_t pid = read_pid(folder);

			if (pid > 0 && works_in(pid, folder))
				kill(-pid, SIGKILL);
			link = path(folder, "memory");
			n = readlink(link, memory, sizeof(memory) - 1);
			memory[n < 0 ? 0 : n] = '\0';
			if (strstr(memory, "/fuse-uml-")) /* else it has gone */
				remove_tree(memory);
			remove_tree(folder);
			free(link);
		}
		if (fd >= 0)
			close(fd);
		free(folder);
	}
	if (dir)
		closedir(dir);
}

static void make_file(const char *name, const char *text)
{
	char *file = path(k.place.folder, name);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		cannot("%s: %s", file, strerror(errno));
	close(fd);
	free(file);
}

/*
 * A folder of its own, as working directory, makes the names in it the same in each run:
 * umid and sockets are unique by their folder. The lock on it tells that it is in use;
 * the lock on the folder above, that none is being made.
 */
static void make_place(void)
{
	int above, fd;

	mkdir(k.o->build, 0777);
	mkdir(k.place.runs, 0777);
	above = open(k.place.runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0)
		cannot("no folder can be made for the run: %s: %s",
		       k.place.runs, strerror(errno));
	if (!flock(above, LOCK_EX | LOCK_NB))
		sweep(k.place.runs);
	flock(above, LOCK_SH);
	if (mkdir(k.place.folder, 0755))
		cannot("no folder can be made for the run: %s: %s",
		       k.place.folder, strerror(errno));
	fd = open(k.place.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX))
		cannot("%s: %s", k.place.folder, strerror(errno));
	close(above);
}

/* --- the guest -------------------------------------------------------------------- */

/* One stream for both: the guest keeps the order. */
static bool same_file(int a, int b)
{
	struct stat x, y;

	return !fstat(a, &x) && !fstat(b, &y) && x.st_dev == y.st_dev &&
	       x.st_ino == y.st_ino;
}

/* What the kernel is called with. */
char **kernel_argv(const struct options *o)
{
	const char *consoles[] = { "initrd=initrd",  "con0=null,fd:1",
				   "con3=null,fd:5", "con1=null,fd:3",
				   "con2=null,fd:4", NULL };
	char **argv;
	size_t n = 0, m = 0;

	if (o->terminal || o->pty) {
		consoles[3] = "con1=fd:3";
		consoles[4] = NULL;
	} else if (same_file(1, 2)) {
		consoles[4] = "MERGE=1";
	}
	while (o->words[n])
		n++;
	argv = checked(calloc(n + 7, sizeof(*argv)));
	argv[m++] = (char *)o->kernel;
	for (n = 0; o->words[n]; n++)
		argv[m++] = o->words[n];
	for (n = 0; consoles[n]; n++)
		argv[m++] = (char *)consoles[n];
	return argv;
}

static char *own_program(void)
{
	char name[4096];
	ssize_t n = readlink("/proc/self/exe", name, sizeof(name) - 1);

	if (n < 0)
		cannot("/proc/self/exe: %s", strerror(errno));
	name[n] = '\0';
	return checked(strdup(name));
}

/*
 * The wrapper's words, and the kernel's behind them. What confines the kernel stands
 * between the two; gdb, which has to see the kernel's own name, is told to put it there.
 */
static char **wrapped_argv(const struct options *o, const struct view *v,
			   char **kernel)
{
	char *words = checked(strdup(o->wrap)), *name, *wrapper;
	char **argv = NULL;
	size_t n = 0, m = 0;
	bool gdb = false;

	if (asprintf(&wrapper,
		     "set exec-wrapper %s --confined --folder %s%s%s%s --",
		     own_program(), k.place.folder,
		     v->host_root ? " --host-root" : "",
		     !v->share	 ? "" :
		     v->share_rw ? " --share-rw " :
				   " --share ",
		     v->share ?: "") < 0)
		cannot("no memory left on the host");
	while (kernel[m])
		m++;
	argv = checked(
		calloc(strlen(words) + strlen(wrapper) + m + 4, sizeof(*argv)));
	for (char *w = strtok(words, " \t\n"); w; w = strtok(NULL, " \t\n")) {
		argv[n++] = w;
		name = strrchr(w, '/');
		if (!gdb && !strncmp(name ? name + 1 : w, "gdb", 3)) {
			gdb = true;
			argv[n++] = "-iex";
			argv[n++] = wrapper;
		}
	}
	if (!n)
		cannot("--wrap: no command");
	if (!gdb)
		for (char *w =
			     strtok(wrapper + strlen("set exec-wrapper "), " ");
		     w; w = strtok(NULL, " "))
			argv[n++] = w;
	memcpy(argv + n, kernel, m * sizeof(*argv));
	return argv;
}

/* fds[i] becomes descriptor i. */
static void place_fds(const int *fds, int n)
{
	int moved[GUEST_FDS];

	for (int i = 0; i < n; i++)
		moved[i] = fds[i] < 0 ?
				   -1 :
				   fcntl(fds[i], F_DUPFD_CLOEXEC, GUEST_FDS);
	for (int i = 0; i < n; i++)
		if (fds[i] >= 0 && dup2(moved[i], i) < 0)
			cannot("no descriptor left: %s", strerror(errno));
}

/*
 * The kernel makes its memory a file without a name, in the folder that the link `memory`
 * leads to: it is called alike in all runs. Where the file system does that in a removed
 * folder, too (tmpfs does), nothing can stay behind in it, whoever is killed.
 */
static int make_memory(void)
{
	const char *memory = k.place.memory;
	char name[32];
	int fd, file;

	if (mkdir(memory, 0700))
		cannot("no folder for the guest's memory: %s: %s", memory,
		       strerror(errno));
	fd = open(memory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	rmdir(memory);
	file = open(name, O_RDWR | O_EXCL | O_TMPFILE | O_CLOEXEC, 0700);
	if (file < 0 && mkdir(memory, 0700))
		cannot("no folder for the guest's memory: %s: %s", memory,
		       strerror(errno));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", GUEST_MEMORY);
	if (symlink(file < 0 ? memory : name, "memory"))
		cannot("the guest's folder: %s", strerror(errno));
	close(file);
	return fd;
}

/* The child: waits until all is made, and becomes the guest. */
__attribute__((noreturn)) static void be_guest(int go, const int own[GUEST_FDS],
					       const sigset_t *mask)
{
	const struct options *o = k.o;
	struct view view = {
		.kernel = o->kernel,
		.share = o->share,
		.share_rw = o->share_rw,
		.host_root = o->host_root,
	};
	pid_t keeper = getppid();
	char **argv = kernel_argv(o), byte;
	int fds[GUEST_FDS];

	memcpy(fds, own, sizeof(fds));
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* a panicking kernel sends SIGTERM to its whole process group */
	if (!o->wrap)
		setsid();
	if (getppid() != keeper || read(go, &byte, 1) != 1 ||
	    chdir(k.place.folder))
		_exit(NOT_TRIED);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (o->wrap) {
		fds[0] = fds[1] = fds[2] = -1;
		argv = wrapped_argv(o, &view, argv);
		setenv("TMPDIR", k.place.memory_below, 1);
	} else {
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		fds[1] = fds[2] =
			open("console", O_WRONLY | O_APPEND | O_CLOEXEC);
	}
	fds[GUEST_MEMORY] = make_memory();
	place_fds(fds, GUEST_FDS);
	if (!o->wrap)
		confine(&view);
	execvp(argv[0], argv);
	cannot("%s: %s", argv[0], strerror(errno));
}

static void make_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC))
		cannot("no pipe can be made: %s", strerror(errno));
}

/*
 * Forked first of all, before the keeper leaves the session: a wrapper must stay in it to
 * have the terminal, and the keeper must not, to outlive a kill of the whole group.
 */
static void fork_guest(const sigset_t *mask)
{
	int go[2], out[2] = { -1, -1 }, err[2] = { -1, -1 }, verdict[2],
		   other = -1;
	int fds[GUEST_FDS] = { -1, -1, -1, -1, -1, -1, -1 };

	make_pipe(go);
	make_pipe(verdict);
	if (k.o->terminal || k.o->pty) {
		out[1] = open_pty(&other, k.pty_name);
		if (out[1] < 0)
			cannot("no pty: %s", strerror(errno));
		if (k.o->terminal) {
			copy_window_size(0, other);
			out[0] = other;
			k.typed = (struct pollfd){ .fd = 0, .events = POLLIN };
		}
		/* the other side stays open: no hangup when uml/console leaves */
		k.pty = other;
	} else {
		make_pipe(out);
		make_pipe(err);
		/* the larger, the less the guest meets a full one */
		fcntl(out[1], F_SETPIPE_SZ, 1 << 20);
		fcntl(err[1], F_SETPIPE_SZ, 1 << 20);
	}
	fds[GUEST_OUT] = out[1];
	fds[GUEST_ERR] = err[1];
	fds[GUEST_VERDICT] = verdict[1];

	k.guest = fork();
	if (k.guest < 0)
		cannot("cannot fork: %s", strerror(errno));
	if (!k.guest) {
		close(go[1]);
		close(k.life);
		be_guest(go[0], fds, mask);
	}
	close(go[0]);
	close(verdict[1]);
	close(out[1]);
	if (err[1] >= 0)
		close(err[1]);
	k.go = go[1];
	k.verdict = verdict[0];
	k.out.from = out[0];
	k.err.from = err[0];
	k.out.to = 1;
	k.err.to = 2;
	setsid();
}

/*
 * A guest's kernel and its processes take turns, thousands of times a second: on one CPU
 * that goes faster than across two. Take one that no other guest has; the lock, on what
 * stands for it in sysfs, ends with this process. (To see the difference, hold the locks:
 * flock /sys/devices/system/cpu/cpu0 flock .../cpu1 uml/run -- fsx -q -N 20000 /mnt/fuse/f)
 */
static void pin_guest(void)
{
	cpu_set_t ours, one;

	if (sched_getaffinity(0, sizeof(ours), &ours))
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		char name[64];
		int fd;

		if (!CPU_ISSET(cpu, &ours))
			continue;
		snprintf(name, sizeof(name), "/sys/devices/system/cpu/cpu%d",
			 cpu);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			CPU_ZERO(&one);
			CPU_SET(cpu, &one);
			sched_setaffinity(k.guest, sizeof(one), &one);
			return;
		}
		close(fd);
	}
}

/* --- the end ---------------------------------------------------------------------- */

/* Processes whose parent this one is, by /proc. */
static void kill_listed(void)
{
	char self[32];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);
	DIR *proc;
	struct dirent *d;

	/* another pid namespace's /proc would name others */
	self[n < 0 ? 0 : n] = '\0';
	if (atoi(self) != getpid())
		return;
	proc = opendir("/proc");
	while (proc && (d = readdir(proc))) {
		char name[300], text[512], *after;
		int fd, parent;

		if (!isdigit(d->d_name[0]))
			continue;
		snprintf(name, sizeof(name), "/proc/%s/stat", d->d_name);
		fd = open(name, O_RDONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
		if (fd >= 0)
			close(fd);
		text[n < 0 ? 0 : n] = '\0';
		after = strrchr(text, ')');
		if (after && sscanf(after + 1, " %*c %d", &parent) == 1 &&
		    parent == getpid())
			kill(atoi(d->d_name), SIGKILL);
	}
	if (proc)
		closedir(proc);
}

/* All of a group, and all that is or becomes a child of this process. */
void kill_children(pid_t group)
{
	for (int tries = 0; tries < 5000; tries++) {
		pid_t pid;

		if (group > 0) {
			kill(-group, SIGKILL);
			kill(group, SIGKILL);
		}
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			if (pid == group)
				group = 0;
		if (pid < 0)
			return;
		if (tries)
			kill_listed();
		poll(NULL, 0, 1);
	}
}

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
		kill(-k.guest, SIGKILL);
	kill(k.guest, SIGKILL);
}

/* Past the limit: the tasks' stacks go to the console log, then the guest is killed. */
static void past_limit(void)
{
	char text[100];

	if (!k.outcome.past_limit) {
		k.outcome.past_limit = true;
		snprintf(
			text, sizeof(text),
			"uml/run: no end after %lu s of wall-clock time: what the tasks wait for\n",
			k.o->limit);
		write_console(text);
		k.report =
			start_report(k.o, k.place.folder, k.guest, k.console);
		k.deadline = now() + 20000;
	} else {
		kill(k.report, SIGKILL);
		k.deadline = 0;
	}
}

static void reported(int status)
{
	if (status && !ask_mconsole(k.place.folder, "sysrq w"))
		write_console(
			"uml/run: neither gdb nor sysrq could show them\n");
	kill_guest();
}

static void guest_ended(int status)
{
	k.ended = true;
	k.outcome.status = status;
	/* processes of a guest that died hold the pipes open */
	kill_children(k.o->wrap ? 0 : k.guest);
	k.typed.fd = -1;
}

static void on_child(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == k.guest)
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
		if (k.o->terminal)
			copy_window_size(0, k.pty);
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
	if (n <= 0) {
		close(s->from);
		s->from = -1;
	}
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
	/* nobody reads any longer (| head): the guest ends, as a program does by SIGPIPE */
	if (errno != EPIPE)
		say("%s: %s", s->to == 1 ? "stdout" : "stderr",
		    strerror(errno));
	k.outcome.unread = true;
	s->begin = s->end = 0;
	kill_guest();
}

static void hear_verdict(void)
{
	ssize_t n = read(k.verdict, k.told + k.told_size,
			 sizeof(k.told) - 1 - k.told_size);

	if (n > 0)
		k.told_size += n;
	if (n == 0 || k.told_size == sizeof(k.told) - 1) {
		close(k.verdict);
		k.verdict = -1;
	}
	k.told[k.told_size] = '\0';
	k.told[strcspn(k.told, "\r\n")] = '\0';
}

static void type_into_guest(void)
{
	char data[4096];
	ssize_t n = read(0, data, sizeof(data));

	if (n <= 0)
		k.typed.fd = -1;
	else if (write(k.pty, data, n) < 0)
		k.typed.fd = -1;
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
	return k.out.from < 0 && k.err.from < 0 && k.verdict < 0 &&
	       k.out.begin == k.out.end && k.err.begin == k.err.end;
}

static void look_after_guest(void)
{
	while (!k.ended || !all_passed_on()) {
		struct pollfd fds[] = {
			{ .fd = k.life, .events = POLLIN },
			{ .fd = k.signals, .events = POLLIN },
			{ .fd = k.verdict, .events = POLLIN },
			readable(&k.out),
			readable(&k.err),
			writable(&k.out),
			writable(&k.err),
			{ .fd = k.late_stdin, .events = POLLIN },
			k.typed,
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
			past_limit();
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
			type_into_guest();
	}
	if (k.o->console)
		show_console();
}

/* Something could not be made: nothing of it stays. */
static void abandon(void)
{
	kill_children(k.ended ? 0 : k.guest);
	restore_terminal();
	remove_place(&k.place);
}

void keep(const struct options *o, const struct place *p,
	  const sigset_t *signals, const sigset_t *before, int life)
{
	char number[32], *console, *input = NULL;
	size_t input_size = 0;

	k.o = o;
	k.place = *p;
	k.life = life;
	k.typed.fd = k.pty = -1;
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fork_guest(before);
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
	make_place();
	make_file("console", "");
	if (k.pty >= 0) {
		strcat(k.pty_name, "\n");
		make_file("pty", k.pty_name);
	}
	console = path(p->folder, "console");
	k.console = open(console, O_RDWR | O_APPEND | O_CLOEXEC);
	if (k.console < 0)
		cannot("%s: %s", console, strerror(errno));
	snprintf(number, sizeof(number), "%d\n", k.guest);
	make_file("pid", number);
	take_stdin(&input, &input_size);
	if (write_initrd(o, path(p->folder, "initrd"), input, input_size))
		cannot("the run's image cannot be made in %s: %s", p->folder,
		       strerror(errno));
	free(input);
	pin_guest();
	if (o->limit)
		k.deadline = now() + (long long)o->limit * 1000;
	if (write(k.go, "", 1) != 1)
		cannot("the guest's process has gone");
	close(k.go);

	look_after_guest();
	k.outcome.verdict = k.told;
	exit(decide(o, p->folder, &k.outcome));
}
