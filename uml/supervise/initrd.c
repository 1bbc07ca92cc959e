// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's image: the root image as it is, and behind it an archive of this run's own
 * files. The kernel unpacks the one after the other (Documentation/driver-api/
 * early-userspace/buffer-format.rst), so nothing has to be packed anew.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervise.h"

struct archive {
	int fd;
	size_t size;
	unsigned int entries;
};

static int put(struct archive *a, const void *data, size_t size)
{
	while (size) {
		ssize_t n = write(a->fd, data, size);

		if (n < 0)
			return -1;
		data = (const char *)data + n;
		size -= n;
		a->size += n;
	}
	return 0;
}

static int align(struct archive *a, size_t to)
{
	static const char zeros[512];

	return put(a, zeros, -a->size & (to - 1));
}

static int copy(struct archive *a, int from, size_t size)
{
	while (size) {
		ssize_t n = copy_file_range(from, NULL, a->fd, NULL, size, 0);

		if (n < 0)
			n = sendfile(a->fd, from, NULL, size);
		if (n <= 0) {
			if (!n)
				errno = EIO;
			return -1;
		}
		size -= n;
		a->size += n;
	}
	return 0;
}

/* All files are root's and of 1970: equal runs have equal images. */
static int header(struct archive *a, const char *name, mode_t mode, size_t size)
{
	char text[130];

	if (size > 0xffffffff) {
		errno = EFBIG;
		return -1;
	}
	snprintf(text, sizeof(text),
		 "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
		 ++a->entries, mode, 0, 0, 1, 0, size, 0, 0, 0, 0,
		 strlen(name) + 1, 0);
	return put(a, text, 110) || put(a, name, strlen(name) + 1) ||
	       align(a, 4);
}

static int folder(struct archive *a, const char *name)
{
	return header(a, name, S_IFDIR | 0755, 0);
}

static int text(struct archive *a, const char *name, const void *data,
		size_t size)
{
	return header(a, name, S_IFREG | 0644, size) || put(a, data, size) ||
	       align(a, 4);
}

static int file(struct archive *a, const char *host)
{
	const char *slash = strrchr(host, '/');
	char *name = path("tests", slash ? slash + 1 : host);
	int fd = open(host, O_RDONLY | O_CLOEXEC), failed = -1;
	struct stat st;

	if (fd >= 0 && !fstat(fd, &st))
		failed = header(a, name, S_IFREG | (st.st_mode & 0777),
				st.st_size) ||
			 copy(a, fd, st.st_size) || align(a, 4);
	if (fd >= 0)
		close(fd);
	free(name);
	return failed;
}

static int job_file(struct archive *a, const char *job)
{
	size_t len = strcspn(job, "=");
	char *word = strndup(job, len), *name = word ? path("job", word) : NULL;
	int failed = !name ||
		     text(a, name, job + len + 1, strlen(job + len + 1));

	free(word);
	free(name);
	return failed;
}

static int command(struct archive *a, char **argv)
{
	size_t size = 0;

	for (char **arg = argv; *arg; arg++)
		size += strlen(*arg) + 1;
	if (header(a, "job/argv", S_IFREG | 0644, size))
		return -1;
	for (char **arg = argv; *arg; arg++)
		if (put(a, *arg, strlen(*arg) + 1))
			return -1;
	return align(a, 4);
}

/* 0, or -1 with errno */
int write_initrd(const struct options *o, const char *to, const char *input,
		 size_t input_size)
{
	struct archive a = {
		.fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
	};
	int image = open(o->initrd, O_RDONLY | O_CLOEXEC), failed;
	struct stat st;

	if (o->whole) {
		failed = a.fd < 0 || image < 0 || fstat(image, &st) ||
			 copy(&a, image, st.st_size) || close(a.fd);
		close(image);
		return failed ? -1 : 0;
	}
	failed = a.fd < 0 || image < 0 || fstat(image, &st) ||
		 copy(&a, image, st.st_size) || align(&a, 512) ||
		 folder(&a, "job") || command(&a, o->command) ||
		 (input && text(&a, "job/stdin", input, input_size));
	for (size_t i = 0; !failed && i < o->n_job; i++)
		failed = job_file(&a, o->job[i]);
	failed = failed || folder(&a, "tests");
	for (size_t i = 0; !failed && i < o->n_add; i++)
		failed = file(&a, o->add[i]);
	failed = failed || header(&a, "TRAILER!!!", 0, 0) || align(&a, 512) ||
		 close(a.fd);
	if (image >= 0)
		close(image);
	return failed ? -1 : 0;
}
