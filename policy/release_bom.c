/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of materials beside a release: that they describe what they speak of, and show what the risk
 * class demands. */
#include <stdio.h>

#include "base/text.h"
#include "policy/license.h"
#include "policy/release_case.h"

struct asked {
	const struct release_case *c;
	const struct said *s;
};

static bool by_sha256(const struct release_component *component)
{
	return component->kind == COMPONENT_SHA256 || component->kind == COMPONENT_TREE_SHA256;
}

/* Of the release, and spoken of by the statement. */
static bool is_spoken_of(const void *arg, const uint8_t sha256[SHA256_LEN])
{
	const struct asked *asked = arg;
	const struct release *release = asked->c->release;
	bool whole = asked->s->of_release;

	for (size_t i = 0; i < release->component_count; i++)
		if ((asked->s->of_component[i] || (whole && by_sha256(&release->components[i]))) &&
			memcmp(release->components[i].digest, sha256, SHA256_LEN) == 0)
			return true;
	return whole && memcmp(release->digest, sha256, SHA256_LEN) == 0;
}

static bool is_of_release(const void *arg, const uint8_t sha256[SHA256_LEN])
{
	const struct release *release = ((const struct asked *)arg)->c->release;

	for (size_t i = 0; i < release->component_count; i++)
		if (by_sha256(&release->components[i]) &&
			memcmp(release->components[i].digest, sha256, SHA256_LEN) == 0)
			return true;
	return false;
}

/* A model known by another digest than SHA-256 can be told neither from the one described nor to be
 * it: then the statement's subject alone says so, if that is the release. */
static bool incomparable(const struct asked *asked, const struct bom_component *other)
{
	const struct release *release = asked->c->release;

	if (!asked->s->of_release || other->kind != BOM_MODEL)
		return false;
	for (size_t i = 0; i < release->component_count; i++)
		if (strcmp(release->components[i].role, "model") == 0 &&
			!by_sha256(&release->components[i]))
			return true;
	return false;
}

static bool describes(const struct release_case *c, const struct said *s,
	char expected[REASON_TEXT_MAX], char actual[REASON_TEXT_MAX])
{
	const struct asked asked = {c, s};
	const struct bom_component *other =
		bom_other(s->predicate->bom, is_spoken_of, is_of_release, &asked);

	if (!other || incomparable(&asked, other))
		return true;
	(void)snprintf(expected, REASON_TEXT_MAX, "a BOM that describes its subject");
	(void)snprintf(actual, REASON_TEXT_MAX, "describes another %s: %s",
		bom_kind_name(other->kind), ESC(bytes_str(other->name)));
	return false;
}

/* ---- licences ---- */

static bool is_allowed(const void *arg, struct bytes id)
{
	const struct policy_bom *bom = arg;

	for (size_t i = 0; i < bom->license_count; i++)
		if (license_id_equal(id, bom->licenses[i]))
			return true;
	return false;
}

static bool is_not_forbidden(const void *arg, struct bytes id)
{
	const struct policy_bom *bom = arg;

	for (size_t i = 0; i < bom->forbidden_count; i++)
		if (license_id_equal(id, bom->forbidden[i]))
			return false;
	return true;
}

/* NULL: all of them are. */
static const char *license_not_ok(
	const struct bom_component *component, license_ok ok, const struct policy_bom *bom)
{
	for (size_t i = 0; i < component->license_count; i++) {
		const struct bom_license *l = &component->licenses[i];

		if (!(l->expression ? license_expression_ok(l->text, ok, bom)
				    : ok(bom, bytes_str(l->text))))
			return l->text;
	}
	return NULL;
}

static bool licenses_ok(const struct policy_bom *demanded, const struct bom *bom,
	char expected[REASON_TEXT_MAX], char actual[REASON_TEXT_MAX])
{
	for (size_t i = 0; i < bom->component_count; i++) {
		const struct bom_component *one = &bom->components[i];
		bool listed = demanded->license_count > 0 &&
			      (one->kind == BOM_MODEL || one->kind == BOM_DATASET);
		const char *bad = listed ? license_not_ok(one, is_allowed, demanded) : NULL;

		(void)snprintf(
			expected, REASON_TEXT_MAX, "%s", "licences that the risk class allows");
		if (listed && one->license_count == 0)
			bad = "states no licence";
		if (!bad && demanded->forbidden_count > 0)
			bad = license_not_ok(one, is_not_forbidden, demanded);
		if (!bad)
			continue;
		(void)snprintf(actual, REASON_TEXT_MAX, "%s %s: %s", bom_kind_name(one->kind),
			ESC(bytes_str(one->name)), ESC(bytes_str(bad)));
		return false;
	}
	return true;
}

bool release_bom_counts(const struct release_case *c, const struct policy_demand *d,
	const struct said *s, char expected[REASON_TEXT_MAX], char actual[REASON_TEXT_MAX])
{
	const struct bom *bom = s->predicate->bom;

	if (!bom) {
		(void)snprintf(expected, REASON_TEXT_MAX, "CycloneDX 1.6 or 1.7, or SPDX 3.0.1");
		(void)snprintf(actual, REASON_TEXT_MAX, "%s", s->predicate->bom_fault);
		return false;
	}
	if (d->bom.formats && !(d->bom.formats >> bom->format & 1)) {
		(void)snprintf(expected, REASON_TEXT_MAX, "a format that the risk class names");
		(void)snprintf(actual, REASON_TEXT_MAX, "%s %s", bom_format_name(bom->format),
			bom->spec_version);
		return false;
	}
	return describes(c, s, expected, actual) && licenses_ok(&d->bom, bom, expected, actual);
}

/* ---- what they show together ---- */

static bool shows_model(const struct bom *bom, const struct release_component *model)
{
	for (size_t i = 0; i < bom->component_count; i++)
		if (bom->components[i].kind == BOM_MODEL && bom->components[i].has_sha256 &&
			memcmp(bom->components[i].sha256, model->digest, SHA256_LEN) == 0)
			return true;
	return false;
}

/* The latest end of the BOMs that show a model, or a data set; 0: none does. */
static int64_t shown_until(const struct release_case *c, const bool *counts, const int64_t *ends,
	const struct release_component *model, const char *dataset)
{
	int64_t end = 0;

	for (size_t i = 0; i < c->input->statement_count; i++)
		if (counts[i] &&
			(model ? by_sha256(model) && shows_model(c->said[i].predicate->bom, model)
			       : bom_names_dataset(c->said[i].predicate->bom, dataset)))
			end = later_of(end, ends[i]);
	return end;
}

void release_bom_lacking(const struct release_case *c, const struct policy_demand *d,
	const bool counts[STATEMENTS_MAX], const int64_t ends[STATEMENTS_MAX], int64_t *end,
	char lacking[REASON_TEXT_MAX])
{
	const struct release *release = c->release;

	for (size_t i = 0; d->bom.models && i < release->component_count; i++) {
		const struct release_component *one = &release->components[i];
		int64_t until;

		if (strcmp(one->role, "model") != 0)
			continue;
		until = shown_until(c, counts, ends, one, NULL);
		*end = earlier_of(until, *end);
		if (until == 0 && !*lacking)
			(void)snprintf(
				lacking, REASON_TEXT_MAX, "model %s by its SHA-256", one->name);
	}
	for (size_t i = 0; d->bom.datasets && i < release->dataset_count; i++) {
		int64_t until = shown_until(c, counts, ends, NULL, release->dataset_snapshots[i]);

		*end = earlier_of(until, *end);
		if (until == 0 && !*lacking)
			(void)snprintf(lacking, REASON_TEXT_MAX, "data set %s",
				release->dataset_snapshots[i]);
	}
}
