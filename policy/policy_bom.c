/* SPDX-License-Identifier: Apache-2.0 */
/* What a risk class demands of bills of materials. */
#include "policy/license.h"
#include "policy/policy_file.h"

static bool build_formats(const struct file_demand *from, struct policy_bom *to, struct err *err)
{
	for (unsigned i = 0; i < from->formats_count; i++) {
		if (to->formats >> from->formats[i] & 1)
			return policy_fault(err, &from->formats[i], "formats: %s: given twice",
				bom_format_name(from->formats[i]));
		to->formats |= 1u << from->formats[i];
	}
	return true;
}

bool policy_build_bom(const struct file_demand *from, struct policy_bom *to, struct err *err)
{
	to->models = from->models;
	to->datasets = from->datasets;
	if (!build_formats(from, to, err) ||
		!policy_text_list(from->licenses, from->licenses_count, "licenses", &to->licenses,
			&to->license_count, err) ||
		!policy_text_list(from->licenses_forbidden, from->licenses_forbidden_count,
			"licenses_forbidden", &to->forbidden, &to->forbidden_count, err))
		return false;
	for (size_t i = 0; i < to->license_count; i++)
		for (size_t k = 0; k < to->forbidden_count; k++)
			if (license_id_equal(bytes_str(to->licenses[i]), to->forbidden[k]))
				return policy_fault(err, &from->licenses_forbidden,
					"licenses_forbidden: %s: among licenses too",
					to->forbidden[k]);
	return true;
}

void policy_bom_release(struct policy_bom *bom)
{
	policy_text_list_release(bom->licenses, bom->license_count);
	policy_text_list_release(bom->forbidden, bom->forbidden_count);
}

static json_t *clause_formats(unsigned formats)
{
	const char *names[BOM_FORMATS];
	size_t n = 0;

	for (unsigned f = 0; f < BOM_FORMATS; f++)
		if (formats >> f & 1)
			names[n++] = bom_format_name(f);
	return policy_clause_texts((char *const *)(uintptr_t)names, n);
}

/* Left out of demands that ask nothing of this: what was approved before there was such a thing
 * stays approved. */
bool policy_clause_bom(json_t *demand, const struct policy_bom *bom)
{
	if (!bom->formats && !bom->models && !bom->datasets && bom->license_count == 0 &&
		bom->forbidden_count == 0)
		return demand != NULL;
	return json_object_set_new(demand, "bom",
		       json_pack("{s:o,s:b,s:b,s:o,s:o}", "formats", clause_formats(bom->formats),
			       "models", (int)bom->models, "datasets", (int)bom->datasets,
			       "licenses", policy_clause_texts(bom->licenses, bom->license_count),
			       "licenses_forbidden",
			       policy_clause_texts(bom->forbidden, bom->forbidden_count))) == 0;
}
