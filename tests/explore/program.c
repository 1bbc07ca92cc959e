// SPDX-License-Identifier: GPL-2.0-only
/* What the programs to explore share: see program.h. */
#define _GNU_SOURCE
#include "program.h"

#include <ctype.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

unsigned int program_seed;
int this_round;

/* nobody may take longer, in seconds of the guest's clock: see LIMIT in sandbox.h */
static int go[2], here[2];

void fail(const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* one write: several may fail at a time */
	dprintf(1, "FAIL: %s\n", text);
	_exit(1);
}

long must_(long result, const char *call)
{
	if (result < 0)
		fail("%s: %s", call, strerror(errno));
	return result;
}

/* ---- tasks ---- */

static pthread_barrier_t *all;

void opened(void)
{
	pthread_barrier_wait(all);
}

void ready(void)
{
	char c;

	close(go[1]);
	if (write(here[1], "", 1) != 1 || read(go[0], &c, 1))
		fail("cannot wait for the others");
}

static void where(pid_t pid, char *text, size_t size)
{
	char path[64], line[256], name[128];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stack", pid);
	f = fopen(path, "r");
	*text = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "[<%*[^>]>] %127[^+]", name) != 1)
			continue;
		if (strlen(text) + strlen(name) + 5 > size)
			break;
		strcat(strcat(text, *text ? " < " : ""), name);
	}
	if (f)
		fclose(f);
}

/* Of @n children; the first that fails or hangs decides. */
static void join(const pid_t *pids, const char *const *names, int n)
{
	char stack[512];
	bool bad = false;
	int status;

	for (int i = 0; i < n; i++) {
		pid_t done = 0;

		for (double t = 0; !done && patience(&t, LIMIT);)
			done = waitpid(pids[i], &status, WNOHANG);
		if (!done) {
			where(pids[i], stack, sizeof(stack));
			fail("%s hangs: %s", names[i], stack);
		}
		if (WIFSIGNALED(status))
			fail("%s: %s", names[i], strsignal(WTERMSIG(status)));
		bad |= status != 0;
	}
	if (bad)
		_exit(1); /* it has said why */
}

static void alone(const char *name, void (*run)(void))
{
	pid_t pid;

	if (!run)
		return;
	pid = fork();
	if (!pid) {
		run();
		_exit(0);
	}
	join(&pid, &name, 1);
}

static void explore(bool on)
{
	/* not there when nobody explores */
	int fd =
		open("/sys/module/explore/parameters/go", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	must(write(fd, on ? "1" : "0", 1));
	close(fd);
}

static void run_tasks(void)
{
	const char *names[4];
	pid_t pids[4];
	int n = 0;
	char c;

	pthread_barrierattr_t shared;
	int tasks = 0;

	while (tasks < 4 && program.tasks[tasks].run)
		tasks++;
	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(all, &shared, tasks);
	must(pipe2(go, O_CLOEXEC));
	must(pipe2(here, O_CLOEXEC));
	for (; n < tasks; n++) {
		names[n] = program.tasks[n].name;
		pids[n] = fork();
		if (!pids[n]) {
			program.tasks[n].run();
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++)
		must(read(here[0], &c, 1));
	explore(true);
	close(go[1]);
	join(pids, names, n);
	explore(false);
	close(go[0]);
	close(here[0]);
	close(here[1]);
	munmap(all, sizeof(*all));
}

/* How many pages it were does not make it another failure. */
static char *without_numbers(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (!isdigit(*from))
			*to++ = *from;
		else if (to == text || to[-1] != '#')
			*to++ = '#';
	*to = 0;
	return text;
}

int main(int argc, char **argv)
{
	const char *error;
	struct sandbox *sb;
	char *wrong;

	program_seed = argc > 1 ? atoi(argv[1]) : 1;
	sb = sandbox_start(program.options ?: "", 0, &error);
	if (!sb) {
		fprintf(stderr, "%s\n", error);
		return 125;
	}
	for (this_round = 0; this_round < ROUNDS; this_round++) {
		alone("setup", program.setup);
		run_tasks();
	}
	sync();
	for (this_round = 0; this_round < ROUNDS; this_round++)
		alone("check", program.check);
	wrong = sandbox_end(sb);
	if (wrong)
		fail("%s", without_numbers(wrong));
	return 0;
}

/* ---- what tasks do ---- */

static const char *below(const char *folder, const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s%d", folder, name, this_round);
	return path;
}

void make_file(const char *name, size_t size, int byte)
{
	if (server_file(strrchr(below(SERVER, name), '/') + 1, size, byte))
		fail("%s: %s", name, strerror(errno));
}

int file(const char *name, int flags)
{
	return must(open(below(MOUNT, name), flags | O_CLOEXEC, 0644));
}

char *map_file(int fd, size_t size)
{
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
	return map;
}

void fill(int fd, size_t size, int byte)
{
	char *data = malloc(size);

	memset(data, byte, size);
	if (pwrite(fd, data, size, 0) != (ssize_t)size)
		fail("pwrite: %s", strerror(errno));
	free(data);
}

void kick(int fd)
{
	must(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
}

static sigjmp_buf cut_off;

static void on_bus(int signal)
{
	(void)signal;
	siglongjmp(cut_off, 1);
}

bool store(char *to, size_t size, int byte)
{
	volatile bool done = false;

	signal(SIGBUS, on_bus);
	if (!sigsetjmp(cut_off, 1)) {
		memset(to, byte, size);
		done = true;
	}
	signal(SIGBUS, SIG_DFL);
	return done;
}

/* ---- what must hold ---- */

struct content {
	const char *whose;
	char *data;
	off_t size;
};

static struct content content(const char *whose, const char *folder,
			      const char *name)
{
	struct content c = { .whose = whose };
	int fd = must(open(below(folder, name), O_RDONLY | O_CLOEXEC));
	struct stat st;

	must(fstat(fd, &st));
	c.size = st.st_size;
	c.data = malloc(c.size + 1);
	if (pread(fd, c.data, c.size + 1, 0) != c.size)
		fail("%s: %s's file has another length than size", name, whose);
	close(fd);
	return c;
}

/* The server's, and what a reader gets: the same. */
static struct content both(const char *name)
{
	struct content mine = content("the reader", MOUNT, name),
		       server = content("the server", SERVER, name);

	if (mine.size != server.size)
		fail("%s: the server's size is not the reader's", name);
	for (off_t i = 0; i < mine.size; i++)
		if (mine.data[i] != server.data[i])
			fail("%s, page %ld: the server has %#x where the reader gets %#x",
			     name, (long)i / PAGE, server.data[i],
			     mine.data[i]);
	free(mine.data);
	return server;
}

void expect_same(const char *name)
{
	free(both(name).data);
}

void expect_size(const char *name, off_t size)
{
	struct content c = both(name);

	if (c.size != size)
		fail("%s: %ld bytes long, not %ld", name, (long)c.size,
		     (long)size);
	free(c.data);
}

void expect_bytes(const char *name, off_t from, off_t to, const char *allowed)
{
	struct content c = both(name);

	for (off_t i = from; i < to && i < c.size; i++)
		if (!strchr(allowed, c.data[i]))
			fail("%s, page %ld: %c where only 0%s%s may be", name,
			     (long)i / PAGE, c.data[i], *allowed ? " or " : "",
			     allowed);
	free(c.data);
}

void expect_data(const char *name, off_t from, off_t to, const char *allowed)
{
	struct content c = both(name);

	for (off_t i = from; i < to; i++)
		if (i >= c.size || !c.data[i] || !strchr(allowed, c.data[i]))
			fail("%s, page %ld: not %s", name, (long)i / PAGE,
			     allowed);
	free(c.data);
}
