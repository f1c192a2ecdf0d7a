/* SPDX-License-Identifier: Apache-2.0 */
/* What was launched against what was released: exactly one launch, of exactly the components
 * released. */
#include "policy/appraisal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

struct place {
	char text[48];
};

static struct place record_place(uint64_t recnum)
{
	struct place p;

	snprintf(p.text, sizeof(p.text), "runtime log record %" PRIu64, recnum);
	return p;
}

static bool one_launch(struct appraisal *a)
{
	size_t wanted = a->full ? 1 : 0;
	char actual[32];

	if (a->runtime.launches == wanted)
		return true;
	snprintf(actual, sizeof(actual), "%zu", a->runtime.launches);
	verdict_refuse(a->verdict, REASON_RUNTIME_LAUNCH, "launch records of this instance",
		a->full ? "exactly one" : "none besides the one accepted",
		a->runtime.launches == 0 ? "none" : actual, "runtime log", NULL);
	return false;
}

static void check_launch_record(struct appraisal *a)
{
	const struct runtime_launch *launch = &a->runtime.launch;
	struct place where = record_place(a->runtime.launch_recnum);

	if (!bytes_equal(launch->workload, a->claims.workload))
		refuse_text(a->verdict, REASON_RUNTIME_LAUNCH, "workload launched",
			a->claims.workload, launch->workload, where.text);
	if (memcmp(launch->release, a->claims.release, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_RUNTIME_LAUNCH, "release launched",
			BYTES_OF(a->claims.release), BYTES_OF(launch->release), where.text);
	if (a->state_in->established &&
		memcmp(a->runtime.launch_digest, a->state_in->launch, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_RUNTIME_LAUNCH, "launch record: as accepted earlier",
			BYTES_OF(a->state_in->launch), BYTES_OF(a->runtime.launch_digest),
			where.text);
	if (a->release && memcmp(launch->spec, a->release->spec, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_SPEC_DIGEST, "workload spec",
			BYTES_OF(a->release->spec), BYTES_OF(launch->spec), where.text);
}

static struct found_component *found_by_digest(struct appraisal *a, const uint8_t *digest)
{
	for (size_t i = 0; i < a->runtime.component_count; i++)
		if (memcmp(a->runtime.components[i].digest, digest, SHA256_LEN) == 0)
			return &a->runtime.components[i];
	return NULL;
}

/* The launch record lists component records by digest: each must be in the log, once, and none may
 * be in the log that it does not list. */
static void match_records(struct appraisal *a)
{
	const struct runtime_launch *launch = &a->runtime.launch;
	struct place where = record_place(a->runtime.launch_recnum);

	if (a->runtime.components_cut)
		verdict_refuse(a->verdict, REASON_COMPONENT_EXTRA, "components of this instance",
			"at most 256", "more", "runtime log", NULL);
	for (size_t i = 0; i < launch->component_count; i++) {
		struct found_component *c = found_by_digest(a, launch->components[i]);

		if (!c || c->listed || c->recnum > a->runtime.launch_recnum)
			refuse_hex(a->verdict, REASON_RUNTIME_LAUNCH,
				"component listed by the launch", BYTES_OF(launch->components[i]),
				(struct bytes){0}, where.text);
		else
			c->listed = true;
	}
	for (size_t i = 0; i < a->runtime.component_count; i++) {
		struct found_component *c = &a->runtime.components[i];

		if (!c->listed)
			refuse_text(a->verdict, REASON_COMPONENT_EXTRA,
				"component measured for this instance",
				bytes_str("listed by its launch"), c->component.name,
				record_place(c->recnum).text);
	}
}

static const struct found_component *found_by_name(const struct appraisal *a, const char *name)
{
	for (size_t i = 0; i < a->runtime.component_count; i++)
		if (a->runtime.components[i].listed &&
			bytes_equal_str(a->runtime.components[i].component.name, name))
			return &a->runtime.components[i];
	return NULL;
}

static void compare_component(struct appraisal *a, const struct release_component *released)
{
	const struct found_component *found = found_by_name(a, released->name);
	struct place where;
	char subject[REASON_TEXT_MAX];

	snprintf(subject, sizeof(subject), "component %s", released->name);
	if (!found) {
		verdict_refuse(a->verdict, REASON_COMPONENT_MISSING, subject, "launched",
			"not measured", "runtime log", NULL);
		return;
	}
	where = record_place(found->recnum);
	if (found->component.digest_kind != released->kind)
		refuse_text(a->verdict, REASON_COMPONENT_DIGEST, subject,
			bytes_str(component_digest_kind_name(released->kind)),
			bytes_str(component_digest_kind_name(found->component.digest_kind)),
			where.text);
	else if (memcmp(found->component.digest, released->digest, SHA256_LEN) != 0)
		refuse_hex(a->verdict, REASON_COMPONENT_DIGEST, subject, BYTES_OF(released->digest),
			BYTES_OF(found->component.digest), where.text);
	snprintf(subject, sizeof(subject), "component %s: role", released->name);
	if (!bytes_equal_str(found->component.role, released->role))
		refuse_text(a->verdict, REASON_COMPONENT_DIGEST, subject, bytes_str(released->role),
			found->component.role, where.text);
}

static bool released_name(const struct appraisal *a, struct bytes name)
{
	for (size_t i = 0; i < a->release->component_count; i++)
		if (bytes_equal_str(name, a->release->components[i].name))
			return true;
	return false;
}

static void check_extra(struct appraisal *a)
{
	for (size_t i = 0; i < a->runtime.component_count; i++) {
		const struct found_component *c = &a->runtime.components[i];
		char subject[REASON_TEXT_MAX];

		if (!c->listed)
			continue;
		snprintf(subject, sizeof(subject), "component %s", ESC(c->component.name));
		if (!released_name(a, c->component.name))
			refuse_text(a->verdict, REASON_COMPONENT_EXTRA, subject,
				bytes_str("in the release"), bytes_str("not in the release"),
				record_place(c->recnum).text);
		for (size_t k = 0; k < i; k++)
			if (a->runtime.components[k].listed &&
				bytes_equal(
					c->component.name, a->runtime.components[k].component.name))
				refuse_text(a->verdict, REASON_COMPONENT_EXTRA, subject,
					bytes_str("measured once"), bytes_str("measured twice"),
					record_place(c->recnum).text);
	}
}

bool check_launch(struct appraisal *a, struct err *err)
{
	size_t before = a->verdict->reason_count;

	(void)err;
	if (!a->runtime.replayed || !one_launch(a))
		return true;
	if (a->full)
		check_launch_record(a);
	match_records(a); /* in a renewal there is no launch to list any */
	if (!a->full && a->verdict->reason_count == before)
		verdict_checked(
			a->verdict, "launch: the one accepted earlier; no other and no exit since");
	if (!a->full || !a->release)
		return true;
	for (size_t i = 0; i < a->release->component_count; i++)
		compare_component(a, &a->release->components[i]);
	check_extra(a);
	if (a->verdict->reason_count == before)
		verdict_checked(a->verdict,
			"launch: one, with the released spec and exactly the %zu components "
			"released",
			a->release->component_count);
	return true;
}

static void note_unpinned(struct appraisal *a, const char *name, const char *where)
{
	char subject[REASON_TEXT_MAX];

	a->unpinned = true;
	snprintf(subject, sizeof(subject), "component %s", name);
	if (a->class && a->class->pinned)
		verdict_refuse(a->verdict, REASON_COMPONENT_NOT_PINNED, subject,
			"copied, sealed or pinned", "measured, not pinned", where, NULL);
	else
		verdict_not_checked(a->verdict,
			"%s after it was measured: measured, not pinned, it can be overwritten in "
			"place",
			subject);
}

/* A component that is opened by path after it was measured can be changed in between. */
bool check_pinned(struct appraisal *a, struct err *err)
{
	(void)err;
	if (!a->runtime.replayed)
		return true;
	if (!a->full && a->state_in->unpinned)
		note_unpinned(a, "(as the full appraisal named it)", "state of the last appraisal");
	for (size_t i = 0; i < a->runtime.component_count; i++) {
		const struct found_component *c = &a->runtime.components[i];

		if (c->component.presence == PRESENT_MEASURED_ONLY)
			note_unpinned(a, ESC(c->component.name), record_place(c->recnum).text);
	}
	return true;
}
