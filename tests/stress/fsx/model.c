// SPDX-License-Identifier: GPL-2.0-only
/* The model of the file, and operations that fit it. */
#include <string.h>

#include "fsx.h"

void fill(uint8_t *buf, uint32_t len, uint32_t data)
{
	uint64_t state = (uint64_t)data << 32, word;

	while (len >= sizeof(word)) {
		word = mix64(++state) | 0x0101010101010101ull;
		memcpy(buf, &word, sizeof(word));
		buf += sizeof(word);
		len -= sizeof(word);
	}
	word = mix64(++state) | 0x0101010101010101ull;
	memcpy(buf, &word, len);
}

uint32_t apply(const struct op *op, uint8_t *m, uint32_t size)
{
	uint32_t end = end_of(op);
	bool grows = end > size;

	switch (op->kind) {
	case OP_WRITE:
	case OP_DWRITE:
	case OP_MAPWRITE:
		fill(m + op->off, op->len, op->data);
		return grows ? end : size;
	case OP_TRUNCATE:
		if (op->len < size)
			memset(m + op->len, 0, size - op->len);
		return op->len;
	case OP_OTRUNC:
		memset(m, 0, size);
		return 0;
	case OP_ALLOC:
		return grows && !(op->flags & F_KEEP) ? end : size;
	case OP_PUNCH:
		memset(m + op->off, 0, op->len);
		return size;
	case OP_ZERO:
		memset(m + op->off, 0, op->len);
		return grows && !(op->flags & F_KEEP) ? end : size;
	case OP_COLLAPSE:
		memmove(m + op->off, m + end, size - end);
		memset(m + size - op->len, 0, op->len);
		return size - op->len;
	case OP_INSERT:
		memmove(m + end, m + op->off, size - op->off);
		memset(m + op->off, 0, op->len);
		return size + op->len;
	case OP_COPY:
	case OP_WRITEMAP:
	case OP_READMAP:
	case OP_DREADMAP:
		memmove(m + op->to, m + op->off, op->len);
		return dest_end(op) > size ? dest_end(op) : size;
	}
	return size;
}

/* Fit two ranges of one length into the file without overlap: see clip(). */
static bool clip_copy(struct op *op, uint32_t size, uint32_t limit,
		      uint32_t align)
{
	uint32_t apart;

	op->off = round_down(op->off % size, align);
	op->to = round_down(op->to % limit, align);
	op->len = min_u32(op->len, size - op->off);
	op->len = min_u32(op->len, limit - op->to);
	apart = op->off > op->to ? op->off - op->to : op->to - op->off;
	op->len = round_down(min_u32(op->len, apart), align);
	return op->len;
}

bool clip(struct op *op, uint32_t size)
{
	switch (op->kind) {
	case OP_READ:
	case OP_DREAD:
		if (size && op->off >= size)
			op->off %= size;
		if (op->kind == OP_DREAD) {
			op->off = round_down(op->off, direct_align);
			op->len = round_up(op->len, direct_align);
		}
		if (op->off >= opt.length)
			return false;
		op->len = min_u32(op->len, opt.length - op->off);
		return size && op->len &&
		       (op->kind == OP_READ || op->len % direct_align == 0);
	case OP_MAPREAD:
	case OP_MAPWRITE:
		if (!size)
			return false;
		if (op->off >= size)
			op->off %= size;
		op->len = min_u32(op->len, size - op->off);
		return op->len;
	case OP_MAPEOF:
		op->off = size;
		op->len = min_u32(op->len, round_up(size, page) - size);
		return op->len;
	case OP_DWRITE:
		op->off = round_down(op->off, direct_align);
		op->len = round_up(op->len, direct_align);
		/* fall through */
	case OP_WRITE:
	case OP_ALLOC:
	case OP_ZERO:
	case OP_PUNCH:
		if (op->off >= opt.length)
			return false;
		op->len = min_u32(op->len, opt.length - op->off);
		return op->len &&
		       (op->kind != OP_DWRITE || op->len % direct_align == 0);
	case OP_FSYNC:
	case OP_MSYNC:
	case OP_KICK:
	case OP_INVALIDATE:
		/* the range that a read or mapwrite would have become */
		if (size && op->off >= size)
			op->off %= size;
		if (op->off >= opt.length)
			return false;
		op->len = min_u32(op->len, opt.length - op->off);
		return op->len;
	case OP_TRUNCATE:
		return op->len <= opt.length;
	case OP_COLLAPSE:
		op->off = round_down(op->off, block);
		op->len = round_up(op->len, block);
		return op->len && end_of(op) < size;
	case OP_INSERT:
		op->off = round_down(op->off, block);
		op->len = round_up(op->len, block);
		return op->len && op->off < size &&
		       (uint64_t)size + op->len <= opt.length;
	case OP_COPY:
	case OP_WRITEMAP:
		return size && clip_copy(op, size, opt.length, 1);
	case OP_READMAP:
		return size && clip_copy(op, size, size, 1);
	case OP_DREADMAP:
		size = round_down(size, page);
		return size && clip_copy(op, size, size, page);
	}
	return true;
}
