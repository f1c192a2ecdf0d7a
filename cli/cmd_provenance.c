/* SPDX-License-Identifier: Apache-2.0 */
/* assay provenance verify: a statement in a DSSE envelope or a Sigstore bundle; who signed it, what
 * it says, and whether a transparency log holds it. */
#include "cli/commands.h"

#include <stdlib.h>

#include "attest/measure.h"
#include "base/time.h"
#include "cli/cert_store.h"
#include "cli/provenance_bom.h"
#include "policy/predicate.h"
#include "policy/sigstore_bundle.h"

#define PEM_MAX 65536

static const struct option_spec options[] = {
	{"key", "PEM", OPTION_REPEATED, "public key that may have signed"},
	{"roots", "DIR", OPTION_VALUE,
		"certificates trusted: self-signed ones as roots, others as intermediates"},
	{"chain", "FILE", OPTION_VALUE,
		"the signer's certificates, leaf first, for an envelope that carries none"},
	{"identity", "NAME", OPTION_VALUE, "the one name in the signer's certificate"},
	{"issuer", "URL", OPTION_VALUE, "who vouched for the identity (Sigstore's extension)"},
	{"ct-key", "PEM", OPTION_REPEATED,
		"key of a certificate log (RFC 6962) that must have seen the leaf"},
	{"log-key", "VKEY", OPTION_VALUE,
		"name+id+key of a transparency log that must hold the signature"},
	{"subject", "FILE|sha256:HEX", OPTION_VALUE, "what the statement must be about"},
	{"at", "TIME", OPTION_VALUE, "judge at this time (2026-11-22T12:00:00Z; default: now)"},
	OPTIONS_END,
};

struct job {
	struct cli *cli;
	struct key *keys[CLI_REPEATS_MAX], *ct_logs[CLI_REPEATS_MAX];
	struct cert_store *store;
	struct cert *chain[X509_CHAIN_MAX];
	struct note_key log;
	uint8_t subject[SHA256_LEN];
	bool has_subject;
	struct sigstore_trust trust;
	struct sigstore_bundle *bundle;
	struct sigstore_verdict verdict;
	struct predicate *predicate; /* NULL: a signature over a file */
	size_t chain_count;
};

static void job_release(struct job *job)
{
	for (size_t i = 0; i < job->trust.key_count; i++)
		key_unref(&job->keys[i]);
	for (size_t i = 0; i < job->trust.ct_log_count; i++)
		key_unref(&job->ct_logs[i]);
	for (size_t i = 0; i < job->chain_count; i++)
		cert_unref(&job->chain[i]);
	cert_store_free(&job->store);
	note_key_release(&job->log);
	sigstore_bundle_free(&job->bundle);
	predicate_free(&job->predicate);
}

static bool load_keys(struct job *job, const char *name, struct key **ret, size_t *ret_count)
{
	const struct option_value *files = option_all(job->cli, name);
	struct err *err = &job->cli->err;
	for (size_t i = 0; files && i < files->count; i++) {
		OWNED(buf_release) struct buf pem = {0};
		if (!cli_read(files->values[i], PEM_MAX, &pem, err) ||
			!key_from_pem(buf_bytes(&pem), &ret[i], err))
			return err_wrap(err, "--%s %s", name, files->values[i]);
		(*ret_count)++;
	}
	return true;
}

static bool load_certificates(struct job *job)
{
	const char *roots = option(job->cli, "roots"), *chain = option(job->cli, "chain");
	struct err *err = &job->cli->err;
	OWNED(buf_release) struct buf text = {0};
	if (chain && (!cli_read(chain, PEM_MAX, &text, err) ||
			     !certs_from_bytes(buf_bytes(&text), X509_CHAIN_MAX, job->chain,
				     &job->chain_count, err)))
		return err_wrap(err, "--chain %s", chain);
	if (chain && job->chain_count == 0)
		return err_set(err, ERR_FORMAT, "--chain %s: no certificate in it", chain);
	if (!roots)
		return true;
	job->store = calloc(1, sizeof(*job->store));
	if (!job->store)
		return err_set(err, ERR_NOMEM, "certificates");
	if (!cert_store_add_directory(job->store, roots, err))
		return false;
	job->trust.roots = job->store->roots;
	job->trust.root_count = job->store->root_count;
	job->trust.intermediates = job->store->intermediates;
	job->trust.intermediate_count = job->store->intermediate_count;
	return true;
}

static bool load_subject(struct job *job)
{
	const char *subject = option(job->cli, "subject");
	struct measured_file file = {0};
	struct err *err = &job->cli->err;
	bool ok = false;
	if (!subject)
		return true;
	job->has_subject = true;
	job->trust.artefact = job->subject;
	if (strncmp(subject, "sha256:", 7) == 0)
		return hex_decode_exact(bytes_str(subject + 7), job->subject, SHA256_LEN, NULL) ||
		       err_set(err, ERR_USAGE, "--subject: sha256: and 64 lower-case hex digits");
	struct err why = {0};
	if (!measure_paths(&subject, 1, MEASURE_SHA256, 0, true, &file, &ok, &why, err))
		return false;
	if (ok)
		memcpy(job->subject, file.digest, SHA256_LEN);
	else
		*err = why;
	measured_file_release(&file);
	return ok || err_wrap(err, "--subject %s", subject);
}

static bool load_trust(struct job *job)
{
	struct cli *cli = job->cli;
	const char *vkey = option(cli, "log-key"), *at = option(cli, "at");
	job->trust.identity = option(cli, "identity");
	job->trust.issuer = option(cli, "issuer");
	job->trust.now = clock_wall(&clock_system);
	if (!option_given(cli, "key") && !option_given(cli, "roots"))
		return err_set(&cli->err, ERR_USAGE, "neither --key nor --roots: whom to trust?");
	if (at && !time_parse(bytes_str(at), &job->trust.now, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--at");
	}
	if (vkey && !note_key_parse(bytes_str(vkey), &job->log, &cli->err)) {
		cli->err.code = ERR_USAGE;
		return err_wrap(&cli->err, "--log-key");
	}
	job->trust.log = vkey ? &job->log : NULL;
	job->trust.keys = job->keys;
	job->trust.ct_logs = job->ct_logs;
	return load_keys(job, "key", job->keys, &job->trust.key_count) &&
	       load_keys(job, "ct-key", job->ct_logs, &job->trust.ct_log_count) &&
	       load_certificates(job) && load_subject(job);
}

static bool load_bundle(struct job *job)
{
	struct err *err = &job->cli->err;
	OWNED(buf_release) struct buf in = {0};
	OWNED(json_release) json_t *root = NULL;
	if (!cli_read(job->cli->arguments->values[0], JSON_INPUT_MAX, &in, err) ||
		!json_open(buf_bytes(&in), JSON_INPUT_MAX, &root, err))
		return false;
	if (!json_object_get(root, "mediaType"))
		return sigstore_bundle_of_dsse(
			buf_bytes(&in), job->chain, job->chain_count, &job->bundle, err);
	if (job->chain_count)
		return err_set(err, ERR_USAGE, "--chain goes with an envelope, not with a bundle");
	return sigstore_bundle_parse(buf_bytes(&in), &job->bundle, err);
}

static void refuse(struct job *job, const char *why)
{
	job->verdict.verified = false;
	(void)snprintf(job->verdict.reason, sizeof(job->verdict.reason), "%s", why);
}

/* A statement is read only once it is verified, and must then be one and about the subject. False:
 * nothing decided. */
static bool judge(struct job *job)
{
	struct err *err = &job->cli->err, why = {0};
	char other[PREDICATE_TEXT_MAX];
	if (!sigstore_verify(job->bundle, &job->trust, &job->verdict, err))
		return false;
	if (!job->verdict.verified || job->bundle->content != SIGSTORE_DSSE)
		return true;
	if (!predicate_parse(buf_bytes(&job->bundle->dsse->payload), &job->predicate, &why)) {
		if (why.code == ERR_NOMEM)
			return err_set(err, why.code, "%s", why.text);
		refuse(job, why.text);
	} else if (job->has_subject && !predicate_has_subject(job->predicate, job->subject)) {
		refuse(job, "the statement is about other subjects");
	} else if (job->predicate->bom && !predicate_bom_fits(job->predicate, other)) {
		refuse(job, other);
	}
	return true;
}

static bool put_text(json_t *object, const char *key, const char *value)
{
	return !value || !*value || json_object_set_new(object, key, json_string(value)) == 0;
}

static bool put_time(json_t *object, const char *key, int64_t seconds)
{
	char text[TIME_TEXT_MAX];
	return seconds == 0 || put_text(object, key, time_format(seconds, text));
}

static json_t *subjects_json(const struct predicate *p)
{
	json_t *list = json_array();
	for (size_t i = 0; i < p->subject_count; i++) {
		const struct predicate_subject *subject = &p->subjects[i];
		char hex[2 * SHA256_LEN + 1] = "";
		json_t *one = json_object();
		if (subject->digest.has_sha256)
			hex_encode(BYTES_OF(subject->digest.sha256), hex);
		if (!put_text(one, "name", subject->name) || !put_text(one, "sha256", hex) ||
			!put_text(one, "git_commit", subject->digest.commit) ||
			json_array_append_new(list, one) != 0)
			return list;
	}
	return list;
}

/* What the kind says, in members of the answer. */
static bool put_content(json_t *object, const struct predicate *p)
{
	const struct predicate_resource *source = p->provenance.source;
	switch (p->kind) {
	case PREDICATE_PROVENANCE:
		return put_text(object, "builder", p->provenance.builder_id) &&
		       put_text(object, "build_type", p->provenance.build_type) &&
		       put_text(object, "source", source ? source->uri : NULL) &&
		       put_text(object, "source_commit", source ? source->digest.commit : NULL) &&
		       put_text(object, "invocation", p->provenance.invocation_id) &&
		       put_time(object, "finished", p->provenance.finished_on);
	case PREDICATE_TEST_RESULT:
		return put_text(object, "result", predicate_result_name(p->test_result.result));
	case PREDICATE_VSA:
		return put_text(object, "result", predicate_result_name(p->vsa.result)) &&
		       put_text(object, "verifier", p->vsa.verifier_id) &&
		       put_text(object, "resource", p->vsa.resource_uri) &&
		       put_text(object, "policy", p->vsa.policy.uri);
	case PREDICATE_ASSESSMENT:
		return put_text(object, "assessment", p->assessment.name) &&
		       put_text(object, "result", predicate_result_name(p->assessment.result)) &&
		       put_text(object, "by", p->assessment.by) &&
		       put_time(object, "issued", p->assessment.issued) &&
		       put_time(object, "expires", p->assessment.expires);
	case PREDICATE_BOM:
		return provenance_put_bom(object, p);
	default:
		return true;
	}
}

static bool put_signers(json_t *object, const struct job *job)
{
	json_t *keys = json_array();
	for (size_t i = 0; i < job->trust.key_count; i++) {
		char hex[2 * SHA256_LEN + 1];
		if (!(job->verdict.keys >> i & 1))
			continue;
		hex_encode(bytes_of(key_id(job->keys[i]), SHA256_LEN), hex);
		(void)json_array_append_new(keys, json_string(hex));
	}
	return json_object_set_new(object, "keys", keys) == 0 &&
	       put_text(object, "identity", job->verdict.identity) &&
	       put_text(object, "issuer", job->verdict.issuer);
}

/* The answer; only what is verified is told. NULL on no memory. */
static json_t *answer_json(const struct job *job)
{
	const struct sigstore_verdict *v = &job->verdict;
	const struct predicate *p = v->verified ? job->predicate : NULL;
	OWNED(json_release) json_t *object = json_pack("{s:b}", "verified", v->verified);
	if (!put_text(object, "reason", v->reason))
		return NULL;
	if (!v->verified)
		return TAKE(object);
	if (p && (!put_text(object, "kind", predicate_kind_name(p->kind)) ||
			 !put_text(object, "predicate_type", p->type) ||
			 json_object_set_new(object, "subjects", subjects_json(p)) != 0 ||
			 !put_content(object, p)))
		return NULL;
	if (!p && !put_text(object, "kind", "file"))
		return NULL;
	if (!put_signers(object, job) ||
		json_object_set_new(object, "logged", json_boolean(v->logged)) != 0)
		return NULL;
	if (v->logged && (json_object_set_new(object, "log_index",
				  json_integer((json_int_t)v->log_index)) != 0 ||
				 !put_text(object, "log", job->log.name) ||
				 !put_time(object, "logged_at", v->logged_at)))
		return NULL;
	return TAKE(object);
}

static enum status print_answer(struct job *job)
{
	struct cli *cli = job->cli;
	enum status status = job->verdict.verified ? STATUS_DONE : STATUS_REFUSED;
	OWNED(json_release) json_t *answer = answer_json(job);
	if (!answer) {
		(void)err_set(&cli->err, ERR_NOMEM, "no memory");
		return cli_fail(cli);
	}
	if (cli->json)
		return cli_print_json(cli, TAKE(answer), status);
	if (status == STATUS_DONE)
		cli_print_object(answer);
	else
		(void)printf("%srefused%s: %s\n", colour(cli, "red"), colour(cli, "off"),
			job->verdict.reason);
	return status;
}

static enum status run(struct cli *cli)
{
	OWNED(job_release) struct job job = {.cli = cli};
	if (!load_trust(&job) || !load_bundle(&job) || !judge(&job))
		return cli_fail(cli);
	return print_answer(&job);
}

const struct command cmd_provenance_verify = {
	.group = "provenance",
	.name = "verify",
	.synopsis = "FILE (--key PEM | --roots DIR --identity NAME)",
	.summary = "A signed statement of others: who signed it and what it says.",
	.options = options,
	.least = 1,
	.most = 1,
	.run = run,
};
