/* SPDX-License-Identifier: Apache-2.0 */
/* assay log key, log witness: the names of keys that sign logs, and a witness of logs as a service. */
#include "cli/commands.h"

#include "base/address.h"
#include "witness/serve.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static const struct option_spec key_options[] = {
	{"key", "URI", OPTION_VALUE, "the private or public key: a file, or an OSSL_STORE URI"},
	{"witness", NULL, OPTION_FLAG, "the key cosigns for a witness, and signs for no log"},
	OPTIONS_END,
};
static const struct option_spec witness_options[] = {
	{"policy", "FILE", OPTION_VALUE, "the logs to witness, a line `log VKEY` each"},
	{"name", "NAME", OPTION_VALUE, "the witness's name in its cosignatures"},
	{"key", "URI", OPTION_VALUE, "its Ed25519 private key: a file, or an OSSL_STORE URI"},
	{"state", "DIR", OPTION_VALUE, "where it keeps what it cosigned; made if it is not there"},
	{"listen", "ADDRESS:PORT", OPTION_VALUE, "where to serve (default: 127.0.0.1:8444)"},
	{"tls-cert", "FILE", OPTION_VALUE, "the server's certificate, and those above it, PEM"},
	{"tls-key", "FILE", OPTION_VALUE, "its private key"},
	OPTIONS_END,
};

static enum status run_key(struct cli *cli)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(note_key_release) struct note_key named = {0};
	OWNED(buf_release) struct buf text = {0};
	const char *uri = NULL, *name = cli->arguments->values[0];
	if (!option_required(cli, "key", &uri) || !key_from_uri(uri, &key, &cli->err) ||
		!(option_given(cli, "witness") ? note_cosigner_of(name, key, &named, &cli->err)
					       : note_key_of(name, key, &named, &cli->err)) ||
		!note_key_write(&named, &text, &cli->err))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli,
			json_pack("{s:s,s:s}", "name", name, "vkey", buf_str(&text)), STATUS_DONE);
	(void)printf("%s\n", buf_str(&text));
	return STATUS_DONE;
}

/* ---- the service ---- */

struct parts {
	struct tlog_policy *policy;
	struct note_key cosigner;
	struct key *key, *tls_key;
	struct buf chain;
	struct witness *witness;
	struct witness_server *server;
};

static void parts_release(struct parts *parts)
{
	witness_server_stop(&parts->server);
	witness_close(&parts->witness);
	tlog_policy_free(&parts->policy);
	note_key_release(&parts->cosigner);
	key_unref(&parts->key);
	key_unref(&parts->tls_key);
	buf_release(&parts->chain);
}

static bool parts_load(struct cli *cli, const struct log *log, struct parts *parts)
{
	OWNED(buf_release) struct buf text = {0};
	const char *policy, *name, *key, *state, *cert, *tls_key;
	if (!option_required(cli, "policy", &policy) || !option_required(cli, "name", &name) ||
		!option_required(cli, "key", &key) || !option_required(cli, "state", &state) ||
		!option_required(cli, "tls-cert", &cert) ||
		!option_required(cli, "tls-key", &tls_key) ||
		!cli_read(policy, TLOG_POLICY_MAX, &text, &cli->err))
		return false;
	if (!tlog_policy_parse(buf_bytes(&text), &parts->policy, &cli->err))
		return err_wrap(&cli->err, "%s", policy);
	if (!key_from_uri(key, &parts->key, &cli->err) ||
		!note_cosigner_of(name, parts->key, &parts->cosigner, &cli->err))
		return err_wrap(&cli->err, "--key");
	const struct witness_config config = {.policy = parts->policy,
		.cosigner = &parts->cosigner,
		.directory = state,
		.clock = &clock_system,
		.log = log};
	return cli_read(cert, 256u << 10, &parts->chain, &cli->err) &&
	       key_from_uri(tls_key, &parts->tls_key, &cli->err) &&
	       witness_open(&config, &parts->witness, &cli->err);
}

static enum status serve(struct cli *cli, const struct log *log, struct parts *parts)
{
	char address[ADDRESS_TEXT_MAX], port[8];
	sigset_t set;
	int number = 0;
	struct witness_serve_config config = {.address = address,
		.chain_pem = buf_bytes(&parts->chain),
		.key = parts->tls_key,
		.log = log};
	if (!address_parse(
		    option_or(cli, "listen", "127.0.0.1:8444"), address, &config.port, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return cli_fail(cli);
	}
	/* Before the threads that inherit it. */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (!witness_serve(&config, parts->witness, &parts->server, &cli->err))
		return cli_fail(cli);
	(void)snprintf(port, sizeof(port), "%u", witness_server_port(parts->server));
	log_event(log, LOG_LEVEL_INFO, "witnessing", {"address", bytes_str(address)},
		{"port", bytes_str(port)}, {"name", bytes_str(parts->cosigner.name)});
	(void)sigwait(&set, &number);
	return STATUS_DONE;
}

static enum status run_witness(struct cli *cli)
{
	OWNED(parts_release) struct parts parts = {0};
	const struct log log = {.fd = 2, .level = LOG_LEVEL_INFO, .json = cli->json};
	if (!parts_load(cli, &log, &parts))
		return cli_fail(cli);
	return serve(cli, &log, &parts);
}

const struct command cmd_log_key = {
	.group = "log",
	.name = "key",
	.synopsis = "NAME --key URI [--witness]",
	.summary = "Prints a key of a log or a witness as others name it (C2SP vkey).",
	.options = key_options,
	.least = 1,
	.most = 1,
	.run = run_key,
};
const struct command cmd_log_witness = {
	.group = "log",
	.name = "witness",
	.synopsis =
		"--policy FILE --name NAME --key URI --state DIR --tls-cert FILE --tls-key FILE",
	.summary = "Runs a witness of ledgers: cosigns what only grows (C2SP tlog-witness).",
	.options = witness_options,
	.run = run_witness,
};
