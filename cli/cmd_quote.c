/* SPDX-License-Identifier: Apache-2.0 */
/* assay quote verify: a TPM quote checked as the verifier checks it, with what cannot be known from
 * a bare key listed. */
#include "cli/commands.h"

#include "cli/pcr_file.h"
#include "evidence/tpm.h"

static const struct option_spec options[] = {
	{"ak", "FILE", OPTION_VALUE, "the attestation key: TPM2B_PUBLIC, TPMT_PUBLIC or PEM"},
	{"message", "FILE", OPTION_VALUE, "TPMS_ATTEST"},
	{"signature", "FILE", OPTION_VALUE, "TPMT_SIGNATURE"},
	{"nonce", "HEX", OPTION_VALUE, "the qualifying data that was asked for"},
	{"pcrs", "FILE", OPTION_VALUE, "PCR values, as tpm2_quote writes them or bare"},
	{"pcr-select", "LIST", OPTION_VALUE, "the selection demanded, sha256:0,1,2"},
	OPTIONS_END,
};

struct quote_files {
	struct buf ak, message, signature, nonce, pcrs;
	struct tpmt_public public_area;
	struct tpml_pcr_selection selection;
	struct key *key;
	bool bare; /* only a PEM key is known */
	struct pcr_bank banks[TPM_BANKS_MAX];
};

static void quote_files_release(struct quote_files *files)
{
	struct buf *all[] = {
		&files->ak, &files->message, &files->signature, &files->nonce, &files->pcrs};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		buf_release(all[i]);
	key_unref(&files->key);
}

static bool file_of(struct cli *cli, const char *name, size_t max, struct buf *ret)
{
	const char *path = NULL;
	if (!option_required(cli, name, &path))
		return false;
	return cli_read(path, max, ret, &cli->err) ? true : err_wrap(&cli->err, "--%s", name);
}

static bool ak_load(struct cli *cli, struct quote_files *files)
{
	struct bytes in = buf_bytes(&files->ak);
	files->bare = in.len > 10 && memcmp(in.data, "-----BEGIN", 10) == 0;
	if (files->bare)
		return key_from_pem(in, &files->key, &cli->err) ? true
								: err_wrap(&cli->err, "--ak");
	struct err first = {0};
	if (!tpm2b_public_parse(in, &files->public_area, &first) &&
		!tpmt_public_parse(in, &files->public_area, &cli->err))
		return err_wrap(&cli->err, "--ak");
	return tpmt_public_key(&files->public_area, &files->key, &cli->err)
		       ? true
		       : err_wrap(&cli->err, "--ak");
}

static bool files_load(struct cli *cli, struct quote_files *files)
{
	const char *nonce = NULL;
	if (!option_required(cli, "nonce", &nonce) || !file_of(cli, "ak", 16384, &files->ak) ||
		!file_of(cli, "message", 16384, &files->message) ||
		!file_of(cli, "signature", 16384, &files->signature))
		return false;
	if (!hex_decode(bytes_str(nonce), 64, &files->nonce, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--nonce");
	}
	const char *selection = option(cli, "pcr-select");
	if (selection &&
		!tpml_pcr_selection_of_text(bytes_str(selection), &files->selection, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--pcr-select");
	}
	return ak_load(cli, files) &&
	       (!option(cli, "pcrs") || file_of(cli, "pcrs", 16384, &files->pcrs));
}

/* The qualified signer of a primary tells its hierarchy; of a child key it cannot be known without
 * the parent. */
static const char *hierarchy_of(const struct quote_files *files, const struct tpms_attest *attest)
{
	static const struct {
		uint32_t handle;
		const char *name;
	} table[] = {{TPM_RH_ENDORSEMENT, "endorsement"}, {TPM_RH_OWNER, "owner"},
		{TPM_RH_PLATFORM, "platform"}};
	struct tpm_name name, qualified;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (tpm_name_of(&files->public_area, &name, NULL) &&
			tpm_qualified_name_of_primary(table[i].handle, &name, &qualified, NULL) &&
			bytes_equal(tpm_name_bytes(&qualified), attest->qualified_signer))
			return table[i].name;
	return NULL;
}

static void reason(json_t *list, const char *code, const char *expected, const char *actual)
{
	(void)json_array_append_new(list,
		json_pack("{s:s,s:s,s:s}", "code", code, "expected", expected, "actual", actual));
}

static void print_list(const json_t *list, const char *title)
{
	size_t i;
	json_t *entry;
	json_array_foreach(list, i, entry)
	{
		if (json_is_string(entry)) {
			(void)printf("%s: %s\n", title, json_string_value(entry));
			continue;
		}
		const char *code = "", *expected = "", *actual = "";
		(void)json_unpack(entry, "{s:s,s:s,s:s}", "code", &code, "expected", &expected,
			"actual", &actual);
		(void)printf("%s: %s\n", title, code);
		if (*expected)
			(void)printf("  expected %s\n", expected);
		if (*actual)
			(void)printf("  found    %s\n", actual);
	}
}

/* ok: as it was judged, not as far as there was memory to say why. */
static enum status answer(struct cli *cli, const struct quote_files *files,
	const struct quote_result *result, bool ok, json_t *reasons, json_t *not_checked)
{
	enum status status = ok ? STATUS_DONE : STATUS_REFUSED;
	OWNED(buf_release) struct buf selection = {0};
	const char *hierarchy = NULL;
	if (ok) {
		tpml_pcr_selection_text(&result->attest.quote_selection, &selection);
		hierarchy = files->bare ? NULL : hierarchy_of(files, &result->attest);
	}
	if (ok && !files->bare && !hierarchy)
		(void)json_array_append_new(
			not_checked, json_string("the key's place: it is no primary key, and its "
						 "parent is not known"));
	if (cli->json) {
		json_t *out = json_pack("{s:b,s:o,s:o}", "verified", ok, "reasons", reasons,
			"not_checked", not_checked);
		if (ok && out)
			(void)json_object_update_new(out,
				json_pack("{s:s,s:I,s:I,s:I,s:b,s:I,s:s*}", "pcr_selection",
					buf_str(&selection), "clock",
					(json_int_t)result->attest.clock, "reset_count",
					(json_int_t)result->attest.reset_count, "restart_count",
					(json_int_t)result->attest.restart_count, "safe",
					result->attest.safe, "firmware_version",
					(json_int_t)result->attest.firmware_version, "hierarchy",
					hierarchy));
		return cli_print_json(cli, out, status);
	}
	if (ok)
		(void)printf(
			"%saccepted%s: quote over %s, reset %u, restart %u, clock %llu ms%s%s%s\n",
			colour(cli, "green"), colour(cli, "off"), buf_str(&selection),
			result->attest.reset_count, result->attest.restart_count,
			(unsigned long long)result->attest.clock,
			result->attest.safe ? "" : " (not safe)",
			hierarchy ? ", key in the hierarchy " : "", hierarchy ? hierarchy : "");
	print_list(reasons, "refused");
	print_list(not_checked, "not checked");
	json_decref(reasons);
	json_decref(not_checked);
	return status;
}

/* The banks can be laid out only once the signed selection is known. */
static bool pcrs_load(struct cli *cli, struct quote_files *files, struct quote_input *input)
{
	struct tpms_attest attest;
	if (!files->pcrs.len || !tpms_attest_parse(input->message, &attest, NULL) ||
		attest.type != TPM_ST_ATTEST_QUOTE)
		return true;
	if (!pcr_file_parse(buf_bytes(&files->pcrs), &attest.quote_selection, files->banks,
		    TPM_BANKS_MAX, &cli->err))
		return err_wrap(&cli->err, "--pcrs");
	input->banks = files->banks;
	input->bank_count = attest.quote_selection.count;
	return true;
}

static enum status run(struct cli *cli)
{
	OWNED(quote_files_release) struct quote_files files = {0};
	if (!files_load(cli, &files))
		return cli_fail(cli);
	struct quote_input input = {
		.message = buf_bytes(&files.message),
		.signature = buf_bytes(&files.signature),
		.ak = files.bare ? NULL : &files.public_area,
		.key = files.key,
		.nonce = buf_bytes(&files.nonce),
		.selection = option_given(cli, "pcr-select") ? &files.selection : NULL,
	};
	struct quote_result result = {0};
	struct err attributes = {0};
	json_t *reasons = json_array(), *not_checked = json_array();
	if (!pcrs_load(cli, &files, &input) || !quote_check(&input, &result, &cli->err)) {
		json_decref(reasons);
		json_decref(not_checked);
		return cli_fail(cli);
	}
	bool ok = result.fault == QUOTE_OK;
	if (!ok)
		reason(reasons, quote_fault_name(result.fault), result.expected, result.actual);
	if (files.bare)
		(void)json_array_append_new(
			not_checked, json_string("the key's attributes: a PEM file does not hold "
						 "them (restricted, fixedTPM, …)"));
	else if (!ak_check(&files.public_area, &attributes)) {
		ok = false;
		reason(reasons, "ak-attributes",
			"a restricted signing key, fixedTPM, fixedParent, sensitiveDataOrigin",
			attributes.text);
	}
	if (!files.pcrs.len)
		(void)json_array_append_new(
			not_checked, json_string("PCR values: none were given (--pcrs)"));
	if (!option_given(cli, "pcr-select"))
		(void)json_array_append_new(not_checked,
			json_string("which PCRs are covered: none were demanded (--pcr-select)"));
	return answer(cli, &files, &result, ok, reasons, not_checked);
}

const struct command cmd_quote_verify = {
	.group = "quote",
	.name = "verify",
	.synopsis = "--ak FILE --message F --signature F --nonce HEX",
	.summary = "A TPM quote: signature, type, nonce, selection, PCR values.",
	.options = options,
	.run = run,
};
