// SPDX-License-Identifier: GPL-2.0-only
/* The file against the model, and the first thing that is wrong. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fsx.h"

struct shared *shared;
uint8_t *model;
struct op *history;
struct own own;

/* Be the first to fail: the lock is held if true, and end_failure() follows. */
static bool begin_failure(enum verdict verdict)
{
	pthread_mutex_lock(&shared->lock);
	if (shared->verdict != V_OK) {
		pthread_mutex_unlock(&shared->lock);
		return false;
	}
	shared->verdict = verdict;
	shared->bad_op = own.nr;
	return true;
}

static void end_failure(void)
{
	shared->stop = true;
	pthread_cond_broadcast(&shared->moved);
	pthread_mutex_unlock(&shared->lock);
}

enum verdict fail_message(enum verdict verdict, const char *fmt, ...)
{
	va_list ap;

	if (begin_failure(verdict)) {
		va_start(ap, fmt);
		vsnprintf(shared->message, sizeof(shared->message), fmt, ap);
		va_end(ap);
		end_failure();
	}
	return verdict;
}

enum verdict failed(const char *what)
{
	return fail_message(V_IO, "%s: %s", what, strerror(errno));
}

/* The bytes at @off by every way there is to look at them: who has it wrong? */
static void look_around(uint64_t off, unsigned int len)
{
	char *out = shared->views, *end = out + sizeof(shared->views);
	uint8_t bytes[SHOWN];

	for (int way = 0; way < 3; way++) {
		static const char *const name[] = { "read", "mapping",
						    "server" };
		ssize_t n = -1;

		if (way == 0) {
			n = pread(own.fd, bytes, len, off);
		} else if (way == 1 && own.map && off + len <= own.size) {
			if (!copy_mapped(bytes, own.map + off, len))
				n = len;
		} else if (way == 2 && own.server >= 0) {
			n = pread(own.server, bytes, len, off);
		}
		if (n < 0)
			continue;
		if (out != shared->views)
			out += snprintf(out, end - out, "; ");
		out += print_bytes(out, end - out, name[way], bytes, n);
		if (!n)
			out += snprintf(out, end - out, " (end of file)");
	}
}

/* Compare @len bytes of the file at @off, read into @buf by way of @what. */
static enum verdict same(const char *what, const uint8_t *buf, uint64_t off,
			 uint64_t len)
{
	const uint8_t *want = model + off;
	uint64_t first, last;

	shared->verified[own.me] += len;
	if (!memcmp(buf, want, len))
		return V_OK;
	if (!begin_failure(V_DIFF))
		return V_DIFF;
	for (first = 0; buf[first] == want[first]; first++)
		;
	for (last = len - 1; buf[last] == want[last]; last--)
		;
	shared->bad_data = true;
	shared->bad_off = off + first;
	shared->bad_last = off + last;
	for (uint64_t i = first; i <= last; i++)
		shared->bad_count += buf[i] != want[i];
	shared->bad_len = min_u32(SHOWN, len - first);
	memcpy(shared->expected, want + first, shared->bad_len);
	memcpy(shared->found, buf + first, shared->bad_len);
	snprintf(shared->message, sizeof(shared->message), "%s", what);
	look_around(shared->bad_off, shared->bad_len);
	end_failure();
	return V_DIFF;
}

/* Read @len bytes at @off from @fd and compare; the file ends at own.size. */
enum verdict check_read(const char *what, int fd, uint64_t off, uint64_t len)
{
	uint64_t want = off >= own.size ? 0 : min_u32(len, own.size - off);
	uint64_t done = 0;

	while (done < len) {
		ssize_t n = pread(fd, own.buf + done, len - done, off + done);

		if (n < 0)
			return failed(what);
		if (!n)
			break;
		done += n;
		/* a direct read that ended within a block was the last one */
		if (fd == own.direct && done % direct_align)
			break;
	}
	if (same(what, own.buf, off, done < want ? done : want))
		return V_DIFF;
	if (done != want)
		return fail_message(
			V_DIFF,
			"%s of %#llx bytes at %#llx gave %#llx, not %#llx: "
			"the file has %#x bytes",
			what, (unsigned long long)len, (unsigned long long)off,
			(unsigned long long)done, (unsigned long long)want,
			own.size);
	return V_OK;
}

enum verdict check_size(const char *what, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return failed(what);
	if (st.st_size != own.size)
		return fail_message(V_DIFF, "%s: size %#llx, expected %#x",
				    what, (unsigned long long)st.st_size,
				    own.size);
	return V_OK;
}

enum verdict check_server(uint64_t lo, uint64_t hi)
{
	enum verdict v = V_OK;

	if (own.server < 0)
		return V_OK;
	if (hi > own.size) {
		v = check_size("the server's file", own.server);
		hi = own.size;
	}
	if (!v && lo < hi)
		v = check_read("the server's file", own.server, lo, hi - lo);
	return v;
}

enum verdict check_map(const uint8_t *map, uint64_t off, uint64_t len)
{
	memcpy(own.buf, map, len);
	return same("mapread", own.buf, off, len);
}

enum verdict check_all(void)
{
	enum verdict v = check_size("fstat", own.fd);

	if (!v)
		v = check_read("read", own.fd, 0, opt.length);
	if (!v && own.map)
		v = check_map(own.map, 0, own.size);
	if (!v && fsync(own.fd))
		v = failed("fsync");
	if (!v)
		v = check_server(0, EVERYTHING);
	return v;
}
