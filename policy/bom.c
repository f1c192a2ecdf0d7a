/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/bom.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/bom_build.h"

enum { TIME_MAX = 40, OFFSET_LEN = 6 }; /* "+02:00" */

static const struct {
	const char *name, *what, *type;
	void (*read)(struct bom_build *b, const json_t *root);
} formats[] = {
	[BOM_CYCLONEDX] = {"cyclonedx", "CycloneDX", "https://cyclonedx.org/bom", cyclonedx_read},
	[BOM_SPDX] = {"spdx", "SPDX", "https://spdx.dev/Document", spdx3_read},
};
static_assert(ARRAY_LEN(formats) == BOM_FORMATS, "every format is read");

static const char *const kind_names[] = {
	[BOM_OTHER] = "other",
	[BOM_SOFTWARE] = "software",
	[BOM_MODEL] = "model",
	[BOM_DATASET] = "dataset",
};
static_assert(ARRAY_LEN(kind_names) == BOM_KINDS, "every kind has a name");

const char *bom_format_name(enum bom_format format)
{
	return (unsigned)format < BOM_FORMATS ? formats[format].name : "unknown";
}

const char *bom_kind_name(enum bom_kind kind)
{
	return (unsigned)kind < BOM_KINDS ? kind_names[kind] : "unknown";
}

void bom_free(struct bom **bom)
{
	struct bom *gone = TAKE(*bom);

	if (!gone)
		return;
	for (size_t i = 0; i < gone->component_count; i++) {
		struct bom_component *c = &gone->components[i];

		for (size_t k = 0; k < c->license_count; k++)
			free(c->licenses[k].text);
		free(c->licenses);
		free(c->datasets);
		free(c->name);
		free(c->version);
	}
	free(gone->components);
	free(gone->spec_version);
	free(gone->id);
	free(gone);
}

/* ---- building ---- */

void *bom_grow(struct reading *r, void *list, size_t count, size_t size)
{
	void *larger;

	if (!reading_goes_on(r))
		return NULL;
	if ((count & (count - 1)) != 0)
		return list; /* room up to the next power of two */
	larger = reallocarray(list, count ? 2 * count : 1, size);
	r->starved = !larger;
	return larger;
}

size_t bom_add(struct bom_build *b)
{
	struct bom_component *larger;

	if (b->bom->component_count == BOM_COMPONENTS_MAX)
		json_fields_fail(&b->r.f, "components", "too many items");
	larger = bom_grow(
		&b->r, b->bom->components, b->bom->component_count, sizeof(*b->bom->components));
	if (!larger)
		return 0;
	b->bom->components = larger;
	larger[b->bom->component_count] = (struct bom_component){0};
	return b->bom->component_count++;
}

static void count_link(struct bom_build *b)
{
	if (b->links++ == BOM_LINKS_MAX)
		json_fields_fail(&b->r.f, "components", "too many licences and data sets");
}

void bom_add_license(struct bom_build *b, size_t component, const char *text, bool expression)
{
	struct bom_component *c;
	struct bom_license *larger;
	char *copy;

	count_link(b);
	if (!reading_goes_on(&b->r))
		return;
	c = &b->bom->components[component];
	larger = bom_grow(&b->r, c->licenses, c->license_count, sizeof(*larger));
	if (!larger)
		return;
	c->licenses = larger;
	copy = bytes_strdup(bytes_str(text));
	b->r.starved = !copy;
	if (copy)
		larger[c->license_count++] = (struct bom_license){copy, expression};
}

void bom_add_dataset(struct bom_build *b, size_t component, size_t dataset)
{
	struct bom_component *c;
	size_t *larger;

	count_link(b);
	if (!reading_goes_on(&b->r))
		return;
	c = &b->bom->components[component];
	larger = bom_grow(&b->r, c->datasets, c->dataset_count, sizeof(*larger));
	if (!larger)
		return;
	c->datasets = larger;
	larger[c->dataset_count++] = dataset;
}

void bom_set_sha256(struct bom_build *b, size_t component, const char *key, const char *hex)
{
	struct bom_component *c;

	if (!reading_goes_on(&b->r))
		return;
	c = &b->bom->components[component];
	if (c->has_sha256)
		json_fields_fail(&b->r.f, key, "SHA-256 given twice");
	else if (!hex_decode_exact(bytes_str(hex), c->sha256, SHA256_LEN, NULL))
		json_fields_fail(&b->r.f, key, "expected lower-case hex of the right length");
	else
		c->has_sha256 = true;
}

void bom_id_put(struct bom_build *b, const char *key, const char *id, size_t place)
{
	if (!reading_goes_on(&b->r))
		return;
	if (!*id || strlen(id) > BOM_ID_MAX)
		json_fields_fail(&b->r.f, key, "empty or too long");
	else if (json_object_get(b->ids, id))
		json_fields_fail(&b->r.f, id, "given twice");
	else
		b->r.starved =
			json_object_set_new(b->ids, id, json_integer((json_int_t)place)) != 0;
}

void bom_id_move(struct bom_build *b, const char *id, size_t place)
{
	(void)json_integer_set(json_object_get(b->ids, id), (json_int_t)place);
}

bool bom_id_find(const struct bom_build *b, const char *id, size_t *ret_place)
{
	const json_t *place = json_object_get(b->ids, id);

	if (!place)
		return false;
	*ret_place = (size_t)json_integer_value(place);
	return true;
}

/* The offset in seconds of a time that ends in one, and its length; 0: it ends in none. */
static size_t offset_of(struct bytes text, int64_t *ret)
{
	const uint8_t *at = text.data + text.len - OFFSET_LEN;
	int64_t hours, minutes;

	if (text.len < OFFSET_LEN || (at[0] != '+' && at[0] != '-') || at[3] != ':')
		return 0;
	for (size_t i = 1; i < OFFSET_LEN; i++)
		if (i != 3 && (at[i] < '0' || at[i] > '9'))
			return 0;
	hours = (at[1] - '0') * 10 + (at[2] - '0');
	minutes = (at[4] - '0') * 10 + (at[5] - '0');
	if (hours > 23 || minutes > 59)
		return 0;
	*ret = (hours * 3600 + minutes * 60) * (at[0] == '-' ? -1 : 1);
	return OFFSET_LEN;
}

int64_t bom_want_time(struct bom_build *b, const json_t *object, const char *key)
{
	const char *text = json_want_str(&b->r.f, object, key, TIME_MAX);
	char utc[TIME_MAX + 2];
	int64_t offset = 0, seconds = 0;
	size_t tail;

	if (!text)
		return 0;
	tail = offset_of(bytes_str(text), &offset);
	(void)snprintf(
		utc, sizeof(utc), "%.*s%s", (int)(strlen(text) - tail), text, tail ? "Z" : "");
	if (!time_parse(bytes_str(utc), &seconds, NULL) || seconds < offset) {
		json_fields_fail(&b->r.f, key, "not a time (2026-11-22T23:21:38Z)");
		return 0;
	}
	return seconds - offset;
}

/* ---- reading ---- */

/* What stands behind the type, "" or "/…"; NULL: another type. */
static const char *behind(const char *type, enum bom_format format)
{
	size_t len = strlen(formats[format].type);

	if (strncmp(type, formats[format].type, len) != 0 || (type[len] && type[len] != '/'))
		return NULL;
	return type + len;
}

bool bom_is_type(const char *predicate_type)
{
	return behind(predicate_type, BOM_CYCLONEDX) || behind(predicate_type, BOM_SPDX);
}

/* "/v3" goes with 3.0.1 as "/v3.0" does: a version in the type is that of the content, or a leading
 * part of it. */
static bool version_fits(const char *suffix, const char *version)
{
	size_t len = strlen(suffix);

	if (len == 0)
		return true;
	if (len < 3 || strncmp(suffix, "/v", 2) != 0)
		return false;
	return strncmp(suffix + 2, version, len - 2) == 0 &&
	       (version[len - 2] == '\0' || version[len - 2] == '.');
}

bool bom_read(const char *predicate_type, const json_t *content, struct bom **ret, struct err *err)
{
	OWNED(bom_free) struct bom *made = calloc(1, sizeof(*made));
	OWNED(json_release) json_t *ids = json_object();
	enum bom_format format = behind(predicate_type, BOM_SPDX) ? BOM_SPDX : BOM_CYCLONEDX;
	const char *suffix = behind(predicate_type, format);
	struct bom_build b = {.r = reading_of(formats[format].what), .bom = made, .ids = ids};

	if (!suffix)
		return err_set(err, ERR_INTERNAL, "no BOM");
	if (!made || !ids)
		return err_set(err, ERR_NOMEM, "%s: no memory", formats[format].what);
	made->format = format;
	if (!content)
		json_fields_fail(&b.r.f, "predicate", "missing");
	else
		formats[format].read(&b, content);
	if (reading_goes_on(&b.r) && !version_fits(suffix, made->spec_version))
		json_fields_fail(&b.r.f, "predicateType", "says another version than the content");
	if (!reading_ok(&b.r, err))
		return false;
	*ret = TAKE(made);
	return true;
}

/* ---- asking ---- */

const struct bom_component *bom_other(
	const struct bom *bom, bom_is subject, bom_is part, const void *arg)
{
	const struct bom_component *root = NULL, *model = NULL;
	bool root_is = false, model_is = false, program = false;

	for (size_t i = 0; i < bom->component_count; i++)
		program |= bom->components[i].root && bom->components[i].kind != BOM_MODEL;
	for (size_t i = 0; i < bom->component_count; i++) {
		const struct bom_component *c = &bom->components[i];

		if (!c->has_sha256)
			continue;
		if (c->root && subject(arg, c->sha256))
			root_is = true;
		else if (c->root && !root)
			root = c;
		if (c->kind != BOM_MODEL)
			continue;
		if (subject(arg, c->sha256) || (program && (!part || part(arg, c->sha256))))
			model_is = true;
		else if (!model)
			model = c;
	}
	if (root && !root_is)
		return root;
	return model_is ? NULL : model;
}

bool bom_names_dataset(const struct bom *bom, const char *name)
{
	for (size_t i = 0; i < bom->component_count; i++) {
		const struct bom_component *c = &bom->components[i];
		size_t len = c->kind == BOM_DATASET ? strlen(c->name) : 0;

		if (c->kind != BOM_DATASET || strncmp(name, c->name, len) != 0)
			continue;
		if (name[len] == '\0' ||
			(name[len] == '@' && c->version && strcmp(name + len + 1, c->version) == 0))
			return true;
	}
	return false;
}
