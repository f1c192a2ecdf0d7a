/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file as libcyaml loads it: text and numbers, not yet judged. Private to policy/. */
#ifndef ASSAY_POLICY_POLICY_FILE_H
#define ASSAY_POLICY_POLICY_FILE_H

#include "base/json.h"
#include "policy/policy.h"

struct file_pem { /* a root, an intermediate, a revocation list, a release key */
	char *name, *pem;
};
struct file_distrusted {
	char *sha256, *reason;
};
struct file_approver {
	char *person;
	char **roles;
	unsigned roles_count;
	char **keys;
	unsigned keys_count;
};
struct file_rule {
	char *role;
	int count;
};
struct file_statement_key {
	char *name, *pem;
	enum predicate_kind *kinds;
	unsigned kinds_count;
};
enum identity_log { IDENTITY_LOG_REQUIRED = 0, IDENTITY_LOG_OPTIONAL };
struct file_identity {
	char *name, *roots, *intermediates, *identity, *identity_prefix, *issuer;
	char *extensions[IDENTITY_EXTENSIONS];
	enum identity_log log;
	enum predicate_kind *kinds;
	unsigned kinds_count;
};
struct file_metric {
	char *name, *min, *max;
};
struct file_demand {
	enum predicate_kind kind;
	char *name, *type, *max_age;
	char **keys, **builder, **levels, **covers;
	unsigned keys_count, builder_count, levels_count, covers_count;
	struct file_metric *metrics;
	unsigned metrics_count;
	bool *passed; /* NULL: not given, so true */
	enum bom_format *formats;
	char **licenses, **licenses_forbidden;
	unsigned formats_count, licenses_count, licenses_forbidden_count;
	bool models, datasets;
};
struct file_attribute {
	char *name;
	char **values;
	unsigned values_count;
};
enum file_sandbox { SANDBOX_ABSENT = 0, SANDBOX_DEMANDED };
struct file_sandbox_demands {
	enum file_sandbox user, network, capabilities, filesystem;
	bool no_new_privs;
};
struct file_elevation {
	char *name, *entitlement;
	char **audiences;
	unsigned audiences_count;
	char *duration_max, *unapproved_for, *cool_down;
	struct file_rule *approvals;
	unsigned approvals_count;
	int *at_once; /* NULL: not given, so 1 */
	bool by_instance;
};
struct file_class {
	char *name;
	struct file_rule *approvals;
	unsigned approvals_count;
	bool *differ_from_author; /* NULL: not given, so true */
	char *approval_age_max, *credential_lifetime, *renew_after;
	enum assurance minimum_assurance;
	enum key_protection key;
	bool pinned, clock_safe;
	char **host_classes;
	unsigned host_classes_count;
	struct file_demand *statements;
	unsigned statements_count;
	char *review_every, *review_grace;
	char **jurisdictions, **third_party_jurisdictions;
	unsigned jurisdictions_count, third_party_jurisdictions_count;
	struct file_attribute *host_attributes;
	unsigned host_attributes_count;
	struct file_sandbox_demands *sandbox; /* NULL: not judged */
	char *environment_key; /* NULL: not judged */
	char *drain, *lease;
	enum after_lease after_lease;
	enum end_action on_lease_end, on_refusal;
	struct file_elevation *elevations;
	unsigned elevations_count;
};
struct file_reference {
	enum reference_kind kind;
	char *sha256, *until, *key;
};
struct file_command_line {
	char **allow, **require, **forbid;
	unsigned allow_count, require_count, forbid_count;
};
struct file_hostd {
	char *path, *sha256;
};
struct file_ima {
	struct file_pem *keys;
	struct file_hostd *hostd;
	enum lockdown_rule lockdown;
	unsigned keys_count, hostd_count;
};
struct file_host_class {
	char *name;
	enum secure_boot_rule secure_boot;
	char **authorities;
	unsigned authorities_count;
	struct file_reference *references;
	unsigned references_count;
	uint32_t *may_vary;
	unsigned may_vary_count;
	uint64_t dbx_minimum;
	struct file_command_line *command_line; /* NULL: not judged */
	struct file_ima *ima; /* NULL: not judged */
};
/* Times by enum retention_kind; NULL: not said. */
struct file_retention_class {
	char *name;
	char *keep[RETENTION_KINDS];
};
struct file_retention_entry {
	unsigned type; /* index into retention_entries */
	char *keep;
};
struct file_retention {
	char *keep[RETENTION_KINDS];
	struct file_retention_entry *entries;
	struct file_retention_class *risk_classes;
	unsigned entries_count, risk_classes_count;
};
struct file_policy {
	int policy;
	int64_t version;
	char *trust_domain;
	struct file_pem *ek_roots, *ek_intermediates, *ek_revocation, *release_keys;
	unsigned ek_roots_count, ek_intermediates_count, ek_revocation_count, release_keys_count;
	struct file_distrusted *ek_distrusted;
	unsigned ek_distrusted_count;
	struct file_statement_key *statement_keys;
	unsigned statement_keys_count;
	struct file_identity *statement_identities;
	struct file_pem *transparency_logs, *timestamp_authorities;
	unsigned statement_identities_count, transparency_logs_count, timestamp_authorities_count;
	struct file_approver *approvers;
	unsigned approvers_count;
	struct file_class *risk_classes;
	unsigned risk_classes_count;
	struct file_host_class *host_classes;
	unsigned host_classes_count;
	enum digest_alg pcr_bank;
	uint32_t *runtime_pcr; /* NULL: not given; 0 would be a PCR */
	enum ek_template *ek_templates;
	unsigned ek_templates_count;
	bool ek_ignore_expiry, ek_ignore_stale_revocation;
	uint64_t tpm_firmware_minimum;
	char *challenge_lifetime;
	struct file_retention *retention; /* NULL: all is kept for ever */
};

must_use bool policy_file_load(
	struct bytes yaml, const char *name, struct file_policy **ret, struct err *err);
void policy_file_free(struct file_policy **file);

/* Puts the file's name in front of an error, with line and column where the error says its place
 * in `file`. Is false. */
bool policy_file_wrap(
	struct err *err, const struct file_policy *file, struct bytes yaml, const char *name);

/* What is wrong with the policy: the text, and the address of the loaded value that it is about. Is
 * false. Of a value that is absent: its place in the structure, and the mapping around it is shown. */
#define policy_fault(err, place, ...)                                                              \
	({                                                                                         \
		err_put_set((err), ERR_CONFIG, __VA_ARGS__);                                       \
		err_put_place((err), (place));                                                     \
		false;                                                                             \
	})
/* The same around an error that came from elsewhere, or from further in: that one's place stays. */
#define policy_wrap(err, place, ...)                                                               \
	({                                                                                         \
		err_put_wrap((err), __VA_ARGS__);                                                  \
		err_put_place((err), (place));                                                     \
		false;                                                                             \
	})
/* As text_is_name, and as policy_text_ok judge them. */
#define NOT_A_NAME "not a name (1 to 64 of a-z 0-9 . _ -)"
#define NOT_A_LINE "not a name (a line of 1 to 128 bytes)"

/* Judges keys, roots and persons; errors name the entry ("approvers: alice: …") and its place. */
must_use bool policy_build_anchors(
	struct policy *policy, const struct file_policy *file, struct err *err);
must_use bool policy_build_revocation(
	struct policy *policy, const struct file_policy *file, struct err *err);
must_use bool policy_build_approvers(
	struct policy *policy, const struct file_policy *file, struct err *err);
/* Judges the keys of statements. */
must_use bool policy_build_statement_keys(
	struct policy *policy, const struct file_policy *file, struct err *err);
/* Name and kinds of one of the policy's statement_keys, behind which nothing has been built. */
must_use bool policy_statement_signer(const struct policy *policy, char *const *name,
	const enum predicate_kind *kinds, unsigned kind_count, struct policy_statement_key *to,
	struct err *err);
/* Judges the logs and authorities, then the identities, which follow the keys in statement_keys. */
must_use bool policy_build_logs(
	struct policy *policy, const struct file_policy *file, struct err *err);
must_use bool policy_build_authorities(
	struct policy *policy, const struct file_policy *file, struct err *err);
must_use bool policy_build_identities(
	struct policy *policy, const struct file_policy *file, struct err *err);
void policy_identity_free(struct policy_identity **identity);
void policy_logs_release(struct policy *policy);
/* Judges what one class demands; the keys must have been built. */
must_use bool policy_build_demands(const struct policy *policy, struct policy_class *to,
	const struct file_class *from, struct err *err);
/* Texts of a list, each once, copied; the caller owns them even after a failure. */
must_use bool policy_text_list(char **from, unsigned count, const char *key, char ***ret,
	size_t *ret_count, struct err *err);
void policy_text_list_release(char **list, size_t count);
/* The part of a demand that is of BOMs. */
must_use bool policy_build_bom(
	const struct file_demand *from, struct policy_bom *to, struct err *err);
void policy_bom_release(struct policy_bom *bom);
/* Adds what is asked of BOMs to a demand of the clause, if anything is; false: no memory. */
must_use bool policy_clause_bom(json_t *demand, const struct policy_bom *bom);
/* NULL: no memory. */
json_t *policy_clause_texts(char *const *texts, size_t count);
/* The demands as the clause has them; NULL: no memory. */
json_t *policy_clause_demands(const struct policy *policy, const struct policy_class *class);
/* policy_placement.c: where a class lets its agents run, and how confined. */
must_use bool policy_build_placement(
	struct policy_class *to, const struct file_class *from, struct err *err);
/* Adds what the class asks for to its clause; what it does not ask for leaves the clause alone. */
must_use bool policy_clause_placement(json_t *clause, const struct policy_class *class);
void policy_placement_release(struct policy_class *class);
/* policy_environment.c: whom the values of agents' environments are kept for. */
must_use bool policy_build_environment(
	struct policy_class *to, const struct file_class *from, struct err *err);
must_use bool policy_clause_environment(json_t *clause, const struct policy_class *class);
/* policy_elevations.c: what a class lends; the approvers must have been built. */
must_use bool policy_build_elevations(const struct policy *policy, struct policy_class *to,
	const struct file_class *from, struct err *err);
void policy_elevations_release(struct policy_class *class);
/* policy_classes.c: roles and counts that the policy's approvers can meet, sorted by role. What was
 * built belongs to the caller, also after a failure. */
must_use bool policy_build_rules(const struct policy *policy, const struct file_rule *from,
	unsigned count, struct policy_approval_rule **ret, size_t *ret_count, struct err *err);
void policy_rules_release(struct policy_approval_rule *rules, size_t count);
/* Rules as a clause has them; NULL: no memory. */
json_t *policy_clause_rules(const struct policy_approval_rule *rules, size_t count);
/* What a sandbox demand is called: "network" and "none". */
struct sandbox_name {
	unsigned bit;
	const char *key, *wanted, *otherwise;
};
#define SANDBOX_NAMES 5u
extern const struct sandbox_name policy_sandbox_names[SANDBOX_NAMES];
void policy_statement_keys_release(struct policy *policy);
void policy_demands_release(struct policy_class *class);
/* Judges the host classes; their references are attached later. */
must_use bool policy_build_hosts(
	struct policy *policy, const struct file_policy *file, struct err *err);
void policy_host_class_release(struct host_class *class);
/* references.c: frees what was attached, whole or half of it. */
void policy_reference_detach(struct host_reference *reference);
/* Judges how long content is kept; the risk classes must have been built. */
must_use bool policy_build_retention(
	struct policy *policy, const struct file_policy *file, struct err *err);
void policy_retention_release(struct policy *policy);
/* Judges the risk classes; the approvers and host classes must have been built. */
must_use bool policy_build_classes(
	struct policy *policy, const struct file_policy *file, struct err *err);

/* A public key in PEM; a private one would be a leak that nobody notices, and is refused. */
must_use bool policy_public_key(const char *pem, struct key **ret, struct err *err);
/* 1..max bytes of UTF-8 without control characters. */
bool policy_text_ok(const char *text, size_t max);
/* Globs over command lines and their words, where '/' is a byte like any other: "init=*" matches
 * "init=/bin/sh". */
must_use bool line_glob_check(struct bytes pattern, struct err *err);
bool line_glob_match(const char *pattern, struct bytes text);
/* calloc for n elements, at least one; ERR_NOMEM. */
void *policy_alloc(size_t n, size_t size, struct err *err);

#endif
