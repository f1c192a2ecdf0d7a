/* SPDX-License-Identifier: Apache-2.0 */
/* assay ek verify: an EK certificate against a directory of roots and intermediates, with reasons.
 */
#include "cli/commands.h"

#include "base/time.h"
#include "cli/cert_store.h"
#include "evidence/ek_cert.h"

static const struct option_spec options[] = {
	{"roots", "DIR", OPTION_VALUE,
		"certificates trusted: self-signed ones as roots, others as intermediates"},
	{"intermediates", "FILE", OPTION_REPEATED, "further intermediates, PEM or DER"},
	{"crls", "FILE", OPTION_VALUE, "revocation lists, PEM or DER"},
	{"at", "TIME", OPTION_VALUE, "judge at this time (2026-11-22T12:00:00Z; default: now)"},
	{"ignore-expiry", NULL, OPTION_FLAG, "an expired certificate is accepted, and said to be"},
	OPTIONS_END,
};

static bool store_load(struct cli *cli, struct cert_store *store)
{
	const char *roots = NULL;
	if (!option_required(cli, "roots", &roots) ||
		!cert_store_add_directory(store, roots, &cli->err))
		return false;
	const struct option_value *files = option_all(cli, "intermediates");
	for (size_t i = 0; files && i < files->count; i++)
		if (!cert_store_add_file(store, files->values[i], false, &cli->err))
			return false;
	return true;
}

/* Certificates below the root that were looked up in a list of their issuer. */
static size_t looked_up(const struct ek_cert_result *result, const struct crls *crls)
{
	size_t below = result->chain.count > 0 ? result->chain.count - 1 : 0;
	if (crls_count(crls) == 0 || result->chain.fault != CHAIN_OK)
		return 0;
	return below - result->chain.unlisted;
}

/* An accepted certificate says what it was not asked. */
static void print_revocation(const struct ek_cert_result *result, const struct crls *crls)
{
	if (crls_count(crls) == 0)
		(void)puts("not checked: revocation: no --crls was given");
	else if (result->chain.unlisted > 0)
		(void)printf("not checked: revocation of %zu of %zu certificates: their issuers "
			     "have no list in --crls\n",
			result->chain.unlisted, result->chain.count - 1);
}

static enum status print_result(
	struct cli *cli, const struct ek_cert_result *result, const struct crls *crls)
{
	bool ok = result->fault == EK_CERT_OK;
	enum status status = ok ? STATUS_DONE : STATUS_REFUSED;
	json_t *chain = json_array();
	for (size_t i = 0; i < result->chain.count; i++) {
		char subject[512];
		(void)json_array_append_new(chain, json_string(cert_subject(result->chain.chain[i],
							   subject, sizeof(subject))));
	}
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:b,s:s,s:s,s:s,s:s,s:s,s:b,s:I,s:o}", "verified", ok, "reason",
				ok ? "" : ek_cert_fault_name(result->fault), "detail",
				result->detail, "manufacturer", result->manufacturer, "model",
				result->model, "version", result->version, "expired",
				result->expired, "revocation_looked_up",
				(json_int_t)looked_up(result, crls), "chain", chain),
			status);
	json_decref(chain);
	if (ok)
		(void)printf("%saccepted%s: EK certificate of a %s %s, version %s\n",
			colour(cli, "green"), colour(cli, "off"), result->manufacturer,
			result->model, result->version);
	else
		(void)printf("%srefused%s: %s: %s\n", colour(cli, "red"), colour(cli, "off"),
			ek_cert_fault_name(result->fault), result->detail);
	if (result->expired)
		(void)puts(
			"the certificate has expired; accepted because --ignore-expiry was given");
	if (ok)
		print_revocation(result, crls);
	for (size_t i = 0; i < result->chain.count; i++) {
		char subject[512];
		(void)printf("  %zu  %s\n", i,
			cert_subject(result->chain.chain[i], subject, sizeof(subject)));
	}
	return status;
}

static bool time_of(struct cli *cli, int64_t *ret)
{
	const char *at = option(cli, "at");
	*ret = clock_wall(&clock_system);
	if (at && !time_parse(bytes_str(at), ret, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--at");
	}
	return true;
}

/* *ret stays NULL without --crls. */
static bool crls_load(struct cli *cli, struct crls **ret)
{
	OWNED(buf_release) struct buf text = {0};
	const char *path = option(cli, "crls");
	if (!path)
		return true;
	if (!file_read(path, CERT_STORE_FILE, &text, &cli->err))
		return false;
	*ret = crls_new();
	if (!*ret)
		return err_set(&cli->err, ERR_NOMEM, "revocation lists");
	return crls_add(*ret, buf_bytes(&text), &cli->err) || err_wrap(&cli->err, "%s", path);
}

static enum status run(struct cli *cli)
{
	OWNED(buf_release) struct buf der = {0};
	OWNED(crls_free) struct crls *crls = NULL;
	OWNED(cert_store_free) struct cert_store *store = calloc(1, sizeof(*store));
	OWNED(cert_unref) struct cert *cert = NULL;
	int64_t at;
	if (!store) {
		(void)err_set(&cli->err, ERR_NOMEM, "certificates");
		return cli_fail(cli);
	}
	if (!time_of(cli, &at) || !store_load(cli, store) ||
		!cli_read(cli->arguments->values[0], 65536, &der, &cli->err))
		return cli_fail(cli);
	struct bytes in = buf_bytes(&der);
	bool pem = in.len > 10 && memcmp(in.data, "-----BEGIN", 10) == 0;
	if (!(pem ? cert_from_pem(in, &cert, &cli->err)
		  : cert_from_der(in, true, &cert, &cli->err)))
		return cli_fail(cli);
	if (!crls_load(cli, &crls))
		return cli_fail(cli);
	struct ek_cert_options how = {
		.roots = store->roots,
		.root_count = store->root_count,
		.intermediates = store->intermediates,
		.intermediate_count = store->intermediate_count,
		.at = at,
		.crls = crls,
		.crls_at = at,
		.ignore_expiry = option_given(cli, "ignore-expiry"),
	};
	OWNED(ek_cert_result_release) struct ek_cert_result result = {0};
	if (!ek_cert_verify(cert, &how, &result, &cli->err))
		return cli_fail(cli);
	return print_result(cli, &result, crls);
}

const struct command cmd_ek_verify = {
	.group = "ek",
	.name = "verify",
	.synopsis = "CERT --roots DIR",
	.summary = "An EK certificate: its chain and the TCG profile, with reasons.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
