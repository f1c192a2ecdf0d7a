/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements as others make them: in-toto Statement v1 (or v0.1) over the bytes received, and typed views of
 * the predicates that policy asks for. What is read here is only said; who said it is the
 * envelope's matter. Formats: docs/formats/provenance.md.
 */
#ifndef ASSAY_POLICY_PREDICATE_H
#define ASSAY_POLICY_PREDICATE_H

#include "policy/bom.h"

#define PREDICATE_SUBJECTS_MAX     4096u
#define PREDICATE_DEPENDENCIES_MAX 4096u
#define PREDICATE_NAMES_MAX        1024u /* tests, levels, input attestations, metrics: each */
#define PREDICATE_URI_MAX          2048u
#define PREDICATE_TEXT_MAX         1024u
#define PREDICATE_COMMIT_MAX       64u /* hex digits: SHA-1 has 40, SHA-256 has 64 */

enum predicate_kind {
	PREDICATE_OTHER = 0, /* a statement whose predicate is not looked into */
	PREDICATE_PROVENANCE, /* https://slsa.dev/provenance/v1 */
	PREDICATE_TEST_RESULT, /* https://in-toto.io/attestation/test-result/v0.1 */
	PREDICATE_VSA, /* https://slsa.dev/verification_summary/v1 */
	PREDICATE_ASSESSMENT, /* PREDICATE_ASSESSMENT_PREFIX "<name>/v1" */
	PREDICATE_BOM, /* CycloneDX or SPDX */
	PREDICATE_MODEL_SIGNATURE, /* https://model_signing/signature/v1.0 */
	PREDICATE_KINDS
};
/* "provenance", "test-result", "vsa", "assessment", "bom", "model-signature", "other". */
const char *predicate_kind_name(enum predicate_kind kind);

/* What of a DigestSet is matched: nothing else ever is. */
struct predicate_digest {
	bool has_sha256;
	uint8_t sha256[SHA256_LEN];
	char commit[PREDICATE_COMMIT_MAX + 1]; /* gitCommit, lower-case hex; "": none */
};
struct predicate_subject {
	char *name; /* informational; NULL: none. Never matched. */
	struct predicate_digest digest;
};
/* A ResourceDescriptor. */
struct predicate_resource {
	char *name, *uri; /* NULL: none */
	struct predicate_digest digest;
};
struct predicate_names {
	size_t count;
	char **names;
};

struct predicate_provenance {
	char *builder_id, *build_type;
	char *external_parameters; /* canonical JSON of the object: compact, keys sorted */
	size_t dependency_count;
	struct predicate_resource *dependencies;
	const struct predicate_resource *source; /* the one dependency with a gitCommit; NULL when
						    there is none or more than one */
	char *invocation_id; /* NULL: none */
	int64_t started_on, finished_on; /* 0: not said */
};
enum predicate_result { PREDICATE_FAILED = 0, PREDICATE_WARNED, PREDICATE_PASSED };
const char *predicate_result_name(enum predicate_result result); /* "failed" */

struct predicate_test_result {
	enum predicate_result result;
	size_t configuration_count;
	struct predicate_resource *configuration;
	char *url; /* NULL: none */
	struct predicate_names passed, warned, failed;
};
struct predicate_vsa {
	enum predicate_result result; /* passed or failed */
	char *verifier_id, *resource_uri;
	struct predicate_resource policy;
	int64_t time_verified; /* 0: not said */
	size_t input_count;
	struct predicate_resource *inputs;
	struct predicate_names levels;
};
struct predicate_metric {
	char *name;
	double value; /* finite */
};
/* Our own: red-team reports, impact assessments, consent records, evaluations. Unknown members are
 * refused here, for they might take something back. */
struct predicate_assessment {
	char *name; /* of the type URI: "red-team", "privacy-impact", "evaluation", … */
	enum predicate_result result; /* passed or failed */
	char *by; /* person or organisation, as they call themselves */
	int64_t issued, expires; /* expires is later than issued */
	uint8_t report[SHA256_LEN]; /* of the report's bytes */
	size_t metric_count; /* sorted by name, unique */
	struct predicate_metric *metrics;
};
/* An OpenSSF model signature: what a measured component is compared with. The subject's digest is
 * never matched: it covers no names. */
struct predicate_model {
	bool has_tree; /* of files that are signed whole */
	uint8_t tree[SHA256_LEN]; /* SHA-256 of the manifest that measuring a directory of exactly
				     these files gives */
	bool has_file; /* the model is one file */
	uint8_t file[SHA256_LEN];
};

struct predicate {
	enum predicate_kind kind;
	char *type; /* predicateType */
	size_t subject_count; /* at least 1 */
	struct predicate_subject *subjects;
	/* Filled by kind; zeros otherwise. */
	struct predicate_provenance provenance;
	struct predicate_test_result test_result;
	struct predicate_vsa vsa;
	struct predicate_assessment assessment;
	struct bom *bom; /* of a BOM; NULL: a version or form of it that is not read */
	char *bom_fault; /* then: why, in words */
	struct predicate_model model;
};

/* Whether an envelope of this payload type may hold an in-toto statement:
 * "application/vnd.in-toto+json" or "application/vnd.in-toto.<name>+json". */
bool predicate_payload_type_ok(const char *payload_type);
/* Parses a statement (in-toto Statement v1 or v0.1, at most DSSE_PAYLOAD_MAX bytes). Unknown members of
 * statements and foreign predicates are ignored, as in-toto asks. Digests of known algorithms are
 * lower-case hex of full length; each subject has a digest. A BOM that cannot be read leaves a
 * statement all the same, with bom_fault. ERR_FORMAT names the member; ERR_LIMIT, ERR_NOMEM. */
must_use bool predicate_parse(struct bytes statement, struct predicate **ret, struct err *err);
void predicate_free(struct predicate **predicate);
/* Whether the BOM of a statement, which was read, describes a subject of it (bom_other). Otherwise
 * ret_why says in words what else. */
must_use bool predicate_bom_fits(
	const struct predicate *predicate, char ret_why[PREDICATE_TEXT_MAX]);
/* Whether a subject has this SHA-256. Names do not count. */
bool predicate_has_subject(const struct predicate *predicate, const uint8_t sha256[SHA256_LEN]);
/* An assessment's metric; false when it has none of this name. */
bool predicate_metric_of(const struct predicate *predicate, const char *name, double *ret);

#endif
