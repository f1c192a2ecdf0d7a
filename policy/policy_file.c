/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy_file.h"

#include "policy/elevation.h"

#include <assert.h>

#include "base/yaml.h"

#define PEM_TEXT_MAX (256u << 10)
#define TEXT_MAX     255u

static const cyaml_strval_t assurances[] = {
	{"reported", ASSURANCE_REPORTED},
	{"booted", ASSURANCE_BOOTED},
	{"measured", ASSURANCE_MEASURED},
};
static const cyaml_strval_t protections[] = {
	{"software", KEY_SOFTWARE},
	{"tpm", KEY_TPM},
};
static const cyaml_strval_t after_leases[] = {
	{"renew", AFTER_LEASE_RENEW},
	{"relaunch", AFTER_LEASE_RELAUNCH},
};
static const cyaml_strval_t end_actions[] = {
	{"continue", END_CONTINUE},
	{"freeze", END_FREEZE},
	{"stop", END_STOP},
};
static const cyaml_strval_t banks[] = {
	{"sha256", DIGEST_SHA256},
	{"sha384", DIGEST_SHA384},
};
static const cyaml_strval_t templates[] = {
	{"L-1", EK_TEMPLATE_L1},
	{"L-2", EK_TEMPLATE_L2},
	{"H-1", EK_TEMPLATE_H1},
	{"H-2", EK_TEMPLATE_H2},
	{"H-3", EK_TEMPLATE_H3},
	{"H-6", EK_TEMPLATE_H6},
};

static const cyaml_strval_t reference_kinds[] = {
	{"golden-log", REFERENCE_GOLDEN_LOG},
	{"baseline", REFERENCE_BASELINE},
	{"corim", REFERENCE_CORIM},
	{"ima-rules", REFERENCE_IMA_RULES},
};
static const cyaml_strval_t statement_kinds[] = {
	{"provenance", PREDICATE_PROVENANCE},
	{"test-result", PREDICATE_TEST_RESULT},
	{"assessment", PREDICATE_ASSESSMENT},
	{"vsa", PREDICATE_VSA},
	{"bom", PREDICATE_BOM},
	{"model-signature", PREDICATE_MODEL_SIGNATURE},
};
static const cyaml_strval_t bom_formats[] = {
	{"cyclonedx", BOM_CYCLONEDX},
	{"spdx", BOM_SPDX},
};
static const cyaml_strval_t requirements[] = {
	{"any", false},
	{"required", true},
};
static const cyaml_strval_t secure_boot_rules[] = {
	{"required", SECURE_BOOT_REQUIRED},
	{"any", SECURE_BOOT_ANY},
};
static const cyaml_strval_t lockdown_rules[] = {
	{"none", LOCKDOWN_NONE},
	{"command-line", LOCKDOWN_COMMAND_LINE},
	{"secure-boot", LOCKDOWN_SECURE_BOOT},
};
static const cyaml_strval_t sandbox_users[] = {
	{"unprivileged", SANDBOX_DEMANDED},
};
static const cyaml_strval_t sandbox_networks[] = {
	{"none", SANDBOX_DEMANDED},
	{"host", SANDBOX_ABSENT},
};
static const cyaml_strval_t sandbox_capabilities[] = {
	{"none", SANDBOX_DEMANDED},
};
static const cyaml_strval_t sandbox_filesystems[] = {
	{"read-only", SANDBOX_DEMANDED},
};

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, PEM_TEXT_MAX),
};
static const cyaml_schema_value_t template_entry = {
	CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum ek_template, templates, ARRAY_LEN(templates)),
};

static const cyaml_schema_field_t pem_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct file_pem, name, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("pem", CYAML_FLAG_POINTER, struct file_pem, pem, 1, PEM_TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t pem_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_pem, pem_fields),
};

static const cyaml_schema_field_t distrusted_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"sha256", CYAML_FLAG_POINTER, struct file_distrusted, sha256, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR(
		"reason", CYAML_FLAG_POINTER, struct file_distrusted, reason, 1, TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t distrusted_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_distrusted, distrusted_fields),
};

static const cyaml_schema_field_t approver_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"person", CYAML_FLAG_POINTER, struct file_approver, person, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("roles", CYAML_FLAG_POINTER, struct file_approver, roles, &text_entry,
		1, POLICY_ROLES_MAX),
	CYAML_FIELD_SEQUENCE("keys", CYAML_FLAG_POINTER, struct file_approver, keys, &text_entry, 1,
		POLICY_PERSON_KEYS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t approver_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_approver, approver_fields),
};

static const cyaml_schema_field_t rule_fields[] = {
	CYAML_FIELD_STRING_PTR("role", CYAML_FLAG_POINTER, struct file_rule, role, 1, TEXT_MAX),
	CYAML_FIELD_INT("count", CYAML_FLAG_DEFAULT, struct file_rule, count),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t rule_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_rule, rule_fields),
};

#define LIST(type, name, most)                                                                     \
	CYAML_FIELD_SEQUENCE(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type, name,   \
		&text_entry, 0, most)
#define TEXT(type, name, flags)                                                                    \
	CYAML_FIELD_STRING_PTR(                                                                    \
		#name, CYAML_FLAG_POINTER | (flags), struct type, name, 1, PEM_TEXT_MAX)

static const cyaml_schema_value_t statement_kind_entry = {
	CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum predicate_kind, statement_kinds,
		ARRAY_LEN(statement_kinds)),
};
static const cyaml_schema_field_t statement_key_fields[] = {
	TEXT(file_statement_key, name, 0),
	TEXT(file_statement_key, pem, 0),
	CYAML_FIELD_SEQUENCE("kinds", CYAML_FLAG_POINTER, struct file_statement_key, kinds,
		&statement_kind_entry, 1, ARRAY_LEN(statement_kinds)),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t statement_key_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_statement_key, statement_key_fields),
};

static const cyaml_strval_t identity_logs[] = {
	{"required", IDENTITY_LOG_REQUIRED},
	{"optional", IDENTITY_LOG_OPTIONAL},
};
#define EXTENSION(key, id)                                                                         \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                      \
		struct file_identity, extensions[id], 1, PEM_TEXT_MAX)
static const cyaml_schema_field_t identity_fields[] = {
	TEXT(file_identity, name, 0),
	TEXT(file_identity, roots, 0),
	TEXT(file_identity, intermediates, CYAML_FLAG_OPTIONAL),
	TEXT(file_identity, identity, CYAML_FLAG_OPTIONAL),
	TEXT(file_identity, identity_prefix, CYAML_FLAG_OPTIONAL),
	TEXT(file_identity, issuer, CYAML_FLAG_OPTIONAL),
	EXTENSION("runner_environment", IDENTITY_RUNNER),
	EXTENSION("source_repository", IDENTITY_REPOSITORY),
	EXTENSION("source_ref", IDENTITY_REF),
	EXTENSION("source_repository_id", IDENTITY_REPOSITORY_ID),
	EXTENSION("source_owner_id", IDENTITY_OWNER_ID),
	CYAML_FIELD_ENUM("log", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_identity, log,
		identity_logs, ARRAY_LEN(identity_logs)),
	CYAML_FIELD_SEQUENCE("kinds", CYAML_FLAG_POINTER, struct file_identity, kinds,
		&statement_kind_entry, 1, ARRAY_LEN(statement_kinds)),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t identity_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_identity, identity_fields),
};

static const cyaml_schema_field_t metric_fields[] = {
	TEXT(file_metric, name, 0),
	TEXT(file_metric, min, CYAML_FLAG_OPTIONAL),
	TEXT(file_metric, max, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t metric_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_metric, metric_fields),
};
static const cyaml_schema_value_t bom_format_entry = {
	CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum bom_format, bom_formats, ARRAY_LEN(bom_formats)),
};
static const cyaml_schema_field_t demand_fields[] = {
	CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct file_demand, kind, statement_kinds,
		ARRAY_LEN(statement_kinds)),
	TEXT(file_demand, name, 0),
	TEXT(file_demand, type, CYAML_FLAG_OPTIONAL),
	TEXT(file_demand, max_age, CYAML_FLAG_OPTIONAL),
	LIST(file_demand, keys, POLICY_KEYS_MAX),
	LIST(file_demand, builder, POLICY_LIST_MAX),
	LIST(file_demand, levels, POLICY_LIST_MAX),
	LIST(file_demand, covers, POLICY_LIST_MAX),
	CYAML_FIELD_SEQUENCE("metrics", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_demand, metrics, &metric_entry, 0, POLICY_LIST_MAX),
	CYAML_FIELD_BOOL_PTR(
		"passed", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_demand, passed),
	CYAML_FIELD_SEQUENCE("formats", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_demand, formats, &bom_format_entry, 1, ARRAY_LEN(bom_formats)),
	CYAML_FIELD_ENUM("models", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_demand,
		models, requirements, ARRAY_LEN(requirements)),
	CYAML_FIELD_ENUM("datasets", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_demand,
		datasets, requirements, ARRAY_LEN(requirements)),
	LIST(file_demand, licenses, POLICY_LICENSES_MAX),
	LIST(file_demand, licenses_forbidden, POLICY_LICENSES_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t demand_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_demand, demand_fields),
};

static const cyaml_schema_field_t attribute_fields[] = {
	TEXT(file_attribute, name, 0),
	CYAML_FIELD_SEQUENCE("values", CYAML_FLAG_POINTER, struct file_attribute, values,
		&text_entry, 1, POLICY_PLACES_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t attribute_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_attribute, attribute_fields),
};

#define SANDBOX(name, words)                                                                       \
	CYAML_FIELD_ENUM(#name, CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,                           \
		struct file_sandbox_demands, name, words, ARRAY_LEN(words))
static const cyaml_schema_field_t sandbox_fields[] = {
	SANDBOX(user, sandbox_users),
	SANDBOX(network, sandbox_networks),
	SANDBOX(capabilities, sandbox_capabilities),
	SANDBOX(filesystem, sandbox_filesystems),
	CYAML_FIELD_BOOL(
		"no_new_privs", CYAML_FLAG_OPTIONAL, struct file_sandbox_demands, no_new_privs),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t elevation_fields[] = {
	TEXT(file_elevation, name, 0),
	TEXT(file_elevation, entitlement, CYAML_FLAG_OPTIONAL),
	LIST(file_elevation, audiences, ELEVATION_AUDIENCES_MAX),
	TEXT(file_elevation, duration_max, 0),
	TEXT(file_elevation, unapproved_for, CYAML_FLAG_OPTIONAL),
	TEXT(file_elevation, cool_down, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_SEQUENCE("approvals", CYAML_FLAG_POINTER, struct file_elevation, approvals,
		&rule_entry, 1, POLICY_ROLES_MAX),
	CYAML_FIELD_INT_PTR("at_once", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_elevation, at_once),
	CYAML_FIELD_BOOL("by_instance", CYAML_FLAG_OPTIONAL, struct file_elevation, by_instance),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t elevation_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_elevation, elevation_fields),
};

static const cyaml_schema_field_t class_fields[] = {
	CYAML_FIELD_STRING_PTR("name", CYAML_FLAG_POINTER, struct file_class, name, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("approvals", CYAML_FLAG_POINTER, struct file_class, approvals,
		&rule_entry, 0, POLICY_ROLES_MAX),
	CYAML_FIELD_BOOL_PTR("differ_from_author", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, differ_from_author),
	CYAML_FIELD_STRING_PTR("approval_age_max", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, approval_age_max, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("credential_lifetime", CYAML_FLAG_POINTER, struct file_class,
		credential_lifetime, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("renew_after", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, renew_after, 1, TEXT_MAX),
	CYAML_FIELD_ENUM("minimum_assurance", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,
		struct file_class, minimum_assurance, assurances, ARRAY_LEN(assurances)),
	CYAML_FIELD_ENUM("key", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_class, key,
		protections, ARRAY_LEN(protections)),
	CYAML_FIELD_BOOL("pinned", CYAML_FLAG_OPTIONAL, struct file_class, pinned),
	CYAML_FIELD_BOOL("clock_safe", CYAML_FLAG_OPTIONAL, struct file_class, clock_safe),
	CYAML_FIELD_SEQUENCE("host_classes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, host_classes, &text_entry, 1, HOST_CLASSES_MAX),
	CYAML_FIELD_SEQUENCE("statements", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, statements, &demand_entry, 0, POLICY_DEMANDS_MAX),
	CYAML_FIELD_STRING_PTR("review_every", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, review_every, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("review_grace", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, review_grace, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("jurisdictions", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, jurisdictions, &text_entry, 1, POLICY_PLACES_MAX),
	CYAML_FIELD_SEQUENCE("third_party_jurisdictions", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, third_party_jurisdictions, &text_entry, 1, POLICY_PLACES_MAX),
	CYAML_FIELD_SEQUENCE("host_attributes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, host_attributes, &attribute_entry, 1, HOST_ATTRIBUTES_MAX),
	CYAML_FIELD_MAPPING_PTR("sandbox", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, sandbox, sandbox_fields),
	CYAML_FIELD_STRING_PTR("environment_key", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, environment_key, 1, PEM_TEXT_MAX),
	CYAML_FIELD_STRING_PTR("drain", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_class,
		drain, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("lease", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_class,
		lease, 1, TEXT_MAX),
	CYAML_FIELD_ENUM("after_lease", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_class,
		after_lease, after_leases, ARRAY_LEN(after_leases)),
	CYAML_FIELD_ENUM("on_lease_end", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_class,
		on_lease_end, end_actions, ARRAY_LEN(end_actions)),
	CYAML_FIELD_ENUM("on_refusal", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_class,
		on_refusal, end_actions, ARRAY_LEN(end_actions)),
	CYAML_FIELD_SEQUENCE("elevations", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_class, elevations, &elevation_entry, 0, ELEVATION_RULES_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t class_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_class, class_fields),
};

static const cyaml_schema_field_t reference_fields[] = {
	CYAML_FIELD_ENUM("kind", CYAML_FLAG_STRICT, struct file_reference, kind, reference_kinds,
		ARRAY_LEN(reference_kinds)),
	TEXT(file_reference, sha256, 0),
	TEXT(file_reference, until, CYAML_FLAG_OPTIONAL),
	TEXT(file_reference, key, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t reference_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_reference, reference_fields),
};

static const cyaml_schema_field_t command_line_fields[] = {
	LIST(file_command_line, allow, HOST_LIST_MAX),
	LIST(file_command_line, require, HOST_LIST_MAX),
	LIST(file_command_line, forbid, HOST_LIST_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t hostd_fields[] = {
	TEXT(file_hostd, path, 0),
	TEXT(file_hostd, sha256, 0),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t hostd_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_hostd, hostd_fields),
};

static const cyaml_schema_field_t ima_fields[] = {
	CYAML_FIELD_SEQUENCE("keys", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_ima,
		keys, &pem_entry, 0, HOST_LIST_MAX),
	CYAML_FIELD_SEQUENCE("hostd", CYAML_FLAG_POINTER, struct file_ima, hostd, &hostd_entry, 1,
		HOST_LIST_MAX),
	CYAML_FIELD_ENUM("lockdown", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_ima,
		lockdown, lockdown_rules, ARRAY_LEN(lockdown_rules)),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t pcr_entry = {
	CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t),
};
static const cyaml_schema_field_t host_class_fields[] = {
	TEXT(file_host_class, name, 0),
	CYAML_FIELD_ENUM("secure_boot", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,
		struct file_host_class, secure_boot, secure_boot_rules,
		ARRAY_LEN(secure_boot_rules)),
	LIST(file_host_class, authorities, HOST_LIST_MAX),
	CYAML_FIELD_SEQUENCE("references", CYAML_FLAG_POINTER, struct file_host_class, references,
		&reference_entry, 1, HOST_REFERENCES_MAX),
	CYAML_FIELD_SEQUENCE("may_vary", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_host_class, may_vary, &pcr_entry, 0, TPM_PCRS),
	CYAML_FIELD_UINT("dbx_minimum", CYAML_FLAG_OPTIONAL, struct file_host_class, dbx_minimum),
	CYAML_FIELD_MAPPING_PTR("command_line", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_host_class, command_line, command_line_fields),
	CYAML_FIELD_MAPPING_PTR("ima", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_host_class, ima, ima_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t host_class_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_host_class, host_class_fields),
};

static const cyaml_strval_t retention_types[] = {
	{"issued", 0},
	{"enrolment", 1},
	{"host-state", 2},
	{"release", 3},
	{"approval", 4},
	{"policy", 5},
	{"workload", 6},
	{"key", 7},
	{"instance-end", 8},
	{"rollout", 9},
	{"elevation", 10},
	{"incident", 11},
	{"instance-state", 12},
	{"webhook", 13},
};
static_assert(ARRAY_LEN(retention_types) == RETENTION_ENTRY_KINDS, "as retention_entries");
#define KEEP(type, key, kind)                                                                      \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct type,         \
		keep[kind], 1, TEXT_MAX)
#define KEEPS(type)                                                                                \
	KEEP(type, "launch", RETENTION_LAUNCH), KEEP(type, "renew", RETENTION_RENEW),              \
		KEEP(type, "refused", RETENTION_REFUSED)
static const cyaml_schema_field_t retention_entry_fields[] = {
	CYAML_FIELD_ENUM("type", CYAML_FLAG_STRICT, struct file_retention_entry, type,
		retention_types, ARRAY_LEN(retention_types)),
	TEXT(file_retention_entry, keep, 0),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t retention_entry_value = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_DEFAULT, struct file_retention_entry, retention_entry_fields),
};
static const cyaml_schema_field_t retention_class_fields[] = {
	TEXT(file_retention_class, name, 0),
	KEEPS(file_retention_class),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t retention_class_value = {
	CYAML_VALUE_MAPPING(
		CYAML_FLAG_DEFAULT, struct file_retention_class, retention_class_fields),
};
static const cyaml_schema_field_t retention_fields[] = {
	KEEPS(file_retention),
	CYAML_FIELD_SEQUENCE("entries", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_retention, entries, &retention_entry_value, 0, RETENTION_ENTRY_KINDS),
	CYAML_FIELD_SEQUENCE("risk_classes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_retention, risk_classes, &retention_class_value, 0, POLICY_CLASSES_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t policy_fields[] = {
	CYAML_FIELD_INT("policy", CYAML_FLAG_DEFAULT, struct file_policy, policy),
	CYAML_FIELD_INT("version", CYAML_FLAG_DEFAULT, struct file_policy, version),
	CYAML_FIELD_STRING_PTR(
		"trust_domain", CYAML_FLAG_POINTER, struct file_policy, trust_domain, 1, TEXT_MAX),
	CYAML_FIELD_SEQUENCE("ek_roots", CYAML_FLAG_POINTER, struct file_policy, ek_roots,
		&pem_entry, 0, POLICY_ROOTS_MAX),
	CYAML_FIELD_SEQUENCE("ek_intermediates", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, ek_intermediates, &pem_entry, 0, POLICY_ROOTS_MAX),
	CYAML_FIELD_SEQUENCE("ek_revocation", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, ek_revocation, &pem_entry, 0, POLICY_CRLS_MAX),
	CYAML_FIELD_SEQUENCE("ek_distrusted", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, ek_distrusted, &distrusted_entry, 0, POLICY_DISTRUSTED_MAX),
	CYAML_FIELD_SEQUENCE("release_keys", CYAML_FLAG_POINTER, struct file_policy, release_keys,
		&pem_entry, 1, POLICY_KEYS_MAX),
	CYAML_FIELD_SEQUENCE("statement_keys", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, statement_keys, &statement_key_entry, 0, POLICY_KEYS_MAX),
	CYAML_FIELD_SEQUENCE("statement_identities", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, statement_identities, &identity_entry, 0, POLICY_KEYS_MAX),
	CYAML_FIELD_SEQUENCE("transparency_logs", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, transparency_logs, &pem_entry, 0, POLICY_LOGS_MAX),
	CYAML_FIELD_SEQUENCE("timestamp_authorities", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, timestamp_authorities, &pem_entry, 0, POLICY_AUTHORITIES_MAX),
	CYAML_FIELD_SEQUENCE("approvers", CYAML_FLAG_POINTER, struct file_policy, approvers,
		&approver_entry, 0, POLICY_KEYS_MAX),
	CYAML_FIELD_SEQUENCE("risk_classes", CYAML_FLAG_POINTER, struct file_policy, risk_classes,
		&class_entry, 1, POLICY_CLASSES_MAX),
	CYAML_FIELD_SEQUENCE("host_classes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, host_classes, &host_class_entry, 0, HOST_CLASSES_MAX),
	CYAML_FIELD_ENUM("pcr_bank", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_policy,
		pcr_bank, banks, ARRAY_LEN(banks)),
	CYAML_FIELD_UINT_PTR("runtime_pcr", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, runtime_pcr),
	CYAML_FIELD_SEQUENCE("ek_templates", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, ek_templates, &template_entry, 1, ARRAY_LEN(templates)),
	CYAML_FIELD_BOOL(
		"ek_ignore_expiry", CYAML_FLAG_OPTIONAL, struct file_policy, ek_ignore_expiry),
	CYAML_FIELD_BOOL("ek_ignore_stale_revocation", CYAML_FLAG_OPTIONAL, struct file_policy,
		ek_ignore_stale_revocation),
	CYAML_FIELD_UINT("tpm_firmware_minimum", CYAML_FLAG_OPTIONAL, struct file_policy,
		tpm_firmware_minimum),
	CYAML_FIELD_STRING_PTR("challenge_lifetime", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, challenge_lifetime, 1, TEXT_MAX),
	CYAML_FIELD_MAPPING_PTR("retention", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_policy, retention, retention_fields),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t policy_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_policy, policy_fields),
};

bool policy_file_load(
	struct bytes yaml, const char *name, struct file_policy **ret, struct err *err)
{
	void *data = NULL;

	if (yaml.len > POLICY_TEXT_MAX)
		return err_set(err, ERR_LIMIT, "%s: %zu bytes: more than %u", name, yaml.len,
			POLICY_TEXT_MAX);
	if (!yaml_load(yaml, name, &policy_schema, &data, err))
		return false;
	*ret = data;
	return true;
}

bool policy_file_wrap(
	struct err *err, const struct file_policy *file, struct bytes yaml, const char *name)
{
	return yaml_wrap(err, yaml, name, &policy_schema, file);
}

void policy_file_free(struct file_policy **file)
{
	if (*file)
		yaml_free(&policy_schema, *file, 0);
	*file = NULL;
}
