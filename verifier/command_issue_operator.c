/* SPDX-License-Identifier: Apache-2.0 */
/* assay-verifierd issue-operator: a certificate for another operator, by the CA of a configuration. */
#include <stdio.h>

#include "base/file.h"
#include "verifier/init.h"
#include "verifier/verifier.h"

enum { OPTION_CONFIG, OPTION_ROLE, OPTION_NAME, OPTION_OUT, OPTIONS };
static const struct option_spec specs[OPTIONS] = {
	[OPTION_CONFIG] = {"config", "FILE", "verifierd.yaml of the verifier", .required = true},
	[OPTION_ROLE] = {"role", "ROLE", "admin, ci or auditor", .required = true},
	[OPTION_NAME] = {"name", "NAME", "who it is for", .required = true},
	[OPTION_OUT] = {"out", "DIR", "where to put cert.pem, key.pem, ca.pem, config.yaml",
		.required = true},
};

static bool authority_load(const struct config *config, struct init_authority *ret, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	OWNED(key_unref) struct key *certified = NULL;
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	if (!file_read(config->ca_certificate, 256u << 10, &pem, err) ||
		!certs_from_bytes(buf_bytes(&pem), X509_CHAIN_MAX, certs, &count, err))
		return err_wrap(err, "CA");
	/* The first one issues. */
	for (size_t i = 1; i < count; i++)
		cert_unref(&certs[i]);
	if (count == 0)
		return err_set(err, ERR_CONFIG, "%s: no certificate", config->ca_certificate);
	ret->ca = TAKE(certs[0]);
	if (!key_from_uri(config->ca_key, &ret->key, err) || !cert_key(ret->ca, &certified, err))
		return err_wrap(err, "CA");
	return key_equal(certified, ret->key) ? true
					      : err_set(err, ERR_CONFIG, "%s is not the key of %s",
							config->ca_key, config->ca_certificate);
}

static bool issue(const struct option_value *values, struct err *err)
{
	OWNED(config_release) struct config config = {0};
	OWNED(init_authority_release) struct init_authority authority = {0};
	OWNED(buf_release) struct buf listen = {0};
	if (!config_load(values[OPTION_CONFIG].values[0], &config, err) ||
		!authority_load(&config, &authority, err))
		return false;
	bool six = strchr(config.address, ':') != NULL;
	buf_printf(
		&listen, "%s%s%s:%u", six ? "[" : "", config.address, six ? "]" : "", config.port);
	struct init_names names = {
		.trust_domain = config.trust_domain,
		.listen = buf_str(&listen),
		.now = clock_wall(&clock_system),
	};
	if (!names.listen)
		return err_set(err, ERR_NOMEM, "operator");
	return init_operator(values[OPTION_OUT].values[0], values[OPTION_ROLE].values[0],
		values[OPTION_NAME].values[0], &names, &authority, err);
}

int verifier_issue_operator(int argc, char **argv)
{
	struct option_value values[OPTIONS] = {0};
	struct err err = {0};
	bool help = false;
	if (!options_parse(argc, argv, "issue-operator", specs, OPTIONS, values, &help, &err))
		return command_failed(&err);
	if (help)
		return EXIT_STATUS_DONE;
	if (!issue(values, &err))
		return command_failed(&err);
	printf("made the certificate of %s %s in %s; set `verifier` in its config.yaml to the name "
	       "it is reached by\n",
		values[OPTION_ROLE].values[0], values[OPTION_NAME].values[0],
		values[OPTION_OUT].values[0]);
	return EXIT_STATUS_DONE;
}
