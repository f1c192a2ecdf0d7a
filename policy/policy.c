/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file's top: what is said once for all, and the life of struct policy. */
#include "policy/policy.h"

#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/policy_file.h"
#include "policy/statement_memo.h"

#define POLICY_FORMAT              1
#define RUNTIME_PCR_DEFAULT        15u
#define RUNTIME_PCR_LAST           15u
#define CHALLENGE_LIFETIME_DEFAULT 120
#define CHALLENGE_LIFETIME_MAX     3600

static const char *const assurance_names[] = {
	[ASSURANCE_NONE] = "none",
	[ASSURANCE_REPORTED] = "reported",
	[ASSURANCE_BOOTED] = "booted",
	[ASSURANCE_MEASURED] = "measured",
};

static const enum ek_template default_templates[] = {
	EK_TEMPLATE_L1,
	EK_TEMPLATE_L2,
	EK_TEMPLATE_H1,
	EK_TEMPLATE_H2,
	EK_TEMPLATE_H3,
	EK_TEMPLATE_H6,
};

const char *assurance_name(enum assurance assurance)
{
	return (unsigned)assurance < ARRAY_LEN(assurance_names) ? assurance_names[assurance]
								: "unknown";
}

bool policy_text_ok(const char *text, size_t max)
{
	struct bytes in = bytes_str(text);

	if (in.len == 0 || in.len > max || !utf8_valid(in))
		return false;
	for (size_t i = 0; i < in.len; i++)
		if (in.data[i] < 0x20 || in.data[i] == 0x7f)
			return false;
	return true;
}

void *policy_alloc(size_t n, size_t size, struct err *err)
{
	void *memory = calloc(n ? n : 1, size);

	if (!memory)
		(void)err_set(err, ERR_NOMEM, "no memory");
	return memory;
}

/* SPIFFE ID, section 2.1: lower-case letters, digits, dots, dashes, underscores; at most 255 bytes.
 */
static bool trust_domain_ok(const char *text)
{
	size_t len = strlen(text);

	return len > 0 && len <= 255 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.-_") == len;
}

static bool build_templates(struct policy *policy, const struct file_policy *file, struct err *err)
{
	const enum ek_template *from = file->ek_templates;
	size_t n = file->ek_templates_count;

	if (n == 0) {
		from = default_templates;
		n = ARRAY_LEN(default_templates);
	}
	policy->ek_templates = policy_alloc(n, sizeof(*from), err);
	if (!policy->ek_templates)
		return false;
	memcpy(policy->ek_templates, from, n * sizeof(*from));
	policy->ek_template_count = n;
	return true;
}

static bool build_general(struct policy *policy, const struct file_policy *file, struct err *err)
{
	if (file->policy != POLICY_FORMAT)
		return policy_fault(err, &file->policy, "policy: format %d: this program knows %d",
			file->policy, POLICY_FORMAT);
	if (file->version < 1)
		return policy_fault(err, &file->version, "version: must be 1 or more");
	if (!trust_domain_ok(file->trust_domain))
		return policy_fault(err, &file->trust_domain,
			"trust_domain: %s: use lower-case letters, digits, dots, dashes, "
			"underscores",
			ESC(bytes_str(file->trust_domain)));
	policy->version = file->version;
	policy->trust_domain = bytes_strdup(bytes_str(file->trust_domain));
	if (!policy->trust_domain)
		return err_set(err, ERR_NOMEM, "no memory");
	policy->bank = file->pcr_bank ? file->pcr_bank : DIGEST_SHA256;
	policy->runtime_pcr = file->runtime_pcr ? *file->runtime_pcr : RUNTIME_PCR_DEFAULT;
	if (policy->runtime_pcr > RUNTIME_PCR_LAST)
		return policy_fault(err, &file->runtime_pcr,
			"runtime_pcr: %u: must be 0 to %u (16 and 23 can be reset by anyone)",
			policy->runtime_pcr, RUNTIME_PCR_LAST);
	policy->ek_ignore_expiry = file->ek_ignore_expiry;
	policy->tpm_firmware_minimum = file->tpm_firmware_minimum;
	policy->challenge_lifetime = CHALLENGE_LIFETIME_DEFAULT;
	if (file->challenge_lifetime &&
		!time_parse_duration(bytes_str(file->challenge_lifetime), CHALLENGE_LIFETIME_MAX,
			&policy->challenge_lifetime, err))
		return policy_wrap(err, &file->challenge_lifetime, "challenge_lifetime");
	if (policy->challenge_lifetime < 1)
		return policy_fault(
			err, &file->challenge_lifetime, "challenge_lifetime: must be 1 s or more");
	return build_templates(policy, file, err);
}

static bool build(struct policy *policy, const struct file_policy *file, struct err *err)
{
	return build_general(policy, file, err) && policy_build_anchors(policy, file, err) &&
	       policy_build_revocation(policy, file, err) &&
	       policy_build_statement_keys(policy, file, err) &&
	       policy_build_logs(policy, file, err) &&
	       policy_build_authorities(policy, file, err) &&
	       policy_build_identities(policy, file, err) &&
	       policy_build_approvers(policy, file, err) && policy_build_hosts(policy, file, err) &&
	       policy_build_classes(policy, file, err) && policy_build_retention(policy, file, err);
}

bool policy_parse(struct bytes yaml, const char *name, struct policy **ret, struct err *err)
{
	OWNED(policy_file_free) struct file_policy *file = NULL;
	OWNED(policy_free) struct policy *policy = NULL;

	if (!policy_file_load(yaml, name, &file, err))
		return false;
	policy = policy_alloc(1, sizeof(*policy), err);
	if (!policy)
		return false;
	if (!sha256_of(yaml, policy->digest, err))
		return false;
	if (!build(policy, file, err)) {
		/* Whatever is wrong with an entry is wrong with the file: that is what a person has
		 * to change; but for what is wrong with us. */
		if (err && err->code != ERR_NOMEM && err->code != ERR_INTERNAL)
			err->code = ERR_CONFIG;
		return policy_file_wrap(err, file, yaml, name);
	}
	*ret = TAKE(policy);
	return true;
}

static void approver_release(struct policy_approver *approver)
{
	free(approver->person);
	for (size_t i = 0; i < approver->role_count; i++)
		free(approver->roles[i]);
	for (size_t i = 0; i < approver->key_count; i++)
		key_unref(&approver->keys[i]);
}

static void class_release(struct policy_class *class)
{
	free(class->name);
	policy_rules_release(class->approvals, class->approval_count);
	policy_elevations_release(class);
	policy_demands_release(class);
	policy_placement_release(class);
	key_unref(&class->environment_key);
	free(class->hosts);
}

void policy_free(struct policy **policy)
{
	struct policy *p = *policy;

	if (!p)
		return;
	statement_memo_free(atomic_load(&p->memo));
	free(p->trust_domain);
	for (size_t i = 0; i < p->root_count; i++) {
		free(p->roots[i].name);
		cert_unref(&p->roots[i].cert);
	}
	free(p->roots);
	for (size_t i = 0; i < p->intermediate_count; i++)
		cert_unref(&p->intermediates[i]);
	free(p->intermediates);
	for (size_t i = 0; i < p->release_key_count; i++) {
		free(p->release_keys[i].name);
		key_unref(&p->release_keys[i].key);
	}
	free(p->release_keys);
	policy_statement_keys_release(p);
	policy_logs_release(p);
	policy_retention_release(p);
	for (size_t i = 0; i < p->approver_count; i++)
		approver_release(&p->approvers[i]);
	free(p->approvers);
	for (size_t i = 0; i < p->class_count; i++)
		class_release(&p->classes[i]);
	free(p->classes);
	for (size_t i = 0; i < p->host_class_count; i++)
		policy_host_class_release(&p->host_classes[i]);
	free(p->host_classes);
	free(p->ek_templates);
	crls_free(&p->ek_crls);
	for (size_t i = 0; i < p->ek_distrusted_count; i++)
		free(p->ek_distrusted[i].reason);
	free(p->ek_distrusted);
	free(p);
	*policy = NULL;
}

const struct policy_class *policy_class_find(const struct policy *policy, struct bytes name)
{
	for (size_t i = 0; i < policy->class_count; i++)
		if (bytes_equal_str(name, policy->classes[i].name))
			return &policy->classes[i];
	return NULL;
}
