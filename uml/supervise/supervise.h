/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of supervise share
 *
 * Three processes: the *launcher* is what the user started and can kill; it passes
 * signals on and hands over the status. The *keeper*, in a session of its own, does the
 * work: it outlives the launcher by the moment that it takes to clean up. The *guest* is
 * the kernel, a child of the keeper, or the program that wraps it.
 */
#ifndef SUPERVISE_H
#define SUPERVISE_H

#include <stdbool.h>
#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

/* Exit statuses; what they mean is in uml/run --help */
enum {
	PAST_LIMIT = 124,
	NOT_TRIED = 125,
	REPORTED = 126,
	NOBODY_READS = 141,
};

/* The guest's descriptors */
enum {
	GUEST_OUT = 3,
	GUEST_ERR,
	GUEST_VERDICT,
	GUEST_MEMORY, /* the folder of its memory */
	GUEST_ASKS, /* a socket to the keeper, see changes.c */
	GUEST_TRACE, /* a record of each tick; or -1 */
	GUEST_EDGES, /* what has run at all; or -1 */
	GUEST_FDS,
};

struct options {
	const char *top, *build, *kernel, *initrd, *log, *trace, *edges, *wrap,
		*share;
	/* a folder for what is left of a guest that broke, and as the user named it */
	const char *keep, *keep_as;
	char **add; /* files for /tests */
	size_t n_add;
	char **job; /* files for /job, NAME=TEXT */
	size_t n_job;
	char **words; /* the kernel's command line */
	char **command;
	unsigned long long memory; /* KiB */
	unsigned long limit; /* seconds, 0: none */
	unsigned long stop_at; /* a tick, 0: none */
	bool console, terminal, pty, stdin_whole, dry_run, ticks,
		whole; /* image and words are those of a run: nothing is added */
	bool share_rw, host_root, no_core, all_cpus;
};

/* What the guest may see of the host; see confine.c */
struct view {
	const char *kernel, *share;
	bool share_rw, host_root;
	bool tell_end; /* the keeper is asked before the kernel ends */
};

__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void cannot(const char *format,
							    ...);
/* "a/b" of parts, allocated */
char *path(const char *folder, const char *name);
void *checked(void *allocated);

/* place.c */
struct place {
	const char *build;
	char *runs, *folder; /* the guest's folder, and the one above it */
	char *memory_below, *memory; /* the same of its memory */
};
struct place choose_place(const struct options *o);
void make_place(const struct place *p);
void make_file(const struct place *p, const char *name, const char *text);
void remove_place(const struct place *p);
void remove_tree(const char *folder);

/* guest.c */
struct guest {
	pid_t pid;
	int go; /* a byte here starts it */
	int asks; /* its changes of files are to be heard here */
	int out, err, verdict; /* what it prints, what init tells; -1: none */
	int pty; /* the master of its terminal, or -1 */
	int user; /* whose window it is: ours, or the slave of a pty */
	int user_in, user_out; /* what is typed there, and shown */
	char user_name[32]; /* of that pty */
};
char **kernel_argv(const struct options *o);
void fork_guest(const struct options *o, const struct place *place, int life,
		const sigset_t *mask, struct guest *g);
void pin_guest(pid_t pid);

/* keeper.c */
__attribute__((noreturn)) void keep(const struct options *o,
				    const struct place *p,
				    const sigset_t *signals,
				    const sigset_t *before, int life);

/* edges.c */
int open_edges(const char *name, const char *kernel);

/* descendants.c */
void kill_children(pid_t group);
int contain(char **argv);

/* initrd.c */
int write_initrd(const struct options *o, const char *to, const char *input,
		 size_t input_size);

/* confine.c */
int confine_version(void);
void confine(const struct view *v);

/* changes.c */
enum { PATH_SIZE = 4096 };
void send_listener(int listener);
int receive_listener(int from);
bool answer_call(int listener, const char *folder, bool (*may_end)(pid_t pid));
void let_end(int listener);

/* terminal.c */
int open_pty(int *slave, char name[32]);
void copy_window_size(int from, int to);
int attach(const char *terminal);
bool make_raw(int fd);
void restore_terminal(void);

/* verdict.c */
struct outcome {
	bool unread;
	char *no_end; /* why it was ended: past its limit, hung; or NULL */
	int status; /* wait status of the guest's process */
	const char *verdict; /* what init told */
	int log; /* a copy of the console goes here; or -1 */
};
int decide(const struct options *o, const char *folder,
	   const struct outcome *end);
char *badness_of(const char *console);
char *stop_of(const char *console);

/* report.c */
pid_t start_report(const struct options *o, const char *folder, pid_t guest,
		   int console, const char *why);
bool ask_mconsole(const char *folder, const char *command);

#endif
