// SPDX-License-Identifier: GPL-2.0-only
/* See names.h. */
#define _GNU_SOURCE
#include "names.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HASH (1 << 14)

struct name {
	struct name *next; /* of the same hash */
	struct name *sibling; /* of the same node */
	uint64_t parent;
	struct node *node;
	char text[];
};

struct node {
	struct node *next; /* of the same hash */
	uint64_t id;
	uint64_t nlookup;
	struct name *names; /* the last one learned comes first */
};

static struct node *nodes[HASH];
static struct name *names[HASH];

static struct node **node_slot(uint64_t id)
{
	struct node **p;

	for (p = &nodes[(id * 0x9e3779b97f4a7c15) >> 50]; *p; p = &(*p)->next)
		if ((*p)->id == id)
			break;
	return p;
}

static struct name **name_slot(uint64_t parent, const char *text, size_t len)
{
	uint64_t hash = parent * 31;
	struct name **p;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)text[i]) * 0x100000001b3;
	for (p = &names[(hash * 0x9e3779b97f4a7c15) >> 50]; *p; p = &(*p)->next)
		if ((*p)->parent == parent && !strncmp((*p)->text, text, len) &&
		    !(*p)->text[len])
			break;
	return p;
}

static void name_del(uint64_t parent, const char *text, size_t len)
{
	struct name **p = name_slot(parent, text, len), *n = *p, **q;

	if (!n)
		return;
	*p = n->next;
	for (q = &n->node->names; *q != n; q = &(*q)->sibling)
		;
	*q = n->sibling;
	free(n);
}

static void name_add(uint64_t parent, const char *text, size_t len,
		     struct node *node)
{
	struct name *n, **p;

	name_del(parent, text, len);
	n = malloc(sizeof(*n) + len + 1);
	if (!n)
		abort();
	n->parent = parent;
	n->node = node;
	memcpy(n->text, text, len);
	n->text[len] = 0;
	n->sibling = node->names;
	node->names = n;
	p = name_slot(parent, text, len);
	n->next = NULL;
	*p = n;
}

static void learn(uint64_t parent, const char *text, size_t len, uint64_t id)
{
	struct node **p, *node;

	if (!id) { /* the kernel is told that there is no such name */
		name_del(parent, text, len);
		return;
	}
	p = node_slot(id);
	node = *p;
	if (!node) {
		node = calloc(1, sizeof(*node));
		if (!node)
			abort();
		node->id = id;
		*p = node;
	}
	node->nlookup++;
	name_add(parent, text, len, node);
}

static void forget(uint64_t id, uint64_t nlookup)
{
	struct node **p = node_slot(id), *node = *p;
	struct name *n;

	if (!node)
		return;
	node->nlookup -= nlookup < node->nlookup ? nlookup : node->nlookup;
	if (node->nlookup)
		return;
	while ((n = node->names) != NULL)
		name_del(n->parent, n->text, strlen(n->text));
	*p = node->next;
	free(node);
}

void names_request(const struct op *op, const char *message, size_t len)
{
	const void *arg = message + sizeof(struct fuse_in_header);
	const struct fuse_batch_forget_in *batch = arg;
	const struct fuse_forget_one *one = (const void *)(batch + 1);

	if (op->opcode == FUSE_FORGET) {
		forget(op->nodeid,
		       ((const struct fuse_forget_in *)arg)->nlookup);
	} else if (op->opcode == FUSE_BATCH_FORGET) {
		for (uint32_t i = 0;
		     i < batch->count &&
		     (const char *)(one + i + 1) <= message + len;
		     i++)
			forget(one[i].nodeid, one[i].nlookup);
	}
}

static void moved(const struct op *op)
{
	struct name *from, *to;
	struct node *a, *b;
	size_t from_len, to_len;

	if (!op->name || !op->newname)
		return;
	from_len = strlen(op->name);
	to_len = strlen(op->newname);
	from = *name_slot(op->nodeid, op->name, from_len);
	to = *name_slot(op->newdir, op->newname, to_len);
	a = from ? from->node : NULL;
	b = to ? to->node : NULL;
	name_del(op->nodeid, op->name, from_len);
	name_del(op->newdir, op->newname, to_len);
	if (a)
		name_add(op->newdir, op->newname, to_len, a);
	if (b && op->flags & RENAME_EXCHANGE)
		name_add(op->nodeid, op->name, from_len, b);
}

static void learn_directory(uint64_t parent, const char *data, size_t len)
{
	while (len >= sizeof(struct fuse_direntplus)) {
		const struct fuse_direntplus *d = (const void *)data;
		size_t size = FUSE_DIRENTPLUS_SIZE(d);
		const char *name = d->dirent.name;
		uint32_t n = d->dirent.namelen;

		if (size > len)
			break;
		/* no lookup of . and .. is counted, nor of what came without a node */
		if (d->entry_out.nodeid && !(n == 1 && name[0] == '.') &&
		    !(n == 2 && name[0] == '.' && name[1] == '.'))
			learn(parent, name, n, d->entry_out.nodeid);
		data += size;
		len -= size;
	}
}

void names_reply(const struct op *op, const char *reply, size_t len)
{
	const struct fuse_out_header *out = (const void *)reply;
	const struct fuse_entry_out *entry = (const void *)(out + 1);
	bool has_entry = len >= sizeof(*out) + sizeof(*entry);

	if (op->opcode == FUSE_LOOKUP && op->name && out->error == -ENOENT)
		learn(op->nodeid, op->name, strlen(op->name), 0);
	if (out->error)
		return;
	switch (op->opcode) {
	case FUSE_LOOKUP:
	case FUSE_CREATE:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_SYMLINK:
	case FUSE_LINK:
		if (op->name && has_entry)
			learn(op->nodeid, op->name, strlen(op->name),
			      entry->nodeid);
		break;
	case FUSE_READDIRPLUS:
		learn_directory(op->nodeid, reply + sizeof(*out),
				len - sizeof(*out));
		break;
	case FUSE_UNLINK:
	case FUSE_RMDIR:
		if (op->name)
			name_del(op->nodeid, op->name, strlen(op->name));
		break;
	case FUSE_RENAME:
	case FUSE_RENAME2:
		moved(op);
		break;
	}
}

/* The node that the first @len bytes of @path lead to, 0: not known. */
static uint64_t walk(const char *path, size_t len)
{
	uint64_t id = FUSE_ROOT_ID;
	const char *end = path + len, *p;
	struct name *n;

	for (; path < end; path = p) {
		p = memchr(path, '/', end - path);
		if (!p)
			p = end;
		if (p > path && !(p == path + 1 && *path == '.')) {
			n = *name_slot(id, path, p - path);
			if (!n)
				return 0;
			id = n->node->id;
		}
		while (p < end && *p == '/')
			p++;
	}
	return id;
}

uint64_t names_node(const char *path)
{
	return walk(path, strlen(path));
}

bool names_match(const struct op *op, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *last = slash ? slash + 1 : path;

	if (!op->name)
		return op->nodeid && names_node(path) == op->nodeid;
	return !strcmp(op->name, last) && walk(path, last - path) == op->nodeid;
}

bool names_parent(uint64_t nodeid, uint64_t *parent, char *name, size_t size)
{
	struct node *node = *node_slot(nodeid);

	if (!node || !node->names)
		return false;
	*parent = node->names->parent;
	snprintf(name, size, "%s", node->names->text);
	return true;
}

void names_path(uint64_t nodeid, char *path, size_t size)
{
	char text[PATH_MAX];
	size_t at = sizeof(text) - 1, len;
	struct node *node;

	text[at] = 0;
	while (nodeid != FUSE_ROOT_ID) {
		node = *node_slot(nodeid);
		len = node && node->names ? strlen(node->names->text) + 1 : 0;
		if (!len || len > at) { /* a name of no known folder is none */
			*path = 0;
			return;
		}
		at -= len;
		text[at] = '/';
		memcpy(text + at + 1, node->names->text, len - 1);
		nodeid = node->names->parent;
	}
	snprintf(path, size, "%s", text[at] ? text + at + 1 : "");
}
