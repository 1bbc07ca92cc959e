/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A message of the FUSE protocol, as it comes from the kernel: what rules, the log and
 * the table of names look at. Nothing here has a state.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define OP_MAX 64 /* opcodes are below this; the pseudo ones are not */
#define OP_TRUNCATE OP_MAX /* SETATTR with a size */
#define OP_WRITEPAGE (OP_MAX + 1) /* WRITE from the page cache */
#define OP_ALL (OP_MAX + 2)
#define OP_NR (OP_MAX + 3)

/* What a request asks for. Names point into the message. */
struct op {
	uint32_t opcode;
	uint32_t pid;
	uint64_t unique;
	uint64_t nodeid;
	uint64_t fh;
	int64_t off; /* -1: this opcode has none */
	uint64_t size;
	uint32_t flags; /* open flags, fallocate mode, setattr valid... */
	const char *name; /* NULL: this opcode has none */
	uint64_t newdir; /* RENAME: to where */
	const char *newname;
	bool writepage, truncate;
};

void message_parse(struct op *op, const char *message, size_t len);

/* How much of a message must be kept for the op to stay valid: all but data. */
size_t message_head(const struct op *op, size_t len);

bool op_has_reply(const struct op *op);
void op_print(FILE *out, const struct op *op);

/* ---- opcode.c ---- */

const char *op_name(unsigned int opcode); /* "WRITE"; never NULL */
int op_parse(const char *name); /* opcode or pseudo one, -1: unknown */
int errno_parse(const char *name); /* "EIO" or "5"; -1: unknown */
const char *errno_name(int err); /* "EIO", or the number */

#endif
