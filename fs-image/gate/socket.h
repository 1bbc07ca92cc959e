/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The gate in front of a server, which has one end of a socket pair for its /dev/fuse.
 * Each message is a packet, as a read or write of the device is.
 *
 * What a device can and a socket cannot:
 * - the server learns nothing of the device's errors: its write has succeeded
 * - backing files and io_uring: not offered (SOCKET_CANNOT, gate_options.init_hide)
 * - a clone of the device: libfuse says so itself, and shares the one it has
 */
#ifndef SOCKET_H
#define SOCKET_H

#include "transport.h"

/* FUSE_PASSTHROUGH, FUSE_OVER_IO_URING: newer than some hosts' <linux/fuse.h> */
#define SOCKET_CANNOT (1ULL << 37 | 1ULL << 41)

extern const struct transport socket_transport;

/*
 * Makes the pair. Returns the server's end, or -1 and errno. @gone is called when no
 * process has that end any more; @garbage with what is no message, as text.
 */
int socket_init(int device, const char *name, void (*gone)(void),
		void (*garbage)(const char *what));
/*
 * The threads; the server's end is closed here. @only_pass: after INIT messages are passed on,
 * and nothing else is done: what any gate behind a socket costs, to be measured.
 */
void socket_start(int server_end, bool only_pass);
/* Of the process that wrote last, 0: none has. */
pid_t socket_server(void);

#endif
