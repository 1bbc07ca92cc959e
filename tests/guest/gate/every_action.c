// SPDX-License-Identifier: GPL-2.0-only
/*
 * G3: each thing that gate can do to a request, seen from both sides: by the user of
 * the mount and in the server's file.
 */
#include "scenario.h"

#include <sys/stat.h>
#include <time.h>

static long link_to_d_h(char *map, const long arg[4])
{
	(void)map, (void)arg;
	return link(MOUNT "/f", MOUNT "/d/h") ? -errno : 0;
}

static long move_d_h_to_i(char *map, const long arg[4])
{
	(void)map, (void)arg;
	return rename(MOUNT "/d/h", MOUNT "/d/i") ? -errno : 0;
}

static long lock_file(char *map, const long arg[4])
{
	struct flock fl = { .l_type = F_WRLCK };

	(void)map;
	return fcntl(arg[0], F_SETLKW, &fl) ? -errno : 0;
}

static double clock_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

SCENARIO(hold_before_and_after)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("hold write");
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait write");
	EXPECT_EQ(0, server_size("f"));
	GATE("release");
	EXPECT_RESULT(1, u);

	GATE("hold write after");
	begin(u, WRITE, fd, 0, 1, 'b');
	GATE("wait write");
	EXPECT_EQ('b', server_byte("f", 0));
	settle(1);
	EXPECT_TRUE(busy(u));
	GATE("release write fail=ENOSPC");
	EXPECT_RESULT(-ENOSPC, u);
}

SCENARIO(only_what_matches)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT),
	    g = OPEN(u, "g", O_RDWR | O_CREAT);

	GATE("fail EIO write file=f off=10-19 nth=2");
	EXPECT_DO(1, u, WRITE, g, 10, 1, 'a');
	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	EXPECT_DO(1, u, WRITE, fd, 20, 1, 'a');
	EXPECT_DO(1, u, WRITE, fd, 19, 1, 'a');
	EXPECT_DO(-EIO, u, WRITE, fd, 5, 6, 'a');
	EXPECT_DO(1, u, WRITE, fd, 10, 1, 'a');

	GATE("remove all");
	GATE("fail EPERM create,unlink file=new times=1");
	EXPECT_LE(0, open_file(u, "old", O_RDWR | O_CREAT));
	EXPECT_EQ(-EPERM, open_file(u, "new", O_RDWR | O_CREAT));
	EXPECT_LE(0, open_file(u, "new", O_RDWR | O_CREAT));
}

SCENARIO(delay)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);
	double before;

	GATE("delay 7.5 write");
	before = clock_now();
	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	EXPECT_LE(7.5, clock_now() - before);
	EXPECT_GT(7.6, clock_now() - before);
}

SCENARIO(short_claim_garble_twice)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("short 3 write");
	EXPECT_DO(3, u, WRITE, fd, 0, 10, 'a');
	EXPECT_EQ(3, server_size("f"));
	GATE("remove all");

	GATE("claim 5 write");
	EXPECT_DO(5, u, WRITE, fd, 0, 10, 'b');
	EXPECT_EQ(10, server_size("f"));
	GATE("remove all");

	GATE("garble 3 write");
	EXPECT_DO(-EIO, u, WRITE, fd, 0, 10, 'c');
	GATE("remove all");

	GATE("twice write");
	EXPECT_DO(10, u, WRITE, fd, 0, 10, 'd');
	GATE("wait done write 4");
	GATE("log last=1");
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "ENOENT"));
}

SCENARIO(drop_until_killed)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("drop write");
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait seen write");
	settle(30);
	EXPECT_TRUE(busy(u));
	EXPECT_EQ(0, GATE_NUMBER("release"));
	user_kill(u);
	settle(5);
	/* sent, so even a fatal signal waits for the answer */
	EXPECT_EQ(0, abort_connection());
	EXPECT_TRUE(user_gone(u));
}

SCENARIO(interruptible)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("hold write interruptible");
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait write");
	user_kill(u);
	EXPECT_TRUE(user_gone(u));
	EXPECT_EQ(0, server_size("f"));
}

SCENARIO(die)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	GATE("die write after");
	EXPECT_DO(-ECONNABORTED, u, WRITE, fd, 0, 1, 'a');
	EXPECT_TRUE(server_gone());
	EXPECT_EQ('a', server_byte("f", 0));
}

SCENARIO(notifications)
{
	int fd;

	ASSERT_EQ(0, server_file("f", PAGE, 'a'));
	fd = OPEN(u, "f", O_RDWR);
	EXPECT_DO('a', u, READ, fd, 0);
	ASSERT_EQ(0, server_file("f", PAGE, 'b'));
	EXPECT_DO('a', u, READ, fd, 0);

	GATE("send inval_inode file=f");
	GATE("wait notified all");
	EXPECT_DO('b', u, READ, fd, 0);

	GATE("send store file=f off=0 size=100");
	GATE("wait notified all 2");
	EXPECT_DO('S', u, READ, fd, 99);
	EXPECT_DO('b', u, READ, fd, 100);

	GATE("send retrieve file=f off=0 size=100");
	GATE("wait seen notify_reply");

	GATE("reset");
	GATE("notify inval_entry getattr times=1");
	GATE("send delete file=f");
	GATE("wait notified all 1");
	GATE("log");
	EXPECT_EQ(NULL, strstr(gate_output(server_gate), "error=EINVAL"));
	EXPECT_LE(0, open_file(v, "f", O_RDONLY));
}

SCENARIO(reenter_and_allocate)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	ASSERT_EQ(0, server_file("other", PAGE, 'o'));
	GATE("reenter read other write times=1");
	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	EXPECT_EQ(1, GATE_NUMBER("count seen read file=other"));

	GATE("allocate 4 write");
	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	GATE("log");
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "allocate 4 MiB"));
	GATE("stats");
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "WRITE"));
}

/* A number of what is left in the log would pass for the number of all. */
SCENARIO(counting_past_a_full_log)
{
	int fd;

	if (getenv("FUSE_SERVER"))
		SKIP(return, SERVER_TAKES_NO_OPTIONS);
	GATE("quit");
	ASSERT_TRUE(server_gone());
	gate_close(server_gate);
	ASSERT_EQ(NULL, server_start("--log-entries 16"));
	fd = OPEN(u, "f", O_RDWR | O_CREAT);
	EXPECT_EQ(0, GATE_NUMBER("count seen write off=10-19"));
	for (int i = 0; i < 20; i++)
		DO(u, WRITE, fd, i, 1, 'a');
	/* opcodes always; the rest from when it was first asked for */
	EXPECT_EQ(20, GATE_NUMBER("count seen write"));
	EXPECT_EQ(20, GATE_NUMBER("count done write,writepage"));
	EXPECT_EQ(10, GATE_NUMBER("count seen write off=10-19"));
	EXPECT_EQ(0, GATE_NUMBER("count overlaps writepage"));
	GATE("wait seen write 20");
	EXPECT_EQ(GATE_REFUSED, gate(server_gate, "count seen write off=0-9"));
	EXPECT_NE(NULL, strstr(gate_text(server_gate), "entries are gone"));
	EXPECT_EQ(GATE_REFUSED, gate(server_gate, "wait seen write file=f 20"));
	GATE("stats");
	EXPECT_NE(NULL, strstr(gate_output(server_gate), " 20 "));

	GATE("reset");
	DO(u, WRITE, fd, 0, 1, 'a');
	EXPECT_EQ(1, GATE_NUMBER("count seen write off=0-9"));
	EXPECT_EQ(1, GATE_NUMBER("count seen write"));
}

/*
 * file= goes by what the kernel was told, not by what the server has: other names of the
 * same file count, names that went do not.
 */
SCENARIO(files_by_their_names)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT);

	ASSERT_EQ(0, mkdir(SERVER "/d", 0755));
	EXPECT_EQ(GATE_USAGE, gate(server_gate, "send inval_inode file=d/g"));
	EXPECT_LE(0, open_file(v, "d/g", O_RDWR | O_CREAT));
	GATE("send inval_inode file=d/g");
	GATE("fail EIO write file=/d/h");
	EXPECT_DO(1, u, WRITE, fd, 0, 1, 'a');
	EXPECT_EQ(0, GATE_NUMBER("count seen write file=d/h"));
	EXPECT_DO(0, u, CALL, (long)link_to_d_h);
	EXPECT_DO(-EIO, u, WRITE, fd, 0, 1, 'a');
	GATE("remove all");
	GATE("hold write file=d/i");
	EXPECT_DO(0, u, CALL, (long)move_d_h_to_i);
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait write file=d/i");
	GATE("held");
	EXPECT_NE(NULL, strstr(gate_output(server_gate), " file=d/i "));
	/* the one that had this name when it came */
	EXPECT_EQ(1, GATE_NUMBER("count seen write file=d/h"));
	GATE("release");
	EXPECT_RESULT(1, u);
}

/* Requests that no rule keeps: one in a thread of the gate, one that the server puts off. */
SCENARIO(held_says_where_each_request_is)
{
	int fd = OPEN(u, "f", O_RDWR | O_CREAT), fd2 = OPEN(v, "f", O_RDWR),
	    fd3 = OPEN(w, "f", O_RDWR);

	ASSERT_EQ(0, server_file("other", PAGE, 'o'));
	EXPECT_DO(0, v, CALL, (long)lock_file, fd2);
	begin(w, CALL, (long)lock_file, fd3);
	GATE("wait seen setlkw 2");
	GATE("hold read");
	GATE("reenter read other write times=1");
	begin(u, WRITE, fd, 0, 1, 'a');
	GATE("wait read");
	GATE("held");
	EXPECT_EQ(1, gate_number(server_gate));
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "gate    WRITE"));
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "held    READ"));
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "server  SETLKW"));
	EXPECT_NE(NULL, strstr(gate_output(server_gate), "in no thread"));
	GATE("release");
	EXPECT_RESULT(1, u);
	DO(v, CLOSE, fd2);
	EXPECT_RESULT(0, w);
}

TEST_HARNESS_MAIN
