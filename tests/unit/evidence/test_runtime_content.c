/* SPDX-License-Identifier: Apache-2.0 */
/* Events that contradict themselves: the encoders refuse to write what the decoder refuses to read.
 */
#include "evidence/runtime_log.h"

#include "parse_check.h"

static struct buf out;
static struct runtime_launch *launch;
static char long_path[RUNTIME_PATH_MAX + 2];

static int setup(void **state)
{
	(void)state;
	memset(long_path, 'a', sizeof(long_path) - 1);
	launch = calloc(1, sizeof(*launch));
	return launch ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(launch);
	buf_release(&out);
	return 0;
}

static struct runtime_component component(void)
{
	return (struct runtime_component){
		.name = BYTES_LIT("binary"),
		.role = BYTES_LIT("binary"),
		.path = BYTES_LIT("/bin/x"),
		.canonical_path = BYTES_LIT("/usr/bin/x"),
		.digest_kind = COMPONENT_SHA256,
		.files = 1,
		.presence = PRESENT_SEALED,
	};
}

static void assert_said(const struct err *err, const char *wanted)
{
	if (!strstr(err->text, wanted))
		fail_msg("\"%s\" lacks \"%s\"", err->text, wanted);
	assert_int_equal(out.len, 0);
}

static void component__contradiction__refused_by_name(void **state)
{
	struct runtime_component c;
	struct err err;

#define REFUSED(change, wanted)                                                                    \
	c = component();                                                                           \
	change;                                                                                    \
	err = (struct err){0};                                                                     \
	assert_false(runtime_component_encode(&c, 0, &out, &err));                                 \
	assert_said(&err, wanted)

	(void)state;
	REFUSED(c.name = BYTES_LIT("Model"), "content: name: ");
	REFUSED(c.role.len = 0, "content: role: ");
	REFUSED(c.path.len = 0, "content: path: ");
	REFUSED(c.path = BYTES_LIT("/a\0b"), "content: path: NUL in a path");
	REFUSED(c.canonical_path = bytes_str(long_path), "content: canonical_path: ");
	REFUSED(c.digest_kind = 0, "content: digest_kind: ");
	REFUSED(c.digest_kind = 6, "content: digest_kind: ");
	REFUSED(c.presence = 0, "content: presence: ");
	REFUSED(c.presence = 5, "content: presence: ");
	REFUSED(c.files = 0, "content: files: ");
	REFUSED(c.files = 2, "content: files: ");
	REFUSED(c.size = UINT64_MAX, "content: size: ");
#undef REFUSED
	c = component();
	c.digest_kind = COMPONENT_TREE_SHA256;
	c.files = 2;
	c.path = BYTES_LIT("/\xff\xfe"); /* paths are bytes, not text */
	assert_ok(runtime_component_encode(&c, 0, &out, &err), err);
}

static void good_launch(void)
{
	memset(launch, 0, sizeof(*launch));
	launch->workload = BYTES_LIT("w");
	launch->working_directory = BYTES_LIT("/");
	launch->environment_count = 2;
	launch->environment_names[0] = BYTES_LIT("A");
	launch->environment_names[1] = BYTES_LIT("B");
	launch->descriptor_count = 1;
	launch->descriptors[0] = BYTES_LIT("x");
}

static void launch__contradiction__refused_by_name(void **state)
{
	struct err err = {0};

#define REFUSED(change, wanted)                                                                    \
	good_launch();                                                                             \
	change;                                                                                    \
	err = (struct err){0};                                                                     \
	assert_false(runtime_launch_encode(launch, 0, &out, &err));                                \
	assert_said(&err, wanted)

	(void)state;
	good_launch();
	assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
	buf_clear(&out);
	REFUSED(launch->workload.len = 0, "content: workload: ");
	REFUSED(launch->working_directory.len = 0, "content: working_directory: ");
	REFUSED(launch->environment_names[1] = BYTES_LIT("A"),
		"content: environment name: not in ascending order");
	REFUSED(launch->environment_names[0] = BYTES_LIT("A=B"),
		"content: environment name: holds '=' or NUL");
	REFUSED(launch->environment_names[0].len = 0, "content: environment name: ");
	REFUSED(launch->descriptors[0].len = 0, "content: descriptors: ");
	REFUSED(launch->component_count = RUNTIME_COMPONENTS_MAX + 1,
		"launch: components: 257, more than 256");
	REFUSED(launch->argument_count = RUNTIME_ARGUMENTS_MAX + 1,
		"launch: arguments: 257, more than 256");
	REFUSED(launch->environment_count = RUNTIME_ARGUMENTS_MAX + 1,
		"launch: environment: 257, more than 256");
	REFUSED(launch->descriptor_count = 65, "launch: descriptors: 65, more than 64");
#undef REFUSED
}

static bool take_sandbox(void *context, const struct runtime_record *record, struct err *err)
{
	(void)err;
	*(unsigned *)context = record->launch->sandbox;
	return true;
}

/* A record as hostd of before wrote it says nothing, and the same bytes still do. */
static void launch__sandbox__said_or_left_out(void **state)
{
	static const unsigned cases[] = {0, SANDBOX_NO_NEW_PRIVS, SANDBOX_ALL};
	const enum digest_alg banks[] = {DIGEST_SHA256};
	size_t least = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf log = {0};
		struct digest digest;
		struct err err = {0};
		unsigned read = 99;

		good_launch();
		launch->sandbox = cases[i];
		buf_clear(&out);
		assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
		assert_ok(runtime_record_put(&log, 0, 15, banks, 1, buf_bytes(&out), &digest, &err),
			err);
		assert_ok(runtime_log_walk(buf_bytes(&log), 0, 15, take_sandbox, &read, &err), err);
		assert_int_equal(read, cases[i]);
		least = i == 0 ? out.len : least;
		assert_int_equal(out.len, least + (i == 0 ? 0 : 2)); /* key and small number */
		buf_release(&log);
	}
}

/* One value, one encoding; a bit that this program does not know may be one that it relies on. */
static void launch__sandbox_in_another_form__refused(void **state)
{
	static const struct {
		unsigned bits;
		const char *why;
	} cases[] = {
		{0, "sandbox: 0 is said by leaving it out"},
		{SANDBOX_ALL + 1, "sandbox: "},
	};
	const enum digest_alg banks[] = {DIGEST_SHA256};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf log = {0};
		struct digest digest;
		struct err err = {0};

		good_launch();
		launch->sandbox = SANDBOX_ALL;
		buf_clear(&out);
		assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
		assert_int_equal(out.data[out.len - 2], 14);
		out.data[out.len - 1] = (uint8_t)cases[i].bits;
		if (runtime_record_put(&log, 0, 15, banks, 1, buf_bytes(&out), &digest, &err))
			fail_msg("case %zu is written", i);
		if (!strstr(err.text, cases[i].why))
			fail_msg("case %zu: %s", i, err.text);
		buf_release(&log);
	}
}

static bool take_kernel(void *context, const struct runtime_record *record, struct err *err)
{
	struct buf *texts = context;
	(void)err;
	buf_put(&texts[0], record->launch->kernel);
	buf_put(&texts[1], record->launch->kernel_command_line);
	return true;
}

static void launch__kernel__said_or_left_out(void **state)
{
	static const struct {
		const char *kernel, *line;
	} cases[] = {{"", ""}, {"6.1.0-18-amd64", "root=/dev/sda1 quiet"}, {"6.1", ""}};
	const enum digest_alg banks[] = {DIGEST_SHA256};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf log = {0}, texts[2] = {0};
		struct digest digest;
		struct err err = {0};

		good_launch();
		launch->kernel = bytes_str(cases[i].kernel);
		launch->kernel_command_line = bytes_str(cases[i].line);
		buf_clear(&out);
		assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
		assert_ok(runtime_record_put(&log, 0, 15, banks, 1, buf_bytes(&out), &digest, &err),
			err);
		assert_ok(runtime_log_walk(buf_bytes(&log), 0, 15, take_kernel, texts, &err), err);
		assert_bytes(buf_bytes(&texts[0]), launch->kernel);
		assert_bytes(buf_bytes(&texts[1]), launch->kernel_command_line);
		buf_release(&log);
		buf_release(&texts[0]);
		buf_release(&texts[1]);
	}
}

/* The one without the other, or longer than any. */
static void launch__kernel_in_another_form__refused(void **state)
{
	static char text[RUNTIME_CMDLINE_MAX + 1];
	struct err err = {0};

	(void)state;
	memset(text, 'k', sizeof(text));
	good_launch();
	buf_clear(&out);
	launch->kernel = bytes_of(text, RUNTIME_KERNEL_MAX + 1);
	assert_false(runtime_launch_encode(launch, 0, &out, &err));
	assert_said(&err, "kernel: ");
	launch->kernel = BYTES_LIT("6");
	launch->kernel_command_line = bytes_of(text, sizeof(text));
	assert_false(runtime_launch_encode(launch, 0, &out, &err));
	assert_said(&err, "kernel command line: ");
	launch->kernel_command_line = (struct bytes){0};
	assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
	/* … 15: "6", 16: h'' */
	assert_int_equal(out.data[out.len - 2], 16);
	out.len -= 2;
	out.data[0]--;
	struct buf log = {0};
	struct digest digest;
	const enum digest_alg banks[] = {DIGEST_SHA256};
	assert_false(runtime_record_put(&log, 0, 15, banks, 1, buf_bytes(&out), &digest, &err));
	if (!strstr(err.text, "kernel command line: missing"))
		fail_msg("%s", err.text);
	buf_release(&log);
}

struct seen {
	struct bytes names[3];
	uint8_t first[3];
};

static bool see(void *context, const struct runtime_record *record, struct err *err)
{
	struct seen *seen = context;

	(void)err;
	for (size_t i = 0; i < 3; i++) {
		seen->names[i] = record->launch->environment_names[i];
		seen->first[i] = record->launch->environment[i][0];
	}
	return true;
}

static void launch__environment_in_any_order__written_ascending(void **state)
{
	static const enum digest_alg bank = DIGEST_SHA256;
	struct buf record = {0};
	struct digest digest;
	struct seen seen = {0};
	struct err err = {0};

	(void)state;
	good_launch();
	launch->environment_count = 3;
	launch->environment_names[0] = BYTES_LIT("C");
	launch->environment_names[1] = BYTES_LIT("A");
	launch->environment_names[2] = BYTES_LIT("AB");
	launch->environment[0][0] = 'C';
	launch->environment[1][0] = 'A';
	launch->environment[2][0] = 'B';
	assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
	assert_ok(
		runtime_record_put(&record, 0, 15, &bank, 1, buf_bytes(&out), &digest, &err), err);
	assert_ok(runtime_log_walk(buf_bytes(&record), 0, 15, see, &seen, &err), err);
	assert_bytes(seen.names[0], BYTES_LIT("A"));
	assert_bytes(seen.names[1], BYTES_LIT("AB"));
	assert_bytes(seen.names[2], BYTES_LIT("C"));
	assert_memory_equal(seen.first, "ABC", 3);
	buf_release(&record);
}

static void launch__at_every_limit__fits_a_record(void **state)
{
	static char names[RUNTIME_ARGUMENTS_MAX][8];
	const enum digest_alg banks[] = {DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512};
	struct digest digests[4];
	struct buf record = {0};
	struct err err = {0};

	(void)state;
	good_launch();
	launch->component_count = RUNTIME_COMPONENTS_MAX;
	launch->argument_count = launch->environment_count = RUNTIME_ARGUMENTS_MAX;
	for (size_t i = 0; i < RUNTIME_ARGUMENTS_MAX; i++) {
		snprintf(names[i], sizeof(names[i]), "V%03zu", i);
		launch->environment_names[i] = bytes_str(names[i]);
	}
	launch->descriptor_count = 64;
	for (size_t i = 0; i < 64; i++)
		launch->descriptors[i] = BYTES_LIT("argument image");
	assert_ok(runtime_launch_encode(launch, 0, &out, &err), err);
	assert_ok(
		runtime_record_put(&record, 0, 15, banks, 4, buf_bytes(&out), digests, &err), err);
	assert_int_equal(runtime_log_whole(buf_bytes(&record)), record.len);
	buf_release(&record);
}

static void baseline__bank_and_value__must_fit(void **state)
{
	static const uint8_t value[48];
	struct runtime_baseline b = {.bank = TPM_ALG_SHA384, .pcr_before = BYTES_OF(value)};
	struct err err = {0};

	(void)state;
	assert_ok(runtime_baseline_encode(&b, 0, &out, &err), err);
	buf_clear(&out);
	b.bank = TPM_ALG_SHA256;
	assert_false(runtime_baseline_encode(&b, 0, &out, &err));
	assert_said(&err, "content: pcr_before: ");
	b.bank = TPM_ALG_SHA1;
	b.pcr_before.len = 20;
	assert_false(runtime_baseline_encode(&b, 0, &out, &err));
	assert_said(&err, "content: bank: not a bank of SHA-256 or better");
}

static void names__of_kinds_and_presence(void **state)
{
	(void)state;
	for (enum component_digest_kind k = COMPONENT_SHA256; k <= COMPONENT_CLOSURE; k++)
		assert_int_equal(
			component_digest_kind_of_name(bytes_str(component_digest_kind_name(k))), k);
	assert_string_equal(component_digest_kind_name(COMPONENT_FSVERITY), "fs-verity-sha256");
	assert_string_equal(component_digest_kind_name(COMPONENT_TREE_SHA256), "tree-sha256");
	assert_string_equal(component_digest_kind_name(0), "unknown");
	assert_int_equal(component_digest_kind_of_name(BYTES_LIT("md5")), 0);
	assert_int_equal(component_digest_kind_of_name((struct bytes){0}), 0);
	assert_string_equal(component_presence_name(PRESENT_MEASURED_ONLY), "measured-not-pinned");
	assert_string_equal(component_presence_name(PRESENT_COPY), "copy");
	assert_string_equal(component_presence_name(PRESENT_PINNED), "pinned");
	assert_string_equal(component_presence_name(PRESENT_SEALED), "sealed");
	assert_string_equal(component_presence_name(0), "unknown");
	assert_string_equal(component_presence_name(5), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			component__contradiction__refused_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(
			launch__contradiction__refused_by_name, setup, teardown),
		cmocka_unit_test_setup_teardown(launch__sandbox__said_or_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			launch__sandbox_in_another_form__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(launch__kernel__said_or_left_out, setup, teardown),
		cmocka_unit_test_setup_teardown(
			launch__kernel_in_another_form__refused, setup, teardown),
		cmocka_unit_test_setup_teardown(
			launch__environment_in_any_order__written_ascending, setup, teardown),
		cmocka_unit_test_setup_teardown(
			launch__at_every_limit__fits_a_record, setup, teardown),
		cmocka_unit_test_setup_teardown(
			baseline__bank_and_value__must_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(names__of_kinds_and_presence, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
