/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/refuse.h"

#include "base/text.h"

void refuse_hex(struct verdict *verdict, enum reason_code code, const char *subject,
	struct bytes expected, struct bytes actual, const char *where)
{
	char want[2 * DIGEST_LEN_MAX + 1] = "", got[2 * DIGEST_LEN_MAX + 1] = "";

	if (expected.len <= DIGEST_LEN_MAX)
		hex_encode(expected, want);
	if (actual.len <= DIGEST_LEN_MAX)
		hex_encode(actual, got);
	verdict_refuse(verdict, code, subject, want, got, where, NULL);
}

void refuse_text(struct verdict *verdict, enum reason_code code, const char *subject,
	struct bytes expected, struct bytes actual, const char *where)
{
	char want[REASON_TEXT_MAX], got[REASON_TEXT_MAX];

	verdict_refuse(verdict, code, subject, text_escape(expected, want, sizeof(want)),
		text_escape(actual, got, sizeof(got)), where, NULL);
}

static bool refuse_unless(bool ours, struct verdict *verdict, enum reason_code code,
	const char *subject, const char *expected, struct err *err)
{
	if (ours || err->code == ERR_NOMEM || err->code == ERR_INTERNAL)
		return err_wrap(err, "%s", subject);
	verdict_refuse(verdict, code, subject, expected, err->text, NULL, NULL);
	*err = (struct err){0};
	return true;
}

bool refuse_error(struct verdict *verdict, enum reason_code code, const char *subject,
	const char *expected, struct err *err)
{
	return refuse_unless(err->code == ERR_CRYPTO, verdict, code, subject, expected, err);
}

bool refuse_malformed(
	struct verdict *verdict, enum reason_code code, const char *subject, struct err *err)
{
	return refuse_unless(false, verdict, code, subject, "well-formed", err);
}

bool digest_is_zero(struct bytes digest)
{
	uint8_t any = 0;

	for (size_t i = 0; i < digest.len; i++)
		any |= digest.data[i];
	return any == 0;
}
