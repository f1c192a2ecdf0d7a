/* SPDX-License-Identifier: Apache-2.0 */
/* Route matching and framing: pure functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "verifier/http_private.h"

static const struct http_route routes[] = {
	{.method = HTTP_GET, .pattern = "/healthz"},
	{.method = HTTP_GET, .pattern = "/v1/hosts"},
	{.method = HTTP_GET, .pattern = "/v1/hosts/{id}"},
	{.method = HTTP_POST, .pattern = "/v1/hosts/{id}/retire"},
};

static void route_find__table__expected(void **state)
{
	(void)state;
	static const struct {
		enum http_method method;
		int status; /* 0: found */
		const char *path;
		size_t index;
		const char *param;
	} cases[] = {
		{HTTP_GET, 0, "/healthz", 0, ""},
		{HTTP_POST, 405, "/healthz", 0, ""},
		{HTTP_GET, 0, "/v1/hosts", 1, ""},
		{HTTP_GET, 404, "/v1/hosts/", 0, ""},
		{HTTP_GET, 0, "/v1/hosts/ab12", 2, "ab12"},
		{HTTP_GET, 404, "/v1/hosts/..", 0, ""},
		{HTTP_GET, 404, "/v1/hosts/.", 0, ""},
		{HTTP_GET, 404, "/v1/hosts/%2e%2e", 0, ""},
		{HTTP_GET, 404, "/v1/hosts/a b", 0, ""},
		{HTTP_POST, 0, "/v1/hosts/ab/retire", 3, "ab"},
		{HTTP_GET, 405, "/v1/hosts/ab/retire", 0, ""},
		{HTTP_GET, 404, "/v1/hosts/ab/retire/x", 0, ""},
		{HTTP_GET, 404, "//healthz", 0, ""},
		{HTTP_GET, 404, "/healthz/", 0, ""},
		{HTTP_GET, 404, "", 0, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char params[HTTP_PARAMS_MAX][HTTP_PARAM_MAX] = {{0}};
		int status = 0;
		const struct http_route *found = http_route_find(
			routes, ARRAY_LEN(routes), cases[i].method, cases[i].path, params, &status);
		if (cases[i].status) {
			assert_null(found);
			assert_int_equal(status, cases[i].status);
		} else {
			assert_ptr_equal(found, &routes[cases[i].index]);
			assert_string_equal(params[0], cases[i].param);
		}
	}
}

static void route_find__parameter_too_long__not_found(void **state)
{
	(void)state;
	char path[512] = "/v1/hosts/", params[HTTP_PARAMS_MAX][HTTP_PARAM_MAX] = {{0}};
	int status = 0;
	memset(path + 10, 'a', HTTP_SEGMENT_MAX - 1);
	assert_non_null(
		http_route_find(routes, ARRAY_LEN(routes), HTTP_GET, path, params, &status));
	memset(path + 10, 'a', HTTP_SEGMENT_MAX);
	assert_null(http_route_find(routes, ARRAY_LEN(routes), HTTP_GET, path, params, &status));
}

static void S3__framing__each_fault_named(void **state)
{
	(void)state;
	static const struct {
		struct http_framing framing;
		const char *fault; /* NULL: fine */
	} cases[] = {
		{{.headers = 3, .content_lengths = 1, .content_length = "17"}, NULL},
		{{.headers = 3, .transfer_encodings = 1, .transfer_encoding = "chunked"}, NULL},
		{{.headers = 65}, "too many header fields"},
		{{.content_lengths = 2, .content_length = "1"}, "more than one Content-Length"},
		{{.transfer_encodings = 2, .transfer_encoding = "chunked"},
			"more than one Transfer-Encoding"},
		{{.content_lengths = 1,
			 .content_length = "1",
			 .transfer_encodings = 1,
			 .transfer_encoding = "chunked"},
			"Content-Length together with Transfer-Encoding"},
		{{.transfer_encodings = 1, .transfer_encoding = "gzip, chunked"},
			"a Transfer-Encoding other than chunked"},
		{{.content_lengths = 1, .content_length = "-1"},
			"a Content-Length that is no plain number"},
		{{.content_lengths = 1, .content_length = "+1"},
			"a Content-Length that is no plain number"},
		{{.content_lengths = 1, .content_length = ""},
			"a Content-Length that is no plain number"},
		{{.content_lengths = 1, .content_length = "9223372036854775808"},
			"a Content-Length that is no plain number"},
		{{.content_lengths = 1, .content_length = "0x10"},
			"a Content-Length that is no plain number"},
		{{.content_encoding = "gzip"}, "a Content-Encoding: bodies are taken as they are"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *fault = http_framing_fault(&cases[i].framing);
		if (cases[i].fault)
			assert_string_equal(fault, cases[i].fault);
		else
			assert_null(fault);
	}
}

static void content_type__parameters__ignored(void **state)
{
	(void)state;
	assert_true(http_content_type_is("application/json", "application/json"));
	assert_true(http_content_type_is("Application/JSON; charset=utf-8", "application/json"));
	assert_false(http_content_type_is("application/jsonx", "application/json"));
	assert_false(http_content_type_is(NULL, "application/json"));
	assert_false(http_content_type_is("", "application/json"));
}

static void peers__more_than_allowed__refused_until_one_leaves(void **state)
{
	(void)state;
	struct http_peers peers = {.lock = PTHREAD_MUTEX_INITIALIZER};
	assert_true(http_peers_enter(&peers, "192.0.2.1", 2));
	assert_true(http_peers_enter(&peers, "192.0.2.1", 2));
	assert_false(http_peers_enter(&peers, "192.0.2.1", 2));
	assert_true(http_peers_enter(&peers, "192.0.2.2", 2));
	http_peers_leave(&peers, "192.0.2.1");
	assert_true(http_peers_enter(&peers, "192.0.2.1", 2));
	http_peers_release(&peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(route_find__table__expected),
		cmocka_unit_test(route_find__parameter_too_long__not_found),
		cmocka_unit_test(S3__framing__each_fault_named),
		cmocka_unit_test(content_type__parameters__ignored),
		cmocka_unit_test(peers__more_than_allowed__refused_until_one_leaves),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
