/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what others wrote in JSON: sticky faults and sticky want of memory, null is absent (SLSA:
 * "unset, null and empty are the same"). Private to policy/. */
#ifndef ASSAY_POLICY_PREDICATE_READ_H
#define ASSAY_POLICY_PREDICATE_READ_H

#include "base/json.h"
#include "policy/predicate.h"

struct reading {
	struct json_fields f;
	bool starved; /* no memory */
	const char *list; /* the list being walked, for messages; NULL: none */
	size_t index;
};
struct reading reading_of(const char *what);
/* Still all well: nothing failed so far. */
bool reading_goes_on(const struct reading *r);
must_use bool reading_ok(const struct reading *r, struct err *err);

/* Texts without control characters, copied; "" is absent. need: absent is a fault. */
void read_want_text(
	struct reading *r, const json_t *object, const char *key, size_t max, char **ret);
void read_need_text(
	struct reading *r, const json_t *object, const char *key, size_t max, char **ret);
/* RFC 3339 with Z; absent: 0. */
int64_t read_want_time(struct reading *r, const json_t *object, const char *key);
int64_t read_need_time(struct reading *r, const json_t *object, const char *key);
/* NULL when absent. */
const json_t *read_want_object(struct reading *r, const json_t *object, const char *key);
const json_t *read_want_array(struct reading *r, const json_t *object, const char *key, size_t max);
/* "PASSED", "FAILED" and, where a warning may be, "WARNED"; lower = true: in lower case. */
enum predicate_result read_result(
	struct reading *r, const json_t *object, const char *key, bool warned, bool lower);
/* A DigestSet member "digest"; need: at least one digest. */
void read_digest(struct reading *r, const json_t *object, bool need, struct predicate_digest *ret);
/* A list of ResourceDescriptors, NULL and 0 when absent. */
void read_resources(struct reading *r, const json_t *object, const char *key, size_t max,
	bool need_digest, struct predicate_resource **ret, size_t *ret_count);
void read_resource(
	struct reading *r, const json_t *object, bool need_digest, struct predicate_resource *ret);
void resource_release(struct predicate_resource *resource);
void resources_free(struct predicate_resource **resources, size_t count);
/* A list of texts; empty when absent. */
void read_names(
	struct reading *r, const json_t *object, const char *key, struct predicate_names *ret);
void names_release(struct predicate_names *names);
/* calloc for at least one; NULL and starved otherwise. */
void *reading_alloc(struct reading *r, size_t n, size_t size);

/* The predicates, one file each: read into the predicate's own member; `object` may be NULL. */
void provenance_read(struct reading *r, const json_t *object, struct predicate_provenance *ret);
void provenance_release(struct predicate_provenance *provenance);
void test_result_read(struct reading *r, const json_t *object, struct predicate_test_result *ret);
void test_result_release(struct predicate_test_result *test_result);
void vsa_read(struct reading *r, const json_t *object, struct predicate_vsa *ret);
void vsa_release(struct predicate_vsa *vsa);
/* name: what stands between prefix and "/v1" of the type. */
void assessment_read(struct reading *r, struct bytes name, const json_t *object,
	struct predicate_assessment *ret);
void assessment_release(struct predicate_assessment *assessment);
/* Of the whole statement, which must be one by that specification. */
must_use bool model_signature_read(
	struct bytes statement, struct predicate_model *ret, struct err *err);

#endif
