/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes admission: the node that a Pod is put on must be trusted now. Reviews as an API server
 * sends them: of Pods, with and without a node, and of the Bindings that choose one. */
#include "verifier/admission_node.h"

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"
#include "verifier/admission.h"

#define CORPUS "tests/fuzz/corpus/admission/"

static struct world w;
static struct world_operator cluster;
static struct shifted_clock moved;
static struct buf text;
static struct admission review;
static struct err err;
static struct https c;
static struct world_attestation launch;
static char host_path[128];

static void prepare(struct world *world)
{
	char path[128];
	struct buf config = {0};
	world_operator_make(world, "admission", &cluster);
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &config, &world->err), world->err);
	buf_put_str(&config, "kubernetes:\n"
			     "  - {namespace: payments, environment: prod}\n"
			     "  - {namespace: strict, environment: prod, node_class: high}\n"
			     "  - {namespace: low, environment: prod, node_class: low}\n");
	assert_ok(file_write_atomic(path, buf_bytes(&config), 0600, &world->err), world->err);
	buf_release(&config);
}

/* A node: enrolled, an agent on it trusted, and named by an operator. */
static int setup(void **state)
{
	(void)state;
	char id[2 * HOST_ID_LEN + 1];
	memset(&w, 0, sizeof(w));
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	w.clock = &moved.base;
	w.prepare = prepare;
	world_start(&w);
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_launch(&w, &c, &launch);
	hex_encode(BYTES_OF(w.host_id), id);
	(void)snprintf(host_path, sizeof(host_path), "/v1/hosts/%s", id);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_attestation_release(&launch);
	https_close(&c);
	world_stop(&w);
	cert_unref(&cluster.cert);
	key_unref(&cluster.key);
	buf_release(&text);
	admission_release(&review);
	err = (struct err){0};
	return 0;
}

static int teardown_parse(void **state)
{
	(void)state;
	buf_release(&text);
	admission_release(&review);
	err = (struct err){0};
	return 0;
}

static void do_host(const char *what, const char *body)
{
	char path[192];
	(void)snprintf(path, sizeof(path), "%s/%s", host_path, what);
	world_do(&w, &w.admin, "POST", path, body, 200);
}

static void name_node(const char *name)
{
	char body[160];
	(void)snprintf(body, sizeof(body),
		"{\"set\":{\"kubernetes-node\":\"%s\"},\"reason\":\"rack 7\"}", name);
	do_host("attributes", body);
}

static void load(const char *name)
{
	char path[128];
	buf_clear(&text);
	(void)snprintf(path, sizeof(path), CORPUS "%s.json", name);
	assert_ok(file_read(path, 1u << 20, &text, &err), err);
	assert_non_null(buf_str(&text));
}

static void edit(const char *from, const char *to)
{
	struct buf out = {0};
	const char *at = buf_str(&text), *hit = NULL;
	assert_non_null(strstr(at, from));
	for (; (hit = strstr(at, from)) != NULL; at = hit + strlen(from)) {
		buf_put(&out, bytes_of(at, (size_t)(hit - at)));
		buf_put_str(&out, to);
	}
	buf_put_str(&out, at);
	buf_release(&text);
	text = out;
	assert_non_null(buf_str(&text));
}

static bool parse(void)
{
	admission_release(&review);
	err = (struct err){0};
	return admission_parse(buf_bytes(&text), &review, &err);
}

/* ---- the review ---- */

static void review__pod_and_binding__node_taken(void **state)
{
	static const struct {
		const char *file;
		bool binding, placed;
		const char *node;
		size_t images;
	} cases[] = {
		{"create", false, true, NULL, 2},
		{"create-node", false, true, "node-3", 2},
		{"binding", true, true, "node-3", 0},
		{"binding-legacy", true, true, "node-3", 0},
		{"update-same", false, false, "node-3", 0},
		{"debug", false, true, "node-3", 1},
		{"delete", false, false, NULL, 0},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		load(cases[i].file);
		assert_ok(parse(), err);
		if (review.binding != cases[i].binding || review.placed != cases[i].placed ||
			(review.node == NULL) != (cases[i].node == NULL) ||
			review.count != cases[i].images)
			fail_msg("%s: binding %d, placed %d, node %s, %zu images", cases[i].file,
				review.binding, review.placed, review.node ? review.node : "none",
				review.count);
		if (review.node)
			assert_string_equal(review.node, cases[i].node);
	}
	load("create-node");
	edit("\"nodeName\":\"node-3\"", "\"nodeName\":\"\"");
	assert_ok(parse(), err);
	assert_null(review.node);
}

/* No API server lets a Pod change its node by an update; one that did would be judged. */
static void review__update_that_moves_the_pod__placed(void **state)
{
	(void)state;
	load("update-same");
	assert_ok(parse(), err);
	assert_false(review.placed);
	const char *object = strstr(buf_str(&text), "\"nodeName\":\"node-3\"");
	assert_non_null(object);
	memcpy((char *)(uintptr_t)object, "\"nodeName\":\"node-4\"", 19);
	assert_ok(parse(), err);
	assert_true(review.placed);
	assert_string_equal(review.node, "node-4");
}

static void review__binding_in_another_form__refused(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"\"operation\":\"CREATE\"", "\"operation\":\"UPDATE\"", "operation"},
		{"\"target\":", "\"Target\":", "target"},
		{"{\"kind\":\"Node\",\"name\":\"node-3\"}", "{\"kind\":\"Node\"}", "name"},
		{"\"name\":\"node-3\"", "\"name\":\"\"", "name"},
		{"\"name\":\"node-3\"", "\"name\":7", "name"},
		{"\"kind\":\"Node\"", "\"kind\":\"Scheduler\"", "expected a Binding to a Node"},
		{"\"kind\":\"Node\"", "\"kind\":7", "kind"},
		{"\"namespace\":\"payments\"", "\"namespace\":\"\"", "namespace"},
		{"\"kind\":\"Binding\"", "\"kind\":\"Eviction\"",
			"only Pods are judged, and their Bindings"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		load("binding");
		edit(cases[i].from, cases[i].to);
		if (parse() || !strstr(err.text, cases[i].why))
			fail_msg("case %zu: %s", i, err.text[0] ? err.text : "taken");
	}
	load("binding");
	edit("\"kind\":\"Node\",", "");
	assert_ok(parse(), err);
	load("create-node");
	edit("\"nodeName\":\"node-3\"", "\"nodeName\":3");
	assert_false(parse());
	assert_non_null(strstr(err.text, "nodeName"));
}

/* ---- the route ---- */

/* Sends the review: "allowed", "allowed: WARNING" or "denied: WHY". */
static const char *asked(char out[1200])
{
	json_t *answer =
		world_json(&w, &cluster, "POST", "/v1/kubernetes/admission", buf_str(&text), 200);
	const json_t *response = json_object_get(answer, "response");
	const char *message =
		json_string_value(json_object_get(json_object_get(response, "status"), "message"));
	const char *warning =
		json_string_value(json_array_get(json_object_get(response, "warnings"), 0));
	bool allowed = json_is_true(json_object_get(response, "allowed"));
	assert_string_equal(json_string_value(json_object_get(response, "uid")),
		"705ab4f5-6393-11e8-b7cc-42010a800002");
	if (allowed == (message != NULL))
		fail_msg("allowed and a reason, or neither");
	(void)snprintf(out, 1200, "%s%s%s", allowed ? "allowed" : "denied",
		message || warning ? ": " : "",
		message   ? message
		: warning ? warning
			  : "");
	json_decref(answer);
	return out;
}

#define assert_asked(file, wanted)                                                                 \
	do {                                                                                       \
		char out_[1200];                                                                   \
		load(file);                                                                        \
		if (strncmp(asked(out_), (wanted), strlen(wanted)) != 0 ||                         \
			(strcmp((wanted), "allowed") == 0 && out_[7]))                             \
			fail_msg("%s: wanted %s, got %s", (file), (wanted), out_);                 \
	} while (0)

static void node__trusted__pod_and_binding_admitted(void **state)
{
	(void)state;
	name_node("node-3");
	assert_asked("create-node", "allowed");
	assert_asked("binding", "allowed");
	assert_asked("binding-legacy", "allowed");
	assert_asked("update-same", "allowed");
	assert_asked("delete", "allowed");
}

static void node__unknown__denied_where_nodes_are_required(void **state)
{
	(void)state;
	assert_asked(
		"binding", "denied: node node-3: no host here is said to be it (kubernetes-node)");
	assert_asked("create-node", "denied: node node-3: no host here");
	name_node("node-4");
	assert_asked("binding", "denied: node node-3: no host here");
	w.app->config.admission_nodes = NODES_WHEN_KNOWN;
	assert_asked("binding", "allowed: node node-3 is no host here: it is not judged");
	assert_asked("create-node", "allowed: node node-3 is no host here: it is not judged");
	/* The images are judged first, whatever the node. */
	load("create-node");
	edit("@sha256:c0", "@sha256:d0");
	char out[1200];
	assert_non_null(strstr(asked(out), "denied: image "));
}

static void node__name_taken_back__unknown_again(void **state)
{
	(void)state;
	name_node("node-3");
	assert_asked("binding", "allowed");
	do_host("attributes", "{\"unset\":[\"kubernetes-node\"],\"reason\":\"moved\"}");
	assert_asked("binding", "denied: node node-3: no host here");
}

static void node__known_but_not_trusted__denied_in_both_modes(void **state)
{
	(void)state;
	name_node("node-3");
	assert_int_equal(w.app->config.admission_node_age, 3600);
	for (int mode = NODES_REQUIRED; mode <= NODES_WHEN_KNOWN; mode++) {
		w.app->config.admission_nodes = (enum config_nodes)mode;
		w.app->config.admission_node_age = 100;
		moved.shift = 90;
		assert_asked("binding", "allowed");
		moved.shift = 200;
		assert_asked("binding", "denied: node node-3: its host ");
		assert_asked("create-node", "denied: node node-3: its host ");
		moved.shift = -50; /* a clock set back makes no node fresh */
		w.app->config.admission_node_age = 30;
		assert_asked("binding", "denied: node node-3: its host ");
		moved.shift = 0;
	}
	w.app->config.admission_node_age = 3600;
	moved.shift = 590;
	assert_asked("binding", "allowed");
	moved.shift = 610; /* its agent's credential has run out */
	assert_asked("binding", "denied: node node-3: no agent on its host ");
}

static void node__host_quarantined__denied(void **state)
{
	(void)state;
	char out[1200];
	name_node("node-3");
	do_host("quarantine", "{\"reason\":\"r\"}");
	load("binding");
	(void)asked(out);
	assert_non_null(strstr(out, " is quarantined"));
	/* What it was trusted for has ended with the quarantine: it has to attest again. */
	do_host("confirm", "{\"reason\":\"r\"}");
	assert_asked("binding", "denied: node node-3: no agent on its host ");
	do_host("retire", "{\"reason\":\"r\"}");
	assert_asked("binding", "denied: node node-3: no host here");
}

static bool spoil_work(struct store_tx *tx, void *arg, struct err *ret)
{
	(void)arg;
	return sql_exec(tx->sql, "UPDATE workloads SET environment='test'", SQL_NO_ARGS, NULL, ret);
}

/* The next attestation of its agent is refused: at once the node is no longer trusted. */
static void node__agent_refused_since__denied(void **state)
{
	(void)state;
	struct world_attestation next;
	name_node("node-3");
	assert_ok(store_run(w.app->store, spoil_work, NULL, &err), err);
	assert_asked("binding", "allowed");
	world_next(&w, &launch, &next);
	world_attest(&w, &c, &next);
	assert_outcome(&next, "untrusted: approval-missing");
	world_attestation_release(&next);
	assert_asked("binding", "denied: node node-3: no agent on its host ");
}

static void node__release_revoked__vouches_for_nothing(void **state)
{
	(void)state;
	char path[160], digest[2 * SHA256_LEN + 1];
	name_node("node-3");
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", digest);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 200);
	assert_asked("binding", "denied: node node-3: no agent on its host ");
}

static void node__agent_ended__denied(void **state)
{
	(void)state;
	struct world_attestation next;
	name_node("node-3");
	world_next(&w, &launch, &next);
	scene_log_exit(w.scene, w.scene->instance);
	world_attest(&w, &c, &next);
	assert_outcome(&next, "untrusted: instance-ended");
	world_attestation_release(&next);
	assert_asked("binding", "denied: node node-3: no agent on its host ");
}

static void node__workload_retired__vouches_for_nothing(void **state)
{
	(void)state;
	name_node("node-3");
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"r\"}", 200);
	assert_asked("binding", "denied: node node-3: no agent on its host ");
}

static void node__class_named__another_agent_does_not_vouch(void **state)
{
	(void)state;
	char out[1200];
	name_node("node-3");
	load("binding");
	edit("\"namespace\":\"payments\"", "\"namespace\":\"strict\"");
	(void)asked(out);
	assert_non_null(
		strstr(out, "denied: node node-3: no agent of risk class high on its host "));
	load("binding");
	edit("\"namespace\":\"payments\"", "\"namespace\":\"low\"");
	assert_string_equal(asked(out), "allowed");
	load("binding");
	edit("\"namespace\":\"payments\"", "\"namespace\":\"elsewhere\"");
	assert_string_equal(
		asked(out), "denied: namespace elsewhere belongs to no environment here");
}

/* Of a node that is not chosen yet nothing is pretended. */
static void pod__unbound__admitted_only_if_its_binding_is_reviewed(void **state)
{
	(void)state;
	name_node("node-3");
	assert_asked("create", "denied: the Pod is on no node yet, and nobody would judge the one "
			       "it gets: send the reviews of pods/binding here too and say "
			       "admission_bindings: reviewed");
	w.app->config.admission_nodes = NODES_WHEN_KNOWN;
	assert_asked("create", "allowed: the Pod is on no node yet: its node is not judged");
	w.app->config.admission_bindings = BINDINGS_REVIEWED;
	assert_asked("create",
		"allowed: the Pod is on no node yet: its node is judged when it is bound");
	w.app->config.admission_nodes = NODES_REQUIRED;
	assert_asked("create",
		"allowed: the Pod is on no node yet: its node is judged when it is bound");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define P(name) cmocka_unit_test_teardown(name, teardown_parse)
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		P(review__pod_and_binding__node_taken),
		P(review__update_that_moves_the_pod__placed),
		P(review__binding_in_another_form__refused),
		T(node__trusted__pod_and_binding_admitted),
		T(node__unknown__denied_where_nodes_are_required),
		T(node__name_taken_back__unknown_again),
		T(node__known_but_not_trusted__denied_in_both_modes),
		T(node__host_quarantined__denied),
		T(node__agent_refused_since__denied),
		T(node__release_revoked__vouches_for_nothing),
		T(node__agent_ended__denied),
		T(node__workload_retired__vouches_for_nothing),
		T(node__class_named__another_agent_does_not_vouch),
		T(pod__unbound__admitted_only_if_its_binding_is_reviewed),
#undef P
#undef T
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
