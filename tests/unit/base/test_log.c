/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "tests/support/unit.h"

#define STAMP_LEN 20 /* "2026-11-22T23:21:38Z" */

struct fixture {
	int ends[2];
	struct log log;
	char line[8192];
	json_t *json;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f || pipe2(f->ends, O_CLOEXEC | O_NONBLOCK) != 0)
		return -1;
	f->log = (struct log){.fd = f->ends[1], .level = LOG_LEVEL_INFO};
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->ends[0]);
	close(f->ends[1]);
	json_release(&f->json);
	free(f);
	return 0;
}

/* What was logged since the last call, the time stamp cut off in text form. */
static const char *logged(struct fixture *f)
{
	ssize_t n = read(f->ends[0], f->line, sizeof(f->line) - 1);

	f->line[n > 0 ? n : 0] = '\0';
	return f->log.json || n <= 0 ? f->line : f->line + STAMP_LEN;
}

static void log_event__fields__stand_in_one_line(void **state)
{
	struct fixture *f = *state;

	log_event(&f->log, LOG_LEVEL_INFO, "enrolled", {"host", BYTES_LIT("3f")},
		{"class", BYTES_LIT("high")});
	assert_string_equal(logged(f), " info enrolled host=3f class=high\n");
	assert_int_equal(f->line[10], 'T');
	assert_int_equal(f->line[19], 'Z');
	log_write(&f->log, LOG_LEVEL_ERROR, "plain", NULL, 0);
	assert_string_equal(logged(f), " error plain\n");
}

static void log_event__untrusted_value__cannot_leave_its_field(void **state)
{
	static const struct {
		struct bytes value;
		const char *line;
	} cases[] = {
		{BYTES_LIT("a\nerror forged"), " info e v=\"a\\nerror forged\"\n"},
		{BYTES_LIT("\x1b[2J\r"), " info e v=\\x1b[2J\\x0d\n"},
		{BYTES_LIT("a=b"), " info e v=\"a=b\"\n"},
		{BYTES_LIT("say \"x\""), " info e v=\"say \\\"x\\\"\"\n"},
		{BYTES_LIT("x\\\" y=z"), " info e v=\"x\\\\\\\" y=z\"\n"},
		{BYTES_LIT(""), " info e v=\"\"\n"},
		{BYTES_LIT("\0\xff"), " info e v=\\x00\\xff\n"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		log_event(&f->log, LOG_LEVEL_INFO, "e", {"v", cases[i].value});
		assert_string_equal(logged(f), cases[i].line);
	}
}

static void log_event__json__is_one_object_a_line(void **state)
{
	struct fixture *f = *state;
	struct err err;
	size_t len;

	f->log.json = true;
	log_event(&f->log, LOG_LEVEL_WARNING, "e\"v", {"v", BYTES_LIT("a\n\"\\\x1b\xc3\xbc\xff")});
	len = strlen(logged(f));
	assert_ok(json_open(bytes_of(f->line, len), 8192, &f->json, &err), err);
	assert_int_equal(strcspn(f->line, "\n"), len - 1);
	assert_string_equal(json_string_value(json_object_get(f->json, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(f->json, "event")), "e\"v");
	assert_string_equal(
		json_string_value(json_object_get(f->json, "v")), "a\\n\"\\\\\\x1b\xc3\xbc\\xff");
	assert_int_equal(json_string_length(json_object_get(f->json, "time")), STAMP_LEN);
}

static void log_event__long__is_cut_to_a_whole_line(void **state)
{
	struct fixture *f = *state;
	struct log_field fields[40];
	char value[2000];
	struct err err;
	size_t len;

	memset(value, 'x', sizeof(value));
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		fields[i] = (struct log_field){"key", bytes_of(value, sizeof(value))};
	log_write(&f->log, LOG_LEVEL_INFO, "long", fields, ARRAY_LEN(fields));
	len = strlen(logged(f));
	assert_true(len + STAMP_LEN <= 4096 && len > 3000);
	assert_non_null(strstr(f->line, "x… key="));
	assert_string_equal(f->line + STAMP_LEN + len - 4, "…\n");
	f->log.json = true;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		fields[i].key =
			(const char *[]){"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}[i % 10];
	log_write(&f->log, LOG_LEVEL_INFO, "long", fields, 10);
	len = strlen(logged(f));
	assert_true(len <= 4096 && len > 3000);
	assert_ok(json_open(bytes_of(f->line, len), 8192, &f->json, &err), err);
}

static void log_event__level__filters(void **state)
{
	struct fixture *f = *state;

	log_write(&f->log, LOG_LEVEL_DEBUG, "hidden", NULL, 0);
	assert_string_equal(logged(f), "");
	f->log.level = LOG_LEVEL_DEBUG;
	log_write(&f->log, LOG_LEVEL_DEBUG, "shown", NULL, 0);
	assert_string_equal(logged(f), " debug shown\n");
	log_write(NULL, LOG_LEVEL_ERROR, "nowhere", NULL, 0);
	f->log.fd = -1;
	log_write(&f->log, LOG_LEVEL_ERROR, "nowhere", NULL, 0);
	assert_string_equal(logged(f), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			log_event__fields__stand_in_one_line, setup, teardown),
		cmocka_unit_test_setup_teardown(
			log_event__untrusted_value__cannot_leave_its_field, setup, teardown),
		cmocka_unit_test_setup_teardown(
			log_event__json__is_one_object_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(
			log_event__long__is_cut_to_a_whole_line, setup, teardown),
		cmocka_unit_test_setup_teardown(log_event__level__filters, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
