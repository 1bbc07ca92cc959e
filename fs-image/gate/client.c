// SPDX-License-Identifier: GPL-2.0-only
/* gate: one command for the gate, from the shell. */
#include "gate.h"
#include "threads.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"usage: gate [--control SOCKET] COMMAND...\n"
	"Tells the gate before a FUSE server what to do to requests, and shows what it has seen.\n"
	"\n"
	"  gate hold write file=a     keep every WRITE of file a\n"
	"  gate wait write 3          return when three are held\n"
	"  gate held                  which are they?\n"
	"  gate release               answer them, hold no more\n"
	"  gate fail EIO write        answer WRITEs with an error\n"
	"  gate log last=20           the last requests and replies\n"
	"  gate help                  all commands, from the gate itself\n"
	"\n"
	"  --control SOCKET           the gate's socket (" GATE_SOCKET ")\n"
	"\n"
	"Status: 0 done; 1 the gate cannot; 2 wrong usage; 3 no gate, or it died; 4 timed out.\n";

static void print(const char *line, void *arg)
{
	(void)arg;
	puts(line);
	fflush(stdout);
}

/*
 * Of `held`: what the threads are doing. Here, as the stacks are for who has
 * CAP_SYS_ADMIN, which the gate has not where it is in the server's process.
 */
static void print_held(const char *line, void *arg)
{
	const char *thread = strstr(line, " thread=");
	pid_t pid;

	(void)arg;
	fputs(line, stdout);
	if (thread)
		thread_print(stdout, atoi(thread + strlen(" thread=")));
	putchar('\n');
	if (sscanf(line, "server is process %d", &pid) == 1)
		threads_print(stdout, pid);
}

int main(int argc, char **argv)
{
	const char *control = GATE_SOCKET;
	char command[1100] = "";
	struct gate *g;
	int i = 1, status;

	if (argc > 1 &&
	    (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		fputs(usage, stdout);
		return 0;
	}
	if (argc > 1 && !strcmp(argv[1], "--control")) {
		if (argc < 3) {
			fputs("gate: --control needs the path of a socket\n",
			      stderr);
			return GATE_USAGE;
		}
		control = argv[2];
		i = 3;
	}
	if (i >= argc || *argv[i] == '-') {
		if (i < argc)
			fprintf(stderr, "gate: unknown option %s\n", argv[i]);
		fputs(usage, stderr);
		return GATE_USAGE;
	}
	for (; i < argc; i++) {
		if (strlen(command) + strlen(argv[i]) + 2 > sizeof(command)) {
			fputs("gate: the command is too long\n", stderr);
			return GATE_USAGE;
		}
		if (*command)
			strcat(command, " ");
		strcat(command, argv[i]);
	}
	g = gate_connect(control);
	if (!g) {
		fprintf(stderr, "gate: no gate at %s: %s\n", control,
			strerror(errno));
		return GATE_DEAD;
	}
	status = gate_stream(
		g, command, strcmp(command, "held") ? print : print_held, NULL);
	if (status)
		fprintf(stderr, "gate: %s\n", gate_text(g));
	else if (*gate_text(g))
		puts(gate_text(g));
	gate_close(g);
	return status;
}
