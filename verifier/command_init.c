/* SPDX-License-Identifier: Apache-2.0 */
/* assay-verifierd init: everything a new verifier needs, in one directory, commented. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/address.h"
#include "base/file.h"
#include "base/text.h"
#include "verifier/init.h"
#include "verifier/options.h"
#include "verifier/verifier.h"

enum {
	OPTION_DIR,
	OPTION_DOMAIN,
	OPTION_LISTEN,
	OPTION_DNS,
	OPTION_CA_KEY,
	OPTION_OPERATOR,
	OPTIONS
};
static const struct option_spec specs[OPTIONS] = {
	[OPTION_DIR] = {"dir", "DIR", "where to put it; nothing there is overwritten",
		.required = true},
	[OPTION_DOMAIN] = {"trust-domain", "NAME", "SPIFFE trust domain (default: assay.local)"},
	[OPTION_LISTEN] = {"listen", "ADDRESS:PORT", "where to serve (default: 127.0.0.1:8443)"},
	[OPTION_DNS] = {"dns", "NAME", "a name or address hosts reach it by", .repeated = true},
	[OPTION_CA_KEY] = {"ca-key", "URI",
		"the CA's key where it exists: handle:0x81… (TPM) or pkcs11:… (default: made, "
		"ca.key)"},
	[OPTION_OPERATOR] = {"operator", "NAME", "the first operator, an admin (default: admin)"},
};

static const char *const files[] = {"verifierd.yaml", "policy.yaml", "ca.pem", "ca.key", "tls.pem",
	"tls.key", "signing.pem", "signing.key", "token.key", "content.key", "log.key", "log.pub",
	"operator/cert.pem", "operator/key.pem", "operator/ca.pem", "operator/config.yaml"};

static bool refuse_overwrite(const char *dir, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		OWNED(buf_release) struct buf path = {0};
		struct stat st;
		const char *text = path_join(&path, dir, files[i]);
		if (!text)
			return err_set(err, ERR_NOMEM, "init");
		if (lstat(text, &st) == 0)
			return err_set(err, ERR_CONFLICT,
				"%s exists already; init overwrites nothing", text);
		if (errno != ENOENT && errno != ENOTDIR)
			return err_errno(err, errno, "%s", text);
	}
	return true;
}

static bool put_token_key(const char *dir, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	uint8_t key[32];
	if (!random_fill(&random_system, key, sizeof(key), err))
		return false;
	buf_put_hex(&text, BYTES_OF(key));
	buf_put_str(&text, "\n");
	secret_wipe(key, sizeof(key));
	return buf_ok(&text, err) && init_put(dir, "token.key", 0600, buf_bytes(&text), err);
}

static bool put_texts(const char *dir, const struct init_names *names, struct err *err)
{
	OWNED(buf_release) struct buf config = {0};
	OWNED(buf_release) struct buf policy = {0};
	init_config_text(names, &config);
	init_policy_text(names, &policy);
	return buf_ok(&config, err) && buf_ok(&policy, err) &&
	       init_put(dir, "verifierd.yaml", 0644, buf_bytes(&config), err) &&
	       init_put(dir, "policy.yaml", 0644, buf_bytes(&policy), err);
}

static bool put_operator(const char *dir, const char *name, const struct init_names *names,
	const struct init_authority *authority, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	const char *text = path_join(&path, dir, "operator");
	if (!text)
		return err_set(err, ERR_NOMEM, "init");
	return init_operator(text, "admin", name, names, authority, err);
}

/* What can stand in verifierd.yaml as it is. A file is made by init itself. */
static bool ca_key_ok(const char *uri)
{
	if (strncmp(uri, "handle:", 7) != 0 && strncmp(uri, "pkcs11:", 7) != 0)
		return false;
	for (const char *at = uri; *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '"' || *at == '\\')
			return false;
	return true;
}

static bool init(
	const char *dir, const char *operator_name, const struct init_names *names, struct err *err)
{
	OWNED(init_authority_release) struct init_authority authority = {0};
	char address[ADDRESS_TEXT_MAX];
	uint16_t port = 0;
	if (!address_parse(names->listen, address, &port, err))
		return false;
	if (!trust_domain_ok(bytes_str(names->trust_domain)))
		return err_set(err, ERR_USAGE,
			"--trust-domain %s: expected 1 to 255 of a-z 0-9 . - _",
			ESC(bytes_str(names->trust_domain)));
	if (!text_is_name(bytes_str(operator_name)))
		return err_set(err, ERR_USAGE, "--operator %s: expected 1 to 64 of a-z 0-9 . _ -",
			ESC(bytes_str(operator_name)));
	if (names->ca_key && !ca_key_ok(names->ca_key))
		return err_set(err, ERR_USAGE,
			"--ca-key %s: expected handle:… or pkcs11:…, without blanks and quotes",
			ESC(bytes_str(names->ca_key)));
	return refuse_overwrite(dir, err) && file_make_dirs(dir, 0755, err) &&
	       init_authority_make(dir, names, &authority, err) &&
	       init_services_make(dir, address, names, &authority, err) &&
	       init_log_key_make(dir, names, err) && init_content_key_make(dir, err) &&
	       put_token_key(dir, err) &&
	       put_operator(dir, operator_name, names, &authority, err) &&
	       put_texts(dir, names, err);
}

static void say(const char *dir, const struct init_names *names)
{
	printf("made a verifier for trust domain %s in %s\n\n"
	       "  verifierd.yaml   configuration\n"
	       "  policy.yaml      who may sign what: add EK roots, release keys and approvers "
	       "before the first start\n"
	       "  ca.pem           what hosts and relying services pin\n"
	       "  log.pub          the ledger's key, for auditors and witnesses\n"
	       "  content.key      opens what is stored: keep a copy elsewhere than the "
	       "database's\n"
	       "  %s\n"
	       "  operator/        the first operator: assay host list --config "
	       "%s/operator/config.yaml\n\n"
	       "then: assay-verifierd --config %s/verifierd.yaml\n",
		names->trust_domain, dir,
		names->ca_key
			? "(the CA's key stays where it is: ca_key in verifierd.yaml)"
			: "ca.key           keep it safe; better in a TPM or HSM: init --ca-key",
		dir, dir);
}

int verifier_init(int argc, char **argv)
{
	struct option_value values[OPTIONS] = {0};
	struct err err = {0};
	bool help = false;
	if (!options_parse(argc, argv, "init", specs, OPTIONS, values, &help, &err))
		return command_failed(&err);
	if (help)
		return EXIT_STATUS_DONE;
	struct init_names names = {
		.trust_domain = option_or(&values[OPTION_DOMAIN], "assay.local"),
		.listen = option_or(&values[OPTION_LISTEN], "127.0.0.1:8443"),
		.ca_key = option_or(&values[OPTION_CA_KEY], NULL),
		.now = clock_wall(&clock_system),
	};
	for (size_t i = 0; i < values[OPTION_DNS].count; i++)
		names.dns[i] = values[OPTION_DNS].values[i];
	const char *dir = values[OPTION_DIR].values[0];
	if (!init(dir, option_or(&values[OPTION_OPERATOR], "admin"), &names, &err))
		return command_failed(&err);
	say(dir, &names);
	return EXIT_STATUS_DONE;
}
