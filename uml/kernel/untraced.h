/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UML makes a process of the host for each of the guest's: a fork that a debugger of the
 * kernel would be stopped for, to see that it is none of its own. uml/kernel/cc puts this in
 * front of arch/um/os-Linux/skas/process.c.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sched.h>

#undef CLONE_FILES
#define CLONE_FILES (0x00000400 | CLONE_UNTRACED)
