/* SPDX-License-Identifier: Apache-2.0 */
/* The policy file's host classes: what is said about a machine's boot, and how far a class that
 * leaves something open can vouch for it. */
#include <stdlib.h>

#include "base/text.h"
#include "base/time.h"
#include "firmware/glob.h"
#include "policy/policy_file.h"

#define NAME_TEXT_MAX 128u
#define PATH_TEXT_MAX 4096u
#define VARY_LAST     14u /* PCRs that a class may leave open: 0-9 and 11-14 */

/* What no rule but a reference can vouch for: firmware and its configuration of Secure Boot (0, 2,
 * 7), kernel and initramfs as loaded by GRUB or as sections of a UKI (9, 11), system extensions that
 * are laid over the initramfs (13). */
#define ONLY_BY_REFERENCE (1u << 0 | 1u << 2 | 1u << 7 | 1u << 9 | 1u << 11 | EXTENSIONS)
#define EXTENSIONS        (1u << 13)
#define BOOT_IMAGES       (1u << 4)

static bool copy_text(char *const *from, size_t max, char **ret, struct err *err)
{
	if (!policy_text_ok(*from, max))
		return policy_fault(err, from, "%s: empty, too long or with control characters",
			ESC(bytes_str(*from)));
	*ret = bytes_strdup(bytes_str(*from));
	return *ret || err_set(err, ERR_NOMEM, "no memory");
}

/* A list of the file; `check` judges each text. */
static bool copy_list(char **from, unsigned n, bool (*check)(struct bytes text, struct err *err),
	char **to, size_t *ret_count, struct err *err)
{
	for (unsigned i = 0; i < n; i++) {
		if (!copy_text(&from[i], PATH_TEXT_MAX, &to[i], err))
			return false;
		*ret_count = i + 1;
		if (check && !check(bytes_str(to[i]), err))
			return policy_wrap(err, &from[i], "%s", ESC(bytes_str(to[i])));
	}
	return true;
}

static bool word_check(struct bytes text, struct err *err)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == ' ')
			return err_set(err, ERR_CONFIG, "one word at a time");
	return true;
}

static bool build_authorities(
	struct host_class *to, const struct file_host_class *from, struct err *err)
{
	for (unsigned i = 0; i < from->authorities_count; i++) {
		if (!hex_decode_exact(
			    bytes_str(from->authorities[i]), to->authorities[i], SHA256_LEN, err))
			return policy_wrap(err, &from->authorities[i],
				"authorities: SHA-256 of a certificate");
		to->authority_count = i + 1;
	}
	return true;
}

static bool build_reference(
	struct host_reference *to, const struct file_reference *from, struct err *err)
{
	to->kind = from->kind;
	if (!hex_decode_exact(bytes_str(from->sha256), to->digest, SHA256_LEN, err))
		return policy_wrap(err, &from->sha256, "sha256");
	if (from->until && !time_parse(bytes_str(from->until), &to->until, err))
		return policy_wrap(err, &from->until, "until");
	if (from->until && to->until <= 0)
		return policy_fault(err, &from->until, "until: %s: before 1970", from->until);
	if (!from->key)
		return true;
	if (from->kind != REFERENCE_CORIM)
		return policy_fault(err, &from->key, "key: only a CoRIM is signed");
	return policy_public_key(from->key, &to->key, err) || policy_wrap(err, &from->key, "key");
}

static bool build_references(
	struct host_class *to, const struct file_host_class *from, struct err *err)
{
	bool boot = false;

	for (unsigned i = 0; i < from->references_count; i++) {
		to->reference_count = i + 1;
		if (!build_reference(&to->references[i], &from->references[i], err))
			return policy_wrap(err, &from->references[i], "references: %u", i + 1);
		boot = boot || from->references[i].kind != REFERENCE_IMA_RULES;
		for (unsigned k = 0; k < i; k++)
			if (memcmp(to->references[k].digest, to->references[i].digest,
				    SHA256_LEN) == 0)
				return policy_fault(err, &from->references[i].sha256,
					"references: %s: given twice", from->references[i].sha256);
	}
	return boot || policy_fault(err, &from->references,
			       "references: name a golden-log, a baseline or a corim: nothing else "
			       "says what the firmware should be");
}

static bool build_vary(struct host_class *to, const struct file_host_class *from, struct err *err)
{
	for (unsigned i = 0; i < from->may_vary_count; i++) {
		if (from->may_vary[i] > VARY_LAST || from->may_vary[i] == IMA_PCR)
			return policy_fault(err, &from->may_vary[i],
				"may_vary: PCR %u: 0 to 9 and 11 to 14 can be left open",
				from->may_vary[i]);
		to->may_vary |= 1u << from->may_vary[i];
	}
	return true;
}

static bool build_command_line(
	struct host_command_line *to, const struct file_command_line *from, struct err *err)
{
	if (!from)
		return true;
	if (!copy_list(from->allow, from->allow_count, line_glob_check, to->allow, &to->allow_count,
		    err))
		return policy_wrap(err, &from->allow, "command_line: allow");
	if (!copy_list(from->require, from->require_count, word_check, to->require,
		    &to->require_count, err))
		return policy_wrap(err, &from->require, "command_line: require");
	return copy_list(from->forbid, from->forbid_count, line_glob_check, to->forbid,
		       &to->forbid_count, err) ||
	       policy_wrap(err, &from->forbid, "command_line: forbid");
}

/* As a certificate, whose key identifier then names the key, or as a bare public key. */
static bool ima_key_pem(const char *pem, struct ima_key *to, struct err *err)
{
	OWNED(cert_unref) struct cert *cert = NULL;
	size_t n = 0;

	if (!strstr(pem, "-----BEGIN CERTIFICATE-----"))
		return policy_public_key(pem, &to->key, err) &&
		       ima_keyid_of(to->key, NULL, &to->keyid, err);
	if (!certs_from_bytes(bytes_str(pem), 1, &cert, &n, err))
		return false;
	if (n != 1)
		return err_set(err, ERR_CONFIG, "no certificate in it");
	return cert_key(cert, &to->key, err) && ima_keyid_of(to->key, cert, &to->keyid, err);
}

static bool build_ima_keys(struct host_ima *to, const struct file_ima *from, struct err *err)
{
	for (unsigned i = 0; i < from->keys_count; i++) {
		struct ima_key *key = &to->keys[i];
		char *name = NULL;

		if (!copy_text(&from->keys[i].name, NAME_TEXT_MAX, &name, err))
			return err_wrap(err, "keys");
		key->name = name;
		to->key_count = i + 1;
		if (!ima_key_pem(from->keys[i].pem, key, err))
			return policy_wrap(err, &from->keys[i].pem, "keys: %s", key->name);
		for (unsigned k = 0; k < i; k++)
			if (strcmp(to->keys[k].name, key->name) == 0 ||
				key_equal(to->keys[k].key, key->key))
				return policy_fault(err, &from->keys[i],
					"keys: %s: name or key given twice", key->name);
	}
	return true;
}

static bool build_hostd(struct host_ima *to, const struct file_ima *from, struct err *err)
{
	for (unsigned i = 0; i < from->hostd_count; i++) {
		char *path = NULL;

		if (!copy_text(&from->hostd[i].path, PATH_TEXT_MAX, &path, err))
			return err_wrap(err, "hostd: path");
		to->hostd[i].path = bytes_str(path);
		to->hostd_count = i + 1;
		if (path[0] != '/')
			return policy_fault(
				err, &from->hostd[i].path, "hostd: path: %s: not absolute", path);
		if (!hex_decode_exact(
			    bytes_str(from->hostd[i].sha256), to->hostd[i].digest, SHA256_LEN, err))
			return policy_wrap(err, &from->hostd[i].sha256, "hostd: sha256");
	}
	return true;
}

static bool has_reference(const struct host_class *class, enum reference_kind kind)
{
	for (size_t i = 0; i < class->reference_count; i++)
		if (class->references[i].kind == kind)
			return true;
	return false;
}

static bool build_ima(struct host_class *class, const struct file_host_class *file, struct err *err)
{
	const struct file_ima *from = file->ima;
	struct host_ima *to = &class->ima;
	bool rules = has_reference(class, REFERENCE_IMA_RULES);

	if (!from)
		return !rules || policy_fault(err, &file->references,
					 "references: ima-rules: nothing judges IMA: add ima:");
	if (!rules)
		return policy_fault(err, &file->ima, "ima: no reference of kind ima-rules");
	to->judged = true;
	to->lockdown = from->lockdown;
	return (build_ima_keys(to, from, err) && build_hostd(to, from, err)) ||
	       err_wrap(err, "ima");
}

/* A PCR that is left open can still be vouched for: boot images by who verified them, command lines
 * by rules. What is then open caps the level. */
static enum assurance ceiling(const struct host_class *class, uint32_t runtime_pcr)
{
	/* The runtime log starts from zero: nothing was measured there, and no reference was asked
	 * whether something should have been. Of extensions, none is what is wanted. */
	uint32_t open = class->may_vary | (1u << runtime_pcr & ~EXTENSIONS);

	if (class->authority_count > 0 && class->secure_boot == SECURE_BOOT_REQUIRED)
		open &= ~BOOT_IMAGES;
	if (class->command_line.allow_count > 0)
		open &= ~COMMAND_LINE_PCRS;
	if (open & (ONLY_BY_REFERENCE | BOOT_IMAGES | COMMAND_LINE_PCRS))
		return ASSURANCE_REPORTED;
	if (!class->ima.judged || class->ima.lockdown == LOCKDOWN_NONE)
		return ASSURANCE_BOOTED;
	if (class->ima.lockdown == LOCKDOWN_SECURE_BOOT &&
		class->secure_boot != SECURE_BOOT_REQUIRED)
		return ASSURANCE_BOOTED;
	return ASSURANCE_MEASURED;
}

static bool build_host_class(struct host_class *to, const struct file_host_class *from,
	uint32_t runtime_pcr, struct err *err)
{
	to->secure_boot = from->secure_boot;
	to->dbx_minimum = from->dbx_minimum;
	if (!build_authorities(to, from, err) || !build_references(to, from, err) ||
		!build_vary(to, from, err) ||
		!build_command_line(&to->command_line, from->command_line, err) ||
		!build_ima(to, from, err))
		return false;
	if (to->authority_count > 0 && to->secure_boot != SECURE_BOOT_REQUIRED)
		return policy_fault(err, &from->authorities,
			"authorities: mean something only with secure_boot: required");
	to->ceiling = ceiling(to, runtime_pcr);
	return true;
}

bool policy_build_hosts(struct policy *policy, const struct file_policy *file, struct err *err)
{
	policy->host_classes =
		policy_alloc(file->host_classes_count, sizeof(*policy->host_classes), err);
	if (!policy->host_classes)
		return false;
	for (unsigned i = 0; i < file->host_classes_count; i++) {
		const struct file_host_class *from = &file->host_classes[i];
		struct host_class *to = &policy->host_classes[i];

		if (!text_is_name(bytes_str(from->name)))
			return policy_fault(err, &from->name, "host_classes: %s: " NOT_A_NAME,
				ESC(bytes_str(from->name)));
		for (unsigned k = 0; k < i; k++)
			if (strcmp(policy->host_classes[k].name, from->name) == 0)
				return policy_fault(err, &from->name,
					"host_classes: %s: given twice", from->name);
		policy->host_class_count = i + 1;
		to->name = bytes_strdup(bytes_str(from->name));
		if (!to->name)
			return err_set(err, ERR_NOMEM, "no memory");
		if (!build_host_class(to, from, policy->runtime_pcr, err))
			return policy_wrap(err, from, "host_classes: %s", to->name);
	}
	return true;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
}

void policy_host_class_release(struct host_class *class)
{
	free(class->name);
	free_list(class->command_line.allow, class->command_line.allow_count);
	free_list(class->command_line.require, class->command_line.require_count);
	free_list(class->command_line.forbid, class->command_line.forbid_count);
	for (size_t i = 0; i < class->ima.hostd_count; i++)
		free((char *)class->ima.hostd[i].path.data);
	for (size_t i = 0; i < class->ima.key_count; i++) {
		free((char *)class->ima.keys[i].name);
		key_unref(&class->ima.keys[i].key);
	}
	for (size_t i = 0; i < class->reference_count; i++) {
		struct host_reference *reference = &class->references[i];

		key_unref(&reference->key);
		policy_reference_detach(reference);
	}
}
