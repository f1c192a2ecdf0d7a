/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verifier in which every route has something to say: policy keys, a witness, a cluster, a host with an agent, two releases, an
 * incident, elevations. What its database was is kept in a file, and put back where a test has changed it.
 */
#ifndef ASSAY_TESTS_FAULT_ROUTES_WORLD_H
#define ASSAY_TESTS_FAULT_ROUTES_WORLD_H

#include "policy/elevation.h"
#include "policy/security_floor.h"
#include "tests/unit/verifier/staged_world.h"

#define TEXT(...) ((char *)(uintptr_t)(__VA_ARGS__))
/* A lease outlasts the long form: its end is written down by the verifier itself, beside what a request changed. */
#define CLASS_LINES                                                                                \
	"    approvals: [ {role: model-risk, count: 1}, {role: security, count: 1} ]\n"            \
	"    credential_lifetime: 1d\n"
#define CLASS_MORE                                                                                 \
	"    drain: 500s\n    elevations:\n"                                                       \
	"      - name: delete\n        entitlement: tickets.delete\n"                              \
	"        audiences: [tickets.bank.example]\n        duration_max: 30m\n"                   \
	"        approvals: [ {role: security, count: 2} ]\n"

static struct {
	struct world_operator cluster, agent, host;
	struct key *ci, *witness;
	struct note_key cosigner;
	struct buf top;
	char hex_host[65], hex_record[65], hex_release[65], hex_newer[65], hex_staged[65];
	char hex_object[65], hex_ca[65];
	char instance[33], incident[64], elevation[40], hold[24], size[24], entry[24], job[24];
	char ocsp[512], status[16];
} made;

static inline void config_more(struct world *world)
{
	struct buf config = {0}, text = {0};
	prepare(world);
	world_operator_make(world, "admission", &made.cluster);
	buf_put_str(&text, "witness w ");
	assert_ok(note_key_write(&made.cosigner, &text, &w.err), w.err);
	buf_put_str(&text, "\nquorum w\n");
	put("log.policy", buf_bytes(&text));
	get("verifierd.yaml", &config);
	buf_put_str(&config, "kubernetes:\n  - {namespace: payments, environment: prod}\n"
			     "public_url: https://verifier.bank.example:8443\n"
			     "log_policy: log.policy\n");
	put("verifierd.yaml", buf_bytes(&config));
	buf_release(&config);
	buf_release(&text);
}

static inline const char *answered(const json_t *answer, const char *key)
{
	const json_t *value = json_object_get(answer, key);
	static char number[24];
	if (json_is_integer(value)) {
		(void)snprintf(
			number, sizeof(number), "%lld", (long long)json_integer_value(value));
		return number;
	}
	if (!json_is_string(value))
		fail_msg("no %s in the answer", key);
	return json_string_value(value);
}

static inline void ask_for(
	const char *path, const char *body, const char *key, char *out, size_t size)
{
	json_t *answer = world_json(&w, &w.admin, "POST", path, body, 201);
	(void)snprintf(out, size, "%s", answered(answer, key));
	json_decref(answer);
}

/* Another version of the agent, published and approved; the scene speaks of it from now on. */
static inline void publish_newer(void)
{
	struct scene *s = w.scene;
	s->release.version = TEXT("1.5.0");
	scene_release(s);
	scene_approve(s);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&s->release_envelope), 201);
	for (size_t i = 0; i < s->context.approval_count; i++)
		world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, s->approval_list[i], 201);
	hex_encode(BYTES_OF(s->release_digest), made.hex_newer);
}

/* The host's agent; what it was issued is kept. */
static inline void launch_agent(bool keep)
{
	struct https c;
	struct world_attestation a;
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &a);
	if (keep) {
		hex_encode(bytes_of(a.result.record, SHA256_LEN), made.hex_record);
		cert_unref(&made.agent.cert);
		assert_ok(cert_from_der(a.result.certs[0], false, &made.agent.cert, &w.err), w.err);
		made.agent.key = w.keys.instance;
	}
	world_attestation_release(&a);
	https_close(&c);
}

static inline void elevation_ask(void)
{
	ask_for("/v1/elevations",
		"{\"workload\":\"ocr-agent\",\"right\":\"delete\",\"duration\":300,\"reason\":"
		"\"r\"}",
		"id", made.elevation, sizeof(made.elevation));
}

static inline struct buf checkpoint_cosigned(void)
{
	struct sql *sql = NULL;
	struct buf note = {0}, body = {0};
	struct bytes text;
	assert_ok(store_read(w.app->store, &sql, &w.err), w.err);
	assert_ok(checkpoint_get(sql, &note, &w.err), w.err);
	store_read_done(w.app->store, &sql);
	assert_ok(note_open(buf_bytes(&note), &w.app->ledger_log.key, &text, &w.err), w.err);
	buf_put(&body, text);
	assert_ok(note_cosign(buf_bytes(&body), &made.cosigner, clock_wall(w.clock), &note, &w.err),
		w.err);
	buf_release(&body);
	return note;
}

static inline void cosign(void)
{
	struct buf note = checkpoint_cosigned();
	struct store_tree tree;
	store_tree(w.app->store, &tree);
	(void)snprintf(made.size, sizeof(made.size), "%llu", (unsigned long long)tree.size);
	hex_encode(bytes_of(key_id(w.authority.key), SHA256_LEN), made.hex_ca);
	world_post(&w, &w.admin, "/v1/log/cosigned", "text/plain", buf_bytes(&note), 200);
	buf_release(&note);
}

static inline void world_of_routes(const struct sql_ops *sql, struct random *random)
{
	static char class_lines[2048];
	memset(&w, 0, sizeof(w));
	assert_int_equal(setup(NULL), 0);
	assert_ok(key_generate(KEY_EC_P256, &made.ci, &w.err), w.err);
	assert_ok(key_generate(KEY_ED25519, &made.witness, &w.err), w.err);
	assert_ok(note_cosigner_of("w.example", made.witness, &made.cosigner, &w.err), w.err);
	buf_put_str(&made.top, "statement_keys:\n  - name: ci\n    kinds: [provenance]\n    pem: ");
	scene_put_pem(&made.top, made.ci, 6);
	(void)snprintf(class_lines, sizeof(class_lines), "%s%s", CLASS_LINES, CLASS_MORE);
	w.class_lines = class_lines;
	w.top_lines = buf_str(&made.top);
	w.prepare = config_more;
	w.sql = sql;
	w.random = random;
	w.events_wait_ms = 500;
	world_start(&w);
	hex_encode(BYTES_OF(w.scene->release_digest), made.hex_release);
	world_enroll(&w);
	made.host = (struct world_operator){w.host_cert, w.host_key};
	hex_encode(BYTES_OF(w.host_id), made.hex_host);
	w.scene->claims.audience_count = 1; /* so that there is a token, and its place on a list */
	w.scene->claims.audiences[0] = BYTES_LIT("invoices.bank.example");
	launch_agent(true);
	hex_encode(BYTES_OF(w.scene->instance), made.instance);
	publish_newer();
	w.scene->instance[0]++;
	w.scene->claims.instance[0]++;
	scene_log_default(w.scene);
	ask_for("/v1/incidents", "{\"title\":\"odd\",\"severity\":\"low\"}", "incident",
		made.incident, sizeof(made.incident));
	elevation_ask();
	cosign();
}

static inline void world_of_routes_end(void)
{
	cert_unref(&made.cluster.cert);
	key_unref(&made.cluster.key);
	cert_unref(&made.agent.cert);
	key_unref(&made.ci);
	note_key_release(&made.cosigner);
	key_unref(&made.witness);
	buf_release(&made.top);
	(void)teardown(NULL);
	memset(&made, 0, sizeof(made));
}

/* ---- the database, and what it was ---- */

static inline void copy_file(const char *from, const char *to)
{
	struct buf content = {0};
	char path[128];
	(void)world_path(&w, from, path);
	assert_ok(file_read(path, 1u << 26, &content, &w.err), w.err);
	put(to, buf_bytes(&content));
	buf_release(&content);
}

/* Closed first: then nothing is in its log. */
static inline void world_keep(const char *name)
{
	app_close(&w.app);
	copy_file("verifier.db", name);
}

/* What was published of later trees goes, too: the verifier would rightly not start beside it. */
static inline void world_back(const char *name)
{
	char path[128];
	app_close(&w.app);
	copy_file(name, "verifier.db");
	(void)nftw((const char *)world_path(&w, "log", path).data, world_remove_one, 8,
		FTW_DEPTH | FTW_PHYS);
	(void)mkdir(path, 0755);
	if (!world_open(&w))
		fail_msg("%s", w.err.text);
}

#endif
