/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest ELF files that have a closure: a header, program headers, an interpreter. */
#ifndef ASSAY_TESTS_UNIT_ATTEST_ELF_FILE_H
#define ASSAY_TESTS_UNIT_ATTEST_ELF_FILE_H

#include <elf.h>
#include <string.h>

#define ELF_FILE_MAX 8192u

struct elf_file {
	unsigned char bytes[ELF_FILE_MAX];
	size_t len;
};

/* interpreter NULL: static. It stands at `at`, or right behind the headers when at is 0. */
static inline void elf_make(struct elf_file *elf, const char *interpreter, size_t at)
{
	size_t headers = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
	Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_phoff = sizeof(header),
		.e_ehsize = sizeof(header),
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2,
	};
	Elf64_Phdr segments[2] = {{.p_type = PT_NULL}, {.p_type = PT_NULL}};
	memset(elf, 0, sizeof(*elf));
	elf->len = headers;
	if (interpreter) {
		size_t len = strlen(interpreter) + 1;
		at = at ? at : headers;
		segments[1] = (Elf64_Phdr){.p_type = PT_INTERP, .p_offset = at, .p_filesz = len};
		memcpy(elf->bytes + at, interpreter, len);
		elf->len = at + len;
	}
	memcpy(elf->bytes, &header, sizeof(header));
	memcpy(elf->bytes + sizeof(header), segments, sizeof(segments));
}

static inline Elf64_Phdr *elf_segment(struct elf_file *elf, size_t i)
{
	return (Elf64_Phdr *)(void *)(elf->bytes + sizeof(Elf64_Ehdr) + i * sizeof(Elf64_Phdr));
}

#endif
