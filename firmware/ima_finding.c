/* SPDX-License-Identifier: Apache-2.0 */
/* Findings in words. */
#include "base/text.h"
#include "firmware/ima_rules_private.h"

#define PATH_SHOWN_MAX 512

static const struct {
	const char *name, *words;
	bool rule; /* a line "digest  path" would allow it */
} kinds[] = {
	[IMA_FINDING_NONE] = {"none", "", false},
	[IMA_UNKNOWN_FILE] = {"unknown-file", "no rule knows this file", true},
	[IMA_OTHER_DIGEST] = {"other-digest", "not the content that the rules know", true},
	[IMA_WEAK_DIGEST] = {"weak-digest",
		"measured by a hash that no rule can rely on: boot with ima_hash=sha256", false},
	[IMA_NO_DIGEST] = {"no-digest", "its template leaves out the digest or the path", false},
	[IMA_BAD_SIGNATURE] = {"bad-signature", "its signature does not verify", true},
	[IMA_UNKNOWN_KEY] = {"unknown-key", "signed, but not by a key that the rules name for it",
		true},
	[IMA_VIOLATION] = {"violation",
		"was written while it was measured, so what ran is not known (nothing vouches for "
		"the name either)",
		false},
	[IMA_POLICY_CHANGED] = {"policy-changed", "an IMA policy was loaded that no rule knows",
		true},
	[IMA_UNKNOWN_KEYRING] = {"unknown-keyring",
		"a key was added to this keyring that no rule knows", false},
	[IMA_UNKNOWN_BUFFER] = {"unknown-buffer", "kernel data that no rule knows", false},
	[IMA_BUFFER_DIGEST] = {"buffer-digest", "the data logged is not the data that was measured",
		false},
	[IMA_MODULE_UNSIGNED] = {"module-unsigned",
		"kernel module without a signature by a key that was given", false},
	[IMA_KEXEC] = {"kexec", "another kernel was loaded or started by kexec", false},
	[IMA_BOOT_AGGREGATE] = {"boot-aggregate",
		"entry 0 is no boot_aggregate of the PCRs that were quoted", false},
	[IMA_PCR_NOT_QUOTED] = {"pcr-not-quoted", "extended a PCR that no quoted value vouches for",
		false},
	[IMA_PADDED_BANK] = {"padded-bank",
		"the bank holds SHA-1 digests padded with zeros: only as strong as SHA-1", false},
	[IMA_KERNEL_OLD] = {"kernel-old",
		"the kernel's version is below the minimum, or was not measured", false},
};
static_assert(ARRAY_LEN(kinds) == IMA_FINDING_KINDS, "words for each finding");

const char *ima_finding_name(enum ima_finding_kind kind)
{
	return kind < IMA_FINDING_KINDS ? kinds[kind].name : "unknown";
}

static void put_digest(const struct ima_finding *finding, struct buf *out)
{
	if (finding->digest_type == IMA_DIGEST_VERITY)
		buf_put_str(out, "verity:");
	buf_put(out, finding->digest_alg);
	buf_put_u8(out, ':');
	buf_put_hex(out, finding->digest);
}

void ima_finding_text(const struct ima_finding *finding, struct buf *out)
{
	char path[PATH_SHOWN_MAX];

	buf_printf(out, "entry %llu: ", (unsigned long long)finding->entry);
	if (finding->path.len)
		buf_printf(out, "%s: ", text_escape(finding->path, path, sizeof(path)));
	buf_put_str(
		out, finding->kind < IMA_FINDING_KINDS ? kinds[finding->kind].words : "unknown");
	if (finding->digest_type == IMA_DIGEST_NONE || finding->kind == IMA_VIOLATION)
		return;
	buf_put_str(out, " (");
	put_digest(finding, out);
	for (size_t i = 0; i < finding->nearest_count; i++) {
		buf_put_str(out, i ? ", " : "; known: ");
		buf_put_hex(out, finding->nearest[i]);
	}
	buf_put_u8(out, ')');
}

static bool is_plain(uint8_t c)
{
	return c >= ' ' && c < 0x7f && c != '\\';
}

/* A path as a line of rules writes it: escaped, byte by byte, when anything in it needs that. */
static void put_rule_path(struct bytes path, bool escaped, struct buf *out)
{
	for (size_t i = 0; i < path.len; i++) {
		uint8_t c = path.data[i];

		if (!escaped || is_plain(c))
			buf_put_u8(out, c);
		else if (c == '\\')
			buf_put_str(out, "\\\\");
		else
			buf_printf(out, "\\x%02x", c);
	}
}

static bool alg_has_rules(const struct ima_finding *finding)
{
	bool verity = finding->digest_type == IMA_DIGEST_VERITY;

	return bytes_equal_str(finding->digest_alg, "sha256") ||
	       bytes_equal_str(finding->digest_alg, "sha512") ||
	       (!verity && bytes_equal_str(finding->digest_alg, "sha384"));
}

/* A name of a buffer that a line can hold as it is. */
static bool is_word(struct bytes name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_plain(name.data[i]) || name.data[i] == ' ')
			return false;
	return name.len != 0;
}

/* "buffer NAME sha256:HEX": the measured digest is that of the content. */
static bool put_buffer_rule(const struct ima_finding *finding, struct buf *out)
{
	bool keyring = finding->kind == IMA_UNKNOWN_KEYRING;
	bool buffer = finding->kind == IMA_UNKNOWN_BUFFER || finding->kind == IMA_KEXEC ||
		      (finding->kind == IMA_POLICY_CHANGED && finding->path.len &&
			      finding->path.data[0] != '/');

	if (!keyring && !buffer)
		return false;
	if (!is_word(finding->path) || !alg_has_rules(finding) ||
		bytes_equal_str(finding->path, "boot_aggregate"))
		return true;
	buf_put_str(out, keyring ? "keyring " : "buffer ");
	buf_put(out, finding->path);
	buf_put_u8(out, ' ');
	put_digest(finding, out);
	return true;
}

void ima_finding_rule(const struct ima_finding *finding, struct buf *out)
{
	bool escaped = false;

	if (put_buffer_rule(finding, out) || finding->kind >= IMA_FINDING_KINDS ||
		!kinds[finding->kind].rule || !alg_has_rules(finding))
		return;
	for (size_t i = 0; i < finding->path.len; i++)
		escaped = escaped || !is_plain(finding->path.data[i]);
	if (escaped)
		buf_put_u8(out, '\\');
	put_digest(finding, out);
	buf_put_str(out, "  ");
	put_rule_path(finding->path, escaped, out);
}

void ima_entry_rule(const struct ima_entry *entry, struct buf *out)
{
	struct ima_finding finding = {.kind = IMA_UNKNOWN_FILE,
		.path = entry->path,
		.digest_type = entry->digest_type,
		.digest_alg = entry->digest_alg,
		.digest = entry->digest};

	if (entry->fields & 1u << IMA_FIELD_BUF)
		finding.kind =
			ima_entry_is_keyring(entry) ? IMA_UNKNOWN_KEYRING : IMA_UNKNOWN_BUFFER;
	if (!entry->violation && !ima_entry_is_boot_aggregate(entry) && entry->path.len)
		ima_finding_rule(&finding, out);
}
