/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an executable. It comes from whoever can write to a component's file, before anybody has judged it. What
 * parses as dynamic or script has an absolute interpreter without control characters, or says where to read it.
 */
#include <stdlib.h>

#include "attest/closure.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct closure_head head;
	struct err err = {0}, audit = {0};
	require(closure_head_dynamic(bytes_of(data, size), &audit) || audit.text[0]);
	if (!closure_head_parse(bytes_of(data, size), &head, &err)) {
		require(err.code != ERR_NONE && err.text[0]);
		return 0;
	}
	bool named = head.interpreter[0] == '/';
	require(head.kind == CLOSURE_STATIC || named || head.interpreter_len >= 2);
	require(head.kind != CLOSURE_STATIC || (!named && head.interpreter_len == 0));
	require(head.interpreter_len <= CLOSURE_INTERPRETER_MAX &&
		head.interpreter_at <= INT64_MAX);
	require(head.dynamic_len <= CLOSURE_DYNAMIC_MAX && head.dynamic_at <= INT64_MAX);
	for (const char *at = head.interpreter; *at; at++)
		require((unsigned char)*at >= 0x20);
	return 0;
}
