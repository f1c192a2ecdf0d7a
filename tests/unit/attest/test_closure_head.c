/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attest/closure.h"
#include "tests/unit/attest/elf_file.h"

static struct elf_file elf;
static struct closure_head head;
static struct err err;

static bool parse(struct bytes in)
{
	memset(&err, 0, sizeof(err));
	return closure_head_parse(in, &head, &err);
}

static bool parse_elf(void)
{
	return parse(bytes_of(elf.bytes, elf.len));
}

static void assert_refused(enum err_code code, const char *text)
{
	assert_int_equal(err.code, code);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" lacks \"%s\"", err.text, text);
}

static void closure_head__dynamic__interpreter(void **state)
{
	(void)state;
	elf_make(&elf, "/lib64/ld.so", 0);
	assert_true(parse_elf());
	assert_int_equal(head.kind, CLOSURE_DYNAMIC);
	assert_string_equal(head.interpreter, "/lib64/ld.so");
	assert_int_equal(head.interpreter_len, 0);
}

static void closure_head__no_interpreter__static(void **state)
{
	(void)state;
	elf_make(&elf, NULL, 0);
	assert_true(parse_elf());
	assert_int_equal(head.kind, CLOSURE_STATIC);
	assert_string_equal(head.interpreter, "");
}

static void closure_head__dynamic_section__said_where(void **state)
{
	(void)state;
	elf_make(&elf, "/lib64/ld.so", 0);
	*elf_segment(&elf, 0) =
		(Elf64_Phdr){.p_type = PT_DYNAMIC, .p_offset = 1 << 20, .p_filesz = 512};
	assert_true(parse_elf());
	assert_int_equal(head.dynamic_at, 1 << 20);
	assert_int_equal(head.dynamic_len, 512);
	elf_segment(&elf, 0)->p_filesz = CLOSURE_DYNAMIC_MAX + 1;
	assert_false(parse_elf());
	assert_refused(ERR_FORMAT, "PT_DYNAMIC of 65537 bytes");
}

static void closure_head__interpreter_behind_the_head__to_be_read(void **state)
{
	(void)state;
	elf_make(&elf, "/lib64/ld.so", 4096);
	assert_true(parse(bytes_of(elf.bytes, 1000)));
	assert_int_equal(head.kind, CLOSURE_DYNAMIC);
	assert_int_equal(head.interpreter_at, 4096);
	assert_int_equal(head.interpreter_len, 13);
	assert_true(closure_head_interpreter(bytes_of(elf.bytes + 4096, 13), &head, &err));
	assert_string_equal(head.interpreter, "/lib64/ld.so");
}

static void closure_head__elf_cut_anywhere__never_more_than_its_headers_say(void **state)
{
	(void)state;
	elf_make(&elf, "/lib64/ld.so", 0);
	for (size_t len = 0; len < elf.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, elf.bytes, len);
		bool done = parse(bytes_of(exact, len));
		free(exact);
		/* From where all headers are there, only the interpreter has to be fetched. */
		assert_int_equal(done, len >= sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr));
		assert_true(!done || head.interpreter_len == 13);
	}
}

static void closure_head__interpreters_that_lie__refused(void **state)
{
	(void)state;
	static const struct {
		const char *interpreter;
		const char *text;
	} cases[] = {
		{"ld.so", "PT_INTERP: its interpreter is no absolute path"},
		{"", "PT_INTERP of 1 bytes"},
		{"/lib/ld\n.so", "control characters"},
		{"/lib/l\x1b[2J", "control characters"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		elf_make(&elf, cases[i].interpreter, 0);
		assert_false(parse_elf());
		assert_refused(ERR_FORMAT, cases[i].text);
	}
}

static void closure_head__segments_that_lie__refused(void **state)
{
	(void)state;
	static const struct {
		uint64_t offset, size;
		const char *text;
	} cases[] = {
		{200, 0, "PT_INTERP of 0 bytes"},
		{200, 4097, "PT_INTERP of 4097 bytes"},
		{200, UINT64_MAX, "PT_INTERP of 18446744073709551615 bytes"},
		{UINT64_MAX - 4, 13, "PT_INTERP of 13 bytes"},
		{176, 12, "PT_INTERP does not end in NUL"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		elf_make(&elf, "/lib64/ld.so", 0);
		elf_segment(&elf, 1)->p_offset = cases[i].offset;
		elf_segment(&elf, 1)->p_filesz = cases[i].size;
		assert_false(parse_elf());
		assert_refused(ERR_FORMAT, cases[i].text);
	}
}

static void closure_head__two_interpreters__refused(void **state)
{
	(void)state;
	elf_make(&elf, "/lib64/ld.so", 0);
	*elf_segment(&elf, 0) = *elf_segment(&elf, 1);
	assert_false(parse_elf());
	assert_refused(ERR_FORMAT, "PT_INTERP twice");
}

static void closure_head__headers_that_lie__refused(void **state)
{
	(void)state;
	static const struct {
		size_t at;
		unsigned char value;
		enum err_code code;
		const char *text;
	} cases[] = {
		{EI_CLASS, ELFCLASS32, ERR_UNSUPPORTED, "only 64-bit little-endian"},
		{EI_DATA, ELFDATA2MSB, ERR_UNSUPPORTED, "only 64-bit little-endian"},
		{offsetof(Elf64_Ehdr, e_phentsize), 55, ERR_FORMAT,
			"2 program headers of 55 bytes"},
		{offsetof(Elf64_Ehdr, e_phnum), 0, ERR_FORMAT, "0 program headers"},
		{offsetof(Elf64_Ehdr, e_phnum), 129, ERR_FORMAT, "129 program headers"},
		{offsetof(Elf64_Ehdr, e_phnum), 128, ERR_FORMAT, "program headers beyond"},
		{offsetof(Elf64_Ehdr, e_phoff) + 7, 0xff, ERR_FORMAT, "program headers beyond"},
		{0, 'x', ERR_FORMAT, "neither an ELF executable nor a script"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		elf_make(&elf, "/lib64/ld.so", 0);
		elf.bytes[cases[i].at] = cases[i].value;
		assert_false(parse_elf());
		assert_refused(cases[i].code, cases[i].text);
	}
}

static void closure_head__script__interpreter_and_one_argument(void **state)
{
	(void)state;
	static const struct {
		const char *text, *interpreter, *argument;
	} cases[] = {
		{"#!/bin/sh\necho", "/bin/sh", ""},
		{"#!/bin/sh", "/bin/sh", ""},
		{"#! \t/bin/sh \t\n", "/bin/sh", ""},
		{"#!/usr/bin/python3 -I  -s \nx", "/usr/bin/python3", "-I  -s"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_true(parse(bytes_str(cases[i].text)));
		assert_int_equal(head.kind, CLOSURE_SCRIPT);
		assert_string_equal(head.interpreter, cases[i].interpreter);
		assert_string_equal(head.argument, cases[i].argument);
	}
}

static void closure_head__scripts_that_lie__refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} cases[] = {
		{"#!", 2, "no absolute path"},
		{"#!\n/bin/sh", 10, "no absolute path"},
		{"#!sh\n", 5, "no absolute path"},
		{"#!/bin/s\0h\n", 11, "control characters"},
		{"#!/bin/sh\r\n", 11, "control characters"},
		{"#!/bin/sh -\0x\n", 14, "NUL in its first line"},
		{"", 0, "neither an ELF executable nor a script"},
	};
	char line[300];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_false(parse(bytes_of(cases[i].text, cases[i].len)));
		assert_refused(ERR_FORMAT, cases[i].why);
	}
	memset(line, 'x', sizeof(line));
	line[0] = '#';
	line[1] = '!';
	line[2] = '/';
	assert_false(parse(bytes_of(line, sizeof(line))));
	assert_refused(ERR_FORMAT, "longer than 255 bytes");
	assert_true(parse(bytes_of(line, 255)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closure_head__dynamic__interpreter),
		cmocka_unit_test(closure_head__no_interpreter__static),
		cmocka_unit_test(closure_head__dynamic_section__said_where),
		cmocka_unit_test(closure_head__interpreter_behind_the_head__to_be_read),
		cmocka_unit_test(closure_head__elf_cut_anywhere__never_more_than_its_headers_say),
		cmocka_unit_test(closure_head__interpreters_that_lie__refused),
		cmocka_unit_test(closure_head__segments_that_lie__refused),
		cmocka_unit_test(closure_head__two_interpreters__refused),
		cmocka_unit_test(closure_head__headers_that_lie__refused),
		cmocka_unit_test(closure_head__script__interpreter_and_one_argument),
		cmocka_unit_test(closure_head__scripts_that_lie__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
