/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which locks the server has given, and to whom: the replies to SETLK tell. The kernel, which
 * leaves locks to the server, does not know. They stand on the board, for a debugger.
 *
 * state_lock is held for all of these.
 */
#ifndef LOCKS_H
#define LOCKS_H

#include "message.h"

/* The request @op, of which this is the message, has been answered without an error. */
void locks_note(const struct op *op, const char *message, size_t len);

#endif
