// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a run has run of the files under study: each way from one basic block to the next
 * in the same call of a function. What uml/run --coverage asks for; uml/gdb/coverage.py
 * makes lines and branches of it. Part of ticks.c.
 *
 *	ticks.edges=FD	a file that the kernel was started with, mapped and shared: however
 *			the guest ends, it has all up to there, and several guests may fill
 *			one. Interrupts and the boot are in it, too
 *
 * A block is named by where it goes on behind its call of the counter, from _stext. An edge
 * is a word, from << 32 | to. Where from and to are not of one call, from was the last block
 * of its call, and to the first one; far apart, these are two words, with 0 for the other.
 */
#include <asm/sections.h>
#include <linux/hash.h>
#include <linux/sizes.h>

#define EDGES_BITS 15
#define EDGES_TRIES 64
#define EDGES_CALLS 10

struct edges {
	u64 text; /* a sum of the kernel's code, by who made the file: see supervise */
	u64 lost; /* for which there was no room */
	u64 edge[1 << EDGES_BITS];
};

static struct edges *edges;

/* The last block of each call that is under way, by its place on the stack. */
static struct edges_call {
	unsigned long sp;
	u32 block;
} * edges_calls;

static void edges_note(u64 edge)
{
	unsigned int n = 0, at = hash_64(edge, EDGES_BITS);

	while (READ_ONCE(edges->edge[at]) != edge) {
		u64 was = cmpxchg(&edges->edge[at], 0, edge);

		if (!was || was == edge)
			break;
		if (++n > EDGES_TRIES) {
			edges->lost++;
			break;
		}
		at = (at + 1) % (1 << EDGES_BITS);
	}
}

static noinline void edges_add(unsigned long pc, unsigned long sp)
{
	struct edges_call *call = &edges_calls[hash_64(sp, EDGES_CALLS)];
	u32 block = pc - (unsigned long)_stext, from = 0;

	if (likely(call->sp == sp))
		from = call->block;
	call->sp = sp;
	call->block = block;
	/* no function is that long */
	if (unlikely(from && abs((s32)(block - from)) > SZ_16K)) {
		edges_note((u64)from << 32);
		from = 0;
	}
	edges_note((u64)from << 32 | block);
}

/* libc's */
void *mmap64(void *at, size_t size, int prot, int flags, int fd, long offset);

static int edges_set(const char *value, const struct kernel_param *kp)
{
	int fd, err = kstrtoint(value, 10, &fd);
	void *file;

	if (err)
		return err;
	/*
	 * PROT_READ | PROT_WRITE; MAP_SHARED, MAP_PRIVATE | MAP_ANONYMOUS. None of it is the
	 * guest's memory, which is as it would be.
	 */
	file = mmap64(NULL, sizeof(*edges), 3, 1, fd, 0);
	edges_calls = mmap64(NULL, sizeof(*edges_calls) << EDGES_CALLS, 3, 0x22,
			     -1, 0);
	if (file == (void *)-1 || edges_calls == (void *)-1)
		return -EBADF;
	edges = file;
	ticks_decide();
	return 0;
}

static const struct kernel_param_ops edges_ops = { .set = edges_set };
module_param_cb(edges, &edges_ops, NULL, 0);
