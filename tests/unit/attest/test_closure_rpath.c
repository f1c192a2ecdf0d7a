/* SPDX-License-Identifier: Apache-2.0 */
/* attest/closure_rpath.c: directories that the loader searches before the one with what was measured. */
#include "tests/unit/attest/scratch_tree.h"

#include <elf.h>

#include "attest/closure_internal.h"
#include "base/file.h"

#define ADDRESS 0x10000u /* where the file is mapped */

static struct err err;

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	return tree_make(state);
}

/* An ELF file with DT_RPATH, and with DT_RUNPATH besides if that is not NULL. */
struct object {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	Elf64_Dyn dynamic[4];
	char strings[4 * PATH_MAX];
};
static struct object object_with(const char *rpath, const char *runpath)
{
	struct object o = {
		.header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
			.e_phoff = offsetof(struct object, segments),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2},
		.segments = {{.p_type = PT_LOAD, .p_vaddr = ADDRESS, .p_filesz = sizeof(o)},
			{.p_type = PT_DYNAMIC,
				.p_offset = offsetof(struct object, dynamic),
				.p_filesz = sizeof(o.dynamic)}},
		.dynamic = {{.d_tag = DT_RPATH, .d_un.d_val = 1},
			{.d_tag = DT_STRTAB,
				.d_un.d_ptr = ADDRESS + offsetof(struct object, strings)},
			{.d_tag = runpath ? DT_RUNPATH : DT_NULL, .d_un.d_val = 1}},
	};
	snprintf(o.strings + 1, sizeof(o.strings) - 1, "%s", rpath);
	return o;
}

static void object_to(const char *name, const struct object *o)
{
	tree_bytes(name, o, sizeof(*o));
}

/* Whether the loader of a program, or of a library, with this RPATH finds what was measured: libx.so at `measured`. */
static bool finds(const char *rpath, bool program, const char *loader)
{
	static char names[4][PATH_MAX];
	struct closure_file files[3] = {{.soname = names[0], .canonical = names[1]},
		{.soname = names[2], .canonical = names[2], .loader = true},
		{.soname = names[3], .canonical = names[3]}};
	struct closure closure = {
		.kind = CLOSURE_DYNAMIC, .files = files, .count = program ? 2 : 3};
	struct object o = object_with(rpath, NULL), none = object_with("", NULL);
	object_to("program", program ? &o : &none);
	object_to("liby.so", &o);
	snprintf(names[0], PATH_MAX, "libx.so");
	snprintf(names[1], PATH_MAX, "%s", tree_path("measured"));
	snprintf(names[2], PATH_MAX, "%s", loader);
	snprintf(names[3], PATH_MAX, "%s", tree_path("liby.so"));
	memset(&err, 0, sizeof(err));
	return closure_check_rpaths(tree_path("program"), &closure, &err);
}

static void assert_finds(const char *rpath, bool program)
{
	if (!finds(rpath, program, "ld-linux.so"))
		fail_msg("%s: %s", rpath, err.text);
}

static void assert_refused(const char *rpath, bool program, const char *text)
{
	if (finds(rpath, program, "ld-linux.so"))
		fail_msg("%s", rpath);
	assert_int_equal(err.code, ERR_DENIED);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" lacks \"%s\"", err.text, text);
}

static const char *joined(const char *before, const char *name, const char *behind)
{
	static char text[2 * PATH_MAX];
	snprintf(text, sizeof(text), "%s%s%s", before, tree_path(name), behind);
	return text;
}

static int make_directories(void **state)
{
	struct object none = object_with("", NULL);
	if (setup(state) != 0)
		return -1;
	tree_directory("ours");
	tree_directory("theirs");
	tree_directory("theirs/ours");
	tree_link("theirs", "link");
	object_to("measured", &none);
	return chmod(tree_path("theirs"), 0777);
}

static void check_rpaths__whose_directory__decides(void **state)
{
	(void)state;
	static const char *const others = "others than root can put libraries there";
	static const bool programs[] = {true, false};
	for (size_t i = 0; i < 2; i++) {
		assert_finds(tree_path("ours"), programs[i]);
		assert_finds(tree_path("ours/not/there/yet"), programs[i]);
		assert_finds(joined("/usr/lib:", "ours", ""), programs[i]);
		assert_refused(tree_path("theirs"), programs[i], others);
		assert_refused(tree_path("theirs/ours"), programs[i], others);
		assert_refused(tree_path("theirs/not/there/yet"), programs[i], others);
		assert_refused(tree_path("link"), programs[i], others);
		assert_refused(joined("/usr/lib:", "theirs", ""), programs[i], others);
		assert_refused(joined("", "theirs", ":/usr/lib"), programs[i], others);
		/* What is sticky keeps others from taking files away, not from bringing them. */
		assert_int_equal(chmod(tree_path("theirs"), 01777), 0);
		assert_refused(tree_path("theirs"), programs[i], others);
		assert_refused(tree_path("theirs/not/there/yet"), programs[i], others);
		assert_finds(tree_path("theirs/ours"), programs[i]);
		assert_int_equal(chmod(tree_path("theirs"), 0777), 0);
	}
}

static void check_rpaths__no_absolute_path__refused(void **state)
{
	(void)state;
	static const char *const paths[] = {
		"lib", ".", "/usr/lib::/lib", "/usr/lib:", ":/usr/lib", "/usr/$LIB", "$PLATFORM"};
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_refused(paths[i], true, "is no absolute path");
	assert_finds("", true);
}

/* The sealed program's own directory is the root. */
static void check_rpaths__origin_of_the_program__the_root(void **state)
{
	(void)state;
	struct object other = object_with("", NULL);
	assert_finds(joined("$ORIGIN", "ours", ""), true);
	assert_finds(joined("${ORIGIN}/..", "ours", ""), true);
	assert_refused(joined("$ORIGIN", "theirs", ""), true, "others than root");
	object_to("ours/libx.so", &other);
	assert_refused(joined("$ORIGIN/..", "ours", ""), true,
		"the agent would find another libx.so there than is measured");
	/* One for another kind of machine is passed over. */
	other.header.e_ident[EI_CLASS] = ELFCLASS32;
	object_to("ours/libx.so", &other);
	assert_finds(joined("$ORIGIN", "ours", ""), true);
	assert_int_equal(unlink(tree_path("ours/libx.so")), 0);
	assert_int_equal(link(tree_path("measured"), tree_path("ours/libx.so")), 0);
	assert_finds(joined("$ORIGIN", "ours", ""), true);
}

static void check_rpaths__origin_of_a_library__where_the_agent_has_it(void **state)
{
	(void)state;
	assert_finds("$ORIGIN", false);
	assert_finds("$ORIGIN/../lib", false);
	assert_finds(joined("$ORIGIN/../..", "ours", ""), false);
	assert_refused(joined("${ORIGIN}/../..", "theirs", ""), false, "others than root");
}

static void check_rpaths__musl__what_is_measured_comes_first(void **state)
{
	(void)state;
	if (!finds(tree_path("theirs"), true, "ld-musl-x86_64.so.1"))
		fail_msg("%s", err.text);
}

static void check_rpaths__runpath_besides__counts_alone(void **state)
{
	(void)state;
	struct object o = object_with(tree_path("theirs"), "/usr/lib");
	struct closure closure = {.kind = CLOSURE_DYNAMIC};
	object_to("program", &o);
	if (!closure_check_rpaths(tree_path("program"), &closure, &err))
		fail_msg("%s", err.text);
}

static void check_rpaths__sections_that_lie__refused(void **state)
{
	(void)state;
	struct closure closure = {.kind = CLOSURE_DYNAMIC};
	struct object cases[4];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		cases[i] = object_with("/usr/lib", NULL);
	cases[0].dynamic[1].d_un.d_ptr = 1; /* mapped from nowhere */
	cases[1].dynamic[0].d_un.d_val = UINT64_MAX / 2;
	cases[2].segments[1].p_offset = sizeof(cases[2]) - 8;
	cases[3].segments[1].p_filesz = CLOSURE_DYNAMIC_MAX + 16;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memset(&err, 0, sizeof(err));
		object_to("program", &cases[i]);
		assert_false(closure_check_rpaths(tree_path("program"), &closure, &err));
		assert_int_equal(err.code, ERR_FORMAT);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directories, tree_remove)
	const struct CMUnitTest tests[] = {
		TEST(check_rpaths__whose_directory__decides),
		TEST(check_rpaths__no_absolute_path__refused),
		TEST(check_rpaths__origin_of_the_program__the_root),
		TEST(check_rpaths__origin_of_a_library__where_the_agent_has_it),
		TEST(check_rpaths__musl__what_is_measured_comes_first),
		TEST(check_rpaths__runpath_besides__counts_alone),
		TEST(check_rpaths__sections_that_lie__refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
