// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file in which a guest's kernel keeps what it has run: uml/kernel/edges.c. Its first
 * word says of which code that is: a sum of the kernel's .text, which is the same with and
 * without debug information. (The kernel cannot tell: a debugger writes breakpoints there.)
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervise.h"

enum { SIZE = 8 * (2 + (1 << 15)) };

static uint64_t sum_of_text(const void *file, size_t size)
{
	const Elf64_Ehdr *head = file;
	const Elf64_Shdr *section;
	uint64_t sum = 0;

	if (size < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) ||
	    head->e_ident[EI_CLASS] != ELFCLASS64 ||
	    head->e_shoff + head->e_shnum * sizeof(*section) > size ||
	    head->e_shstrndx >= head->e_shnum)
		return 0;
	section = (const void *)((const char *)file + head->e_shoff);
	for (int i = 0; i < head->e_shnum; i++) {
		uint64_t name = section[head->e_shstrndx].sh_offset +
				section[i].sh_name;
		const uint64_t *word;

		if (name + sizeof(".text") > size ||
		    strcmp((const char *)file + name, ".text") ||
		    section[i].sh_offset + section[i].sh_size > size)
			continue;
		word = (const void *)((const char *)file +
				      (section[i].sh_offset & ~7UL));
		for (uint64_t n = section[i].sh_size / 8; n; n--)
			sum = (sum ^ *word++) * 0x100000001b3;
		return sum;
	}
	return 0;
}

static uint64_t sum_of_kernel(const char *kernel)
{
	int fd = open(kernel, O_RDONLY | O_CLOEXEC);
	uint64_t sum = 0;
	struct stat st;
	void *file;

	if (fd < 0 || fstat(fd, &st))
		cannot("%s: %s", kernel, strerror(errno));
	file = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (file != MAP_FAILED) {
		sum = sum_of_text(file, st.st_size);
		munmap(file, st.st_size);
	}
	close(fd);
	if (!sum)
		cannot("%s: no ELF file with a .text", kernel);
	return sum;
}

/* Opened, or made: what another kernel has run is thrown away. */
int open_edges(const char *name, const char *kernel)
{
	uint64_t sum = sum_of_kernel(kernel), was = 0;

	for (;;) {
		int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

		if (fd < 0 || ftruncate(fd, SIZE) ||
		    pread(fd, &was, sizeof(was), 0) != sizeof(was))
			cannot("--coverage %s: %s", name, strerror(errno));
		if (was == sum)
			return fd;
		if (!was) {
			if (pwrite(fd, &sum, sizeof(sum), 0) != sizeof(sum))
				cannot("--coverage %s: %s", name,
				       strerror(errno));
			return fd;
		}
		/* another guest may have it mapped: a new file */
		close(fd);
		if (unlink(name))
			cannot("--coverage %s: %s", name, strerror(errno));
	}
}
