/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of a package's audit: container, index, signature, and what nobody can prove. */
#include "ledger/audit_package_private.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "crypto/dsse.h"
#include "policy/statement.h"

#define SIGNATURE "maker's signature"

void package_note(struct package_case *c, enum audit_step_result result, const char *what,
	const char *format, ...)
{
	struct package_audit *audit = c->audit;
	struct audit_step *step;
	va_list args;

	if (result == AUDIT_FAILED)
		audit->consistent = false;
	/* A failure always finds room: it takes the last place. */
	if (audit->step_count == PACKAGE_STEPS_MAX && result != AUDIT_FAILED)
		return;
	step = audit->step_count == PACKAGE_STEPS_MAX ? &audit->steps[PACKAGE_STEPS_MAX - 1]
						      : &audit->steps[audit->step_count++];
	step->result = result;
	(void)snprintf(step->what, sizeof(step->what), "%s", what);
	va_start(args, format);
	(void)vsnprintf(step->detail, sizeof(step->detail), format, args);
	va_end(args);
	for (size_t n = strlen(step->detail); n > 0 && !utf8_valid(bytes_str(step->detail)); n--)
		step->detail[n - 1] = '\0';
}

bool package_pinned(const struct package_case *c)
{
	return c->anchors->key_count + c->anchors->root_count > 0;
}

/* ---- the signature ---- */

static bool names_index(struct package_case *c, const struct dsse *dsse, struct err *err)
{
	OWNED(statement_release) struct statement statement = {0};
	struct json_fields f = json_fields_of("index.dsse");
	uint8_t stated[SHA256_LEN], actual[SHA256_LEN];

	if (strcmp(dsse->payload_type, DSSE_INTOTO_TYPE) != 0)
		return err_set(err, ERR_FORMAT, "index.dsse: not an in-toto statement");
	if (!statement_open(buf_bytes(&dsse->payload), PREDICATE_PACKAGE, 1, &statement, err) ||
		!sha256_of(package_find(c->package, PACKAGE_INDEX)->content, actual, err))
		return false;
	const char *name = statement_subject(&statement, 0, &f, stated);

	if (!json_fields_ok(&f, err))
		return false;
	return (strcmp(name, PACKAGE_INDEX) == 0 && memcmp(stated, actual, sizeof(actual)) == 0) ||
	       err_set(err, ERR_MISMATCH, "index.dsse: over another index");
}

/* The key that the package brings proves nothing but that the maker of both is one. */
static bool signed_by(struct package_case *c, const struct dsse *dsse, struct err *err)
{
	OWNED(key_unref) struct key *own = NULL;
	const struct package_member *pem = package_find(c->package, "maker.pem");
	bool pinned = c->options->maker_count > 0;
	uint64_t mask = 0;

	if (!pinned && (!pem || !key_from_pem(pem->content, &own, err)))
		return err_set(err, ERR_FORMAT, "the package brings no key, and none is pinned");
	if (!dsse_verify(dsse, pinned ? c->options->makers : &own,
		    pinned ? c->options->maker_count : 1, &mask, err))
		return false;
	if (mask == 0)
		return err_set(err, ERR_MISMATCH, "%s",
			pinned ? "not by a key that you pinned" : "not by the key it brings");
	package_note(c, pinned ? AUDIT_PROVED : AUDIT_ASSERTED, SIGNATURE, "%s",
		pinned ? "over the index, with a key that you pinned"
		       : "over the index, with the key that the package brings; pin the maker's "
			 "with --maker to prove it");
	return true;
}

static bool signature(struct package_case *c, struct err *err)
{
	OWNED(dsse_free) struct dsse *dsse = NULL;
	struct err why = {0};

	if (dsse_parse(package_find(c->package, PACKAGE_SIGNATURE)->content, &dsse, &why) &&
		names_index(c, dsse, &why) && signed_by(c, dsse, &why))
		return true;
	if (why.code == ERR_NOMEM)
		return err_set(err, why.code, "%s", why.text);
	package_note(c, AUDIT_FAILED, SIGNATURE, "%s", why.text);
	return true;
}

bool package_sign(
	struct bytes index, const char *workload, struct key *key, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf statement = {0};
	OWNED(json_release) json_t *subjects = json_array();
	uint8_t digest[SHA256_LEN];

	if (!sha256_of(index, digest, err))
		return false;
	if (json_array_append_new(subjects, statement_subject_new(PACKAGE_INDEX, digest)) != 0)
		return err_set(err, ERR_NOMEM, "package");
	return statement_write(PREDICATE_PACKAGE, TAKE(subjects),
		       json_pack("{s:s}", "workload", workload), &statement, err) &&
	       dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), key, out, err);
}

/* ---- all of it ---- */

static void note_rest(struct package_case *c)
{
	if (package_find(c->package, "register.json"))
		package_note(c, AUDIT_ASSERTED, "register, releases, incidents, compliance",
			"as the verifier answered when the package was made; what it says of "
			"compliance is for people to judge");
	package_note(c, AUDIT_ASSERTED, "completeness",
		"that no decision or entry of that time is left out is the maker's word");
	package_note(c, AUDIT_ASSERTED, "time", "the clock is the verifier's");
}

static bool run(struct package_case *c, struct err *err)
{
	package_note(c, AUDIT_PROVED, "index", "all %zu files are as the index says",
		c->package->count - 2);
	if (!signature(c, err) || !package_decisions(c, err) || !package_entries(c, err))
		return false;
	note_rest(c);
	return true;
}

static void case_release(struct package_case *c)
{
	for (size_t i = 0; i < c->signer_count; i++)
		key_unref(&c->signers[i]);
	free(c->gone_by_id);
	package_taken_release(c);
}

bool package_audit_run(struct bytes in, const struct package_audit_options *options,
	struct package_audit *ret, struct err *err)
{
	static const struct audit_anchors none;
	OWNED(package_free) struct package *package = NULL;
	struct package_case c = {.options = options,
		.anchors = options->anchors ? options->anchors : &none,
		.audit = ret};

	memset(ret, 0, sizeof(*ret));
	ret->consistent = true;
	if (!package_open(in, &package, err) || !package_index_check(package, &ret->index, err))
		return false;
	c.package = package;
	bool ok = run(&c, err);

	case_release(&c);
	if (ok)
		return true;
	package_audit_release(ret);
	return err_wrap(err, "package");
}

void package_audit_release(struct package_audit *audit)
{
	package_index_release(&audit->index);
	free(audit->decisions);
	free(audit->gone);
	memset(audit, 0, sizeof(*audit));
}

/* ---- as JSON ---- */

static json_t *steps_json(const struct package_audit *audit)
{
	static const char *const names[] = {"failed", "proven", "asserted", "not checked"};
	OWNED(json_release) json_t *list = json_array();

	for (size_t i = 0; i < audit->step_count; i++)
		if (json_array_append_new(list,
			    json_pack("{s:s, s:s, s:s}", "result", names[audit->steps[i].result],
				    "what", audit->steps[i].what, "detail",
				    audit->steps[i].detail)) != 0)
			return NULL;
	return TAKE(list);
}

static json_t *decisions_json(const struct package_audit *audit)
{
	OWNED(json_release) json_t *list = json_array();

	for (size_t i = 0; i < audit->decision_count; i++) {
		const struct package_decision *d = &audit->decisions[i];
		char id[2 * SHA256_LEN + 1];

		hex_encode(BYTES_OF(d->id), id);
		if (json_array_append_new(list,
			    json_pack("{s:I, s:s, s:s, s:s, s:b, s:b, s:b, s:b, s:s, s:s}", "entry",
				    (json_int_t)d->index, "id", id, "workload", d->facts.workload,
				    "purpose", purpose_name(d->facts.purpose), "trusted",
				    (int)d->facts.trusted, "consistent", (int)d->consistent,
				    "proven", (int)package_decision_proven(d), "reproducible",
				    (int)d->reproducible, "by", d->by, "failed", d->failed)) != 0)
			return NULL;
	}
	return TAKE(list);
}

static json_t *destroyed_json(const struct package_audit *audit)
{
	OWNED(json_release) json_t *list = json_array();

	for (size_t i = 0; i < audit->gone_count; i++) {
		const struct package_gone *gone = &audit->gone[i];
		char id[2 * SHA256_LEN + 1];

		hex_encode(BYTES_OF(gone->mark->record), id);
		if (json_array_append_new(list, json_pack("{s:I, s:s, s:I, s:b}", "entry",
							(json_int_t)gone->mark->entry, "id", id,
							"by", (json_int_t)gone->mark->by, "named",
							(int)(gone->found && gone->named))) != 0)
			return NULL;
	}
	return TAKE(list);
}

json_t *package_audit_json(const struct package_audit *audit)
{
	char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX], root[2 * SHA256_LEN + 1];

	hex_encode(BYTES_OF(audit->tree_root), root);
	return json_pack("{s:b, s:s, s:s, s:s, s:{s:I, s:s}, s:o, s:o, s:o}", "consistent",
		(int)audit->consistent, "workload", audit->index.workload, "from",
		time_format(audit->index.from, from), "to", time_format(audit->index.to, to),
		"tree", "size", (json_int_t)audit->tree_size, "root", root, "steps",
		steps_json(audit), "decisions", decisions_json(audit), "destroyed",
		destroyed_json(audit));
}
