// SPDX-License-Identifier: GPL-2.0-only
/* Taking a message apart. */
#include "message.h"

#include <string.h>

/* The name at this place behind the header, NULL: none. */
static const char *name_at(const char *message, size_t len, size_t skip)
{
	size_t at = sizeof(struct fuse_in_header) + skip;

	if (at >= len || !memchr(message + at, 0, len - at))
		return NULL;
	return message + at;
}

static void parse_rename(struct op *op, const char *message, size_t len,
			 size_t skip)
{
	op->name = name_at(message, len, skip);
	if (op->name)
		op->newname =
			name_at(message, len, skip + strlen(op->name) + 1);
}

void message_parse(struct op *op, const char *message, size_t len)
{
	const struct fuse_in_header *in = (const void *)message;
	const void *arg = in + 1;

	memset(op, 0, sizeof(*op));
	op->opcode = in->opcode;
	op->unique = in->unique;
	op->nodeid = in->nodeid;
	op->pid = in->pid;
	op->off = -1;

	switch (in->opcode) {
	case FUSE_READ:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS: {
		const struct fuse_read_in *a = arg;

		op->fh = a->fh;
		op->off = a->offset;
		op->size = a->size;
		op->flags = a->read_flags;
		break;
	}
	case FUSE_WRITE: {
		const struct fuse_write_in *a = arg;

		op->fh = a->fh;
		op->off = a->offset;
		op->size = a->size;
		op->flags = a->write_flags;
		op->writepage = a->write_flags & FUSE_WRITE_CACHE;
		break;
	}
	case FUSE_SETATTR: {
		const struct fuse_setattr_in *a = arg;

		op->flags = a->valid;
		op->truncate = a->valid & FATTR_SIZE;
		if (a->valid & FATTR_FH)
			op->fh = a->fh;
		if (op->truncate)
			op->size = a->size;
		break;
	}
	case FUSE_FALLOCATE: {
		const struct fuse_fallocate_in *a = arg;

		op->fh = a->fh;
		op->off = a->offset;
		op->size = a->length;
		op->flags = a->mode;
		break;
	}
	case FUSE_LSEEK: {
		const struct fuse_lseek_in *a = arg;

		op->fh = a->fh;
		op->off = a->offset;
		op->flags = a->whence;
		break;
	}
	case FUSE_COPY_FILE_RANGE: {
		const struct fuse_copy_file_range_in *a = arg;

		op->fh = a->fh_out;
		op->off = a->off_out;
		op->size = a->len;
		break;
	}
	case FUSE_OPEN:
	case FUSE_OPENDIR:
		op->flags = ((const struct fuse_open_in *)arg)->flags;
		break;
	case FUSE_CREATE:
		op->flags = ((const struct fuse_create_in *)arg)->flags;
		op->name = name_at(message, len, sizeof(struct fuse_create_in));
		break;
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
		op->fh = ((const struct fuse_fsync_in *)arg)->fh;
		op->flags = ((const struct fuse_fsync_in *)arg)->fsync_flags;
		break;
	case FUSE_FLUSH:
		op->fh = ((const struct fuse_flush_in *)arg)->fh;
		break;
	case FUSE_RELEASE:
	case FUSE_RELEASEDIR:
		op->fh = ((const struct fuse_release_in *)arg)->fh;
		break;
	case FUSE_NOTIFY_REPLY: {
		const struct fuse_notify_retrieve_in *a = arg;

		op->off = a->offset;
		op->size = a->size;
		break;
	}
	case FUSE_LOOKUP:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_SYMLINK:
		op->name = name_at(message, len, 0);
		break;
	case FUSE_MKNOD:
		op->name = name_at(message, len, sizeof(struct fuse_mknod_in));
		break;
	case FUSE_MKDIR:
		op->name = name_at(message, len, sizeof(struct fuse_mkdir_in));
		break;
	case FUSE_LINK:
		op->name = name_at(message, len, sizeof(struct fuse_link_in));
		break;
	case FUSE_RENAME:
		op->newdir = ((const struct fuse_rename_in *)arg)->newdir;
		parse_rename(op, message, len, sizeof(struct fuse_rename_in));
		break;
	case FUSE_RENAME2:
		op->newdir = ((const struct fuse_rename2_in *)arg)->newdir;
		op->flags = ((const struct fuse_rename2_in *)arg)->flags;
		parse_rename(op, message, len, sizeof(struct fuse_rename2_in));
		break;
	}
}

size_t message_head(const struct op *op, size_t len)
{
	size_t head = sizeof(struct fuse_in_header);

	switch (op->opcode) {
	case FUSE_WRITE:
		head += sizeof(struct fuse_write_in);
		break;
	case FUSE_NOTIFY_REPLY:
		head += sizeof(struct fuse_notify_retrieve_in);
		break;
	case FUSE_SETXATTR:
	case FUSE_IOCTL:
		break;
	default: /* numbers and names */
		head = len;
	}
	return head < len ? head : len;
}

bool op_has_reply(const struct op *op)
{
	return op->opcode != FUSE_FORGET && op->opcode != FUSE_BATCH_FORGET &&
	       op->opcode != FUSE_INTERRUPT && op->opcode != FUSE_NOTIFY_REPLY;
}

void op_print(FILE *out, const struct op *op)
{
	fprintf(out, "%-11s unique=%llu node=%llu", op_name(op->opcode),
		(unsigned long long)op->unique, (unsigned long long)op->nodeid);
	if (op->off >= 0)
		fprintf(out, " off=%lld", (long long)op->off);
	if (op->off >= 0 || op->truncate)
		fprintf(out, " size=%llu", (unsigned long long)op->size);
	if (op->writepage)
		fprintf(out, " writepage");
	if (op->flags)
		fprintf(out, " flags=%#x", op->flags);
	if (op->name)
		fprintf(out, " name=%s", op->name);
	fprintf(out, " pid=%u", op->pid);
}
