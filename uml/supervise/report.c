// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tasks of a guest wait for, written into its console log while it still lives
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "supervise.h"

/* What fuse-keep is to know, in its environment */
static void tell_gdb(const struct options *o, const char *why)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		_exit(1);
	for (char **arg = o->command; *arg; arg++)
		fprintf(f, "%s%s", arg == o->command ? "" : " ", *arg);
	fclose(f);
	setenv("FUSE_UML_COMMAND", text, 1);
	setenv("FUSE_UML_REASON", why, 1);
}

/*
 * By gdb: it needs no help from a kernel that may not be able to give any. Who waits for
 * whom comes first, then the task that runs, then a line each of all but idle kernel
 * threads; all that goes to console, if that is not -1. Then the guest is kept.
 */
pid_t start_report(const struct options *o, const char *folder, pid_t guest,
		   int console, const char *why)
{
	static const char *const shown[] = { "fuse-why", "echo \n", "uml-bt",
					     "uml-ps" };
	char *early = path(o->top, "uml/gdb/early.py");
	char *script = path(o->top, "uml/gdb/fuse-uml.py");
	char attach[80], *keep = NULL;
	const char *argv[32] = { "gdb", "-q",  "-nx",  "-batch", "-ix",
				 early, "-ex", attach, "-x",	 script };
	int n = 10;
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* (what gdb itself says of it is of no use here) */
	snprintf(attach, sizeof(attach),
		 "python gdb.execute('attach %d', to_string=True)", guest);
	dup2(open("/dev/null", O_RDWR), 0);
	dup2(console < 0 ? 0 : console, 1);
	dup2(console < 0 ? 0 : console, 2);
	if (chdir(folder))
		_exit(1);
	for (size_t i = 0; console >= 0 && i < sizeof(shown) / sizeof(shown[0]);
	     i++) {
		argv[n++] = "-ex";
		argv[n++] = shown[i];
	}
	if (o->keep) {
		tell_gdb(o, why);
		if (asprintf(&keep, "fuse-keep -quiet%s '%s'",
			     o->no_core ? " -nocore" : "", o->keep) < 0)
			_exit(1);
		argv[n++] = "-ex";
		argv[n++] = keep;
	}
	argv[n++] = "-ex";
	argv[n++] = "python gdb.execute('detach', to_string=True)";
	execvp("gdb", (char **)argv);
	_exit(127);
}

/* A command to the kernel's management console: 2 s at most for each part of the answer. */
bool ask_mconsole(const char *folder, const char *command)
{
	struct {
		uint32_t magic, version, length;
		char data[512];
	} request = { .magic = 0xcafebabe,
		      .version = 2,
		      .length = strlen(command) };
	struct {
		uint32_t error, more, length;
		char data[4096];
	} reply = { .more = 0 };
	struct sockaddr_un own = { .sun_family = AF_UNIX }, guest = own;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool done = false;

	/* relative: an absolute path may be too long for a socket's name */
	if (fd < 0 || chdir(folder))
		return false;
	strcpy(request.data, command);
	strcpy(own.sun_path, "reply");
	strcpy(guest.sun_path, "guest/mconsole");
	unlink(own.sun_path);
	if (!bind(fd, (void *)&own, sizeof(own)) &&
	    sendto(fd, &request, sizeof(request), 0, (void *)&guest,
		   sizeof(guest)) > 0) {
		struct pollfd answer = { .fd = fd, .events = POLLIN };

		do {
			done = poll(&answer, 1, 2000) > 0 &&
			       recv(fd, &reply, sizeof(reply), 0) > 0;
		} while (done && reply.more);
	}
	close(fd);
	return done && !reply.error;
}
