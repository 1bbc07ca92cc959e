// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stress.h"

void usage_error(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\n%s: --help lists the options\n",
		program_invocation_short_name);
	exit(ST_USAGE);
}

void io_error(const char *fmt, ...)
{
	int err = errno;
	va_list ap;

	fprintf(stderr, "%s: ", program_invocation_short_name);
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

struct common common = { .seed = 1 };

enum { OPT_SERVER = 0x1000 };

static const struct argp_option common_options[] = {
	{ "seed", 'S', "N", 0, "Seed of the random numbers (default 1)", 0 },
	{ "server", OPT_SERVER, "PATH", 0,
	  "The same file as the FUSE server sees it, to be equal after fsync, msync "
	  "and at the end",
	  0 },
	{ "progress", 'p', "N", 0, "Say so after each N operations", 0 },
	{ "verbose", 'v', NULL, 0, "Print each operation", 0 },
	{ "quiet", 'q', NULL, 0, "Only failures and the last line", 0 },
	{ NULL, 'h', NULL, OPTION_HIDDEN, NULL, 0 },
	{}
};

static error_t common_parse(int key, char *arg, struct argp_state *state)
{
	switch (key) {
	case 'S':
		common.seed = number("-S", arg, 0, UINT64_MAX);
		return 0;
	case 'p':
		common.progress = number("-p", arg, 1, UINT32_MAX);
		return 0;
	case OPT_SERVER:
		common.server = arg;
		return 0;
	case 'v':
		common.verbose = true;
		return 0;
	case 'q':
		common.quiet = true;
		return 0;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case ARGP_KEY_INIT:
		argp_err_exit_status = ST_USAGE;
		return 0;
	case ARGP_KEY_ARG:
		if (common.path)
			usage_error("one FILE, please: '%s' is another", arg);
		common.path = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		usage_error("which FILE?");
	}
	return ARGP_ERR_UNKNOWN;
}

const struct argp common_argp = { .options = common_options,
				  .parser = common_parse };

char *op_table(int key, const char *text, void *input)
{
	const struct op_list *ops = input;
	char *table;
	size_t size;
	FILE *out;

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	out = open_memstream(&table, &size);
	if (!out)
		io_error("no memory");
	fputs(text, out);
	for (int i = 0; i < ops->n; i++)
		fprintf(out, "  %-10s %3u  %s\n", ops->op[i].name,
			ops->op[i].weight, ops->op[i].help);
	fclose(out);
	return table;
}

void *shared_zeros(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		io_error("no memory for %zu bytes", size);
	return p;
}

void shared_lock(pthread_mutex_t *lock, pthread_cond_t *condition)
{
	pthread_mutexattr_t mattr;
	pthread_condattr_t cattr;

	pthread_mutexattr_init(&mattr);
	pthread_mutexattr_setpshared(&mattr, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(lock, &mattr);
	pthread_condattr_init(&cattr);
	pthread_condattr_setpshared(&cattr, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(condition, &cattr);
}

void run_processes(unsigned int n, void (*what)(unsigned int i),
		   void (*died)(unsigned int i, const char *how))
{
	pid_t pid[n];
	char how[100];

	fflush(stdout);
	for (unsigned int i = 0; i < n; i++) {
		pid[i] = fork();
		if (pid[i] < 0)
			io_error("fork");
		if (!pid[i]) {
			what(i);
			exit(0);
		}
	}
	for (unsigned int left = n; left; left--) {
		int status;
		pid_t gone = wait(&status);

		if (gone < 0)
			io_error("wait");
		if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
			continue;
		if (WIFSIGNALED(status))
			snprintf(how, sizeof(how), "killed by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
		else
			snprintf(how, sizeof(how), "ended with status %d",
				 WEXITSTATUS(status));
		for (unsigned int i = 0; i < n; i++) {
			if (pid[i] == gone)
				died(i, how);
			else
				kill(pid[i], SIGKILL);
		}
	}
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

int rng_pick(struct rng *rng, const unsigned int *weight, int n)
{
	unsigned int total = 0, pick;
	int i;

	for (i = 0; i < n; i++)
		total += weight[i];
	pick = rng_below(rng, total);
	for (i = 0; pick >= weight[i]; i++)
		pick -= weight[i];
	return i;
}
