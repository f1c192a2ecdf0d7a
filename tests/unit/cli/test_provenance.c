/* SPDX-License-Identifier: Apache-2.0 */
/* assay provenance verify: what it prints and how it ends, run in this process with its output caught. */
#include "tests/support/unit.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "crypto/dsse.h"
#include "tests/support/sigstore_make.h"
#include "tests/unit/policy/bom_texts.h"

enum file { KEY_PEM, OTHER_PEM, ROOT_PEM, CHAIN_PEM, ENVELOPE, BUNDLE, SUBJECT, CAUGHT, FILES };
static const char *const names[FILES] = {"key.pem", "other.pem", "roots/root.pem", "chain.pem",
	"envelope", "bundle", "subject", "caught"};

static struct {
	char directory[40], roots[64], path[FILES][64];
	struct sigstore_maker maker;
	struct cert *leaf;
	struct key *other;
	struct buf out, vkey;
	json_t *json;
} t;
static struct err err;

static void put(enum file file, struct bytes content)
{
	assert_ok(file_write_atomic(t.path[file], content, 0644, &err), err);
}

static bool put_keys(void)
{
	struct buf pem = {0};
	bool ok = key_public_pem(t.maker.signer_key, &pem, &err) &&
		  file_write_atomic(t.path[KEY_PEM], buf_bytes(&pem), 0644, &err);

	buf_clear(&pem);
	ok = ok && key_public_pem(t.other, &pem, &err) &&
	     file_write_atomic(t.path[OTHER_PEM], buf_bytes(&pem), 0644, &err);
	buf_clear(&pem);
	ok = ok && cert_pem(t.maker.root, &pem, &err) &&
	     file_write_atomic(t.path[ROOT_PEM], buf_bytes(&pem), 0644, &err);
	buf_clear(&pem);
	ok = ok && cert_pem(t.leaf, &pem, &err) &&
	     file_write_atomic(t.path[CHAIN_PEM], buf_bytes(&pem), 0644, &err);
	buf_release(&pem);
	return ok;
}

static int group_setup(void **state)
{
	(void)state;
	(void)snprintf(t.directory, sizeof(t.directory), "/tmp/assay-provenance-XXXXXX");
	if (!mkdtemp(t.directory))
		return -1;
	(void)snprintf(t.roots, sizeof(t.roots), "%s/roots", t.directory);
	for (size_t i = 0; i < FILES; i++)
		(void)snprintf(t.path[i], sizeof(t.path[i]), "%s/%s", t.directory, names[i]);
	return file_make_dirs(t.roots, 0755, &err) && sigstore_maker_start(&t.maker, &err) &&
			       sigstore_make_leaf(
				       &t.maker, sigstore_leaf_extensions, &t.leaf, &err) &&
			       key_generate(KEY_EC_P256, &t.other, &err) &&
			       note_key_write(&t.maker.log, &t.vkey, &err) && put_keys()
		       ? 0
		       : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < FILES; i++)
		(void)unlink(t.path[i]);
	(void)rmdir(t.roots);
	(void)rmdir(t.directory);
	json_decref(t.json);
	buf_release(&t.out);
	buf_release(&t.vkey);
	cert_unref(&t.leaf);
	key_unref(&t.other);
	sigstore_maker_release(&t.maker);
	return 0;
}

static void put_envelope(const char *statement)
{
	struct buf envelope = {0};

	assert_ok(sigstore_make_envelope(&t.maker, statement, &envelope, &err), err);
	put(ENVELOPE, buf_bytes(&envelope));
	buf_release(&envelope);
}

static void put_bundle(const struct sigstore_recipe *recipe)
{
	struct buf bundle = {0};

	assert_ok(sigstore_make(&t.maker, recipe, &bundle, &err), err);
	put(BUNDLE, buf_bytes(&bundle));
	buf_release(&bundle);
}

/* Runs the command; its two outputs are caught together. */
static enum status run(const char *const *words)
{
	struct environment environment = {0};
	struct arguments arguments = {0};
	struct cli cli = {.environment = &environment, .arguments = &arguments};
	int n = 0, kept[2], fd;
	enum status status;

	while (words[n])
		n++;
	assert_ok(arguments_parse(&cmd_provenance_verify, n, (char **)(uintptr_t)words, &arguments,
			  &cli.err),
		cli.err);
	cli.json = option_given(&cli, "json");
	fd = open(t.path[CAUGHT], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		kept[i] = dup(i + 1);
		(void)dup2(fd, i + 1);
	}
	status = cmd_provenance_verify.run(&cli);
	(void)fflush(stdout);
	for (int i = 0; i < 2; i++) {
		(void)dup2(kept[i], i + 1);
		(void)close(kept[i]);
	}
	(void)close(fd);
	arguments_release(&arguments);
	buf_clear(&t.out);
	assert_ok(file_read(t.path[CAUGHT], 1u << 20, &t.out, &cli.err), cli.err);
	return status;
}
#define RUN(...) run((const char *const[]){__VA_ARGS__, NULL})

static void assert_says(const char *text)
{
	if (!strstr(buf_str(&t.out), text))
		fail_msg("\"%s\" is not in:\n%s", text, buf_str(&t.out));
}

static void assert_member(const char *key, const char *value)
{
	const char *found;

	json_decref(t.json);
	t.json = NULL;
	assert_ok(json_open(buf_bytes(&t.out), JSON_INPUT_MAX, &t.json, &err), err);
	found = json_string_value(json_object_get(t.json, key));
	assert_non_null(found);
	assert_string_equal(found, value);
}

static void envelope__by_a_trusted_key__told(void **state)
{
	(void)state;
	put_envelope(PROVENANCE_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[OTHER_PEM], "--key", t.path[KEY_PEM],
				 "--subject", "sha256:" HEX_A, "--json"),
		STATUS_DONE);
	assert_member("kind", "provenance");
	assert_member("builder", "https://ci.example/builder@v2");
	assert_member("source_commit", HEX_COMMIT);
	assert_member("finished", "2026-08-01T10:04:10Z");
	assert_int_equal(json_array_size(json_object_get(t.json, "keys")), 1);
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM]), STATUS_DONE);
	assert_says("https://ci.example/builder@v2");
}

static void envelope__of_each_kind__told(void **state)
{
	(void)state;
	put_envelope(TEST_RESULT_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_DONE);
	assert_member("result", "warned");
	put_envelope(VSA_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_DONE);
	assert_member("verifier", "https://verifier.example");
	put_envelope(ASSESSMENT_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_DONE);
	assert_member("assessment", "evaluation");
}

static void bom__read__told_in_words(void **state)
{
	(void)state;
	put_envelope(STATEMENT_OF("https://cyclonedx.org/bom/v1.6", CYCLONEDX_TEXT));
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_DONE);
	assert_member("kind", "bom");
	assert_member("format", "cyclonedx 1.6");
	assert_member("bom", "urn:uuid:6f1d7a52-0c0e-4a58-9d1c-3f5a4f0c6b11");
	assert_member("made", "2026-08-01T10:00:00Z");
	assert_says("\"model llm 7b, which the BOM is about, SHA-256 " HEX_A
		    ", under Apache-2.0 OR MIT, trained on invoices, feedback\"");
	assert_says("\"dataset invoices 3, SHA-256 " HEX_B ", under Bank internal\"");
	assert_says("\"2 other components\"");
	put_envelope(STATEMENT_OF("https://spdx.dev/Document/v3", SPDX_TEXT));
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM]), STATUS_DONE);
	assert_says("spdx 3.0.1");
	assert_says("trained on invoices");
}

static void bom__that_cannot_be_read__told_why(void **state)
{
	(void)state;
	put_envelope(STATEMENT_OF("https://spdx.dev/Document/v2.3", "{}"));
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_DONE);
	assert_member("kind", "bom");
	assert_member("not_read", "SPDX: @context: missing");
}

static void P15__bom_of_another_model__refused_and_nothing_told(void **state)
{
	(void)state;
	put_envelope("{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":"
		     "{\"sha256\":\"" HEX_B "\"}}],\"predicateType\":"
		     "\"https://cyclonedx.org/bom\",\"predicate\":" CYCLONEDX_TEXT "}");
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_REFUSED);
	assert_member("reason", "the BOM describes another model: llm");
	assert_null(json_object_get(t.json, "contents"));
}

static void envelope__by_another_key__refused_and_nothing_told(void **state)
{
	(void)state;
	put_envelope(PROVENANCE_TEXT);
	assert_int_equal(
		RUN(t.path[ENVELOPE], "--key", t.path[OTHER_PEM], "--json"), STATUS_REFUSED);
	assert_member("reason", "no signature verifies with a key that is trusted");
	assert_null(json_object_get(t.json, "builder"));
	assert_null(json_object_get(t.json, "subjects"));
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[OTHER_PEM]), STATUS_REFUSED);
	assert_says("refused: no signature verifies with a key that is trusted");
}

static void P15__envelope_about_another_subject__refused(void **state)
{
	(void)state;
	put_envelope(PROVENANCE_TEXT);
	put(SUBJECT, BYTES_LIT("something else"));
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--subject",
				 t.path[SUBJECT], "--json"),
		STATUS_REFUSED);
	assert_member("reason", "the statement is about other subjects");
	assert_null(json_object_get(t.json, "builder"));
}

static void P3__payload_that_is_no_statement__refused_though_signed(void **state)
{
	(void)state;
	put_envelope("{\"_type\":");
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_REFUSED);
	assert_false(json_is_true(json_object_get(t.json, "verified")));
	assert_says("statement: JSON: ");
	put_envelope("{\"_type\":\"https://in-toto.io/Statement/v2\"}");
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--json"), STATUS_REFUSED);
	assert_says("not an in-toto Statement v1");
}

static void bundle__by_certificate_and_logged__told(void **state)
{
	const struct sigstore_recipe recipe = {.leaf = t.leaf, .statement = PROVENANCE_TEXT};

	(void)state;
	put_bundle(&recipe);
	assert_int_equal(
		RUN(t.path[BUNDLE], "--roots", t.roots, "--identity", SIGSTORE_NAME, "--issuer",
			SIGSTORE_ISSUER, "--log-key", buf_str(&t.vkey), "--json"),
		STATUS_DONE);
	assert_member("identity", SIGSTORE_NAME);
	assert_member("log", "log.example");
	assert_member("logged_at", "2023-11-14T22:15:00Z");
	assert_int_equal(json_integer_value(json_object_get(t.json, "log_index")), 1);
	/* Its certificate has long expired; without a log nobody says that it had not then. */
	assert_int_equal(RUN(t.path[BUNDLE], "--roots", t.roots, "--identity", SIGSTORE_NAME,
				 "--issuer", SIGSTORE_ISSUER),
		STATUS_REFUSED);
	assert_says("certificate has expired");
	assert_int_equal(RUN(t.path[BUNDLE], "--roots", t.roots, "--identity", SIGSTORE_NAME,
				 "--issuer", SIGSTORE_ISSUER, "--at", "2023-11-14T22:15:00Z"),
		STATUS_DONE);
	assert_int_equal(RUN(t.path[BUNDLE], "--roots", t.roots, "--log-key", buf_str(&t.vkey)),
		STATUS_REFUSED);
	assert_says("is not the one pinned");
}

static void bundle__by_certificate__seen_by_a_pinned_ct_log(void **state)
{
	const struct sigstore_sct sct = {.log = t.other};
	struct cert *seen = NULL;
	struct sigstore_recipe recipe = {.statement = PROVENANCE_TEXT};

	(void)state;
	assert_ok(sigstore_add_scts(&t.maker, t.leaf, &sct, 1, &seen, &err), err);
	recipe.leaf = seen;
	put_bundle(&recipe);
	cert_unref(&seen);
	assert_int_equal(RUN(t.path[BUNDLE], "--roots", t.roots, "--identity", SIGSTORE_NAME,
				 "--issuer", SIGSTORE_ISSUER, "--log-key", buf_str(&t.vkey),
				 "--ct-key", t.path[KEY_PEM], "--ct-key", t.path[OTHER_PEM]),
		STATUS_DONE);
	assert_int_equal(RUN(t.path[BUNDLE], "--roots", t.roots, "--identity", SIGSTORE_NAME,
				 "--issuer", SIGSTORE_ISSUER, "--log-key", buf_str(&t.vkey),
				 "--ct-key", t.path[KEY_PEM]),
		STATUS_REFUSED);
	assert_says("certificate timestamps: none by a log that is pinned");
}

static void bundle__over_a_file__compared_with_it(void **state)
{
	const struct sigstore_recipe recipe = {.content = BYTES_LIT("content")};

	(void)state;
	put_bundle(&recipe);
	put(SUBJECT, BYTES_LIT("content"));
	assert_int_equal(RUN(t.path[BUNDLE], "--key", t.path[KEY_PEM], "--subject", t.path[SUBJECT],
				 "--json"),
		STATUS_DONE);
	assert_member("kind", "file");
	assert_int_equal(RUN(t.path[BUNDLE], "--key", t.path[KEY_PEM]), STATUS_REFUSED);
	assert_says("a file is signed, and none was given");
}

static void envelope__with_a_chain__told(void **state)
{
	(void)state;
	put_envelope(VSA_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE], "--roots", t.roots, "--chain", t.path[CHAIN_PEM],
				 "--identity", SIGSTORE_NAME, "--issuer", SIGSTORE_ISSUER, "--at",
				 "2023-11-14T22:15:00Z", "--json"),
		STATUS_DONE);
	assert_member("identity", SIGSTORE_NAME);
}

static void command_line__without_sense__usage(void **state)
{
	(void)state;
	put_envelope(PROVENANCE_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE]), STATUS_USAGE);
	assert_says("neither --key nor --roots: whom to trust?");
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--subject", "sha256:0"),
		STATUS_USAGE);
	assert_says("--subject: sha256: and 64 lower-case hex digits");
	assert_int_equal(
		RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--log-key", "x"), STATUS_USAGE);
	assert_says("--log-key: note key: not name+id+key");
	assert_int_equal(
		RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--ct-key", t.path[BUNDLE]),
		STATUS_UNDECIDED);
	assert_says("--ct-key ");
	assert_int_equal(
		RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--at", "x"), STATUS_USAGE);
	put(BUNDLE, BYTES_LIT("{\"mediaType\":1}"));
	assert_int_equal(RUN(t.path[BUNDLE], "--roots", t.roots, "--chain", t.path[CHAIN_PEM]),
		STATUS_USAGE);
	assert_says("--chain goes with an envelope, not with a bundle");
}

static void files__that_cannot_be_read__undecided(void **state)
{
	(void)state;
	put(BUNDLE, BYTES_LIT("no JSON"));
	assert_int_equal(RUN(t.path[BUNDLE], "--key", t.path[KEY_PEM]), STATUS_UNDECIDED);
	assert_int_equal(RUN("/none", "--key", t.path[KEY_PEM]), STATUS_UNDECIDED);
	put_envelope(PROVENANCE_TEXT);
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", "/none"), STATUS_UNDECIDED);
	assert_int_equal(RUN(t.path[ENVELOPE], "--roots", "/none"), STATUS_UNDECIDED);
	assert_int_equal(RUN(t.path[ENVELOPE], "--roots", t.roots, "--chain", t.path[ENVELOPE]),
		STATUS_UNDECIDED);
	assert_says("no certificate in it");
	assert_int_equal(RUN(t.path[ENVELOPE], "--key", t.path[KEY_PEM], "--subject", "/none"),
		STATUS_UNDECIDED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(envelope__by_a_trusted_key__told),
		cmocka_unit_test(envelope__of_each_kind__told),
		cmocka_unit_test(bom__read__told_in_words),
		cmocka_unit_test(bom__that_cannot_be_read__told_why),
		cmocka_unit_test(P15__bom_of_another_model__refused_and_nothing_told),
		cmocka_unit_test(envelope__by_another_key__refused_and_nothing_told),
		cmocka_unit_test(P15__envelope_about_another_subject__refused),
		cmocka_unit_test(P3__payload_that_is_no_statement__refused_though_signed),
		cmocka_unit_test(bundle__by_certificate_and_logged__told),
		cmocka_unit_test(bundle__by_certificate__seen_by_a_pinned_ct_log),
		cmocka_unit_test(bundle__over_a_file__compared_with_it),
		cmocka_unit_test(envelope__with_a_chain__told),
		cmocka_unit_test(command_line__without_sense__usage),
		cmocka_unit_test(files__that_cannot_be_read__undecided),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
