/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A quote over a checkpoint of the ledger, on the verifier's own host. The caller brings a note; what
 * the TPM signs over is made here out of its text and can be nothing else, so that nobody gets a quote
 * that could stand in evidence (evidence/checkpoint_quote.h says why).
 */
#include "attest/hostd_state.h"

#include "base/text.h"
#include "evidence/checkpoint_quote.h"

static bool quote_make(struct hostd *hostd, struct bytes note, struct buf *out, struct err *err)
{
	OWNED(tpm_quote_release) struct tpm_quote quote = {0};
	OWNED(buf_release) struct buf ak = {0};
	struct host_log_status log;
	uint8_t nonce[SHA256_LEN];
	struct bytes text;

	if (!note_text(note, &text, err) || !checkpoint_quote_nonce(text, nonce, err))
		return false;
	host_log_status(hostd->events, &log);
	if (!hostd_ak(hostd, &ak, err) ||
		!tpm_quote(hostd->tpm, BYTES_OF(nonce), log.bank, &quote, err))
		return false;
	const struct checkpoint_quote file = {.note = note,
		.message = buf_bytes(&quote.message),
		.signature = buf_bytes(&quote.signature),
		.pcrs = quote.pcrs,
		.ak = buf_bytes(&ak)};
	return checkpoint_quote_encode(&file, out, err);
}

bool hostd_request_quote_checkpoint(
	struct connection *c, const json_t *request, json_t **ret, struct err *err)
{
	static const char *const keys[] = {"op", "note", NULL};
	OWNED(buf_release) struct buf file = {0};
	OWNED(buf_release) struct buf text = {0};
	struct json_fields f = json_fields_of("quote-checkpoint");
	json_only_keys(&f, request, keys);
	const char *note = json_need_str(&f, request, "note", NOTE_MAX);
	if (!json_fields_ok(&f, err) || !quote_make(c->hostd, bytes_str(note), &file, err))
		return false;
	buf_put_base64(&text, buf_bytes(&file), false);
	if (!buf_str(&text))
		return err_set(err, ERR_NOMEM, "no memory for an answer");
	log_event(c->hostd->log, LOG_LEVEL_INFO, "checkpoint quoted",
		{"checkpoint", bytes_str(note)});
	*ret = json_pack("{s:b,s:s}", "ok", true, "quote", buf_str(&text));
	return *ret || err_set(err, ERR_NOMEM, "no memory for an answer");
}
