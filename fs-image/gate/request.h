/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The way of a request: read from the device, logged, put before the rules, given to
 * the server, and its reply put before the rules again.
 *
 * A request has one owner at any time: the thread that runs it; the server; or (held,
 * delayed) the list of requests. Nothing waits in a thread but what a rule asks to wait
 * there (re-enter, allocate, notify).
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "message.h"
#include "transport.h"

/* Where a request is. */
enum place {
	PASSING, /* in a thread of the gate */
	SERVER, /* given to the server, which has not answered */
	HELD,
	DELAYED,
	DROPPED,
};

struct request {
	struct request *next, *prev; /* on the list of all in flight */
	struct request *queue; /* on the queue of the release threads */
	struct op op;
	int device; /* it came from this /dev/fuse, one of several clones perhaps */
	char *buf; /* the message, or as much as is still of use */
	size_t len;
	bool own_buf; /* to be freed */
	bool whole; /* not only its head */
	enum place place;
	uint64_t seq; /* order of arrival */
	uint64_t nr; /* order of delivery */
	pid_t thread; /* of the server, that has it; 0: not known */
	double since; /* when it came to this place */
	unsigned int rule[2]; /* id of the last rule applied, before and after */
	bool after; /* the server has done its part */
	double due; /* DELAYED until then */
	bool interrupted, interruptible;
	bool answered;
	bool overlap; /* arrived while a page of it was in flight */
	/* what to do to the reply */
	int fail; /* errno, 0: none */
	long shorten; /* bytes, -1: none */
	long claim; /* what the reply is to say instead, -1: nothing else */
	long garble; /* payload bytes of the reply, -1: none */
	bool twice;
	bool drop; /* release says: never answer */
	pid_t reader; /* the thread that read it, until it is put elsewhere */
	int slot; /* on the board, -1: none */
	struct job *job; /* that a thread of its own does first */
	/* the reply: in the buffer of whoever brings it, until it is kept */
	bool own_reply;
	char *reply;
	size_t reply_len;
};

struct gate_options {
	const char *control; /* path of the control socket */
	const char *mountpoint; /* where reenter goes */
	int device; /* /dev/fuse */
	unsigned int log_entries;
	uint64_t init_set; /* FUSE_INIT flags forced on... */
	uint64_t init_clear; /* ...and off in the reply to INIT */
	uint64_t init_hide; /* ...and hidden from the server in INIT */
	const struct transport *transport;
	/* INIT has been answered: with this, or an errno */
	void (*init_answered)(const struct fuse_init_out *out, int error);
};

/* All in flight, oldest first. state_lock held. */
extern struct request requests;

void requests_init(const struct gate_options *options);

/* ---- for transports; state_lock not held ---- */

/* A message from the kernel. The buffer stays the caller's. */
struct request *request_new(int device, char *buf, size_t len);
/* True: it is the server's now. False: the gate has taken it, do not touch it again. */
bool request_down(struct request *rq);
/* The calling thread handles it. Returns what names it from now on, as it may end. */
uint64_t request_taken(struct request *rq);
/*
 * The caller needs its buffer for other things. In one go with request_down(), or the
 * reply may come in between.
 */
void request_detach(struct request *rq);
/*
 * The server's thread that had it has turned to other things. If it has not been
 * answered, it needs no answer, or gets it later.
 */
void request_left(uint64_t seq);
/*
 * An answer from the server, or a notification. 0, or the errno of the device: known
 * only for what was not kept.
 */
int request_up(int device, char *reply, size_t len);
/* The server has answered past the gate, by splice(2). */
void request_spliced(uint64_t seq, int err, long len);

/* ---- for control; state_lock held ---- */

void request_queue(struct request *rq); /* back to work */
double request_next_due(void); /* of the next delayed one, < 0: none */
void request_run_due(void);
/* To be told when what is kept, or due, has changed; one watcher. */
extern void (*requests_watcher)(void);

#endif
