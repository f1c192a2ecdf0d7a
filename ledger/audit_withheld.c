/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that whoever made the file left out and says so (assay record redact). What rests on them is not
 * checked, and said to be so; nothing of it is ever proven, and the audit ends without an answer. What is
 * missing without being said is a failure, as ever.
 */
#include "ledger/audit_case.h"

#include "base/text.h"

#define STEP "withheld objects"

static const uint8_t *digest_at(const struct audit_case *c, size_t i)
{
	return c->bundle.withheld.data + i * SHA256_LEN;
}

static size_t count(const struct audit_case *c)
{
	return c->bundle.withheld.len / SHA256_LEN;
}

bool audit_withheld(struct audit_case *c, const uint8_t digest[SHA256_LEN])
{
	for (size_t i = 0; i < count(c); i++)
		if (memcmp(digest_at(c, i), digest, SHA256_LEN) == 0) {
			c->asked[i] = true;
			return true;
		}
	return false;
}

bool audit_input_withheld(struct audit_case *c, const char *name)
{
	const uint8_t *digest = audit_named(c, name);

	return digest && audit_withheld(c, digest);
}

void audit_note_withheld(struct audit_case *c, const char *what, const char *why)
{
	audit_note(c, AUDIT_NOT_CHECKED, what, "withheld: %s", why);
}

/* A release, an approval or a statement that is not here leaves open what rests on the release; the
 * evidence is judged without any of them. */
bool audit_part_here(struct audit_case *c, enum verdict_part part)
{
	switch (part) {
	case PART_EVIDENCE:
	case PART_AK:
	case PART_QUOTE:
	case PART_NONCE:
	case PART_HOST_STATE:
	case PART_CONNECTION:
	case PART_KEY:
	case PART_COUNTERS:
	case PART_CONTINUITY:
	case PART_RUNTIME_LOG:
	case PART_FIRMWARE_LOG:
	case PART_IMA_LOG:
	case PART_BOOT:
	case PART_PLACEMENT:
		return true;
	case PART_EK:
	case PART_HOST:
		return !c->partial || !audit_input_withheld(c, "ek-certs");
	default:
		return !c->partial;
	}
}

void audit_withheld_list(struct audit_case *c)
{
	bool read = c->frozen.policy != NULL; /* so that all that names objects was seen */
	struct bytes object;
	char hex[17];

	c->section = AUDIT_RECORD;
	c->report->withheld = count(c);
	for (size_t i = 0; i < count(c); i++) {
		text_short_hex(bytes_of(digest_at(c, i), SHA256_LEN), hex);
		if (audit_object(c, digest_at(c, i), &object))
			audit_note(c, AUDIT_FAILED, STEP,
				"%s…: is said to be withheld, and is here", hex);
		else if (read && !c->asked[i])
			audit_note(c, AUDIT_FAILED, STEP, "%s…: nothing names it", hex);
	}
	if (count(c) > 0)
		audit_note(c, AUDIT_NOT_CHECKED, STEP,
			"withheld: %zu, by whoever made this file; what rests on them is not "
			"checked, and nothing of it is proven",
			count(c));
}
