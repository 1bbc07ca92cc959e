// SPDX-License-Identifier: GPL-2.0-only
/* See threads.h. */
#define _GNU_SOURCE
#include "threads.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static void read_stack(pid_t tid, char *stack, size_t size)
{
	char path[64], line[200], name[100];
	FILE *f;

	*stack = 0;
	snprintf(path, sizeof(path), "/proc/%d/stack", tid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "[<%*[^>]>] %99[^+]", name) == 1 &&
		    !strstr(stack, "sys_") && strcmp(name, "__switch_to") &&
		    !strstr(name, "schedule") &&
		    strlen(stack) + strlen(name) + 2 < size)
			strcat(strcat(stack, " "), name);
	if (f)
		fclose(f);
}

static void print_stack(FILE *out, const char *stack)
{
	fprintf(out, "%s%s", *stack ? " sleeps in" : " runs", stack);
}

void thread_print(FILE *out, pid_t tid)
{
	char stack[300];

	read_stack(tid, stack, sizeof(stack));
	print_stack(out, stack);
}

void threads_print(FILE *out, pid_t pid)
{
	char path[64], stack[300], comm[32] = "?";
	struct dirent *d;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = pid ? opendir(path) : NULL;
	while (dir && (d = readdir(dir)) != NULL) {
		pid_t tid = atoi(d->d_name);

		if (!tid)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", pid, tid);
		f = fopen(path, "re");
		if (f && !fgets(comm, sizeof(comm), f))
			comm[0] = 0;
		if (f)
			fclose(f);
		comm[strcspn(comm, "\n")] = 0;
		read_stack(tid, stack, sizeof(stack));
		if (strcmp(comm, "gate") &&
		    !strstr(stack, "unix_dgram_recvmsg") &&
		    !strstr(stack, "unix_seqpacket_recvmsg") &&
		    !strstr(stack, "fuse_dev_do_read")) {
			fprintf(out, "thread  %d (%s)", tid, comm);
			print_stack(out, stack);
			fputc('\n', out);
		}
	}
	if (dir)
		closedir(dir);
}
