/* SPDX-License-Identifier: Apache-2.0 */
/*
 * assay log attest | verify-quote: a checkpoint of the ledger with a TPM quote of the verifier's own
 * host. The service has no TPM: this runs beside it, asks assay-hostd there, and brings the quote back.
 */
#include "cli/commands.h"

#include "attest/socket.h"
#include "cli/audit_pins.h"
#include "cli/log_client.h"
#include "cli/log_leaf.h"
#include "evidence/checkpoint_quote.h"

static const struct option_spec attest_options[] = {
	{"checkpoint", "FILE", OPTION_VALUE, "quote this one (default: the verifier's newest)"},
	{"out", "FILE", OPTION_VALUE, "save checkpoint and quote there"},
	{"ak-out", "FILE", OPTION_VALUE,
		"save the attestation key there (TPMT_PUBLIC), for auditors to pin"},
	{"upload", NULL, OPTION_FLAG, "bring it to the verifier, which serves it at /log/quote"},
	{"socket", "PATH", OPTION_VALUE,
		"hostd's socket (default: $ASSAY_HOSTD_SOCKET, " HOSTD_SOCKET_DEFAULT ")"},
	API_OPTIONS,
	OPTIONS_END,
};
static const struct option_spec verify_options[] = {
	{"log-policy", "FILE", OPTION_VALUE,
		"the log, its witnesses and their quorum (tlog-policy)"},
	{"log-host-ak", "FILE", OPTION_VALUE,
		"the host's attestation key, as you know it: PEM, TPMT_PUBLIC or TPM2B_PUBLIC"},
	OPTIONS_END,
};

/* ---- attest ---- */

struct attesting {
	struct cli *cli;
	struct buf note, file;
	struct checkpoint_quote quote;
	struct checkpoint_quoted quoted;
};

static void attesting_release(struct attesting *a)
{
	buf_release(&a->note);
	buf_release(&a->file);
}

static bool note_get(struct attesting *a)
{
	OWNED(log_client_release) struct log_client log = {.cli = a->cli};
	const char *path = option(a->cli, "checkpoint");
	return path ? cli_read(path, NOTE_MAX, &a->note, &a->cli->err)
		    : log_client_get(&log, "/latest", NOTE_MAX, &a->note);
}

static bool quote_ask(struct attesting *a)
{
	OWNED(json_release) json_t *request = NULL, *reply = NULL;
	struct cli *cli = a->cli;
	const char *socket = option_or(cli, "socket",
		cli->environment->socket ? cli->environment->socket : HOSTD_SOCKET_DEFAULT);
	request = json_pack("{s:s,s:s%}", "op", "quote-checkpoint", "note",
		(const char *)a->note.data, a->note.len);
	if (!request)
		return err_set(&cli->err, ERR_FORMAT, "the checkpoint is not UTF-8");
	if (!hostd_request(socket, request, NULL, 0, &reply, NULL, &cli->err))
		return false;
	const char *text = json_string_value(json_object_get(reply, "quote"));
	return base64_decode(bytes_str(text), false, CHECKPOINT_QUOTE_MAX, &a->file, &cli->err) ||
	       err_wrap(&cli->err, "assay-hostd: quote");
}

/* What hostd answered is over what it was asked for, and holds: else it is worth nobody's time. */
static bool quote_get(struct attesting *a)
{
	struct err *err = &a->cli->err;
	if (!note_get(a) || !quote_ask(a) ||
		!checkpoint_quote_decode(buf_bytes(&a->file), &a->quote, err) ||
		!checkpoint_quote_check(&a->quote, NULL, &a->quoted, err))
		return false;
	return bytes_equal(a->quote.note, buf_bytes(&a->note)) ||
	       err_set(err, ERR_MISMATCH, "assay-hostd quoted another checkpoint");
}

static bool quote_put(struct attesting *a)
{
	OWNED(json_release) json_t *answer = NULL;
	struct cli *cli = a->cli;
	struct bytes body = buf_bytes(&a->file);
	const char *out = option(cli, "out"), *ak = option(cli, "ak-out");
	if ((out && !cli_write(out, body, false, &cli->err)) ||
		(ak && !cli_write(ak, a->quote.ak, false, &cli->err)))
		return false;
	return !option_given(cli, "upload") ||
	       api_json(cli, "/v1/log/quoted", MEDIA_CHECKPOINT_QUOTE, &body, &answer);
}

static enum status run_attest(struct cli *cli)
{
	OWNED(attesting_release) struct attesting a = {.cli = cli};
	char name[2 * TPM_NAME_MAX + 1];
	if (!option(cli, "out") && !option(cli, "ak-out") && !option_given(cli, "upload")) {
		(void)err_set(&cli->err, ERR_USAGE,
			"what to do with it: --out FILE, --ak-out FILE or --upload");
		return cli_fail(cli);
	}
	if (!quote_get(&a) || !quote_put(&a))
		return cli_fail(cli);
	hex_encode(tpm_name_bytes(&a.quoted.ak_name), name);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:I,s:s,s:b}", "size", (json_int_t)a.quoted.checkpoint.size,
				"ak", name, "uploaded", option_given(cli, "upload")),
			STATUS_DONE);
	(void)printf("%llu leaves quoted by the attestation key %s%s\n",
		(unsigned long long)a.quoted.checkpoint.size, name,
		option_given(cli, "upload") ? ", and brought to the verifier" : "");
	return STATUS_DONE;
}

/* ---- verify-quote ---- */

static json_t *pcrs_json(const struct pcr_bank *bank)
{
	json_t *pcrs = json_object();
	for (unsigned pcr = 0; pcrs && pcr < TPM_PCRS; pcr++) {
		char key[4], value[2 * DIGEST_LEN_MAX + 1];
		if (!(bank->present & 1u << pcr))
			continue;
		(void)snprintf(key, sizeof(key), "%u", pcr);
		hex_encode(bytes_of(bank->values[pcr], digest_alg_len(bank->alg)), value);
		(void)json_object_set_new(pcrs, key, json_string(value));
	}
	return pcrs;
}

struct verified {
	struct checkpoint_quote quote;
	struct checkpoint_quoted quoted;
	struct tlog_cosigned tree;
	bool pinned;
};

static enum status verified_json(struct cli *cli, const struct verified *v, bool ok)
{
	char name[2 * TPM_NAME_MAX + 1];
	if (!ok)
		return cli_print_json(cli,
			json_pack("{s:b,s:s}", "verified", false, "reason", cli->err.text),
			STATUS_REFUSED);
	hex_encode(tpm_name_bytes(&v->quoted.ak_name), name);
	return cli_print_json(cli,
		json_pack("{s:b,s:I,s:i,s:s,s:b,s:I,s:I,s:I,s:s,s:o}", "verified", true, "size",
			(json_int_t)v->tree.checkpoint.size, "witnesses",
			__builtin_popcountll(v->tree.witnesses), "ak", name, "ak_pinned", v->pinned,
			"reset_count", (json_int_t)v->quoted.attest.reset_count, "restart_count",
			(json_int_t)v->quoted.attest.restart_count, "clock",
			(json_int_t)v->quoted.attest.clock, "bank",
			digest_alg_name(v->quote.pcrs.alg), "pcrs", pcrs_json(&v->quote.pcrs)),
		STATUS_DONE);
}

static enum status verified_text(struct cli *cli, const struct verified *v, bool ok)
{
	char hex[2 * TPM_NAME_MAX + 1];
	const struct pcr_bank *bank = &v->quote.pcrs;
	if (!ok) {
		(void)printf(
			"%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"), cli->err.text);
		return STATUS_REFUSED;
	}
	hex_encode(tpm_name_bytes(&v->quoted.ak_name), hex);
	(void)printf("%sproved%s: %llu leaves of %s, %d witnesses, quoted by %s; reset %u, restart "
		     "%u, clock %llu ms\n",
		colour(cli, "green"), colour(cli, "off"),
		(unsigned long long)v->tree.checkpoint.size, ESC(v->tree.checkpoint.origin),
		__builtin_popcountll(v->tree.witnesses), hex, v->quoted.attest.reset_count,
		v->quoted.attest.restart_count, (unsigned long long)v->quoted.attest.clock);
	for (unsigned pcr = 0; pcr < TPM_PCRS; pcr++)
		if (bank->present & 1u << pcr) {
			hex_encode(bytes_of(bank->values[pcr], digest_alg_len(bank->alg)), hex);
			(void)printf("  %s %2u %s\n", digest_alg_name(bank->alg), pcr, hex);
		}
	if (!v->pinned)
		(void)printf("  not checked: whose attestation key it is (--log-host-ak)\n");
	(void)printf("  not checked: whether these values are those of an approved boot\n");
	return STATUS_DONE;
}

static enum status run_verify(struct cli *cli)
{
	OWNED(tlog_policy_free) struct tlog_policy *policy = NULL;
	OWNED(key_unref) struct key *ak = NULL;
	OWNED(buf_release) struct buf file = {0};
	struct verified v = {0};
	if (!log_policy_read(cli, "log-policy", &policy) || !audit_log_host_load(cli, &ak) ||
		!cli_read(cli->arguments->values[0], CHECKPOINT_QUOTE_MAX + 1, &file, &cli->err) ||
		!checkpoint_quote_decode(buf_bytes(&file), &v.quote, &cli->err))
		return cli_fail(cli);
	v.pinned = ak != NULL;
	bool ok = checkpoint_quote_check(&v.quote, ak, &v.quoted, &cli->err) &&
		  tlog_policy_check(policy, NULL, v.quote.note, &v.tree, &cli->err);
	if (!ok && cli->err.code != ERR_MISMATCH)
		return cli_fail(cli);
	return cli->json ? verified_json(cli, &v, ok) : verified_text(cli, &v, ok);
}

const struct command cmd_log_attest = {
	.group = "log",
	.name = "attest",
	.synopsis = "[--checkpoint FILE] [--out FILE] [--ak-out FILE] [--upload]",
	.summary = "Has this host's TPM quote the ledger's checkpoint: on the verifier's own host.",
	.options = attest_options,
	.run = run_attest,
};
const struct command cmd_log_verify_quote = {
	.group = "log",
	.name = "verify-quote",
	.synopsis = "FILE --log-policy FILE [--log-host-ak FILE]",
	.summary = "Checks such a quote: the log's signature, the TPM's, the PCR values.",
	.options = verify_options,
	.least = 1,
	.most = 1,
	.run = run_verify,
};
