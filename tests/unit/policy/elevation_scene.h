/* SPDX-License-Identifier: Apache-2.0 */
/* An elevation of the scene's workload: asked for by carol, to be approved by alice and bob. A test
 * changes request or approvals, then signs. */
#ifndef ASSAY_TESTS_UNIT_POLICY_ELEVATION_SCENE_H
#define ASSAY_TESTS_UNIT_POLICY_ELEVATION_SCENE_H

#include "policy/elevation.h"
#include "scene.h"

#define TEXT(...)  ((char *)(uintptr_t)(__VA_ARGS__))
#define LENT_BEGAN (SCENE_NOW - 60)
#define LENT_AT    "2027-01-15T07:59:00Z" /* LENT_BEGAN */
#define LENT_RULE                                                                                  \
	"      - name: delete\n        entitlement: tickets.delete\n"                              \
	"        audiences: [tickets.bank.example]\n        duration_max: 30m\n"                   \
	"        approvals: [ {role: security, count: 2} ]\n"
#define LENT_CLASS SCENE_CLASS_LINES "    elevations:\n" LENT_RULE

/* Fails with this code, and says this among else. */
#define assert_told(call, error, wanted_code, part)                                                \
	do {                                                                                       \
		(error) = (struct err){0};                                                         \
		if (call)                                                                          \
			fail_msg("%s: succeeded, wanted \"%s\"", #call, part);                     \
		if (!strstr((error).text, part))                                                   \
			fail_msg("%s, wanted %s", (error).text, part);                             \
		assert_int_equal((error).code, wanted_code);                                       \
	} while (0)

struct lending {
	struct scene *s;
	struct elevation_request request;
	struct elevation_approval approvals[3];
	struct key *keys[3]; /* sign them; NULL: no such approval */
	size_t sets; /* how often it is in the set; 1 */
	struct elevation e;
	struct buf set;
};

static inline struct elevation_approval lending_approval(
	const struct lending *l, const char *person, const char *role)
{
	struct elevation_approval a = {.verifier = TEXT(SCENE_VERIFIER),
		.workload = TEXT("ocr-agent"),
		.right = TEXT("delete"),
		.person = TEXT(person),
		.role = TEXT(role),
		.reason = TEXT("looked at it"),
		.duration = l->request.duration,
		.issued = LENT_BEGAN - 10,
		.expires = SCENE_NOW + 86400};

	memcpy(a.id, l->request.id, sizeof(a.id));
	memset(a.entry, 0xee, SHA256_LEN);
	return a;
}

static inline void lending_begin(struct lending *l, struct scene *s)
{
	*l = (struct lending){.s = s, .sets = 1};
	s->class_lines = LENT_CLASS;
	scene_policy(s);
	/* Approvals of the release are of the class's clause, in which elevations are not. */
	l->request = (struct elevation_request){.verifier = TEXT(SCENE_VERIFIER),
		.workload = TEXT("ocr-agent"),
		.right = TEXT("delete"),
		.reason = TEXT("ticket 4711"),
		.requester = TEXT("spiffe://bank.example/operator/admin/carol"),
		.person = TEXT("carol"),
		.has_host = true,
		.has_instance = true,
		.has_release = true,
		.duration = 600,
		.asked = LENT_BEGAN - 30,
		.lapses = LENT_BEGAN + 3600};
	memset(l->request.id, 0x1d, sizeof(l->request.id));
	memcpy(l->request.host, s->context.host.id, HOST_ID_LEN);
	memcpy(l->request.instance, s->instance, INSTANCE_ID_LEN);
	memcpy(l->request.release, s->release_digest, SHA256_LEN);
	memcpy(l->request.clause, s->policy->classes[0].elevations[0].clause, SHA256_LEN);
	l->approvals[0] = lending_approval(l, "alice", "security");
	l->approvals[1] = lending_approval(l, "bob", "security");
	l->keys[0] = s->keys->alice;
	l->keys[1] = s->keys->bob;
}

static inline void lending_end(struct lending *l)
{
	elevation_release(&l->e);
	buf_release(&l->set);
}

/* Everything from the request's bytes on; the approvals' digest of it is set here. */
static inline void lending_sign(struct lending *l)
{
	static const uint8_t zeros[SHA256_LEN];
	struct buf text = {0};
	struct err *err = &l->s->err;

	elevation_release(&l->e);
	assert_ok(elevation_request_write(&l->request, &text, err), *err);
	assert_ok(elevation_request_parse(buf_bytes(&text), &l->e.request, err), *err);
	buf_release(&text);
	memset(l->e.entry, 0xee, SHA256_LEN);
	memset(l->e.activation, 0xac, SHA256_LEN);
	l->e.activated = LENT_BEGAN;
	for (size_t i = 0; i < ARRAY_LEN(l->approvals); i++) {
		struct buf statement = {0};
		struct buf *to = &l->e.approvals[l->e.approval_count];

		if (!l->keys[i])
			continue;
		if (memcmp(l->approvals[i].request, zeros, SHA256_LEN) == 0)
			memcpy(l->approvals[i].request, l->e.request->digest, SHA256_LEN);
		assert_ok(elevation_approval_statement(&l->approvals[i], &statement, err), *err);
		assert_ok(dsse_sign(DSSE_INTOTO_TYPE, buf_bytes(&statement), l->keys[i], to, err),
			*err);
		buf_release(&statement);
		l->e.approval_count++;
	}
}

/* The set with it, for the scene's context. */
static inline void lending_give(struct lending *l)
{
	struct elevation_set set = {.count = l->sets};

	for (size_t i = 0; i < l->sets; i++)
		set.list[i] = l->e;
	buf_clear(&l->set);
	assert_ok(elevation_set_write(&set, &l->set, &l->s->err), l->s->err);
	l->s->context.elevations = buf_bytes(&l->set);
}

#endif
