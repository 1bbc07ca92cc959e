// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state of files, one line each: inode, size, times, path.
 *
 *   inputs PATH...              of the files at and below PATHs, without .git
 *   inputs --is LIST PATH...    status 0: that is what the file LIST holds
 *   inputs --changed OLD NEW    what differs in two such lists: A, D or M (added, deleted,
 *                               modified), a space, the path
 *   inputs --names              what such paths (stdin) are called in a compiler's list of
 *                               headers, for grep -Fw
 *
 * make asks what is newer. This asks what is different, and so it also sees a file that
 * went, one that came with an old time (mv, cp -p, tar), and an edit after the clock was
 * set back. A write after the list was made, in the same tick of the clock, is the
 * caller's: to wait a tick before reading the files is enough.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* tests/host/build_stale.sh takes this away */
#ifndef CHANGED
#define CHANGED st_ctim
#endif

static struct timespec now;

static void say(FILE *out, const struct stat *st, const char *path)
{
	struct timespec changed = st->CHANGED;

	/*
	 * Where times are whole seconds, a second edit may leave none: a file of this second
	 * never has the same line twice.
	 */
	if (!st->st_mtim.tv_nsec && st->st_mtim.tv_sec >= now.tv_sec - 2)
		changed = now;
	fprintf(out, "%lu %ld %ld.%09ld0 %ld.%09ld0 %s\n", st->st_ino,
		st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec,
		changed.tv_sec, changed.tv_nsec, path);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* path has room for more behind end */
static void walk(FILE *out, int at, const char *name, char *path, char *end)
{
	char **names = NULL;
	size_t n = 0, room = 0;
	struct dirent *e;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	/* gone since its folder was read, or never there */
	if (!dir && errno == ENOENT)
		return;
	if (!dir)
		err(2, "%s", path);
	while ((e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") ||
		    !strcmp(e->d_name, ".git"))
			continue;
		if (n == room)
			names = reallocarray(names, room = room * 2 + 64,
					     sizeof(*names));
		if (!names || !(names[n++] = strdup(e->d_name)))
			err(2, "inputs");
	}
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 0; i < n; i++) {
		struct stat st;
		char *stop;

		if (end + 1 + strlen(names[i]) >= path + PATH_MAX)
			errx(2, "%s: too deep", path);
		*end = '/';
		stop = stpcpy(end + 1, names[i]);
		if (fstatat(fd, names[i], &st, AT_SYMLINK_NOFOLLOW)) {
			if (errno != ENOENT)
				err(2, "%s", path);
		} else if (S_ISDIR(st.st_mode)) {
			walk(out, fd, names[i], path, stop);
		} else {
			say(out, &st, path);
		}
		free(names[i]);
	}
	*end = '\0';
	free(names);
	closedir(dir);
}

/* A thread for each of two CPUs: nearly all of it is the kernel's time, a call for each file */
static struct {
	char **paths, **text;
	size_t *size;
	atomic_int next;
	int count;
} work;

static void *worker(void *unused)
{
	int i;

	(void)unused;
	while ((i = atomic_fetch_add(&work.next, 1)) < work.count) {
		char path[PATH_MAX] = "", *end = path;
		FILE *out = open_memstream(&work.text[i], &work.size[i]);
		struct stat st;

		if (!out)
			err(2, "inputs");
		if (strlen(work.paths[i]) < sizeof(path))
			end = stpcpy(path, work.paths[i]);
		if (stat(path, &st)) {
			if (errno != ENOENT)
				err(2, "%s", path);
		} else if (S_ISDIR(st.st_mode)) {
			walk(out, AT_FDCWD, path, path, end);
		} else {
			say(out, &st, path);
		}
		if (fclose(out))
			err(2, "inputs");
	}
	return NULL;
}

static void list(char **paths, FILE *out)
{
	pthread_t other;
	int alone;

	work.paths = paths;
	while (paths[work.count])
		work.count++;
	work.text = calloc(work.count, sizeof(*work.text));
	work.size = calloc(work.count, sizeof(*work.size));
	if (!work.text || !work.size)
		err(2, "inputs");
	clock_gettime(CLOCK_REALTIME, &now);
	alone = pthread_create(&other, NULL, worker, NULL);
	worker(NULL);
	if (!alone)
		pthread_join(other, NULL);
	for (int i = 0; i < work.count; i++)
		fwrite(work.text[i], 1, work.size[i], out);
}

static char *read_file(const char *name, size_t *size)
{
	FILE *in = fopen(name, "r"), *copy;
	char *text, part[1 << 16];
	size_t n;

	if (!in)
		return NULL;
	copy = open_memstream(&text, size);
	while ((n = fread(part, 1, sizeof(part), in)))
		fwrite(part, 1, n, copy);
	fclose(in);
	if (fclose(copy))
		err(2, "inputs");
	return text;
}

struct line {
	const char *path, *state;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct line *)a)->path,
		      ((const struct line *)b)->path);
}

static struct line *lines_of(const char *name, size_t *count)
{
	struct line *lines = NULL;
	size_t size, n = 0, room = 0;
	char *text = read_file(name, &size), *line, *path;

	if (!text)
		err(2, "%s", name);
	while ((line = strsep(&text, "\n"))) {
		path = line;
		for (int i = 0; i < 4 && path; i++)
			if ((path = strchr(path, ' ')))
				path++;
		if (!path)
			continue;
		path[-1] = '\0';
		if (n == room)
			lines = reallocarray(lines, room = room * 2 + 1024,
					     sizeof(*lines));
		if (!lines)
			err(2, "inputs");
		lines[n++] = (struct line){ path, line };
	}
	qsort(lines, n, sizeof(*lines), by_path);
	*count = n;
	return lines;
}

static void changed(const char *old_name, const char *new_name)
{
	size_t olds, news, o = 0, n = 0;
	struct line *old = lines_of(old_name, &olds),
		    *new = lines_of(new_name, &news);

	while (o < olds || n < news) {
		int order = o == olds ? 1 :
			    n == news ? -1 :
					by_path(old + o, new + n);

		if (order < 0) {
			printf("D %s\n", old[o++].path);
		} else if (order > 0) {
			printf("A %s\n", new[n++].path);
		} else {
			if (strcmp(old[o].state, new[n].state))
				printf("M %s\n", new[n].path);
			o++, n++;
		}
	}
}

static int is(const char *name, char **paths)
{
	size_t size, now_size;
	char *then = read_file(name, &size), *now;
	FILE *out;

	if (!then)
		return 1;
	out = open_memstream(&now, &now_size);
	list(paths, out);
	if (fclose(out))
		err(2, "inputs");
	return now_size != size || memcmp(now, then, size);
}

/* "fs/fuse/inode.c" is "fuse/inode.c" there, or "./inode.c" */
static void names(void)
{
	char *line = NULL, *file, *folder;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		file = strrchr(line, '/');
		folder = file ? memrchr(line, '/', file - line) : NULL;
		if (folder)
			printf("%s\n.%s\n", folder + 1, file);
		else
			puts(line);
	}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "--changed"))
		changed(argv[2], argv[3]);
	else if (argc >= 4 && !strcmp(argv[1], "--is"))
		return is(argv[2], argv + 3);
	else if (argc == 2 && !strcmp(argv[1], "--names"))
		names();
	else if (argc >= 2 && argv[1][0] != '-')
		list(argv + 1, stdout);
	else
		errx(2,
		     "PATH..., --is LIST PATH..., --changed OLD NEW or --names: see uml/inputs.c");
	return fflush(stdout) || ferror(stdout) ? 2 : 0;
}
