/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that lie beside release.yaml: provenance, tests, assessments, as the build left
 * them. What speaks of no component is passed over, unless it was listed: then it is a mistake. */
#include "cli/release_file.h"

#include "cli/release_input.h"
#include "policy/statement_signers.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#define CHAIN_SUFFIX ".chain.pem"
#define CHAIN_MAX    (1u << 18)

static const char *const beside_suffixes[] = {".intoto.jsonl", ".sigstore.json", ".sigstore"};

struct collecting {
	const struct release *release;
	release_progress progress;
	void *context;
	struct buf *out;
	size_t count;
};

static bool statement_read(struct bytes envelope, struct predicate **ret, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	return statement_envelope_open(envelope, &bundle, err) &&
	       predicate_parse(buf_bytes(&bundle->dsse->payload), ret, err);
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
		tell(c, file, "passed over: not a statement in a DSSE envelope or Sigstore bundle");
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

/* The certificates in FILE.chain.pem, if it is there, are those of FILE's one envelope: together
 * they make a Sigstore bundle, the envelope's signature and payload as they are. */
static bool join_chain(const char *file, struct buf *envelopes, size_t count, struct err *err)
{
	OWNED(buf_release) struct buf path = {0}, pem = {0}, bundle = {0};
	buf_printf(&path, "%s" CHAIN_SUFFIX, file);
	if (!buf_str(&path))
		return err_set(err, ERR_NOMEM, "release");
	if (access(buf_str(&path), F_OK) != 0)
		return true;
	if (count != 1)
		return err_set(err, ERR_FORMAT, "%s: goes with one envelope, and there are %zu",
			buf_str(&path), count);
	if (!cli_read(buf_str(&path), CHAIN_MAX, &pem, err))
		return false;
	if (!sigstore_bundle_join(buf_bytes(&envelopes[0]), buf_bytes(&pem), &bundle, err))
		return err_wrap(err, "%s", buf_str(&path));
	buf_clear(&envelopes[0]);
	buf_put(&envelopes[0], buf_bytes(&bundle));
	return buf_ok(&envelopes[0], err);
}

static bool collect_file(struct collecting *c, const char *file, bool listed, struct err *err)
{
	struct buf envelopes[STATEMENTS_MAX] = {0};
	size_t count = 0;
	bool ok = envelopes_read(file, STATEMENTS_MAX, envelopes, &count, err) &&
		  join_chain(file, envelopes, count, err);
	for (size_t i = 0; i < count; i++) {
		ok = ok && collect_one(c, file, buf_bytes(&envelopes[i]), listed, err);
		buf_release(&envelopes[i]);
	}
	return ok;
}

static int beside(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);
	for (size_t i = 0; entry->d_name[0] != '.' && i < ARRAY_LEN(beside_suffixes); i++) {
		size_t n = strlen(beside_suffixes[i]);
		if (len > n && strcmp(entry->d_name + len - n, beside_suffixes[i]) == 0)
			return 1;
	}
	return 0;
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
