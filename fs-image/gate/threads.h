/* SPDX-License-Identifier: GPL-2.0-only */
/* What the threads of a server are doing, by /proc: for people. */
#ifndef THREADS_H
#define THREADS_H

#include <stdio.h>
#include <sys/types.h>

/* " sleeps in F F F" with functions of the kernel, innermost first; or " runs" */
void thread_print(FILE *out, pid_t tid);

/* Each that neither waits for a request nor is the gate's own. */
void threads_print(FILE *out, pid_t pid);

#endif
