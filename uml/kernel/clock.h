/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * UML's clock counts in units of 256 ns, and a jiffy of 10 ms is 39062.5 of them: the
 * coarse clock, which moves by whole jiffies of 39063, falls behind the timers. With
 * virtual time, where everything happens on the jiffy, `sleep 1` then leaves the second of
 * a file's times as it was. uml/kernel/cc puts this in front of arch/um/kernel/time.c.
 */
#include <linux/time-internal.h>

#undef TIMER_MULTIPLIER
#define TIMER_MULTIPLIER 250
