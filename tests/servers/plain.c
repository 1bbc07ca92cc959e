// SPDX-License-Identifier: GPL-2.0-only
/*
 * plain-server: our file system as anybody's libfuse program, which knows nothing of
 * gates. It mounts and reads as libfuse does. What a FUSE server of a user's is to
 * uml/run --server, without a package to install.
 *
 *	plain-server SOURCE MOUNTPOINT [libfuse's options: -f -s -o clone_fd -o splice...]
 *
 * With "garbage" for SOURCE it answers so; with "protocol" as FUSE 6. With "self:" before
 * it the program mounts by itself, not by libfuse.
 */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Not libfuse: what it would never do */
static int answer_wrongly(struct fuse_session *session, bool garbage)
{
	static char buf[1 << 21];
	int fd = fuse_session_fd(session);
	const struct fuse_in_header *in = (const void *)buf;
	struct {
		struct fuse_out_header header;
		struct fuse_init_out init;
	} out = { .header.len = sizeof(out), .init.major = 6 };

	while (read(fd, buf, sizeof(buf)) > 0) {
		out.header.unique = in->unique;
		if (write(fd, garbage ? (void *)"what?" : &out,
			  garbage ? 5 : sizeof(out)) < 0)
			perror("plain-server: write");
	}
	return 1;
}

/* To be handed to libfuse as its mount point; or NULL */
static char *mount_self(const char *mountpoint)
{
	int fd = open("/dev/fuse", O_RDWR);
	static char data[100], name[32];

	snprintf(data, sizeof(data),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other", fd);
	if (fd < 0 || mount("self", mountpoint, "fuse", 0, data)) {
		perror(mountpoint);
		return NULL;
	}
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	return name;
}

int main(int argc, char **argv)
{
	struct fuse_args args = FUSE_ARGS_INIT(argc - 1, argv + 1);
	struct fuse_loop_config *config;
	struct fuse_cmdline_opts opts;
	struct fuse_session *session;
	int err = 1;

	if (argc < 3) {
		fputs("usage: plain-server SOURCE MOUNTPOINT [OPTION]...\n",
		      stderr);
		return 2;
	}
	server.source = argv[1];
	argv[1] = argv[0];
	if (fuse_parse_cmdline(&args, &opts) || !opts.mountpoint)
		return 2;
	if (!strncmp(server.source, "self:", 5)) {
		server.source += 5;
		opts.mountpoint = mount_self(opts.mountpoint);
		if (!opts.mountpoint)
			return 1;
	}
	session = fuse_session_new(&args, &fs_ops, sizeof(fs_ops), NULL);
	if (!session)
		return 1;
	if (fuse_set_signal_handlers(session) ||
	    fuse_session_mount(session, opts.mountpoint))
		return 1;
	fuse_daemonize(opts.foreground);
	if (!strcmp(server.source, "garbage") ||
	    !strcmp(server.source, "protocol"))
		return answer_wrongly(session, *server.source == 'g');
	if (nodes_init()) {
		perror(server.source);
	} else if (opts.singlethread) {
		err = fuse_session_loop(session);
	} else {
		config = fuse_loop_cfg_create();
		fuse_loop_cfg_set_clone_fd(config, opts.clone_fd);
		err = fuse_session_loop_mt(session, config);
		fuse_loop_cfg_destroy(config);
	}
	fuse_session_unmount(session);
	fuse_remove_signal_handlers(session);
	fuse_session_destroy(session);
	return err != 0;
}
