/* SPDX-License-Identifier: Apache-2.0 */
/* assay quote verify without memory (cmd_quote.c): what was refused is refused, also when there is no room to say why. The checks
 * themselves: tests/unit/evidence/test_quote.c. */
#include "cli/commands.h"

#include "crypto/key.h"

#include <stdlib.h>
#include <unistd.h>

#include "tests/support/unit.h"

static char dir[] = "/tmp/assay-quote.XXXXXX";
static struct err err;
static bool starved;

static void *take(size_t size)
{
	return starved ? NULL : malloc(size);
}

static const char *put(const char *name, struct bytes content, char out[128])
{
	(void)snprintf(out, 128, "%s/%s", dir, name);
	assert_ok(file_write_atomic(out, content, 0600, &err), err);
	return out;
}

/* S12: neither a quote nor a signature, and no memory for the reason. */
static void S12__quote_verify__refused_whatever_there_is_room_for(void **state)
{
	static const struct environment environment;
	char ak[128], message[128], signature[128], *argv[9];
	struct buf pem = {0};
	struct key *key = NULL;
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_ok(key_generate(KEY_EC_P256, &key, &err), err);
	assert_ok(key_public_pem(key, &pem, &err), err);
	const char *const words[] = {"--ak", put("ak", buf_bytes(&pem), ak), "--message",
		put("message", BYTES_LIT("x"), message), "--signature",
		put("signature", BYTES_LIT("x"), signature), "--nonce", "00"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		argv[i] = (char *)(uintptr_t)words[i];
	json_set_alloc_funcs(take, free);
	for (int i = 0; i < 2; i++) {
		struct arguments arguments = {0};
		struct cli cli = {.environment = &environment, .arguments = &arguments};
		assert_ok(arguments_parse(&cmd_quote_verify, (int)ARRAY_LEN(words), argv,
				  &arguments, &cli.err),
			cli.err);
		starved = i == 1;
		enum status status = cmd_quote_verify.run(&cli);
		starved = false;
		arguments_release(&arguments);
		assert_int_equal(status, STATUS_REFUSED);
	}
	(void)unlink(ak);
	(void)unlink(message);
	(void)unlink(signature);
	(void)rmdir(dir);
	buf_release(&pem);
	key_unref(&key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__quote_verify__refused_whatever_there_is_room_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
