/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The control socket: one thread, poll(2), no client can make another wait.
 *
 * A command is a line. The answer is any number of lines that begin with a blank,
 * then "OK [text]" or "E<status> <message>". "wait" and "log follow" answer when
 * the time has come; everything else at once.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "request.h"

/* 0, or -1 and errno */
int control_init(const struct gate_options *options);
/* Once nothing forks any more. */
void control_start(void);

#endif
