// SPDX-License-Identifier: GPL-2.0-only
/*
 * For run_stop_at.sh: what a program finds that has just begun.
 *
 *	fresh registers		the FPU's and SSE's, as they are before libc
 *	fresh clock		the CPU's own: rdtsc
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static unsigned char state[512] __attribute__((aligned(16)));

/* (static, so that nothing has run before this but the entry) */
static void first(void)
{
	__asm__ volatile("fxsave %0" : "=m"(state));
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const begin)(void) = first;

int main(int argc, char **argv)
{
	unsigned int low, high;

	if (argc > 1 && !strcmp(argv[1], "registers"))
		return write(1, state, sizeof(state)) != sizeof(state);
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	printf("%u %u\n", high, low);
	return 0;
}
