// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where a guest lives: its folder, and one for its memory
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "supervise.h"

static bool has_room(const char *folder, unsigned long long kib)
{
	struct statvfs fs;

	return !access(folder, W_OK) && !statvfs(folder, &fs) &&
	       !(fs.f_flag & (ST_NOEXEC | ST_RDONLY)) &&
	       fs.f_bavail * (fs.f_frsize >> 9) / 2 > kib;
}

static char *joined(const char *folder, const char *prefix, const char *name)
{
	char *text;

	if (asprintf(&text, "%s/%s%s", folder, prefix, name) < 0)
		text = NULL;
	return checked(text);
}

/* The names of what will be made: whoever is left can remove it. Makes nothing. */
struct place choose_place(const struct options *o)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	const char *tmp = getenv("TMPDIR") ?: "/tmp",
		   *memory[] = { "/dev/shm", tmp, "." };
	struct place place = { 0 };
	char name[32];
	size_t n;

	n = snprintf(name, sizeof(name), "%d-", getpid());
	if (getrandom(name + n, 6, 0) != 6)
		cannot("no random name: %s", strerror(errno));
	for (size_t i = n; i < n + 6; i++)
		name[i] = letters[name[i] & 31];
	name[n + 6] = '\0';

	for (size_t i = 0; !place.memory_below && i < 3; i++)
		if (has_room(memory[i], o->memory))
			place.memory_below = checked(realpath(memory[i], NULL));
	if (!place.memory_below)
		cannot("no folder with %llu MB free for the guest's memory, not mounted noexec: /dev/shm, /tmp",
		       o->memory >> 10);
	place.memory = joined(place.memory_below, "fuse-uml-", name);
	place.build = o->build;
	place.runs = path(o->build, "run");
	if (access(access(place.runs, F_OK) ? o->build : place.runs, W_OK)) {
		/* somebody else's build */
		place.runs = checked(realpath(tmp, NULL));
		place.folder = joined(place.runs, "fuse-uml-run-", name);
	} else {
		place.folder = path(place.runs, name);
	}
	return place;
}

static int remove_one(const char *name, const struct stat *st, int type,
		      struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(name);
	return 0;
}

void remove_tree(const char *folder)
{
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void remove_place(const struct place *p)
{
	remove_tree(p->memory);
	remove_tree(p->folder);
}

static pid_t read_pid(const char *folder)
{
	char *name = path(folder, "pid");
	FILE *f = fopen(name, "re");
	int pid = 0;

	if (f && fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	free(name);
	return pid;
}

/* Whether the process works in that folder: pids are used again */
static bool works_in(pid_t pid, const char *folder)
{
	char name[32], cwd[4096];
	ssize_t n;

	snprintf(name, sizeof(name), "/proc/%d/cwd", pid);
	n = readlink(name, cwd, sizeof(cwd) - 1);
	if (n < 0)
		return false;
	cwd[n] = '\0';
	return !strcmp(cwd, folder);
}

/* Folders whose launcher and keeper were both killed: nobody holds their lock. */
static void sweep(const char *runs)
{
	DIR *dir = opendir(runs);
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		char *folder, *link, memory[4096];
		ssize_t n;
		int fd;

		if (!isdigit(d->d_name[0]))
			continue;
		folder = path(runs, d->d_name);
		fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB)) {
			pid_t pid = read_pid(folder);

			if (pid > 0 && works_in(pid, folder))
				kill(-pid, SIGKILL);
			link = path(folder, "memory");
			n = readlink(link, memory, sizeof(memory) - 1);
			memory[n < 0 ? 0 : n] = '\0';
			if (strstr(memory, "/fuse-uml-")) /* else it has gone */
				remove_tree(memory);
			remove_tree(folder);
			free(link);
		}
		if (fd >= 0)
			close(fd);
		free(folder);
	}
	if (dir)
		closedir(dir);
}

void make_file(const struct place *p, const char *name, const char *text)
{
	char *file = path(p->folder, name);
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		cannot("%s: %s", file, strerror(errno));
	close(fd);
	free(file);
}

/*
 * A folder of its own, as working directory, makes the names in it the same in each run:
 * umid and sockets are unique by their folder. The lock on it tells that it is in use;
 * the lock on the folder above, that none is being made.
 */
void make_place(const struct place *p)
{
	int above, fd;

	mkdir(p->build, 0777);
	mkdir(p->runs, 0777);
	above = open(p->runs, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0)
		cannot("no folder can be made for the run: %s: %s", p->runs,
		       strerror(errno));
	if (!flock(above, LOCK_EX | LOCK_NB))
		sweep(p->runs);
	flock(above, LOCK_SH);
	if (mkdir(p->folder, 0755))
		cannot("no folder can be made for the run: %s: %s", p->folder,
		       strerror(errno));
	fd = open(p->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX))
		cannot("%s: %s", p->folder, strerror(errno));
	close(above);
}
