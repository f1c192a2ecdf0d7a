/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that lie beside release.yaml: provenance, tests, assessments, as the build left
 * them. What speaks of no component is passed over, unless it was listed: then it is a mistake. */
#include "cli/release_file.h"

#include "cli/release_input.h"
#include "crypto/dsse.h"

#include <dirent.h>
#include <errno.h>

#define BESIDE_SUFFIX ".intoto.jsonl"

struct collecting {
	const struct release *release;
	release_progress progress;
	void *context;
	struct buf *out;
	size_t count;
};

static bool statement_read(struct bytes envelope, struct predicate **ret, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	if (!dsse_parse(envelope, &dsse, err))
		return false;
	if (!predicate_payload_type_ok(dsse->payload_type))
		return err_set(err, ERR_FORMAT, "payload type %s: not an in-toto statement",
			ESC(bytes_str(dsse->payload_type)));
	return predicate_parse(buf_bytes(&dsse->payload), ret, err);
}

static bool envelope_append(struct collecting *c, struct bytes envelope, struct err *err)
{
	OWNED(json_release) json_t *json = NULL;
	if (c->count++ == STATEMENTS_MAX)
		return err_set(err, ERR_LIMIT, "more than %u statements", STATEMENTS_MAX);
	if (!json_open(envelope, JSON_INPUT_MAX, &json, err) ||
		!json_write(json, false, c->out, err))
		return false;
	buf_put_u8(c->out, '\n');
	if (c->out->len > STATEMENTS_BYTES_MAX + STATEMENTS_MAX)
		return err_set(
			err, ERR_LIMIT, "more than %u bytes of statements", STATEMENTS_BYTES_MAX);
	return buf_ok(c->out, err);
}

static void tell(const struct collecting *c, const char *file, const char *what)
{
	char text[512];
	if (!c->progress)
		return;
	(void)snprintf(text, sizeof(text), "%-12s %s: %s", "statement", ESC(bytes_str(file)), what);
	c->progress(c->context, text);
}

/* One envelope of a file. */
static bool collect_one(
	struct collecting *c, const char *file, struct bytes envelope, bool listed, struct err *err)
{
	OWNED(predicate_free) struct predicate *predicate = NULL;
	struct err why = {0};
	char other[PREDICATE_TEXT_MAX], said[PREDICATE_TEXT_MAX + 32];
	if (!statement_read(envelope, &predicate, &why)) {
		if (listed)
			return err_set(err, why.code, "%s: %s", file, why.text);
		tell(c, file, "passed over: not a statement in a DSSE envelope");
		return true;
	}
	if (!release_is_subject(c->release, predicate)) {
		if (listed)
			return err_set(err, ERR_MISMATCH,
				"%s: speaks of no component of this release", file);
		tell(c, file, "passed over: speaks of no component of this release");
		return true;
	}
	if (predicate->bom && !predicate_bom_fits(predicate, other)) {
		if (listed)
			return err_set(err, ERR_MISMATCH, "%s: %s", file, other);
		(void)snprintf(said, sizeof(said), "passed over: %s", other);
		tell(c, file, said);
		return true;
	}
	(void)snprintf(said, sizeof(said), "%s%s%s", predicate_kind_name(predicate->kind),
		predicate->bom_fault ? ", not read: " : "",
		predicate->bom_fault ? predicate->bom_fault : "");
	tell(c, file, said);
	return envelope_append(c, envelope, err);
}

static bool collect_file(struct collecting *c, const char *file, bool listed, struct err *err)
{
	struct buf envelopes[STATEMENTS_MAX] = {0};
	size_t count = 0;
	bool ok = envelopes_read(file, STATEMENTS_MAX, envelopes, &count, err);
	for (size_t i = 0; i < count; i++) {
		ok = ok && collect_one(c, file, buf_bytes(&envelopes[i]), listed, err);
		buf_release(&envelopes[i]);
	}
	return ok;
}

static int beside(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name), n = strlen(BESIDE_SUFFIX);
	return entry->d_name[0] != '.' && len > n &&
	       strcmp(entry->d_name + len - n, BESIDE_SUFFIX) == 0;
}

static bool path_in(struct buf *out, const char *directory, const char *name, struct err *err)
{
	if (name[0] != '/')
		buf_put_str(out, directory);
	buf_put_str(out, name);
	return buf_str(out) ? true : err_set(err, ERR_NOMEM, "release");
}

/* Whether a file beside was listed as well: it is collected once. */
static bool is_listed(char *const *listed, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(listed[i], name) == 0)
			return true;
	return false;
}

static bool collect_beside(struct collecting *c, const char *directory, char *const *listed,
	size_t listed_count, struct err *err)
{
	struct dirent **entries = NULL;
	int n = scandir(*directory ? directory : ".", &entries, beside, alphasort);
	bool ok = n >= 0 || err_errno(err, errno, "%s", *directory ? directory : ".");
	for (int i = 0; i < n; i++) {
		OWNED(buf_release) struct buf path = {0};
		const char *name = entries[i]->d_name;
		ok = ok && (is_listed(listed, listed_count, name) ||
				   (path_in(&path, directory, name, err) &&
					   collect_file(c, buf_str(&path), false, err)));
		free(entries[i]);
	}
	free(entries);
	return ok;
}

bool release_beside_collect(const char *path, char *const *listed, size_t listed_count,
	const struct release *release, release_progress progress, void *context,
	struct buf *ret_statements, struct err *err)
{
	OWNED(buf_release) struct buf directory = {0};
	struct collecting c = {.release = release,
		.progress = progress,
		.context = context,
		.out = ret_statements};
	const char *slash = strrchr(path, '/');
	if (slash)
		buf_put(&directory, bytes_of(path, (size_t)(slash - path) + 1));
	if (!buf_str(&directory))
		return err_set(err, ERR_NOMEM, "release");
	for (size_t i = 0; i < listed_count; i++) {
		OWNED(buf_release) struct buf file = {0};
		if (!path_in(&file, buf_str(&directory), listed[i], err) ||
			!collect_file(&c, buf_str(&file), true, err))
			return err_wrap(err, "statements");
	}
	return collect_beside(&c, buf_str(&directory), listed, listed_count, err);
}
