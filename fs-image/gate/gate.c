// SPDX-License-Identifier: GPL-2.0-only
/* libgate: see gate.h. */
#define _GNU_SOURCE
#include "gate.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct gate {
	int fd;
	int status;
	char text[640];
	char *output;
	size_t output_len;
	char *in; /* received, not yet looked at */
	size_t in_len;
};

struct gate *gate_connect(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct gate *g;

	if (!path)
		path = GATE_SOCKET;
	if (strlen(path) >= sizeof(addr.sun_path)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	strcpy(addr.sun_path, path);
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (g->fd < 0 ||
	    connect(g->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		int err = errno;

		gate_close(g);
		errno = err;
		return NULL;
	}
	return g;
}

void gate_close(struct gate *g)
{
	if (!g)
		return;
	if (g->fd >= 0)
		close(g->fd);
	free(g->output);
	free(g->in);
	free(g);
}

static int dead(struct gate *g, const char *why)
{
	snprintf(g->text, sizeof(g->text), "%s", why);
	return g->status = GATE_DEAD;
}

/*
 * How long an answer may take, in ms: a gate that was killed while one of its
 * threads cannot die keeps the connection open. -1: for ever.
 */
static int answer_time(const char *command)
{
	const char *p = strstr(command, "timeout=");

	if (strstr(command, "follow"))
		return -1;
	return ((p ? atof(p + strlen("timeout=")) : GATE_TIMEOUT) + 10) * 1000;
}

/* Next line without its newline, to be freed; NULL: the gate is gone. */
static char *read_line(struct gate *g, int timeout)
{
	struct pollfd poll_fd = { .fd = g->fd, .events = POLLIN };
	char buf[4096], *end, *line, *p;
	ssize_t n;

	while (!(end = g->in_len ? memchr(g->in, '\n', g->in_len) : NULL)) {
		if (!poll(&poll_fd, 1, timeout)) {
			errno = ETIMEDOUT;
			return NULL;
		}
		errno = 0;
		n = recv(g->fd, buf, sizeof(buf), 0);
		if (n < 0 && errno == EINTR)
			continue;
		p = n > 0 ? realloc(g->in, g->in_len + n) : NULL;
		if (!p)
			return NULL;
		memcpy(p + g->in_len, buf, n);
		g->in = p;
		g->in_len += n;
	}
	line = strndup(g->in, end - g->in);
	g->in_len -= end + 1 - g->in;
	memmove(g->in, end + 1, g->in_len);
	return line;
}

int gate_stream(struct gate *g, const char *command,
		void (*handle)(const char *text, void *arg), void *arg)
{
	size_t len = strlen(command);
	int timeout = answer_time(command);
	char *line;

	if (!g)
		return GATE_DEAD;
	g->status = GATE_USAGE;
	g->text[0] = 0;
	free(g->output);
	g->output = NULL;
	g->output_len = 0;
	if (len > 1000 || strchr(command, '\n')) {
		snprintf(g->text, sizeof(g->text),
			 "a command is one line of at most 1000 bytes");
		return g->status;
	}
	if (send(g->fd, command, len, MSG_NOSIGNAL | MSG_MORE) !=
		    (ssize_t)len ||
	    send(g->fd, "\n", 1, MSG_NOSIGNAL) != 1)
		return dead(g, "the gate has ended");
	while ((line = read_line(g, timeout)) != NULL) {
		if (*line == ' ') {
			handle(line + 1, arg);
		} else {
			g->status = *line == 'E' ? atoi(line + 1) : GATE_OK;
			snprintf(g->text, sizeof(g->text), "%s",
				 strchr(line, ' ') ? strchr(line, ' ') + 1 :
						     "");
			free(line);
			return g->status;
		}
		free(line);
	}
	return dead(g, errno == ETIMEDOUT ? "the gate does not answer" :
					    "the gate has ended");
}

static void collect(const char *line, void *arg)
{
	struct gate *g = arg;
	size_t len = strlen(line);
	char *p = realloc(g->output, g->output_len + len + 2);

	if (!p)
		return;
	memcpy(p + g->output_len, line, len);
	strcpy(p + g->output_len + len, "\n");
	g->output = p;
	g->output_len += len + 1;
}

int gate(struct gate *g, const char *fmt, ...)
{
	char command[1100];
	va_list ap;

	if (!g)
		return GATE_DEAD;
	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return gate_stream(g, command, collect, g);
}

const char *gate_text(const struct gate *g)
{
	return g ? g->text : "there is no connection to the gate";
}

long gate_number(const struct gate *g)
{
	char *end;
	long n;

	if (!g || g->status != GATE_OK)
		return -1;
	n = strtol(g->text, &end, 10);
	return end == g->text ? -1 : n;
}

const char *gate_output(const struct gate *g)
{
	return g && g->output ? g->output : "";
}
