// SPDX-License-Identifier: GPL-2.0-only
/* See control.h. */
#define _GNU_SOURCE
#include "control.h"
#include "gate.h"
#include "log.h"
#include "misbehave.h"
#include "names.h"
#include "rules.h"
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct client {
	struct client *next;
	int fd;
	char in[1024];
	size_t in_len;
	char *out; /* not yet sent */
	size_t out_len;
	bool closing; /* once all is sent */

	/* the command under way, if it is one that waits */
	enum { NOTHING, WAIT_HELD, WAIT_EVENT, FOLLOW } state;
	struct match match;
	enum event event;
	uint64_t need, have;
	double deadline;
	uint64_t follow; /* next log entry to print */
};

static struct client *clients;
static int listen_fd = -1, wake_fd = -1;
static const struct gate_options *options;

static void wake(void)
{
	if (eventfd_write(wake_fd, 1))
		abort();
}

/* state_lock held, as for all below: clients that wait hear of it. */
static void count(enum event ev, const struct op *op)
{
	struct client *c;
	bool some = false;

	for (c = clients; c; c = c->next) {
		if (c->state == FOLLOW) {
			some = true;
		} else if (c->state == WAIT_EVENT && c->event == ev &&
			   match_op(&c->match, op)) {
			c->have++;
			some = true;
		}
	}
	if (some)
		wake();
}

/* ---- answers ---- */

static void put(struct client *c, const char *text, size_t len)
{
	char *p = realloc(c->out, c->out_len + len);

	if (!p)
		abort();
	memcpy(p + c->out_len, text, len);
	c->out = p;
	c->out_len += len;
}

static void answer(struct client *c, int status, const char *fmt, ...)
{
	char text[600], line[640];
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = status ? snprintf(line, sizeof(line), "E%d %s\n", status, text) :
		     snprintf(line, sizeof(line), "OK %s\n", text);
	put(c, line, n);
}

/* Each line of @text, with the blank in front. */
static void put_lines(struct client *c, const char *text)
{
	const char *end;

	for (; *text; text = end) {
		end = strchrnul(text, '\n');
		end += *end == '\n';
		put(c, " ", 1);
		put(c, text, end - text);
	}
}

/* ---- commands ---- */

static const char help[] =
	"ACTION [ARGUMENT] OPCODE[,OPCODE] [WHICH]    a rule; prints its id. Actions:\n"
	"  hold                keep it, answer on 'release' (interruptible: or when interrupted)\n"
	"  delay SECONDS       keep it for so long\n"
	"  fail ERROR          answer with the error (EIO, ENOSPC, 5...)\n"
	"  short BYTES         READ, WRITE, COPY_FILE_RANGE: do only so much; others: cut the reply\n"
	"  claim BYTES         WRITE: do it all, answer as if so many bytes were written\n"
	"  claim FLAGS         OPEN: answer with these FOPEN_ flags, as a number\n"
	"  claim MODE          GETATTR: answer with this st_mode, as a number\n"
	"  garble BYTES        a reply with a payload of so many bytes, right or not\n"
	"  twice               send the reply twice\n"
	"  drop                never answer\n"
	"  die                 the server is gone at once\n"
	"  notify KIND         first send inval_inode, inval_entry, store, retrieve or delete,\n"
	"                      from the thread that handles it (instead: and never answer)\n"
	"  reenter VERB PATH   first stat, open, read, write, fsync, map (and load from it) or\n"
	"                      unlink PATH of our own mount\n"
	"  allocate MIB        first allocate and touch so much memory\n"
	"WHICH: file=PATH off=FROM[-TO] node=N pid=N nth=N times=N;\n"
	"  after: once the operation is done, before its reply is sent\n"
	"Rules apply in the order given; one that keeps a request lets the rest follow on release.\n"
	"\n"
	"release [OPCODE] [WHICH] [N] [fail=ERROR|short=BYTES|drop]   without N: all, and their\n"
	"                      hold rules are removed; with N: the N oldest, the rules stay\n"
	"remove ID|all         remove rules; what they hold stays held\n"
	"rules                 list the rules\n"
	"wait [held] OPCODE [WHICH] [N] [timeout=SECONDS]   until N (1) such requests are held\n"
	"wait seen|done|notified OPCODE ...   until N have arrived, or have been answered, or\n"
	"                      notifications or re-entries for it are over, since 'reset'\n"
	"held                  where each request is that is under way; how many are kept\n"
	"log [OPCODE] [WHICH] [last=N] [follow]\n"
	"reset                 empty the log, set counters to 0\n"
	"stats                 counters by opcode\n"
	"count [seen|done|held|notified|overlaps] OPCODE [WHICH]    one number, since 'reset'; of\n"
	"                      opcodes with WHICH, a counter runs from the first time it is asked\n"
	"                      for, so that is refused when the log has lost entries by then\n"
	"send KIND file=PATH|node=N [off=N] [size=BYTES]   a notification, out of any handler\n"
	"ping                  is the gate there? The server's pid\n"
	"quit                  unmount and end the server\n"
	"\n"
	"Times are in seconds of the guest's clock. OPCODE is 'all', or of:\n";

static void cmd_help(struct client *c)
{
	char line[100] = " ";

	put_lines(c, help);
	for (unsigned int i = 1; i < OP_NR; i++) {
		const char *name = op_name(i);

		if (!strncmp(name, "OP", 2) && name[2] >= '0' && name[2] <= '9')
			continue;
		if (strlen(line) + strlen(name) > 76) {
			strcat(line, "\n");
			put_lines(c, line);
			strcpy(line, " ");
		}
		strcat(strcat(line, " "), name);
	}
	strcat(line, "\n");
	put_lines(c, line);
	put_lines(
		c,
		"TRUNCATE is a SETATTR with a size, WRITEPAGE a WRITE from the page cache.\n");
	answer(c, 0, "");
}

static uint64_t count_held(const struct match *m)
{
	struct request *rq;
	uint64_t n = 0;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		n += rq->place == HELD && match_op(m, &rq->op);
	return n;
}

/* A number from a log that has lost entries would be too small. */
static void answer_lost(struct client *c)
{
	answer(c, GATE_REFUSED,
	       "the log is full, %llu entries are gone, and nobody has asked for this number before: 'reset', then 'count' it once; from then on it is kept. Opcodes alone are always counted",
	       (unsigned long long)log_lost());
}

static bool event_word(const char *word, enum event *ev)
{
	static const struct {
		const char *word;
		enum event ev;
	} events[] = {
		{ "held", EV_HELD },
		{ "seen", EV_SEEN },
		{ "done", EV_DONE },
		{ "notified", EV_NOTIFY },
	};

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		if (!strcmp(events[i].word, word)) {
			*ev = events[i].ev;
			return true;
		}
	}
	return false;
}

static enum tally tally_of(enum event ev)
{
	return ev == EV_DONE   ? TALLY_DONE :
	       ev == EV_NOTIFY ? TALLY_NOTIFIED :
				 TALLY_SEEN;
}

static void cmd_wait(struct client *c, struct words *w)
{
	const char *err = NULL;
	double timeout = GATE_TIMEOUT;
	uint64_t need = 1;
	bool used;
	int i = 1;

	memset(&c->match, 0, sizeof(c->match));
	c->event = EV_HELD;
	if (w->nr > 1 && event_word(w->word[1], &c->event))
		i++;
	for (; !err && i < w->nr; i++) {
		const char *word = w->word[i];

		if (!strncmp(word, "timeout=", 8)) {
			err = seconds_parse(word + 8, &timeout);
			continue;
		}
		err = match_word(&c->match, word, &used);
		if (!err && !used)
			err = number_parse(word, &need);
	}
	if (!err && !match_opcode_named(&c->match))
		err = "'wait' needs an opcode, or 'all'";
	if (err) {
		match_free(&c->match);
		answer(c, GATE_USAGE, "%s", err);
		return;
	}
	c->need = need;
	c->deadline = now() + timeout;
	c->state = c->event == EV_HELD ? WAIT_HELD : WAIT_EVENT;
	c->have = 0;
	if (c->event != EV_HELD &&
	    !log_count(tally_of(c->event), &c->match, &c->have) &&
	    c->have < c->need) {
		c->state = NOTHING;
		match_free(&c->match);
		answer_lost(c);
	}
}

static void cmd_release(struct client *c, struct words *w)
{
	struct match m = { 0 };
	uint64_t limit = 0, released = 0, n;
	long shorten = -1;
	const char *err = NULL;
	struct request *rq;
	bool used, drop = false;
	int fail = 0;

	for (int i = 1; !err && i < w->nr; i++) {
		const char *word = w->word[i];

		if (!strncmp(word, "fail=", 5)) {
			fail = errno_parse(word + 5);
			if (fail < 0)
				err = complain(
					"'%s' is no error; say EIO, or a number",
					word + 5);
		} else if (!strncmp(word, "short=", 6)) {
			err = number_parse(word + 6, &n);
			shorten = n;
		} else if (!strcmp(word, "drop")) {
			drop = true;
		} else {
			err = match_word(&m, word, &used);
			if (!err && !used) {
				err = number_parse(word, &limit);
				if (!err && !limit)
					err = "releasing 0 requests does nothing";
			}
		}
	}
	if (err) {
		match_free(&m);
		answer(c, GATE_USAGE, "%s", err);
		return;
	}
	if (!limit && !m.unique)
		rule_remove_holds(&m);
	for (rq = requests.next;
	     rq != &requests && (!limit || released < limit); rq = rq->next) {
		if ((rq->place != HELD && rq->place != DELAYED) ||
		    !match_op(&m, &rq->op))
			continue;
		if (fail)
			rq->fail = fail;
		if (shorten >= 0)
			rq->shorten = shorten;
		rq->drop = drop;
		request_queue(rq);
		released++;
	}
	match_free(&m);
	answer(c, 0, "%llu", (unsigned long long)released);
}

/* In which of its threads does the server have it? */
static void print_thread(FILE *out, const struct request *rq)
{
	pid_t thread = rq->thread;

	if (options->transport->thread)
		thread = options->transport->thread(rq->nr);
	if (thread == -1) {
		fprintf(out, " (in the server's queue)");
	} else if (thread) {
		fprintf(out, " thread=%d", thread);
	} else if (options->transport->moves) {
		fprintf(out, " (thread unknown)");
	} else {
		fprintf(out, " (in no thread: the server answers later)");
	}
}

static void print_request(FILE *out, const struct request *rq)
{
	static const char *const where[] = {
		[PASSING] = "gate",    [SERVER] = "server",   [HELD] = "held",
		[DELAYED] = "delayed", [DROPPED] = "dropped",
	};
	char path[PATH_MAX];

	fprintf(out, "%-8s", where[rq->place]);
	op_print(out, &rq->op);
	names_path(rq->op.nodeid, path, sizeof(path));
	if (*path)
		fprintf(out, " %s=%s", rq->op.name ? "in" : "file", path);
	fprintf(out, " for=%.3fs%s%s", now() - rq->since,
		rq->after ? " (done, reply kept)" : "",
		rq->interrupted ? " (interrupted)" : "");
	if (rq->place == SERVER)
		print_thread(out, rq);
	fputc('\n', out);
}

static bool is_kept(const struct request *rq)
{
	return rq->place != PASSING && rq->place != SERVER;
}

/*
 * How many requests of this mount nobody has read: of all that the kernel waits for,
 * @known are here. Looked up without touching the mount, which may hang.
 */
static long in_kernel(long known)
{
	char line[4096], path[1100] = "", mount[1024];
	long waiting = known;
	unsigned int minor;
	FILE *f = fopen("/proc/self/mountinfo", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*d %*d %*d:%u %*s %1023s", &minor, mount) ==
			    2 &&
		    !strcmp(mount, options->mountpoint))
			snprintf(path, sizeof(path),
				 "/sys/fs/fuse/connections/%u/waiting", minor);
	if (f)
		fclose(f);
	f = *path ? fopen(path, "re") : NULL;
	if (f && fscanf(f, "%ld", &waiting) != 1)
		waiting = known;
	if (f)
		fclose(f);
	return waiting - known;
}

static void cmd_held(struct client *c)
{
	bool with_server = false;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct request *rq;
	long n_waited = 0, queued;
	int n = 0;

	for (rq = requests.next; rq != &requests; rq = rq->next) {
		with_server |= rq->place == SERVER;
		n_waited += op_has_reply(&rq->op);
		n += is_kept(rq);
		print_request(out, rq);
	}
	queued = in_kernel(n_waited);
	if (queued > 0)
		fprintf(out, "kernel  %ld more in its queue\n", queued);
	if (with_server || queued > 0)
		fprintf(out, "server  is process %d\n",
			options->transport->server());
	fclose(out);
	put_lines(c, text);
	free(text);
	answer(c, 0, "%d", n);
}

static void print_log(struct client *c, uint64_t from)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct entry *e;

	for (; from < log_next(); from++) {
		e = log_get(from);
		if (e && match_op(&c->match, &e->op))
			log_print_entry(out, e);
	}
	fclose(out);
	put_lines(c, text);
	free(text);
}

static void cmd_log(struct client *c, struct words *w)
{
	uint64_t last = 0, seq = log_next();
	const char *err = NULL;
	bool used, follow = false;
	struct entry *e;

	memset(&c->match, 0, sizeof(c->match));
	for (int i = 1; !err && i < w->nr; i++) {
		const char *word = w->word[i];

		if (!strncmp(word, "last=", 5)) {
			err = number_parse(word + 5, &last);
		} else if (!strcmp(word, "follow")) {
			follow = true;
		} else {
			err = match_word(&c->match, word, &used);
			if (!err && !used)
				err = complain(
					"'%s' is not understood; see 'gate help'",
					word);
		}
	}
	if (err) {
		match_free(&c->match);
		answer(c, GATE_USAGE, "%s", err);
		return;
	}
	while (seq && (e = log_get(seq - 1))) {
		seq--;
		if (last && match_op(&c->match, &e->op) && !--last)
			break;
	}
	print_log(c, seq);
	if (follow) {
		c->state = FOLLOW;
		c->follow = log_next();
		return;
	}
	match_free(&c->match);
	answer(c, 0, "");
}

static void cmd_count(struct client *c, struct words *w)
{
	struct match m = { 0 };
	enum event ev = EV_SEEN;
	const char *err = NULL;
	bool used, overlaps = false, known = true;
	uint64_t n = 0;
	int i = 1;

	if (w->nr > 1 && !strcmp(w->word[1], "overlaps"))
		overlaps = true, i++;
	else if (w->nr > 1 && event_word(w->word[1], &ev))
		i++;
	for (; !err && i < w->nr; i++) {
		err = match_word(&m, w->word[i], &used);
		if (!err && !used)
			err = complain(
				"'%s' is not understood; see 'gate help'",
				w->word[i]);
	}
	if (!err && !match_opcode_named(&m))
		err = "'count' needs an opcode, or 'all'";
	if (!err && ev == EV_HELD)
		n = count_held(&m);
	else if (!err)
		known = log_count(overlaps ? TALLY_OVERLAPS : tally_of(ev), &m,
				  &n);
	if (err)
		answer(c, GATE_USAGE, "%s", err);
	else if (!known)
		answer_lost(c);
	else
		answer(c, 0, "%llu", (unsigned long long)n);
	match_free(&m);
}

static void cmd_send(struct client *c, struct words *w)
{
	uint64_t node = 0, off = 0, size = 4096;
	const char *err = NULL;
	struct op op;

	if (w->nr < 2 || !notify_kind(w->word[1]))
		err = "'send' needs inval_inode, inval_entry, store, retrieve or delete";
	for (int i = 2; !err && i < w->nr; i++) {
		const char *word = w->word[i];

		if (!strncmp(word, "file=", 5)) {
			node = names_node(word + 5);
			if (!node)
				err = complain(
					"the kernel has not looked up '%s'",
					word + 5);
		} else if (!strncmp(word, "node=", 5)) {
			err = number_parse(word + 5, &node);
		} else if (!strncmp(word, "off=", 4)) {
			err = number_parse(word + 4, &off);
		} else if (!strncmp(word, "size=", 5)) {
			err = number_parse(word + 5, &size);
		} else {
			err = complain(
				"'%s' is not understood; see 'gate help'",
				word);
		}
	}
	if (!err && !node)
		err = "'send' needs file=PATH or node=N";
	if (err) {
		answer(c, GATE_USAGE, "%s", err);
		return;
	}
	op = (struct op){ .nodeid = node, .off = off, .size = size };
	notify_start(w->word[1], &op);
	answer(c, 0, "");
}

static void cmd_remove(struct client *c, struct words *w)
{
	uint64_t id = 0;
	const char *err =
		w->nr == 2 ? NULL : "'remove' needs the id of a rule, or 'all'";
	int n;

	if (!err && strcmp(w->word[1], "all"))
		err = number_parse(w->word[1], &id);
	if (err) {
		answer(c, GATE_USAGE, "%s", err);
		return;
	}
	n = rule_remove(id);
	if (!n && id)
		answer(c, GATE_REFUSED, "there is no rule %llu",
		       (unsigned long long)id);
	else
		answer(c, 0, "%d", n);
}

static void cmd_stats(FILE *out)
{
	unsigned long kept[OP_MAX] = { 0 };
	struct request *rq;

	for (rq = requests.next; rq != &requests; rq = rq->next)
		if (is_kept(rq) && rq->op.opcode < OP_MAX)
			kept[rq->op.opcode]++;
	log_stats(out, kept);
}

static void command(struct client *c, const char *line)
{
	char *text = NULL;
	size_t len = 0;
	struct words w;
	const char *err;
	unsigned int id;
	FILE *out;

	if (!words_split(&w, line)) {
		answer(c, GATE_USAGE, "an empty command; see 'gate help'");
	} else if (rule_is_action(w.word[0])) {
		err = rule_add(&w, line, &id);
		if (err)
			answer(c, GATE_USAGE, "%s", err);
		else
			answer(c, 0, "%u", id);
	} else if (!strcmp(w.word[0], "release")) {
		cmd_release(c, &w);
	} else if (!strcmp(w.word[0], "remove")) {
		cmd_remove(c, &w);
	} else if (!strcmp(w.word[0], "wait")) {
		cmd_wait(c, &w);
	} else if (!strcmp(w.word[0], "log")) {
		cmd_log(c, &w);
	} else if (!strcmp(w.word[0], "count")) {
		cmd_count(c, &w);
	} else if (!strcmp(w.word[0], "send")) {
		cmd_send(c, &w);
	} else if (w.nr > 1) {
		answer(c, GATE_USAGE, "'%s' is not understood; see 'gate help'",
		       line);
	} else if (!strcmp(w.word[0], "rules") || !strcmp(w.word[0], "stats")) {
		out = open_memstream(&text, &len);
		if (*w.word[0] == 'r')
			rule_print(out);
		else
			cmd_stats(out);
		fclose(out);
		put_lines(c, text);
		free(text);
		answer(c, 0, "");
	} else if (!strcmp(w.word[0], "held")) {
		cmd_held(c);
	} else if (!strcmp(w.word[0], "reset")) {
		log_reset();
		answer(c, 0, "");
	} else if (!strcmp(w.word[0], "help")) {
		cmd_help(c);
	} else if (!strcmp(w.word[0], "ping")) {
		answer(c, 0, "pid %d", options->transport->server());
	} else if (!strcmp(w.word[0], "quit")) {
		answer(c, 0, "");
		kill(getpid(), SIGTERM);
	} else {
		answer(c, GATE_USAGE, "'%s' is no command; see 'gate help'",
		       w.word[0]);
	}
	words_free(&w);
}

/* ---- the thread ---- */

/* Is what this client waits for there, or its time over? */
static void check_wait(struct client *c)
{
	bool over = false;

	if (c->state == WAIT_HELD)
		c->have = count_held(&c->match);
	if (c->state == FOLLOW) {
		print_log(c, c->follow);
		c->follow = log_next();
		return;
	}
	if (c->have >= c->need) {
		answer(c, 0, "%llu", (unsigned long long)c->have);
		over = true;
	} else if (now() >= c->deadline) {
		answer(c, GATE_TIMED_OUT, "timed out: %llu of %llu",
		       (unsigned long long)c->have,
		       (unsigned long long)c->need);
		over = true;
	}
	if (over) {
		c->state = NOTHING;
		match_free(&c->match);
	}
}

static void client_free(struct client *c)
{
	struct client **p;

	for (p = &clients; *p != c; p = &(*p)->next)
		;
	*p = c->next;
	if (c->state != NOTHING)
		match_free(&c->match);
	close(c->fd);
	free(c->out);
	free(c);
}

/* False: the client has gone, or must. */
static bool client_read(struct client *c)
{
	ssize_t n = recv(c->fd, c->in + c->in_len,
			 sizeof(c->in) - 1 - c->in_len, MSG_DONTWAIT);

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	c->in_len += n;
	if (c->in_len == sizeof(c->in) - 1 && !memchr(c->in, '\n', c->in_len)) {
		answer(c, GATE_USAGE,
		       "a command is one line of at most %zu bytes",
		       sizeof(c->in) - 2);
		c->closing = true;
	}
	return true;
}

static void client_commands(struct client *c)
{
	char *end;

	while (c->state == NOTHING &&
	       (end = memchr(c->in, '\n', c->in_len)) != NULL) {
		*end++ = 0;
		command(c, c->in);
		c->in_len -= end - c->in;
		memmove(c->in, end, c->in_len);
		if (c->state != NOTHING)
			check_wait(c);
	}
}

static bool client_write(struct client *c)
{
	ssize_t n;

	if (!c->out_len)
		return !c->closing;
	n = send(c->fd, c->out, c->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->out_len -= n;
	memmove(c->out, c->out + n, c->out_len);
	return c->out_len || !c->closing;
}

static void client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	c->fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (c->fd < 0) {
		free(c);
		return;
	}
	c->next = clients;
	clients = c;
}

static int next_timeout(void)
{
	double due = request_next_due(), ms;

	for (struct client *c = clients; c; c = c->next)
		if ((c->state == WAIT_HELD || c->state == WAIT_EVENT) &&
		    (due < 0 || c->deadline < due))
			due = c->deadline;
	if (due < 0)
		return -1;
	ms = (due - now()) * 1000 + 1;
	return ms < 0 ? 0 : ms > 1e9 ? 1000000000 : ms;
}

static void *control_thread(void *unused)
{
	struct pollfd *fds = NULL;
	struct client *c, *next;
	eventfd_t value;
	int n, timeout;

	for (;;) {
		pthread_mutex_lock(&state_lock);
		for (n = 2, c = clients; c; c = c->next)
			n++;
		fds = realloc(fds, n * sizeof(*fds));
		if (!fds)
			abort();
		fds[0] = (struct pollfd){ .fd = listen_fd, .events = POLLIN };
		fds[1] = (struct pollfd){ .fd = wake_fd, .events = POLLIN };
		for (n = 2, c = clients; c; c = c->next)
			fds[n++] = (struct pollfd){
				.fd = c->fd,
				.events = POLLIN | (c->out_len ? POLLOUT : 0),
			};
		timeout = next_timeout();
		pthread_mutex_unlock(&state_lock);

		poll(fds, n, timeout);

		pthread_mutex_lock(&state_lock);
		if (fds[1].revents)
			eventfd_read(wake_fd, &value);
		request_run_due();
		for (n = 2, c = clients; c; c = next, n++) {
			bool alive = true;

			next = c->next;
			if (fds[n].revents)
				alive = client_read(c);
			if (alive && c->state != NOTHING)
				check_wait(c);
			if (alive)
				client_commands(c);
			if (!alive || !client_write(c))
				client_free(c);
		}
		if (fds[0].revents)
			client_new();
		pthread_mutex_unlock(&state_lock);
	}
	return unused;
}

void control_start(void)
{
	thread_start(control_thread, NULL);
}

int control_init(const struct gate_options *o)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	options = o;
	if (strlen(o->control) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr.sun_path, o->control);
	log_watcher = count;
	requests_watcher = wake;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (wake_fd < 0 || listen_fd < 0)
		return -1;
	/* a socket that nobody listens to is left from a gate that died */
	if (!connect(listen_fd, (struct sockaddr *)&addr, sizeof(addr))) {
		errno = EADDRINUSE;
		return -1;
	}
	unlink(o->control);
	return bind(listen_fd, (struct sockaddr *)&addr, sizeof(addr)) ||
			       listen(listen_fd, 64) ?
		       -1 :
		       0;
}
