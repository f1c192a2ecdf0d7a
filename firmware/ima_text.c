/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"
#include "firmware/ima.h"
#include "firmware/ima_signature.h"

#define SHOWN_MAX 256 /* of a path or buffer, escaped */

static void put_escaped(struct buf *out, struct bytes in)
{
	char text[SHOWN_MAX];

	buf_put_str(out, text_escape(in, text, sizeof(text)));
}

static void put_digest(const struct ima_entry *entry, struct buf *out)
{
	if (entry->digest_type == IMA_DIGEST_NONE)
		return;
	buf_put_u8(out, ' ');
	if (entry->digest_type == IMA_DIGEST_VERITY)
		buf_put_str(out, "verity:");
	buf_put(out, entry->digest_alg);
	buf_put_u8(out, ':');
	buf_put_hex(out, entry->digest);
}

static void put_signature(const struct ima_entry *entry, struct buf *out)
{
	struct ima_signature signature;
	struct bytes sig = entry->field[IMA_FIELD_SIG];
	struct err err;

	if (sig.len == 0)
		return;
	if (ima_signature_parse(sig, &signature, &err))
		buf_printf(out, "  [signature v%u %s by key %08x]", signature.version,
			digest_alg_name(signature.alg), signature.keyid);
	else
		buf_printf(out, "  [signature that is none: %s]", err.text);
}

/* Text as it is, anything else by its length. */
static void put_buffer(const struct ima_entry *entry, struct buf *out)
{
	struct bytes in = entry->field[IMA_FIELD_BUF];
	bool text = in.len != 0;

	if (!(entry->fields & 1u << IMA_FIELD_BUF))
		return;
	for (size_t i = 0; i < in.len && text; i++)
		text = in.data[i] >= ' ' && in.data[i] < 0x7f;
	if (!text) {
		buf_printf(out, "  [%zu bytes]", in.len);
		return;
	}
	buf_put_str(out, "  [");
	put_escaped(out, in);
	buf_put_u8(out, ']');
}

void ima_entry_text(const struct ima_entry *entry, struct buf *out)
{
	buf_printf(out, "%llu  PCR %u  ", (unsigned long long)entry->number, entry->pcr);
	put_escaped(out, entry->name);
	if (entry->violation)
		buf_put_str(out, "  VIOLATION (what follows is not covered by a digest)");
	put_digest(entry, out);
	buf_put_str(out, "  ");
	put_escaped(out, entry->path);
	put_signature(entry, out);
	put_buffer(entry, out);
	if (entry->field[IMA_FIELD_MODSIG].len)
		buf_printf(out, "  [appended signature, %zu bytes]",
			entry->field[IMA_FIELD_MODSIG].len);
	if (entry->field[IMA_FIELD_EVMSIG].len)
		buf_printf(out, "  [EVM signature, %zu bytes]", entry->field[IMA_FIELD_EVMSIG].len);
}
