/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two releases, for the person who has to approve the second one. */
#include "policy/checklist.h"

#include <stdio.h>

#include "base/text.h"

#define SUBJECT_MAX 320u

static bool put(json_t *out, const char *subject, const char *from, const char *to)
{
	const char *change = !from ? "added" : !to ? "removed" : "changed";

	return json_array_append_new(out, json_pack("{s:s,s:s,s:s?,s:s?}", "subject", subject,
						  "change", change, "from", from, "to", to)) == 0;
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool diff_texts(json_t *out, const struct release *from, const struct release *to)
{
	char from_spec[2 * SHA256_LEN + 1], to_spec[2 * SHA256_LEN + 1];
	const struct {
		const char *subject, *from, *to;
	} pairs[] = {
		{"workload", from->workload, to->workload},
		{"purpose", from->purpose, to->purpose},
		{"owner", from->owner, to->owner},
		{"risk class", from->risk_class, to->risk_class},
		{"model version", from->model_version, to->model_version},
		{"code commit", from->code_commit, to->code_commit},
		{"change request", from->change_request, to->change_request},
		{"base release", from->base_release, to->base_release},
		{"workload spec", from_spec, to_spec},
	};

	hex_encode(BYTES_OF(from->spec), from_spec);
	hex_encode(BYTES_OF(to->spec), to_spec);
	for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
		if (!same(pairs[i].from, pairs[i].to) &&
			!put(out, pairs[i].subject, pairs[i].from, pairs[i].to))
			return false;
	return true;
}

static bool has_dataset(const struct release *release, const char *name)
{
	for (size_t i = 0; i < release->dataset_count; i++)
		if (strcmp(release->dataset_snapshots[i], name) == 0)
			return true;
	return false;
}

static bool diff_datasets(json_t *out, const struct release *from, const struct release *to)
{
	for (size_t i = 0; i < from->dataset_count; i++)
		if (!has_dataset(to, from->dataset_snapshots[i]) &&
			!put(out, "dataset", from->dataset_snapshots[i], NULL))
			return false;
	for (size_t i = 0; i < to->dataset_count; i++)
		if (!has_dataset(from, to->dataset_snapshots[i]) &&
			!put(out, "dataset", NULL, to->dataset_snapshots[i]))
			return false;
	return true;
}

static const struct release_component *component_of(const struct release *release, const char *name)
{
	for (size_t i = 0; i < release->component_count; i++)
		if (strcmp(release->components[i].name, name) == 0)
			return &release->components[i];
	return NULL;
}

/* Everything of a component that its release fixes, as one text. */
static const char *component_text(const struct release_component *component, char *out, size_t size)
{
	char hex[2 * SHA256_LEN + 1];

	if (!component)
		return NULL;
	hex_encode(BYTES_OF(component->digest), hex);
	(void)snprintf(out, size, "%s %s:%s %s", component->role,
		component_digest_kind_name(component->kind), hex, component->path);
	return out;
}

static bool diff_component(
	json_t *out, const struct release_component *from, const struct release_component *to)
{
	char subject[SUBJECT_MAX], from_text[8192], to_text[8192];
	const char *a = component_text(from, from_text, sizeof(from_text));
	const char *b = component_text(to, to_text, sizeof(to_text));

	if (same(a, b))
		return true;
	(void)snprintf(subject, sizeof(subject), "component %s", from ? from->name : to->name);
	return put(out, subject, a, b);
}

static bool diff_components(json_t *out, const struct release *from, const struct release *to)
{
	for (size_t i = 0; i < from->component_count; i++) {
		const struct release_component *component = &from->components[i];

		if (!diff_component(out, component, component_of(to, component->name)))
			return false;
	}
	for (size_t i = 0; i < to->component_count; i++)
		if (!component_of(from, to->components[i].name) &&
			!diff_component(out, NULL, &to->components[i]))
			return false;
	return true;
}

json_t *release_diff(const struct release *from, const struct release *to)
{
	OWNED(json_release) json_t *out = json_array();

	if (!out || !diff_texts(out, from, to) || !diff_datasets(out, from, to) ||
		!diff_components(out, from, to))
		return NULL;
	return TAKE(out);
}
