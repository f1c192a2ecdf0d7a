/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/withdrawal.h"

#include <stdlib.h>

#include "base/time.h"
#include "policy/predicate.h"
#include "policy/release_case.h"
#include "policy/statement.h"

#define SUBJECT_STATEMENT "statement"
#define SUBJECT_RELEASE   "release"

static const char *const predicate_keys[] = {"reason", "issued", NULL};

static bool withdrawal_read(
	const struct statement *statement, struct withdrawal *w, struct err *err)
{
	const json_t *p = statement->predicate;
	struct json_fields f = json_fields_of("withdrawal");

	if (statement->subject_count != 2 ||
		strcmp(statement_subject(statement, 0, &f, w->statement), SUBJECT_STATEMENT) != 0 ||
		strcmp(statement_subject(statement, 1, &f, w->release), SUBJECT_RELEASE) != 0)
		json_fields_fail(&f, "subject", "not a statement and a release");
	json_only_keys(&f, p, predicate_keys);
	if (!statement_need_text(&f, p, "reason", WITHDRAWAL_REASON_MAX, &w->reason))
		return err_set(err, ERR_NOMEM, "withdrawal: no memory");
	if (!time_parse(bytes_str(json_need_str(&f, p, "issued", TIME_TEXT_MAX)), &w->issued, NULL))
		json_fields_fail(&f, "issued", "not a time (2026-11-22T23:21:38Z)");
	return json_fields_ok(&f, err);
}

void withdrawal_release(struct withdrawal *withdrawal)
{
	free(withdrawal->reason);
	*withdrawal = (struct withdrawal){0};
}

bool withdrawal_parse(struct bytes in, struct withdrawal *ret, struct err *err)
{
	OWNED(statement_release) struct statement statement = {0};
	OWNED(withdrawal_release) struct withdrawal w = {0};

	if (!statement_open(in, PREDICATE_WITHDRAWAL, 2, &statement, err))
		return err_wrap(err, "withdrawal");
	if (!withdrawal_read(&statement, &w, err))
		return false;
	*ret = TAKE_STRUCT(w);
	return true;
}

bool withdrawal_statement(const struct withdrawal *w, struct buf *out, struct err *err)
{
	OWNED(json_release) json_t *predicate = json_object();
	OWNED(json_release) json_t *subjects = json_array();
	OWNED(withdrawal_release) struct withdrawal check = {0};
	OWNED(buf_release) struct buf text = {0};
	char issued[TIME_TEXT_MAX];

	/* Without memory for either, nothing can be put into it. */
	if (json_array_append_new(
		    subjects, statement_subject_new(SUBJECT_STATEMENT, w->statement)) != 0 ||
		json_array_append_new(
			subjects, statement_subject_new(SUBJECT_RELEASE, w->release)) != 0 ||
		!statement_put_str(predicate, "reason", w->reason) ||
		!statement_put_str(predicate, "issued", time_format(w->issued, issued)))
		return err_set(err, ERR_NOMEM, "withdrawal: no memory, or text that is not UTF-8");
	if (!statement_write(PREDICATE_WITHDRAWAL, TAKE(subjects), TAKE(predicate), &text, err) ||
		!withdrawal_parse(buf_bytes(&text), &check, err))
		return false;
	buf_put(out, buf_bytes(&text));
	return buf_ok(out, err);
}

/* An envelope whose payload says that it is one; with anything else in it wrong, an error. */
static bool withdrawal_open(struct bytes envelope, struct sigstore_bundle **ret_bundle,
	struct withdrawal *ret, struct err *err)
{
	return statement_envelope_open(envelope, ret_bundle, err) &&
	       withdrawal_parse(buf_bytes(&(*ret_bundle)->dsse->payload), ret, err);
}

static bool is_withdrawal(struct bytes envelope, bool *ret, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	OWNED(predicate_free) struct predicate *predicate = NULL;

	*ret = false;
	if (!statement_envelope_open(envelope, &bundle, err) ||
		!predicate_parse(buf_bytes(&bundle->dsse->payload), &predicate, err))
		return false;
	*ret = strcmp(predicate->type, PREDICATE_WITHDRAWAL) == 0;
	return true;
}

bool withdrawal_check(struct bytes envelope, const uint8_t release[SHA256_LEN],
	const struct policy *policy, int64_t now, bool *ret_is, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	OWNED(withdrawal_release) struct withdrawal w = {0};
	struct statement_signers by;

	if (!is_withdrawal(envelope, ret_is, err))
		return err_wrap(err, "statement");
	if (!*ret_is)
		return true;
	if (!withdrawal_open(envelope, &bundle, &w, err))
		return false;
	if (bundle->dsse->count > STATEMENT_SIGNATURES_MAX)
		return err_set(err, ERR_LIMIT, "withdrawal: %zu signatures: more than %u",
			bundle->dsse->count, STATEMENT_SIGNATURES_MAX);
	if (memcmp(w.release, release, SHA256_LEN) != 0)
		return err_set(
			err, ERR_MISMATCH, "statement-other: withdrawn beside another release");
	if (!statement_signers_find(bundle, policy, UINT64_MAX, now, &by, err))
		return err_wrap(err, "withdrawal");
	return by.lasting != 0 ||
	       err_set(err, ERR_DENIED,
		       "statement-signature: a withdrawal that no key signed which the "
		       "policy trusts for statements");
}

/* Signers, by what they did about one statement. */
struct about {
	const uint8_t *statement;
	uint64_t said, lasting, withdrawn; /* lasting: of those who said it, for good */
};

static bool is_out_of_memory(const struct err *why)
{
	return why->code == ERR_NOMEM || why->code == ERR_INTERNAL;
}

static bool note_stored(struct about *about, struct bytes envelope, const struct policy *policy,
	int64_t now, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	OWNED(withdrawal_release) struct withdrawal w = {0};
	struct statement_signers by;
	struct err why = {0};
	uint8_t digest[SHA256_LEN];
	bool withdraws = false;

	if (!is_withdrawal(envelope, &withdraws, &why) ||
		!(withdraws ? withdrawal_open(envelope, &bundle, &w, &why)
			    : statement_envelope_open(envelope, &bundle, &why)))
		return !is_out_of_memory(&why) || err_set(err, why.code, "%s", why.text);
	if (!sha256_of(buf_bytes(&bundle->dsse->payload), digest, err))
		return false;
	if (memcmp(withdraws ? w.statement : digest, about->statement, SHA256_LEN) != 0)
		return true;
	if (!statement_signers_find(bundle, policy, UINT64_MAX, now, &by, err))
		return err_wrap(err, "withdrawal");
	about->said |= withdraws ? 0 : by.mask;
	about->lasting |= withdraws ? 0 : by.lasting;
	about->withdrawn |= withdraws ? by.lasting : 0;
	return true;
}

bool withdrawal_place(struct bytes envelope, const struct bytes *stored, size_t count,
	const struct policy *policy, int64_t now, bool *ret_new, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	OWNED(withdrawal_release) struct withdrawal w = {0};
	struct about about = {.statement = w.statement};
	struct statement_signers by;

	*ret_new = false;
	if (!withdrawal_open(envelope, &bundle, &w, err) ||
		!statement_signers_find(bundle, policy, UINT64_MAX, now, &by, err))
		return err_wrap(err, "withdrawal");
	for (size_t i = 0; i < count; i++)
		if (!note_stored(&about, stored[i], policy, now, err))
			return false;
	if (!(by.lasting & about.said))
		return err_set(err, ERR_MISMATCH,
			"statement-other: no statement beside this release has the digest and a "
			"signer of the withdrawal");
	*ret_new = (by.lasting & about.said & ~about.withdrawn) != 0;
	return true;
}

bool statement_adds(struct bytes envelope, const struct bytes *stored, size_t count,
	const struct policy *policy, int64_t now, bool *ret_new, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	uint8_t digest[SHA256_LEN];
	struct about about = {.statement = digest};
	struct statement_signers by;

	*ret_new = false;
	if (!statement_envelope_open(envelope, &bundle, err) ||
		!sha256_of(buf_bytes(&bundle->dsse->payload), digest, err) ||
		!statement_signers_find(bundle, policy, UINT64_MAX, now, &by, err))
		return err_wrap(err, "statement");
	for (size_t i = 0; i < count; i++)
		if (!note_stored(&about, stored[i], policy, now, err))
			return false;
	*ret_new = (by.mask & ~about.said) != 0 || (by.lasting & ~about.lasting) != 0;
	return true;
}

/* Takes the word of each signer that vouches for both out of one statement. */
static bool withdraw_from(const struct release_case *c, const struct sigstore_bundle *bundle,
	struct said *s, struct err *err)
{
	struct statement_signers by;

	if (!statement_signers_find(bundle, c->policy, s->by.mask, c->now, &by, err))
		return err_wrap(err, "withdrawal");
	s->withdrawn |= by.mask;
	s->by.mask &= ~by.mask;
	s->by.lasting &= ~by.mask;
	return true;
}

static bool apply(struct release_case *c, struct bytes envelope, struct err *err)
{
	OWNED(sigstore_bundle_free) struct sigstore_bundle *bundle = NULL;
	OWNED(withdrawal_release) struct withdrawal w = {0};
	struct err why = {0};

	if (!withdrawal_open(envelope, &bundle, &w, &why))
		return !is_out_of_memory(&why) || err_set(err, why.code, "%s", why.text);
	for (size_t i = 0; i < c->input->statement_count; i++)
		if (memcmp(c->said[i].digest, w.statement, SHA256_LEN) == 0 &&
			!withdraw_from(c, bundle, &c->said[i], err))
			return false;
	return true;
}

bool release_apply_withdrawals(struct release_case *c, struct err *err)
{
	for (size_t i = 0; i < c->input->statement_count; i++) {
		const struct predicate *p = c->said[i].predicate;

		if (p && strcmp(p->type, PREDICATE_WITHDRAWAL) == 0 &&
			!apply(c, c->input->statements[i], err))
			return false;
	}
	return true;
}
