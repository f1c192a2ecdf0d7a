/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/provenance_bom.h"

#include "base/text.h"
#include "base/time.h"

enum { LINES_MAX = 64, LISTED_MAX = 16 }; /* components told; licences or data sets of each */

static void put_list_end(struct buf *out, size_t count)
{
	if (count > LISTED_MAX)
		buf_printf(out, " and %zu more", count - LISTED_MAX);
}

static void put_component(struct buf *out, const struct bom *bom, const struct bom_component *c)
{
	char hex[2 * SHA256_LEN + 1];

	buf_printf(out, "%s %s%s%s", bom_kind_name(c->kind), ESC(bytes_str(c->name)),
		c->version ? " " : "", c->version ? ESC(bytes_str(c->version)) : "");
	if (c->root)
		buf_put_str(out, ", which the BOM is about");
	if (c->has_sha256)
		buf_printf(out, ", SHA-256 %s", (hex_encode(BYTES_OF(c->sha256), hex), hex));
	for (size_t i = 0; i < c->license_count && i < LISTED_MAX; i++)
		buf_printf(out, "%s %s", i ? "," : ", under", ESC(bytes_str(c->licenses[i].text)));
	put_list_end(out, c->license_count);
	for (size_t i = 0; i < c->dataset_count && i < LISTED_MAX; i++)
		buf_printf(out, "%s %s", i ? "," : ", trained on",
			ESC(bytes_str(bom->components[c->datasets[i]].name)));
	put_list_end(out, c->dataset_count);
}

/* What it is about, its models and data sets; the rest is a number. */
static bool put_contents(json_t *lines, const struct bom *bom)
{
	size_t told = 0;

	for (size_t i = 0; i < bom->component_count && told < LINES_MAX; i++) {
		const struct bom_component *c = &bom->components[i];
		OWNED(buf_release) struct buf line = {0};

		if (c->kind != BOM_MODEL && c->kind != BOM_DATASET && !c->root)
			continue;
		told++;
		put_component(&line, bom, c);
		if (!buf_ok(&line, NULL) ||
			json_array_append_new(lines, json_string(buf_str(&line))) != 0)
			return false;
	}
	return told == bom->component_count ||
	       json_array_append_new(lines,
		       json_sprintf("%zu other components", bom->component_count - told)) == 0;
}

bool provenance_put_bom(json_t *object, const struct predicate *predicate)
{
	const struct bom *bom = predicate->bom;
	json_t *lines;
	char time[TIME_TEXT_MAX];

	if (!bom)
		return json_object_set_new(object, "not_read", json_string(predicate->bom_fault)) ==
		       0;
	if (json_object_set_new(object, "format",
		    json_sprintf("%s %s", bom_format_name(bom->format), bom->spec_version)) != 0 ||
		(bom->id && json_object_set_new(object, "bom", json_string(bom->id)) != 0) ||
		(bom->version && json_object_set_new(object, "bom_version",
					 json_integer((json_int_t)bom->version)) != 0) ||
		(bom->made_at && json_object_set_new(object, "made",
					 json_string(time_format(bom->made_at, time))) != 0))
		return false;
	lines = json_array();
	return json_object_set_new(object, "contents", lines) == 0 && put_contents(lines, bom);
}
