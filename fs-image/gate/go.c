// SPDX-License-Identifier: GPL-2.0-only
/* See go.h. */
#define _GNU_SOURCE
#include "go.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

bool go_hooked, is_device[DESCRIPTORS];

/*
 * Syscall6 since Go 1.19: its arguments are in Go's registers (number rax; rbx, rcx, rdi,
 * rsi, r8, r9), and are brought into the kernel's. What follows tests for an error.
 */
static const unsigned char syscall6[] = {
	0x49, 0x89, 0xf2, /* mov %rsi,%r10 */
	0x48, 0x89, 0xfa, /* mov %rdi,%rdx */
	0x48, 0x89, 0xce, /* mov %rcx,%rsi */
	0x48, 0x89, 0xdf, /* mov %rbx,%rdi */
	0x0f, 0x05, /* syscall */
	0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, /* cmp $-4095,%rax */
};
enum { REPLACED = 14 }; /* up to the test */

/* Where it goes on; the stack of this thread for C, as a goroutine's is small */
__attribute__((visibility("hidden"))) void *go_back;
__attribute__((visibility("hidden"),
	       tls_model("initial-exec"))) __thread char *go_stack;

__attribute__((visibility("hidden"))) long
go_call(long a1, long a2, long a3, long a4, long a5, long a6, long nr);
void go_entry(void);

long go_call(long a1, long a2, long a3, long a4, long a5, long a6, long nr)
{
	long n;

	switch (nr) {
	case SYS_read:
		n = read(a1, (void *)a2, a3);
		break;
	case SYS_write:
		n = write(a1, (void *)a2, a3);
		break;
	case SYS_readv:
		n = readv(a1, (void *)a2, a3);
		break;
	case SYS_writev:
		n = writev(a1, (void *)a2, a3);
		break;
	case SYS_splice:
		n = splice(a1, (void *)a2, a3, (void *)a4, a5, a6);
		break;
	default:
		n = close(a1);
		break;
	}
	return n < 0 ? -errno : n;
}

/*
 * Calls for a descriptor that is no device go on as they were, without touching memory: a
 * child between fork and exec may make them. (1f2fh: read, write, close, readv, writev.)
 * The others switch to the thread's C stack, 256 KiB, made when first needed. Go wants r14
 * and rbp, which C keeps, and xmm15 to be 0. Its signal handlers have their own stack, and
 * leave a thread in peace that is in a system call.
 */
__asm__(".text\n"
	".globl go_entry\n"
	".hidden go_entry\n"
	".type go_entry, @function\n"
	"go_entry:\n"
	"	mov %rsi, %r10\n"
	"	mov %rdi, %rdx\n"
	"	mov %rcx, %rsi\n"
	"	mov %rbx, %rdi\n"
	"	cmp $275, %rax\n" /* splice */
	"	je 2f\n"
	"	cmp $20, %rax\n"
	"	ja 1f\n"
	"	mov $0x18000b, %r11d\n" /* 0, 1, 3, 19, 20 */
	"	bt %rax, %r11\n"
	"	jnc 1f\n"
	"	cmp $4096, %rdi\n"
	"	jae 1f\n"
	"	lea is_device(%rip), %r11\n"
	"	cmpb $0, (%r11,%rdi)\n"
	"	jne 3f\n"
	"	test %rax, %rax\n" /* a new device? only a large read can tell */
	"	jne 1f\n"
	"	cmp $8192, %rdx\n"
	"	jae 3f\n"
	"1:	syscall\n"
	"	jmp *go_back(%rip)\n"
	"2:	cmp $4096, %rdi\n"
	"	jae 1b\n"
	"	cmp $4096, %rdx\n"
	"	jae 1b\n"
	"	lea is_device(%rip), %r11\n"
	"	cmpb $0, (%r11,%rdi)\n"
	"	jne 3f\n"
	"	cmpb $0, (%r11,%rdx)\n"
	"	je 1b\n"
	"3:	mov go_stack@gottpoff(%rip), %r11\n"
	"	mov %fs:(%r11), %r11\n"
	"	test %r11, %r11\n"
	"	jz 5f\n"
	"4:	mov %rsp, -8(%r11)\n"
	"	lea -32(%r11), %rsp\n"
	"	mov %rax, (%rsp)\n"
	"	mov %r10, %rcx\n"
	"	call go_call\n"
	"	mov 24(%rsp), %rsp\n"
	"	xor %edx, %edx\n"
	"	pxor %xmm15, %xmm15\n"
	"	jmp *go_back(%rip)\n"
	"5:	movq %rax, %xmm0\n"
	"	movq %rdi, %xmm1\n"
	"	movq %rsi, %xmm2\n"
	"	movq %rdx, %xmm3\n"
	"	movq %r10, %xmm4\n"
	"	movq %r8, %xmm5\n"
	"	movq %r9, %xmm6\n"
	"	mov $9, %eax\n" /* mmap, private, of no file */
	"	xor %edi, %edi\n"
	"	mov $0x40000, %esi\n"
	"	mov $3, %edx\n"
	"	mov $0x22, %r10d\n"
	"	mov $-1, %r8\n"
	"	xor %r9d, %r9d\n"
	"	syscall\n"
	"	cmp $-4096, %rax\n"
	"	ja 6f\n"
	"	lea 0x40000(%rax), %r11\n"
	"	mov go_stack@gottpoff(%rip), %rcx\n"
	"	mov %r11, %fs:(%rcx)\n"
	"	movq %xmm0, %rax\n"
	"	movq %xmm1, %rdi\n"
	"	movq %xmm2, %rsi\n"
	"	movq %xmm3, %rdx\n"
	"	movq %xmm4, %r10\n"
	"	movq %xmm5, %r8\n"
	"	movq %xmm6, %r9\n"
	"	jmp 4b\n"
	"6:	ud2\n"
	".size go_entry, . - go_entry\n");

/* The only place in the program's code that is so; NULL: none, or several */
static int find(struct dl_phdr_info *info, size_t size, void *found)
{
	unsigned char **place = found, *at, *end;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
			continue;
		at = (void *)(info->dlpi_addr + p->p_vaddr);
		end = at + p->p_filesz;
		while ((at = memmem(at, end - at, syscall6,
				    sizeof(syscall6)))) {
			if (*place) {
				*place = NULL;
				return 1;
			}
			*place = at++;
		}
	}
	return 1; /* the program itself comes first */
}

static bool put_jump(unsigned char *place)
{
	/* movabs $go_entry,%r11; jmp *%r11 */
	unsigned char jump[REPLACED] = {
		0x49, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xff, 0xe3, 0x90
	};
	uintptr_t page = sysconf(_SC_PAGESIZE), from = (uintptr_t)place & -page;
	void (*to)(void) = go_entry;
	size_t len = (uintptr_t)place + REPLACED - from;

	memcpy(jump + 2, &to, sizeof(to));
	go_back = place + REPLACED;
	if (mprotect((void *)from, len, PROT_READ | PROT_WRITE))
		return false;
	memcpy(place, jump, sizeof(jump));
	return !mprotect((void *)from, len, PROT_READ | PROT_EXEC);
}

/* Before any thread of the program's */
__attribute__((constructor)) static void hook_go(void)
{
	unsigned char *place = NULL;
	int mark;

	dl_iterate_phdr(find, &place);
	if (!place)
		return;
	mark = memfd_create(GO_MARK, MFD_CLOEXEC);
	if (mark < 0 || ftruncate(mark, 1) ||
	    mmap(NULL, 1, PROT_READ, MAP_SHARED, mark, 0) == MAP_FAILED)
		return;
	close(mark);
	go_hooked = put_jump(place);
	if (!go_hooked)
		_exit(127);
}
