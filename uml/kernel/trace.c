// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ticks of a run as a file of the host: which block each was, and of which task. What
 * uml/run --trace asks for. Part of ticks.c.
 *
 *	ticks.keep=FD	a descriptor that the kernel was started with. Each tick is 8 bytes:
 *			where the block goes on behind its call of the counter, from _stext;
 *			the task's pid
 */
#include <asm/sections.h>

static int trace_fd = -1;
module_param_named(keep, trace_fd, int, 0444);

static struct {
	u32 block, pid;
} trace[4096];
static unsigned int trace_used;

static noinline void trace_flush(void)
{
	unsigned int size = trace_used * sizeof(trace[0]);

	trace_used = 0;
	if (trace_fd >= 0 && os_write_file(trace_fd, trace, size) != size) {
		trace_fd = -1;
		pr_err("ticks: the trace cannot be written\n");
	}
}

static noinline void trace_tick(unsigned long pc)
{
	trace[trace_used].block = pc - (unsigned long)_stext;
	trace[trace_used].pid = current->pid;
	if (++trace_used == ARRAY_SIZE(trace))
		trace_flush();
}
