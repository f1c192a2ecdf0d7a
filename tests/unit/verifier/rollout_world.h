/* SPDX-License-Identifier: Apache-2.0 */
/* A verifier with two releases of one workload, a host that is in the canary or not as the test
 * wishes, and as many instances of either release as are asked for. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_ROLLOUT_WORLD_H
#define ASSAY_TESTS_UNIT_VERIFIER_ROLLOUT_WORLD_H

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/world.h"
#include "verifier/floors.h"
#include "verifier/rollouts.h"

#define ROLLOUT "/v1/rollouts/ocr-agent"

static struct world w;
static struct https c;
static struct shifted_clock moved;
static uint8_t old_release[SHA256_LEN], new_release[SHA256_LEN];

/* ---- where the host stands ---- */

/* The id of a rollout is the only thing of 16 bytes that a start draws. */
static struct {
	struct random base;
	atomic_bool choosing;
	bool inside;
	unsigned share;
} chooser;

static inline bool chooser_fill(struct random *random, uint8_t *out, size_t len, struct err *err)
{
	uint64_t place = 0;
	(void)random;
	do {
		if (!random_fill(&random_system, out, len, err))
			return false;
		if (!chooser.choosing || len != ROLLOUT_ID_LEN)
			return true;
		if (!rollout_place(out, w.host_id, &place, err))
			return false;
	} while (rollout_place_within(place, chooser.share) != chooser.inside);
	return true;
}
static const struct random_ops chooser_ops = {.fill = chooser_fill};

/* ---- releases ---- */

/* Another version, published; the scene speaks of it from now on. */
static inline void publish(const char *version, bool approved, uint8_t ret[SHA256_LEN])
{
	struct scene *s = w.scene;
	s->release.version = (char *)(uintptr_t)version;
	scene_release(s);
	scene_approve(s);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&s->release_envelope), 201);
	for (size_t i = 0; approved && i < s->context.approval_count; i++)
		world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, s->approval_list[i], 201);
	memcpy(ret, s->release_digest, SHA256_LEN);
}

/* Of the scene's release: everybody takes his approval back. */
static inline void withdraw_approvals(void)
{
	struct scene *s = w.scene;
	for (size_t i = 0; i < SCENE_APPROVALS; i++) {
		s->approvals[i].approval.withdrawn = true;
		s->approvals[i].approval.issued += 5;
	}
	scene_approve(s);
	for (size_t i = 0; i < s->context.approval_count; i++)
		world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, s->approval_list[i], 201);
}

static inline int setup(void **state)
{
	(void)state;
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	memset(&w, 0, sizeof(w));
	chooser.base.ops = &chooser_ops;
	chooser.choosing = false;
	w.clock = &moved.base;
	w.random = &chooser.base;
	w.class_lines = SCENE_CLASS_LINES "    drain: 500s\n"; /* a credential lives for 600 */
	world_start(&w);
	world_enroll(&w);
	memcpy(old_release, w.scene->release_digest, SHA256_LEN);
	publish("1.5.0", true, new_release);
	assert_true(world_connect(&w, &c));
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	https_close(&c);
	world_stop(&w);
	return 0;
}

/* ---- rollouts ---- */

static inline json_t *post(const struct world_operator *who, const char *path, int status,
	const char *format, ...) __attribute__((format(printf, 4, 5)));
static inline json_t *post(
	const struct world_operator *who, const char *path, int status, const char *format, ...)
{
	char body[1024];
	va_list args;
	va_start(args, format);
	(void)vsnprintf(body, sizeof(body), format, args);
	va_end(args);
	return world_json(&w, who, "POST", path, body, status);
}

static inline const char *hex_of(const uint8_t digest[SHA256_LEN])
{
	static char texts[4][2 * SHA256_LEN + 1];
	static unsigned next;
	char *text = texts[next++ % 4];
	hex_encode(bytes_of(digest, SHA256_LEN), text);
	return text;
}

/* Of a share of 50%, the host inside or outside; more: further members, each with its comma first. */
static inline void start_to(const uint8_t release[SHA256_LEN], bool inside, const char *more)
{
	chooser.inside = inside;
	chooser.share = 5000;
	chooser.choosing = true;
	json_decref(post(&w.admin, "/v1/rollouts", 201,
		"{\"release\":\"%s\",\"canary\":5000,\"soak\":600%s}", hex_of(release), more));
	chooser.choosing = false;
}

static inline void start(bool inside, const char *more)
{
	start_to(new_release, inside, more);
}

/* Whatever else is published. */
static inline void start_from_old(bool inside)
{
	char from[128];
	(void)snprintf(from, sizeof(from), ",\"from\":\"%s\"", hex_of(old_release));
	start(inside, from);
}

static inline json_t *status(void)
{
	return world_json(&w, &w.auditor, "GET", ROLLOUT, NULL, 200);
}

static inline const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (!text)
		fail_msg("no text %s", key);
	return text;
}

/* Of an error's answer. */
static inline const char *message_of(const json_t *answer)
{
	return text_of(json_object_get(answer, "error"), "message");
}

static inline int64_t count_of(const char *group, const char *key)
{
	json_t *s = status();
	const json_t *value = json_object_get(json_object_get(s, group), key);
	int64_t n = json_integer_value(value);
	assert_true(json_is_integer(value));
	json_decref(s);
	return n;
}

static inline void assert_state(const char *wanted)
{
	json_t *s = status();
	assert_string_equal(text_of(s, "state"), wanted);
	json_decref(s);
}

/* The last line of the history. */
static inline void assert_last_event(const char *event, const char *by, const char *reason)
{
	json_t *s = status();
	const json_t *history = json_object_get(s, "history");
	const json_t *last = json_array_get(history, json_array_size(history) - 1);
	assert_string_equal(text_of(last, "event"), event);
	assert_string_equal(text_of(last, "by"), by);
	if (!strstr(text_of(last, "reason"), reason))
		fail_msg("%s", text_of(last, "reason"));
	json_decref(s);
}

#define ADMIN_URI "spiffe://" WORLD_DOMAIN "/operator/admin/test"

static inline void promote(const char *body, int wanted)
{
	json_decref(post(&w.admin, ROLLOUT "/promote", wanted, "%s", body));
}

static inline void halt(void)
{
	json_decref(post(&w.ci, ROLLOUT "/halt", 200, "{\"reason\":\"odd answers\"}"));
}

static inline void roll_back(void)
{
	json_decref(post(&w.admin, ROLLOUT "/rollback", 200, "{\"reason\":\"worse\"}"));
}

/* What persons do with approvals, as it ends in the store: the floor goes back to the old release. */
static inline bool floor_down_work(struct store_tx *tx, void *arg, struct err *err)
{
	struct floor_row row = {.workload = "ocr-agent",
		.sequence = *(const uint64_t *)arg,
		.version = "1.4.0",
		.published = 1,
		.time = clock_wall(&clock_system),
		.rollback = true};
	memcpy(row.release, old_release, SHA256_LEN);
	return floor_insert(tx->sql, &row, err);
}

static inline void floor_down(uint64_t sequence)
{
	assert_ok(store_run(w.app->store, floor_down_work, &sequence, &w.err), w.err);
}

/* ---- agents ---- */

static inline void assert_also(const struct world_attestation *a, const char *code)
{
	if (!memmem(a->result.verdict.data, a->result.verdict.len, code, strlen(code)))
		fail_msg("no %s in the verdict", code);
}

struct agent {
	uint8_t number;
	const uint8_t *release;
	struct world_attestation last;
};

static inline void speak_of(struct agent *agent)
{
	struct scene *s = w.scene;
	memset(s->instance, agent->number, sizeof(s->instance));
	memset(s->claims.instance, agent->number, sizeof(s->claims.instance));
	memcpy(s->claims.release, agent->release, SHA256_LEN);
	s->attest.clock += 10;
}

/* Its records, in the log of the host. */
static inline void agent_log(struct agent *agent, uint8_t number, const uint8_t release[SHA256_LEN])
{
	struct scene *s = w.scene;
	*agent = (struct agent){.number = number, .release = release};
	speak_of(agent);
	s->launch.component_count = 0;
	memcpy(s->launch.instance, s->instance, INSTANCE_ID_LEN);
	memcpy(s->launch.release, release, SHA256_LEN);
	for (size_t i = 0; i < SCENE_COMPONENTS; i++)
		scene_log_component(s, &s->components[i]);
	scene_log_launch(s);
}

/* Evidence with the whole log. */
static inline void agent_attest(struct agent *agent, enum purpose purpose)
{
	world_attestation_release(&agent->last);
	agent->last = (struct world_attestation){.purpose = purpose};
	speak_of(agent);
	world_challenge(&w, &c, &agent->last);
	agent->last.first = 0;
	world_attest(&w, &c, &agent->last);
}

static inline void agent_launch(struct agent *agent, uint8_t number, const uint8_t *release)
{
	agent_log(agent, number, release);
	agent_attest(agent, PURPOSE_LAUNCH);
}

static inline void agent_release(struct agent *agent)
{
	world_attestation_release(&agent->last);
}

/* What its credential is worth now. */
static inline struct world_operator agent_identity(const struct agent *agent)
{
	struct world_operator identity = {.key = w.keys.instance};
	assert_true(agent->last.result.cert_count > 0);
	assert_ok(cert_from_der(agent->last.result.certs[0], false, &identity.cert, &w.err), w.err);
	return identity;
}

static inline void assert_whoami(struct world_operator *identity, int wanted)
{
	world_do(&w, identity, "GET", "/v1/whoami", NULL, wanted);
}

static inline void log_exit(uint8_t number, bool signaled, uint32_t exit_status)
{
	struct runtime_exit e = {.signaled = signaled, .status = exit_status};
	struct buf content = {0};
	memset(e.instance, number, sizeof(e.instance));
	assert_ok(runtime_exit_encode(&e, SCENE_NOW, &content, &w.err), w.err);
	scene_log_put(w.scene, buf_bytes(&content));
	buf_release(&content);
}

/* Evidence that is authentic and refused: a component that was not released. */
static inline void agent_spoil(struct agent *agent, uint8_t number, const uint8_t *release)
{
	struct release_component *model = &w.scene->components[1];
	model->digest[0] ^= 1;
	agent_log(agent, number, release);
	model->digest[0] ^= 1;
}

#endif
