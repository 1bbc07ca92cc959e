// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ticks: a clock for everything that must be exact.
 *
 * uml/kernel/cc compiles the files under study with -fsanitize-coverage=trace-pc, so that
 * each basic block of them calls the function below, and puts this file in front of
 * arch/um/kernel/um_arch.c, which is not instrumented: the tree stays as it is. (An
 * instrumented object cannot hold the function: at -Og the static inlines that it uses are
 * functions of their own, and would call it.)
 *
 * A block that runs in a task's context is one tick. With virtual time, equal runs have
 * equal ticks, with and without a debugger. Counted while `ticks.on` is 1: init sets it
 * when it starts the command, and clears it when the command has ended.
 *
 *	ticks.stop=N	at tick N call ticks_stop(): a debugger has a breakpoint there;
 *			without one the kernel ends with abort(), which leaves a core
 *	ticks.keep=FD	keep them: trace.c
 *	ticks.edges=FD	keep what has run at all: edges.c
 *	ticks.on=1	count (/sys/module/ticks/parameters/on)
 *
 * At the end of the command, at a panic and at a stop, the log gets a line "ticks: N".
 */
#include <linux/export.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/preempt.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <os.h>

#pragma push_macro("MODULE_PARAM_PREFIX")
#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "ticks."

/* gdb and the code of a stop read and write these by name */
unsigned long ticks;
unsigned long ticks_due_at = ULONG_MAX;
static unsigned long ticks_stop_at;
static bool ticks_on;
/* what a block has to do: nothing, count, or more than that */
static enum { TICKS_IDLE, TICKS_COUNT, TICKS_MORE } ticks_how;

void __sanitizer_cov_trace_pc(void);
void ticks_stop(unsigned long pc);
static void ticks_decide(void);

static void ticks_say(const char *why)
{
	pr_notice("ticks: %lu%s\n", ticks, why);
}

#include "explore.c"
#include "trace.c"
#include "edges.c"

/* A debugger stops here. It sets ticks_due_at for the next stop, or lets the guest end. */
noinline void ticks_stop(unsigned long pc)
{
	/* what a debugger sets by hand needs no abort */
	if (ticks != ticks_stop_at)
		return;
	/* the last words: to the console now */
	pr_emerg("ticks: %lu, stop: %s[%d] in %pS\n", ticks, current->comm,
		 current->pid, (void *)pc);
	os_dump_core();
}

/*
 * What a run that stops here leaves in registers is what one leaves that does not: a
 * debugger knows a place between two ticks by them.
 */
static noinline __attribute__((no_caller_saved_registers,
			       target("general-regs-only"))) void
ticks_due(unsigned long pc)
{
	ticks_due_at = ULONG_MAX;
	ticks_stop(pc);
}

static void ticks_decide(void)
{
	if (edges || (ticks_on && (trace_fd >= 0 || explore_on)))
		ticks_how = TICKS_MORE;
	else
		ticks_how = ticks_on ? TICKS_COUNT : TICKS_IDLE;
}

static noinline void ticks_keep(unsigned long pc, unsigned long sp)
{
	if (edges)
		edges_add(pc, sp);
	if (!ticks_on || !in_task())
		return;
	if (trace_fd >= 0)
		trace_tick(pc);
	if (++ticks >= ticks_due_at)
		ticks_due(pc);
	if (explore_on)
		explore_tick(pc);
}

/* Registers as in ticks_due(), whatever was kept */
static noinline __attribute__((no_caller_saved_registers,
			       target("general-regs-only"))) void
ticks_more(unsigned long pc, unsigned long sp)
{
	ticks_keep(pc, sp);
}

/*
 * Before the first task there is no current: the flag is the first thing looked at. What is
 * rare is not in here: each block would save the registers that it wants.
 */
void __sanitizer_cov_trace_pc(void)
{
	unsigned long pc = (unsigned long)__builtin_return_address(0);

	if (likely(ticks_how == TICKS_COUNT)) {
		if (in_task() && unlikely(++ticks >= ticks_due_at))
			ticks_due(pc);
	} else if (ticks_how == TICKS_MORE) {
		ticks_more(pc, (unsigned long)__builtin_frame_address(0));
	}
}
EXPORT_SYMBOL(__sanitizer_cov_trace_pc);

static int ticks_set_on(const char *value, const struct kernel_param *kp)
{
	bool was = ticks_on;
	int err = param_set_bool(value, kp);

	ticks_decide();
	if (!was && ticks_on)
		explore_begin();
	if (was && !ticks_on) {
		explore_set(false);
		trace_flush();
		ticks_say("");
	}
	return err;
}

static const struct kernel_param_ops ticks_on_ops = {
	.set = ticks_set_on,
	.get = param_get_bool,
};
module_param_cb(on, &ticks_on_ops, &ticks_on, 0644);

static int ticks_set_stop(const char *value, const struct kernel_param *kp)
{
	int err = param_set_ulong(value, kp);

	if (!err)
		ticks_due_at = ticks_stop_at ?: ULONG_MAX;
	return err;
}

static const struct kernel_param_ops ticks_stop_ops = {
	.set = ticks_set_stop,
	.get = param_get_ulong,
};
module_param_cb(stop, &ticks_stop_ops, &ticks_stop_at, 0644);
module_param_named(count, ticks, ulong, 0444);

static int ticks_at_panic(struct notifier_block *nb, unsigned long event,
			  void *msg)
{
	if (ticks_on) {
		trace_flush();
		ticks_say(" at the panic");
	}
	return NOTIFY_DONE;
}

static struct notifier_block ticks_panic_block = { .notifier_call =
							   ticks_at_panic };

static int __init ticks_init(void)
{
	atomic_notifier_chain_register(&panic_notifier_list,
				       &ticks_panic_block);
	return 0;
}
core_initcall(ticks_init);

/*
 * The guest's randomness: the host's, but in virtual time, where equal runs are to be
 * equal, a fixed sequence, without the moments at which the host has an interrupt for us.
 * uml/kernel/cc renames the host's function in arch/um/os-Linux/util.c, and the call in
 * kernel/irq/handle.c.
 */
static bool __ref virtual_time(void)
{
	static int mode;

	/* first asked in setup_arch(), before time_travel_mode is set */
	if (!mode)
		mode = strstr(boot_command_line, "time-travel=") ? 1 : -1;
	return mode > 0;
}

void um_interrupt_randomness(int irq);

void um_interrupt_randomness(int irq)
{
	if (!virtual_time())
		add_interrupt_randomness(irq);
}

ssize_t host_getrandom(void *buf, size_t len, unsigned int flags);

ssize_t os_getrandom(void *buf, size_t len, unsigned int flags)
{
	static u64 state = 0x9e3779b97f4a7c15;
	size_t i;

	if (!virtual_time())
		return host_getrandom(buf, len, flags);
	for (i = 0; i < len; i++) {
		/* xorshift64*: any sequence will do */
		state ^= state >> 12;
		state ^= state << 25;
		state ^= state >> 27;
		((u8 *)buf)[i] = (state * 0x2545f4914f6cdd1d) >> 56;
	}
	return len;
}

#pragma pop_macro("MODULE_PARAM_PREFIX")
