// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "stress.h"

const char *prog;

void usage_error(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", prog);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n%s: --help lists the options\n", prog);
	exit(ST_USAGE);
}

void io_error(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "%s: ", prog);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, ": %s\n", strerror(err));
	exit(ST_IO);
}

uint64_t number(const char *option, const char *text, uint64_t min,
		uint64_t max)
{
	unsigned long long value;
	unsigned int shift = 0;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (end == text || *text == '-' || errno)
		usage_error("%s: '%s' is not a number", option, text);
	switch (*end) {
	case 'G':
	case 'g':
		shift += 10;
		/* fall through */
	case 'M':
	case 'm':
		shift += 10;
		/* fall through */
	case 'K':
	case 'k':
		shift += 10;
		end++;
	}
	if (*end)
		usage_error(
			"%s: '%s' is not a number (K, M and G may follow one)",
			option, text);
	if (value > max >> shift || value << shift < min)
		usage_error("%s: %s is not within %llu..%llu", option, text,
			    (unsigned long long)min, (unsigned long long)max);
	return value << shift;
}

void *shared_zeros(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		io_error("no memory for %zu bytes", size);
	return p;
}

sigjmp_buf bus_jump;
volatile sig_atomic_t bus_armed;
volatile uintptr_t bus_addr;

static void on_sigbus(int sig, siginfo_t *si, void *context)
{
	(void)context;
	bus_addr = (uintptr_t)si->si_addr;
	if (bus_armed) {
		bus_armed = 0;
		siglongjmp(bus_jump, 1);
	}
	signal(sig, SIG_DFL);
	raise(sig);
}

void catch_sigbus(void)
{
	/* SA_NODEFER: the jump out of the handler restores no signal mask */
	struct sigaction sa = { .sa_sigaction = on_sigbus,
				.sa_flags = SA_SIGINFO | SA_NODEFER };

	sigaction(SIGBUS, &sa, NULL);
}

int copy_mapped(void *to, const void *from, size_t len)
{
	if (sigsetjmp(bus_jump, 0))
		return -1;
	bus_armed = 1;
	memcpy(to, from, len);
	bus_armed = 0;
	return 0;
}

int print_bytes(char *out, size_t room, const char *what, const void *bytes,
		size_t len)
{
	const uint8_t *byte = bytes;
	int n = snprintf(out, room, "%s", what);

	for (size_t i = 0; i < len && n >= 0 && (size_t)n < room; i++)
		n += snprintf(out + n, room - n, " %02x", byte[i]);
	return n;
}

uint64_t rng_next(struct rng *rng)
{
	rng->state += 0x9e3779b97f4a7c15ull;
	return mix64(rng->state);
}

uint32_t rng_below(struct rng *rng, uint32_t bound)
{
	return (rng_next(rng) >> 32) * bound >> 32;
}
