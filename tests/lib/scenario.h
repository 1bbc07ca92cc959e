/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scenario: one story about FUSE page writeback, told as a test.
 *
 *	#include "scenario.h"
 *
 *	SCENARIO(sync_does_not_wait)
 *	{
 *		int fd = OPEN(u, "f", O_RDWR | O_CREAT);
 *
 *		MAP_OR_ENODEV(u, fd, 16 * PAGE);
 *		GATE("hold write");
 *		DO(u, STORE_PAGES, 0, 16, 'a');
 *		DO(u, KICK, fd);
 *		GATE("wait write");
 *		DO(u, SYNC);
 *	}
 *
 * The daemon is mounted with DAEMON_OPTIONS, to be defined before the include; u, v
 * and w are three users. After the scenario the guest is cleaned up and its
 * accounting checked, however it ended.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "kselftest_harness.h"
#pragma GCC diagnostic pop
/* its setjmp() gives this wherever a test is defined */
#pragma GCC diagnostic ignored "-Wclobbered"

#include <errno.h>
#include <fcntl.h>

#include "sandbox.h"

#ifndef DAEMON_OPTIONS
#define DAEMON_OPTIONS ""
#endif

FIXTURE(fuse)
{
	struct sandbox *sandbox;
	struct user *user[3];
};

FIXTURE_SETUP(fuse)
{
	const char *error;

	self->sandbox = sandbox_start(DAEMON_OPTIONS, 3, &error);
	ASSERT_NE(NULL, self->sandbox)
	{
		TH_LOG("%s", error);
	}
	for (int i = 0; i < 3; i++)
		self->user[i] = sandbox_user(self->sandbox, i);
}

FIXTURE_TEARDOWN(fuse)
{
	char *error = sandbox_end(self->sandbox);

	EXPECT_EQ(NULL, error)
	{
		TH_LOG("%s", error);
	}
	free(error);
}

#define SCENARIO(name) TEST_F_TIMEOUT(fuse, name, 600)

#define u (self->user[0])
#define v (self->user[1])
#define w (self->user[2])

/* A command for the daemon, as of `gate help`; it must be understood and done. */
#define GATE(...)                                                   \
	do {                                                        \
		ASSERT_EQ(GATE_OK, gate(daemon_gate, __VA_ARGS__))  \
		{                                                   \
			TH_LOG("gate: %s", gate_text(daemon_gate)); \
		}                                                   \
	} while (0)

/* ...that gives a number */
#define GATE_NUMBER(...) \
	(gate(daemon_gate, __VA_ARGS__), gate_number(daemon_gate))

/* What a user did or does must have ended, with this result. */
#define EXPECT_RESULT(expected, user)                                     \
	do {                                                              \
		long result_ = finish(user);                              \
		EXPECT_EQ((long)(expected), result_)                      \
		{                                                         \
			if (result_ == -ETIME)                            \
				TH_LOG("it hangs: %s", user_where(user)); \
			else if (result_ < 0)                             \
				TH_LOG("that is %s", strerror(-result_)); \
		}                                                         \
	} while (0)

#define EXPECT_DO(expected, user, ...)         \
	do {                                   \
		begin(user, __VA_ARGS__);      \
		EXPECT_RESULT(expected, user); \
	} while (0)

/* An action that must go well. */
#define DO(user, ...)                                                     \
	do {                                                              \
		long done_ = do_(user, __VA_ARGS__);                      \
		ASSERT_LE(0, done_)                                       \
		{                                                         \
			if (done_ == -ETIME)                              \
				TH_LOG("it hangs: %s", user_where(user)); \
			else                                              \
				TH_LOG("that is %s", strerror(-done_));   \
		}                                                         \
	} while (0)

#define OPEN(user, name, flags)                                      \
	({                                                           \
		long fd_ = open_file(user, name, flags);             \
		ASSERT_LE(0, fd_)                                    \
		{                                                    \
			TH_LOG("open %s: %s", name, strerror(-fd_)); \
		}                                                    \
		(int)fd_;                                            \
	})

/* Map a file shared and writable; on a kernel that cannot, that is all there is to see. */
#define MAP_OR_ENODEV(user, fd, length)                    \
	do {                                               \
		long mapped_ = do_(user, MAP, fd, length); \
		if (kernel() == BEFORE) {                  \
			EXPECT_EQ(-ENODEV, mapped_);       \
			return;                            \
		}                                          \
		ASSERT_EQ(0, mapped_);                     \
	} while (0)

/* The kernel must have taken up, or on `before` turned down, what INIT offered. */
#define WRITEBACK_CACHE_OR_RETURN(user)                                    \
	do {                                                               \
		bool cached_;                                              \
		int fd_ = OPEN(user, "writeback-cache", O_RDWR | O_CREAT); \
		DO(user, WRITE, fd_, 0, 1, 'x');                           \
		cached_ = server_size("writeback-cache") == 0;             \
		DO(user, CLOSE, fd_);                                      \
		if (!cached_) {                                            \
			EXPECT_NE(STOCK, kernel());                        \
			return;                                            \
		}                                                          \
	} while (0)

/* A user sleeps in this function, and goes on sleeping. */
#define EXPECT_BLOCKED(user, function)                                       \
	do {                                                                 \
		EXPECT_TRUE(blocked_in(user_pid(user), function, "DS") &&    \
			    busy(user))                                      \
		{                                                            \
			TH_LOG("not in %s: %s", function, user_where(user)); \
		}                                                            \
		settle(2);                                                   \
		EXPECT_TRUE(busy(user))                                      \
		{                                                            \
			TH_LOG("it did not stay in %s", function);           \
		}                                                            \
	} while (0)

/* ...and not even SIGKILL wakes it. */
#define EXPECT_UNKILLABLE(user, function)                                    \
	do {                                                                 \
		EXPECT_TRUE(blocked_in(user_pid(user), function, "D"))       \
		{                                                            \
			TH_LOG("not in %s: %s", function, user_where(user)); \
		}                                                            \
		user_kill(user);                                             \
		settle(2);                                                   \
		EXPECT_TRUE(blocked_in(user_pid(user), function, "D"))       \
		{                                                            \
			TH_LOG("SIGKILL ended it");                          \
		}                                                            \
	} while (0)

/* A value that comes to be right within LIMIT. */
#define EXPECT_SOON(expected, expression)                             \
	do {                                                          \
		long seen_;                                           \
		for (double t_ = 0;                                   \
		     (seen_ = (expression)) != (long)(expected);)     \
			if (!patience(&t_, LIMIT))                    \
				break;                                \
		EXPECT_EQ((long)(expected), seen_)                    \
		{                                                     \
			TH_LOG("%s, after %d s", #expression, LIMIT); \
		}                                                     \
	} while (0)

#endif
