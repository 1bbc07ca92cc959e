// SPDX-License-Identifier: GPL-2.0-only
/*
 * Exploration: other orders of the kernel's tasks, exactly, by letting one wait at a tick.
 *
 * Included by ticks.c. In virtual time a task that sleeps for one tick of the clock
 * sleeps until all others are blocked: a race window, held open for as long as it takes,
 * for nothing. A schedule is a list of such waits. A task is named by its pid and a place
 * in its life by how many ticks it had since exploration began, which no other task's
 * waiting changes.
 *
 *	explore.waits=PID:N:J,...   task PID waits J jiffies at its N-th tick
 *	explore.schedule=FILE       the same, one a line, in a file of the guest
 *	explore.random=SEED:R       one tick in R is a wait, of 1 to 3 jiffies, by chance: the
 *				    same in each run, as SEED, PID and N decide
 *	explore.changes=G:J,...     whoever has the G-th tick of all that could be waits: PCT's
 *				    points of change
 *	explore.after=TICK	    random only after this tick
 *	explore.task=NAME	    random and changes only in tasks of this name
 *	explore.points=FILE	    random and changes only at these places, and only they are
 *				    counted: 32-bit return addresses, in a file of the guest
 *	explore.trace=1		    print each place where a task could wait
 *	explore.go=0		    not from the start of the command: when it is set to 1
 *
 * A tick can be a wait when the task may sleep: it holds no spinlock, has interrupts on,
 * and is not about to sleep already. The log tells each wait, and at the end the totals:
 *
 *	explore: wait PID:N:J tick T pc ADDRESS NAME
 *	explore: point PID:N tick T pc ADDRESS NAME
 *	explore: end, P points
 */
#include <linux/bitops.h>
#include <linux/kernel_read_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "explore."

#define EXPLORE_PIDS 4096
#define EXPLORE_WAITS 4096
/* random ones: with more, a task that has much to do looks like one that hangs */
#define EXPLORE_RANDOM_WAITS 500

struct explore_wait {
	unsigned int pid, nth, jiffies;
};

static bool explore_on, explore_from_start = true, explore_trace;
static struct explore_wait explore_waits[EXPLORE_WAITS], explore_changes[8];
static unsigned int explore_nr_waits, explore_nr_changes;
static unsigned int explore_seed, explore_rate, explore_nr_random;
static unsigned long explore_after, explore_points;
static char *explore_points_file, *explore_schedule_file, *explore_task;
static unsigned int explore_nth[EXPLORE_PIDS];
/* a bit for each address where a wait may be, from the first */
static unsigned long *explore_map;
static u32 explore_first, explore_last;

static bool explore_asked(void)
{
	return explore_nr_waits || explore_nr_changes || explore_rate ||
	       explore_trace || explore_schedule_file || explore_points_file;
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

static bool explore_is_point(unsigned long pc)
{
	if (!explore_map)
		return true;
	return pc >= explore_first && pc <= explore_last &&
	       test_bit(pc - explore_first, explore_map);
}

/* The same for equal arguments, and otherwise as good as by chance. */
static u32 explore_chance(u32 pid, u32 nth)
{
	u64 x = ((u64)explore_seed << 32 | pid << 20) + nth;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return (x ^ x >> 31) >> 8;
}

static unsigned int explore_find(const struct explore_wait *list,
				 unsigned int n, unsigned int pid,
				 unsigned int nth)
{
	for (unsigned int i = 0; i < n; i++)
		if (list[i].nth == nth && list[i].pid == pid)
			return list[i].jiffies;
	return 0;
}

static void explore_tick(unsigned long pc)
{
	unsigned int pid = current->pid, nth, wait;

	if (pid >= EXPLORE_PIDS)
		return;
	nth = ++explore_nth[pid];
	if (!explore_may_wait())
		return;
	wait = explore_find(explore_waits, explore_nr_waits, pid, nth);
	if (explore_is_point(pc) &&
	    (!explore_task || !strcmp(explore_task, current->comm))) {
		explore_points++;
		if (explore_trace)
			pr_info("explore: point %u:%u tick %lu pc %lx %s\n",
				pid, nth, ticks, pc, current->comm);
		if (!wait)
			wait = explore_find(explore_changes, explore_nr_changes,
					    0, explore_points);
		if (!wait && explore_rate && ticks > explore_after &&
		    explore_nr_random < EXPLORE_RANDOM_WAITS) {
			u32 chance = explore_chance(pid, nth);

			if (chance % explore_rate == 0) {
				wait = 1 + chance / explore_rate % 3;
				explore_nr_random++;
			}
		}
	}
	if (!wait)
		return;
	pr_info("explore: wait %u:%u:%u tick %lu pc %lx %s\n", pid, nth, wait,
		ticks, pc, current->comm);
	schedule_timeout_uninterruptible(wait);
}

static int explore_add(struct explore_wait *list, unsigned int *n,
		       unsigned int max, struct explore_wait wait)
{
	if (*n == max)
		return -ENOSPC;
	if (!wait.jiffies)
		return -EINVAL;
	list[(*n)++] = wait;
	return 0;
}

/* Files are read when the guest has some. */
static int explore_read(const char *path, void **data)
{
	ssize_t size = kernel_read_file_from_path(path, 0, data, INT_MAX, NULL,
						  READING_UNKNOWN);

	if (size < 0)
		pr_err("explore: %s: error %zd\n", path, size);
	return size;
}

static bool explore_read_schedule(void)
{
	char *text, *line, *rest;
	void *data = NULL;
	int size = explore_read(explore_schedule_file, &data);

	if (size < 0)
		return false;
	text = kmemdup_nul(data, size, GFP_KERNEL);
	vfree(data);
	for (rest = text; (line = strsep(&rest, "\n"));) {
		struct explore_wait wait;

		if (sscanf(line, "%u:%u:%u", &wait.pid, &wait.nth,
			   &wait.jiffies) == 3 &&
		    explore_add(explore_waits, &explore_nr_waits, EXPLORE_WAITS,
				wait)) {
			pr_err("explore: %s: too many waits\n",
			       explore_schedule_file);
			return false;
		}
	}
	kfree(text);
	return true;
}

static bool explore_read_points(void)
{
	void *data = NULL;
	int size = explore_read(explore_points_file, &data);
	u32 *at = data;

	if (size < (int)sizeof(*at))
		return false;
	size /= sizeof(*at);
	explore_first = explore_last = at[0];
	for (int i = 0; i < size; i++) {
		explore_first = min(explore_first, at[i]);
		explore_last = max(explore_last, at[i]);
	}
	explore_map = vzalloc(BITS_TO_LONGS(explore_last - explore_first + 1) *
			      sizeof(long));
	if (!explore_map)
		return false;
	for (int i = 0; i < size; i++)
		__set_bit(at[i] - explore_first, explore_map);
	vfree(data);
	return true;
}

static void explore_set(bool on)
{
	if (on && !explore_on)
		pr_info("explore: on at tick %lu\n", ticks);
	if (!on && explore_on)
		pr_info("explore: end, %lu points\n", explore_points);
	explore_on = on;
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
	if ((explore_schedule_file && !explore_read_schedule()) ||
	    (explore_points_file && !explore_read_points()))
		return;
	if (explore_from_start)
		explore_set(true);
}

static int explore_set_list(const char *value, struct explore_wait *list,
			    unsigned int *n, unsigned int max, bool pid)
{
	int err = 0;

	for (; !err && *value; value += strcspn(value, ",")) {
		struct explore_wait wait = {};
		bool read;

		value += *value == ',';
		read = pid ? sscanf(value, "%u:%u:%u", &wait.pid, &wait.nth,
				    &wait.jiffies) == 3 :
			     sscanf(value, "%u:%u", &wait.nth, &wait.jiffies) ==
				       2;
		err = read ? explore_add(list, n, max, wait) : -EINVAL;
	}
	return err;
}

static int explore_set_waits(const char *value, const struct kernel_param *kp)
{
	return explore_set_list(value, explore_waits, &explore_nr_waits,
				EXPLORE_WAITS, true);
}

static int explore_set_changes(const char *value, const struct kernel_param *kp)
{
	return explore_set_list(value, explore_changes, &explore_nr_changes,
				ARRAY_SIZE(explore_changes), false);
}

static int explore_set_random(const char *value, const struct kernel_param *kp)
{
	return sscanf(value, "%u:%u", &explore_seed, &explore_rate) == 2 ?
		       0 :
		       -EINVAL;
}

/* On the command line: whether from the start. By the command: from now. */
static int explore_set_go(const char *value, const struct kernel_param *kp)
{
	bool on;
	int err = kstrtobool(value, &on);

	if (err)
		return err;
	explore_from_start = on;
	if (ticks_on && explore_asked())
		explore_set(on);
	return 0;
}

static const struct kernel_param_ops explore_waits_ops = {
	.set = explore_set_waits
};
static const struct kernel_param_ops explore_changes_ops = {
	.set = explore_set_changes
};
static const struct kernel_param_ops explore_random_ops = {
	.set = explore_set_random
};
static const struct kernel_param_ops explore_go_ops = { .set = explore_set_go };
module_param_cb(waits, &explore_waits_ops, NULL, 0);
module_param_cb(changes, &explore_changes_ops, NULL, 0);
module_param_cb(random, &explore_random_ops, NULL, 0);
module_param_cb(go, &explore_go_ops, NULL, 0200);
module_param_named(schedule, explore_schedule_file, charp, 0);
module_param_named(points, explore_points_file, charp, 0);
module_param_named(after, explore_after, ulong, 0);
module_param_named(task, explore_task, charp, 0);
module_param_named(trace, explore_trace, bool, 0);

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "ticks."
