/* SPDX-License-Identifier: Apache-2.0 */
/* The audit bundle of what a scene was last judged by: signed, but in no ledger worth the name. */
#ifndef ASSAY_TESTS_UNIT_LEDGER_BUNDLE_H
#define ASSAY_TESTS_UNIT_LEDGER_BUNDLE_H

#include "ledger/audit.h"
#include "tests/unit/policy/scene.h"

static inline void bundle_name(
	struct audit_bundle *b, struct record *record, const char *name, struct bytes object)
{
	struct record_input *input = &record->inputs[record->input_count++];
	struct err err = {0};

	(void)snprintf(input->name, sizeof(input->name), "%s", name);
	assert_ok(sha256_of(object, input->digest, &err), err);
	b->objects[b->object_count++] = object;
}

/* more: an object that the policy names, say; empty: none. */
static inline void bundle_make(
	const struct scene *s, struct key *verifier, struct bytes more, struct buf *out)
{
	struct audit_bundle b = {.tree_size = 1};
	struct record record = {
		.time = s->context.now,
		.purpose = s->context.challenge.purpose,
		.workload = s->claims.workload,
		.trusted = s->verdict->trusted,
		.assurance = s->verdict->assurance,
		.verifier_id = s->context.verifier_id,
	};
	struct buf context = {0}, sealed = {0};
	struct err err = {0};

	assert_ok(policy_context_encode(
			  &s->context, buf_bytes(&s->evidence), &s->state_in, &context, &err),
		err);
	memcpy(record.host_id, s->context.host.id, HOST_ID_LEN);
	memcpy(record.instance, s->context.challenge.instance, INSTANCE_ID_LEN);
	memcpy(record.release, s->claims.release, SHA256_LEN);
	bundle_name(&b, &record, "context", buf_bytes(&context));
	bundle_name(&b, &record, "evidence", buf_bytes(&s->evidence));
	bundle_name(&b, &record, "policy", buf_bytes(&s->policy_text));
	bundle_name(&b, &record, "release", s->context.release);
	for (size_t i = 0; i < s->context.approval_count; i++) {
		char name[24];

		(void)snprintf(name, sizeof(name), "approval-%u", (unsigned)i);
		bundle_name(&b, &record, name, s->context.approvals[i]);
	}
	if (more.len > 0)
		b.objects[b.object_count++] = more;
	assert_ok(record_sign(&record, verifier, &sealed, &err), err);
	b.record = buf_bytes(&sealed);
	b.leaf = BYTES_LIT("leaf");
	buf_clear(out);
	assert_ok(audit_bundle_encode(&b, out, &err), err);
	buf_release(&context);
	buf_release(&sealed);
}

#endif
