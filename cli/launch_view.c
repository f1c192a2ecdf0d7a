/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/launch_view.h"

#include "base/text.h"
#include "crypto/dsse.h"
#include "evidence/kept_environment.h"
#include "firmware/event_log.h"

#include <stdlib.h>

/* ---- the kernel's command line in the boot log ---- */

static bool holds(struct bytes in, struct bytes part)
{
	return part.len > 0 && in.len >= part.len &&
	       memmem(in.data, in.len, part.data, part.len) != NULL;
}

static bool event_holds(const struct firmware_event *event, struct bytes line)
{
	static const char grub[] = "BOOT_IMAGE=";
	OWNED(buf_release) struct buf wide = {0};
	size_t skip = sizeof(grub) - 1;
	if (event->coverage != EVENT_COVERED)
		return false;
	for (size_t i = 0; i < line.len; i++) {
		buf_put_u8(&wide, line.data[i]);
		buf_put_u8(&wide, 0);
	}
	if (line.len > skip && memcmp(line.data, grub, skip) == 0 &&
		holds(event->covered, bytes_of(line.data + skip, line.len - skip)))
		return true;
	return holds(event->covered, line) || holds(event->covered, buf_bytes(&wide));
}

bool launch_view_line_measured(
	struct bytes firmware_log, const struct pcr_bank *quoted, struct bytes line)
{
	OWNED(event_log_release) struct event_log log = {0};
	struct pcr_bank replayed = {0};
	size_t len = digest_alg_len(quoted->alg);
	if (firmware_log.len == 0 ||
		!event_log_open(firmware_log, EVENT_LOG_TPM, quoted->alg, &log, NULL) ||
		!event_log_replay(&log, quoted->alg, &replayed, NULL))
		return false;
	for (size_t i = 0; i < log.count; i++) {
		const struct firmware_event *event = &log.events[i];
		if (event->pcr < TPM_PCRS && (quoted->present >> event->pcr & 1) &&
			memcmp(quoted->values[event->pcr], replayed.values[event->pcr], len) == 0 &&
			event_holds(event, line))
			return true;
	}
	return false;
}

/* ---- the launch record ---- */

struct viewing {
	const struct audit_report *report;
	struct key *opener; /* of the kept environment; NULL: it stays sealed */
	struct err sealed; /* why it could not be opened: no fault of the log */
	struct evidence evidence;
	json_t *view; /* of the launch; NULL until seen */
	json_t *components; /* {digest of the record's content: component} */
};

static bool put_hex(json_t *object, const char *key, struct bytes value)
{
	char hex[2 * SHA256_LEN + 1];
	hex_encode(value, hex);
	return json_object_set_new(object, key, json_string(hex)) == 0;
}

/* Paths need not be text. */
static bool put_text(json_t *object, const char *key, struct bytes value)
{
	char text[512];
	return json_object_set_new(
		       object, key, json_string(text_escape(value, text, sizeof(text)))) == 0;
}

static json_t *component_json(const struct runtime_component *c)
{
	OWNED(json_release)
	json_t *view = json_pack("{s:s, s:I, s:I, s:s}", "kind",
		component_digest_kind_name(c->digest_kind), "size",
		(json_int_t)(c->size & INT64_MAX), "files", (json_int_t)(c->files & INT64_MAX),
		"presence", component_presence_name(c->presence));
	return view && put_text(view, "name", c->name) && put_text(view, "role", c->role) &&
			       put_text(view, "path", c->path) &&
			       put_hex(view, "digest", BYTES_OF(c->digest))
		       ? TAKE(view)
		       : NULL;
}

static json_t *digests_json(const uint8_t digests[][SHA256_LEN], size_t n)
{
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < n; i++) {
		char hex[2 * SHA256_LEN + 1];
		hex_encode(bytes_of(digests[i], SHA256_LEN), hex);
		if (json_array_append_new(list, json_string(hex)) != 0)
			return NULL;
	}
	return TAKE(list);
}

static json_t *environment_json(const struct runtime_launch *l)
{
	OWNED(json_release) json_t *list = json_object();
	for (size_t i = 0; i < l->environment_count; i++) {
		char name[256], hex[2 * SHA256_LEN + 1];
		hex_encode(BYTES_OF(l->environment[i]), hex);
		if (json_object_set_new(list,
			    text_escape(l->environment_names[i], name, sizeof(name)),
			    json_string(hex)) != 0)
			return NULL;
	}
	return TAKE(list);
}

static json_t *descriptors_json(const struct runtime_launch *l)
{
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < l->descriptor_count; i++)
		if (json_array_append_new(list, json_string(ESC(l->descriptors[i]))) != 0)
			return NULL;
	return TAKE(list);
}

static json_t *sandbox_json(unsigned sandbox)
{
	static const struct {
		unsigned bit;
		const char *name;
	} words[] = {{SANDBOX_NO_NEW_PRIVS, "no-new-privs"},
		{SANDBOX_NO_CAPABILITIES, "no-capabilities"}, {SANDBOX_NO_NETWORK, "no-network"},
		{SANDBOX_READ_ONLY, "read-only"}};
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if ((sandbox & words[i].bit) &&
			json_array_append_new(list, json_string(words[i].name)) != 0)
			return NULL;
	return TAKE(list);
}

static json_t *kernel_json(const struct viewing *v, const struct runtime_launch *l)
{
	char line[2 * RUNTIME_CMDLINE_MAX];
	bool measured = v->report->consistent && launch_view_line_measured(v->evidence.firmware_log,
							 &v->evidence.pcrs, l->kernel_command_line);
	if (l->kernel.len == 0)
		return json_null();
	return json_pack("{s:s, s:s, s:s, s:s}", "release", ESC(l->kernel), "command_line",
		text_escape(l->kernel_command_line, line, sizeof(line)), "standing",
		measured ? "proven" : "asserted", "why",
		measured ? "the boot log, replayed onto quoted PCRs, measured this command line"
			 : "the host's own kernel says so");
}

/* Whom the values are kept for; null: for nobody. */
static json_t *kept_json(const struct runtime_launch *l)
{
	char hex[2 * SHA256_LEN + 1];
	if (!l->kept)
		return json_null();
	hex_encode(BYTES_OF(l->kept_for), hex);
	return json_pack("{s:s, s:I}", "key", hex, "bytes", (json_int_t)l->kept_values.len);
}

static json_t *value_json(struct bytes value)
{
	OWNED(free_ptr) char *text = NULL;
	if (utf8_valid(value) && (value.len == 0 || !memchr(value.data, 0, value.len)))
		return json_stringn((const char *)value.data, value.len);
	text = malloc(4 * value.len + 1);
	return text ? json_string(text_escape(value, text, 4 * value.len + 1)) : NULL;
}

/* Opened, and each value held against its digest in the record: all of them, or none is shown. */
static bool values_put(struct viewing *v, const struct runtime_launch *l, struct err *err)
{
	OWNED(buf_release) struct buf plain = {0};
	OWNED(json_release) json_t *values = json_object();
	struct kept_environment kept;
	v->sealed = (struct err){0};
	if (!v->opener || !kept_environment_open(l, v->opener, &plain, &kept, &v->sealed))
		return true;
	for (size_t i = 0; i < kept.count; i++) {
		char name[256];
		if (json_object_set_new(values,
			    text_escape(l->environment_names[i], name, sizeof(name)),
			    value_json(kept.values[i])) != 0)
			return err_set(err, ERR_NOMEM, "launch");
	}
	return json_object_set(v->view, "environment_values", values) == 0 ||
	       err_set(err, ERR_NOMEM, "launch");
}

static json_t *chosen_json(const struct viewing *v, const struct runtime_launch *l)
{
	OWNED(json_release) json_t *list = json_array();
	for (size_t i = 0; i < l->component_count; i++) {
		char hex[2 * SHA256_LEN + 1];
		hex_encode(BYTES_OF(l->components[i]), hex);
		json_t *component = json_object_get(v->components, hex);
		if (component && json_array_append(list, component) != 0)
			return NULL;
	}
	return TAKE(list);
}

static bool launch_seen(struct viewing *v, const struct runtime_launch *l, struct err *err)
{
	json_decref(v->view);
	v->view = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "measured",
		v->report->consistent ? "proven" : "asserted", "uid", (json_int_t)l->uid, "gid",
		(json_int_t)l->gid, "components", chosen_json(v, l), "arguments",
		digests_json(l->arguments, l->argument_count), "environment", environment_json(l),
		"descriptors", descriptors_json(l), "sandbox", sandbox_json(l->sandbox), "kernel",
		kernel_json(v, l));
	bool ok = v->view && json_object_set_new(v->view, "environment_kept", kept_json(l)) == 0 &&
		  put_hex(v->view, "instance", BYTES_OF(l->instance)) &&
		  put_hex(v->view, "release", BYTES_OF(l->release)) &&
		  put_hex(v->view, "spec", BYTES_OF(l->spec)) &&
		  put_text(v->view, "workload", l->workload) &&
		  put_text(v->view, "working_directory", l->working_directory);
	return ok ? values_put(v, l, err) : err_set(err, ERR_NOMEM, "launch");
}

static bool record_seen(void *arg, const struct runtime_record *record, struct err *err)
{
	struct viewing *v = arg;
	const uint8_t *instance = v->report->record.instance;
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	if (record->kind == RUNTIME_LAUNCH &&
		memcmp(record->launch->instance, instance, INSTANCE_ID_LEN) == 0)
		return launch_seen(v, record->launch, err);
	if (record->kind != RUNTIME_COMPONENT ||
		memcmp(record->component.instance, instance, INSTANCE_ID_LEN) != 0)
		return true;
	if (!sha256_of(record->content, digest, err))
		return false;
	hex_encode(BYTES_OF(digest), hex);
	return json_object_set_new(v->components, hex, component_json(&record->component)) == 0 ||
	       err_set(err, ERR_NOMEM, "launch");
}

/* ---- beside it ---- */

static bool input_find(const struct audit_bundle *b, const struct record *record, const char *name,
	struct bytes *ret, struct err *err)
{
	for (size_t i = 0; i < record->input_count; i++) {
		if (strcmp(record->inputs[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < b->object_count; k++) {
			uint8_t digest[SHA256_LEN];
			if (!sha256_of(b->objects[k], digest, err))
				return false;
			if (memcmp(digest, record->inputs[i].digest, sizeof(digest)) == 0) {
				*ret = b->objects[k];
				return true;
			}
		}
	}
	return err_set(err, ERR_NOT_FOUND, "the bundle holds no %s", name);
}

/* The release says which model it is; the model's bytes are a component. */
static bool model_put(struct viewing *v, const struct audit_bundle *b, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	OWNED(release_free) struct release *release = NULL;
	struct bytes envelope = {0};
	bool there = input_find(b, &v->report->record, "release", &envelope, NULL) &&
		     dsse_parse(envelope, &dsse, NULL) &&
		     release_parse(buf_bytes(&dsse->payload), &release, NULL) &&
		     release->model_version;
	return (json_object_set_new(v->view, "model_version",
			there ? json_string(release->model_version) : json_null()) == 0 &&
		       json_object_set_new(v->view, "model_version_standing",
			       json_string("asserted: the release says so")) == 0) ||
	       err_set(err, ERR_NOMEM, "launch");
}

static bool view_make(struct viewing *v, const struct audit_bundle *b, struct err *err)
{
	struct claims claims;
	struct bytes evidence = {0};
	if (!input_find(b, &v->report->record, "evidence", &evidence, err) ||
		!evidence_decode(evidence, &v->evidence, err) ||
		!claims_decode(v->evidence.claims, &claims, err))
		return false;
	bool walked = false;
	/* Which PCR it is, the policy says; the records say it too, and all of them the same. */
	for (uint32_t pcr = 0; pcr < TPM_PCRS && !walked; pcr++)
		walked = runtime_log_walk(
			v->evidence.runtime_log, claims.runtime_first, pcr, record_seen, v, err);
	if (!walked)
		return err_wrap(err, "runtime log");
	if (v->sealed.code)
		return err_set(err, v->sealed.code, "%.900s", v->sealed.text);
	if (!v->view)
		return err_set(err, ERR_NOT_FOUND,
			"this evidence holds no launch of instance %s…: look at the record of the "
			"launch",
			text_short_hex(BYTES_OF(v->report->record.instance), (char[17]){0}));
	return model_put(v, b, err);
}

bool launch_view(struct bytes bundle, const struct audit_report *report, struct key *opener,
	json_t **ret, struct err *err)
{
	OWNED(free_ptr) struct audit_bundle *b = calloc(1, sizeof(*b));
	struct viewing v = {.report = report, .opener = opener, .components = json_object()};
	bool ok = b && v.components ? audit_bundle_decode(bundle, b, err) && view_make(&v, b, err)
				    : err_set(err, ERR_NOMEM, "launch");
	json_decref(v.components);
	if (ok)
		*ret = v.view;
	else
		json_decref(v.view);
	return ok;
}
