/* SPDX-License-Identifier: Apache-2.0 */
/* What a risk class demands to be shown of a release, and by whose keys: the part of the policy file
 * under statement_keys and risk_classes[].statements. */
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/policy_file.h"

#define STATEMENT_AGE_MAX (100 * 366 * (int64_t)86400)
#define TEXT_MAX          255u
#define METRIC_DIGITS_MAX 15 /* below 2^53: the quotient below is then the nearest double */
#define KIND_BIT(kind)    (1u << (kind))
#define KINDS_WITH_OUTCOME                                                                         \
	(KIND_BIT(PREDICATE_TEST_RESULT) | KIND_BIT(PREDICATE_ASSESSMENT) | KIND_BIT(PREDICATE_VSA))
#define KINDS_WITH_TIME                                                                            \
	(KIND_BIT(PREDICATE_PROVENANCE) | KIND_BIT(PREDICATE_ASSESSMENT) |                         \
		KIND_BIT(PREDICATE_VSA) | KIND_BIT(PREDICATE_BOM))
#define KINDS_WITH_METRICS KIND_BIT(PREDICATE_ASSESSMENT)

/* ---- keys ---- */

bool policy_statement_signer(const struct policy *policy, char *const *name,
	const enum predicate_kind *kinds, unsigned kind_count, struct policy_statement_key *to,
	struct err *err)
{
	if (!policy_text_ok(*name, TEXT_MAX))
		return policy_fault(err, name, "%s: " NOT_A_LINE, ESC(bytes_str(*name)));
	to->name = bytes_strdup(bytes_str(*name));
	if (!to->name)
		return err_set(err, ERR_NOMEM, "no memory");
	for (const struct policy_statement_key *other = policy->statement_keys; other < to; other++)
		if (strcmp(other->name, to->name) == 0)
			return policy_fault(err, name, "%s: name or key given twice", *name);
	for (unsigned i = 0; i < kind_count; i++) {
		if (to->kinds & KIND_BIT(kinds[i]))
			return policy_fault(err, &kinds[i], "%s: kind %s: given twice", *name,
				predicate_kind_name(kinds[i]));
		to->kinds |= KIND_BIT(kinds[i]);
	}
	return true;
}

static bool build_key(const struct policy *policy, const struct file_statement_key *from,
	struct policy_statement_key *to, struct err *err)
{
	if (!policy_statement_signer(policy, &from->name, from->kinds, from->kinds_count, to, err))
		return false;
	if (!policy_public_key(from->pem, &to->key, err))
		return policy_wrap(err, &from->pem, "%s", to->name);
	for (const struct policy_statement_key *other = policy->statement_keys; other < to; other++)
		if (key_equal(other->key, to->key))
			return policy_fault(err, from, "%s: name or key given twice", to->name);
	return true;
}

bool policy_build_statement_keys(
	struct policy *policy, const struct file_policy *file, struct err *err)
{
	unsigned keys = file->statement_keys_count;

	if (keys + file->statement_identities_count > POLICY_KEYS_MAX)
		return policy_fault(err, &file->statement_identities,
			"statement_keys and statement_identities: more than %u together",
			POLICY_KEYS_MAX);
	policy->statement_keys = policy_alloc(
		keys + file->statement_identities_count, sizeof(*policy->statement_keys), err);
	if (!policy->statement_keys)
		return false;
	for (unsigned i = 0; i < keys; i++) {
		policy->statement_key_count = i + 1;
		if (!build_key(policy, &file->statement_keys[i], &policy->statement_keys[i], err))
			return err_wrap(err, "statement_keys");
	}
	return true;
}

void policy_statement_keys_release(struct policy *policy)
{
	for (size_t i = 0; i < policy->statement_key_count; i++) {
		free(policy->statement_keys[i].name);
		key_unref(&policy->statement_keys[i].key);
		policy_identity_free(&policy->statement_keys[i].identity);
	}
	free(policy->statement_keys);
}

/* ---- demands ---- */

bool policy_text_list(char **from, unsigned count, const char *key, char ***ret, size_t *ret_count,
	struct err *err)
{
	*ret = policy_alloc(count, sizeof(**ret), err);
	if (!*ret)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (!policy_text_ok(from[i], TEXT_MAX))
			return policy_fault(err, &from[i], "%s: %s: not a text (1 to 255 bytes)",
				key, ESC(bytes_str(from[i])));
		for (unsigned k = 0; k < i; k++)
			if (strcmp(from[k], from[i]) == 0)
				return policy_fault(
					err, &from[i], "%s: %s: given twice", key, from[i]);
		(*ret)[i] = bytes_strdup(bytes_str(from[i]));
		if (!(*ret)[i])
			return err_set(err, ERR_NOMEM, "no memory");
		*ret_count = i + 1;
	}
	return true;
}

static bool key_by_name(const struct policy *policy, const char *name, size_t *ret)
{
	for (*ret = 0; *ret < policy->statement_key_count; (*ret)++)
		if (strcmp(policy->statement_keys[*ret].name, name) == 0)
			return true;
	return false;
}

/* Without names: every key that is trusted for the kind. */
static bool demand_keys(const struct policy *policy, const struct file_demand *from,
	struct policy_demand *to, struct err *err)
{
	size_t at = 0;

	for (size_t i = 0; from->keys_count == 0 && i < policy->statement_key_count; i++)
		if (policy->statement_keys[i].kinds & KIND_BIT(from->kind))
			to->keys |= UINT64_C(1) << i;
	for (unsigned i = 0; i < from->keys_count; i++) {
		if (!key_by_name(policy, from->keys[i], &at))
			return policy_fault(err, &from->keys[i],
				"keys: %s: not among statement_keys",
				ESC(bytes_str(from->keys[i])));
		if (!(policy->statement_keys[at].kinds & KIND_BIT(from->kind)))
			return policy_fault(err, &from->keys[i],
				"keys: %s: not trusted for kind %s", from->keys[i],
				predicate_kind_name(from->kind));
		if (to->keys >> at & 1)
			return policy_fault(
				err, &from->keys[i], "keys: %s: given twice", from->keys[i]);
		to->keys |= UINT64_C(1) << at;
	}
	return to->keys != 0 || policy_fault(err, &from->kind,
					"kind %s: no statement key is trusted for it, so nothing "
					"could meet this",
					predicate_kind_name(from->kind));
}

/* -?digits[.digits], so that what the clause binds reads one way only. */
static bool decimal(const char *text, double *ret)
{
	double mantissa = 0, scale = 1;
	int digits = 0;
	bool point = false, negative = *text == '-';

	for (const char *at = text + negative; *at; at++) {
		if (*at == '.' && !point && digits > 0 && at[1]) {
			point = true;
			continue;
		}
		if (*at < '0' || *at > '9' || ++digits > METRIC_DIGITS_MAX)
			return false;
		mantissa = mantissa * 10 + (*at - '0');
		scale *= point ? 10 : 1;
	}
	*ret = (negative ? -mantissa : mantissa) / scale;
	return digits > 0;
}

static bool metric_bound(char *const *from, const char *key, bool *ret_has, double *ret,
	char **copy, struct err *err)
{
	const char *text = *from;

	if (!text)
		return true;
	if (!decimal(text, ret))
		return policy_fault(err, from, "%s: %s: not a decimal number of at most %d digits",
			key, ESC(bytes_str(text)), METRIC_DIGITS_MAX);
	*ret_has = true;
	*copy = bytes_strdup(bytes_str(text));
	return *copy || err_set(err, ERR_NOMEM, "no memory");
}

static bool build_metric(const struct policy_demand *demand, const struct file_metric *from,
	struct policy_metric *to, struct err *err)
{
	if (!policy_text_ok(from->name, POLICY_METRIC_NAME_MAX))
		return policy_fault(
			err, &from->name, "%s: " NOT_A_LINE, ESC(bytes_str(from->name)));
	for (const struct policy_metric *other = demand->metrics; other < to; other++)
		if (strcmp(other->name, from->name) == 0)
			return policy_fault(err, &from->name, "%s: given twice", from->name);
	to->name = bytes_strdup(bytes_str(from->name));
	if (!to->name)
		return err_set(err, ERR_NOMEM, "no memory");
	if (!metric_bound(&from->min, "min", &to->has_min, &to->min, &to->min_text, err) ||
		!metric_bound(&from->max, "max", &to->has_max, &to->max, &to->max_text, err))
		return err_wrap(err, "%s", to->name);
	if (!to->has_min && !to->has_max)
		return policy_fault(err, &from->min, "%s: needs min or max", to->name);
	if (to->has_min && to->has_max && to->min > to->max)
		return policy_fault(
			err, &from->min, "%s: min above max: nothing could meet this", to->name);
	return true;
}

static bool demand_metrics(
	const struct file_demand *from, struct policy_demand *to, struct err *err)
{
	to->metrics = policy_alloc(from->metrics_count, sizeof(*to->metrics), err);
	if (!to->metrics)
		return false;
	for (unsigned i = 0; i < from->metrics_count; i++) {
		to->metric_count = i + 1;
		if (!build_metric(to, &from->metrics[i], &to->metrics[i], err))
			return err_wrap(err, "metrics");
	}
	return true;
}

/* A key that means nothing for the kind would look like a check and be none. */
static bool demand_fits(const struct file_demand *from, struct err *err)
{
	const struct {
		const char *key;
		const void *place;
		bool given;
		unsigned kinds;
	} rules[] = {
		{"builder", &from->builder, from->builder_count > 0,
			KIND_BIT(PREDICATE_PROVENANCE)},
		{"levels", &from->levels, from->levels_count > 0, KIND_BIT(PREDICATE_VSA)},
		{"metrics", &from->metrics, from->metrics_count > 0, KINDS_WITH_METRICS},
		{"passed", &from->passed, from->passed != NULL, KINDS_WITH_OUTCOME},
		{"max_age", &from->max_age, from->max_age != NULL, KINDS_WITH_TIME},
		{"formats", &from->formats, from->formats_count > 0, KIND_BIT(PREDICATE_BOM)},
		{"models", &from->models, from->models, KIND_BIT(PREDICATE_BOM)},
		{"datasets", &from->datasets, from->datasets, KIND_BIT(PREDICATE_BOM)},
		{"licenses", &from->licenses, from->licenses_count > 0, KIND_BIT(PREDICATE_BOM)},
		{"licenses_forbidden", &from->licenses_forbidden,
			from->licenses_forbidden_count > 0, KIND_BIT(PREDICATE_BOM)},
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].given && !(rules[i].kinds & KIND_BIT(from->kind)))
			return policy_fault(err, rules[i].place, "%s: means nothing for kind %s",
				rules[i].key, predicate_kind_name(from->kind));
	if (from->type && !policy_text_ok(from->type, TEXT_MAX))
		return policy_fault(err, &from->type, "type: not a predicate type");
	/* Assessments are told apart by their type alone: a consent record is no red-team report. */
	if (from->kind == PREDICATE_ASSESSMENT && !from->type)
		return policy_fault(err, &from->type, "type: needed for kind assessment");
	return true;
}

static bool build_demand(const struct policy *policy, const struct file_demand *from,
	struct policy_demand *to, struct err *err)
{
	char *all_models[] = {(char *)(uintptr_t) "model"}, **covers = from->covers;
	unsigned covers_count = from->covers_count;

	to->kind = from->kind;
	to->passed =
		from->passed ? *from->passed : (KINDS_WITH_OUTCOME & KIND_BIT(from->kind)) != 0;
	if (from->type && !(to->type = bytes_strdup(bytes_str(from->type))))
		return err_set(err, ERR_NOMEM, "no memory");
	if (from->max_age) {
		if (!time_parse_duration(
			    bytes_str(from->max_age), STATEMENT_AGE_MAX, &to->age_max, err))
			return policy_wrap(err, &from->max_age, "max_age");
		if (to->age_max < 1)
			return policy_fault(err, &from->max_age, "max_age: must be 1 s or more");
	}
	/* What is demanded of a model is demanded of every one. */
	if (from->kind == PREDICATE_MODEL_SIGNATURE && covers_count == 0) {
		covers = all_models;
		covers_count = ARRAY_LEN(all_models);
	}
	return demand_fits(from, err) && demand_keys(policy, from, to, err) &&
	       policy_text_list(from->builder, from->builder_count, "builder", &to->builders,
		       &to->builder_count, err) &&
	       policy_text_list(from->levels, from->levels_count, "levels", &to->levels,
		       &to->level_count, err) &&
	       policy_text_list(
		       covers, covers_count, "covers", &to->covers, &to->cover_count, err) &&
	       demand_metrics(from, to, err) && policy_build_bom(from, &to->bom, err);
}

static int demand_order(const void *a, const void *b)
{
	return strcmp(
		((const struct policy_demand *)a)->name, ((const struct policy_demand *)b)->name);
}

bool policy_build_demands(const struct policy *policy, struct policy_class *to,
	const struct file_class *from, struct err *err)
{
	to->demands = policy_alloc(from->statements_count, sizeof(*to->demands), err);
	if (!to->demands)
		return false;
	for (unsigned i = 0; i < from->statements_count; i++) {
		const struct file_demand *demand = &from->statements[i];

		if (!text_is_name(bytes_str(demand->name)))
			return policy_fault(err, &demand->name, "statements: %s: " NOT_A_NAME,
				ESC(bytes_str(demand->name)));
		for (unsigned k = 0; k < i; k++)
			if (strcmp(to->demands[k].name, demand->name) == 0)
				return policy_fault(err, &demand->name,
					"statements: %s: given twice", demand->name);
		to->demand_count = i + 1;
		to->demands[i].name = bytes_strdup(bytes_str(demand->name));
		if (!to->demands[i].name)
			return err_set(err, ERR_NOMEM, "no memory");
		if (!build_demand(policy, demand, &to->demands[i], err))
			return policy_wrap(err, demand, "statements: %s", to->demands[i].name);
	}
	qsort(to->demands, to->demand_count, sizeof(*to->demands), demand_order);
	return true;
}

void policy_text_list_release(char **list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(list[i]);
	free(list);
}

void policy_demands_release(struct policy_class *class)
{
	for (size_t i = 0; i < class->demand_count; i++) {
		struct policy_demand *d = &class->demands[i];

		free(d->name);
		free(d->type);
		policy_text_list_release(d->builders, d->builder_count);
		policy_text_list_release(d->levels, d->level_count);
		policy_text_list_release(d->covers, d->cover_count);
		for (size_t k = 0; k < d->metric_count; k++) {
			free(d->metrics[k].name);
			free(d->metrics[k].min_text);
			free(d->metrics[k].max_text);
		}
		free(d->metrics);
		policy_bom_release(&d->bom);
	}
	free(class->demands);
}

/* ---- the clause ---- */

json_t *policy_clause_texts(char *const *texts, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++)
		if (json_array_append_new(array, json_string(texts[i])) != 0) {
			json_decref(array);
			return NULL;
		}
	return array;
}

static json_t *clause_keys(const struct policy *policy, uint64_t keys)
{
	char *names[POLICY_KEYS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < policy->statement_key_count; i++)
		if (keys >> i & 1)
			names[n++] = policy->statement_keys[i].name;
	return policy_clause_texts(names, n);
}

static json_t *clause_metrics(const struct policy_demand *d)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < d->metric_count; i++) {
		const struct policy_metric *m = &d->metrics[i];

		if (json_array_append_new(array, json_pack("{s:s,s:s?,s:s?}", "name", m->name,
							 "min", m->min_text, "max", m->max_text)) !=
			0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

json_t *policy_clause_demands(const struct policy *policy, const struct policy_class *class)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < class->demand_count; i++) {
		const struct policy_demand *d = &class->demands[i];
		json_t *one = json_pack("{s:s,s:s,s:s?,s:o,s:o,s:o,s:o,s:o,s:I,s:b}", "name",
			d->name, "kind", predicate_kind_name(d->kind), "type", d->type, "keys",
			clause_keys(policy, d->keys), "builder",
			policy_clause_texts(d->builders, d->builder_count), "levels",
			policy_clause_texts(d->levels, d->level_count), "covers",
			policy_clause_texts(d->covers, d->cover_count), "metrics",
			clause_metrics(d), "max_age", (json_int_t)d->age_max, "passed",
			(int)d->passed);

		if (!policy_clause_bom(one, &d->bom) || json_array_append_new(array, one) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
