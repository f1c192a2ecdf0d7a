/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/enroll.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "crypto/x509.h"

#define STATE_FILE_MAX 65536u

void enrolment_release(struct enrolment *enrolment)
{
	key_unref(&enrolment->key);
	buf_release(&enrolment->certificate_pem);
	memset(enrolment, 0, sizeof(*enrolment));
}

/* ---- the state directory ---- */

static bool state_write(const char *dir, const char *name, struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	const char *file = path_join(&path, dir, name);
	return file ? file_write_atomic(file, content, 0600, err)
		    : err_set(err, ERR_NOMEM, "state");
}

static bool state_read(const char *dir, const char *name, struct buf *ret, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	const char *file = path_join(&path, dir, name);
	return file ? file_read(file, STATE_FILE_MAX, ret, err) : err_set(err, ERR_NOMEM, "state");
}

/* A file that host.json says must be there: without it the host is enrolled all the same. */
static bool state_need(const char *dir, const char *name, struct buf *ret, struct err *err)
{
	if (state_read(dir, name, ret, err))
		return true;
	if (err && err->code == ERR_NOT_FOUND)
		err->code = ERR_CONFIG;
	return err_wrap(err, "enrol again (assay enroll)");
}

static bool key_parse(const struct buf *pem, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!key_from_pem(buf_bytes(pem), &key, err))
		return err_wrap(err, "host.key");
	if (!key_has_private(key) || key_type_of(key) != KEY_EC_P256)
		return err_set(err, ERR_FORMAT, "host.key: needed is a private P-256 key");
	*ret = TAKE(key);
	return true;
}

static bool key_make(const char *dir, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	OWNED(key_unref) struct key *key = NULL;
	if (!file_make_dirs(dir, 0700, err) || !key_generate(KEY_EC_P256, &key, err) ||
		!key_private_pem(key, &pem, err) ||
		!state_write(dir, "host.key", buf_bytes(&pem), err))
		return false;
	*ret = TAKE(key);
	return true;
}

/* The one key of this host: made on the first call, and never again. */
static bool key_find(const char *dir, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	struct err why = {0};
	if (state_read(dir, "host.key", &pem, &why))
		return key_parse(&pem, ret, err);
	if (why.code != ERR_NOT_FOUND)
		return err_set(err, why.code, "%s", why.text);
	return key_make(dir, ret, err);
}

static json_t *enrolment_json(const struct enrolment *e)
{
	char host[2 * HOST_ID_LEN + 1], name[2 * TPM_NAME_MAX + 1];
	hex_encode(BYTES_OF(e->host_id), host);
	hex_encode(tpm_name_bytes(&e->ak_name), name);
	return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:I,s:b,s:s}", "host", host, "state",
		host_state_name(e->state), "verifier", e->verifier_id, "ek_template",
		ek_template_info(e->ek_template)->name, "ak", ak_kind_name(e->ak.kind), "ak_handle",
		(json_int_t)e->ak.handle, "ak_generation", (json_int_t)e->ak.generation,
		"ak_transient", e->ak.transient, "ak_name", name);
}

static bool enrolment_save(const char *dir, const struct enrolment *e, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *json = enrolment_json(e);
	if (e->certificate_pem.len &&
		!state_write(dir, "host.pem", buf_bytes(&e->certificate_pem), err))
		return false;
	if (!json)
		return err_set(err, ERR_FORMAT, "the verifier's id is no text");
	return json_write(json, true, &text, err) &&
	       state_write(dir, "host.json", buf_bytes(&text), err);
}

static enum ek_template template_of_name(const char *name)
{
	for (int id = EK_TEMPLATE_L1; id <= EK_TEMPLATE_H6; id++)
		if (strcmp(ek_template_info((enum ek_template)id)->name, name) == 0)
			return (enum ek_template)id;
	return EK_TEMPLATE_NONE;
}

static bool enrolment_parse(const json_t *json, struct enrolment *e, struct err *err)
{
	struct json_fields f = json_fields_of("host.json");
	OWNED(buf_release) struct buf name = {0};
	json_need_hex(&f, json, "host", e->host_id, HOST_ID_LEN);
	e->state = host_state_of_name(bytes_str(json_need_str(&f, json, "state", 16)));
	(void)snprintf(e->verifier_id, sizeof(e->verifier_id), "%s",
		json_need_str(&f, json, "verifier", sizeof(e->verifier_id) - 1));
	e->ek_template = template_of_name(json_need_str(&f, json, "ek_template", 8));
	if (!ak_kind_of_name(bytes_str(json_need_str(&f, json, "ak", 16)), &e->ak.kind))
		json_fields_fail(&f, "ak", "not known");
	e->ak.handle = (uint32_t)json_need_int(&f, json, "ak_handle", 0, UINT32_MAX);
	e->ak.generation = (uint32_t)json_need_int(&f, json, "ak_generation", 0, UINT32_MAX);
	e->ak.transient = json_want_bool(&f, json, "ak_transient", false);
	if (!hex_decode(bytes_str(json_need_str(&f, json, "ak_name", 2 * TPM_NAME_MAX)),
		    TPM_NAME_MAX, &name, err))
		return err_wrap(err, "host.json: ak_name");
	if (name.len == 0)
		json_fields_fail(&f, "ak_name", "empty");
	else
		memcpy(e->ak_name.bytes, name.data, name.len);
	e->ak_name.len = (uint8_t)name.len;
	e->ak.expected = e->ak_name;
	if (e->state == HOST_NONE)
		json_fields_fail(&f, "state", "not known");
	if (e->ek_template == EK_TEMPLATE_NONE)
		json_fields_fail(&f, "ek_template", "not known");
	return json_fields_ok(&f, err);
}

/* The first is the host's own; the others are its issuers. */
static bool certificate_check(struct enrolment *e, const struct cert *cert, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!cert_key(cert, &key, err))
		return false;
	if (!key_equal(key, e->key))
		return err_set(err, ERR_MISMATCH, "it is for another key than host.key");
	e->not_before = cert_not_before(cert);
	e->not_after = cert_not_after(cert);
	return true;
}

static bool certificates_check(struct enrolment *e, struct err *err)
{
	struct cert *certs[CREDENTIAL_CERTS_MAX] = {0};
	size_t count = 0;
	bool ok = certs_from_bytes(
		buf_bytes(&e->certificate_pem), CREDENTIAL_CERTS_MAX, certs, &count, err);
	if (ok)
		ok = count > 0 ? certificate_check(e, certs[0], err)
			       : err_set(err, ERR_FORMAT, "there is none");
	for (size_t i = 0; i < count; i++)
		cert_unref(&certs[i]);
	return ok || err_wrap(err, "host certificate");
}

bool enroll_load(const char *state_dir, struct enrolment *ret, struct err *err)
{
	OWNED(enrolment_release) struct enrolment e = {0};
	OWNED(buf_release) struct buf text = {0}, pem = {0};
	OWNED(json_release) json_t *json = NULL;
	if (!state_read(state_dir, "host.json", &text, err))
		return err && err->code == ERR_NOT_FOUND
			       ? err_set(err, ERR_NOT_FOUND, "this host is not enrolled")
			       : false;
	if (!json_open(buf_bytes(&text), STATE_FILE_MAX, &json, err) ||
		!enrolment_parse(json, &e, err) || !state_need(state_dir, "host.key", &pem, err) ||
		!key_parse(&pem, &e.key, err))
		return err_wrap(err, "%s", state_dir);
	if (e.state == HOST_ACTIVE &&
		(!state_need(state_dir, "host.pem", &e.certificate_pem, err) ||
			!certificates_check(&e, err)))
		return err_wrap(err, "%s", state_dir);
	*ret = TAKE_STRUCT(e);
	return true;
}

/* ---- the exchange ---- */

struct enrolling {
	struct tpm *tpm;
	const struct enroll_options *options;
	struct tpm_ek ek;
	struct buf ak_public, offer_buffer, secret, result_buffer;
	struct enroll_offer offer;
	struct quote_request quote;
	struct enrolment enrolment;
	unsigned sent; /* for so many connections the proof was made */
};

static void enrolling_free(struct enrolling **enrolling)
{
	struct enrolling *e = *enrolling;
	if (!e)
		return;
	tpm_ek_release(&e->ek);
	buf_release(&e->ak_public);
	buf_release(&e->offer_buffer);
	buf_release(&e->secret);
	buf_release(&e->result_buffer);
	enrolment_release(&e->enrolment);
	free(e);
	*enrolling = NULL;
}

/* host id = SHA-256 of the EK's Name: nothing that a verifier could choose. */
static bool offer_check(const struct enrolling *e, struct err *err)
{
	struct tpmt_public ek;
	struct tpm_name name;
	uint8_t host_id[HOST_ID_LEN];
	if (e->offer.verifier_id.len >= sizeof(e->enrolment.verifier_id))
		return err_set(err, ERR_LIMIT, "the verifier's id is too long");
	if (!tpmt_public_parse(buf_bytes(&e->ek.public_area), &ek, err) ||
		!tpm_name_of(&ek, &name, err) || !sha256_of(tpm_name_bytes(&name), host_id, err))
		return false;
	return memcmp(host_id, e->offer.host_id, HOST_ID_LEN) == 0 ||
	       err_set(err, ERR_MISMATCH, "the verifier takes this host for another one");
}

static bool begin(struct enrolling *e, struct client *client, struct err *err)
{
	struct enroll_begin m = {
		.ek_public = buf_bytes(&e->ek.public_area),
		.ak_public = buf_bytes(&e->ak_public),
		.join_token = e->options->join_token,
		.name = e->options->name,
	};
	if (e->ek.certificate.len)
		m.ek_certs[m.ek_cert_count++] = buf_bytes(&e->ek.certificate);
	for (size_t i = 0;
		e->ek.certificate.len && i < e->ek.chain_count && m.ek_cert_count < EK_CERTS_MAX;
		i++)
		m.ek_certs[m.ek_cert_count++] = buf_bytes(&e->ek.chain[i]);
	if (!client_enroll_begin(client, &m, &e->offer_buffer, &e->offer, err) ||
		!offer_check(e, err))
		return false;
	return tpm_activate(e->tpm, e->offer.id_object, e->offer.encrypted_secret, &e->secret, err)
		       ? true
		       : err_wrap(err, "activating the credential");
}

static bool quote_fill(struct enrolling *e, struct err *err)
{
	const struct enroll_options *o = e->options;
	struct quote_request *q = &e->quote;
	q->claims.verifier_id = e->offer.verifier_id;
	q->claims.purpose = PURPOSE_ENROLL;
	memcpy(q->claims.host_id, e->offer.host_id, HOST_ID_LEN);
	q->claims.runtime_first = o->runtime_first;
	q->claims.runtime_next = o->runtime_next;
	q->challenge = e->offer.session;
	q->bank = o->bank ? o->bank : DIGEST_SHA256;
	q->runtime_log = o->runtime_log;
	q->firmware_log = o->firmware_log;
	q->ima_path = o->ima_path;
	q->key = e->enrolment.key;
	return quote_boot_id(q->claims.boot_id, err);
}

static bool build_finish(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	struct enrolling *e = context;
	OWNED(buf_release) struct buf evidence = {0};
	e->sent++;
	if (!quote_evidence(e->tpm, &e->quote, exporter, &evidence, err))
		return false;
	const struct enroll_finish m = {
		.session = e->offer.session,
		.secret = buf_bytes(&e->secret),
		.evidence = buf_bytes(&evidence),
	};
	return enroll_finish_encode(&m, out, err);
}

static bool certificates_take(
	const struct enroll_result *result, struct enrolment *e, struct err *err)
{
	for (size_t i = 0; i < result->cert_count; i++) {
		OWNED(cert_unref) struct cert *cert = NULL;
		if (!cert_from_der(result->certs[i], false, &cert, err) ||
			!cert_pem(cert, &e->certificate_pem, err))
			return err_wrap(err, "host certificate");
	}
	return certificates_check(e, err);
}

static bool finish(struct enrolling *e, struct client *client, struct err *err)
{
	struct enroll_result result;
	struct enrolment *enrolment = &e->enrolment;
	if (!client_enroll_finish(client, build_finish, e, &e->result_buffer, &result, err))
		return false;
	if (memcmp(result.host_id, e->offer.host_id, HOST_ID_LEN) != 0)
		return err_set(err, ERR_MISMATCH, "the verifier takes this host for another one");
	memcpy(enrolment->verifier_id, e->offer.verifier_id.data, e->offer.verifier_id.len);
	memcpy(enrolment->host_id, result.host_id, HOST_ID_LEN);
	enrolment->state = result.state;
	/* Whatever comes with another state is no certificate to use. */
	return result.state != HOST_ACTIVE || certificates_take(&result, enrolment, err);
}

static bool exchange(struct enrolling *e, struct client *client, struct err *err)
{
	e->sent = 0;
	buf_clear(&e->offer_buffer);
	buf_clear(&e->secret);
	return begin(e, client, err) && quote_fill(e, err) && finish(e, client, err);
}

/* A session is good for one proof. Where the connection ended after that was taken and before the answer came, it went out a second
 * time over another connection, and was refused for that alone. */
static bool exchange_to_the_end(struct enrolling *e, struct client *client, struct err *err)
{
	struct err why = {0};
	if (exchange(e, client, &why))
		return true;
	return why.code == ERR_DENIED && e->sent > 1 ? exchange(e, client, err)
						     : err_set(err, why.code, "%s", why.text);
}

static bool keys_find(struct enrolling *e, struct err *err)
{
	struct tpmt_public ak;
	if (!tpm_ek(e->tpm, &e->options->ek, &e->ek, err) ||
		!tpm_ak(e->tpm, &e->options->ak, &e->ak_public, err) ||
		!tpmt_public_parse(buf_bytes(&e->ak_public), &ak, err) ||
		!tpm_name_of(&ak, &e->enrolment.ak_name, err))
		return false;
	e->enrolment.ek_template = e->ek.template_id;
	e->enrolment.ak = e->options->ak;
	e->enrolment.ak.expected = e->enrolment.ak_name;
	return key_find(e->options->state_dir, &e->enrolment.key, err);
}

bool enroll_run(struct tpm *tpm, struct client *client, const struct enroll_options *options,
	struct enrolment *ret, struct err *err)
{
	OWNED(enrolling_free) struct enrolling *e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, ERR_NOMEM, "enrolment");
	e->tpm = tpm;
	e->options = options;
	if (!keys_find(e, err) || !exchange_to_the_end(e, client, err) ||
		!enrolment_save(options->state_dir, &e->enrolment, err))
		return err_wrap(err, "enrolment");
	if (e->enrolment.certificate_pem.len &&
		!client_set_identity(
			client, buf_bytes(&e->enrolment.certificate_pem), e->enrolment.key, err))
		return false;
	*ret = TAKE_STRUCT(e->enrolment);
	return true;
}
