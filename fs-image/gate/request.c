// SPDX-License-Identifier: GPL-2.0-only
/* See request.h. */
#define _GNU_SOURCE
#include "board.h"
#include "request.h"
#include "device.h"
#include "locks.h"
#include "log.h"
#include "misbehave.h"
#include "names.h"
#include "state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct request requests = { .next = &requests, .prev = &requests };
void (*requests_watcher)(void);

static const struct gate_options *options;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct request *queue, **queue_tail = &queue;
static __thread bool may_wait; /* this thread is nobody's but the request's */

/* What a rule wants done that may wait; a copy, as the rule may be removed meanwhile. */
struct job {
	enum action action;
	bool instead;
	long number;
	char kind[32], path[256];
};

/* ---- the life of a request ---- */

static pid_t self(void)
{
	static __thread pid_t tid;

	if (!tid)
		tid = gettid();
	return tid;
}

static void on_board(const struct request *rq)
{
	/* (who puts a request aside, and who only does not tell its thread) */
	static const char *const names[] = { [PASSING] = "passing",
					     [SERVER] = "server",
					     [HELD] = "held",
					     [DELAYED] = "delayed",
					     [DROPPED] = "dropped" };

	board_set(rq->slot,
		  rq->place == SERVER && options->transport->moves ?
			  "with" :
			  names[rq->place],
		  rq->thread ? rq->thread : rq->reader, rq->rule[rq->after],
		  rq->place == DELAYED ? rq->due : 0);
}

struct request *request_new(int device, char *buf, size_t len)
{
	static uint64_t seq;
	struct request *rq = calloc(1, sizeof(*rq)), *other;
	struct op *o;

	if (!rq)
		abort();
	rq->device = device;
	rq->buf = buf;
	rq->len = len;
	rq->whole = true;
	rq->shorten = rq->claim = rq->garble = -1;
	message_parse(&rq->op, buf, len);

	pthread_mutex_lock(&state_lock);
	rq->seq = ++seq;
	rq->slot = board_take(rq->op.unique);
	rq->reader = self();
	on_board(rq);
	/* The kernel's promise: never two WRITEs of one cached page at a time. */
	if (rq->op.writepage) {
		for (other = requests.next; other != &requests;
		     other = other->next) {
			o = &other->op;
			if (o->writepage && !other->answered &&
			    o->nodeid == rq->op.nodeid &&
			    o->off < rq->op.off + (int64_t)rq->op.size &&
			    rq->op.off < o->off + (int64_t)o->size)
				rq->overlap = true;
		}
	}
	rq->prev = requests.prev;
	rq->next = &requests;
	requests.prev->next = rq;
	requests.prev = rq;
	names_request(&rq->op, buf, len);
	log_seen(&rq->op, rq->overlap);
	pthread_mutex_unlock(&state_lock);
	return rq;
}

static void request_free(struct request *rq)
{
	pthread_mutex_lock(&state_lock);
	rq->prev->next = rq->next;
	rq->next->prev = rq->prev;
	board_free(rq->slot);
	pthread_mutex_unlock(&state_lock);
	if (rq->own_buf)
		free(rq->buf);
	free(rq->job);
	if (rq->own_reply)
		free(rq->reply);
	free(rq);
}

/* state_lock held. From now on the request has as much of the message for itself. */
static void take_copy(struct request *rq, size_t len)
{
	char *copy = malloc(len);

	if (!copy)
		abort();
	memcpy(copy, rq->buf, len);
	if (rq->own_buf)
		free(rq->buf);
	rq->buf = copy;
	rq->own_buf = true;
	rq->whole = rq->whole && len == rq->len;
	rq->len = len;
	message_parse(&rq->op, copy, len);
}

void request_detach(struct request *rq)
{
	pthread_mutex_lock(&state_lock);
	if (!rq->own_buf)
		take_copy(rq, message_head(&rq->op, rq->len));
	pthread_mutex_unlock(&state_lock);
}

/* state_lock held */
static void place(struct request *rq, enum place where)
{
	rq->place = where;
	rq->reader = 0;
	rq->since =
		log_time(); /* the clock is a system call; this is near enough */
	on_board(rq);
}

/* The reply outlives the buffer of whoever brought it. */
static void keep_reply(struct request *rq)
{
	char *copy;

	if (!rq->reply || rq->own_reply)
		return;
	copy = malloc(rq->reply_len);
	if (!copy)
		abort();
	memcpy(copy, rq->reply, rq->reply_len);
	rq->reply = copy;
	rq->own_reply = true;
}

/* state_lock held. From here on it belongs to whoever releases it. */
static void request_keep(struct request *rq, enum place where, const char *note)
{
	if (!rq->own_buf)
		take_copy(rq,
			  rq->after ? message_head(&rq->op, rq->len) : rq->len);
	keep_reply(rq);
	log_event(EV_HELD, &rq->op, 0, -1, note);
	place(rq, where);
	if (requests_watcher)
		requests_watcher();
}

static void request_drop(struct request *rq)
{
	pthread_mutex_lock(&state_lock);
	request_keep(rq, DROPPED, "dropped: never answered");
	pthread_mutex_unlock(&state_lock);
}

/*
 * Into the log, and to the device. In this order: whatever the kernel sends because
 * of this reply comes later in the log. Who waits for "done" is told after both.
 */
static int send_reply(struct request *rq, const char *reply, size_t len)
{
	const struct fuse_out_header *out = (const void *)reply;
	bool twice = rq->twice;
	uint64_t seq;
	int err;

	pthread_mutex_lock(&state_lock);
	rq->answered = true;
	names_reply(&rq->op, reply, len);
	seq = log_event(EV_DONE, &rq->op, -out->error, len - sizeof(*out),
			NULL);
	pthread_mutex_unlock(&state_lock);

	err = device_write(rq->device, reply, len);

	pthread_mutex_lock(&state_lock);
	log_sent(seq, &rq->op, -out->error, err);
	if (twice) {
		log_event(EV_ACTION, &rq->op,
			  device_write(rq->device, reply, len), -1,
			  "answered a second time");
	}
	pthread_mutex_unlock(&state_lock);
	return err;
}

static void send_error(struct request *rq, int err)
{
	struct fuse_out_header out = {
		.len = sizeof(out),
		.error = -err,
		.unique = rq->op.unique,
	};

	if (op_has_reply(&rq->op))
		send_reply(rq, (char *)&out, sizeof(out));
}

/* It needs no reply, and is done with. */
static void request_done(struct request *rq)
{
	pthread_mutex_lock(&state_lock);
	log_sent(log_event(EV_DONE, &rq->op, 0, -1, NULL), &rq->op, 0, 0);
	pthread_mutex_unlock(&state_lock);
	request_free(rq);
}

/* ---- rules ---- */

static void request_run(struct request *rq);

static void *job_thread(void *arg)
{
	may_wait = true;
	request_run(arg);
	return NULL;
}

/* False: the request is never to be answered. */
static bool do_job(struct request *rq)
{
	struct job *job = rq->job;
	bool instead = job->action == ACT_NOTIFY && job->instead;

	rq->job = NULL;
	if (job->action == ACT_NOTIFY)
		do_notify(job->kind, &rq->op,
			  !strcmp(job->kind, "inval_inode"));
	else if (job->action == ACT_REENTER)
		do_reenter(&rq->op, job->kind, job->path);
	else
		do_allocate(&rq->op, job->number);
	free(job);
	return !instead;
}

static struct job *job_new(const struct rule *rule)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		abort();
	job->action = rule->action;
	job->instead = rule->instead;
	job->number = rule->number;
	snprintf(job->kind, sizeof(job->kind), "%s",
		 rule->kind ? rule->kind : "");
	snprintf(job->path, sizeof(job->path), "%s",
		 rule->path ? rule->path : "");
	return job;
}

enum verdict { PASS, TAKEN, JOB };

/* state_lock held. What one rule does to a request. */
static enum verdict apply(struct request *rq, const struct rule *rule)
{
	switch (rule->action) {
	case ACT_HOLD:
		rq->interruptible = rule->interruptible;
		request_keep(rq, HELD,
			     rq->after ? "held after the operation" : NULL);
		return TAKEN;
	case ACT_DELAY:
		rq->due = now() + rule->seconds;
		request_keep(rq, DELAYED, "delayed");
		return TAKEN;
	case ACT_DROP:
		request_keep(rq, DROPPED, "dropped: never answered");
		return TAKEN;
	case ACT_FAIL:
		rq->fail = rule->err;
		break;
	case ACT_SHORT:
		rq->shorten = rule->number;
		break;
	case ACT_CLAIM:
		rq->claim = rule->number;
		break;
	case ACT_GARBLE:
		rq->garble = rule->number;
		break;
	case ACT_TWICE:
		rq->twice = true;
		break;
	case ACT_DIE:
		/* no clean-up: this is what a crash looks like */
		options->transport->kill();
		break;
	default:
		rq->job = job_new(rule);
		return JOB;
	}
	return PASS;
}

/*
 * Put the request before the rules that have not seen it yet. False: a rule has
 * taken it, it is no longer ours.
 */
static bool apply_rules(struct request *rq)
{
	bool wait = may_wait || !options->transport->must_not_wait;
	enum verdict verdict;
	struct rule *rule;

	for (;;) {
		if (rq->job && !do_job(rq)) {
			request_drop(rq);
			return false;
		}
		pthread_mutex_lock(&state_lock);
		rule = rule_next(&rq->op, &rq->rule[rq->after], rq->after);
		verdict = rule ? apply(rq, rule) : PASS;
		if (verdict == JOB && !wait) {
			if (!rq->own_buf)
				take_copy(rq, rq->len);
			keep_reply(rq);
			thread_start(job_thread, rq);
		}
		pthread_mutex_unlock(&state_lock);
		if (!rule)
			return true;
		if (verdict == TAKEN || (verdict == JOB && !wait))
			return false;
	}
}

/* These can really do less than asked. */
static void shorten_operation(struct request *rq)
{
	void *arg = rq->buf + sizeof(struct fuse_in_header);
	struct fuse_copy_file_range_in *copy = arg;
	struct fuse_write_in *write = arg;
	struct fuse_read_in *read = arg;

	if (rq->op.opcode == FUSE_WRITE && write->size > rq->shorten)
		write->size = rq->shorten;
	else if (rq->op.opcode == FUSE_READ && read->size > rq->shorten)
		read->size = rq->shorten;
	else if (rq->op.opcode == FUSE_COPY_FILE_RANGE &&
		 copy->len > (uint64_t)rq->shorten)
		copy->len = rq->shorten;
	else if (rq->op.opcode != FUSE_WRITE && rq->op.opcode != FUSE_READ &&
		 rq->op.opcode != FUSE_COPY_FILE_RANGE)
		return;
	rq->shorten = -1;
}

/* ---- INTERRUPT ---- */

/*
 * The kernel gives up on a request. What the gate keeps ends only if it may; the
 * server is told when it gets it. True: the server has it, and is to be told now.
 */
static bool interrupt(const struct request *intr)
{
	const struct fuse_interrupt_in *in =
		(const void *)(intr->buf + sizeof(struct fuse_in_header));
	struct request *rq;
	bool at_server;

	pthread_mutex_lock(&state_lock);
	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->op.unique == in->unique && rq != intr)
			break;
	at_server = rq != &requests && rq->place == SERVER;
	if (rq != &requests) {
		rq->interrupted = true;
		log_event(EV_INTERRUPT, &rq->op, 0, -1, NULL);
		if (rq->place == HELD && rq->interruptible) {
			rq->fail = EINTR;
			request_queue(rq);
		}
	}
	pthread_mutex_unlock(&state_lock);
	return at_server;
}

static void deliver_interrupt(uint64_t unique)
{
	struct {
		struct fuse_in_header header;
		struct fuse_interrupt_in arg;
	} message = {
		.header = { .len = sizeof(message),
			    .opcode = FUSE_INTERRUPT,
			    .unique = unique | 1 },
		.arg = { .unique = unique },
	};

	options->transport->deliver(NULL, (char *)&message, sizeof(message));
}

/* ---- INIT ---- */

static void set_init_flags(uint32_t *flags, uint32_t *flags2, uint64_t set,
			   uint64_t clear)
{
	uint64_t all = *flags | (uint64_t)*flags2 << 32;

	all = (all & ~clear) | set;
	*flags = all;
	*flags2 = all >> 32;
	if (*flags2)
		*flags |= 1u << 30; /* FUSE_INIT_EXT: flags2 counts */
}

/* What the transport cannot carry is not offered to the server. */
static void hide_from_init(char *message, size_t len)
{
	struct fuse_init_in *in =
		(void *)(message + sizeof(struct fuse_in_header));

	if (options->init_hide &&
	    len >= sizeof(struct fuse_in_header) + sizeof(*in))
		set_init_flags(&in->flags, &in->flags2, 0, options->init_hide);
}

static void patch_init(char *reply, size_t len)
{
	struct fuse_init_out *out =
		(void *)(reply + sizeof(struct fuse_out_header));

	if (len >= sizeof(struct fuse_out_header) + sizeof(*out))
		set_init_flags(&out->flags, &out->flags2, options->init_set,
			       options->init_clear | options->init_hide);
}

/* ---- down and up ---- */

bool request_down(struct request *rq)
{
	if (rq->op.opcode == FUSE_INTERRUPT) {
		if (interrupt(rq))
			return true;
		request_free(rq);
		return false;
	}
	if (!apply_rules(rq))
		return false;
	if (rq->drop) {
		request_drop(rq);
		return false;
	}
	if (rq->fail && op_has_reply(&rq->op)) {
		send_error(rq, rq->fail);
		request_free(rq);
		return false;
	}
	if (retrieved(&rq->op)) {
		request_done(rq);
		return false;
	}
	if (rq->shorten >= 0)
		shorten_operation(rq);
	if (rq->op.opcode == FUSE_INIT)
		hide_from_init(rq->buf, rq->len);
	pthread_mutex_lock(&state_lock);
	place(rq, SERVER);
	pthread_mutex_unlock(&state_lock);
	return true;
}

/* state_lock held. NULL: it is not with the server. */
static struct request *with_server(uint64_t seq)
{
	struct request *rq;

	for (rq = requests.prev; rq != &requests; rq = rq->prev)
		if (rq->seq == seq)
			return rq->place == SERVER ||
					       rq->op.opcode == FUSE_INTERRUPT ?
				       rq :
				       NULL;
	return NULL;
}

uint64_t request_taken(struct request *rq)
{
	rq->thread = options->transport->moves ? 0 : self();
	on_board(rq);
	return rq->seq;
}

void request_left(uint64_t seq)
{
	struct request *rq;

	pthread_mutex_lock(&state_lock);
	rq = with_server(seq);
	if (rq && op_has_reply(&rq->op)) {
		if (!rq->own_buf)
			take_copy(rq, message_head(&rq->op, rq->len));
		rq->thread = 0;
		on_board(rq);
		rq = NULL;
	}
	pthread_mutex_unlock(&state_lock);
	if (!rq)
		return;
	if (rq->op.opcode == FUSE_INTERRUPT)
		request_free(rq);
	else
		request_done(rq);
}

/* A finished reply passes the rules for it, and out. */
static int finish(struct request *rq)
{
	struct fuse_out_header *out;
	bool init = rq->op.opcode == FUSE_INIT;
	struct fuse_init_out init_out = { 0 };
	int init_error = 0, err;

	if (!apply_rules(rq))
		return 0;
	if (rq->drop) {
		request_drop(rq);
		return 0;
	}
	if (rq->fail) {
		send_error(rq, rq->fail);
		request_free(rq);
		return 0;
	}
	out = (void *)rq->reply;
	if (rq->claim >= 0 && rq->op.opcode == FUSE_WRITE && !out->error)
		((struct fuse_write_out *)(out + 1))->size = rq->claim;
	if (rq->claim >= 0 && rq->op.opcode == FUSE_OPEN && !out->error)
		((struct fuse_open_out *)(out + 1))->open_flags = rq->claim;
	if (rq->claim >= 0 && rq->op.opcode == FUSE_GETATTR && !out->error)
		((struct fuse_attr_out *)(out + 1))->attr.mode = rq->claim;
	if (rq->shorten >= 0)
		rq->garble = rq->shorten;
	if (rq->garble >= 0) {
		size_t len = sizeof(*out) + rq->garble;
		char *p;

		keep_reply(rq);
		p = realloc(rq->reply, len);
		if (!p)
			abort();
		if (len > rq->reply_len)
			memset(p + rq->reply_len, 0, len - rq->reply_len);
		rq->reply = p;
		rq->reply_len = len;
		out = (void *)p;
		out->len = len;
	}
	if (init) {
		patch_init(rq->reply, rq->reply_len);
		memcpy(&init_out, out + 1,
		       rq->reply_len - sizeof(*out) < sizeof(init_out) ?
			       rq->reply_len - sizeof(*out) :
			       sizeof(init_out));
		init_error = -out->error;
	}
	if (!out->error) {
		pthread_mutex_lock(&state_lock);
		locks_note(&rq->op, rq->buf, rq->len);
		pthread_mutex_unlock(&state_lock);
	}
	err = send_reply(rq, rq->reply, rq->reply_len);
	request_free(rq);
	if (init)
		options->init_answered(&init_out, init_error);
	return err;
}

int request_up(int device, char *reply, size_t len)
{
	const struct fuse_out_header *out = (const void *)reply;
	struct request *rq;

	pthread_mutex_lock(&state_lock);
	for (rq = requests.prev; rq != &requests; rq = rq->prev)
		if (rq->op.unique == out->unique && rq->place == SERVER)
			break;
	if (rq != &requests) {
		place(rq, PASSING);
		/* the thread that has it may soon use its buffer for the next one */
		if (!rq->own_buf && rq->thread != self())
			take_copy(rq, message_head(&rq->op, rq->len));
	}
	pthread_mutex_unlock(&state_lock);
	/* a notification, an answer to INTERRUPT, or to what we do not know */
	if (rq == &requests)
		return device_write(device, reply, len);
	rq->after = true;
	rq->reply = reply;
	rq->reply_len = len;
	return finish(rq);
}

void request_spliced(uint64_t seq, int err, long len)
{
	struct request *rq;

	pthread_mutex_lock(&state_lock);
	rq = with_server(seq);
	if (rq) {
		rq->answered = true;
		log_sent(log_event(EV_DONE, &rq->op, err, len, "spliced"),
			 &rq->op, err, 0);
	}
	pthread_mutex_unlock(&state_lock);
	if (rq)
		request_free(rq);
}

/* ---- released ---- */

/* A request that was kept goes on where it was. It has a message of its own. */
static void request_run(struct request *rq)
{
	size_t len;
	char *message;

	if (rq->after) {
		finish(rq);
		return;
	}
	if (!request_down(rq))
		return;
	/* the reply may come, and end the request, before deliver() returns */
	pthread_mutex_lock(&state_lock);
	message = rq->buf;
	len = rq->len;
	rq->own_buf = false;
	take_copy(rq, message_head(&rq->op, len));
	pthread_mutex_unlock(&state_lock);
	if (rq->interrupted)
		deliver_interrupt(rq->op.unique);
	options->transport->deliver(rq, message, len);
	free(message);
}

void request_queue(struct request *rq)
{
	place(rq, PASSING);
	rq->queue = NULL;
	*queue_tail = rq;
	queue_tail = &rq->queue;
	pthread_cond_signal(&work);
}

static void *releaser(void *unused)
{
	struct request *rq;

	may_wait = true;
	for (;;) {
		pthread_mutex_lock(&state_lock);
		while (!queue)
			pthread_cond_wait(&work, &state_lock);
		rq = queue;
		queue = rq->queue;
		if (!queue)
			queue_tail = &queue;
		log_event(EV_RELEASED, &rq->op, 0, -1, NULL);
		pthread_mutex_unlock(&state_lock);
		request_run(rq);
	}
	return unused;
}

double request_next_due(void)
{
	struct request *rq;
	double due = -1;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->place == DELAYED && (due < 0 || rq->due < due))
			due = rq->due;
	return due;
}

void request_run_due(void)
{
	struct request *rq;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->place == DELAYED && rq->due <= now())
			request_queue(rq);
}

void requests_init(const struct gate_options *o)
{
	options = o;
	for (unsigned int i = 0; i < 4; i++)
		thread_start(releaser, NULL);
}
