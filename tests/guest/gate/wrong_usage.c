// SPDX-License-Identifier: GPL-2.0-only
/*
 * G1: what gate is told wrongly it says so, with the word in question, and nothing
 * comes of it: no rule, no hang, and the next command works.
 */
#include "scenario.h"

SCENARIO(malformed_commands)
{
	static const struct {
		const char *command;
		const char *names; /* a word that the message must contain */
	} wrong[] = {
		{ "", "empty" },
		{ "hold", "opcode" },
		{ "hold file=a", "opcode" },
		{ "hold wirte", "'wirte'" },
		{ "hold write,raed", "'raed'" },
		{ "hold write off=", "''" },
		{ "hold write off=9-3", "off=9-3" },
		{ "hold write off=x", "'x'" },
		{ "hold write nth=0", "nth=" },
		{ "hold write nth=-1", "'-1'" },
		{ "hold write colour=red", "'colour=red'" },
		{ "delay write", "'write'" },
		{ "delay -1 write", "'-1'" },
		{ "fail", "argument" },
		{ "fail EFOO write", "'EFOO'" },
		{ "fail 512 write", "'512'" },
		{ "short many write", "'many'" },
		{ "notify inval read", "'inval'" },
		{ "reenter dance f read", "'dance'" },
		{ "reenter stat", "path" },
		{ "allocate 0 write", "0 MiB" },
		{ "frobnicate", "'frobnicate'" },
		{ "frobnicate write", "'frobnicate write'" },
		{ "wait", "opcode" },
		{ "wait write three", "'three'" },
		{ "wait write timeout=soon", "'soon'" },
		{ "release 0", "0" },
		{ "release write fail=EFOO", "'EFOO'" },
		{ "remove", "id" },
		{ "remove x", "'x'" },
		{ "count", "opcode" },
		{ "log last=x", "'x'" },
		{ "send", "inval_inode" },
		{ "send store", "file=" },
		{ "send store file=nowhere", "'nowhere'" },
		{ "ping pong", "'ping pong'" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		EXPECT_EQ(GATE_USAGE, gate(server_gate, "%s", wrong[i].command))
		{
			TH_LOG("gate %s", wrong[i].command);
		}
		EXPECT_NE(NULL, strstr(gate_text(server_gate), wrong[i].names))
		{
			TH_LOG("gate %s: %s", wrong[i].command,
			       gate_text(server_gate));
		}
	}
	EXPECT_EQ(GATE_REFUSED, gate(server_gate, "remove 99"));

	char long_line[1200];

	memset(long_line, 'x', sizeof(long_line));
	long_line[1100] = 0;
	EXPECT_EQ(GATE_USAGE, gate(server_gate, "%s", long_line));
	EXPECT_EQ(GATE_USAGE, gate(server_gate, "hold write\nhold read"));

	GATE("rules");
	EXPECT_STREQ("", gate_output(server_gate));
	GATE("ping");
}

SCENARIO(nobody_there)
{
	EXPECT_EQ(NULL, gate_connect("/run/no-such-socket"));
	EXPECT_EQ(ENOENT, errno);
	EXPECT_EQ(GATE_DEAD, gate(NULL, "ping"));
	EXPECT_EQ(-1, gate_number(NULL));
	EXPECT_EQ(
		3,
		WEXITSTATUS(system(
			"gate --control /run/no-such-socket ping 2>/dev/null")));
	EXPECT_EQ(2, WEXITSTATUS(system("gate --colour 2>/dev/null")));
	EXPECT_EQ(2, WEXITSTATUS(system("gate hold wirte 2>/dev/null")));
	EXPECT_EQ(4,
		  WEXITSTATUS(system("gate wait write timeout=1 2>/dev/null")));
	EXPECT_EQ(0, WEXITSTATUS(system("gate help >/dev/null")));
	EXPECT_EQ(2, WEXITSTATUS(system(
			     "fuse-server -o colour=red /mnt 2>/dev/null")));
	EXPECT_EQ(2, WEXITSTATUS(system(
			     "fuse-server -o max_write=1 /mnt 2>/dev/null")));
	EXPECT_EQ(2,
		  WEXITSTATUS(system(
			  "fuse-server --gate 'hold wirte' /mnt 2>/dev/null")));
	EXPECT_EQ(2, WEXITSTATUS(system("fuse-server 2>/dev/null")));
	EXPECT_EQ(1, WEXITSTATUS(
			     system("fuse-server /no/such/place 2>/dev/null")));
	/* one is there already, with this socket */
	EXPECT_EQ(1, WEXITSTATUS(system("fuse-server /mnt 2>/dev/null")));
}

TEST_HARNESS_MAIN
