/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/statement_memo.h"

#include <pthread.h>
#include <stdlib.h>

#include "policy/release_case.h"

enum kind { KIND_RELEASE = 1, KIND_APPROVAL, KIND_ROLLBACK };

struct opened {
	struct dsse *dsse;
	struct release *release; /* one of the two */
	struct approval *approval;
};
struct place {
	enum kind kind; /* 0: empty */
	uint8_t digest[SHA256_LEN]; /* of the envelope */
	struct opened opened;
};
struct statement_memo {
	pthread_mutex_t lock;
	struct place places[STATEMENT_MEMO_PLACES];
};

static void opened_release(struct opened *opened)
{
	dsse_free(&opened->dsse);
	release_free(&opened->release);
	approval_free(&opened->approval);
}

static struct opened opened_ref(const struct opened *opened)
{
	return (struct opened){dsse_ref(opened->dsse), release_ref(opened->release),
		approval_ref(opened->approval)};
}

/* NULL: no memory for it, and everything is read each time. */
static struct statement_memo *memo_of(const struct policy *policy)
{
	/* The memo behind the policy guards itself. */
	_Atomic(struct statement_memo *) *at = &((struct policy *)policy)->memo;
	struct statement_memo *memo = atomic_load_explicit(at, memory_order_acquire);
	struct statement_memo *made;

	if (memo)
		return memo;
	made = calloc(1, sizeof(*made));
	if (!made || pthread_mutex_init(&made->lock, NULL) != 0) {
		free(made);
		return NULL;
	}
	if (atomic_compare_exchange_strong(at, &memo, made))
		return made;
	statement_memo_free(made);
	return memo;
}

void statement_memo_free(struct statement_memo *memo)
{
	if (!memo)
		return;
	for (size_t i = 0; i < STATEMENT_MEMO_PLACES; i++)
		opened_release(&memo->places[i].opened);
	(void)pthread_mutex_destroy(&memo->lock);
	free(memo);
}

static struct place *place_of(struct statement_memo *memo, const uint8_t digest[SHA256_LEN])
{
	return &memo->places[digest[0] % STATEMENT_MEMO_PLACES];
}

static bool recall(struct statement_memo *memo, enum kind kind, const uint8_t digest[SHA256_LEN],
	struct opened *ret)
{
	const struct place *place = place_of(memo, digest);
	bool same;

	(void)pthread_mutex_lock(&memo->lock);
	same = place->kind == kind && memcmp(place->digest, digest, SHA256_LEN) == 0;
	if (same)
		*ret = opened_ref(&place->opened);
	(void)pthread_mutex_unlock(&memo->lock);
	return same;
}

static void remember(struct statement_memo *memo, enum kind kind, const uint8_t digest[SHA256_LEN],
	const struct opened *opened)
{
	struct place *place = place_of(memo, digest);
	struct opened gone;

	(void)pthread_mutex_lock(&memo->lock);
	gone = place->opened;
	place->kind = kind;
	memcpy(place->digest, digest, SHA256_LEN);
	place->opened = opened_ref(opened);
	(void)pthread_mutex_unlock(&memo->lock);
	opened_release(&gone);
}

static bool statement_read(
	struct bytes envelope, enum kind kind, struct opened *ret, struct err *err)
{
	struct bytes payload;

	if (!release_open_intoto(envelope, &ret->dsse, err))
		return false;
	payload = buf_bytes(&ret->dsse->payload);
	if (kind == KIND_RELEASE)
		return release_parse(payload, &ret->release, err);
	return (kind == KIND_ROLLBACK ? rollback_approval_parse : approval_parse)(
		payload, &ret->approval, err);
}

static bool statement_get(const struct policy *policy, struct bytes envelope, enum kind kind,
	struct opened *ret, struct err *err)
{
	OWNED(opened_release) struct opened opened = {0};
	uint8_t digest[SHA256_LEN];
	struct statement_memo *memo = envelope.len <= STATEMENT_MEMO_BYTES ? memo_of(policy) : NULL;

	if (memo && !sha256_of(envelope, digest, err))
		return false;
	if (memo && recall(memo, kind, digest, ret))
		return true;
	if (!statement_read(envelope, kind, &opened, err))
		return false;
	if (memo)
		remember(memo, kind, digest, &opened);
	*ret = TAKE_STRUCT(opened);
	return true;
}

bool release_of_envelope(const struct policy *policy, struct bytes envelope, struct dsse **ret_dsse,
	struct release **ret_release, struct err *err)
{
	struct opened opened;

	if (!statement_get(policy, envelope, KIND_RELEASE, &opened, err))
		return false;
	*ret_dsse = opened.dsse;
	*ret_release = opened.release;
	return true;
}

bool approval_of_envelope(const struct policy *policy, struct bytes envelope, bool rollback,
	struct dsse **ret_dsse, struct approval **ret_approval, struct err *err)
{
	struct opened opened;

	if (!statement_get(
		    policy, envelope, rollback ? KIND_ROLLBACK : KIND_APPROVAL, &opened, err))
		return false;
	*ret_dsse = opened.dsse;
	*ret_approval = opened.approval;
	return true;
}
