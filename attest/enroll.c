/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/enroll.h"

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

static bool host_key(const char *dir, struct key **ret, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	struct err missing = {0};
	if (state_read(dir, "host.key", &pem, &missing))
		return key_from_pem(buf_bytes(&pem), ret, err) ? true
							       : err_wrap(err, "%s/host.key", dir);
	if (missing.code != ERR_NOT_FOUND)
		return err_set(err, missing.code, "%s", missing.text);
	return file_make_dirs(dir, 0700, err) && key_generate(KEY_EC_P256, ret, err) &&
	       key_private_pem(*ret, &pem, err) &&
	       state_write(dir, "host.key", buf_bytes(&pem), err);
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
	e->ak_name.len = (uint8_t)name.len;
	memcpy(e->ak_name.bytes, name.data, name.len);
	e->ak.expected = e->ak_name;
	if (e->state == HOST_NONE || e->ek_template == EK_TEMPLATE_NONE)
		json_fields_fail(&f, "state", "not known");
	return json_fields_ok(&f, err);
}

static bool certificate_dates(struct enrolment *e, struct err *err)
{
	struct cert *certs[CREDENTIAL_CERTS_MAX] = {0};
	size_t count = 0;
	if (e->certificate_pem.len == 0)
		return true;
	if (!certs_from_bytes(
		    buf_bytes(&e->certificate_pem), CREDENTIAL_CERTS_MAX, certs, &count, err))
		return err_wrap(err, "host certificate");
	if (count) {
		e->not_before = cert_not_before(certs[0]);
		e->not_after = cert_not_after(certs[0]);
	}
	for (size_t i = 0; i < count; i++)
		cert_unref(&certs[i]);
	return true;
}

bool enroll_load(const char *state_dir, struct enrolment *ret, struct err *err)
{
	OWNED(enrolment_release) struct enrolment e = {0};
	OWNED(buf_release) struct buf text = {0};
	OWNED(json_release) json_t *json = NULL;
	if (!state_read(state_dir, "host.json", &text, err))
		return err && err->code == ERR_NOT_FOUND
			       ? err_set(err, ERR_NOT_FOUND, "this host is not enrolled")
			       : false;
	if (!json_open(buf_bytes(&text), STATE_FILE_MAX, &json, err) ||
		!enrolment_parse(json, &e, err) || !host_key(state_dir, &e.key, err))
		return err_wrap(err, "%s", state_dir);
	struct err missing = {0};
	if (e.state != HOST_PENDING &&
		!state_read(state_dir, "host.pem", &e.certificate_pem, &missing))
		return err_set(err, missing.code, "%s", missing.text);
	if (!certificate_dates(&e, err))
		return false;
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
	if (!client_enroll_begin(client, &m, &e->offer_buffer, &e->offer, err))
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
	return certificate_dates(e, err);
}

static bool finish(struct enrolling *e, struct client *client, struct err *err)
{
	struct enroll_result result;
	struct enrolment *enrolment = &e->enrolment;
	if (!client_enroll_finish(client, build_finish, e, &e->result_buffer, &result, err))
		return false;
	if (e->offer.verifier_id.len >= sizeof(enrolment->verifier_id))
		return err_set(err, ERR_LIMIT, "the verifier's id is too long");
	memcpy(enrolment->verifier_id, e->offer.verifier_id.data, e->offer.verifier_id.len);
	memcpy(enrolment->host_id, result.host_id, HOST_ID_LEN);
	enrolment->state = result.state;
	return certificates_take(&result, enrolment, err);
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
	return host_key(e->options->state_dir, &e->enrolment.key, err);
}

bool enroll_run(struct tpm *tpm, struct client *client, const struct enroll_options *options,
	struct enrolment *ret, struct err *err)
{
	OWNED(enrolling_free) struct enrolling *e = calloc(1, sizeof(*e));
	if (!e)
		return err_set(err, ERR_NOMEM, "enrolment");
	e->tpm = tpm;
	e->options = options;
	if (!keys_find(e, err) || !begin(e, client, err) || !quote_fill(e, err) ||
		!finish(e, client, err) || !enrolment_save(options->state_dir, &e->enrolment, err))
		return err_wrap(err, "enrolment");
	if (e->enrolment.certificate_pem.len &&
		!client_set_identity(
			client, buf_bytes(&e->enrolment.certificate_pem), e->enrolment.key, err))
		return false;
	*ret = TAKE_STRUCT(e->enrolment);
	return true;
}
