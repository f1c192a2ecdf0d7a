/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SPDX 3.0.1 in JSON-LD, of the one form that its JSON schema allows: the context is known by name
 * and never fetched, the graph is flat, and members have their short names. Whatever a JSON-LD
 * processor would read as the same thing under another spelling is refused, lest it sees another
 * document than we do.
 */
#include <stdlib.h>

#include "base/text.h"
#include "policy/bom_build.h"

#define CONTEXT        "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
#define SPEC_VERSION   "3.0.1"
#define LICENSE_LIST   "https://spdx.org/licenses/"
#define ELEMENTS_MAX   65536u
#define REFERENCES_MAX 4096u /* of one relationship */

enum { PROFILES_MAX = 32, INTEGRITY_MAX = 32, COLLECTIONS_MAX = 8 };

static const struct {
	const char *type;
	enum bom_kind kind;
} types[] = {
	{"ai_AIPackage", BOM_MODEL},
	{"dataset_DatasetPackage", BOM_DATASET},
	{"software_Package", BOM_SOFTWARE},
	{"software_File", BOM_SOFTWARE},
};

static const char *const hash_names[] = {"adler32", "blake2b256", "blake2b384", "blake2b512",
	"blake3", "crystalsDilithium", "crystalsKyber", "falcon", "md2", "md4", "md5", "md6",
	"other", "sha1", "sha224", "sha256", "sha384", "sha3_224", "sha3_256", "sha3_384",
	"sha3_512", "sha512"};

static const char *const document_keys[] = {"@context", "@graph", NULL};

struct spdx {
	struct bom_build *b;
	const json_t *graph;
	size_t *component_of; /* of each element: 1 + index of its component; 0: none */
	const json_t *document;
};

static const char *type_of(const json_t *element)
{
	const char *type = json_string_value(json_object_get(element, "type"));

	return type ? type : "";
}

static bool is(const json_t *element, const char *type)
{
	return strcmp(type_of(element), type) == 0;
}

/* NULL: no such element in the graph. */
static const json_t *element_of(const struct spdx *s, const char *id, size_t *ret_place)
{
	return bom_id_find(s->b, id, ret_place) ? json_array_get(s->graph, *ret_place) : NULL;
}

/* ---- every element ---- */

/* Short names only: "@type", "https://spdx.org/rdf/…" and the like say the same in other words. */
static void check_keys(struct reading *r, const json_t *element, bool blank)
{
	json_t *walked = (json_t *)element, *value; /* jansson's iterators take no const */
	const char *key;

	json_object_foreach(walked, key, value)
	{
		if (strchr(key, ':') || (*key == '@' && !(blank && strcmp(key, "@id") == 0)))
			json_fields_fail(&r->f, key, "not a member in its short form");
	}
}

static void check_creation(struct bom_build *b, const json_t *info)
{
	if (strcmp(json_need_str(&b->r.f, info, "specVersion", BOM_NAME_MAX), SPEC_VERSION) != 0)
		json_fields_fail(&b->r.f, "specVersion", "not " SPEC_VERSION);
	if (bom_want_time(b, info, "created") == 0)
		json_fields_fail(&b->r.f, "created", "missing");
	(void)json_need_array(&b->r.f, info, "createdBy", REFERENCES_MAX);
}

static void read_identity(struct spdx *s, const json_t *element, size_t place)
{
	struct reading *r = &s->b->r;
	const char *type = json_need_str(&r->f, element, "type", BOM_ID_MAX);
	const char *id = json_want_str(&r->f, element, "spdxId", BOM_ID_MAX);
	const char *blank = id ? NULL : json_want_str(&r->f, element, "@id", BOM_ID_MAX);

	check_keys(r, element, id == NULL);
	if (strchr(type, ':'))
		json_fields_fail(&r->f, "type", "not a type in its short form");
	if (!id && !blank && reading_goes_on(r))
		json_fields_fail(&r->f, "spdxId", "missing");
	if (reading_goes_on(r))
		bom_id_put(s->b, "spdxId", id ? id : blank, place);
	if (strcmp(type, "CreationInfo") == 0)
		check_creation(s->b, element);
	if (strcmp(type, "SpdxDocument") != 0 || !reading_goes_on(r))
		return;
	if (s->document)
		json_fields_fail(&r->f, "type", "a second SpdxDocument");
	s->document = element;
}

/* The CreationInfo of an element, beside it or in it. */
static const json_t *creation_of(struct spdx *s, const json_t *element)
{
	struct reading *r = &s->b->r;
	const json_t *info = json_object_get(element, "creationInfo");
	size_t place = 0;

	if (json_is_string(info)) {
		info = element_of(s, json_string_value(info), &place);
		if (!is(info, "CreationInfo"))
			json_fields_fail(&r->f, "creationInfo", "refers to none in the graph");
	} else {
		info = json_need_object(&r->f, element, "creationInfo");
		if (info && !is(info, "CreationInfo"))
			json_fields_fail(&r->f, "creationInfo", "not a CreationInfo");
		if (reading_goes_on(r)) {
			check_keys(r, info, true);
			check_creation(s->b, info);
		}
	}
	return reading_goes_on(r) ? info : NULL;
}

/* ---- components ---- */

static bool hash_known(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(hash_names); i++)
		if (strcmp(name, hash_names[i]) == 0)
			return true;
	return false;
}

/* Other ways to verify (PackageVerificationCode and the like) are no digest of the bytes. */
static void read_integrity(struct bom_build *b, const json_t *element, size_t component)
{
	const json_t *list = json_want_array(&b->r.f, element, "verifiedUsing", INTEGRITY_MAX);
	const json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		const char *type = json_need_str(&b->r.f, one, "type", BOM_ID_MAX), *name, *hex;

		if (strchr(type, ':'))
			json_fields_fail(&b->r.f, "type", "not a type in its short form");
		if (reading_goes_on(&b->r))
			check_keys(&b->r, one, false);
		if (strcmp(type, "Hash") != 0)
			continue;
		name = json_need_str(&b->r.f, one, "algorithm", BOM_NAME_MAX);
		hex = json_need_str(&b->r.f, one, "hashValue", BOM_ID_MAX);
		if (reading_goes_on(&b->r) && !hash_known(name))
			json_fields_fail(&b->r.f, "algorithm", "none that SPDX has");
		if (strcmp(name, "sha256") == 0)
			bom_set_sha256(b, component, "hashValue", hex);
	}
}

static void read_component(struct spdx *s, const json_t *element, size_t place, enum bom_kind kind)
{
	struct bom_build *b = s->b;
	size_t at = bom_add(b);
	char *name = NULL, *version = NULL;

	if (!reading_goes_on(&b->r))
		return;
	s->component_of[place] = at + 1;
	read_need_text(&b->r, element, "name", BOM_NAME_MAX, &name);
	read_want_text(&b->r, element, "software_packageVersion", BOM_NAME_MAX, &version);
	b->bom->components[at].kind = kind;
	b->bom->components[at].name = name;
	b->bom->components[at].version = version;
	read_integrity(b, element, at);
}

static void read_element(struct spdx *s, const json_t *element, size_t place)
{
	if (json_object_get(element, "spdxId"))
		(void)creation_of(s, element);
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (is(element, types[i].type))
			read_component(s, element, place, types[i].kind);
}

/* ---- relationships ---- */

static void add_license(struct spdx *s, const char *id, size_t component)
{
	const size_t prefix = sizeof(LICENSE_LIST) - 1;
	size_t place = 0;
	const json_t *element = element_of(s, id, &place);
	const char *text;

	if (is(element, "simplelicensing_LicenseExpression")) {
		text = json_need_str(
			&s->b->r.f, element, "simplelicensing_licenseExpression", BOM_NAME_MAX);
		bom_add_license(s->b, component, text, true);
	} else if (strncmp(id, LICENSE_LIST, prefix) == 0) {
		bom_add_license(s->b, component, id + prefix, false);
	} else {
		/* A set of licences is read as an expression that is none: nobody accepts it. */
		bom_add_license(s->b, component, id,
			is(element, "expandedlicensing_ConjunctiveLicenseSet") ||
				is(element, "expandedlicensing_DisjunctiveLicenseSet") ||
				is(element, "expandedlicensing_OrLaterOperator") ||
				is(element, "expandedlicensing_WithAdditionOperator"));
	}
}

static void add_trained_on(struct spdx *s, const char *id, size_t component)
{
	size_t place = 0, at;

	if (strcmp(id, "NoneElement") == 0 || strcmp(id, "NoAssertionElement") == 0)
		return;
	if (!element_of(s, id, &place)) {
		json_fields_fail(&s->b->r.f, "to", "refers to nothing in the graph");
		return;
	}
	at = s->component_of[place];
	if (at > 0 && s->b->bom->components[at - 1].kind == BOM_DATASET)
		bom_add_dataset(s->b, component, at - 1);
}

static void read_relationship(struct spdx *s, const json_t *element)
{
	struct reading *r = &s->b->r;
	const char *kind = json_need_str(&r->f, element, "relationshipType", BOM_ID_MAX);
	const char *from = json_need_str(&r->f, element, "from", BOM_ID_MAX);
	const json_t *to = json_need_array(&r->f, element, "to", REFERENCES_MAX), *one;
	bool licensed =
		strcmp(kind, "hasConcludedLicense") == 0 || strcmp(kind, "hasDeclaredLicense") == 0;
	bool trained = strcmp(kind, "trainedOn") == 0;
	size_t i, place = 0, at;

	if (strchr(kind, ':'))
		json_fields_fail(&r->f, "relationshipType", "not a type in its short form");
	at = element_of(s, from, &place) ? s->component_of[place] : 0;
	if (at == 0 || !(licensed || (trained && s->b->bom->components[at - 1].kind == BOM_MODEL)))
		return;
	json_array_foreach(to, i, one)
	{
		const char *id = json_string_value(one);

		if (!id) {
			json_fields_fail(&r->f, "to", "expected strings");
			return;
		}
		if (trained)
			add_trained_on(s, id, at - 1);
		else
			add_license(s, id, at - 1);
		if (!reading_goes_on(r))
			return;
	}
}

/* ---- the document ---- */

/* Walks the graph; a fault says at which element. */
static void each(struct spdx *s, void (*visit)(struct spdx *s, const json_t *element, size_t place))
{
	struct reading *r = &s->b->r;

	r->list = "element";
	for (r->index = 0; r->index < json_array_size(s->graph); r->index++) {
		visit(s, json_array_get(s->graph, r->index), r->index);
		if (!reading_goes_on(r))
			return;
	}
	r->list = NULL;
}

static void visit_relationship(struct spdx *s, const json_t *element, size_t place)
{
	(void)place;
	if (is(element, "Relationship") || is(element, "LifecycleScopedRelationship"))
		read_relationship(s, element);
}

/* What a collection is about: components, or collections in their turn. */
static void read_roots(struct spdx *s, const json_t *collection, const json_t **next)
{
	struct reading *r = &s->b->r;
	const json_t *roots = json_want_array(&r->f, collection, "rootElement", REFERENCES_MAX),
		     *one;
	size_t i, place = 0;

	json_array_foreach(roots, i, one)
	{
		const char *id = json_string_value(one);
		const json_t *element = id ? element_of(s, id, &place) : NULL;

		if (!element) {
			json_fields_fail(&r->f, "rootElement", "refers to nothing in the graph");
			return;
		}
		if (s->component_of[place])
			s->b->bom->components[s->component_of[place] - 1].root = true;
		else if (!is(element, "software_Sbom") && !is(element, "Bom"))
			continue;
		else if (*next)
			json_fields_fail(&r->f, "rootElement", "more than one BOM in the graph");
		else
			*next = element;
	}
}

static void read_document(struct spdx *s)
{
	struct bom *bom = s->b->bom;
	struct reading *r = &s->b->r;
	const json_t *at = s->document, *profiles, *profile, *info;
	bool ai = false;
	size_t i;

	if (!at) {
		json_fields_fail(&r->f, "@graph", "has no SpdxDocument");
		return;
	}
	read_need_text(r, at, "spdxId", BOM_ID_MAX, &bom->id);
	info = creation_of(s, at);
	if (info)
		bom->made_at = bom_want_time(s->b, info, "created");
	profiles = json_want_array(&r->f, at, "profileConformance", PROFILES_MAX);
	json_array_foreach(profiles, i, profile)
	{
		ai |= json_is_string(profile) && strcmp(json_string_value(profile), "ai") == 0;
	}
	for (i = 0; i < bom->component_count; i++)
		if (bom->components[i].kind == BOM_MODEL && !ai)
			json_fields_fail(&r->f, "profileConformance",
				"without ai, though a model is described");
	for (i = 0; at && i < COLLECTIONS_MAX && reading_goes_on(r); i++) {
		const json_t *next = NULL;

		read_roots(s, at, &next);
		at = next;
	}
}

void spdx3_read(struct bom_build *b, const json_t *root)
{
	struct spdx s = {.b = b};

	json_only_keys(&b->r.f, root, document_keys);
	if (strcmp(json_need_str(&b->r.f, root, "@context", BOM_ID_MAX), CONTEXT) != 0)
		json_fields_fail(&b->r.f, "@context", "not that of SPDX " SPEC_VERSION);
	s.graph = json_need_array(&b->r.f, root, "@graph", ELEMENTS_MAX);
	s.component_of = reading_alloc(&b->r, json_array_size(s.graph), sizeof(*s.component_of));
	b->bom->spec_version = bytes_strdup(BYTES_LIT(SPEC_VERSION));
	b->r.starved = b->r.starved || !b->bom->spec_version;
	if (reading_goes_on(&b->r)) {
		each(&s, read_identity);
		if (reading_goes_on(&b->r))
			each(&s, read_element);
		if (reading_goes_on(&b->r))
			each(&s, visit_relationship);
		if (reading_goes_on(&b->r))
			read_document(&s);
	}
	free(s.component_of);
}
