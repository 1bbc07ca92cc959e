// SPDX-License-Identifier: GPL-2.0-only
/*
 * fusermount3: the stand-in for libfuse's own, also called fusermount.
 *
 * FUSE servers that may not mount, and all those in Go and Rust, run fusermount3 and get
 * from it, over the socket _FUSE_COMMFD, the /dev/fuse of a new mount. This one asks the
 * gate, so that what the server gets is one end of a socket pair, with the gate at the
 * other. Where there is no gate it mounts itself, as the original does.
 */
#define _GNU_SOURCE
#include "gate/go.h"
#include "gate/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const char usage[] =
	"usage: fusermount3 [-o OPTION[,OPTION]...] MOUNTPOINT\n"
	"       fusermount3 -u [-z] [-q] MOUNTPOINT\n"
	"For FUSE servers: mounts, and hands out the device over the socket $_FUSE_COMMFD,\n"
	"or unmounts (-z: lazily). If there is a gate, it does that, and stands between.\n"
	"Status: 0; 1 it failed, or wrong usage.\n";

static bool quiet;

static void __attribute__((noreturn, format(printf, 1, 2)))
fail(const char *fmt, ...)
{
	va_list ap;

	if (!quiet) {
		fputs("fusermount3: ", stderr);
		va_start(ap, fmt);
		vfprintf(stderr, fmt, ap);
		va_end(ap);
		fputc('\n', stderr);
	}
	exit(1);
}

/* Is that mapped in the process of the server, who calls us? */
static bool in_maps(const char *name)
{
	char path[64], line[4200];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", getppid());
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, name);
	if (f)
		fclose(f);
	return found;
}

/* A program in Go reads past libc, also when it has libc. See go.h. */
static bool is_go(void)
{
	static const char mark[] = "\xff Go buildinf:";
	const size_t overlap = sizeof(mark) - 2;
	static char buf[1 << 16];
	char path[64];
	bool found = false;
	size_t have = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/exe", getppid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && !found &&
	       (n = read(fd, buf + have, sizeof(buf) - have)) > 0) {
		have += n;
		found = memmem(buf, have, mark, sizeof(mark) - 1);
		if (have > overlap) {
			memmove(buf, buf + have - overlap, overlap);
			have = overlap;
		}
	}
	if (fd >= 0)
		close(fd);
	return found;
}

/* False: that gate has another mount point. */
static bool ask_gate(const char *path, const struct mount_order *order,
		     int comm_fd)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char answer[5000];
	ssize_t n;

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (order->guess && fd >= 0 &&
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return false; /* left from one that was killed */
	}
	if (fd < 0 || (!order->guess &&
		       connect(fd, (struct sockaddr *)&addr, sizeof(addr))))
		fail("no gate at %s: %s", path, strerror(errno));
	if (send(fd, order, sizeof(*order), 0) != sizeof(*order) ||
	    (comm_fd >= 0 && send_fd(fd, comm_fd)))
		fail("asking the gate: %s", strerror(errno));
	n = recv(fd, answer, sizeof(answer) - 1, 0);
	if (n < 0)
		fail("the gate does not answer: %s", strerror(errno));
	answer[n] = 0;
	close(fd);
	if (!strcmp(answer, NOT_MINE))
		return false;
	if (n)
		fail("%s", answer);
	return true;
}

/* By its variable, or whichever has this mount point. False: there is none. */
static bool ask_some_gate(struct mount_order *order, int comm_fd)
{
	const char *path = getenv(MOUNT_SOCKET_VARIABLE);
	bool found = false;
	glob_t all;

	if (path)
		return ask_gate(path, order, comm_fd);
	order->guess = true;
	if (!glob(MOUNT_SOCKETS, 0, NULL, &all))
		for (size_t i = 0; i < all.gl_pathc && !found; i++)
			found = ask_gate(all.gl_pathv[i], order, comm_fd);
	return found;
}

static void mount_plainly(const struct mount_order *order, int comm_fd)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	const char *err;

	if (device < 0)
		fail("/dev/fuse: %s", strerror(errno));
	err = mount_fuse(device, order->mountpoint, order->options, getuid(),
			 getgid());
	if (err)
		fail("%s", err);
	if (send_fd(comm_fd, device)) {
		int e = errno;

		umount2(order->mountpoint, MNT_DETACH);
		fail("handing out the device: %s", strerror(e));
	}
}

/* The server keeps its end of the socket open for as long as it lives. */
static void unmount_after(int comm_fd, const char *mountpoint)
{
	char byte;

	if (fork())
		return;
	setsid();
	while (read(comm_fd, &byte, 1) > 0)
		;
	umount2(mountpoint, MNT_DETACH);
	_exit(0);
}

int main(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "unmount", no_argument, NULL, 'u' },
		{ "lazy", no_argument, NULL, 'z' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ "auto-unmount", no_argument, NULL, 'U' },
		{ "comm-fd", required_argument, NULL, 'c' },
		{}
	};
	const char *comm = getenv("_FUSE_COMMFD");
	struct mount_order order = { .what = 'm' };
	bool unmount = false, lazy = false;
	char *path;
	int c;

	while ((c = getopt_long(argc, argv, "uzqVho:c:", long_options, NULL)) !=
	       -1) {
		switch (c) {
		case 'u':
			unmount = true;
			break;
		case 'z':
			lazy = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'o':
			if (*order.options)
				strncat(order.options, ",",
					sizeof(order.options) -
						strlen(order.options) - 1);
			strncat(order.options, optarg,
				sizeof(order.options) - strlen(order.options) -
					1);
			break;
		case 'c':
			comm = optarg;
			break;
		case 'U':
			break;
		case 'V':
			puts("fusermount3 version: 3.14 (a stand-in)");
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 1;
		}
	}
	if (argc - optind != 1)
		fail("one mount point, please; see --help");
	if (strlen(argv[optind]) >= sizeof(order.mountpoint))
		fail("%.40s...: the name is too long", argv[optind]);
	strcpy(order.mountpoint, argv[optind]);
	if (unmount) {
		order.what = lazy ? 'z' : 'u';
		if (!ask_some_gate(&order, -1) &&
		    umount2(order.mountpoint, lazy ? MNT_DETACH : 0))
			fail("%s: %s", order.mountpoint, strerror(errno));
		return 0;
	}
	if (!comm)
		fail("no socket to hand the device out: this is for FUSE servers to call");
	path = realpath(argv[optind], NULL);
	if (!path)
		fail("mount point %s: %s", argv[optind], strerror(errno));
	strcpy(order.mountpoint, path);
	if (in_maps("/" GATE_LIBRARY) && (in_maps(GO_MARK) || !is_go()))
		order.what = 'M';
	if (ask_some_gate(&order, atoi(comm)))
		return 0;
	mount_plainly(&order, atoi(comm));
	if (strstr(order.options, "auto_unmount"))
		unmount_after(atoi(comm), path);
	return 0;
}
