/* SPDX-License-Identifier: Apache-2.0 */
/* Signers known by certificates, and the logs that tell when they signed: from one policy to the
 * next, in words. */
#include "base/text.h"
#include "crypto/note.h"
#include "policy/words_private.h"

static void collect_logs(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->log_count; i++)
		diff_items_add(d, ret, key_id(policy->logs[i].key), policy->logs[i].name);
}

static void collect_authorities(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->authority_count; i++)
		diff_items_add_bytes(
			d, ret, cert_der(policy->authorities[i].cert), policy->authorities[i].name);
}

/* A member of the digest; absent and empty differ. */
static void put_text(struct buf *out, const char *text)
{
	if (text)
		buf_printf(out, "%zu:%s", strlen(text), text);
	buf_put_u8(out, '\n');
}

static void put_certs(struct buf *out, struct cert *const *certs, size_t count)
{
	buf_printf(out, "%zu\n", count);
	for (size_t i = 0; i < count; i++) {
		struct bytes der = cert_der(certs[i]);

		buf_printf(out, "%zu:", der.len);
		buf_put(out, der);
	}
}

/* All that it pins: a change makes it another member. */
static void put_identity(struct buf *out, const struct policy_statement_key *of)
{
	const struct policy_identity *identity = of->identity;

	buf_printf(
		out, "%u %d %d\n", of->kinds, (int)identity->prefix, (int)identity->log_optional);
	put_text(out, identity->identity);
	put_text(out, identity->issuer);
	for (size_t i = 0; i < IDENTITY_EXTENSIONS; i++)
		put_text(out, identity->extensions[i]);
	put_certs(out, identity->roots, identity->root_count);
	put_certs(out, identity->intermediates, identity->intermediate_count);
}

static void collect_identities(struct diff *d, const struct policy *policy, struct diff_items *ret)
{
	for (size_t i = 0; i < policy->statement_key_count; i++) {
		const struct policy_statement_key *of = &policy->statement_keys[i];
		OWNED(buf_release) struct buf pinned = {0};

		if (!of->identity)
			continue;
		put_identity(&pinned, of);
		if (buf_ok(&pinned, NULL))
			diff_items_add_bytes(d, ret, buf_bytes(&pinned), of->name);
		else
			d->w.failed = true;
	}
}

void diff_identities(struct diff *d)
{
	static const struct {
		struct diff_set set;
		void (*collect)(
			struct diff *d, const struct policy *policy, struct diff_items *ret);
	} sets[] = {
		{{"transparency_logs", "transparency log", DIFF_LOOSER,
			 "its word counts for when a certificate signed",
			 "what it alone proves counts no more"},
			collect_logs},
		{{"timestamp_authorities", "time-stamping authority", DIFF_LOOSER,
			 "its word counts for when a certificate signed",
			 "what it alone dates counts no more"},
			collect_authorities},
		{{"statement_identities", "statement identity", DIFF_LOOSER,
			 "what its certificates sign counts for the kinds it is trusted for",
			 "what it alone stated counts no more"},
			collect_identities},
	};

	for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
		OWNED(diff_items_release) struct diff_items old = {0};
		OWNED(diff_items_release) struct diff_items new = {0};

		sets[i].collect(d, d->old, &old);
		sets[i].collect(d, d->new, &new);
		diff_sets(d, &sets[i].set, &old, &new);
	}
}
