// SPDX-License-Identifier: GPL-2.0-only
/*
 * Out of memory takes time.
 *
 * A victim of the OOM killer that cannot die (it waits for a FUSE server, say) has its
 * memory taken by the OOM reaper, two seconds later. Until then whoever needs memory tries
 * again and again, without sleeping. With virtual time, where computing takes none, the two
 * seconds never pass: when that is the server, the guest is stuck for good. So each try
 * sleeps for a jiffy.
 *
 * uml/kernel/cc puts this in front of arch/um/kernel/um_arch.c: the tree stays as it is.
 */
#include <linux/init.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/time-internal.h>

static int oom_takes_time(struct notifier_block *nb, unsigned long unused,
			  void *freed)
{
	if (time_travel_mode == TT_MODE_INFCPU)
		schedule_timeout_uninterruptible(1);
	return NOTIFY_OK;
}

static struct notifier_block oom_block = { .notifier_call = oom_takes_time };

static int __init oom_init(void)
{
	return register_oom_notifier(&oom_block);
}
core_initcall(oom_init);
