/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/config.h"

#include <stdlib.h>

#include "base/file.h"
#include "tests/support/unit.h"
#include "verifier/init.h"

#define GOOD                                                                                       \
	"trust_domain: bank.example\nlisten: 127.0.0.1:8443\ndatabase: v.db\npolicy: p.yaml\n"     \
	"ca_certificate: ca.pem\nca_key: file:ca.key\ntls_certificate: tls.pem\ntls_key: "         \
	"tls.key\n"                                                                                \
	"signing_certificate: s.pem\nsigning_key: handle:0x81000001\ntoken_key: /abs/token.key\n"

static struct config config;
static struct err err;

static int teardown(void **state)
{
	(void)state;
	config_release(&config);
	return 0;
}

static void config__minimal__defaults_and_paths(void **state)
{
	(void)state;
	assert_ok(config_parse(BYTES_LIT(GOOD), "v.yaml", "/etc/assay", &config, &err), err);
	assert_string_equal(config.verifier_id, "spiffe://bank.example/verifier");
	assert_string_equal(config.address, "127.0.0.1");
	assert_int_equal(config.port, 8443);
	assert_string_equal(config.database, "/etc/assay/v.db");
	assert_string_equal(config.ca_key, "file:/etc/assay/ca.key");
	assert_string_equal(config.tls_key, "/etc/assay/tls.key");
	assert_string_equal(config.signing_key, "handle:0x81000001");
	assert_string_equal(config.token_key, "/abs/token.key");
	assert_int_equal(config.host_certificate_lifetime, 7 * 86400);
	assert_int_equal(config.log_level, LOG_LEVEL_INFO);
	assert_false(config.log_json);
}

static void config__namespaces__exact_and_once(void **state)
{
	(void)state;
	static const struct {
		const char *list, *why;
	} bad[] = {
		{"  - {namespace: \"*\", environment: prod}\n", "expected a namespace"},
		{"  - {namespace: a, environment: \"p d\"}\n", "expected a namespace"},
		{"  - {namespace: a, environment: p}\n  - {namespace: a, environment: q}\n",
			"kubernetes: a: given twice"},
		{"  - {namespace: a}\n", "environment"},
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		buf_printf(&text, "%skubernetes:\n%s", GOOD, bad[i].list);
		assert_false(config_parse(buf_bytes(&text), "v.yaml", "/e", &config, &err));
		assert_non_null(strstr(err.text, bad[i].why));
		buf_release(&text);
		err = (struct err){0};
	}
	assert_ok(config_parse(BYTES_LIT(GOOD "kubernetes:\n"
					      "  - {namespace: pay, environment: prod}\n"
					      "  - {namespace: test, environment: prod}\n"),
			  "v.yaml", "/e", &config, &err),
		err);
	assert_int_equal(config.namespace_count, 2);
	assert_string_equal(config.namespaces[1].name, "test");
	assert_string_equal(config.namespaces[1].environment, "prod");
}

static void config__full__read(void **state)
{
	(void)state;
	assert_ok(config_parse(
			  BYTES_LIT(GOOD "verifier_id: https://v.example\nthreads: 3\nworkers: 4\n"
					 "connections_max: 10\nconnections_per_peer: "
					 "5\nlog_format: json\nlog_level: error\n"
					 "host_certificate_lifetime: 2d\n"),
			  "v.yaml", "/etc/assay", &config, &err),
		err);
	assert_string_equal(config.verifier_id, "https://v.example");
	assert_int_equal(config.threads, 3);
	assert_int_equal(config.workers, 4);
	assert_int_equal(config.connections_max, 10);
	assert_int_equal(config.connections_per_peer, 5);
	assert_true(config.log_json);
	assert_int_equal(config.log_level, LOG_LEVEL_ERROR);
	assert_int_equal(config.host_certificate_lifetime, 2 * 86400);
}

/* What is not said is the stricter of the two. */
static void config__admission__read_with_safe_defaults(void **state)
{
	(void)state;
	assert_ok(config_parse(BYTES_LIT(GOOD), "v.yaml", "/", &config, &err), err);
	assert_int_equal(config.admission_nodes, NODES_REQUIRED);
	assert_int_equal(config.admission_bindings, BINDINGS_UNREVIEWED);
	assert_int_equal(config.admission_node_age, 3600);
	config_release(&config);
	assert_ok(config_parse(
			  BYTES_LIT(GOOD "admission_nodes: when-known\n"
					 "admission_bindings: reviewed\n"
					 "admission_node_age: 10m\n"
					 "kubernetes:\n"
					 "  - {namespace: a, environment: b}\n"
					 "  - {namespace: c, environment: d, node_class: node}\n"),
			  "v.yaml", "/", &config, &err),
		err);
	assert_int_equal(config.admission_nodes, NODES_WHEN_KNOWN);
	assert_int_equal(config.admission_bindings, BINDINGS_REVIEWED);
	assert_int_equal(config.admission_node_age, 600);
	assert_null(config.namespaces[0].node_class);
	assert_string_equal(config.namespaces[1].node_class, "node");
}

static void config__garbled__refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"\n",
		"just text",
		"[]",
		"{}",
		"trust_domain: bank.example\n",
		GOOD "unknown: 1\n",
		GOOD GOOD,
		GOOD "threads: -1\n",
		GOOD "threads: 1000\n",
		GOOD "log_level: loud\n",
		GOOD "host_certificate_lifetime: 1s\n",
		GOOD "host_certificate_lifetime: 999d\n",
		GOOD "host_certificate_lifetime: soon\n",
		GOOD "verifier_id: ''\n",
		GOOD "admission_nodes: sometimes\n",
		GOOD "admission_bindings: true\n",
		GOOD "admission_node_age: 0s\n",
		GOOD "admission_node_age: 31d\n",
		GOOD "admission_node_age: soon\n",
		GOOD "kubernetes: [ {namespace: a, environment: b, node_class: 'A b'} ]\n",
		"\x00\x01\x02",
		GOOD "---\n" GOOD,
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		err = (struct err){0};
		if (config_parse(bytes_str(bad[i]), "v.yaml", "/", &config, &err))
			fail_msg("accepted: %s", bad[i]);
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "v.yaml"));
		assert_null(config.trust_domain);
	}
}

#define PEM_A                                                                                      \
	"|\n      -----BEGIN PUBLIC KEY-----\n"                                                    \
	"      MCowBQYDK2VwAyEAGrXOSwPMB0+rXStQDy58Qa6/gyMKvB4gugg6mUnFF9k=\n"                     \
	"      -----END PUBLIC KEY-----\n"
#define PEM_B                                                                                      \
	"|\n      -----BEGIN PUBLIC KEY-----\n"                                                    \
	"      MCowBQYDK2VwAyEA7/aTGZMac0Dut0Y5eADYewTogBe8+rlWaRPEKisa6Fs=\n"                     \
	"      -----END PUBLIC KEY-----\n"
#define KEYS_AB "policy_keys:\n  - name: anna\n    key: " PEM_A "  - name: bert\n    key: " PEM_B

static void config__policy_keys__taken(void **state)
{
	(void)state;
	assert_ok(config_parse(BYTES_LIT(GOOD KEYS_AB "policy_threshold: 2\n"), "v.yaml", "/",
			  &config, &err),
		err);
	assert_int_equal(config.policy_signers.count, 2);
	assert_int_equal(config.policy_signers.threshold, 2);
	assert_string_equal(config.policy_signers.names[1], "bert");
}

/* S14 too: nothing of it is ever taken as if it had not been said. */
static void P6__policy_keys_that_make_no_threshold__refused(void **state)
{
	static const struct {
		const char *text, *message;
	} bad[] = {
		{KEYS_AB, "policy_threshold: how many of the policy_keys must sign"},
		{KEYS_AB "policy_threshold: 0\n", "policy_threshold: 0: must be 1 or more"},
		{KEYS_AB "policy_threshold: -1\n", "policy_threshold: -1: must be 1 or more"},
		{KEYS_AB "policy_threshold: 3\n", "policy_threshold: 3: there are only 2 keys"},
		{KEYS_AB "policy_threshold: two\n", "v.yaml"},
		{"policy_threshold: 1\n", "policy_threshold: there are no policy_keys"},
		{"policy_keys: []\npolicy_threshold: 1\n", "v.yaml"},
		{"policy_keys: [ {name: anna} ]\npolicy_threshold: 1\n", "v.yaml"},
		{"policy_keys: [ {name: anna, key: none.pub} ]\npolicy_threshold: 1\n",
			"policy_keys: anna: "},
		{"policy_keys:\n  - name: a\n    key: " PEM_A "  - name: b\n    key: " PEM_A
		 "policy_threshold: 1\n",
			"policy_keys: b: the same key as a"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		buf_printf(&text, "%s%s", GOOD, bad[i].text);
		err = (struct err){0};
		if (config_parse(buf_bytes(&text), "v.yaml", "/nonexistent", &config, &err))
			fail_msg("accepted: %s", bad[i].text);
		assert_int_equal(err.code, ERR_CONFIG);
		if (!strstr(err.text, bad[i].message))
			fail_msg("\"%s\" is not in: %s", bad[i].message, err.text);
		assert_null(config.trust_domain);
		assert_int_equal(config.policy_signers.count, 0);
		buf_release(&text);
	}
}

static void config__public_url__taken_or_refused(void **state)
{
	static const struct {
		const char *text, *message; /* NULL: taken */
	} cases[] = {
		{"public_url: https://verifier.example:8443\nrevocation_lifetime: 60s\n", NULL},
		{"public_url: http://[::1]:80/assay\n", NULL},
		{"public_url: https://verifier.example/\n", "no slash at the end"},
		{"public_url: https://\n", "no slash at the end"},
		{"public_url: ftp://verifier.example\n", "expected http:// or https://"},
		{"public_url: \"https://verifier.example/a b\"\n", "expected http:// or https://"},
		{"revocation_lifetime: 59s\n", "revocation_lifetime: at least 60s"},
		{"revocation_lifetime: 31d\n", "revocation_lifetime: "},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text = {0};
		buf_printf(&text, "%s%s", GOOD, cases[i].text);
		err = (struct err){0};
		bool ok = config_parse(buf_bytes(&text), "v.yaml", "/", &config, &err);
		if (ok != !cases[i].message || (!ok && !strstr(err.text, cases[i].message)))
			fail_msg("%s: %d %s", cases[i].text, ok, err.text);
		if (ok)
			assert_int_equal(config.revocation_lifetime, i == 0 ? 60 : 600);
		assert_int_equal(config.public_url != NULL, ok);
		config_release(&config);
		buf_release(&text);
	}
}

static void config__tls_key_that_is_no_file__refused(void **state)
{
	(void)state;
	static const char *const bad[] = {"handle:0x81000001", "pkcs11:object=tls"};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf text = {0};
		buf_put_str(&text, GOOD);
		char *at = strstr((char *)(uintptr_t)buf_str(&text), "tls_key: tls.key\n");
		assert_non_null(at);
		text.len = (size_t)(at - (char *)text.data);
		buf_printf(&text, "tls_key: %s\n%s", bad[i],
			strstr(GOOD, "tls_key: tls.key\n") + strlen("tls_key: tls.key\n"));
		assert_false(config_parse(buf_bytes(&text), "v.yaml", "/", &config, &err));
		assert_int_equal(err.code, ERR_CONFIG);
		assert_non_null(strstr(err.text, "must be a file: TLS cannot use a key in a TPM"));
		assert_null(config.trust_domain);
		buf_release(&text);
	}
}

static void config__missing_file__refused(void **state)
{
	(void)state;
	assert_fails(config_load("/nonexistent/verifierd.yaml", &config, &err), err, ERR_CONFIG,
		"/nonexistent/verifierd.yaml: no such configuration file; assay-verifierd init "
		"makes one");
}

static void config__as_init_writes_it__read(void **state)
{
	(void)state;
	struct buf text = {0};
	struct init_names names = {.trust_domain = "d.example", .listen = "[::1]:8443"};
	init_config_text(&names, &text);
	assert_ok(config_parse(buf_bytes(&text), "verifierd.yaml", "/x", &config, &err), err);
	assert_string_equal(config.trust_domain, "d.example");
	assert_string_equal(config.address, "::1");
	assert_string_equal(config.ca_key, "file:/x/ca.key");
	config_release(&config);
	buf_clear(&text);
	names.ca_key = "pkcs11:token=ca;object=k?pin-source=file:/p#1";
	init_config_text(&names, &text);
	assert_ok(config_parse(buf_bytes(&text), "verifierd.yaml", "/x", &config, &err), err);
	assert_string_equal(config.ca_key, names.ca_key);
	buf_release(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(config__minimal__defaults_and_paths, teardown),
		cmocka_unit_test_teardown(config__full__read, teardown),
		cmocka_unit_test_teardown(config__admission__read_with_safe_defaults, teardown),
		cmocka_unit_test_teardown(config__namespaces__exact_and_once, teardown),
		cmocka_unit_test_teardown(config__garbled__refused, teardown),
		cmocka_unit_test_teardown(config__policy_keys__taken, teardown),
		cmocka_unit_test_teardown(
			P6__policy_keys_that_make_no_threshold__refused, teardown),
		cmocka_unit_test(config__public_url__taken_or_refused),
		cmocka_unit_test_teardown(config__tls_key_that_is_no_file__refused, teardown),
		cmocka_unit_test_teardown(config__missing_file__refused, teardown),
		cmocka_unit_test_teardown(config__as_init_writes_it__read, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
