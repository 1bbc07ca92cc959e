// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest's kernel may see of the host
 *
 * hostfs makes host files out of paths that root in the guest may choose: `mount -t hostfs
 * -o /../etc` leaves the folder that the kernel's command line names, and `mount -o
 * remount,rw` makes a read-only one writable. So the host has to hold it: by Landlock for
 * what is opened, made and removed, by seccomp for what Landlock does not know (mode,
 * owner and times of a file). Applied just before the kernel is executed, so that gdb,
 * outside, keeps its own rights.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise.h"

/* of version 3, newer than the headers of Debian 12 */
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE                                                                 \
	(READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | \
	 LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |     \
	 LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |          \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |        \
	 LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER)
#define EXECUTE (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE)
#define DEVICE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)
#define ALL                                               \
	(WRITE | EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | \
	 LANDLOCK_ACCESS_FS_MAKE_BLOCK)

/* The version of the host's Landlock; 0: none. */
int confine_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : version;
}

struct rules {
	int fd;
	__u64 handled;
};

/* What is not there needs no rule. */
static void allow(const struct rules *r, const char *name, __u64 access)
{
	struct landlock_path_beneath_attr rule = {
		.allowed_access = access & r->handled,
		.parent_fd = open(name, O_PATH | O_CLOEXEC),
	};
	struct stat st;

	if (rule.parent_fd < 0 && errno == ENOENT)
		return;
	if (rule.parent_fd < 0)
		cannot("%s: %s", name, strerror(errno));
	if (!fstat(rule.parent_fd, &st) && !S_ISDIR(st.st_mode))
		rule.allowed_access &= EXECUTE | DEVICE |
				       LANDLOCK_ACCESS_FS_TRUNCATE;
	if (syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH,
		    &rule, 0))
		cannot("Landlock: no rule for %s: %s", name, strerror(errno));
	close(rule.parent_fd);
}

/* --- the kernel's program, and the libraries that it is loaded with --------------- */

struct elf {
	const char *data;
	size_t size;
};

static const void *in_file(const struct elf *e, size_t offset, size_t size)
{
	return offset <= e->size && size <= e->size - offset ?
		       e->data + offset :
		       NULL;
}

static const void *at_address(const struct elf *e, Elf64_Addr address)
{
	const Elf64_Ehdr *h = (const void *)e->data;

	for (int i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *p =
			in_file(e, h->e_phoff + i * sizeof(*p), sizeof(*p));

		if (p && p->p_type == PT_LOAD && address >= p->p_vaddr &&
		    address - p->p_vaddr < p->p_filesz)
			return in_file(e, address - p->p_vaddr + p->p_offset,
				       1);
	}
	return NULL;
}

static void allow_program(const struct rules *r, const char *name, int depth);

static void allow_library(const struct rules *r, const char *name, int depth)
{
	static const char *const folders[] = {
		"/lib/x86_64-linux-gnu",
		"/usr/lib/x86_64-linux-gnu",
		"/lib64",
		"/usr/lib64",
		"/lib",
		"/usr/lib",
	};

	if (depth > 4)
		return;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char *file = path(folders[i], name);

		if (!access(file, R_OK))
			allow_program(r, file, depth + 1);
		free(file);
	}
}

static void allow_needed(const struct rules *r, const struct elf *e, int depth)
{
	const Elf64_Ehdr *h = (const void *)e->data;
	const Elf64_Dyn *dynamic = NULL;
	const char *names = NULL;
	size_t n = 0;

	for (int i = 0; i < h->e_phnum; i++) {
		const Elf64_Phdr *p =
			in_file(e, h->e_phoff + i * sizeof(*p), sizeof(*p));

		if (!p || !in_file(e, p->p_offset, p->p_filesz))
			continue;
		if (p->p_type == PT_INTERP)
			allow(r, e->data + p->p_offset, EXECUTE);
		if (p->p_type == PT_DYNAMIC) {
			dynamic = (const void *)(e->data + p->p_offset);
			n = p->p_filesz / sizeof(*dynamic);
		}
	}
	for (size_t i = 0; i < n; i++)
		if (dynamic[i].d_tag == DT_STRTAB)
			names = at_address(e, dynamic[i].d_un.d_ptr);
	for (size_t i = 0; names && i < n && dynamic[i].d_tag != DT_NULL; i++)
		if (dynamic[i].d_tag == DT_NEEDED)
			allow_library(r, names + dynamic[i].d_un.d_val, depth);
}

static void allow_program(const struct rules *r, const char *name, int depth)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct elf e = { 0 };
	struct stat st;

	allow(r, name, EXECUTE);
	if (fd < 0 || fstat(fd, &st))
		return;
	e.size = st.st_size;
	e.data = mmap(NULL, e.size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (e.data == MAP_FAILED)
		return;
	if (e.size > sizeof(Elf64_Ehdr) && !memcmp(e.data, ELFMAG, SELFMAG) &&
	    e.data[EI_CLASS] == ELFCLASS64)
		allow_needed(r, &e, depth);
	munmap((void *)e.data, e.size);
}

/* --- what is applied -------------------------------------------------------------- */

static void restrict_paths(const struct view *v, int version)
{
	struct rules r = { .handled = ALL };

	if (version < 3)
		r.handled &= ~LANDLOCK_ACCESS_FS_TRUNCATE;
	if (version < 2)
		r.handled &= ~LANDLOCK_ACCESS_FS_REFER;
	struct landlock_ruleset_attr attr = { .handled_access_fs = r.handled };

	r.fd = syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (r.fd < 0)
		cannot("Landlock: %s", strerror(errno));
	allow_program(&r, v->kernel, 0);
	allow(&r, "/etc/ld.so.cache", READ);
	allow(&r, "/proc/cpuinfo", READ);
	/* null channels; the pty of its check for SIGIO, and those of serial lines */
	allow(&r, "/dev/null", DEVICE);
	allow(&r, "/dev/ptmx", DEVICE);
	allow(&r, "/dev/pts", DEVICE);
	/* (its working directory, and a link in that) */
	allow(&r, ".", WRITE);
	allow(&r, "./memory/.", WRITE);
	if (v->host_root)
		allow(&r, "/", READ);
	if (v->share)
		allow(&r, v->share, v->share_rw ? WRITE : READ);
	if (syscall(SYS_landlock_restrict_self, r.fd, 0))
		cannot("Landlock: %s", strerror(errno));
	close(r.fd);
}

/* Without a listener (a container may refuse) what stands here still holds */
static void install(struct sock_filter *code, size_t n, bool listens)
{
	struct sock_fprog program = { .len = n, .filter = code };
	int listener;

	if (listens) {
		listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				   SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
		if (listener >= 0) {
			send_listener(listener);
			return;
		}
		for (size_t i = 0; i < n; i++)
			if (code[i].code == (BPF_RET | BPF_K) &&
			    code[i].k == SECCOMP_RET_USER_NOTIF)
				code[i].k = i + 1 < n ?
						    SECCOMP_RET_ALLOW :
						    SECCOMP_RET_ERRNO | EPERM;
	}
	prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/*
 * What Landlock does not know: nothing of a file is changed, or, where a folder is shared for
 * writing, the keeper is asked. And it is told before the kernel ends: it exits, or it panics
 * and sends its group a signal.
 */
static void restrict_calls(bool changes_too, bool ask, bool tell_end)
{
	static const int changes[] = {
		SYS_chmod,	     SYS_fchmod,      SYS_fchmodat,
		452 /* fchmodat2 */, SYS_chown,	      SYS_lchown,
		SYS_fchown,	     SYS_fchownat,    SYS_utime,
		SYS_utimes,	     SYS_futimesat,   SYS_utimensat,
		SYS_truncate,	     SYS_setxattr,    SYS_lsetxattr,
		SYS_fsetxattr,	     SYS_removexattr, SYS_lremovexattr,
		SYS_fremovexattr,
	};
	enum { N = sizeof(changes) / sizeof(changes[0]) };
	struct sock_filter code[N + 12], *c = code;

	/* other ABIs have other numbers, and nothing of UML's uses them */
	*c++ = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	*c++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
					    AUDIT_ARCH_X86_64, 1, 0);
	*c++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	*c++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					    offsetof(struct seccomp_data, nr));
	if (tell_end) {
		*c++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    SYS_exit_group, 4, 0);
		*c++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    SYS_kill, 0, 4);
		*c++ = (struct sock_filter)BPF_STMT(
			BPF_LD | BPF_W | BPF_ABS,
			offsetof(struct seccomp_data, args[0]));
		*c++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    0, 1, 0);
		*c++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						    SECCOMP_RET_ALLOW);
		*c++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
						    SECCOMP_RET_USER_NOTIF);
	}
	for (int i = 0; changes_too && i < N; i++)
		*c++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						    changes[i], N - i, 0);
	*c++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	*c++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K,
					    ask ? SECCOMP_RET_USER_NOTIF :
						  SECCOMP_RET_ERRNO | EPERM);
	install(code, c - code, ask || tell_end);
}

/* This process becomes what the kernel is to be: its rights, environment, addresses. */
void confine(const struct view *v)
{
	int version = confine_version();
	sigset_t children;

	/*
	 * The kernel has a SIGCHLD for each stop of its processes, and ignores it. Blocked, it
	 * costs a debugger nothing, who would see it
	 */
	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	sigprocmask(SIG_BLOCK, &children, NULL);
	/* the numbers of descriptors show in the kernel's log */
	close_range(GUEST_FDS, ~0U, 0);
	clearenv();
	setenv("HOME", ".", 1);
	setenv("TMPDIR", "./memory", 1);
	/* equal addresses in equal runs */
	personality(personality(0xffffffff) | ADDR_NO_RANDOMIZE);
	/* gdb may attach where Yama allows parents only */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	if (!version && !v->tell_end)
		return;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		cannot("no_new_privs: %s", strerror(errno));
	if (version)
		restrict_paths(v, version);
	restrict_calls(version, version && v->share_rw, v->tell_end);
}
