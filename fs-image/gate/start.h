/* SPDX-License-Identifier: GPL-2.0-only */
/* Setting a gate up: what the programs with a gate in them call. */
#ifndef START_H
#define START_H

#include "request.h"

/* A rule from the command line. NULL, or what is wrong with it. */
const char *gate_first_rule(const char *text);
/* The control socket, before anything is mounted. 0, or -1 and errno */
int gate_init(const struct gate_options *options);
/* The threads. */
void gate_start(void);

#endif
