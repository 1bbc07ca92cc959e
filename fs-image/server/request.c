// SPDX-License-Identifier: GPL-2.0-only
/*
 * The way of a request: read from the device, logged, put before the rules, given
 * to libfuse, and its reply put before the rules again.
 *
 * A request has one owner at any time: the thread that runs it, or (held, delayed)
 * the list of requests. Nothing waits in a thread but what a rule asks to wait
 * there (re-enter, allocate, notify).
 */
#define _GNU_SOURCE
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
struct request requests = { .next = &requests, .prev = &requests };

static pthread_cond_t work = PTHREAD_COND_INITIALIZER;
static struct request *queue, **queue_tail = &queue;
static unsigned int unlocks; /* times a lock was dropped */
static __thread struct request *current; /* what this thread runs */

/* ---- reading a message ---- */

static const char *name_at(const struct request *rq, size_t skip)
{
	size_t at = sizeof(struct fuse_in_header) + skip;

	if (at >= rq->len || !memchr(rq->buf + at, 0, rq->len - at))
		return NULL;
	return rq->buf + at;
}

static void parse(struct request *rq)
{
	const struct fuse_in_header *in = (void *)rq->buf;
	const void *arg = in + 1;
	struct op *op = &rq->op;

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
		op->name = name_at(rq, sizeof(struct fuse_create_in));
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
		op->name = name_at(rq, 0);
		break;
	case FUSE_MKNOD:
		op->name = name_at(rq, sizeof(struct fuse_mknod_in));
		break;
	case FUSE_MKDIR:
		op->name = name_at(rq, sizeof(struct fuse_mkdir_in));
		break;
	case FUSE_LINK:
		op->name = name_at(rq, sizeof(struct fuse_link_in));
		break;
	case FUSE_RENAME:
		op->name = name_at(rq, sizeof(struct fuse_rename_in));
		break;
	case FUSE_RENAME2:
		op->name = name_at(rq, sizeof(struct fuse_rename2_in));
		break;
	}
}

static bool has_reply(const struct request *rq)
{
	return rq->op.opcode != FUSE_FORGET &&
	       rq->op.opcode != FUSE_BATCH_FORGET &&
	       rq->op.opcode != FUSE_INTERRUPT &&
	       rq->op.opcode != FUSE_NOTIFY_REPLY;
}

/* ---- the life of a request ---- */

static struct request *request_new(char *buf, size_t len)
{
	static uint64_t seq;
	struct request *rq = calloc(1, sizeof(*rq)), *other;
	struct op *o;

	if (!rq)
		abort();
	rq->buf = buf;
	rq->len = len;
	rq->shorten = rq->claim = rq->garble = -1;
	parse(rq);

	pthread_mutex_lock(&lock);
	rq->seq = ++seq;
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
	log_event(EV_SEEN, rq, 0, -1,
		  rq->overlap ? "OVERLAPS a write in flight" : NULL);
	pthread_mutex_unlock(&lock);
	return rq;
}

static void request_free(struct request *rq)
{
	pthread_mutex_lock(&lock);
	rq->prev->next = rq->next;
	rq->next->prev = rq->prev;
	pthread_mutex_unlock(&lock);
	if (rq->own_buf)
		free(rq->buf);
	free(rq->reply);
	free(rq);
}

/* Lock held. The request outlives the thread's buffer: it gets one of its own. */
static void request_keep(struct request *rq, enum keep keep, const char *note)
{
	if (!rq->own_buf) {
		char *copy = malloc(rq->len);

		if (!copy)
			abort();
		memcpy(copy, rq->buf, rq->len);
		rq->buf = copy;
		rq->own_buf = true;
		parse(rq); /* op.name points into the buffer */
	}
	log_event(EV_HELD, rq, 0, -1, note);
	rq->keep = keep; /* from here on it belongs to whoever releases it */
	control_wake(); /* a wait for held ones, or a due time */
}

/*
 * Into the log, and to the device. In this order: whatever the kernel sends because
 * of this reply comes later in the log. Who waits for "done" is told after both.
 */
static void send_reply(struct request *rq, const char *buf, size_t len)
{
	const struct fuse_out_header *out = (const void *)buf;
	bool twice = rq->twice;
	struct entry *e;
	uint64_t seq;
	ssize_t n;
	int err;

	pthread_mutex_lock(&lock);
	rq->answered = true;
	seq = log_event(EV_DONE, rq, -out->error, len - sizeof(*out), NULL);
	pthread_mutex_unlock(&lock);

	n = write(fuse_fd, buf, len);
	err = n < 0 ? errno : 0;

	pthread_mutex_lock(&lock);
	e = log_get(seq);
	if (e) {
		e->sent = true;
		if (err)
			snprintf(e->note, sizeof(e->note), "not taken: %s",
				 errno_name(err));
	}
	control_count(EV_DONE, &rq->op);
	if (twice) {
		n = write(fuse_fd, buf, len);
		log_event(EV_ACTION, rq, n < 0 ? errno : 0, -1,
			  "answered a second time");
	}
	pthread_mutex_unlock(&lock);
}

static void send_error(struct request *rq, int err)
{
	struct fuse_out_header out = {
		.len = sizeof(out),
		.error = -err,
		.unique = rq->op.unique,
	};

	if (has_reply(rq))
		send_reply(rq, (char *)&out, sizeof(out));
}

static void request_drop(struct request *rq)
{
	pthread_mutex_lock(&lock);
	request_keep(rq, DROPPED, "dropped: never answered");
	pthread_mutex_unlock(&lock);
}

static int send_notify(const char *kind, uint64_t nodeid,
		       const char *child_name, int64_t off, uint64_t len)
{
	uint64_t parent = 0, child = 0;
	char name[256] = "";

	if (off < 0)
		off = 0;
	if (!strcmp(kind, "inval_inode"))
		return fuse_lowlevel_notify_inval_inode(session, nodeid, off,
							len);
	if (!strcmp(kind, "store")) {
		struct fuse_bufvec bufv = FUSE_BUFVEC_INIT(len);
		int err;

		bufv.buf[0].mem = malloc(len);
		if (!bufv.buf[0].mem)
			return -ENOMEM;
		memset(bufv.buf[0].mem, 'S', len);
		err = fuse_lowlevel_notify_store(session, nodeid, off, &bufv,
						 0);
		free(bufv.buf[0].mem);
		return err;
	}
	if (!strcmp(kind, "retrieve"))
		return fuse_lowlevel_notify_retrieve(session, nodeid, len, off,
						     NULL);
	/* inval_entry and delete are about a name in a directory */
	if (child_name) {
		parent = nodeid;
		snprintf(name, sizeof(name), "%s", child_name);
	} else if (fs_parent(nodeid, &parent, name, sizeof(name))) {
		child = nodeid;
	} else {
		return -ENOENT;
	}
	if (!strcmp(kind, "delete"))
		return fuse_lowlevel_notify_delete(session, parent, child, name,
						   strlen(name));
	return fuse_lowlevel_notify_inval_entry(session, parent, name,
						strlen(name));
}

static void do_notify(const char *kind, const struct request *rq,
		      const struct op *op, bool whole)
{
	char note[40];
	int err;

	pthread_mutex_lock(&lock);
	snprintf(note, sizeof(note), "notify %s", kind);
	log_event(EV_ACTION, rq, 0, -1, note);
	pthread_mutex_unlock(&lock);
	/* may block in the kernel for as long as the kernel likes: that is what it is for */
	err = send_notify(kind, op->nodeid, op->name, whole ? 0 : op->off,
			  whole	   ? 0 :
			  op->size ? op->size :
				     4096);
	pthread_mutex_lock(&lock);
	log_event(EV_NOTIFY, rq, -err, -1, note);
	control_wake();
	pthread_mutex_unlock(&lock);
}

/* A fault in a mapping of the file */
static int load_from(int fd)
{
	char *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return errno;
	(void)*(volatile char *)p;
	munmap(p, 4096);
	return 0;
}

/* Go to our own mount, from inside a handler. */
static void do_reenter(const struct request *rq, const char *verb,
		       const char *path)
{
	char full[4096], byte = 'R', note[40];
	struct stat st;
	int fd, err = 0;

	snprintf(full, sizeof(full), "%s/%s", opt.mountpoint, path);
	snprintf(note, sizeof(note), "re-enter: %s %.20s", verb, path);
	pthread_mutex_lock(&lock);
	log_event(EV_ACTION, rq, 0, -1, note);
	pthread_mutex_unlock(&lock);
	errno = 0;
	if (!strcmp(verb, "stat")) {
		err = stat(full, &st) ? errno : 0;
	} else if (!strcmp(verb, "unlink")) {
		err = unlink(full) ? errno : 0;
	} else {
		fd = open(full, !strcmp(verb, "write") ? O_RDWR : O_RDONLY);
		if (fd < 0)
			err = errno;
		else if (!strcmp(verb, "read"))
			err = pread(fd, &byte, 1, 0) < 0 ? errno : 0;
		else if (!strcmp(verb, "write"))
			err = pwrite(fd, &byte, 1, 0) < 0 ? errno : 0;
		else if (!strcmp(verb, "fsync"))
			err = fsync(fd) ? errno : 0;
		else if (!strcmp(verb, "map"))
			err = load_from(fd);
		if (fd >= 0)
			close(fd);
	}
	pthread_mutex_lock(&lock);
	log_event(EV_NOTIFY, rq, err, -1, note);
	control_wake();
	pthread_mutex_unlock(&lock);
}

static void do_allocate(const struct request *rq, long mib)
{
	size_t len = (size_t)mib << 20, at;
	char note[40], *p;

	snprintf(note, sizeof(note), "allocate %ld MiB", mib);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	for (at = 0; p != MAP_FAILED && at < len; at += 4096)
		((volatile char *)p)[at] = 1;
	pthread_mutex_lock(&lock);
	log_event(EV_ACTION, rq, p == MAP_FAILED ? ENOMEM : 0, -1, note);
	pthread_mutex_unlock(&lock);
	if (p != MAP_FAILED)
		munmap(p, len);
}

/* What a rule needs once the lock is dropped: the rule itself may be removed. */
struct todo {
	enum action action;
	bool instead;
	long number;
	char kind[32], path[256];
};

/*
 * Put the request before the rules that have not seen it yet. False: a rule has
 * taken it, it is no longer ours.
 */
static bool apply_rules(struct request *rq, bool after)
{
	struct rule *rule;
	struct todo todo;

	for (;;) {
		pthread_mutex_lock(&lock);
		rule = rule_next(rq, after);
		if (!rule) {
			pthread_mutex_unlock(&lock);
			return true;
		}
		memset(&todo, 0, sizeof(todo));
		todo.action = rule->action;
		todo.instead = rule->instead;
		todo.number = rule->number;
		snprintf(todo.kind, sizeof(todo.kind), "%s",
			 rule->kind ? rule->kind : "");
		snprintf(todo.path, sizeof(todo.path), "%s",
			 rule->path ? rule->path : "");

		switch (rule->action) {
		case ACT_HOLD:
			rq->interruptible = rule->interruptible;
			rq->after = after;
			request_keep(rq, HELD,
				     after ? "held after the operation" : NULL);
			pthread_mutex_unlock(&lock);
			return false;
		case ACT_DELAY:
			rq->due = now() + rule->seconds;
			rq->after = after;
			request_keep(rq, DELAYED, "delayed");
			pthread_mutex_unlock(&lock);
			return false;
		case ACT_DROP:
			request_keep(rq, DROPPED, "dropped: never answered");
			pthread_mutex_unlock(&lock);
			return false;
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
			kill(getpid(), SIGKILL);
			pause();
			break;
		default:
			break;
		}
		pthread_mutex_unlock(&lock);

		switch (todo.action) {
		case ACT_NOTIFY:
			do_notify(todo.kind, rq, &rq->op,
				  !strcmp(todo.kind, "inval_inode"));
			if (todo.instead) {
				request_drop(rq);
				return false;
			}
			break;
		case ACT_REENTER:
			do_reenter(rq, todo.kind, todo.path);
			break;
		case ACT_ALLOCATE:
			do_allocate(rq, todo.number);
			break;
		default:
			break;
		}
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

/* The kernel gives up on @unique: only what waits for a lock, or may, ends early. */
static void interrupt(const struct request *intr)
{
	const struct fuse_interrupt_in *in =
		(const void *)(intr->buf + sizeof(struct fuse_in_header));
	struct request *rq;

	pthread_mutex_lock(&lock);
	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->op.unique == in->unique && rq != intr)
			break;
	if (rq != &requests) {
		rq->interrupted = true;
		log_event(EV_INTERRUPT, rq, 0, -1, NULL);
		if (rq->keep == LOCK_WAIT ||
		    (rq->keep == HELD && rq->interruptible)) {
			rq->fail = EINTR;
			request_queue(rq);
		}
	}
	pthread_mutex_unlock(&lock);
}

static void patch_init(char *reply, size_t len)
{
	struct fuse_init_out *out =
		(void *)(reply + sizeof(struct fuse_out_header));
	uint64_t flags;

	if (len < sizeof(struct fuse_out_header) + sizeof(*out))
		return;
	flags = out->flags | (uint64_t)out->flags2 << 32;
	flags = (flags & ~opt.init_clear) | opt.init_set;
	out->flags = flags;
	out->flags2 = flags >> 32;
	if (out->flags2)
		out->flags |= 1u << 30; /* FUSE_INIT_EXT: flags2 counts */
}

/* A finished reply passes the rules for it, and out. True: the request is done with. */
static bool finish(struct request *rq)
{
	struct fuse_out_header *out = (void *)rq->reply;

	if (!apply_rules(rq, true))
		return false;
	if (rq->drop) {
		request_drop(rq);
		return false;
	}
	if (rq->fail) {
		send_error(rq, rq->fail);
		return true;
	}
	if (rq->claim >= 0 && rq->op.opcode == FUSE_WRITE && !out->error)
		((struct fuse_write_out *)(out + 1))->size = rq->claim;
	if (rq->shorten >= 0)
		rq->garble = rq->shorten;
	if (rq->garble >= 0) {
		size_t len = sizeof(*out) + rq->garble;
		char *p = realloc(rq->reply, len);

		if (!p)
			abort();
		if (len > rq->reply_len)
			memset(p + rq->reply_len, 0, len - rq->reply_len);
		rq->reply = p;
		rq->reply_len = len;
		out = (void *)p;
		out->len = len;
	}
	if (rq->op.opcode == FUSE_INIT)
		patch_init(rq->reply, rq->reply_len);
	send_reply(rq, rq->reply, rq->reply_len);
	if (rq->op.opcode == FUSE_INIT)
		ready();
	return true;
}

static void request_run(struct request *rq)
{
	struct fuse_buf buf;
	unsigned int generation;

	if (rq->op.opcode == FUSE_INTERRUPT) {
		interrupt(rq);
		request_free(rq);
		return;
	}
	if (!rq->after) {
		if (!apply_rules(rq, false))
			return;
		if (rq->drop) {
			request_drop(rq);
			return;
		}
		if (rq->fail && has_reply(rq)) {
			send_error(rq, rq->fail);
			request_free(rq);
			return;
		}
		if (rq->shorten >= 0)
			shorten_operation(rq);
		rq->wait_lock = false;
		generation = __atomic_load_n(&unlocks, __ATOMIC_SEQ_CST);
		buf = (struct fuse_buf){ .mem = rq->buf, .size = rq->len };
		current = rq;
		fuse_session_process_buf(session, &buf);
		current = NULL;
		if (rq->wait_lock) {
			pthread_mutex_lock(&lock);
			request_keep(rq, LOCK_WAIT, "waits for a lock");
			if (generation != unlocks) /* dropped since we tried */
				request_queue(rq);
			pthread_mutex_unlock(&lock);
			return;
		}
	}
	if (rq->reply) {
		if (!finish(rq))
			return;
	} else if (!has_reply(rq)) {
		pthread_mutex_lock(&lock);
		log_get(log_event(EV_DONE, rq, 0, -1, NULL))->sent = true;
		control_count(EV_DONE, &rq->op);
		pthread_mutex_unlock(&lock);
	}
	request_free(rq);
}

void request_wait_for_lock(void)
{
	current->wait_lock = true;
}

void request_locks_changed(void)
{
	struct request *rq;

	pthread_mutex_lock(&lock);
	unlocks++;
	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->keep == LOCK_WAIT)
			request_queue(rq);
	pthread_mutex_unlock(&lock);
}

/* ---- what libfuse sends ---- */

/* Replies are collected here and sent by finish(); notifications pass. */
static ssize_t io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	size_t len = 0;
	char *p;

	(void)userdata;
	if (!current || out->unique != current->op.unique)
		return writev(fd, iov, count);
	for (int i = 0; i < count; i++)
		len += iov[i].iov_len;
	p = malloc(len);
	if (!p) {
		errno = ENOMEM;
		return -1;
	}
	free(current->reply);
	current->reply = p;
	current->reply_len = len;
	for (int i = 0; i < count; i++) {
		memcpy(p, iov[i].iov_base, iov[i].iov_len);
		p += iov[i].iov_len;
	}
	return len;
}

static ssize_t io_read(int fd, void *buf, size_t len, void *userdata)
{
	(void)userdata;
	return read(fd, buf, len);
}

/* Only with opt.splice: data goes to the device unseen, the log gets its length. */
static ssize_t io_splice_send(int fdin, off_t *offin, int fdout, off_t *offout,
			      size_t len, unsigned int flags, void *userdata)
{
	ssize_t n = splice(fdin, offin, fdout, offout, len, flags);
	int err = n < 0 ? errno : 0;

	(void)userdata;
	pthread_mutex_lock(&lock);
	current->answered = true;
	log_get(log_event(EV_DONE, current, err,
			  n < 0 ? -1 : n - (long)sizeof(struct fuse_out_header),
			  "spliced"))
		->sent = true;
	control_count(EV_DONE, &current->op);
	pthread_mutex_unlock(&lock);
	errno = err;
	return n;
}

const struct fuse_custom_io request_io = {
	.writev = io_writev,
	.read = io_read,
	.splice_send = io_splice_send,
};

/* ---- the threads ---- */

/* By splice the kernel gives its pages away instead of copying them out. */
static ssize_t receive(char *buf, size_t size, const int pipe_fd[2])
{
	ssize_t n, got = 0, len;

	if (!opt.splice)
		return read(fuse_fd, buf, size);
	len = splice(fuse_fd, NULL, pipe_fd[1], NULL, size, 0);
	if (len < 0)
		return len;
	while (got < len) {
		n = read(pipe_fd[0], buf + got, len - got);
		if (n <= 0)
			return -1;
		got += n;
	}
	return len;
}

void *request_reader(void *unused)
{
	size_t size = opt.max_write + 4096 + 4096;
	int pipe_fd[2] = { -1, -1 };
	char *buf = malloc(size);
	ssize_t len;

	if (!buf)
		abort();
	if (opt.splice && (pipe2(pipe_fd, O_CLOEXEC) ||
			   fcntl(pipe_fd[1], F_SETPIPE_SZ, 2 * size) < 0)) {
		fuse_log(FUSE_LOG_ERR, "a pipe of %zu bytes: %s\n", 2 * size,
			 strerror(errno));
		_exit(1);
	}
	for (;;) {
		len = receive(buf, size, pipe_fd);
		if (len >= (ssize_t)sizeof(struct fuse_in_header)) {
			request_run(request_new(buf, len));
			continue;
		}
		/* ENOENT: it was interrupted before we read it */
		if (len < 0 &&
		    (errno == EINTR || errno == EAGAIN || errno == ENOENT))
			continue;
		break;
	}
	/* unmounted or aborted: main() ends the program */
	kill(getpid(), SIGUSR1);
	return unused;
}

void request_queue(struct request *rq)
{
	rq->keep = RUNNING;
	rq->queue = NULL;
	*queue_tail = rq;
	queue_tail = &rq->queue;
	pthread_cond_signal(&work);
}

/* An order to send a notification travels as a request of its own. */
void notify_queue(const char *kind, uint64_t nodeid, int64_t off, uint64_t len)
{
	struct request *rq = calloc(1, sizeof(*rq));

	if (!rq)
		abort();
	rq->op = (struct op){ .nodeid = nodeid, .off = off, .size = len };
	rq->buf = strdup(kind);
	rq->own_buf = true;
	request_queue(rq);
}

void *request_releaser(void *unused)
{
	struct request *rq;

	for (;;) {
		pthread_mutex_lock(&lock);
		while (!queue)
			pthread_cond_wait(&work, &lock);
		rq = queue;
		queue = rq->queue;
		if (!queue)
			queue_tail = &queue;
		if (rq->next)
			log_event(EV_RELEASED, rq, 0, -1, NULL);
		pthread_mutex_unlock(&lock);
		if (rq->next) {
			request_run(rq);
		} else {
			do_notify(rq->buf, NULL, &rq->op, false);
			free(rq->buf);
			free(rq);
		}
	}
	return unused;
}

double request_next_due(void)
{
	struct request *rq;
	double due = -1;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->keep == DELAYED && (due < 0 || rq->due < due))
			due = rq->due;
	return due;
}

void request_run_due(void)
{
	struct request *rq;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (rq->keep == DELAYED && rq->due <= now())
			request_queue(rq);
}
