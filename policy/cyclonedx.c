/* SPDX-License-Identifier: Apache-2.0 */
/* CycloneDX 1.6 and 1.7 in JSON. Components stand in each other and in several places; they are
 * walked level by level through one list, so that depth costs no stack. */
#include <assert.h>
#include <stdlib.h>

#include "base/text.h"
#include "policy/bom_build.h"

enum { URN_UUID_LEN = 45, LICENSES_MAX = 256, HASHES_MAX = 32, DATA_MAX = 1024 };
#define DEPENDENCIES_MAX (2u * BOM_COMPONENTS_MAX)

static const struct {
	const char *type;
	enum bom_kind kind;
} types[] = {
	{"application", BOM_SOFTWARE},
	{"framework", BOM_SOFTWARE},
	{"library", BOM_SOFTWARE},
	{"container", BOM_SOFTWARE},
	{"platform", BOM_SOFTWARE},
	{"operating-system", BOM_SOFTWARE},
	{"device", BOM_OTHER},
	{"device-driver", BOM_SOFTWARE},
	{"firmware", BOM_SOFTWARE},
	{"file", BOM_SOFTWARE},
	{"machine-learning-model", BOM_MODEL},
	{"data", BOM_DATASET}, /* unless all its data is of other types */
	{"cryptographic-asset", BOM_OTHER},
};

static const char *const hash_names[] = {"MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512",
	"SHA3-256", "SHA3-384", "SHA3-512", "BLAKE2b-256", "BLAKE2b-384", "BLAKE2b-512", "BLAKE3",
	"Streebog-256", "Streebog-512"};

/* Objects that wait to be looked at; in `components`, those of b->bom->components in that order. */
struct objects {
	const json_t **list;
	size_t count;
};
struct cyclonedx {
	struct bom_build *b;
	struct objects components;
};

static void put(struct bom_build *b, struct objects *to, const json_t *object)
{
	const json_t **larger = bom_grow(&b->r, to->list, to->count, sizeof(*larger));

	if (!larger)
		return;
	to->list = larger;
	larger[to->count++] = object;
}

/* ---- ids ---- */

static void put_within(struct bom_build *b, struct objects *to, const json_t *value)
{
	json_t *walked = (json_t *)value, *member; /* jansson's iterators take no const */
	const char *key;
	size_t i;

	json_object_foreach(walked, key, member)
	{
		if (json_is_object(member) || json_is_array(member))
			put(b, to, member);
	}
	json_array_foreach(value, i, member)
	{
		if (json_is_object(member) || json_is_array(member))
			put(b, to, member);
	}
}

/* Every "bom-ref", wherever it stands, is unique in the document. Its place is 0 until a component
 * claims it. */
static void read_refs(struct bom_build *b, const json_t *root)
{
	struct objects waiting = {0};

	put(b, &waiting, root);
	while (waiting.count > 0 && reading_goes_on(&b->r)) {
		const json_t *at = waiting.list[--waiting.count];
		const char *ref = json_is_object(at)
					  ? json_want_str(&b->r.f, at, "bom-ref", BOM_ID_MAX)
					  : NULL;

		if (ref)
			bom_id_put(b, "bom-ref", ref, 0);
		put_within(b, &waiting, at);
	}
	free(waiting.list);
}

/* The place is that of the component, counted from 1. */
static void claim_ref(struct bom_build *b, const json_t *object, size_t component)
{
	const char *ref = json_string_value(json_object_get(object, "bom-ref"));

	if (ref)
		bom_id_move(b, ref, component + 1);
}

/* ---- one component ---- */

static enum bom_kind read_type(struct bom_build *b, const json_t *object)
{
	const char *type = json_need_str(&b->r.f, object, "type", BOM_NAME_MAX);

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(type, types[i].type) == 0)
			return types[i].kind;
	json_fields_fail(&b->r.f, "type", "no type of component that CycloneDX has");
	return BOM_OTHER;
}

static bool hash_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(hash_names); i++)
		if (strcmp(name, hash_names[i]) == 0)
			return true;
	return false;
}

static void read_hashes(struct bom_build *b, const json_t *object, size_t component)
{
	const json_t *hashes = json_want_array(&b->r.f, object, "hashes", HASHES_MAX), *hash;
	size_t i;

	json_array_foreach(hashes, i, hash)
	{
		const char *name = json_need_str(&b->r.f, hash, "alg", BOM_NAME_MAX);
		const char *content = json_need_str(&b->r.f, hash, "content", BOM_NAME_MAX);

		if (reading_goes_on(&b->r) && !hash_known(name))
			json_fields_fail(&b->r.f, "hashes", "no algorithm that CycloneDX has");
		if (strcmp(name, "SHA-256") == 0)
			bom_set_sha256(b, component, "hashes", content);
	}
}

static void read_license(struct bom_build *b, const json_t *choice, size_t component)
{
	const char *expression = json_want_str(&b->r.f, choice, "expression", BOM_NAME_MAX);
	const json_t *license = read_want_object(&b->r, choice, "license");
	const char *id = NULL, *name = NULL;

	if (license) {
		id = json_want_str(&b->r.f, license, "id", BOM_NAME_MAX);
		name = json_want_str(&b->r.f, license, "name", BOM_NAME_MAX);
	}
	if (reading_goes_on(&b->r) && (expression != NULL) + (id != NULL) + (name != NULL) != 1)
		json_fields_fail(&b->r.f, "licenses", "not one of expression, id and name");
	if (expression)
		bom_add_license(b, component, expression, true);
	else
		bom_add_license(b, component, id ? id : name, false);
}

static void read_licenses(struct bom_build *b, const json_t *object, size_t component)
{
	const json_t *licenses = json_want_array(&b->r.f, object, "licenses", LICENSES_MAX), *one;
	size_t i;

	json_array_foreach(licenses, i, one)
	{
		read_license(b, one, component);
		if (!reading_goes_on(&b->r))
			return;
	}
}

/* What the data of a component is: of a data set, if any is one or nothing is said. */
static enum bom_kind read_data(struct bom_build *b, const json_t *object, size_t component)
{
	const json_t *data = json_want_array(&b->r.f, object, "data", DATA_MAX), *one;
	enum bom_kind kind = json_array_size(data) ? BOM_OTHER : BOM_DATASET;
	size_t i;

	json_array_foreach(data, i, one)
	{
		const char *type = json_need_str(&b->r.f, one, "type", BOM_NAME_MAX);

		(void)read_want_object(&b->r, one, "governance");
		if (strcmp(type, "dataset") == 0)
			kind = BOM_DATASET;
		if (reading_goes_on(&b->r))
			claim_ref(b, one, component);
	}
	return kind;
}

/* Read for their form alone: what is made of them is a matter for people. */
static void read_card(struct bom_build *b, const json_t *object)
{
	static const char *const texts[] = {"task", "architectureFamily", "modelArchitecture"};
	const json_t *card = read_want_object(&b->r, object, "modelCard");
	const json_t *parameters = card ? read_want_object(&b->r, card, "modelParameters") : NULL;

	if (card)
		(void)read_want_object(&b->r, card, "considerations");
	for (size_t i = 0; parameters && i < ARRAY_LEN(texts); i++)
		(void)json_want_str(&b->r.f, parameters, texts[i], SIZE_MAX);
}

static void read_component(struct bom_build *b, const json_t *object, size_t at)
{
	enum bom_kind kind = read_type(b, object);
	const char *purl = json_want_str(&b->r.f, object, "purl", BOM_ID_MAX);
	char *name = NULL, *version = NULL;

	if (purl && strncmp(purl, "pkg:", 4) != 0)
		json_fields_fail(&b->r.f, "purl", "not a package URL");
	read_need_text(&b->r, object, "name", BOM_NAME_MAX, &name);
	read_want_text(&b->r, object, "version", BOM_NAME_MAX, &version);
	b->bom->components[at].name = name;
	b->bom->components[at].version = version;
	if (kind == BOM_DATASET)
		kind = read_data(b, object, at);
	b->bom->components[at].kind = kind;
	read_card(b, object);
	read_hashes(b, object, at);
	read_licenses(b, object, at);
	if (reading_goes_on(&b->r))
		claim_ref(b, object, at);
}

/* ---- all of them ---- */

static void put_component(struct cyclonedx *c, const json_t *object)
{
	(void)bom_add(c->b);
	put(c->b, &c->components, object);
}

static void put_components(struct cyclonedx *c, const json_t *object)
{
	const json_t *list = json_want_array(&c->b->r.f, object, "components", BOM_COMPONENTS_MAX);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		put_component(c, one);
		if (!reading_goes_on(&c->b->r))
			return;
	}
}

/* Each component puts those within it behind. */
static void read_components(struct cyclonedx *c)
{
	struct reading *r = &c->b->r;

	r->list = "component";
	for (r->index = 0; r->index < c->components.count; r->index++) {
		const json_t *object = c->components.list[r->index];

		read_component(c->b, object, r->index);
		if (reading_goes_on(r))
			put_components(c, object);
		if (!reading_goes_on(r))
			return;
	}
	r->list = NULL;
}

/* ---- what models were trained on ---- */

/* A data set that the card itself describes; without a name it can be told from no other. */
static void add_inline(struct bom_build *b, const json_t *object, size_t model)
{
	const char *type = json_need_str(&b->r.f, object, "type", BOM_NAME_MAX);
	char *name = NULL;
	size_t at;

	read_want_text(&b->r, object, "name", BOM_NAME_MAX, &name);
	if (!name || strcmp(type, "dataset") != 0) {
		free(name);
		return;
	}
	at = bom_add(b);
	if (!reading_goes_on(&b->r)) {
		free(name);
		return;
	}
	b->bom->components[at].kind = BOM_DATASET;
	b->bom->components[at].name = name;
	bom_add_dataset(b, model, at);
}

/* A BOM-Link leads to another document, which is not read. */
static void add_reference(struct bom_build *b, const char *ref, size_t model)
{
	size_t place = 0;

	if (strncmp(ref, "urn:cdx:", 8) == 0)
		return;
	if (!bom_id_find(b, ref, &place))
		json_fields_fail(&b->r.f, "datasets", "refers to nothing in this BOM");
	else if (place == 0 || b->bom->components[place - 1].kind != BOM_DATASET)
		json_fields_fail(&b->r.f, "datasets", "refers to what is no data set");
	else
		bom_add_dataset(b, model, place - 1);
}

static void read_trained_on(struct bom_build *b, const json_t *object, size_t model)
{
	const json_t *card = json_object_get(object, "modelCard");
	const json_t *parameters = json_object_get(card, "modelParameters"), *list, *one;
	size_t i;

	if (!parameters)
		return;
	list = json_want_array(&b->r.f, parameters, "datasets", BOM_COMPONENTS_MAX);
	json_array_foreach(list, i, one)
	{
		const char *ref = json_want_str(&b->r.f, one, "ref", BOM_ID_MAX);

		if (ref)
			add_reference(b, ref, model);
		else
			add_inline(b, one, model);
		if (!reading_goes_on(&b->r))
			return;
	}
}

static void read_datasets(struct cyclonedx *c)
{
	struct reading *r = &c->b->r;

	r->list = "component";
	for (r->index = 0; r->index < c->components.count; r->index++) {
		if (c->b->bom->components[r->index].kind != BOM_MODEL)
			continue;
		read_trained_on(c->b, c->components.list[r->index], r->index);
		if (!reading_goes_on(r))
			return;
	}
	r->list = NULL;
}

/* ---- the document ---- */

static void check_ref(struct bom_build *b, const char *key, const char *ref)
{
	size_t place;

	if (reading_goes_on(&b->r) && (!ref || !bom_id_find(b, ref, &place)))
		json_fields_fail(&b->r.f, key, "refers to nothing in this BOM");
}

static void check_refs(struct bom_build *b, const json_t *object, const char *key)
{
	const json_t *list = json_want_array(&b->r.f, object, key, DEPENDENCIES_MAX), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		check_ref(b, key, json_string_value(one));
	}
}

/* Each end of each edge is in the document, and what depends is said once. Circles may be: nothing
 * here follows them. */
static void read_dependencies(struct bom_build *b, const json_t *root)
{
	const json_t *list = json_want_array(&b->r.f, root, "dependencies", DEPENDENCIES_MAX);
	OWNED(json_release) json_t *seen = json_object();
	size_t n = json_array_size(list);

	b->r.starved = b->r.starved || !seen;
	b->r.list = "dependency";
	for (b->r.index = 0; b->r.index < n && reading_goes_on(&b->r); b->r.index++) {
		const json_t *one = json_array_get(list, b->r.index);
		const char *ref = json_need_str(&b->r.f, one, "ref", BOM_ID_MAX);

		check_ref(b, "ref", ref);
		if (json_object_get(seen, ref))
			json_fields_fail(&b->r.f, "ref", "given twice");
		check_refs(b, one, "dependsOn");
		check_refs(b, one, "provides");
		if (!reading_goes_on(&b->r))
			return;
		b->r.starved = json_object_set_new(seen, ref, json_true()) != 0;
	}
	b->r.list = NULL;
}

static bool is_urn_uuid(const char *text)
{
	static const char shape[] = "urn:uuid:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	static_assert(sizeof(shape) == URN_UUID_LEN + 1, "one for each byte");
	if (strlen(text) != URN_UUID_LEN)
		return false;
	for (size_t i = 0; i < URN_UUID_LEN; i++)
		if (shape[i] == 'x' ? !strchr("0123456789abcdef", text[i]) : text[i] != shape[i])
			return false;
	return true;
}

static void read_head(struct bom_build *b, const json_t *root)
{
	const char *version = json_need_str(&b->r.f, root, "specVersion", BOM_NAME_MAX);

	if (strcmp(json_need_str(&b->r.f, root, "bomFormat", BOM_NAME_MAX), "CycloneDX") != 0)
		json_fields_fail(&b->r.f, "bomFormat", "not CycloneDX");
	if (strcmp(version, "1.6") != 0 && strcmp(version, "1.7") != 0)
		json_fields_fail(&b->r.f, "specVersion", "neither 1.6 nor 1.7");
	read_need_text(&b->r, root, "specVersion", BOM_NAME_MAX, &b->bom->spec_version);
	read_want_text(&b->r, root, "serialNumber", BOM_NAME_MAX, &b->bom->id);
	if (b->bom->id && !is_urn_uuid(b->bom->id))
		json_fields_fail(&b->r.f, "serialNumber", "not urn:uuid: and a UUID in lower case");
	b->bom->version = json_want_int(&b->r.f, root, "version", 1, INT64_MAX, 1);
}

/* What the BOM is about becomes the first component. */
static void read_metadata(struct cyclonedx *c, const json_t *root)
{
	struct bom_build *b = c->b;
	const json_t *metadata = read_want_object(&b->r, root, "metadata"), *about;

	if (!metadata)
		return;
	b->bom->made_at = bom_want_time(b, metadata, "timestamp");
	about = read_want_object(&b->r, metadata, "component");
	if (about)
		put_component(c, about);
	if (about && reading_goes_on(&b->r))
		b->bom->components[0].root = true;
}

void cyclonedx_read(struct bom_build *b, const json_t *root)
{
	struct cyclonedx c = {.b = b};

	read_head(b, root);
	if (reading_goes_on(&b->r))
		read_refs(b, root);
	read_metadata(&c, root);
	put_components(&c, root);
	if (reading_goes_on(&b->r))
		read_components(&c);
	if (reading_goes_on(&b->r))
		read_datasets(&c);
	if (reading_goes_on(&b->r))
		read_dependencies(b, root);
	free(c.components.list);
}
