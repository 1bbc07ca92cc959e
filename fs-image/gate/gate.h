/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libgate: tell the gate what to do to which requests, and wait for them.
 *
 * Commands are those of `gate help`; they go over a socket, never through FUSE, so
 * they work whatever state the mount is in. All functions may be called by one
 * thread at a time for one connection; any number of connections may be open.
 *
 *	struct gate *g = gate_connect(NULL);
 *
 *	gate(g, "hold write file=%s", name);
 *	...
 *	gate(g, "wait write 3 timeout=10");
 *	gate(g, "release");
 *
 * Rules belong to the gate: they and what they hold stay when the connection is
 * closed, or the program ends.
 */
#ifndef GATE_H
#define GATE_H

#define GATE_SOCKET "/run/fuse-gate.sock"

/* How long `wait` waits if it is not told, in seconds of the guest's clock. */
#define GATE_TIMEOUT 60

/* What a command may end with; also the exit statuses of gate(1). */
enum gate_status {
	GATE_OK = 0,
	GATE_REFUSED = 1, /* the gate understood, but cannot */
	GATE_USAGE = 2, /* not a command, or not what it takes */
	GATE_DEAD = 3, /* no gate there, or it ended meanwhile */
	GATE_TIMED_OUT = 4, /* `wait` did not get what it waits for */
};

struct gate;

/**
 * gate_connect() - connect to a gate
 * @socket: path of its control socket, NULL for GATE_SOCKET
 *
 * Return: the connection; NULL and errno if there is none (ECONNREFUSED or ENOENT:
 * no gate; ENAMETOOLONG; ENOMEM).
 */
struct gate *gate_connect(const char *socket);

/**
 * gate_close() - end a connection
 * @g: the connection; NULL is allowed
 */
void gate_close(struct gate *g);

/**
 * gate() - run one command and wait until it is done
 * @g: the connection; NULL gives GATE_DEAD
 * @fmt: the command as for printf, without a newline; at most 1000 bytes
 *
 * `log follow` never ends, except by the gate's death.
 *
 * Return: an enum gate_status. gate_text() and gate_output() tell more.
 */
int gate(struct gate *g, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/**
 * gate_text() - the last line of the answer to the last command
 * @g: the connection; NULL is allowed
 *
 * After an error, what is wrong. After a rule, its id; after release, held, count
 * and wait, how many. Valid until the next command.
 *
 * Return: the text, never NULL.
 */
const char *gate_text(const struct gate *g);

/**
 * gate_number() - the number in gate_text()
 * @g: the connection; NULL is allowed
 *
 * Return: the number, -1 if there is none or the last command failed.
 */
long gate_number(const struct gate *g);

/**
 * gate_output() - the lines before that, as log, held, stats, rules and help give
 * @g: the connection; NULL is allowed
 *
 * Return: the lines, each ended by a newline, "" if there is none; never NULL.
 * Valid until the next command.
 */
const char *gate_output(const struct gate *g);

/**
 * gate_stream() - as gate(), but hand out each line as it comes
 * @g: the connection; NULL gives GATE_DEAD
 * @command: the command, without a newline
 * @line: called with each line, without its newline
 * @arg: passed to @line
 *
 * Return: an enum gate_status.
 */
int gate_stream(struct gate *g, const char *command,
		void (*line)(const char *text, void *arg), void *arg);

#endif
