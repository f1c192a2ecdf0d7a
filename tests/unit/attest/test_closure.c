/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This program is also the dynamic loader of some of its tests: started with --list it behaves as the name of the executable
 * says, and prints what it could do.
 */
#include "tests/unit/attest/scratch_tree.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "attest/closure.h"
#include "base/file.h"
#include "tests/unit/attest/elf_file.h"

static struct closure closure;
static struct err err;

static int setup(void **state)
{
	memset(&err, 0, sizeof(err));
	return tree_make(state);
}

static int teardown(void **state)
{
	closure_release(&closure);
	return tree_remove(state);
}

static void collect(const char *path)
{
	if (!closure_of(path, 2, &closure, &err))
		fail_msg("%s", err.text);
}

static void assert_refused(const char *path, enum err_code code, const char *text)
{
	assert_false(closure_of(path, 1, &closure, &err));
	if (!strstr(err.text, text))
		fail_msg("\"%s\" lacks \"%s\"", err.text, text);
	assert_int_equal(err.code, code);
	assert_int_equal(closure.count, 0);
}

static const struct closure_file *file_of(const char *soname)
{
	for (size_t i = 0; i < closure.count; i++)
		if (strcmp(closure.files[i].soname, soname) == 0)
			return &closure.files[i];
	return NULL;
}

static void check_manifest(void)
{
	uint8_t digest[SHA256_LEN];
	const char *at = buf_str(&closure.manifest);
	assert_non_null(at);
	for (size_t i = 0; i < closure.count; i++) {
		const struct closure_file *file = &closure.files[i];
		char line[2 * PATH_MAX];
		if (i > 0)
			assert_true(strcmp(closure.files[i - 1].soname, file->soname) <= 0);
		int len = snprintf(line, sizeof(line), "  %s  %s\n", file->soname, file->canonical);
		assert_true(strncmp(at + 64, line, (size_t)len) == 0);
		at += 64 + len;
		assert_true(file->file.size > 0);
	}
	assert_int_equal(*at, 0);
	assert_true(sha256_of(buf_bytes(&closure.manifest), digest, NULL));
	assert_memory_equal(digest, closure.digest, SHA256_LEN);
}

/* A program that is on every machine, copied so that it can be changed. */
static void copy_to(const char *from, const char *name)
{
	struct buf content = {0};
	assert_true(file_read(from, 64u << 20, &content, NULL));
	tree_bytes(name, content.data, content.len);
	buf_release(&content);
	assert_int_equal(chmod(tree_path(name), 0755), 0);
}

static void elf_to(const char *name, const char *interpreter)
{
	struct elf_file elf;
	elf_make(&elf, interpreter, 0);
	tree_bytes(name, elf.bytes, elf.len);
}

static void closure_of__dynamic_program__loader_and_libraries(void **state)
{
	(void)state;
	struct stat st;
	copy_to("/usr/bin/true", "true");
	collect(tree_path("true"));
	assert_int_equal(closure.kind, CLOSURE_DYNAMIC);
	assert_true(closure.count >= 2);
	check_manifest();
	const struct closure_file *libc = file_of("libc.so.6");
	assert_non_null(libc);
	assert_int_equal(stat(libc->found, &st), 0);
	assert_int_equal(libc->file.inode, st.st_ino);
	assert_false(libc->loader);
	size_t loaders = 0;
	for (size_t i = 0; i < closure.count; i++)
		loaders += closure.files[i].loader;
	assert_int_equal(loaders, 1);
}

static void closure_of__twice__the_same_digest(void **state)
{
	(void)state;
	uint8_t first[SHA256_LEN];
	collect("/usr/bin/true");
	memcpy(first, closure.digest, SHA256_LEN);
	closure_release(&closure);
	collect("/usr/bin/true");
	assert_memory_equal(first, closure.digest, SHA256_LEN);
}

static void closure_of__static_program__empty(void **state)
{
	(void)state;
	elf_to("static", NULL);
	collect(tree_path("static"));
	assert_int_equal(closure.kind, CLOSURE_STATIC);
	assert_int_equal(closure.count, 0);
	check_manifest();
}

static void closure_of__interpreter_at_the_end_of_a_large_file__found(void **state)
{
	(void)state;
	struct elf_file elf;
	char loader[] = "/lib64/ld-none.so";
	const size_t at = 3u * CLOSURE_HEAD_MAX;
	elf_make(&elf, loader, 0);
	elf_segment(&elf, 1)->p_offset = at;
	tree_bytes("large", elf.bytes, elf.len);
	int fd = open(tree_path("large"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, loader, sizeof(loader), (off_t)at), sizeof(loader));
	close(fd);
	/* Its loader does not exist: that is how far it came. */
	assert_refused(tree_path("large"), ERR_NOT_FOUND,
		"library ld-none.so: /lib64/ld-none.so: No such file");
	assert_int_equal(truncate(tree_path("large"), (off_t)at + 3), 0);
	assert_refused(tree_path("large"), ERR_FORMAT, "PT_INTERP beyond the end of the file");
}

static void closure_of__script__interpreter_its_libraries_and_the_argument(void **state)
{
	(void)state;
	tree_file("script", "#!/bin/sh -eu\nexit 0\n");
	collect(tree_path("script"));
	assert_int_equal(closure.kind, CLOSURE_SCRIPT);
	assert_string_equal(closure.script_argument, "-eu");
	const struct closure_file *shell = file_of("sh");
	assert_non_null(shell);
	assert_true(shell->interpreter);
	assert_string_equal(shell->found, "/bin/sh");
	assert_null(strstr(shell->canonical, "/bin/sh")); /* a link on every Debian */
	assert_non_null(file_of("libc.so.6"));
	check_manifest();
}

static void closure_of__script_by_env__refused(void **state)
{
	(void)state;
	tree_file("script", "#!/usr/bin/env python3\n");
	assert_refused(tree_path("script"), ERR_DENIED, "PATH would choose the interpreter");
	tree_link("/usr/bin/env", "other");
	char text[PATH_MAX + 64];
	snprintf(text, sizeof(text), "#!%s python3\n", tree_path("other"));
	tree_file("script", text);
	assert_refused(tree_path("script"), ERR_DENIED, "PATH would choose the interpreter");
}

static void closure_of__interpreter_is_a_script__refused(void **state)
{
	(void)state;
	char text[PATH_MAX + 64];
	tree_file("inner", "#!/bin/sh\n");
	snprintf(text, sizeof(text), "#!%s\n", tree_path("inner"));
	tree_file("outer", text);
	assert_refused(tree_path("outer"), ERR_UNSUPPORTED, "is itself a script");
}

static void closure_of__missing_library__named(void **state)
{
	(void)state;
	struct buf content = {0};
	copy_to("/usr/bin/true", "true");
	assert_true(file_read(tree_path("true"), 64u << 20, &content, NULL));
	uint8_t *name = memmem(content.data, content.len, "libc.so.6", 10);
	assert_non_null(name);
	name[3] = 'q'; /* libq.so.6 */
	tree_bytes("true", content.data, content.len);
	buf_release(&content);
	assert_refused(tree_path("true"), ERR_FORMAT, "libq.so.6: cannot open shared object file");
}

static void closure_of__neither_elf_nor_script__refused(void **state)
{
	(void)state;
	tree_file("text", "hello");
	assert_refused(tree_path("text"), ERR_FORMAT, "neither an ELF executable nor a script");
	tree_fifo("fifo");
	assert_refused(tree_path("fifo"), ERR_FORMAT, "is a FIFO");
}

static void closure_of__loader_that_others_may_write__refused(void **state)
{
	(void)state;
	copy_to("/proc/self/exe", "loader");
	elf_to("program", tree_path("loader"));
	assert_int_equal(chmod(tree_path("loader"), 0775), 0);
	assert_refused(tree_path("program"), ERR_DENIED, "others than root may write it");
	assert_int_equal(chmod(tree_path("loader"), 0757), 0);
	assert_refused(tree_path("program"), ERR_DENIED, "others than root may write it");
}

static void closure_of__loader_that_others_may_exchange__refused(void **state)
{
	(void)state;
	tree_directory("theirs");
	copy_to("/proc/self/exe", "theirs/loader");
	elf_to("program", tree_path("theirs/loader"));
	assert_int_equal(chmod(tree_path("theirs"), 0777), 0);
	assert_refused(tree_path("program"), ERR_DENIED, "others than root may put another file");
}

/* Its dynamic section, with one tag in place of another, and the name of a library as its value. */
static void change_tag(const char *name, Elf64_Sxword from, Elf64_Sxword to)
{
	struct buf content = {0};
	Elf64_Xword needed = 0;
	assert_true(file_read(tree_path(name), 64u << 20, &content, NULL));
	const Elf64_Ehdr *header = (const Elf64_Ehdr *)(void *)content.data;
	bool done = false;
	for (size_t i = 0; i < header->e_phnum; i++) {
		const Elf64_Phdr *segment =
			(const Elf64_Phdr *)(void *)(content.data + header->e_phoff) + i;
		Elf64_Dyn *entry = (Elf64_Dyn *)(void *)(content.data + segment->p_offset);
		for (; segment->p_type == PT_DYNAMIC && !done && entry->d_tag != DT_NULL; entry++) {
			if (entry->d_tag == DT_NEEDED)
				needed = entry->d_un.d_val;
			if (entry->d_tag != from)
				continue;
			*entry = (Elf64_Dyn){.d_tag = to, .d_un = {.d_val = needed}};
			done = true;
		}
	}
	tree_bytes(name, content.data, content.len);
	buf_release(&content);
	assert_true(done);
}

/* The loader runs them, and before everything else, but it does not list them. */
static void closure_of__audit_library__refused(void **state)
{
	(void)state;
	static const Elf64_Sxword tags[] = {DT_AUDIT, DT_DEPAUDIT};
	for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
		copy_to("/usr/bin/true", "true");
		change_tag("true", DT_DEBUG, tags[i]);
		assert_refused(tree_path("true"), ERR_UNSUPPORTED, "names an audit library");
		tree_file("script", "#!");
		int fd = open(tree_path("script"), O_WRONLY | O_APPEND | O_CLOEXEC);
		assert_true(dprintf(fd, "%s\n", tree_path("true")) > 0);
		close(fd);
		assert_refused(tree_path("script"), ERR_UNSUPPORTED, "names an audit library");
	}
}

/* "libc.so.6", below wherever the agent stands. */
static void closure_of__rpath_below_the_working_directory__refused(void **state)
{
	(void)state;
	copy_to("/usr/bin/true", "true");
	change_tag("true", DT_DEBUG, DT_RPATH);
	assert_refused(tree_path("true"), ERR_DENIED,
		"RPATH \"libc.so.6\": it comes before what is measured, and is no absolute path");
	copy_to("/usr/bin/true", "true");
	change_tag("true", DT_DEBUG, DT_RUNPATH);
	collect(tree_path("true"));
}

/* ---- others change files while they are listed ---- */

/* What happens just before the loader is asked for the so manieth time. */
static unsigned listings, meddling_at;
static void (*meddle)(void);

int pipe2(int ends[2], int flags)
{
	if (meddle && ++listings == meddling_at)
		meddle();
	return (int)syscall(SYS_pipe2, ends, flags);
}

static void assert_noticed(const char *name, unsigned at, void (*how)(void), const char *text)
{
	listings = 0;
	meddling_at = at;
	meddle = how;
	bool done = closure_of(tree_path(name), 1, &closure, &err);
	meddle = NULL;
	assert_int_equal(listings, 2);
	assert_false(done);
	assert_int_equal(err.code, ERR_CONFLICT);
	if (!strstr(err.text, text))
		fail_msg("\"%s\" lacks \"%s\"", err.text, text);
}

static void write_again(void)
{
	copy_to("/usr/bin/true", "true");
}

static void closure_of__executable_changes_while_it_is_listed__refused(void **state)
{
	(void)state;
	copy_to("/usr/bin/true", "true");
	assert_noticed(
		"true", 2, write_again, "true changed while it was being measured: start again");
}

static void write_interpreter(void)
{
	copy_to("/bin/dash", "sh");
}

static void closure_of__file_of_it_changes_while_it_is_listed__refused(void **state)
{
	(void)state;
	char text[PATH_MAX + 64];
	copy_to("/bin/dash", "sh");
	snprintf(text, sizeof(text), "#!%s\n", tree_path("sh"));
	tree_file("script", text);
	assert_noticed("script", 2, write_interpreter, "sh changed while it was being measured");
}

static void lead_elsewhere(void)
{
	tree_link("/bin/bash", "other");
	assert_int_equal(rename(tree_path("other"), tree_path("sh")), 0);
}

static void closure_of__interpreter_changes_between_two_lists__refused(void **state)
{
	(void)state;
	char text[PATH_MAX + 64];
	tree_link("/bin/dash", "sh");
	snprintf(text, sizeof(text), "#!%s\n", tree_path("sh"));
	tree_file("script", text);
	assert_noticed("script", 1, lead_elsewhere, "its libraries changed while");
}

/* ---- a loader that means ill ---- */

static bool can_write(const char *executable)
{
	char path[PATH_MAX + 16];
	snprintf(path, sizeof(path), "%s.written", executable);
	int created = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	int changed = open(executable, O_RDWR | O_CLOEXEC);
	return created >= 0 || changed >= 0 || truncate(executable, 0) == 0 ||
	       unlink(executable) == 0 || chmod(executable, 0777) == 0;
}

static bool can_start(void)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	return pid > 0;
}

static size_t descriptors(void)
{
	size_t count = 0;
	for (int fd = 3; fd < 256; fd++)
		count += lseek(fd, 0, SEEK_CUR) >= 0 || errno != EBADF;
	return count;
}

static void report(const char *executable)
{
	char text[256];
	size_t inherited = descriptors();
	bool reads = open(executable, O_RDONLY | O_CLOEXEC) >= 0;
	int len = snprintf(text, sizeof(text),
		"read-%d-write-%d-socket-%d-kill-%d-start-%d-descriptors-%zu-environment-%d => not "
		"found\n",
		reads, can_write(executable), socket(AF_UNIX, SOCK_STREAM, 0) >= 0,
		kill(getppid(), 0) == 0, can_start(), inherited, environ && environ[0]);
	(void)!write(STDOUT_FILENO, text, (size_t)len);
}

/* Whether it can read a file beside the executable that only root may. */
static void peek(const char *executable)
{
	char path[PATH_MAX], text[64];
	snprintf(path, sizeof(path), "%.*s/secret", (int)(strrchr(executable, '/') - executable),
		executable);
	int len = snprintf(text, sizeof(text), "secret-%d => not found\n",
		open(path, O_RDONLY | O_CLOEXEC) >= 0);
	(void)!write(STDOUT_FILENO, text, (size_t)len);
}

static void flood(void)
{
	static const char line[] = "libx.so => /usr/bin/true (0x1)\n";
	for (size_t i = 0; i < 2 * CLOSURE_OUTPUT_MAX / sizeof(line); i++)
		(void)!write(STDOUT_FILENO, line, sizeof(line) - 1);
}

static int act_as_loader(const char *executable)
{
	static const struct {
		const char *name, *output;
	} lines[] = {
		{"nonsense", "what is this\n"},
		{"relative", "\tlibx.so => lib/libx.so (0x1)\n"},
		{"blank", "\tlibx.so => /tmp/a b/libx.so (0x1)\n"},
		{"address", "\tlibx.so => /usr/bin/true (0x1)/libx.so (0x2)\n"},
		{"control", "\tlib\x1b.so => /usr/bin/true (0x1)\n"},
		{"gone", "\tlibx.so => /no/such/libx.so (0x1)\n"},
		{"device", "\tlibx.so => /dev/zero (0x1)\n"},
		{"twice", "\tlibx.so => /usr/bin/true (0x1)\n\tlibx.so => /usr/bin/../bin/true "
			  "(0x2)\n"},
		{"origin", "\tlibx.so => /usr/lib/../bin/true (0x1)\n"},
		{"vdso", "\tlinux-vdso.so.1 (0x1)\n\tstatically linked\n"},
	};
	const char *name = strrchr(executable, '/') + 1;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		if (strcmp(name, lines[i].name) == 0)
			return write(STDOUT_FILENO, lines[i].output, strlen(lines[i].output)) < 0;
	if (strcmp(name, "report") == 0)
		report(executable);
	if (strcmp(name, "peek") == 0)
		peek(executable);
	if (strcmp(name, "flood") == 0)
		flood();
	if (strcmp(name, "nul") == 0)
		(void)!write(STDOUT_FILENO, "lib\0x\n", 6);
	if (strcmp(name, "dies") == 0)
		__builtin_trap();
	if (strcmp(name, "fails") == 0)
		return dprintf(STDERR_FILENO, "first\nwhy it failed\n") < 0 ? 1 : 3;
	if (strcmp(name, "hangs-quietly") == 0)
		for (int fd = 0; fd < 3; fd++)
			close(fd);
	while (strncmp(name, "hangs", 5) == 0)
		(void)syscall(SYS_futex, &(int){0}, FUTEX_WAIT, 0,
			NULL); /* a sleep that the filter allows */
	return 0;
}

/* An executable of that name with this program as its loader. */
static const char *with_loader(const char *name)
{
#ifdef ASSAY_SANITIZED
	skip(); /* a sanitizer's run time needs more than the sandbox gives */
#endif
	copy_to("/proc/self/exe", "loader");
	elf_to(name, tree_path("loader"));
	return tree_path(name);
}

static void loader__tries_everything__can_only_read(void **state)
{
	(void)state;
	assert_refused(with_loader("report"), ERR_NOT_FOUND,
		"library read-1-write-0-socket-0-kill-0-start-0-descriptors-0-environment-0: not "
		"found");
	assert_int_equal(access(tree_path("report.written"), F_OK), -1);
}

static void loader__executable_that_another_user_writes__reads_no_more_than_he(void **state)
{
	(void)state;
	static const struct {
		uid_t owner;
		mode_t mode;
		const char *text;
	} cases[] = {
		{0, 0755, "library secret-1: not found"},
		{0, 0775, "library secret-0: not found"},
		{0, 0757, "library secret-0: not found"},
		{12345, 0755, "library secret-0: not found"},
		{12345, 0500, "library secret-0: not found"},
	};
	if (geteuid() != 0)
		skip();
	const char *path = with_loader("peek");
	tree_file("secret", "x");
	assert_int_equal(chmod(tree_path("secret"), 0600), 0);
	assert_int_equal(chmod(tree_root, 0755), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(chown(path, cases[i].owner, 0), 0);
		assert_int_equal(chmod(path, cases[i].mode), 0);
		assert_refused(path, ERR_NOT_FOUND, cases[i].text);
	}
}

/* Root's file, but in a directory where another user can put his own in its place. */
static void loader__executable_that_another_user_can_exchange__reads_no_more_than_he(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	(void)with_loader("unused");
	tree_directory("theirs");
	elf_to("theirs/peek", tree_path("loader"));
	tree_file("theirs/secret", "x");
	assert_int_equal(chmod(tree_path("theirs/peek"), 0755), 0);
	assert_int_equal(chmod(tree_path("theirs/secret"), 0600), 0);
	assert_int_equal(chmod(tree_root, 0755), 0);
	assert_refused(tree_path("theirs/peek"), ERR_NOT_FOUND, "library secret-1: not found");
	assert_int_equal(chmod(tree_path("theirs"), 0777), 0);
	assert_refused(tree_path("theirs/peek"), ERR_NOT_FOUND, "library secret-0: not found");
	assert_int_equal(chmod(tree_path("theirs"), 01777), 0);
	assert_refused(tree_path("theirs/peek"), ERR_NOT_FOUND, "library secret-1: not found");
	/* What is his alone he can read, and so can the loader for him. */
	assert_int_equal(chown(tree_path("theirs"), 12345, 0), 0);
	assert_int_equal(chmod(tree_path("theirs"), 0700), 0);
	assert_refused(tree_path("theirs/peek"), ERR_NOT_FOUND, "library secret-0: not found");
}

/* An agent's directory may be his alone. */
static void closure_of__program_in_a_private_directory__listed(void **state)
{
	(void)state;
	tree_directory("private");
	copy_to("/usr/bin/true", "private/true");
	assert_int_equal(chmod(tree_path("private"), 0700), 0);
	collect(tree_path("private/true"));
	assert_non_null(file_of("libc.so.6"));
	closure_release(&closure);
	if (geteuid() != 0)
		return;
	assert_int_equal(chmod(tree_root, 0755), 0);
	assert_int_equal(chown(tree_path("private"), 12345, 0), 0);
	assert_int_equal(chown(tree_path("private/true"), 12345, 0), 0);
	collect(tree_path("private/true"));
	assert_non_null(file_of("libc.so.6"));
}

static void loader__prints_what_cannot_be__refused(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum err_code code;
		const char *text;
	} cases[] = {
		{"nonsense", ERR_FORMAT, "the dynamic loader printed \"what is this\""},
		{"relative", ERR_FORMAT, "found at no absolute path"},
		{"blank", ERR_FORMAT, "white space or control characters"},
		{"address", ERR_FORMAT, "white space or control characters"},
		{"control", ERR_FORMAT, "white space or control characters"},
		{"gone", ERR_NOT_FOUND, "library libx.so: /no/such/libx.so: No such file"},
		{"device", ERR_FORMAT, "/dev/zero: is a character device"},
		{"nul", ERR_FORMAT, "the dynamic loader printed NUL"},
		{"flood", ERR_LIMIT, "printed more than 262144 bytes"},
		{"dies", ERR_FORMAT, "ended with signal "},
		{"fails", ERR_FORMAT, "ended with status 3: why it failed"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_refused(with_loader(cases[i].name), cases[i].code, cases[i].text);
}

static void loader__one_library_twice__listed_once(void **state)
{
	(void)state;
	collect(with_loader("twice"));
	assert_int_equal(closure.count, 2);
	assert_non_null(file_of("loader"));
	assert_true(file_of("loader")->loader);
	assert_non_null(file_of("libx.so"));
}

static void loader__path_with_dots__found_at_its_canonical_path(void **state)
{
	(void)state;
	collect(with_loader("origin"));
	assert_string_equal(file_of("libx.so")->found, "/usr/bin/true");
}

static void loader__vdso__not_listed(void **state)
{
	(void)state;
	collect(with_loader("vdso"));
	assert_int_equal(closure.count, 1);
}

struct waiting {
	const char *path;
	struct err err;
	bool done;
};
static void *wait_for(void *context)
{
	struct waiting *waiting = context;
	struct closure none = {0};
	waiting->done = closure_of(waiting->path, 1, &none, &waiting->err);
	closure_release(&none);
	return NULL;
}

static void loader__never_ends__refused_in_time(void **state)
{
	(void)state;
	struct waiting waiting[2] = {
		{.path = with_loader("hangs")}, {.path = with_loader("hangs-quietly")}};
	pthread_t threads[2];
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, wait_for, &waiting[i]), 0);
	for (size_t i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < 2; i++) {
		assert_false(waiting[i].done);
		assert_int_equal(waiting[i].err.code, ERR_BUSY);
		assert_non_null(strstr(waiting[i].err.text, " in 10 s"));
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nobody is left behind */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(closure_of__dynamic_program__loader_and_libraries),
		TEST(closure_of__twice__the_same_digest),
		TEST(closure_of__static_program__empty),
		TEST(closure_of__audit_library__refused),
		TEST(closure_of__loader_that_others_may_exchange__refused),
		TEST(closure_of__rpath_below_the_working_directory__refused),
		TEST(closure_of__executable_changes_while_it_is_listed__refused),
		TEST(closure_of__file_of_it_changes_while_it_is_listed__refused),
		TEST(closure_of__interpreter_changes_between_two_lists__refused),
		TEST(closure_of__interpreter_at_the_end_of_a_large_file__found),
		TEST(closure_of__script__interpreter_its_libraries_and_the_argument),
		TEST(closure_of__script_by_env__refused),
		TEST(closure_of__interpreter_is_a_script__refused),
		TEST(closure_of__missing_library__named),
		TEST(closure_of__neither_elf_nor_script__refused),
		TEST(closure_of__loader_that_others_may_write__refused),
		TEST(loader__tries_everything__can_only_read),
		TEST(loader__executable_that_another_user_writes__reads_no_more_than_he),
		TEST(loader__executable_that_another_user_can_exchange__reads_no_more_than_he),
		TEST(closure_of__program_in_a_private_directory__listed),
		TEST(loader__prints_what_cannot_be__refused),
		TEST(loader__one_library_twice__listed_once),
		TEST(loader__path_with_dots__found_at_its_canonical_path),
		TEST(loader__vdso__not_listed),
		TEST(loader__never_ends__refused_in_time),
	};
	if (argc == 3 && strcmp(argv[1], "--list") == 0)
		return act_as_loader(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
