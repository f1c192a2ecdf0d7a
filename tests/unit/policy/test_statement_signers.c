/* SPDX-License-Identifier: Apache-2.0 */
/* Who vouches for an envelope, asked directly: what each signer counts for, until when, and why another does not. */
#include "policy/statement_signers.h"

#include "identity_texts.h"
#include "policy/policy_file.h"

#define NAMED                                                                                      \
	"    kinds: [provenance]\n    identity: \"" SIGSTORE_NAME                                  \
	"\"\n    issuer: \"" SIGSTORE_ISSUER "\"\n"
#define OPTIONAL NAMED "    log: optional\n"
#define OTHER                                                                                      \
	"    kinds: [provenance]\n    identity: \"https://ci.example/another\"\n    issuer: "      \
	"\"" SIGSTORE_ISSUER "\"\n"
#define OTHER_WHY "identity \"" SIGSTORE_NAME "\" is not the one pinned"
#define UNLOGGED  "no entry of a transparency log: nothing proves when the certificate signed"
#define LONG_END  INT64_C(1850000000)
#define TEXT                                                                                       \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"digest\":{\"sha256\":"     \
	"\"0707070707070707070707070707070707070707070707070707070707070707\"}}],"                 \
	"\"predicateType\":\"https://slsa.dev/provenance/v1\",\"predicate\":{}}"

static struct scene_keys keys;
static struct sigstore_maker maker;
static struct cert *leaf, *long_leaf, *early_root;
static struct scene *s;
static struct buf top, envelope;
static struct sigstore_bundle *bundle;
static struct statement_signers by;

static struct cert *make_cert(const char *name, struct key *key, const struct cert *issuer,
	const char *const (*extensions)[2], int64_t begin, int64_t end)
{
	const struct sigstore_cert_recipe recipe = {.name = name,
		.key = key,
		.issuer = issuer,
		.issuer_key = maker.root_key,
		.extensions = extensions,
		.begin = begin,
		.end = end};
	struct cert *made = NULL;
	struct err err = {0};

	assert_ok(sigstore_make_cert(&recipe, &made, &err), err);
	return made;
}

static int group_setup(void **state)
{
	struct err err = {0};

	(void)state;
	scene_keys_make(&keys);
	assert_ok(sigstore_maker_start(&maker, &err), err);
	assert_ok(sigstore_make_leaf(&maker, sigstore_leaf_extensions, &leaf, &err), err);
	long_leaf = make_cert("signer", maker.signer_key, maker.root, sigstore_leaf_extensions,
		SIGSTORE_LEAF_BEGIN, LONG_END);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	cert_unref(&leaf);
	cert_unref(&long_leaf);
	cert_unref(&early_root);
	sigstore_maker_release(&maker);
	scene_keys_free(&keys);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	s = scene_new(&keys);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "statement_identities:\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sigstore_bundle_free(&bundle);
	buf_release(&top);
	buf_release(&envelope);
	scene_free(s);
	return 0;
}

static void open_envelope(void)
{
	sigstore_bundle_free(&bundle);
	assert_ok(statement_envelope_open(buf_bytes(&envelope), &bundle, &s->err), s->err);
}

/* A bundle with an entry in the log, or without one. */
static void say(const struct cert *by_leaf, bool logged)
{
	const struct sigstore_recipe recipe = {
		.leaf = by_leaf, .statement = TEXT, .no_entry = !logged};

	buf_clear(&envelope);
	assert_ok(sigstore_make(&maker, &recipe, &envelope, &s->err), s->err);
	open_envelope();
}

static void find(int64_t now)
{
	memset(&by, 0xff, sizeof(by));
	assert_ok(statement_signers_find(bundle, s->policy, UINT64_MAX, now, &by, &s->err), s->err);
}

/* Whom the policy names: up to two, one behind the other. */
static void pinned(const char *first, const char *second)
{
	identity_put(&top, &maker, "first", first);
	if (second)
		identity_put(&top, &maker, "second", second);
	s->top_lines = buf_str(&top);
	scene_policy(s);
}

/* ---- until when ---- */

static void logged__by_an_identity__lasts(void **state)
{
	(void)state;
	pinned(NAMED, NULL);
	say(leaf, true);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 1);
	assert_int_equal(by.lasting, 1);
	assert_int_equal(by.end, 0);
	assert_string_equal(by.why, "");
}

/* That no log is needed takes nothing from what one has proven. */
static void logged__where_no_log_is_needed__lasts_all_the_same(void **state)
{
	(void)state;
	pinned(OPTIONAL, NULL);
	say(long_leaf, true);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 1);
	assert_int_equal(by.lasting, 1);
	assert_int_equal(by.end, 0);
}

static void unlogged__long_lived__ends_with_the_certificate(void **state)
{
	(void)state;
	pinned(OPTIONAL, NULL);
	say(long_leaf, false);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 1);
	assert_int_equal(by.lasting, 0);
	assert_int_equal(by.end, LONG_END);
}

/* The same certificate under two roots of one key, which end at other times. */
static void unlogged__by_two_identities__ends_with_the_first_to_end(void **state)
{
	(void)state;
	early_root = make_cert("root", maker.root_key, NULL, sigstore_ca_extensions,
		SIGSTORE_CA_BEGIN, LONG_END - 7);
	for (int turn = 0; turn < 2; turn++) {
		struct cert *late = maker.root;

		buf_clear(&top);
		identity_put_log(&top, &maker);
		buf_put_str(&top, "statement_identities:\n");
		maker.root = turn ? early_root : late;
		identity_put(&top, &maker, "first", OPTIONAL);
		maker.root = turn ? late : early_root;
		identity_put(&top, &maker, "second", OPTIONAL);
		maker.root = late;
		s->top_lines = buf_str(&top);
		scene_policy(s);
		say(long_leaf, false);
		find(SCENE_NOW);
		assert_int_equal(by.mask, 3);
		assert_int_equal(by.lasting, 0);
		assert_int_equal(by.end, LONG_END - 7);
	}
}

static void key__asked_for_alone__no_identity_with_it(void **state)
{
	(void)state;
	identity_put(&top, &maker, "workflow", OPTIONAL);
	buf_put_str(&top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&top, maker.signer_key, 6);
	s->top_lines = buf_str(&top);
	scene_policy(s);
	say(long_leaf, false);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 3);
	assert_int_equal(by.lasting, 1);
	assert_ok(statement_signers_find(bundle, s->policy, 1, SCENE_NOW, &by, &s->err), s->err);
	assert_int_equal(by.mask, 1);
	assert_int_equal(by.end, 0);
	assert_ok(statement_signers_find(bundle, s->policy, 2, SCENE_NOW, &by, &s->err), s->err);
	assert_int_equal(by.mask, 2);
	assert_int_equal(by.lasting, 0);
}

/* ---- logs ---- */

/* The first log that proves it is enough, whatever the next one says. */
static void logged__by_the_first_of_two_logs__counts(void **state)
{
	(void)state;
	buf_clear(&top);
	identity_put_log(&top, &maker);
	buf_put_str(&top, "  - name: other.example\n    pem: ");
	scene_put_pem(&top, keys.other, 6);
	buf_put_str(&top, "statement_identities:\n");
	pinned(NAMED, NULL);
	say(leaf, true);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 1);
	assert_int_equal(by.lasting, 1);
}

/* ---- what is pinned ---- */

/* Each extension by itself: the certificate says none of them. */
static void P15__extension_pinned__each_is_asked_for(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
		{"    runner_environment: hosted\n", "certificate: says no runner environment"},
		{"    source_repository: \"https://git.example/a\"\n",
			"certificate: says no source repository"},
		{"    source_ref: refs/tags/v1\n", "certificate: says no source reference"},
		{"    source_repository_id: \"7\"\n",
			"certificate: says no source repository's number"},
		{"    source_owner_id: \"7\"\n", "certificate: says no source owner's number"},
	};

	(void)state;
	assert_int_equal(ARRAY_LEN(cases), IDENTITY_EXTENSIONS);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char lines[512];

		buf_clear(&top);
		identity_put_log(&top, &maker);
		buf_put_str(&top, "statement_identities:\n");
		snprintf(lines, sizeof(lines), "%s%s", NAMED, cases[i].line);
		pinned(lines, NULL);
		say(leaf, true);
		find(SCENE_NOW);
		assert_int_equal(by.mask, 0);
		assert_string_equal(by.why, cases[i].why);
	}
}

/* ---- why not ---- */

/* Of an identity that the certificate names, and otherwise of the first that it does not. */
static void why__several_identities__of_the_one_that_was_meant(void **state)
{
	(void)state;
	pinned(OTHER, NAMED);
	say(leaf, false);
	find(SCENE_NOW);
	assert_string_equal(by.why, UNLOGGED);
	say(leaf, true);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 2);
	assert_string_equal(by.why, OTHER_WHY);
}

static void why__of_the_first_meant__kept_beside_another_that_is_not(void **state)
{
	(void)state;
	pinned(NAMED, OTHER);
	say(leaf, false);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 0);
	assert_string_equal(by.why, UNLOGGED);
}

static void why__two_unmeant__of_the_first(void **state)
{
	(void)state;
	pinned("    kinds: [provenance]\n    identity: \"" SIGSTORE_NAME "\"\n    issuer: "
	       "\"https://token.other.example\"\n",
		OTHER);
	say(leaf, true);
	find(SCENE_NOW);
	assert_int_equal(by.mask, 0);
	assert_string_equal(
		by.why, "identity issuer \"" SIGSTORE_ISSUER "\" is not the one pinned");
}

/* ---- envelopes ---- */

/* What an envelope says of certificates anywhere else is of no concern. */
static void envelope__cert_beside_its_signature__plain(void **state)
{
	struct buf bare = {0};

	(void)state;
	assert_ok(sigstore_make_envelope(&maker, TEXT, &bare, &s->err), s->err);
	assert_int_equal(bare.data[0], '{');
	buf_put_str(&envelope, "{\"cert\":\"x\",");
	buf_put(&envelope, bytes_of(bare.data + 1, bare.len - 1));
	buf_release(&bare);
	open_envelope();
	assert_int_equal(bundle->material, SIGSTORE_KEY);
	assert_int_equal(bundle->cert_count, 0);
}

/* An envelope whose signature carries this text. */
static void envelope_with(const char *text)
{
	struct buf bare = {0};
	json_t *root = NULL;

	assert_ok(sigstore_make_envelope(&maker, TEXT, &bare, &s->err), s->err);
	assert_ok(json_open(buf_bytes(&bare), JSON_INPUT_MAX, &root, &s->err), s->err);
	json_object_set_new(
		json_array_get(json_object_get(root, "signatures"), 0), "cert", json_string(text));
	buf_clear(&envelope);
	assert_ok(json_write(root, false, &envelope, &s->err), s->err);
	json_decref(root);
	buf_release(&bare);
}

static void P13__envelope_with_a_chain__as_long_as_may_be(void **state)
{
	struct buf one = {0}, chain = {0};

	(void)state;
	assert_ok(cert_pem(long_leaf, &one, &s->err), s->err);
	for (size_t i = 0; i < X509_CHAIN_MAX; i++)
		buf_put(&chain, buf_bytes(&one));
	envelope_with(buf_str(&chain));
	open_envelope();
	assert_int_equal(bundle->cert_count, X509_CHAIN_MAX);
	sigstore_bundle_free(&bundle);
	buf_put(&chain, buf_bytes(&one));
	envelope_with(buf_str(&chain));
	assert_false(statement_envelope_open(buf_bytes(&envelope), &bundle, &s->err));
	assert_int_equal(s->err.code, ERR_LIMIT);
	assert_non_null(strstr(s->err.text, "DSSE envelope: cert: "));
	buf_release(&one);
	buf_release(&chain);
}

static void P13__envelope_with_a_text_too_long__refused(void **state)
{
	const size_t max = (size_t)X509_CHAIN_MAX * 2 * X509_DER_MAX;
	char *text = calloc(1, max + 2);

	(void)state;
	assert_non_null(text);
	memset(text, ' ', max);
	envelope_with(text);
	assert_fails(statement_envelope_open(buf_bytes(&envelope), &bundle, &s->err), s->err,
		ERR_FORMAT, "DSSE envelope: cert: no certificate in it");
	text[max] = ' ';
	envelope_with(text);
	assert_fails(statement_envelope_open(buf_bytes(&envelope), &bundle, &s->err), s->err,
		ERR_FORMAT, "DSSE envelope: signature: cert: too long");
	free(text);
}

static void P13__bundle_too_long__refused(void **state)
{
	(void)state;
	say(leaf, true);
	while (envelope.len <= JSON_INPUT_MAX)
		buf_put_str(&envelope, "                                                        ");
	sigstore_bundle_free(&bundle);
	envelope.len = JSON_INPUT_MAX + 1;
	assert_fails(statement_envelope_open(buf_bytes(&envelope), &bundle, &s->err), s->err,
		ERR_LIMIT, "statement: JSON: 8388609 bytes, more than 8388608");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(logged__by_an_identity__lasts),
		T(logged__where_no_log_is_needed__lasts_all_the_same),
		T(unlogged__long_lived__ends_with_the_certificate),
		T(unlogged__by_two_identities__ends_with_the_first_to_end),
		T(key__asked_for_alone__no_identity_with_it),
		T(logged__by_the_first_of_two_logs__counts),
		T(P15__extension_pinned__each_is_asked_for),
		T(why__several_identities__of_the_one_that_was_meant),
		T(why__of_the_first_meant__kept_beside_another_that_is_not),
		T(why__two_unmeant__of_the_first),
		T(envelope__cert_beside_its_signature__plain),
		T(P13__envelope_with_a_chain__as_long_as_may_be),
		T(P13__envelope_with_a_text_too_long__refused),
		T(P13__bundle_too_long__refused),
#undef T
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
