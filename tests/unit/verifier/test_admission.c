/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes admission: reviews as an API server sends them, what is admitted, and everything that is
 * not. */
#include "verifier/admission.h"

#include "tests/unit/verifier/fakes.h"
#include "tests/unit/verifier/schema_undo.h"
#include "tests/unit/verifier/world.h"

#define CORPUS     "tests/fuzz/corpus/admission/"
#define EIGHT(x)   x x x x x x x x
#define HEX64      EIGHT("c0c0c0c0")
#define HEX63      EIGHT("0c0c0c0") "0c0c0c0"
#define FSVERITY64 EIGHT("c1c1c1c1")

static struct world w;
static struct world_operator cluster;
static struct shifted_clock moved;
static struct buf text;
static struct admission review;
static struct err err;

static void prepare(struct world *world)
{
	char path[128];
	struct buf config = {0};
	world_operator_make(world, "admission", &cluster);
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &config, &world->err), world->err);
	buf_put_str(&config, "kubernetes:\n"
			     "  - {namespace: payments, environment: prod}\n"
			     "  - {namespace: tests, environment: staging}\n"
			     "admission_nodes: when-known\n");
	assert_ok(file_write_atomic(path, buf_bytes(&config), 0600, &world->err), world->err);
	buf_release(&config);
}

static int setup(void **state)
{
	(void)state;
	memset(&w, 0, sizeof(w));
	moved = (struct shifted_clock){.base.ops = &shifted_clock_ops};
	w.clock = &moved.base;
	w.prepare = prepare;
	world_start(&w);
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

static int teardown(void **state)
{
	world_stop(&w);
	cert_unref(&cluster.cert);
	key_unref(&cluster.key);
	return teardown_parse(state);
}

static void load(const char *name)
{
	char path[128];
	buf_clear(&text);
	(void)snprintf(path, sizeof(path), CORPUS "%s.json", name);
	assert_ok(file_read(path, 1u << 20, &text, &err), err);
	assert_non_null(buf_str(&text));
}

/* Every place where `from` stands in the review becomes `to`. */
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

static void review__create__images_of_every_kind_of_container(void **state)
{
	(void)state;
	load("create");
	assert_ok(parse(), err);
	assert_string_equal(review.uid, "705ab4f5-6393-11e8-b7cc-42010a800002");
	assert_string_equal(review.ns, "payments");
	assert_true(review.starts);
	assert_int_equal(review.count, 2);
	assert_string_equal(review.images[0].container, "ocr");
	assert_true(review.images[0].pinned);
	assert_int_equal(review.images[0].digest[31], 0xc0);
	assert_string_equal(review.images[1].container, "fetch");
	assert_int_equal(review.images[1].digest[0], 0xc2);
}

static void review__update__only_images_that_are_new(void **state)
{
	(void)state;
	load("debug");
	assert_ok(parse(), err);
	assert_int_equal(review.count, 1);
	assert_string_equal(review.images[0].container, "debugger");
	assert_false(review.images[0].pinned);
	load("update-same");
	assert_ok(parse(), err);
	assert_true(review.starts);
	assert_int_equal(review.count, 0);
	load("delete");
	assert_ok(parse(), err);
	assert_false(review.starts);
}

#define VOLUME(image) "\"volumes\":[{\"name\":\"weights\",\"image\":" image "},"
#define OF_TAG        VOLUME("{\"reference\":\"models/m:1\",\"pullPolicy\":\"Always\"}")

static void review__image_volumes__judged_as_images(void **state)
{
	(void)state;
	load("create");
	edit("\"volumes\":[", OF_TAG);
	assert_ok(parse(), err);
	assert_int_equal(review.count, 3);
	assert_string_equal(review.images[2].container, "weights");
	assert_string_equal(review.images[2].image, "models/m:1");
	assert_false(review.images[2].pinned);
	load("create");
	edit("\"volumes\":[", VOLUME("{\"reference\":\"m@sha256:" HEX64 "\"}"));
	assert_ok(parse(), err);
	assert_true(review.images[2].pinned);
	/* The Pod has it already. */
	load("update-same");
	edit("\"volumes\":[", OF_TAG);
	assert_ok(parse(), err);
	assert_int_equal(review.count, 0);
	load("create");
	edit("\"volumes\":[", VOLUME("{}"));
	assert_false(parse());
	assert_non_null(strstr(err.text, "reference"));
	load("create");
	edit("\"volumes\":[", VOLUME("7"));
	assert_false(parse());
	load("create");
	edit("\"volumes\":[", VOLUME("null"));
	assert_ok(parse(), err);
	assert_int_equal(review.count, 2);
}

static void review__image_forms__pinned_only_by_a_whole_digest(void **state)
{
	(void)state;
	static const char *const loose[] = {"ocr", "ocr:1", "ocr@sha256:", "@sha256:" HEX64,
		"ocr@sha256:" HEX64 "0", "ocr@sha512:" HEX64, "ocr@sha256:" HEX64 "@sha256:" HEX64,
		"ocr@x@sha256:" HEX64, "ocr@SHA256:" HEX64, "ocr@sha256:C" HEX63, ""};
	for (size_t i = 0; i < ARRAY_LEN(loose); i++) {
		load("create-tag");
		edit("registry.bank.example/agents/ocr:1.4.0", loose[i]);
		assert_ok(parse(), err);
		assert_int_equal(review.count, 1);
		if (review.images[0].pinned)
			fail_msg("%s is taken for a digest", loose[i]);
	}
}

static void review__bad__refused(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *why;
	} cases[] = {
		{"\"apiVersion\":\"admission.k8s.io/v1\"",
			"\"apiVersion\":\"admission.k8s.io/v1beta1\"", "apiVersion"},
		{"\"kind\":\"AdmissionReview\"", "\"kind\":\"Review\"", "kind"},
		{"\"request\":", "\"response\":", "request"},
		{"\"uid\":\"705ab4f5-6393-11e8-b7cc-42010a800002\"", "\"uid\":\"\"", "uid"},
		{"\"uid\":\"705ab4f5-6393-11e8-b7cc-42010a800002\"", "\"uid\":7", "uid"},
		{"\"namespace\":\"payments\"", "\"namespace\":\"\"", "namespace"},
		{"\"operation\":\"CREATE\"", "\"operation\":\"CONNECT\"", "operation"},
		{"\"operation\":\"CREATE\"", "\"operation\":\"UPDATE\"", "oldObject"},
		{"\"containers\":[", "\"containers\":[],\"other\":[", "containers"},
		{"\"containers\":[", "\"containers\":[7,", ""},
		{"\"containers\":[", "\"Containers\":[", "containers"},
		{"\"initContainers\":[", "\"initContainers\":{},\"other\":[", "initContainers"},
		{"\"image\":\"registry", "\"img\":\"registry", "image"},
		{"\"operation\":\"CREATE\"", "\"operation\":\"CREATE\",\"operation\":\"DELETE\"",
			""}, /* a duplicate key */
		{"{\"kind\":\"AdmissionReview\"", "x{\"kind\":\"AdmissionReview\"", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		load("create");
		edit(cases[i].from, cases[i].to);
		if (parse() || !strstr(err.text, cases[i].why))
			fail_msg("case %zu: %s", i, err.text[0] ? err.text : "taken");
	}
	load("deployment");
	assert_false(parse());
	assert_non_null(strstr(err.text, "only Pods are judged, and their Bindings"));
}

static void review__too_many_images_or_bytes__refused(void **state)
{
	(void)state;
	struct buf many = {0};
	buf_put_str(&many, "\"containers\":[");
	for (unsigned i = 0; i < ADMISSION_IMAGES_MAX; i++)
		buf_printf(&many, "%s{\"name\":\"c%u\",\"image\":\"i%u\"}", i ? "," : "", i, i);
	buf_put_str(&many, "],\"ignored\":[");
	load("create-tag");
	edit("\"containers\":[", buf_str(&many));
	assert_ok(parse(), err);
	assert_int_equal(review.count, ADMISSION_IMAGES_MAX);
	load("create");
	edit("\"containers\":[", buf_str(&many));
	buf_release(&many);
	assert_false(parse());
	assert_non_null(strstr(err.text, "more than 256 images"));
	buf_clear(&text);
	(void)buf_extend(&text, ADMISSION_REVIEW_MAX + 1);
	assert_false(parse());
	assert_int_equal(err.code, ERR_LIMIT);
}

static void answer__untrusted_text__escaped_and_cut(void **state)
{
	(void)state;
	char longest[3000];
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	json_t *answer = admission_answer("u", false, longest);
	const json_t *response = json_object_get(answer, "response");
	const json_t *status = json_object_get(response, "status");
	assert_true(json_is_false(json_object_get(response, "allowed")));
	assert_int_equal(json_integer_value(json_object_get(status, "code")), 403);
	assert_true(json_string_length(json_object_get(status, "message")) < 1024);
	json_decref(answer);
	answer = admission_answer("u", false, "\x1b[2J\xff");
	assert_non_null(answer);
	json_decref(answer);
	answer = admission_answer("u", true, NULL);
	assert_null(json_object_get(json_object_get(answer, "response"), "status"));
	assert_null(json_object_get(json_object_get(answer, "response"), "warnings"));
	json_decref(answer);
	answer = admission_answer("u", true, "beware\x1b");
	assert_null(json_object_get(json_object_get(answer, "response"), "status"));
	assert_true(json_is_true(json_object_get(json_object_get(answer, "response"), "allowed")));
	assert_string_equal(
		json_string_value(json_array_get(
			json_object_get(json_object_get(answer, "response"), "warnings"), 0)),
		"beware\\x1b");
	json_decref(answer);
}

/* ---- the route ---- */

/* Sends the review; the message of the answer, "" when it is admitted. */
static const char *asked(char out[1200])
{
	json_t *answer = world_json(
		&w, &cluster, "POST", "/v1/kubernetes/admission?timeout=10s", buf_str(&text), 200);
	const json_t *response = json_object_get(answer, "response");
	assert_string_equal(
		json_string_value(json_object_get(answer, "apiVersion")), "admission.k8s.io/v1");
	assert_string_equal(json_string_value(json_object_get(answer, "kind")), "AdmissionReview");
	assert_string_equal(json_string_value(json_object_get(response, "uid")),
		"705ab4f5-6393-11e8-b7cc-42010a800002");
	const char *message =
		json_string_value(json_object_get(json_object_get(response, "status"), "message"));
	bool allowed = json_is_true(json_object_get(response, "allowed"));
	if (allowed == (message != NULL))
		fail_msg("allowed and a reason, or neither");
	(void)snprintf(out, 1200, "%s", message ? message : "");
	json_decref(answer);
	return out;
}

#define assert_admitted()                                                                          \
	do {                                                                                       \
		char out_[1200];                                                                   \
		assert_string_equal(asked(out_), "");                                              \
	} while (0)
#define assert_denied(why)                                                                         \
	do {                                                                                       \
		char out_[1200];                                                                   \
		if (!strstr(asked(out_), (why)))                                                   \
			fail_msg("wanted %s: %s", (why), out_);                                    \
	} while (0)

static void admission__images_of_an_approved_release__admitted(void **state)
{
	(void)state;
	load("create");
	assert_admitted();
	load("update-same");
	assert_admitted();
	load("delete");
	assert_admitted();
}

static void admission__any_image_not_of_a_release__denied(void **state)
{
	(void)state;
	load("create-tag");
	assert_denied("agents/ocr:1.4.0 is not by digest");
	load("debug");
	assert_denied("image busybox:1.36 is not by digest");
	load("create");
	edit("@sha256:c0", "@sha256:d0");
	assert_denied("no published release for environment prod names it");
	load("create");
	edit("@sha256:c2", "@sha256:d2"); /* the init container alone */
	assert_denied("agents/fetch@sha256:d2");
	load("create");
	edit("@sha256:" HEX64,
		"@sha256:" FSVERITY64); /* the model's, which is an fs-verity digest */
	assert_denied("no published release for environment prod names it");
}

static void admission__image_volume_not_of_a_release__denied(void **state)
{
	(void)state;
	load("create");
	edit("\"volumes\":[", OF_TAG);
	assert_denied("image models/m:1 is not by digest");
	load("create");
	edit("\"volumes\":[", VOLUME("{\"reference\":\"m@sha256:" FSVERITY64 "\"}"));
	assert_denied("no published release for environment prod names it");
	load("create");
	edit("\"volumes\":[", VOLUME("{\"reference\":\"m@sha256:" HEX64 "\"}"));
	assert_admitted();
}

static void admission__namespace__decides_the_environment(void **state)
{
	(void)state;
	load("create");
	edit("\"namespace\":\"payments\"", "\"namespace\":\"tests\"");
	assert_denied("no published release for environment staging names it");
	load("create");
	edit("\"namespace\":\"payments\"", "\"namespace\":\"payments2\"");
	assert_denied("namespace payments2 belongs to no environment here");
}

static void revoke_release(void)
{
	char digest[2 * SHA256_LEN + 1], path[128];
	hex_encode(BYTES_OF(w.scene->release_digest), digest);
	(void)snprintf(path, sizeof(path), "/v1/releases/%s/revoke", digest);
	world_do(&w, &w.admin, "POST", path, "{\"reason\":\"r\"}", 200);
}

static void admission__release_revoked__denied_but_running_pods_are_updated(void **state)
{
	(void)state;
	revoke_release();
	load("create");
	assert_denied("no published release for environment prod names it");
	load("update-same");
	assert_admitted();
}

static void admission__workload_retired__denied(void **state)
{
	(void)state;
	world_do(&w, &w.admin, "POST", "/v1/workloads/ocr-agent/retire", "{\"reason\":\"r\"}", 200);
	load("create");
	assert_denied("no published release for environment prod names it");
}

static void admission__release_not_approved__denied(void **state)
{
	(void)state;
	struct release release = w.scene->release;
	struct buf statement = {0}, envelope = {0};
	char version[] = "2.0.0";
	revoke_release();
	release.version = version;
	assert_ok(release_statement(&release, &statement, &w.err), w.err);
	assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), w.keys.builder, &envelope,
			  &w.err),
		w.err);
	world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&envelope), 201);
	buf_release(&statement);
	buf_release(&envelope);
	load("create");
	assert_denied("approval-missing");
}

static void admission__many_newer_releases_not_approved__the_approved_one_is_found(void **state)
{
	(void)state;
	struct release release = w.scene->release;
	char version[16];
	release.version = version;
	moved.shift = 5;
	for (unsigned i = 0; i < 20; i++) {
		struct buf statement = {0}, envelope = {0};
		(void)snprintf(version, sizeof(version), "2.0.%u", i);
		assert_ok(release_statement(&release, &statement, &w.err), w.err);
		assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), w.keys.builder,
				  &envelope, &w.err),
			w.err);
		world_post(&w, &w.ci, "/v1/releases", MEDIA_DSSE, buf_bytes(&envelope), 201);
		buf_release(&statement);
		buf_release(&envelope);
	}
	load("create");
	assert_admitted();
}

static void admission__approvals_withdrawn__denied(void **state)
{
	(void)state;
	struct scene *s = w.scene;
	load("create");
	for (size_t i = 0; i < 2; i++) {
		s->approvals[i].approval.withdrawn = true;
		s->approvals[i].approval.issued += 5;
	}
	scene_approve(s);
	assert_admitted();
	for (size_t i = 0; i < s->context.approval_count; i++)
		world_post(&w, &w.ci, "/v1/approvals", MEDIA_DSSE, s->approval_list[i], 201);
	assert_denied("approval-missing");
}

static void admission__other_roles_or_no_review__refused(void **state)
{
	(void)state;
	load("create");
	world_do(&w, &w.admin, "POST", "/v1/kubernetes/admission", buf_str(&text), 403);
	world_do(&w, &w.ci, "POST", "/v1/kubernetes/admission", buf_str(&text), 403);
	world_do(&w, &cluster, "GET", "/v1/workloads", NULL, 403);
	world_do(&w, &cluster, "POST", "/v1/kubernetes/admission", "{}", 400);
	load("deployment");
	world_do(&w, &cluster, "POST", "/v1/kubernetes/admission", buf_str(&text), 400);
}

/* ---- the index of a database from before ---- */

static void migrate__releases_of_schema_3__found_by_their_digests(void **state)
{
	(void)state;
	char path[128];
	struct sql *sql = NULL;
	uint8_t image[SHA256_LEN], found[2][SHA256_LEN];
	size_t count = 9;
	struct workload_row workload = {.name = "ocr-agent",
		.risk_class = "low",
		.environment = "prod",
		.state = WORKLOAD_ACTIVE};
	struct release_row row = {.workload = "ocr-agent", .state = RELEASE_PUBLISHED};
	struct release_row unreadable = {.workload = "ocr-agent", .state = RELEASE_PUBLISHED};
	memset(image, 0xc0, sizeof(image));
	memcpy(row.digest, w.scene->release_digest, SHA256_LEN);
	buf_put(&row.envelope, buf_bytes(&w.scene->release_envelope));
	buf_put_str(&unreadable.envelope, "{}");
	(void)world_path(&w, "old.db", path);
	assert_ok(test_sql()->open(path, true, &sql, &err), err);
	assert_ok(store_migrate(sql, &err), err);
	assert_ok(workload_insert(sql, &workload, &err), err);
	assert_ok(release_insert(sql, &row, &err), err);
	assert_ok(release_insert(sql, &unreadable, &err), err);
	release_row_release(&row);
	release_row_release(&unreadable);
	assert_ok(subjects_find(sql, image, bytes_str("prod"), found, 2, &count, &err), err);
	assert_int_equal(count, 0);
	schema_undo(sql, 3);
	assert_ok(store_migrate(sql, &err), err);
	assert_ok(subjects_find(sql, image, bytes_str("prod"), found, 2, &count, &err), err);
	assert_int_equal(count, 1);
	assert_memory_equal(found[0], w.scene->release_digest, SHA256_LEN);
	assert_ok(subjects_find(sql, image, bytes_str("staging"), found, 2, &count, &err), err);
	assert_int_equal(count, 0);
	sql_close(&sql);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define P(name) cmocka_unit_test_teardown(name, teardown_parse)
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		P(review__create__images_of_every_kind_of_container),
		P(review__update__only_images_that_are_new),
		P(review__image_volumes__judged_as_images),
		P(review__image_forms__pinned_only_by_a_whole_digest),
		P(review__bad__refused),
		P(review__too_many_images_or_bytes__refused),
		P(answer__untrusted_text__escaped_and_cut),
		T(admission__images_of_an_approved_release__admitted),
		T(admission__any_image_not_of_a_release__denied),
		T(admission__image_volume_not_of_a_release__denied),
		T(admission__many_newer_releases_not_approved__the_approved_one_is_found),
		T(admission__namespace__decides_the_environment),
		T(admission__release_revoked__denied_but_running_pods_are_updated),
		T(admission__workload_retired__denied),
		T(admission__release_not_approved__denied),
		T(admission__approvals_withdrawn__denied),
		T(admission__other_roles_or_no_review__refused),
		T(migrate__releases_of_schema_3__found_by_their_digests),
#undef T
#undef P
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
