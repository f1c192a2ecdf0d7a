/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier that judges the boot: references read beside the policy, logs wanted as far as they are
 * new, records that an audit reaches again with nothing but the bundle. */
#include "ledger/audit.h"
#include "tests/unit/verifier/world.h"

#include "tests/unit/policy/boot_scene.h"

#include <sys/stat.h>

#define GOOD "secure-boot"

static struct world w;
static struct buf golden, rules, top;
static bool missing;

static void put(const char *name, struct bytes content)
{
	char path[128], dir[128];

	(void)world_path(&w, "references", dir);
	(void)mkdir(dir, 0700);
	(void)snprintf(path, sizeof(path), "%.90s/%.30s", dir, name);
	assert_ok(file_write_atomic(path, content, 0600, &w.err), w.err);
}

static void prepare(struct world *world)
{
	(void)world;
	put("unrelated.txt", BYTES_LIT("nobody asked for this"));
	if (!missing)
		put("server-golden.log", buf_bytes(&golden));
}

static int setup(void **state)
{
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	(void)state;
	boot_read(GOOD, "firmware.log", &golden);
	assert_true(sha256_of(buf_bytes(&golden), digest, NULL));
	hex_encode(BYTES_OF(digest), hex);
	buf_printf(&top,
		"host_classes:\n  - name: server\n    references: [ {kind: golden-log, sha256: %s} "
		"]\n",
		hex);
	w.class_lines =
		SCENE_CLASS_LINES "    host_classes: [server]\n    minimum_assurance: booted\n";
	w.top_lines = buf_str(&top);
	w.prepare = prepare;
	missing = false;
	world_start(&w);
	boot.s = w.scene;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	boot.s = NULL;
	buf_release(&boot.firmware);
	buf_release(&boot.ima);
	buf_release(&golden);
	buf_release(&rules);
	buf_release(&top);
	world_stop(&w);
	return 0;
}

/* The recorded machine's logs, and this connection's challenge. */
static void edit(struct scene *s, struct evidence *e)
{
	boot_edit(s, e);
	e->challenge = world_token_sent;
}

static void machine(const char *name)
{
	boot_machine(name);
	w.scene->edit_evidence = edit;
}

static void boot__of_the_class__trusted_and_audited_from_the_bundle(void **state)
{
	struct https c;
	struct world_attestation a;
	struct audit_report report;
	char path[128], id[2 * SHA256_LEN + 1];

	(void)state;
	world_enroll(&w);
	machine(GOOD);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	assert_false(a.result.next.ima_wanted);
	hex_encode(BYTES_OF(a.result.record), id);
	(void)snprintf(path, sizeof(path), "/v1/records/%s/bundle", id);
	struct https_answer bundle =
		world_call(&w, &w.auditor, "GET", path, NULL, (struct bytes){0});
	assert_int_equal(bundle.status, 200);
	struct audit_anchors anchors = {.roots = &w.ca, .root_count = 1};
	assert_ok(audit_run(buf_bytes(&bundle.body), &anchors, &report, &w.err), w.err);
	assert_true(report.reproducible);
	assert_true(report.consistent);
	assert_non_null(strstr(buf_str(&report.verdict), "\"assurance\":\"booted\""));
	audit_report_release(&report);
	buf_release(&bundle.body);
	world_attestation_release(&a);
	https_close(&c);
}

static void boot__another_command_line__refused_and_renewal_of_the_good_one_goes_on(void **state)
{
	struct https c;
	struct world_attestation a, b, bad = {.purpose = PURPOSE_LAUNCH};

	(void)state;
	world_enroll(&w);
	machine(GOOD);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	world_next(&w, &a, &b);
	boot.send_firmware = false;
	boot_claims();
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	machine("other-command-line");
	world_challenge(&w, &c, &bad);
	assert_false(bad.ima_wanted);
	scene_log_default(w.scene);
	w.scene->attest.clock += 10;
	world_attest(&w, &c, &bad);
	assert_outcome(&bad, "untrusted: firmware-event");
	world_attestation_release(&a);
	world_attestation_release(&b);
	world_attestation_release(&bad);
	https_close(&c);
}

static void references__changed_or_gone__policy_refused_and_the_old_one_in_force(void **state)
{
	char path[128];

	(void)state;
	world_policy_write(&w, 2, w.top_lines);
	put("server-golden.log", BYTES_LIT("damaged"));
	assert_false(app_policy_load(w.app, &w.err));
	assert_non_null(strstr(w.err.text, "named by the policy and not found"));
	assert_int_equal(w.app->policy->policy->version, 1);
	put("any-other-name", buf_bytes(&golden));
	assert_ok(app_policy_load(w.app, &w.err), w.err);
	assert_int_equal(w.app->policy->policy->version, 2);
	(void)snprintf(path, sizeof(path), "%.90s/references/any-other-name", w.dir);
	assert_int_equal(unlink(path), 0);
	assert_false(app_policy_load(w.app, &w.err));
	assert_int_equal(w.err.code, ERR_NOT_FOUND);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(boot__of_the_class__trusted_and_audited_from_the_bundle),
		T(boot__another_command_line__refused_and_renewal_of_the_good_one_goes_on),
		T(references__changed_or_gone__policy_refused_and_the_old_one_in_force),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
