/* SPDX-License-Identifier: Apache-2.0 */
/* Endorsement keys that were believed and are not any more: the next appraisal of a running agent must know. */
#include <unistd.h>

#include "base/file.h"
#include "tests/attack/enroll.h"
#include "tests/support/crl.h"

static int version = 1;

/* A policy with a list by this authority, signed by `key`. */
static void policy_with_list(
	const struct cert *issuer, struct key *key, const struct cert *revoked, int64_t next)
{
	struct buf pem = {0}, lines = {0};
	int64_t now = clock_wall(&clock_system);
	const struct crl_wish wish = {.issuer = issuer,
		.revoked = revoked,
		.key = key,
		.last = now - 86400,
		.next = now + next};
	assert_ok(crl_make(&wish, &pem, &attack.err), attack.err);
	buf_put_str(&lines, "ek_revocation:\n  - name: maker\n    pem: |\n");
	for (const char *line = buf_str(&pem); *line; line += strcspn(line, "\n") + 1)
		buf_printf(&lines, "      %.*s\n", (int)strcspn(line, "\n"), line);
	attack_policy(++version, buf_str(&lines));
	buf_release(&pem);
	buf_release(&lines);
}

static void policy_with_distrust(struct bytes what)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1], lines[200];
	assert_ok(sha256_of(what, digest, &attack.err), attack.err);
	hex_encode(BYTES_OF(digest), hex);
	(void)snprintf(lines, sizeof(lines),
		"ek_distrusted:\n  - {reason: stolen in transit, sha256: %s}\n", hex);
	attack_policy(++version, lines);
}

/* What a host with this certificate meets: a running agent at its renewal, a launch, and enrolment. */
static void everywhere(struct sw_host *host, struct sw_instance *running, const char *code)
{
	char wanted[100], outcome[400];
	struct sw_instance *fresh = attack_instance(host);
	(void)snprintf(wanted, sizeof(wanted), "untrusted: %s", code);
	assert_outcome(host, fresh, wanted);
	sw_instance_free(&fresh);
	running->first = 0; /* a new policy asks for the whole log */
	(void)attack_outcome(host, running, outcome);
	assert_string_equal(outcome, wanted);
	refused(host, ERR_DENIED, code);
}

struct running {
	struct sw_host *host;
	struct sw_instance *instance;
};
static struct running run(void)
{
	struct running r = {.host = attack_host()};
	r.instance = attack_instance(r.host);
	assert_outcome(r.host, r.instance, "trusted");
	return r;
}
static void run_end(struct running *r)
{
	sw_instance_free(&r->instance);
	sw_host_free(&r->host);
}

static void E33__certificate_revoked_by_its_maker__refused_everywhere(void **state)
{
	const struct ek_ca *maker = &attack.v.maker;
	struct running r = run();
	(void)state;
	policy_with_list(maker->intermediate, maker->intermediate_key, r.host->ek_cert, 86400);
	everywhere(r.host, r.instance, "ek-revoked");
	attack_honest(attack.host); /* others of the maker go on */
	run_end(&r);
}

static void E33__intermediate_revoked_by_its_root__refused_everywhere(void **state)
{
	const struct ek_ca *maker = &attack.v.maker;
	(void)state;
	attack_policy(++version, "");
	struct running r = run();
	policy_with_list(maker->root, maker->root_key, maker->intermediate, 86400);
	everywhere(r.host, r.instance, "ek-revoked");
	run_end(&r);
}

static void E33__list_stale_or_signed_by_another__not_believed(void **state)
{
	const struct ek_ca *maker = &attack.v.maker;
	(void)state;
	attack_policy(++version, "");
	struct running r = run();
	policy_with_list(maker->intermediate, maker->intermediate_key, NULL, -1);
	everywhere(r.host, r.instance, "ek-revocation-list");
	policy_with_list(maker->intermediate, attack.v.builder, NULL, 86400);
	everywhere(r.host, r.instance, "ek-revocation-list");
	policy_with_list(maker->intermediate, maker->intermediate_key, NULL, 86400);
	attack_honest(r.host);
	run_end(&r);
}

static void E33__key_distrusted_by_the_policy__refused_with_another_certificate_too(void **state)
{
	struct running r = run();
	struct ek_ca_options options = ek_ca_honest(r.host->ek->key);
	(void)state;
	policy_with_distrust(cert_der(r.host->ek_cert));
	everywhere(r.host, r.instance, "ek-revoked");
	policy_with_distrust(key_spki(r.host->ek->key));
	everywhere(r.host, r.instance, "ek-revoked");
	cert_unref(&r.host->ek_cert);
	assert_ok(
		ek_ca_issue(&attack.v.maker, &options, &r.host->ek_cert, &attack.err), attack.err);
	refused(r.host, ERR_DENIED, "ek-revoked");
	attack_policy(++version, "");
	attack_honest(attack.host);
	run_end(&r);
}

/* The lists are in the policy, the policy is in the bundle: an auditor finds the same, knowing nothing else. */
static void E33__refusal_recorded__auditor_finds_the_same(void **state)
{
	const struct ek_ca *maker = &attack.v.maker;
	struct buf bundle = {0}, report = {0};
	char hex[2 * SHA256_LEN + 1], path[160], file[128], out[128];
	int status = 0;
	(void)state;
	attack_policy(++version, "");
	struct running r = run();
	policy_with_list(maker->intermediate, maker->intermediate_key, r.host->ek_cert, 86400);
	struct sw_instance *fresh = attack_instance(r.host);
	assert_outcome(r.host, fresh, "untrusted: ek-revoked");
	hex_encode(BYTES_OF(fresh->result.record), hex);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", hex);
	(void)snprintf(file, sizeof(file), "%s/record.assay", attack.v.dir);
	(void)snprintf(out, sizeof(out), "%s/report", attack.v.dir);
	assert_ok(verifierd_call(
			  &attack.v, path, NULL, (struct bytes){0}, &status, &bundle, &attack.err),
		attack.err);
	assert_int_equal(status, 200);
	assert_ok(file_write_atomic(file, buf_bytes(&bundle), 0600, &attack.err), attack.err);
	attack_policy(++version, ""); /* whatever the policy says today */
	const char *argv[] = {"assay", "audit", file, NULL};
	int result = verifierd_run(&attack.v, out, argv);
	assert_ok(file_read(out, 1u << 20, &report, &attack.err), attack.err);
	if (result != 0 || strncmp(buf_str(&report), "consistent: launch of agent", 27) != 0 ||
		!strstr(buf_str(&report), "verdict: reached again from the evidence up"))
		fail_msg("%d: %s", result, buf_str(&report));
	buf_release(&bundle);
	buf_release(&report);
	sw_instance_free(&fresh);
	run_end(&r);
}

/* ---- by hand: assay ek verify ---- */

static void put_file(const char *name, struct bytes content)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", attack.v.dir, name);
	assert_ok(file_write_atomic(path, content, 0600, &attack.err), attack.err);
}

static void put_cert(const char *name, const struct cert *cert)
{
	struct buf pem = {0};
	assert_ok(cert_pem(cert, &pem, &attack.err), attack.err);
	put_file(name, buf_bytes(&pem));
	buf_release(&pem);
}

static void put_list(const struct cert *revoked)
{
	const struct ek_ca *maker = &attack.v.maker;
	int64_t now = clock_wall(&clock_system);
	struct buf pem = {0};
	const struct crl_wish wish = {.issuer = maker->intermediate,
		.revoked = revoked,
		.key = maker->intermediate_key,
		.last = now - 10,
		.next = now + 86400};
	assert_ok(crl_make(&wish, &pem, &attack.err), attack.err);
	put_file("lists", buf_bytes(&pem));
	buf_release(&pem);
}

static void ek_verify_says(bool with_lists, int wanted, const char *text)
{
	char cert[128], roots[128], lists[128], out[128];
	struct buf report = {0};
	(void)snprintf(cert, sizeof(cert), "%s/ek", attack.v.dir);
	(void)snprintf(roots, sizeof(roots), "%s/makers", attack.v.dir);
	(void)snprintf(lists, sizeof(lists), "%s/lists", attack.v.dir);
	(void)snprintf(out, sizeof(out), "%s/ek-report", attack.v.dir);
	const char *argv[] = {"assay", "ek", "verify", cert, "--roots", roots,
		with_lists ? "--crls" : NULL, lists, NULL};
	(void)unlink(out);
	int result = verifierd_run(&attack.v, out, argv);
	assert_ok(file_read(out, 1u << 20, &report, &attack.err), attack.err);
	if (result != wanted || !strstr(buf_str(&report), text))
		fail_msg("%d %s, wanted %d %s", result, buf_str(&report), wanted, text);
	buf_release(&report);
}

static void E33__ek_verify__refuses_the_revoked_and_says_what_was_not_checked(void **state)
{
	char makers[128];
	(void)state;
	(void)snprintf(makers, sizeof(makers), "%s/makers", attack.v.dir);
	assert_ok(file_make_dirs(makers, 0700, &attack.err), attack.err);
	put_cert("makers/root", attack.v.maker.root);
	put_cert("makers/intermediate", attack.v.maker.intermediate);
	put_cert("ek", attack.host->ek_cert);
	ek_verify_says(false, 0, "not checked: revocation: no --crls was given");
	put_list(NULL);
	ek_verify_says(true, 0, "not checked: revocation of 1 of 2 certificates");
	put_list(attack.host->ek_cert);
	ek_verify_says(true, 1, "revoked: certificate 0");
	put_file("lists", BYTES_LIT("no list"));
	ek_verify_says(true, 3, "none in these bytes");
}

#define T(name) cmocka_unit_test(name)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(E33__certificate_revoked_by_its_maker__refused_everywhere),
		T(E33__intermediate_revoked_by_its_root__refused_everywhere),
		T(E33__list_stale_or_signed_by_another__not_believed),
		T(E33__refusal_recorded__auditor_finds_the_same),
		T(E33__ek_verify__refuses_the_revoked_and_says_what_was_not_checked),
		T(E33__key_distrusted_by_the_policy__refused_with_another_certificate_too),
	};
	return cmocka_run_group_tests(tests, attack_open, attack_close);
}
