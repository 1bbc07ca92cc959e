// SPDX-License-Identifier: GPL-2.0-only
/*
 * Terminals: the user's own, and the pty that a guest's command gets
 *
 * The kernel has the pty's slave side, as its con1: a helper process of UML's makes it its
 * controlling terminal, and so learns of a new window size. The keeper has the master, and
 * passes on: to and from the user's terminal, or (--pty) another pty, whose slave `supervise
 * --attach` (make console) opens. Of that one's size the keeper learns in the same way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "supervise.h"

static struct termios saved;
static int saved_of = -1;

bool make_raw(int fd)
{
	struct termios mode;

	if (tcgetattr(fd, &mode))
		return false;
	if (saved_of < 0) {
		saved = mode;
		saved_of = fd;
	}
	cfmakeraw(&mode);
	return !tcsetattr(fd, TCSANOW, &mode);
}

void restore_terminal(void)
{
	if (saved_of >= 0)
		tcsetattr(saved_of, TCSADRAIN, &saved);
	saved_of = -1;
}

void copy_window_size(int from, int to)
{
	struct winsize size;

	if (!ioctl(from, TIOCGWINSZ, &size) && size.ws_row && size.ws_col)
		ioctl(to, TIOCSWINSZ, &size);
}

/* The master, *slave and its name; -1 with errno. Both sides are raw. */
int open_pty(int *slave, char name[32])
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios mode;

	if (master < 0 || grantpt(master) || unlockpt(master) ||
	    ptsname_r(master, name, 32))
		return -1;
	*slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*slave < 0 || tcgetattr(*slave, &mode))
		return -1;
	cfmakeraw(&mode);
	return tcsetattr(*slave, TCSANOW, &mode) ? -1 : master;
}

static bool put(int fd, const char *data, ssize_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0 && errno == EAGAIN) {
			struct pollfd room = { .fd = fd, .events = POLLOUT };

			poll(&room, 1, -1);
			continue;
		}
		if (n < 0)
			return false;
		data += n;
		size -= n;
	}
	return true;
}

/*
 * Until Ctrl-], or the guest's end. Without a terminal: stdin is typed, and the end is when
 * the guest has been silent for a second.
 */
int attach(const char *terminal)
{
	bool typing = isatty(0), window = typing && isatty(1);
	int pty = open(terminal, O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct pollfd fds[3];
	char data[4096];
	sigset_t winch;

	if (pty < 0 || !isatty(pty)) {
		fprintf(stderr, "uml/console: %s: %s\n", terminal,
			pty < 0 ? strerror(errno) : "is no terminal");
		return 1;
	}
	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, NULL);
	fds[0] = (struct pollfd){ .fd = 0, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = pty, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = signalfd(-1, &winch, SFD_CLOEXEC),
				  .events = POLLIN };
	if (typing) {
		fprintf(stderr, "guest's terminal %s; Ctrl-] leaves\n",
			terminal);
		make_raw(0);
		if (window)
			copy_window_size(1, pty);
		/* the shell has printed its prompt long ago */
		put(pty, "\r", 1);
	}
	while (poll(fds, 3, fds[0].fd < 0 ? 1000 : -1) > 0) {
		ssize_t n;

		if (fds[2].revents) {
			struct signalfd_siginfo info;

			if (read(fds[2].fd, &info, sizeof(info)) > 0 && window)
				copy_window_size(1, pty);
		}
		if (fds[1].revents) {
			n = read(pty, data, sizeof(data));
			if (n <= 0 || !put(1, data, n))
				break;
		}
		if (fds[0].revents) {
			n = read(0, data, sizeof(data));
			if (n <= 0 && typing)
				break;
			if (n <= 0)
				fds[0].fd = -1;
			else if (typing && memchr(data, 0x1d, n))
				break;
			else
				put(pty, data, n);
		}
	}
	restore_terminal();
	return 0;
}
