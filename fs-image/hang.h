/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef HANG_H
#define HANG_H

/*
 * Start a process that ends with a line "hang: why" to fd, should nothing run for so many
 * seconds. 0: it does nothing, but is there, so that all runs have the same processes.
 */
void watch_for_hang(int seconds, int fd);

#endif
