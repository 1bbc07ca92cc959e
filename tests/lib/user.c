// SPDX-License-Identifier: GPL-2.0-only
/* Users of the mount: processes that do one thing at a time, as they are told. */
#define _GNU_SOURCE
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct user {
	pid_t pid;
	int fd;
	bool gone;
	bool asked; /* a result is due */
	long result; /* of what was done last */
};

struct order {
	enum verb verb;
	long arg[5];
	char path[256];
};

/* ---- in the user's process ---- */

static void __attribute__((noreturn)) serve(int fd)
{
	struct actor actor = {};
	struct order o;
	long n;

	while (recv(fd, &o, sizeof(o), 0) == sizeof(o)) {
		n = do_verb(&actor, o.verb, o.path, o.arg);
		if (send(fd, &n, sizeof(n), 0) != sizeof(n))
			break;
	}
	_exit(0);
}

/* ---- in the test ---- */

struct user *user_new(void)
{
	struct user *user = calloc(1, sizeof(*user));
	int fds[2];

	if (!user || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds))
		abort();
	user->pid = fork();
	if (user->pid < 0)
		abort();
	if (!user->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	user->fd = fds[0];
	return user;
}

pid_t user_pid(const struct user *user)
{
	return user->pid;
}

static void order(struct user *user, const struct order *o)
{
	/* one that has been killed, or still does the last thing, is told by finish() */
	send(user->fd, o, sizeof(*o), MSG_NOSIGNAL);
	user->asked = true;
}

void begin_args(struct user *user, enum verb verb, const long arg[5])
{
	struct order o = { .verb = verb };

	memcpy(o.arg, arg, sizeof(o.arg));
	strcpy(o.path, verb == RECLAIM ? MEMORY_GROUP : MOUNT);
	order(user, &o);
}

void begin_open(struct user *user, const char *name, int flags)
{
	struct order o = { .verb = OPEN_FILE, .arg = { flags | O_CLOEXEC } };

	snprintf(o.path, sizeof(o.path), MOUNT "/%s", name);
	order(user, &o);
}

void begin_unlink(struct user *user, const char *name)
{
	struct order o = { .verb = UNLINK_FILE };

	snprintf(o.path, sizeof(o.path), MOUNT "/%s", name);
	order(user, &o);
}

long finish(struct user *user)
{
	struct pollfd p = { .fd = user->fd, .events = POLLIN };

	if (poll(&p, 1, LIMIT * 1000) == 0)
		return user->result = -ETIME;
	if (recv(user->fd, &user->result, sizeof(long), 0) != sizeof(long))
		user->result = -EOWNERDEAD;
	user->asked = false;
	return user->result;
}

long user_result(const struct user *user)
{
	return user->result;
}

long open_file(struct user *user, const char *name, int flags)
{
	begin_open(user, name, flags);
	return finish(user);
}

bool busy(const struct user *user)
{
	struct pollfd p = { .fd = user->fd, .events = POLLIN };

	return user->asked && poll(&p, 1, 0) == 0;
}

void user_kill(struct user *user)
{
	if (!user->gone)
		kill(user->pid, SIGKILL);
}

bool user_gone(struct user *user)
{
	for (double t = 0; !user->gone && patience(&t, LIMIT);)
		user->gone = waitpid(user->pid, NULL, WNOHANG) == user->pid;
	return user->gone;
}
