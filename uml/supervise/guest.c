// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest: its command line, its descriptors, its start
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervise.h"

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
	char **argv, *stop;
	size_t n = 0, m = 0;

	if (o->terminal || o->pty) {
		consoles[3] = "con1=fd:3";
		consoles[4] = NULL;
	} else if (same_file(1, 2)) {
		consoles[4] = "MERGE=1";
	}
	while (o->words[n])
		n++;
	argv = checked(calloc(n + 10, sizeof(*argv)));
	argv[m++] = (char *)o->kernel;
	for (n = 0; o->words[n]; n++)
		argv[m++] = o->words[n];
	if (o->whole)
		return argv;
	for (n = 0; consoles[n]; n++)
		argv[m++] = (char *)consoles[n];
	_Static_assert(GUEST_TRACE == 8 && GUEST_EDGES == 9, "as below");
	if (o->trace)
		argv[m++] = "ticks.keep=8";
	if (o->edges)
		argv[m++] = "ticks.edges=9";
	if (o->stop_at) {
		if (asprintf(&stop, "ticks.stop=%lu", o->stop_at) < 0)
			cannot("no memory left on the host");
		argv[m++] = stop;
	}
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
static char **wrapped_argv(const struct options *o, const struct place *place,
			   const struct view *v, char **kernel)
{
	char *words = checked(strdup(o->wrap)), *name, *wrapper;
	char **argv = NULL;
	size_t n = 0, m = 0;
	bool gdb = false;

	if (asprintf(&wrapper,
		     "set exec-wrapper %s --confined --folder %s%s%s%s --",
		     own_program(), place->folder,
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
static int make_memory(const char *memory)
{
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
__attribute__((noreturn)) static void
be_guest(const struct options *o, const struct place *place, pid_t keeper,
	 int go, int fds[GUEST_FDS], const sigset_t *mask)
{
	struct view view = {
		.kernel = o->kernel,
		.share = o->share,
		.share_rw = o->share_rw,
		.host_root = o->host_root,
		.tell_end = o->keep && !o->wrap,
	};
	char **argv = kernel_argv(o), byte;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* a panicking kernel sends SIGTERM to its whole process group */
	if (!o->wrap)
		setsid();
	if (getppid() != keeper || read(go, &byte, 1) != 1 ||
	    chdir(place->folder))
		_exit(NOT_TRIED);
	sigprocmask(SIG_SETMASK, mask, NULL);
	if (o->wrap) {
		argv = wrapped_argv(o, place, &view, argv);
		setenv("TMPDIR", place->memory_below, 1);
	} else {
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		fds[1] = open("console", O_WRONLY | O_APPEND | O_CLOEXEC);
		fds[2] = fds[1];
	}
	fds[GUEST_MEMORY] = make_memory(place->memory);
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
	/* the larger, the less the guest meets a full one */
	fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
}

static int release(int fd)
{
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The guest's terminal, and the user's: fds[GUEST_OUT] is the slave of the first */
static void open_terminals(const struct options *o, struct guest *g, int *slave)
{
	char name[32];

	g->pty = open_pty(slave, name);
	if (g->pty < 0)
		cannot("no pty: %s", strerror(errno));
	g->out = g->pty;
	g->user_in = 0;
	g->user_out = 1;
	if (o->terminal) {
		g->user = 0;
		copy_window_size(0, *slave);
		return;
	}
	g->user_in = open_pty(&g->user, g->user_name);
	if (g->user_in < 0)
		cannot("no pty: %s", strerror(errno));
	g->user_out = g->user_in;
}

/*
 * Forked first of all, before the keeper leaves the session: a wrapper must stay in it to
 * have the terminal, and the keeper must not, to outlive a kill of the whole group. It
 * starts when something is written to g->go.
 */
void fork_guest(const struct options *o, const struct place *place, int life,
		const sigset_t *mask, struct guest *g)
{
	int fds[GUEST_FDS] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
	int asks[2] = { -1, -1 };
	int go[2], out[2] = { -1, -1 }, err[2] = { -1, -1 }, verdict[2];
	pid_t keeper = getpid();

	*g = (struct guest){ .out = -1,
			     .err = -1,
			     .pty = -1,
			     .user = -1,
			     .user_in = -1,
			     .user_out = 1 };
	make_pipe(go);
	make_pipe(verdict);
	if (o->terminal || o->pty) {
		open_terminals(o, g, &out[1]);
	} else {
		make_pipe(out);
		make_pipe(err);
		g->out = out[0];
		g->err = err[0];
	}
	fds[GUEST_OUT] = out[1];
	fds[GUEST_ERR] = err[1];
	fds[GUEST_VERDICT] = verdict[1];
	if ((o->share_rw || (o->keep && !o->wrap)) &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, asks))
		cannot("no socket can be made: %s", strerror(errno));
	fds[GUEST_ASKS] = asks[1];
	g->asks = asks[0];
	if (o->trace) {
		fds[GUEST_TRACE] =
			open(o->trace, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
			     0666);
		if (fds[GUEST_TRACE] < 0)
			cannot("--trace %s: %s", o->trace, strerror(errno));
	}
	if (o->edges)
		fds[GUEST_EDGES] = open_edges(o->edges, o->kernel);

	g->pid = fork();
	if (g->pid < 0)
		cannot("cannot fork: %s", strerror(errno));
	if (!g->pid) {
		close(go[1]);
		close(life);
		be_guest(o, place, keeper, go[0], fds, mask);
	}
	setsid();
	/* its pty's other side tells this process of its size */
	if (o->pty)
		ioctl(g->user, TIOCSCTTY, 0);
	release(asks[1]);
	release(go[0]);
	release(verdict[1]);
	release(fds[GUEST_TRACE]);
	release(fds[GUEST_EDGES]);
	release(out[1]);
	release(err[1]);
	g->go = go[1];
	g->verdict = verdict[0];
}

/*
 * A guest's kernel and its processes take turns, thousands of times a second: on one CPU
 * that goes faster than across two. Take one that no other guest has; the lock, on what
 * stands for it in sysfs, ends with this process. (To see the difference, hold the locks:
 * flock /sys/devices/system/cpu/cpu0 flock .../cpu1 uml/run -- fsx -q -N 20000 /mnt/fuse/f)
 */
void pin_guest(pid_t pid)
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
			sched_setaffinity(pid, sizeof(one), &one);
			return;
		}
		close(fd);
	}
}
