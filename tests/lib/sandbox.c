// SPDX-License-Identifier: GPL-2.0-only
/* The server, the mount, and looks at the kernel: see sandbox.h. */
#define _GNU_SOURCE
#include "sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_USERS 8

struct sandbox {
	int users;
	struct user *user[MAX_USERS];
	long dirty, writeback, temp; /* of the guest, before */
};

struct gate *server_gate;
static pid_t pid_of_server;
static char device[32]; /* the mount's "major:minor" */

void settle(double seconds)
{
	struct timespec ts = {
		.tv_sec = seconds,
		.tv_nsec = (seconds - (time_t)seconds) * 1e9,
	};

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

bool patience(double *waited, double limit)
{
	double step = *waited < 0.01 ? 0.001 : *waited / 10;

	if (*waited >= limit)
		return false;
	settle(step);
	*waited += step;
	return true;
}

int kernel(void)
{
	struct utsname uts;
	const char *p;

	uname(&uts);
	p = strstr(uts.release, "-before");
	if (p && (!p[7] || p[7] == '-'))
		return BEFORE;
	p = strstr(uts.release, "-patched");
	return p && (!p[8] || p[8] == '-') ? PATCHED : STOCK;
}

/* ---- small files of the kernel ---- */

long bdi_stat(const char *name)
{
	char path[80], text[2048];

	snprintf(path, sizeof(path), "/sys/kernel/debug/bdi/%s/stats", device);
	read_text(path, text, sizeof(text));
	return field(text, name);
}

long kept_by_cpus(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), pages = 0;

	if (cpus < 2)
		return 0;
	for (long n = cpus; n; n /= 2)
		pages += 8;
	return cpus * pages;
}

bool bdi_is(const char *name, long kb)
{
	long seen = bdi_stat(name);

	return seen >= 0 && labs(seen - kb) <= kept_by_cpus() * PAGE / 1024;
}

int bdi_set(const char *knob, const char *value)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/class/bdi/%s/%s", device, knob);
	return write_text(path, value);
}

long bdi_get(const char *knob)
{
	char path[80], text[64];

	snprintf(path, sizeof(path), "/sys/class/bdi/%s/%s", device, knob);
	return read_text(path, text, sizeof(text)) > 0 ?
		       strtol(text, NULL, 10) :
		       -1;
}

int bdi_unlimit(void)
{
	int err = bdi_set("max_ratio", "100");

	if (!err)
		err = bdi_set("strict_limit", "0");
	return err == ENOENT ? bdi_set("min_ratio", "99") : err;
}

static const char *connection(const char *file)
{
	static char path[80];

	snprintf(path, sizeof(path), "/sys/fs/fuse/connections/%s/%s",
		 strchr(device, ':') + 1, file);
	return path;
}

long waiting(void)
{
	char text[64];

	return *device && read_text(connection("waiting"), text, sizeof(text)) >
				       0 ?
		       strtol(text, NULL, 10) :
		       -1;
}

int abort_connection(void)
{
	return *device ? write_text(connection("abort"), "1") : ENOENT;
}

int memory_group(pid_t pid)
{
	char text[16];
	int err;

	if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) &&
	    errno != EBUSY)
		return errno;
	err = write_text("/sys/fs/cgroup/cgroup.subtree_control", "+memory");
	if (err)
		return err;
	if (mkdir(MEMORY_GROUP, 0755) && errno != EEXIST)
		return errno;
	snprintf(text, sizeof(text), "%d", pid);
	return write_text(MEMORY_GROUP "/cgroup.procs", text);
}

long memory_stat(const char *name)
{
	char text[4096];

	read_text(MEMORY_GROUP "/memory.stat", text, sizeof(text));
	return field(text, name);
}

bool fault_injection(void)
{
	static const char *const knobs[][2] = {
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
	};
	char path[100];

	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s",
			 knobs[i][0]);
		if (write_text(path, knobs[i][1]))
			return false;
	}
	return true;
}

void console_quiet(bool quiet)
{
	klogctl(8, NULL, quiet ? 1 : 7); /* SYSLOG_ACTION_CONSOLE_LEVEL */
}

bool kernel_log_has(const char *text)
{
	size_t size = klogctl(10, NULL, 0); /* SYSLOG_ACTION_SIZE_BUFFER */
	char *log = calloc(1, size + 1);
	bool has;

	if (!log)
		abort();
	klogctl(3, log, size); /* SYSLOG_ACTION_READ_ALL */
	has = strstr(log, text);
	free(log);
	return has;
}

/* ---- where a task sleeps ---- */

/* One line: state, and the functions on the stack, innermost first. */
static void where(const char *task, char *buf, size_t size)
{
	char path[80], text[4096], *line, *save, *p, *end;
	char state = '?';
	size_t len;

	snprintf(path, sizeof(path), "%s/stat", task);
	read_text(path, text, sizeof(text));
	p = strrchr(text, ')');
	if (p && p[1])
		state = p[2];
	len = snprintf(buf, size, "%c", state);
	snprintf(path, sizeof(path), "%s/stack", task);
	read_text(path, text, sizeof(text));
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		p = strstr(line, "] ");
		p = p ? p + 2 : line;
		end = strchr(p, '+');
		if (end)
			*end = 0;
		if (len < size)
			len += snprintf(buf + len, size - len, " %s", p);
	}
}

/* @names: one, or several with | between them */
static bool is_one_of(const char *name, const char *names)
{
	size_t len = strlen(name);

	for (;; names++) {
		size_t n = strcspn(names, "|");

		if (n == len && !memcmp(name, names, len))
			return true;
		names += n;
		if (!*names)
			return false;
	}
}

static bool is_in(const char *task, const char *function, const char *states)
{
	char text[2048], *save, *p;

	where(task, text, sizeof(text));
	if (!strchr(states, text[0]))
		return false;
	for (p = strtok_r(text + 1, " ", &save); p;
	     p = strtok_r(NULL, " ", &save))
		if (is_one_of(p, function))
			return true;
	return false;
}

static const char *task_dir(pid_t pid)
{
	static char path[32];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return path;
}

bool blocked_in(pid_t pid, const char *function, const char *states)
{
	bool found = false;

	for (double t = 0; !found && patience(&t, LIMIT);)
		found = is_in(task_dir(pid), function, states);
	return found;
}

bool server_blocked_in(const char *function, const char *states)
{
	char path[300];
	struct dirent *d;
	bool found = false;
	DIR *dir;

	for (double t = 0; !found && patience(&t, LIMIT);) {
		snprintf(path, sizeof(path), "/proc/%d/task", pid_of_server);
		dir = opendir(path);
		while (dir && !found && (d = readdir(dir)) != NULL) {
			snprintf(path, sizeof(path), "/proc/%d/task/%s",
				 pid_of_server, d->d_name);
			found = d->d_name[0] != '.' &&
				is_in(path, function, states);
		}
		if (dir)
			closedir(dir);
	}
	return found;
}

const char *user_where(const struct user *user)
{
	static char text[2048];

	where(task_dir(user_pid(user)), text, sizeof(text));
	return text;
}

/* ---- the server ---- */

static bool find_mount(void)
{
	char text[8192], *line, *save, dev[32], path[256];

	read_text("/proc/self/mountinfo", text, sizeof(text));
	*device = 0;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%*d %*d %31s %*s %255s", dev, path) == 2 &&
		    !strcmp(path, MOUNT))
			strcpy(device, dev);
	return *device;
}

const char *server_start(const char *options)
{
	static char error[128];
	const char *theirs = getenv("FUSE_SERVER");
	char command[2048];
	int status;

	if (theirs && *options)
		return SERVER_TAKES_NO_OPTIONS;
	mkdir(SERVER, 0755);
	mkdir(MOUNT, 0755);
	/* returns when it is mounted */
	if (theirs)
		snprintf(command, sizeof(command),
			 "exec fuse-gate " MOUNT " \"$FUSE_SERVER\"");
	else
		snprintf(command, sizeof(command),
			 "exec fuse-server --source " SERVER " %s " MOUNT,
			 options);
	status = system(command);
	if (status) {
		snprintf(error, sizeof(error), "fuse-server %s: status %#x",
			 options, status);
		return error;
	}
	if (!find_mount())
		return "nothing is mounted at " MOUNT;
	server_gate = gate_connect(NULL);
	if (!server_gate || gate(server_gate, "ping"))
		return "the server does not answer at its control socket";
	pid_of_server = atoi(gate_text(server_gate) + strlen("pid "));
	return NULL;
}

pid_t server_pid(void)
{
	return pid_of_server;
}

void server_kill(void)
{
	kill(pid_of_server, SIGKILL);
}

bool server_gone(void)
{
	/* our own is ours to wait for: see sandbox_start() */
	for (double t = 0; getenv("FUSE_SERVER") ?
				   !kill(pid_of_server, 0) :
				   !waitpid(pid_of_server, NULL, WNOHANG);)
		if (!patience(&t, LIMIT))
			return false;
	return true;
}

static const char *server_path(const char *name)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s/%s", SERVER, name);
	return path;
}

int server_byte(const char *name, off_t offset)
{
	int fd = open(server_path(name), O_RDONLY | O_CLOEXEC);
	unsigned char c;
	ssize_t n = -1;

	if (fd >= 0) {
		n = pread(fd, &c, 1, offset);
		close(fd);
	}
	return n == 1 ? c : -1;
}

off_t server_size(const char *name)
{
	struct stat st;

	return stat(server_path(name), &st) ? -1 : st.st_size;
}

int server_file(const char *name, size_t size, int byte)
{
	FILE *f = fopen(server_path(name), "w");

	if (!f)
		return errno;
	while (size--)
		fputc(byte, f);
	return fclose(f) ? errno : 0;
}

/* ---- before and after ---- */

struct sandbox *sandbox_start(const char *options, int users,
			      const char **error)
{
	struct sandbox *sb = calloc(1, sizeof(*sb));

	setlinebuf(stdout);
	/* the server goes to the background: be its parent then, not init */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (system("rm -rf " SERVER "/*"))
		return NULL;
	sync();
	sb->dirty = vmstat("nr_dirty");
	sb->writeback = vmstat("nr_writeback");
	sb->temp = vmstat("nr_writeback_temp");
	for (sb->users = 0; sb->users < users; sb->users++)
		sb->user[sb->users] = user_new();
	*error = server_start(options);
	return *error ? NULL : sb;
}

struct user *sandbox_user(struct sandbox *sb, int i)
{
	return sb->user[i];
}

/* Run something that may hang in a child. True: it ended, well, in @limit seconds. */
static bool in_child(int (*fn)(void), double limit)
{
	pid_t pid = fork();
	int status = -1;

	if (!pid)
		_exit(fn());
	for (double t = 0; patience(&t, limit);)
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status == 0;
	kill(pid, SIGKILL);
	return false;
}

static int do_sync(void)
{
	sync();
	return 0;
}

static int do_umount(void)
{
	/* EINVAL: the scenario has done so */
	return umount2(MOUNT, 0) && errno != EINVAL;
}

static bool soon(bool (*fn)(const struct sandbox *sb), const struct sandbox *sb)
{
	for (double t = 0; !fn(sb);)
		if (!patience(&t, 10))
			return false;
	return true;
}

static bool bdi_at_rest(const struct sandbox *sb)
{
	long error = kept_by_cpus() * PAGE / 1024;

	(void)sb;
	/* no such line: the mount has gone, and its bdi with it */
	return bdi_stat("BdiWriteback") <= error &&
	       bdi_stat("BdiReclaimable") <= error;
}

static bool guest_at_rest(const struct sandbox *sb)
{
	return vmstat("nr_dirty") == sb->dirty &&
	       vmstat("nr_writeback") == sb->writeback &&
	       vmstat("nr_writeback_temp") == sb->temp;
}

/* Requests that nobody has freed. What a CPU keeps for later must be given back to be seen. */
static long requests(void)
{
	static const char cache[] = "/sys/kernel/slab/fuse_request/";
	char path[64], text[64];

	snprintf(path, sizeof(path), "%sshrink", cache);
	if (write_text(path, "1"))
		return -1;
	snprintf(path, sizeof(path), "%sobjects", cache);
	return read_text(path, text, sizeof(text)) > 0 ?
		       strtol(text, NULL, 10) :
		       -1;
}

static bool requests_freed(const struct sandbox *sb)
{
	(void)sb;
	return !requests();
}

static void add(char **list, const char *fmt, ...)
{
	char text[3072], *p;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (asprintf(&p, "%s%s%s", *list ? *list : "", *list ? "; " : "",
		     text) < 0)
		abort();
	free(*list);
	*list = p;
}

static bool users_end(struct sandbox *sb)
{
	bool all = true;

	for (int i = 0; i < sb->users; i++)
		user_kill(sb->user[i]);
	for (int i = 0; i < sb->users; i++)
		all = user_gone(sb->user[i]) && all;
	return all;
}

/* What the server got, for those who compare kernels (tests/judge). */
static void tell_requests(void)
{
	const char *line, *between = "# requests: ";
	char opcode[24];
	long seen, bytes;

	if (gate(server_gate, "stats") != GATE_OK)
		return;
	for (line = gate_output(server_gate); *line;
	     line = strchr(line, '\n') + 1) {
		if (sscanf(line, "%23s %ld %*d %*d %*d %ld", opcode, &seen,
			   &bytes) != 3)
			continue;
		printf("%s%s %ld", between, opcode, seen);
		if (bytes)
			printf(" (%ld bytes)", bytes);
		between = ", ";
	}
	if (*between == ',')
		putchar('\n');
	fflush(stdout);
}

char *sandbox_end(struct sandbox *sb)
{
	char *wrong = NULL;
	bool clean;

	if (!sb)
		return NULL;
	gate(server_gate, "remove all");
	gate(server_gate, "release");
	switch (gate(server_gate, "count overlaps writepage")) {
	case GATE_OK:
		if (gate_number(server_gate))
			add(&wrong,
			    "%ld WRITEs came while a WRITE of the same cached page was in flight",
			    gate_number(server_gate));
		break;
	case GATE_DEAD:
		break;
	default:
		add(&wrong, "WRITEs of one page in flight: %s",
		    gate_text(server_gate));
	}
	clean = users_end(sb) && in_child(do_sync, LIMIT);
	if (!clean) {
		/* dropped requests are never answered: this is the way out */
		abort_connection();
		clean = users_end(sb) && in_child(do_sync, LIMIT);
	}
	for (int i = 0; i < sb->users; i++)
		if (!user_gone(sb->user[i]))
			add(&wrong,
			    "user %d hangs for ever, abort does not free it: %s",
			    i, user_where(sb->user[i]));
	if (!clean && !wrong)
		add(&wrong, "sync(2) hangs for ever");
	if (!soon(bdi_at_rest, sb))
		add(&wrong, "bdi at rest: %ld kB under writeback, %ld kB dirty",
		    bdi_stat("BdiWriteback"), bdi_stat("BdiReclaimable"));
	tell_requests();
	gate_close(server_gate);
	server_gate = NULL;
	if (clean && !in_child(do_umount, LIMIT)) {
		add(&wrong, "it cannot be unmounted");
		clean = false;
	}
	if (!clean) {
		abort_connection();
		umount2(MOUNT, MNT_DETACH);
	}
	if (!server_gone()) {
		add(&wrong, "the server does not end");
		server_kill();
	}
	if (!soon(guest_at_rest, sb))
		add(&wrong,
		    "at rest: nr_dirty %ld (was %ld), nr_writeback %ld (%ld), "
		    "nr_writeback_temp %ld (%ld)",
		    vmstat("nr_dirty"), sb->dirty, vmstat("nr_writeback"),
		    sb->writeback, vmstat("nr_writeback_temp"), sb->temp);
	if (!soon(requests_freed, sb))
		add(&wrong, "at rest: %ld requests are not freed", requests());
	free(sb);
	return wrong;
}
