/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A scenario: one story about FUSE page writeback, told as a test.
 *
 *	#include "scenario.h"
 *
 *	SCENARIO(sync_does_not_wait)
 *	{
 *		int fd = MAPPED_FILE(u, "f", 16 * PAGE);
 *
 *		GATE("hold write");
 *		DO(u, STORE_PAGES, 0, 16, 'a');
 *		DO(u, KICK, fd);
 *		GATE("wait write");
 *		DO(u, SYNC);
 *		outcome("returns at once");
 *	}
 *
 * u, v and w are three users of the mount. The server is started with SERVER_OPTIONS, to
 * be defined before the include. After the scenario the guest is cleaned up and its
 * accounting checked, however it ended. EXPECT_... and ASSERT_... may be used in
 * functions that a scenario calls, too.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A shell at the point that failed (report.c) has all the time it wants. (The harness of 7.x
 * waits by poll(2).)
 */
#define alarm(seconds) (getenv("SHELL_ON_FAIL") ? 0 : alarm(seconds))
#define poll(fds, n, ms) poll(fds, n, getenv("SHELL_ON_FAIL") ? -1 : (ms))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "kselftest_harness.h"
#pragma GCC diagnostic pop
#undef alarm
#undef poll

#include <errno.h>
#include <fcntl.h>

#include "capability.h"
#include "report.h"
#include "sandbox.h"

#ifndef SERVER_OPTIONS
#define SERVER_OPTIONS ""
#endif

/* Failures in our own words: what was expected comes first. */
#undef __TH_LOG
#define __TH_LOG(...) report(_metadata->name, __FILE__, __LINE__, __VA_ARGS__)
#undef EXPECT_TRUE
#undef EXPECT_FALSE
#undef ASSERT_TRUE
#undef ASSERT_FALSE
#define EXPECT_TRUE(seen) __EXPECT(0, "false", (int)(!!(seen)), #seen, !=, 0)
#define EXPECT_FALSE(seen) __EXPECT(0, "false", (int)(!!(seen)), #seen, ==, 0)
#define ASSERT_TRUE(seen) __EXPECT(0, "false", (int)(!!(seen)), #seen, !=, 1)
#define ASSERT_FALSE(seen) __EXPECT(0, "false", (int)(!!(seen)), #seen, ==, 1)

/* The harness's record of the scenario that runs in this process. */
static struct __test_metadata *_metadata;

static inline void scenario_runs(struct __test_metadata *metadata)
{
	_metadata = metadata;
}

FIXTURE(fuse)
{
	struct sandbox *sandbox;
	struct user *user[3];
};

FIXTURE_SETUP(fuse)
{
	const char *error;

	self->sandbox = sandbox_start(SERVER_OPTIONS, 3, &error);
	if (!self->sandbox && !strcmp(error, SERVER_TAKES_NO_OPTIONS))
		SKIP(return, "%s", error);
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

	/* (after a failed ASSERT the harness would take this block, too) */
	if (error) {
		EXPECT_EQ(NULL, error)
		{
			TH_LOG("%s", error);
		}
	}
	free(error);
}

#define SCENARIO(name)                                                        \
	static void scenario_##name(struct user *u, struct user *v,           \
				    struct user *w);                          \
	TEST_F_TIMEOUT(fuse, name, 600)                                       \
	{                                                                     \
		scenario_runs(_metadata);                                     \
		scenario_##name(self->user[0], self->user[1], self->user[2]); \
	}                                                                     \
	static void scenario_##name(struct user __attribute__((unused)) * u,  \
				    struct user __attribute__((unused)) * v,  \
				    struct user __attribute__((unused)) * w)

/* A command for the gate, as of `gate help`; it must be understood and done. */
#define GATE(...)                                                   \
	do {                                                        \
		ASSERT_EQ(GATE_OK, gate(server_gate, __VA_ARGS__))  \
		{                                                   \
			TH_LOG("gate: %s", gate_text(server_gate)); \
		}                                                   \
	} while (0)

/* ...that gives a number */
#define GATE_NUMBER(...) \
	(gate(server_gate, __VA_ARGS__), gate_number(server_gate))

/* What a result below 0 means. */
#define LOG_RESULT(user)                                                    \
	do {                                                                \
		if (user_result(user) == -ETIME)                            \
			TH_LOG("it hangs: %s", user_where(user));           \
		else if (user_result(user) < 0)                             \
			TH_LOG("that is %s", strerror(-user_result(user))); \
	} while (0)

/* What a user did or does must have ended, with this result. */
#define EXPECT_RESULT(expected, user)             \
	do {                                      \
		EXPECT_EQ(expected, finish(user)) \
		{                                 \
			LOG_RESULT(user);         \
		}                                 \
	} while (0)

#define EXPECT_DO(expected, user, ...)                      \
	do {                                                \
		EXPECT_EQ(expected, do_(user, __VA_ARGS__)) \
		{                                           \
			LOG_RESULT(user);                   \
		}                                           \
	} while (0)

/* An action that must go well. */
#define DO(user, ...)                                \
	do {                                         \
		ASSERT_LE(0, do_(user, __VA_ARGS__)) \
		{                                    \
			LOG_RESULT(user);            \
		}                                    \
	} while (0)

#define OPEN(user, name, flags)                            \
	({                                                 \
		ASSERT_LE(0, open_file(user, name, flags)) \
		{                                          \
			LOG_RESULT(user);                  \
		}                                          \
		(int)user_result(user);                    \
	})

/* Map a file shared and writable; on a kernel that cannot, that is all there is to see. */
#define MAP_OR_ENODEV(user, fd, length)                                 \
	do {                                                            \
		if (kernel() == BEFORE) {                               \
			EXPECT_EQ(-ENODEV, do_(user, MAP, fd, length)); \
			outcome("ENODEV");                              \
			return;                                         \
		}                                                       \
		ASSERT_EQ(0, do_(user, MAP, fd, length));               \
	} while (0)

/* A new file of this length, open and mapped like that. */
#define MAPPED_FILE(user, name, length)                        \
	({                                                     \
		int new_ = OPEN(user, name, O_RDWR | O_CREAT); \
		DO(user, TRUNCATE, new_, length);              \
		MAP_OR_ENODEV(user, new_, length);             \
		new_;                                          \
	})

/* Store a byte to the first page, and let the server have its WRITE, unanswered. */
#define STORE_IN_FLIGHT(user, fd, byte)   \
	do {                              \
		GATE("hold write");       \
		DO(user, STORE, 0, byte); \
		DO(user, KICK, fd);       \
		GATE("wait write");       \
	} while (0)

/*
 * Page 0 of @f, which @user has mapped, is in flight, and the READ of an O_DIRECT read
 * of @g into it is held. The page was dirty anyway when it was pinned, so no fault tells
 * of the data: once that READ is released the page is dirty again, and still in flight.
 */
static inline void in_flight_and_read_into(struct user *user, int f, int g)
{
	GATE("hold read file=g");
	GATE("hold write");
	DO(user, STORE, 0, 'a');
	DO(user, AIO_READ, g, 0, PAGE);
	GATE("wait read");
	DO(user, KICK, f);
	GATE("wait write");
}

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
			outcome("no writeback cache");                     \
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

/*
 * Where one sleeps who waits for WRITEs in flight: in a wait of FUSE's own, as the page
 * cache knows of no writeback any more; or, without copies, in the page cache's.
 */
#define WAIT_FOR_WRITES \
	(can(TEMP_PAGES) ? "fuse_set_nowrite" : "folio_wait_writeback")

/*
 * Where one sleeps who has stored as much as may be dirty. Without copies his own page may be
 * under writeback by then: with several CPUs the flusher can take it between the fault and
 * the store, and he faults again.
 */
#define WAIT_FOR_LIMIT                        \
	(can(TEMP_PAGES) || !kept_by_cpus() ? \
		 "balance_dirty_pages" :      \
		 "balance_dirty_pages|folio_wait_writeback")

/* A value that comes to be right within LIMIT. */
#define EXPECT_SOON(expected, expression)                                    \
	do {                                                                 \
		for (double t_ = 0; (long)(expression) != (long)(expected);) \
			if (!patience(&t_, LIMIT))                           \
				break;                                       \
		EXPECT_EQ((long)(expected), (long)(expression))              \
		{                                                            \
			TH_LOG("that is after %d s", LIMIT);                 \
		}                                                            \
	} while (0)

#endif
