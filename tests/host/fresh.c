// SPDX-License-Identifier: GPL-2.0-only
/*
 * For run_stop_at.sh: what a program finds that has just begun.
 *
 *	fresh registers		the FPU's and SSE's, as they are before libc
 *	fresh clock		the CPU's own: rdtsc
 *	fresh random		the CPU's own: rdrand; nothing where it has none
 *	fresh cpuid		what the CPU says of itself, but for its number
 */
#include <cpuid.h>
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

static int print_cpuid(void)
{
	unsigned int a, b, c, d;

	for (unsigned int leaf = 0; leaf < 8; leaf++) {
		__cpuid_count(leaf, 0, a, b, c, d);
		if (leaf == 1)
			b &= 0xffffff; /* above: its number */
		printf("%u: %x %x %x %x\n", leaf, a, b, c, d);
	}
	return 1;
}

static int print_random(void)
{
	unsigned int a, b, c, d;
	unsigned long value;
	unsigned char good = 0;

	__cpuid(1, a, b, c, d);
	if (!(c & bit_RDRND))
		return 1;
	for (int i = 0; i < 100 && !good; i++)
		__asm__ volatile("rdrand %0; setc %1"
				 : "=r"(value), "=qm"(good)
				 :
				 : "cc");
	printf("%lx\n", value);
	return good;
}

int main(int argc, char **argv)
{
	unsigned int low, high;

	if (argc > 1 && !strcmp(argv[1], "registers"))
		return write(1, state, sizeof(state)) != sizeof(state);
	if (argc > 1 && !strcmp(argv[1], "cpuid"))
		return !print_cpuid();
	if (argc > 1 && !strcmp(argv[1], "random"))
		return !print_random();
	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	printf("%u %u\n", high, low);
	return 0;
}
