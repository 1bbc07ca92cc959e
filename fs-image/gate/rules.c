// SPDX-License-Identifier: GPL-2.0-only
/* See rules.h. */
#define _GNU_SOURCE
#include "rules.h"
#include "names.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static struct rule *rules, **rules_tail = &rules;
static unsigned int last_id;

/* ---- what to match ---- */

static const char *parse_range(struct match *m, const char *text)
{
	char *dash = strchr(text, '-'), from[32];
	const char *err;

	snprintf(from, sizeof(from), "%.*s", dash ? (int)(dash - text) : 31,
		 text);
	err = number_parse(from, &m->from);
	if (!err && dash)
		err = number_parse(dash + 1, &m->to);
	else
		m->to = m->from;
	if (!err && m->to < m->from)
		err = complain("off=%s: the range ends before it begins", text);
	m->range = !err;
	return err;
}

static const char *parse_ops(struct match *m, const char *word)
{
	char list[256], *save = NULL, *p;
	int op;

	if (strlen(word) >= sizeof(list))
		return complain("'%.40s...' is too long", word);
	strcpy(list, word);
	for (p = strtok_r(list, ",", &save); p;
	     p = strtok_r(NULL, ",", &save)) {
		op = op_parse(p);
		if (op < 0)
			return complain(
				"'%s' is no opcode; 'gate help' lists them", p);
		m->op[op] = true;
	}
	return NULL;
}

const char *match_word(struct match *m, const char *word, bool *used)
{
	const char *err = NULL;
	uint64_t n;

	*used = true;
	if (!strncmp(word, "file=", 5)) {
		free(m->file);
		m->file = strdup(word + 5);
	} else if (!strncmp(word, "off=", 4)) {
		err = parse_range(m, word + 4);
	} else if (!strncmp(word, "node=", 5)) {
		err = number_parse(word + 5, &m->nodeid);
	} else if (!strncmp(word, "unique=", 7)) {
		err = number_parse(word + 7, &m->unique);
	} else if (!strncmp(word, "pid=", 4)) {
		err = number_parse(word + 4, &n);
		m->pid = n;
	} else if (isalpha((unsigned char)*word) && !strchr(word, '=')) {
		err = parse_ops(m, word);
	} else {
		*used = false;
	}
	return err;
}

bool match_opcode_named(const struct match *m)
{
	for (unsigned int i = 0; i < OP_NR; i++)
		if (m->op[i])
			return true;
	return false;
}

bool match_op(const struct match *m, const struct op *op)
{
	bool named = m->op[OP_ALL] || !match_opcode_named(m) ||
		     (op->opcode < OP_MAX && m->op[op->opcode]) ||
		     (op->truncate && m->op[OP_TRUNCATE]) ||
		     (op->writepage && m->op[OP_WRITEPAGE]);

	if (!named || (m->nodeid && m->nodeid != op->nodeid) ||
	    (m->unique && m->unique != op->unique) ||
	    (m->pid && m->pid != op->pid))
		return false;
	/* a range is looked for in what the request covers; none covered: no match */
	if (m->range &&
	    (op->off < 0 || (uint64_t)op->off > m->to ||
	     (uint64_t)op->off + (op->size ? op->size : 1) <= m->from))
		return false;
	return !m->file || names_match(op, m->file);
}

bool match_only_opcodes(const struct match *m)
{
	return !m->file && !m->nodeid && !m->unique && !m->pid && !m->range;
}

bool match_equal(const struct match *a, const struct match *b)
{
	return !memcmp(a->op, b->op, sizeof(a->op)) && a->nodeid == b->nodeid &&
	       a->unique == b->unique && a->pid == b->pid &&
	       a->range == b->range && a->from == b->from && a->to == b->to &&
	       !a->file == !b->file && (!a->file || !strcmp(a->file, b->file));
}

void match_copy(struct match *to, const struct match *from)
{
	*to = *from;
	if (from->file)
		to->file = strdup(from->file);
}

void match_free(struct match *m)
{
	free(m->file);
}

/* ---- rules ---- */

static const struct {
	const char *name;
	enum action action;
} actions[] = {
	{ "hold", ACT_HOLD },	    { "delay", ACT_DELAY },
	{ "fail", ACT_FAIL },	    { "short", ACT_SHORT },
	{ "claim", ACT_CLAIM },	    { "garble", ACT_GARBLE },
	{ "twice", ACT_TWICE },	    { "drop", ACT_DROP },
	{ "die", ACT_DIE },	    { "notify", ACT_NOTIFY },
	{ "reenter", ACT_REENTER }, { "allocate", ACT_ALLOCATE },
};

static int action_parse(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (!strcmp(actions[i].name, word))
			return actions[i].action;
	return -1;
}

bool rule_is_action(const char *word)
{
	return action_parse(word) >= 0;
}

bool notify_kind(const char *word)
{
	static const char *const kinds[] = { "inval_inode", "inval_entry",
					     "store",	    "retrieve",
					     "delete",	    NULL };

	return word_is_of(word, kinds);
}

/* What stands between the action and what it matches. */
static const char *parse_argument(struct rule *r, struct words *w, int *i)
{
	static const char *const verbs[] = { "stat",  "open", "read",	"write",
					     "fsync", "map",  "unlink", NULL };
	const char *name = w->word[0], *arg = w->word[*i], *err;
	uint64_t n;

	if (r->action == ACT_HOLD || r->action == ACT_TWICE ||
	    r->action == ACT_DROP || r->action == ACT_DIE)
		return NULL;
	if (!arg)
		return complain("'%s' needs an argument; see 'gate help'",
				name);
	++*i;
	switch (r->action) {
	case ACT_DELAY:
		return seconds_parse(arg, &r->seconds);
	case ACT_FAIL:
		r->err = errno_parse(arg);
		if (r->err < 0)
			return complain(
				"'%s' is no error; say EIO, or a number from 1 to 511",
				arg);
		return NULL;
	case ACT_NOTIFY:
		if (!notify_kind(arg))
			return complain(
				"'%s' is no notification: inval_inode, inval_entry, store, "
				"retrieve or delete",
				arg);
		r->kind = strdup(arg);
		return NULL;
	case ACT_REENTER:
		if (!word_is_of(arg, verbs))
			return complain(
				"'%s' is nothing to re-enter with: stat, open, read, write, "
				"fsync, map or unlink",
				arg);
		r->kind = strdup(arg);
		if (!w->word[*i])
			return complain(
				"'reenter %s' needs a path below the mount",
				arg);
		r->path = strdup(w->word[(*i)++]);
		return NULL;
	default:
		err = number_parse(arg, &n);
		r->number = n;
		return err ? err :
		       r->action == ACT_ALLOCATE && !n ?
			     "0 MiB is nothing to allocate" :
			     NULL;
	}
}

static const char *parse_option(struct rule *r, const char *word)
{
	const char *err = NULL;
	uint64_t n = 0;
	bool used;

	if (!strncmp(word, "nth=", 4)) {
		err = number_parse(word + 4, &n);
		if (!err && !n)
			err = "nth= counts from 1";
		r->nth = n;
	} else if (!strncmp(word, "times=", 6)) {
		err = number_parse(word + 6, &n);
		if (!err && !n)
			err = "times= counts from 1";
		r->times = n;
	} else if (!strcmp(word, "after")) {
		r->after = true;
	} else if (!strcmp(word, "interruptible")) {
		r->interruptible = true;
	} else if (!strcmp(word, "instead") && r->action == ACT_NOTIFY) {
		r->instead = true;
	} else {
		err = match_word(&r->match, word, &used);
		if (!err && !used)
			err = complain(
				"'%s' is not understood; see 'gate help'",
				word);
	}
	return err;
}

static void rule_free(struct rule *r)
{
	match_free(&r->match);
	free(r->kind);
	free(r->path);
	free(r->text);
	free(r);
}

const char *rule_add(struct words *w, const char *text, unsigned int *id)
{
	struct rule *r = calloc(1, sizeof(*r));
	const char *err;
	int i = 1;

	if (!r)
		abort();
	r->action = action_parse(w->word[0]);
	err = parse_argument(r, w, &i);
	while (!err && w->word[i])
		err = parse_option(r, w->word[i++]);
	if (!err && !match_opcode_named(&r->match))
		err = complain("'%s' needs an opcode, or 'all'", w->word[0]);
	if (err) {
		rule_free(r);
		return err;
	}
	r->id = *id = ++last_id;
	r->text = strdup(text);
	r->text[strcspn(r->text, "\r\n")] = 0;
	*rules_tail = r;
	rules_tail = &r->next;
	return NULL;
}

struct rule *rule_next(const struct op *op, unsigned int *last, bool after)
{
	struct rule *r;

	for (r = rules; r; r = r->next) {
		if (r->id <= *last || r->after != after ||
		    !match_op(&r->match, op))
			continue;
		*last = r->id;
		r->seen++;
		if (r->nth && r->seen != r->nth)
			continue;
		if (r->times && r->seen > r->times)
			continue;
		return r;
	}
	return NULL;
}

static int remove_where(bool (*wanted)(const struct rule *r, const void *arg),
			const void *arg)
{
	struct rule **p = &rules, *r;
	int n = 0;

	while ((r = *p) != NULL) {
		if (wanted(r, arg)) {
			*p = r->next;
			rule_free(r);
			n++;
		} else {
			p = &r->next;
		}
	}
	rules_tail = p;
	return n;
}

static bool has_id(const struct rule *r, const void *arg)
{
	unsigned int id = *(const unsigned int *)arg;

	return !id || r->id == id;
}

int rule_remove(unsigned int id)
{
	return remove_where(has_id, &id);
}

/* A hold that could keep any of what @arg matches. */
static bool holds(const struct rule *r, const void *arg)
{
	const struct match *m = arg;

	if (r->action != ACT_HOLD)
		return false;
	if (m->file && r->match.file && strcmp(m->file, r->match.file))
		return false;
	if (m->op[OP_ALL] || !match_opcode_named(m))
		return true;
	for (unsigned int i = 0; i < OP_NR; i++)
		if (m->op[i] && r->match.op[i])
			return true;
	return (m->op[FUSE_SETATTR] && r->match.op[OP_TRUNCATE]) ||
	       (m->op[FUSE_WRITE] && r->match.op[OP_WRITEPAGE]);
}

int rule_remove_holds(const struct match *m)
{
	return remove_where(holds, m);
}

void rule_print(FILE *out)
{
	for (struct rule *r = rules; r; r = r->next)
		fprintf(out, "%u: %s (matched %u)\n", r->id, r->text, r->seen);
}
