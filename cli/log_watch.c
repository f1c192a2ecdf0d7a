/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "cli/log_watch_file.h"
#include "crypto/dsse.h"
#include "ledger/fields.h"
#include "policy/policy.h"
#include "policy/retention.h"

#define BY_ITSELF    "verifier"
#define FLOOR        "security-floor" /* of type policy, and about a workload */
#define CONTENT_MAX  (1u << 20)
#define WARNINGS_MAX 4096u /* more are counted, and not told one by one */

static const char *const opened[] = {"release", "approval", "policy", "workload", "key", "rollout",
	"elevation", "retention", "incident"};

bool log_watch_opens(const char *type)
{
	for (size_t i = 0; i < ARRAY_LEN(opened); i++)
		if (strcmp(type, opened[i]) == 0)
			return true;
	return false;
}

/* ---- warnings ---- */

static struct log_watch_warning *warn(
	struct log_watch *w, uint64_t index, const char *type, struct err *err)
{
	struct log_watch_warning *more, *warning;

	if (w->warning_count == WARNINGS_MAX) {
		(void)err_set(err, ERR_LIMIT, "more than %u warnings", WARNINGS_MAX);
		return NULL;
	}
	more = realloc(w->warnings, (w->warning_count + 1) * sizeof(*more));
	if (!more) {
		(void)err_set(err, ERR_NOMEM, "watch: no memory");
		return NULL;
	}
	w->warnings = more;
	warning = &more[w->warning_count++];
	*warning = (struct log_watch_warning){.index = index};
	(void)snprintf(warning->type, sizeof(warning->type), "%s", type);
	return warning;
}

bool log_watch_closed(struct log_watch *w, uint64_t index, const char *type, int64_t time,
	const char *why, struct err *err)
{
	struct log_watch_warning *warning = warn(w, index, type, err);

	if (!warning)
		return false;
	warning->closed = true;
	warning->time = time;
	(void)snprintf(warning->text, sizeof(warning->text), "%s", why);
	return true;
}

const struct log_watch_warning *log_watch_warnings(const struct log_watch *w, size_t *ret_count)
{
	*ret_count = w->warning_count;
	return w->warnings;
}

static bool was_destroyed(const struct log_watch *w, const struct log_watch_warning *warning)
{
	for (size_t i = 0; i < w->destroyed_count; i++)
		if (w->destroyed[i].index == warning->index &&
			w->destroyed[i].time - RETENTION_MIN >= warning->time)
			return true;
	return false;
}

size_t log_watch_settle(struct log_watch *w)
{
	size_t kept = 0, all = w->warning_count;

	for (size_t i = 0; i < all; i++)
		if (!w->warnings[i].closed || !was_destroyed(w, &w->warnings[i]))
			w->warnings[kept++] = w->warnings[i];
	w->warning_count = kept;
	return all - kept;
}

/* "entries": the indices whose content is destroyed. */
static bool note_destroyed(
	struct log_watch *w, const json_t *content, int64_t time, struct err *err)
{
	const json_t *entries = json_object_get(content, "entries"), *entry;
	size_t i, n = json_array_size(entries);
	struct destroyed_entry *more;

	if (n == 0)
		return true;
	more = realloc(w->destroyed, (w->destroyed_count + n) * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "watch: no memory");
	w->destroyed = more;
	json_array_foreach(entries, i, entry) if (json_is_integer(entry))
		w->destroyed[w->destroyed_count++] = (struct destroyed_entry){
		.index = (uint64_t)json_integer_value(entry), .time = time};
	return true;
}

/* ---- who may speak ---- */

static const struct watched *find_watched(const struct log_watch *w, const char *workload)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->list[i].workload, workload) == 0)
			return &w->list[i];
	return NULL;
}

static bool listed(const struct watch_names *names, const char *who)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->list[i], who) == 0)
			return true;
	return false;
}

/* What is in hand. */
struct entry {
	struct log_watch *watch;
	uint64_t index;
	const char *type;
	int64_t time;
	const json_t *content;
	const char *event, *by;
	log_watch_release find;
	void *arg;
};

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool warn_by(
	const struct entry *e, const char *about, const struct watch_names *may, struct err *err)
{
	struct log_watch_warning *warning;

	if (listed(may, e->by))
		return true;
	warning = warn(e->watch, e->index, e->type, err);
	if (!warning)
		return false;
	(void)snprintf(warning->text, sizeof(warning->text), "%s about %s by %s, who may not",
		ESC(bytes_str(e->event)), ESC(bytes_str(about)), ESC(bytes_str(e->by)));
	return true;
}

static bool warn_release(
	const struct entry *e, const char *digest, const char *why, struct err *err)
{
	struct log_watch_warning *warning = warn(e->watch, e->index, e->type, err);

	if (!warning)
		return false;
	(void)snprintf(warning->text, sizeof(warning->text), "%s of release %.16s…: %s",
		ESC(bytes_str(e->event)), ESC(bytes_str(digest)), why);
	return true;
}

/* ---- releases: an envelope proves by its digest which one it is, and so whose ---- */

struct shown {
	struct dsse *dsse;
	struct release *release;
};

static void shown_release(struct shown *shown)
{
	dsse_free(&shown->dsse);
	release_free(&shown->release);
}

/* *ret_why: why it proves nothing; NULL: it does. False: the machine failed, or the connection. */
static bool show(const struct entry *e, const char *digest, struct shown *ret, const char **ret_why,
	struct err *err)
{
	OWNED(buf_release) struct buf envelope = {0};
	uint8_t wanted[SHA256_LEN], actual[SHA256_LEN];
	struct err why = {0};

	*ret_why = "no digest of a release";
	if (!hex_decode_exact(bytes_str(digest), wanted, sizeof(wanted), NULL))
		return true;
	if (!e->find(e->arg, digest, &envelope, err))
		return false;
	*ret_why = "the verifier does not show it";
	if (envelope.len == 0)
		return true;
	*ret_why = "the verifier shows something else under its digest";
	if (!dsse_parse(buf_bytes(&envelope), &ret->dsse, &why))
		return why.code != ERR_NOMEM || err_set(err, ERR_NOMEM, "%s", why.text);
	if (!sha256_of(buf_bytes(&ret->dsse->payload), actual, err))
		return false;
	if (memcmp(wanted, actual, SHA256_LEN) != 0)
		return true;
	*ret_why = "it cannot be read as a release";
	if (!release_parse(buf_bytes(&ret->dsse->payload), &ret->release, &why))
		return why.code != ERR_NOMEM || err_set(err, ERR_NOMEM, "%s", why.text);
	*ret_why = NULL;
	return true;
}

static bool judge_keys(const struct entry *e, const char *digest, const struct watched *watched,
	const struct shown *shown, struct err *err)
{
	uint64_t mask = 0;

	if (watched->key_count == 0 || strcmp(e->event, "release") != 0)
		return true;
	if (!dsse_verify(shown->dsse, watched->keys, watched->key_count, &mask, err))
		return false;
	return mask != 0 || warn_release(e, digest, "not signed by a key of its owner", err);
}

/* Of whom the envelope is, whatever the entry says. */
static bool judge_release(
	const struct entry *e, const char *digest, const char *claimed, struct err *err)
{
	OWNED(shown_release) struct shown shown = {0};
	const struct watched *watched;
	const char *why;

	if (!show(e, digest, &shown, &why, err))
		return false;
	if (why)
		return warn_release(e, digest, why, err);
	if (claimed && strcmp(claimed, shown.release->workload) != 0 &&
		!warn_release(e, digest, "the entry names another workload than it is of", err))
		return false;
	watched = find_watched(e->watch, shown.release->workload);
	return !watched || (warn_by(e, watched->workload, &watched->operators, err) &&
				   judge_keys(e, digest, watched, &shown, err));
}

/* ---- an entry ---- */

static const char *workload_of(const json_t *content)
{
	const json_t *workload = json_object_get(content, "workload");
	const char *name =
		json_is_object(workload) ? text_of(workload, "name") : json_string_value(workload);

	return name ? name : text_of(content, "name");
}

static bool warn_nameless(const struct entry *e, struct err *err)
{
	struct log_watch_warning *warning = warn(e->watch, e->index, e->type, err);

	if (!warning)
		return false;
	(void)snprintf(
		warning->text, sizeof(warning->text), "it does not say which release it is of");
	return true;
}

/* A workload that is named besides does not lead away from what an entry of this type is about. */
static bool judge(const struct entry *e, struct err *err)
{
	const char *workload = workload_of(e->content);
	const char *release = text_of(e->content, "release");
	bool published = strcmp(e->type, "release") == 0;
	bool of_release = published || strcmp(e->type, "approval") == 0;
	const struct watched *watched;

	if (strcmp(e->type, "retention") == 0)
		return strcmp(e->event, "content-destroyed") != 0 ||
		       note_destroyed(e->watch, e->content, e->time, err);
	if (!release && published)
		release = text_of(e->content, "digest");
	if (release && (of_release || !workload))
		return judge_release(e, release, workload, err);
	if (of_release)
		return warn_nameless(e, err);
	if (strcmp(e->type, "policy") == 0 && (!workload || strcmp(e->event, FLOOR) != 0))
		return !e->watch->policies_watched ||
		       warn_by(e, "the policy", &e->watch->policies, err);
	if (!workload)
		return true;
	watched = find_watched(e->watch, workload);
	return !watched || warn_by(e, workload, &watched->operators, err);
}

/* Fields can be taken out, but not those that a watch asks for: which one is missing cannot be seen. */
static bool tells_enough(const struct entry *e)
{
	bool about = workload_of(e->content) || text_of(e->content, "release") ||
		     text_of(e->content, "digest");

	return e->event && e->by && (about || strcmp(e->type, "policy") == 0);
}

bool log_watch_judge(struct log_watch *w, uint64_t index, const char *type, int64_t time,
	struct bytes content, log_watch_release find, void *arg, struct err *err)
{
	OWNED(fields_release) struct fields fields = {0};
	struct err why = {0};
	struct entry e = {
		.watch = w, .index = index, .type = type, .time = time, .find = find, .arg = arg};
	struct log_watch_warning *warning;

	if (!fields_open(content, &fields, &why)) {
		if (why.code == ERR_NOMEM)
			return err_set(err, ERR_NOMEM, "%s", why.text);
		warning = warn(w, index, type, err);
		if (!warning)
			return false;
		(void)snprintf(warning->text, sizeof(warning->text),
			"its content cannot be read: %s", ESC(bytes_str(why.text)));
		return true;
	}
	e.content = fields.shown;
	e.event = text_of(fields.shown, "event");
	e.by = text_of(fields.shown, "by");
	if (fields.redacted > 0 && !tells_enough(&e)) {
		warning = warn(w, index, type, err);
		if (!warning)
			return false;
		(void)snprintf(warning->text, sizeof(warning->text),
			"%zu of its fields are not shown, who made it or what it is about among "
			"them",
			fields.redacted);
		return true;
	}
	e.event = e.event ? e.event : "an entry";
	e.by = e.by ? e.by : BY_ITSELF;
	return judge(&e, err);
}
