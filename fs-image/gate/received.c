// SPDX-License-Identifier: GPL-2.0-only
/* See received.h. */
#define _GNU_SOURCE
#include "received.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRACING "/sys/kernel/tracing/instances/"
#define KEPT 4096 /* the last lengths sent, a power of 2 */

static int sock = -1;
static char instance[256]; /* "": no tracepoint */
static uint64_t sent;
static uint32_t lengths[KEPT];

static bool put(const char *file, const char *text)
{
	char path[400];
	int fd;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", instance, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	done = fd >= 0 && write(fd, text, strlen(text)) > 0;
	if (fd >= 0)
		close(fd);
	return done;
}

void received_init(int fd, const char *name)
{
	sock = fd;
	snprintf(instance, sizeof(instance), TRACING "%s", name);
	/* AF_UNIX; INIT is longer than 64 bytes, nothing is shorter than a header */
	if ((!mkdir(instance, 0700) || errno == EEXIST) &&
	    put("buffer_size_kb", "512") &&
	    put("events/sock/sock_recv_length/filter", "family == 1") &&
	    put("events/sock/sock_recv_length/enable", "1"))
		return;
	rmdir(instance);
	*instance = 0;
}

uint64_t received_sending(size_t len)
{
	lengths[++sent % KEPT] = len;
	return sent;
}

/* What a message of this length takes of a socket's send buffer. */
static int footprint(size_t len)
{
	static struct {
		size_t len;
		int bytes;
	} known[64];
	size_t slot = len / 8 % 64;
	int pair[2], big = 16 << 20, bytes = -1;
	char *data;

	if (known[slot].len == len && len)
		return known[slot].bytes;
	data = calloc(1, len);
	if (!data ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		abort();
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &big, sizeof(big));
	if (send(pair[0], data, len, MSG_DONTWAIT) != (ssize_t)len ||
	    ioctl(pair[0], SIOCOUTQ, &bytes))
		bytes = -1;
	close(pair[0]);
	close(pair[1]);
	free(data);
	known[slot].len = len;
	known[slot].bytes = bytes;
	return bytes;
}

/* How many of the last messages sent nobody has received; -1: not known. */
static int unread(void)
{
	int bytes, n, one;

	if (ioctl(sock, SIOCOUTQ, &bytes))
		return -1;
	for (n = 0; bytes > 0; n++) {
		one = n < KEPT && (uint64_t)n < sent ?
			      footprint(lengths[(sent - n) % KEPT]) :
			      -1;
		if (one <= 0)
			return -1;
		bytes -= one;
	}
	return bytes ? -1 : n;
}

struct receive {
	pid_t thread;
	uint32_t len;
	char sk[32];
};

/* The receives in the trace, newest last; how many. */
static size_t read_trace(struct receive **list)
{
	char path[400], line[512], *p, *at;
	struct receive *r = NULL;
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/trace", instance);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		/* "  name-PID  [000] .....  1.2: sock_recv_length: sk address = ..., length = N" */
		p = strstr(line, ": sock_recv_length: sk address = ");
		at = strstr(line, " [");
		if (!p || !at || at > p)
			continue;
		r = reallocarray(r, n + 1, sizeof(*r));
		if (!r)
			abort();
		*at = 0;
		r[n].thread =
			atoi(strrchr(line, '-') ? strrchr(line, '-') + 1 : "0");
		p += strlen(": sock_recv_length: sk address = ");
		snprintf(r[n].sk, sizeof(r[n].sk), "%.*s", (int)strcspn(p, ","),
			 p);
		p = strstr(p, "length = ");
		r[n].len = p ? atoi(p + strlen("length = ")) : 0;
		n += r[n].len != 0;
	}
	if (f)
		fclose(f);
	*list = r;
	return n;
}

/*
 * Is the i-th receive message @nr? Then the receives of the same socket before it are
 * the messages before: as many as can be compared must have the right length.
 */
static bool agrees(const struct receive *r, size_t i, uint64_t nr)
{
	const char *sk = r[i].sk;
	int same = 0;

	for (i++; i-- && nr && same < 100;) {
		if (strcmp(r[i].sk, sk))
			continue;
		if (r[i].len != lengths[nr-- % KEPT])
			return false;
		same++;
	}
	return true;
}

pid_t received_by(uint64_t nr)
{
	int waiting = unread();
	struct receive *r;
	pid_t thread = 0;
	uint64_t at;
	size_t n, i;

	if (waiting < 0 || sent - nr >= KEPT / 2)
		return 0;
	if (nr > sent - waiting)
		return IN_QUEUE;
	if (!*instance)
		return 0;
	n = read_trace(&r);
	/* the last receive of our socket is the last message that was received */
	at = sent - waiting;
	for (i = n; i--;)
		if (agrees(r, i, at))
			break;
	if (n && i < n) {
		const char *sk = r[i].sk;

		for (i++; i--;) {
			if (strcmp(r[i].sk, sk))
				continue;
			if (at-- == nr) {
				thread = r[i].thread;
				break;
			}
		}
	}
	free(r);
	/* it has changed meanwhile: better nothing than the wrong thread */
	return unread() == waiting ? thread : 0;
}
