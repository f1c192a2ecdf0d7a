/* SPDX-License-Identifier: Apache-2.0 */
/* docs/openapi.yaml against the route table: the same paths, methods and roles, on both sides. */
#include "tests/support/unit.h"

#include "base/file.h"
#include "verifier/app.h"

static struct buf text;

static int setup(void **state)
{
	(void)state;
	struct err err = {0};
	assert_ok(file_read("docs/openapi.yaml", 1u << 20, &text, &err), err);
	return buf_str(&text) ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	buf_release(&text);
	return 0;
}

/* "[admin, ci]" as bits; SIZE_MAX is never a mask. */
static unsigned roles_read(const char *at)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = {{"admin", ROLE_ADMIN}, {"ci", ROLE_CI}, {"auditor", ROLE_AUDITOR},
		{"host", ROLE_HOST}, {"workload", ROLE_WORKLOAD}, {"admission", ROLE_ADMISSION},
		{"anyone", 0}};
	unsigned roles = 0;
	const char *end = strchr(at, ']');
	assert_non_null(end);
	for (at++; at < end;) {
		size_t n = strcspn(at, ",]"), i = 0;
		while (i < ARRAY_LEN(names) &&
			(strlen(names[i].name) != n || strncmp(names[i].name, at, n) != 0))
			i++;
		if (i == ARRAY_LEN(names))
			fail_msg("unknown role %.*s", (int)n, at);
		roles |= names[i].bit;
		at += n;
		at += strspn(at, ", ");
	}
	return roles;
}

/* Calls visit for every path, method and roles of the document, in order. */
static size_t walk(
	bool (*visit)(const char *path, size_t len, enum http_method method, unsigned roles))
{
	const char *path = NULL;
	size_t path_len = 0, count = 0;
	enum http_method method = HTTP_GET;
	for (const char *line = strstr(buf_str(&text), "\npaths:\n") + 8;
		line && *line && *line != 'c';) {
		if (strncmp(line, "  /", 3) == 0) {
			path = line + 2;
			path_len = strcspn(path, ":");
		} else if (strncmp(line, "    get:", 8) == 0) {
			method = HTTP_GET;
		} else if (strncmp(line, "    post:", 9) == 0) {
			method = HTTP_POST;
		} else if (strncmp(line, "      x-roles: [", 16) == 0) {
			count++;
			if (!visit(path, path_len, method, roles_read(line + 15)))
				fail_msg("%.*s is described, but not in the table, or with other "
					 "roles",
					(int)path_len, path);
		}
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return count;
}

static bool in_table(const char *path, size_t len, enum http_method method, unsigned roles)
{
	for (size_t i = 0; i < app_route_count(); i++)
		if (app_routes[i].method == method && strlen(app_routes[i].pattern) == len &&
			strncmp(app_routes[i].pattern, path, len) == 0)
			return app_routes[i].roles == roles;
	return false;
}

static void openapi__every_path__in_the_route_table(void **state)
{
	(void)state;
	assert_int_equal(walk(in_table), app_route_count());
}

static void routes__each__once_and_bounded(void **state)
{
	(void)state;
	for (size_t i = 0; i < app_route_count(); i++) {
		const struct route *r = &app_routes[i];
		assert_non_null(r->serve);
		assert_true(r->body_max <= EVIDENCE_MAX);
		assert_int_equal(r->method == HTTP_GET, r->body_max == 0);
		assert_int_equal(r->content_type == NULL, r->body_max == 0);
		for (size_t k = 0; k < i; k++)
			assert_false(app_routes[k].method == r->method &&
				     strcmp(app_routes[k].pattern, r->pattern) == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			openapi__every_path__in_the_route_table, setup, teardown),
		cmocka_unit_test(routes__each__once_and_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
