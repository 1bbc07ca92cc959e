// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes of which this one is the subreaper: whatever happens to those between, they
 * stay its descendants, and can be ended
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "supervise.h"

struct process {
	pid_t pid, parent;
};

static int by_pid(const void *a, const void *b)
{
	const struct process *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* All processes, by /proc; sorted by pid */
static struct process *processes(size_t *n)
{
	struct process *list = NULL;
	struct dirent *d;
	char self[32];
	ssize_t size = readlink("/proc/self", self, sizeof(self) - 1);
	DIR *proc;

	*n = 0;
	/* another pid namespace's /proc would name others */
	self[size < 0 ? 0 : size] = '\0';
	if (atoi(self) != getpid())
		return NULL;
	proc = opendir("/proc");
	while (proc && (d = readdir(proc))) {
		char name[300], text[512], *after;
		size_t size;
		FILE *f;
		int parent;

		if (!isdigit(d->d_name[0]))
			continue;
		snprintf(name, sizeof(name), "/proc/%s/stat", d->d_name);
		f = fopen(name, "re");
		if (!f)
			continue;
		size = fread(text, 1, sizeof(text) - 1, f);
		fclose(f);
		text[size] = '\0';
		after = strrchr(text, ')');
		if (!after || sscanf(after + 1, " %*c %d", &parent) != 1)
			continue;
		list = checked(realloc(list, (*n + 1) * sizeof(*list)));
		list[(*n)++] = (struct process){ atoi(d->d_name), parent };
	}
	if (proc)
		closedir(proc);
	if (list)
		qsort(list, *n, sizeof(*list), by_pid);
	return list;
}

/* Whether this process is among the ancestors */
static bool ours(const struct process *list, size_t n, pid_t pid)
{
	for (int depth = 0; pid > 1 && depth < 1000; depth++) {
		struct process key = { .pid = pid }, *p;

		p = bsearch(&key, list, n, sizeof(*list), by_pid);
		if (!p)
			return false;
		if (p->parent == getpid())
			return true;
		pid = p->parent;
	}
	return false;
}

/* How many there were */
static int tell_descendants(int signal)
{
	size_t n;
	struct process *list = processes(&n);
	int told = 0;

	for (size_t i = 0; i < n; i++)
		if (ours(list, n, list[i].pid) && !kill(list[i].pid, signal))
			told++;
	free(list);
	return told;
}

/* All of a group, and all that is or becomes a descendant of this process. */
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
			tell_descendants(SIGKILL);
		poll(NULL, 0, 1);
	}
}

/*
 * supervise --contain: a command of which nothing stays. A test run that is told to end
 * (TERM, ctrl-C, a CI that has had enough) would leave what its tests have started, in
 * process groups of their own and behind shells that wait for them: each is told to end,
 * and after a moment killed. The command's exit status.
 */
int contain(char **argv)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	const struct timespec patience = { .tv_sec = 5 };
	sigset_t signals, before;
	pid_t parent = getppid(), pid;
	int status, signal;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&signals);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaddset(&signals, ends[i]);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, &before);
	/* whoever started this may be killed */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		return 128 + SIGTERM;

	pid = fork();
	if (pid < 0)
		cannot("cannot fork: %s", strerror(errno));
	if (!pid) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		execvp(argv[0], argv);
		cannot("%s: %s", argv[0], strerror(errno));
	}
	for (;;) {
		signal = sigwaitinfo(&signals, NULL);
		if (signal != SIGCHLD && signal > 0)
			break;
		for (;;) {
			pid_t ended = waitpid(-1, &status, WNOHANG);

			if (ended <= 0)
				break;
			if (ended != pid)
				continue;
			kill_children(0);
			return WIFEXITED(status) ? WEXITSTATUS(status) :
						   128 + WTERMSIG(status);
		}
	}
	tell_descendants(SIGTERM);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	for (time_t start = time(NULL); time(NULL) < start + patience.tv_sec;) {
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
		if (waitpid(-1, NULL, WNOHANG) < 0)
			break;
		sigtimedwait(&signals, NULL,
			     &(struct timespec){ .tv_nsec = 100000000 });
	}
	kill_children(0);
	return 128 + signal;
}
