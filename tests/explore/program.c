// SPDX-License-Identifier: GPL-2.0-only
/* What the programs to explore share: see program.h. */
#define _GNU_SOURCE
#include "program.h"

#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

unsigned int program_seed;

/* The old way, to compare with: sleep by chance, up to so many microseconds */
static unsigned int usleep_max, usleep_state;
/* nobody explores, and time is the host's: a hang is one after seconds */
static bool hosts_clock;

static void maybe_sleep(void)
{
	if (usleep_max)
		usleep(rand_r(&usleep_state) % usleep_max);
}

/* the number of the order, for names of files */
static int this_order;
static char rule[200]; /* for the gate */
/* the server's folder, a tmpfs, in the place of the mount */
static bool on_tmpfs, bound;
/* wait for who hangs: somebody wants to look at it */
static bool patient;
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
	maybe_sleep();
	if (result < 0)
		fail("%s: %s", call, strerror(errno));
	return result;
}

/* ---- tasks ---- */

/* What the tasks of an order share */
static struct {
	pthread_barrier_t opened;
	pid_t pids[4];
	bool may_be_killed[4];
} * all;
static int this_task;

void opened(void)
{
	pthread_barrier_wait(&all->opened);
}

void ready(void)
{
	char c;

	close(go[1]);
	if (write(here[1], "", 1) != 1 || read(go[0], &c, 1))
		fail("cannot wait for the others");
	usleep_state = program_seed * 4 + this_task;
	maybe_sleep();
}

void may_be_killed(void)
{
	all->may_be_killed[this_task] = true;
}

pid_t task_pid(int n)
{
	return all->pids[n];
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

/*
 * Seconds that a task can have to wait because the explorer says so: EXPLORE_TURNS times
 * schedule_timeout(1), which takes two jiffies
 */
#define EXPLORED 85

/* Of @n children; the first that fails or hangs decides. */
static void join(const pid_t *pids, const char *const *names, int n)
{
	char stack[512];
	bool bad = false;
	int status;

	for (int i = 0; i < n; i++) {
		pid_t done = 0;

		for (double t = 0;
		     !done &&
		     patience(&t, hosts_clock ? 10 : LIMIT + EXPLORED);)
			done = waitpid(pids[i], &status, patient ? 0 : WNOHANG);
		if (!done) {
			where(pids[i], stack, sizeof(stack));
			fail("%s hangs: %s", names[i], stack);
		}
		if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
		    pids == all->pids && all->may_be_killed[i])
			continue;
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
		prctl(PR_SET_NAME, name);
		run();
		_exit(0);
	}
	join(&pid, &name, 1);
}

/* uml/kernel/explore.c, if somebody explores. */
static void explore(const char *parameter, const char *value)
{
	char path[100];
	int fd;

	if (hosts_clock)
		return;
	snprintf(path, sizeof(path), "/sys/module/explore/parameters/%s",
		 parameter);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && access("/sys/module/explore", F_OK))
		return;
	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail("%s=%s: %s", path, value, strerror(errno));
	close(fd);
}

static void run_tasks(void)
{
	pthread_barrierattr_t shared;
	pid_t *pids = all->pids;
	const char *names[4];
	int n = 0;
	char c;

	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	while (n < 4 && program.tasks[n].run)
		n++;
	pthread_barrier_init(&all->opened, &shared, n);
	memset(all->may_be_killed, 0, sizeof(all->may_be_killed));
	must(pipe2(go, O_CLOEXEC));
	must(pipe2(here, O_CLOEXEC));
	for (int i = 0; i < n; i++) {
		names[i] = program.tasks[i].name;
		pid_t pid = fork();

		if (pid)
			pids[i] = pid;
		if (!pid) {
			this_task = i;
			prctl(PR_SET_NAME, names[i]);
			explore("me", (char[]){ '1' + i, 0 });
			program.tasks[i].run();
			_exit(0);
		}
	}
	for (int i = 0; i < n; i++)
		must(read(here[0], &c, 1));
	explore("go", "1");
	close(go[1]);
	join(pids, names, n);
	explore("go", "0");
	close(go[0]);
	close(here[0]);
	close(here[1]);
}

/* What holds at rest, whatever was done. */
static void at_rest(void)
{
	long dirty = 0, writeback = 0;

	if (server_gate &&
	    gate(server_gate, "count overlaps writepage") == GATE_OK &&
	    gate_number(server_gate))
		fail("a WRITE came while a WRITE of the same cached page was in flight");
	/* of several CPUs each keeps some to itself for a while */
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		return;
	for (double t = 0; patience(&t, 10);) {
		dirty = bdi_stat("BdiReclaimable");
		writeback = bdi_stat("BdiWriteback");
		if (dirty <= 0 && writeback <= 0)
			return;
	}
	fail("at rest, some pages count as %s",
	     dirty > 0 ? "dirty" : "under writeback");
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

static struct sandbox *sandbox;

static bool mount_it(void)
{
	const char *error;

	sandbox = sandbox_start(program.options ?: "", 0, &error);
	if (!sandbox)
		fprintf(stderr, "%s\n", error);
	return sandbox;
}

static void unmount_it(void)
{
	char *wrong;

	if (bound)
		must(umount(MOUNT));
	bound = false;
	wrong = sandbox_end(sandbox);
	if (wrong)
		fail("%s", without_numbers(wrong));
	sandbox = NULL;
}

static int is_of_this_order(const struct dirent *entry)
{
	const char *name = entry->d_name;

	return isalpha(*name) &&
	       atoi(name + strcspn(name, "0123456789")) == this_order;
}

static unsigned int mix(unsigned int hash, const char *data, size_t size)
{
	while (size--)
		hash = (hash ^ (unsigned char)*data++) * 16777619;
	return hash;
}

/* How the server's files end, as a number: on another kernel it may be another one */
static void say_state(void)
{
	unsigned int hash = 2166136261;
	struct dirent **list;
	int n = scandir(SERVER, &list, is_of_this_order, alphasort);

	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		char path[300], data[PAGE];
		ssize_t got;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", SERVER, name);
		fd = must(open(path, O_RDONLY | O_CLOEXEC));
		hash = mix(hash, name, strcspn(name, "0123456789"));
		while ((got = must(read(fd, data, sizeof(data)))) > 0)
			hash = mix(hash, data, got);
		close(fd);
	}
	printf("state %08x\n", hash);
}

static void one_order(void)
{
	if (!sandbox && !mount_it())
		fail("the next order cannot begin");
	if (on_tmpfs && !bound) {
		must(mount(SERVER, MOUNT, NULL, MS_BIND, NULL));
		bound = true;
	}
	if (*rule && (gate(server_gate, "remove all") != GATE_OK ||
		      gate(server_gate, "%s", rule) != GATE_OK))
		fail("the gate: %s", gate_text(server_gate));
	alone("setup", program.setup);
	run_tasks();
	if (program.unmounts) {
		unmount_it();
		return;
	}
	alone("sync", sync);
	alone("check", program.check);
	at_rest();
	say_state();
}

/*
 * A plan is orders to run, one after the other: "order SEED", with words for the kernel
 * (rate=...), and below it lines TASK:N:J of waits; before it, "rule RULE" for the gate, and
 * "tmpfs" for orders of one instead of FUSE. What follows # is for people.
 */
static void run_plan(const char *name)
{
	char *line = NULL, *word, *rest, *value;
	FILE *f = fopen(name, "re");
	size_t size = 0;
	bool begun = false;

	if (!f)
		fail("%s: %s", name, strerror(errno));
	do {
		bool end = getline(&line, &size, f) < 0;

		if (!end)
			line[strcspn(line, "\n")] = 0;
		if (!end && !strncmp(line, "rule ", 5)) {
			snprintf(rule, sizeof(rule), "%s", line + 5);
			continue;
		}
		if (!end && !strcmp(line, "tmpfs")) {
			on_tmpfs = true;
			continue;
		}
		if (!end && strncmp(line, "order ", 6)) {
			line[strcspn(line, " #")] = 0;
			if (begun && *line)
				explore("waits", line);
			continue;
		}
		if (begun)
			one_order();
		begun = !end;
		if (!begun)
			continue;
		word = strtok_r(line + 6, " ", &rest);
		program_seed = atoi(word ?: "1");
		this_order++;
		printf("order %u\n", program_seed);
		explore("new", "1");
		while ((word = strtok_r(NULL, " ", &rest))) {
			value = strchr(word, '=');
			if (!strcmp(word, "patient"))
				patient = true;
			else if (!strcmp(word, "hosts-clock"))
				hosts_clock = true;
			else if (!strncmp(word, "usleep=", 7))
				usleep_max = atoi(word + 7);
			else if (value)
				*value = 0, explore(word, value + 1);
			else
				fail("%s: what is %s?", name, word);
		}
	} while (begun || !feof(f));
	fclose(f);
	free(line);
}

int main(int argc, char **argv)
{
	const char *plan = argc > 1 ? argv[1] : "1";

	all = mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!mount_it())
		return 125;
	if (*plan == '/') {
		run_plan(plan);
	} else {
		program_seed = atoi(plan);
		one_order();
	}
	if (sandbox)
		unmount_it();
	return 0;
}

/* ---- what tasks do ---- */

static const char *below(const char *folder, const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s%d", folder, name, this_order);
	return path;
}

void make_file(const char *name, size_t size, int byte)
{
	if (server_file(strrchr(below(SERVER, name), '/') + 1, size, byte))
		fail("%s: %s", name, strerror(errno));
}

const char *server_path(const char *name)
{
	return below(SERVER, name);
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

	maybe_sleep();
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

void expect_content(const char *name, const char *data, off_t size)
{
	struct content c = both(name);

	if (c.size != size)
		fail("%s: another size", name);
	for (off_t i = 0; i < size; i++)
		if (c.data[i] != data[i])
			fail("%s, page %ld: %#x, not %#x", name, (long)i / PAGE,
			     c.data[i], data[i]);
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
