// SPDX-License-Identifier: GPL-2.0-only
/*
 * G2: clients of the server, and the server itself, come and go while requests are
 * held. Nothing hangs, nothing is left.
 */
#include "scenario.h"

#include <sys/mount.h>

SCENARIO(two_at_once)
{
	struct gate *other = gate_connect(NULL);
	int fd = OPEN(u, "f", O_RDWR | O_CREAT),
	    fd2 = OPEN(v, "g", O_RDWR | O_CREAT);

	ASSERT_NE(NULL, other);
	EXPECT_EQ(GATE_OK, gate(other, "hold write file=f"));
	GATE("hold write file=g");
	begin(u, WRITE, fd, 0, 1, 'a');
	begin(v, WRITE, fd2, 0, 1, 'b');
	EXPECT_EQ(GATE_OK, gate(other, "wait write 2"));
	GATE("wait write 2");
	EXPECT_EQ(GATE_TIMED_OUT, gate(other, "wait write 3 timeout=5"));
	EXPECT_EQ(GATE_OK, gate(other, "release file=f"));
	EXPECT_EQ(1, gate_number(other));
	EXPECT_RESULT(1, u);
	EXPECT_TRUE(busy(v));
	gate_close(other);

	GATE("release");
	EXPECT_RESULT(1, v);
}

SCENARIO(the_one_who_held_dies)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT),
	    fd2 = OPEN(v, "g", O_RDWR | O_CREAT);
	pid_t pid = fork();
	struct gate *g;

	if (!pid) {
		g = gate_connect(NULL);
		gate(g, "hold write");
		gate(g, "wait write 7"); /* dies in this */
		_exit(0);
	}
	EXPECT_SOON(GATE_OK, strlen((gate(server_gate, "rules"),
				     gate_output(server_gate))) == 0);
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait write");
	kill(pid, SIGKILL);
	ASSERT_EQ(pid, waitpid(pid, NULL, 0));

	/* its rule stays, and anybody can release */
	begin(v, WRITE, fd2, 0, 1, 'b');
	GATE("wait write 2");
	GATE("held");
	EXPECT_EQ(2, gate_number(server_gate));
	GATE("release");
	EXPECT_RESULT(1, u);
	EXPECT_RESULT(1, v);
}

SCENARIO(server_killed_with_requests_held)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), fd2 = OPEN(v, "f", O_RDWR);

	GATE("hold write,getattr");
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait write");
	begin(v, FSYNC, fd2);
	settle(1);
	begin(w, SYNC);
	server_kill();
	EXPECT_RESULT(-ECONNABORTED, u);
	EXPECT_TRUE(server_gone());
	finish(v);
	EXPECT_RESULT(0, w);
	EXPECT_EQ(GATE_DEAD, gate(server_gate, "wait write"));
	EXPECT_EQ(-ENOTCONN, open_file(u, "f", O_RDONLY));
}

SCENARIO(unmounted_with_requests_held)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("hold release,forget,batch_forget");
	DO(u, CLOSE, fd);
	GATE("wait release");
	/* RELEASE is nobody's to wait for: the mount is not in use */
	EXPECT_EQ(0, umount2(MOUNT, 0));
	EXPECT_TRUE(server_gone());
	EXPECT_EQ(GATE_DEAD, gate(server_gate, "held"));
	EXPECT_NE(0, access(GATE_SOCKET, F_OK));
}

SCENARIO(quit)
{
	GATE("quit");
	EXPECT_TRUE(server_gone());
	EXPECT_EQ(GATE_DEAD, gate(server_gate, "ping"));
}

TEST_HARNESS_MAIN
