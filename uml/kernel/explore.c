// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exploration: other orders of the kernel's tasks, exactly, by letting one wait at a tick.
 *
 * Included by ticks.c. In virtual time a task that sleeps for one tick of the clock
 * sleeps until all others are blocked: a race window, held open for as long as it takes,
 * for nothing. A schedule is a list of such waits. A place in a task's life is how many
 * ticks it had since exploration began, which no other task's waiting changes. A task is
 * named by its pid; a program that runs many orders in one guest calls its own tasks 1 to
 * 4 (explore.me), and then kernel threads that do work are FLUSHER, whichever has it.
 *
 *	explore.waits=TASK:N:J,...  TASK waits J jiffies at its N-th tick; J 0: until it is its
 *				    turn, one jiffy after all that wait already. Written
 *				    again: more of them
 *	explore.at=TASK:PC:J,...    TASK waits J jiffies each time that it is at PC
 *	explore.random=SEED:R	    one tick in R is a wait, of 0 to 3 jiffies, by chance: the
 *				    same in each run, as SEED, TASK and N decide; R 0: none
 *	explore.woken=R		    the same at one in R of the first ticks after a sleep
 *	explore.surw=TASK:N,...	    SURW: TASK has N more events, places of explore.points
 *				    where it is chosen by chance, in proportion to what each
 *				    has left, who goes on
 *	explore.pct=SEED:P,...	    PCT: all tasks have priorities by chance, and at each place
 *				    of explore.points whoever has the highest goes on; at the
 *				    P-th place of all, whoever is there gets the lowest
 *	explore.after=TICK	    waits by chance only after this tick
 *	explore.own=1		    these only in tasks of the program's, and the flusher
 *	explore.all=M		    these only at places that have all bits of M in the table
 *	explore.any=M		    ... and one of these
 *	explore.points=FILE	    that table, in a file of the guest: 32-bit return address,
 *				    32 bits. Only these places are counted
 *	explore.trace=1		    print each place where a task could wait
 *	explore.me=ID		    the name of whoever writes it
 *	explore.go=0		    not from the start of the command: when it is set to 1
 *	explore.new=1		    forget waits, names and counts: another order comes
 *
 * A tick can be a wait when the task may sleep: it holds no spinlock, has interrupts on,
 * and is not about to sleep already. The log tells each wait, and at the end the totals,
 * and which pairs of places, one after the other in two tasks, were new in this guest:
 *
 *	explore: on at tick T
 *	explore: wait TASK:N:J tick T pc ADDRESS NAME
 *	explore: point TASK:N tick T pc ADDRESS NAME
 *	explore: pairs HASH HASH...
 *	explore: end, P points, tick T
 */
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/kernel_read_file.h>
#include <linux/sched/rt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <uapi/linux/sched/types.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "explore."

#define EXPLORE_PIDS 4096
/* powers of 2, at most half full */
#define EXPLORE_WAITS_BITS 13
#define EXPLORE_PAIRS_BITS 15
/* by chance: with more, a task that has much to do looks like one that hangs */
#define EXPLORE_CHANCES 500
/* SURW has one at every second event, and most are over at once */
#define EXPLORE_TURNS 4000
#define EXPLORE_NAMES 4
#define EXPLORE_FLUSHER 5

struct explore_wait {
	unsigned int task, nth, jiffies;
};

struct explore_at {
	unsigned int task, jiffies;
	unsigned long pc;
};

/* Of SURW. */
struct explore_share {
	unsigned int task;
	long left;
	bool here; /* it waits until it is chosen */
};

static bool explore_on, explore_from_start = true, explore_trace, explore_own;
static struct explore_wait explore_waits[1 << EXPLORE_WAITS_BITS];
static struct explore_at explore_at[8];
static struct explore_share explore_shares[16], *explore_chosen;
static unsigned int explore_nr_at;
static unsigned int explore_nr_waits, explore_nr_shares, explore_choices;
static unsigned int explore_seed, explore_rate, explore_woken;
static unsigned int explore_nr_chances;
static unsigned int explore_all, explore_any;
static unsigned long explore_after, explore_points;
static char *explore_points_file;
static unsigned int explore_nth[EXPLORE_PIDS];
/* PCT: seed, places where a priority ends, who has been given one */
static unsigned int explore_pct, explore_changes[8], explore_nr_changes;
static bool explore_has_priority[EXPLORE_PIDS];
/* how often it had slept at its last tick */
static unsigned long explore_slept[EXPLORE_PIDS];
static pid_t explore_names[EXPLORE_NAMES + 1], explore_program;
/* a word for each address where a wait may be, from the first; 0: none */
static u32 *explore_map, explore_first, explore_last;
static u32 explore_pairs[1 << EXPLORE_PAIRS_BITS], explore_new_pairs[512];
static unsigned int explore_nr_pairs, explore_nr_new_pairs;
static unsigned long explore_last_pc;
static pid_t explore_last_pid;
/* when the last one that waits will go on */
static unsigned long explore_last_end;

static bool explore_asked(void)
{
	return explore_nr_waits || explore_nr_at || explore_rate ||
	       explore_woken || explore_nr_shares || explore_trace ||
	       explore_pct || explore_points_file;
}

/* May this task sleep here? */
static bool explore_may_wait(void)
{
#ifdef CONFIG_PREEMPT_COUNT
	return !preempt_count() && !irqs_disabled() &&
	       READ_ONCE(current->__state) == TASK_RUNNING &&
	       !is_idle_task(current) && !(current->flags & PF_EXITING);
#else
	return false;
#endif
}

static unsigned int explore_task(void)
{
	if (!explore_program)
		return current->pid;
	if (current->flags & PF_WQ_WORKER)
		return EXPLORE_FLUSHER;
	for (unsigned int i = 1; i <= EXPLORE_NAMES; i++)
		if (explore_names[i] == current->pid)
			return i;
	return current->pid;
}

static bool explore_is_point(unsigned long pc)
{
	u32 bits;

	if (!explore_map)
		return true;
	if (pc < explore_first || pc > explore_last)
		return false;
	bits = explore_map[pc - explore_first];
	return bits && (bits & explore_all) == explore_all &&
	       (!explore_any || bits & explore_any);
}

/* The same for equal arguments, and otherwise as good as by chance. */
static u32 explore_chance(u32 task, u32 nth)
{
	u64 x = ((u64)explore_seed << 32 | task << 20) + nth;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return (x ^ x >> 31) >> 8;
}

/* Where it is, or a free place for it */
static struct explore_wait *explore_find(unsigned int task, unsigned int nth)
{
	u32 at = hash_32(task << 20 ^ nth, EXPLORE_WAITS_BITS);

	while (explore_waits[at].nth &&
	       (explore_waits[at].nth != nth || explore_waits[at].task != task))
		at = (at + 1) % ARRAY_SIZE(explore_waits);
	return &explore_waits[at];
}

/* Somebody else went on where another had been: an order of two places. */
static void explore_pair(unsigned long pc)
{
	u32 pair, at;

	if (explore_last_pid != current->pid && explore_last_pc) {
		pair = hash_64((u64)explore_last_pc << 32 | (u32)pc, 32) ?: 1;
		at = pair >> (32 - EXPLORE_PAIRS_BITS);
		while (explore_pairs[at] && explore_pairs[at] != pair)
			at = (at + 1) % ARRAY_SIZE(explore_pairs);
		if (!explore_pairs[at] &&
		    explore_nr_pairs < ARRAY_SIZE(explore_pairs) / 2 &&
		    explore_nr_new_pairs < ARRAY_SIZE(explore_new_pairs)) {
			explore_pairs[at] = pair;
			explore_nr_pairs++;
			explore_new_pairs[explore_nr_new_pairs++] = pair;
		}
	}
	explore_last_pid = current->pid;
	explore_last_pc = pc;
}

/*
 * SURW (Zhao, Wolff, Mathur, Roychoudhury, ASPLOS 2025): who has more events left is more
 * likely to be next, so that all orders of the events are as likely.
 */
static void explore_choose(bool among_those_here)
{
	long sum = 0, at;
	unsigned int i;

	explore_chosen = NULL;
	explore_choices++;
	for (i = 0; i < explore_nr_shares; i++)
		if (!among_those_here || explore_shares[i].here)
			sum += max(explore_shares[i].left, 0L) +
			       among_those_here;
	if (!sum)
		return;
	at = explore_chance(0xfff, explore_choices) % sum;
	for (i = 0; i < explore_nr_shares; i++) {
		if (among_those_here && !explore_shares[i].here)
			continue;
		at -= max(explore_shares[i].left, 0L) + among_those_here;
		if (at < 0)
			break;
	}
	explore_chosen = &explore_shares[i];
}

/* For how long did it wait until it was chosen? */
static unsigned int explore_event(unsigned int task)
{
	struct explore_share *me;
	unsigned int slept = 0, seen;

	for (me = explore_shares; me < explore_shares + explore_nr_shares; me++)
		if (me->task == task)
			break;
	if (me == explore_shares + explore_nr_shares)
		return 0;
	if (!explore_chosen)
		explore_choose(false);
	me->here = true;
	while (explore_chosen && explore_chosen != me &&
	       explore_nr_chances < EXPLORE_TURNS && explore_on) {
		seen = explore_choices;
		explore_nr_chances++;
		slept++;
		schedule_timeout_uninterruptible(1);
		/* who is chosen is blocked by something else */
		if (seen == explore_choices)
			explore_choose(true);
	}
	me->here = false;
	me->left--;
	explore_choose(false);
	return slept;
}

/*
 * PCT (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): the scheduler's own
 * priorities, and at each place whoever was woken and has a higher one goes first.
 */
#define EXPLORE_LOWEST 1
#define EXPLORE_FIRST (EXPLORE_LOWEST + ARRAY_SIZE(explore_changes))

static void explore_give_priority(struct task_struct *task, int priority)
{
	struct sched_param param = { .sched_priority = priority };

	if (task->pid >= EXPLORE_PIDS)
		return;
	explore_has_priority[task->pid] = priority;
	sched_setscheduler_nocheck(task, priority ? SCHED_FIFO : SCHED_NORMAL,
				   &param);
}

static void explore_first_priority(struct task_struct *task)
{
	unsigned int name = task->pid;

	/* the program itself only waits for its tasks */
	if (task->tgid == explore_program || task->tgid == 1 ||
	    (!task->mm && !(task->flags & PF_WQ_WORKER)) ||
	    task->policy != SCHED_NORMAL)
		return;
	for (unsigned int i = 1; i <= EXPLORE_NAMES; i++)
		if (explore_names[i] == task->pid)
			name = i;
	explore_give_priority(
		task, EXPLORE_FIRST + explore_chance(name, 0) %
					      (MAX_RT_PRIO - EXPLORE_FIRST));
}

static void explore_priorities(bool on)
{
	struct task_struct *process, *task;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (on)
			explore_first_priority(task);
		else if (task->pid < EXPLORE_PIDS &&
			 explore_has_priority[task->pid])
			explore_give_priority(task, 0);
	}
	rcu_read_unlock();
}

static void explore_next_by_priority(void)
{
	/* a worker that is new */
	if (!explore_has_priority[current->pid])
		explore_first_priority(current);
	for (unsigned int i = 0; i < explore_nr_changes; i++)
		if (explore_changes[i] == explore_points)
			explore_give_priority(current, EXPLORE_LOWEST + i);
	if (need_resched())
		schedule();
}

/*
 * In virtual time a jiffy ends when all are blocked. Who waits until it is his turn goes
 * on in a jiffy of his own, after all that waited before: PCT's priorities, each lower
 * than the one before.
 */
static unsigned int explore_length(unsigned int wait)
{
	unsigned long end = jiffies + wait;

	if (!wait) {
		end = jiffies + 1;
		if (time_after_eq(explore_last_end, end))
			end = explore_last_end + 1;
	}
	if (time_after(end, explore_last_end) && end - jiffies < 10)
		explore_last_end = end;
	return end - jiffies;
}

/* By chance: for how long, or not (-1)? */
static int explore_draw(unsigned int task, unsigned int nth, bool woken)
{
	u32 chance = explore_chance(task, nth);
	unsigned int rate = explore_rate;

	if (woken && explore_woken && (!rate || explore_woken < rate))
		rate = explore_woken;
	if (!rate || chance % rate || explore_nr_chances >= EXPLORE_CHANCES)
		return -1;
	explore_nr_chances++;
	return chance / rate % 4;
}

static void explore_tick(unsigned long pc)
{
	unsigned int task = explore_task(), nth, slept = 0;
	unsigned long tick = ticks;
	struct explore_wait *asked;
	int wait = -1;
	bool woken;

	if (task >= EXPLORE_PIDS)
		return;
	nth = ++explore_nth[task];
	if (!explore_may_wait())
		return;
	woken = explore_slept[task] != current->nvcsw && nth > 1;
	if (explore_nr_waits) {
		asked = explore_find(task, nth);
		if (asked->nth)
			wait = asked->jiffies;
	}
	for (unsigned int i = 0; i < explore_nr_at && wait < 0; i++)
		if (explore_at[i].task == task && explore_at[i].pc == pc &&
		    explore_nr_chances < EXPLORE_CHANCES) {
			wait = explore_at[i].jiffies;
			explore_nr_chances++;
		}
	if (explore_is_point(pc)) {
		explore_points++;
		explore_pair(pc);
		if (explore_trace)
			pr_info("explore: point %u:%u tick %lu pc %lx %s\n",
				task, nth, ticks, pc, current->comm);
		if (explore_pct)
			explore_next_by_priority();
		if (ticks > explore_after && wait < 0 &&
		    (!explore_own || task <= EXPLORE_FLUSHER)) {
			wait = explore_draw(task, nth, woken);
			if (explore_nr_shares)
				slept = explore_event(task);
		}
	}
	if (wait >= 0)
		wait = explore_length(wait);
	else
		wait = 0;
	if (wait || slept)
		pr_info("explore: wait %u:%u:%u tick %lu pc %lx %s\n", task,
			nth, wait + slept, tick, pc, current->comm);
	if (wait)
		schedule_timeout_uninterruptible(wait);
	explore_slept[task] = current->nvcsw;
}

static bool explore_read_points(void)
{
	void *data = NULL;
	ssize_t size = kernel_read_file_from_path(
		explore_points_file, 0, &data, INT_MAX, NULL, READING_UNKNOWN);
	u32 *at = data;

	if (size < (ssize_t)(2 * sizeof(*at))) {
		pr_err("explore: %s: error %zd\n", explore_points_file, size);
		return false;
	}
	size /= sizeof(*at);
	explore_first = explore_last = at[0];
	for (ssize_t i = 0; i + 1 < size; i += 2) {
		explore_first = min(explore_first, at[i]);
		explore_last = max(explore_last, at[i]);
	}
	explore_map = vzalloc((explore_last - explore_first + 1) *
			      sizeof(*explore_map));
	if (!explore_map)
		return false;
	for (ssize_t i = 0; i + 1 < size; i += 2)
		explore_map[at[i] - explore_first] = at[i + 1];
	vfree(data);
	return true;
}

static void explore_say_pairs(void)
{
	char line[256];
	int used = 0;

	for (unsigned int i = 0; i < explore_nr_new_pairs; i++) {
		used += scnprintf(line + used, sizeof(line) - used, " %x",
				  explore_new_pairs[i]);
		if (used < (int)sizeof(line) - 10 &&
		    i + 1 < explore_nr_new_pairs)
			continue;
		pr_info("explore: pairs%s\n", line);
		used = 0;
	}
}

static void explore_set(bool on)
{
	if (on != explore_on && explore_pct)
		explore_priorities(on);
	if (on && !explore_on) {
		pr_info("explore: on at tick %lu\n", ticks);
		explore_last_pc = 0;
	}
	if (!on && explore_on) {
		explore_say_pairs();
		pr_info("explore: end, %lu points, tick %lu\n", explore_points,
			ticks);
	}
	explore_on = on;
	ticks_decide();
}

/* The command is about to start. */
static void explore_begin(void)
{
	if (!explore_asked())
		return;
	if (!IS_ENABLED(CONFIG_PREEMPT_COUNT)) {
		pr_err("explore: this kernel does not know when a task may sleep (CONFIG_PREEMPT_COUNT)\n");
		return;
	}
	if (explore_points_file && !explore_read_points())
		return;
	if (explore_from_start)
		explore_set(true);
}

static int explore_set_waits(const char *value, const struct kernel_param *kp)
{
	struct explore_wait wait, *at;

	for (; *value && *value != '\n'; value += strcspn(value, ",")) {
		value += *value == ',';
		if (sscanf(value, "%u:%u:%u", &wait.task, &wait.nth,
			   &wait.jiffies) != 3 ||
		    !wait.nth)
			return -EINVAL;
		if (explore_nr_waits == ARRAY_SIZE(explore_waits) / 2)
			return -ENOSPC;
		at = explore_find(wait.task, wait.nth);
		explore_nr_waits += !at->nth;
		*at = wait;
	}
	return 0;
}

static int explore_set_at(const char *value, const struct kernel_param *kp)
{
	for (; *value && *value != '\n'; value += strcspn(value, ",")) {
		struct explore_at at;

		value += *value == ',';
		if (sscanf(value, "%u:%lx:%u", &at.task, &at.pc, &at.jiffies) !=
		    3)
			return -EINVAL;
		if (explore_nr_at == ARRAY_SIZE(explore_at))
			return -ENOSPC;
		explore_at[explore_nr_at++] = at;
	}
	return 0;
}

static int explore_set_surw(const char *value, const struct kernel_param *kp)
{
	for (; *value && *value != '\n'; value += strcspn(value, ",")) {
		struct explore_share share = {};

		value += *value == ',';
		if (sscanf(value, "%u:%ld", &share.task, &share.left) != 2)
			return -EINVAL;
		if (explore_nr_shares == ARRAY_SIZE(explore_shares))
			return -ENOSPC;
		explore_shares[explore_nr_shares++] = share;
	}
	return 0;
}

static int explore_set_random(const char *value, const struct kernel_param *kp)
{
	return sscanf(value, "%u:%u", &explore_seed, &explore_rate) == 2 ?
		       0 :
		       -EINVAL;
}

static int explore_set_pct(const char *value, const struct kernel_param *kp)
{
	if (sscanf(value, "%u", &explore_pct) != 1 || !explore_pct)
		return -EINVAL;
	explore_seed = explore_pct;
	while ((value = strpbrk(value, ":,"))) {
		if (explore_nr_changes == ARRAY_SIZE(explore_changes))
			return -ENOSPC;
		if (sscanf(++value, "%u",
			   &explore_changes[explore_nr_changes++]) != 1)
			return -EINVAL;
	}
	return 0;
}

/* On the command line: whether from the start. By the command: from now. */
static int explore_set_go(const char *value, const struct kernel_param *kp)
{
	bool on;
	int err = kstrtobool(value, &on);

	if (err)
		return err;
	explore_from_start = on;
	if (ticks_on && (explore_asked() || explore_program))
		explore_set(on);
	return 0;
}

static int explore_set_new(const char *value, const struct kernel_param *kp)
{
	explore_set(false);
	explore_program = current->tgid;
	explore_nr_waits = explore_nr_at = explore_nr_shares = 0;
	explore_nr_chances = 0;
	explore_seed = explore_rate = explore_woken = 0;
	explore_pct = explore_nr_changes = 0;
	explore_all = explore_any = 0;
	explore_after = explore_points = explore_choices = 0;
	explore_nr_new_pairs = 0;
	explore_last_end = jiffies;
	explore_trace = explore_own = false;
	explore_chosen = NULL;
	memset(explore_waits, 0, sizeof(explore_waits));
	memset(explore_nth, 0, sizeof(explore_nth));
	memset(explore_names, 0, sizeof(explore_names));
	return 0;
}

static int explore_set_me(const char *value, const struct kernel_param *kp)
{
	unsigned int name;
	int err = kstrtouint(value, 0, &name);

	if (err)
		return err;
	if (!name || name > EXPLORE_NAMES)
		return -EINVAL;
	explore_names[name] = current->pid;
	return 0;
}

#define EXPLORE_WRITTEN(name)                                         \
	static const struct kernel_param_ops explore_##name##_ops = { \
		.set = explore_set_##name                             \
	};                                                            \
	module_param_cb(name, &explore_##name##_ops, NULL, 0200)
EXPLORE_WRITTEN(waits);
EXPLORE_WRITTEN(at);
EXPLORE_WRITTEN(surw);
EXPLORE_WRITTEN(pct);
EXPLORE_WRITTEN(random);
EXPLORE_WRITTEN(go);
EXPLORE_WRITTEN(new);
EXPLORE_WRITTEN(me);
module_param_named(points, explore_points_file, charp, 0);
module_param_named(woken, explore_woken, uint, 0200);
module_param_named(after, explore_after, ulong, 0200);
module_param_named(own, explore_own, bool, 0200);
module_param_named(all, explore_all, uint, 0200);
module_param_named(any, explore_any, uint, 0200);
module_param_named(trace, explore_trace, bool, 0200);

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "ticks."
