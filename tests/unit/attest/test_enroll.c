/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment of a software TPM at a verifier of the test's own, which checks all that a real one does; and what is kept of it. */
#include "attest/enroll.h"

#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "tests/unit/attest/tls_server.h"
#include "tests/unit/attest/tpm_fixture.h"

#define SESSION "session of this test"

/* The verifier: what it does wrong, and what it saw. */
struct verifier {
	int begin_status, finish_status; /* 0: 200 */
	unsigned lost; /* so many answers to a proof do not arrive, and it is taken all the same */
	bool credential_for_other, other_host_in_offer, other_host_in_result, key_of_other,
		no_certificate;
	enum host_state state;
	/* seen */
	unsigned begun, finished, certificates;
	bool proven; /* this session had its proof */
	struct err err; /* of its own thread */
	char fault[160]; /* what did not hold */
	struct buf token, name, ek_public, ak_public, ek_certificate;
	struct claims claims;
	uint8_t secret[32], host_id[HOST_ID_LEN], firmware_digest[SHA256_LEN];
	uint8_t shown_key[SHA256_LEN]; /* of the client certificate, in any other request */
};

static struct tls_server server;
static struct verifier verifier;
static struct client *client;
static struct enrolment enrolment, loaded;
static char directory[64], state_dir[80];
static struct err err;

/* ---- the verifier ---- */

static bool fault(const char *what)
{
	if (verifier.fault[0] == '\0')
		snprintf(verifier.fault, sizeof(verifier.fault), "%.100s", what);
	return false;
}

static void verifier_forget_offer(void)
{
	buf_release(&verifier.token);
	buf_release(&verifier.name);
	buf_release(&verifier.ek_public);
	buf_release(&verifier.ak_public);
	buf_release(&verifier.ek_certificate);
}

static bool offer(struct bytes body, struct buf *out)
{
	struct buf id_object = {0}, secret = {0};
	struct enroll_begin m;
	struct enroll_offer answer = {
		.session = BYTES_LIT(SESSION), .verifier_id = BYTES_LIT("verifier.example")};
	struct tpmt_public ek, ak;
	struct tpm_name name, ek_name;
	bool ok = enroll_begin_decode(body, &m, &verifier.err) &&
		  tpmt_public_parse(m.ek_public, &ek, &verifier.err) &&
		  tpmt_public_parse(m.ak_public, &ak, &verifier.err) &&
		  tpm_name_of(&ek, &ek_name, &verifier.err) &&
		  tpm_name_of(&ak, &name, &verifier.err) &&
		  sha256_of(tpm_name_bytes(&ek_name), verifier.host_id, &verifier.err);

	if (!ok)
		return fault(verifier.err.text);
	verifier_forget_offer();
	buf_put(&verifier.token, m.join_token);
	buf_put(&verifier.name, m.name);
	buf_put(&verifier.ek_public, m.ek_public);
	buf_put(&verifier.ak_public, m.ak_public);
	if (m.ek_cert_count > 0)
		buf_put(&verifier.ek_certificate, m.ek_certs[0]);
	memset(verifier.secret, 0x5e, sizeof(verifier.secret));
	name.bytes[5] ^= verifier.credential_for_other;
	memcpy(answer.host_id, verifier.host_id, HOST_ID_LEN);
	answer.host_id[0] ^= verifier.other_host_in_offer;
	ok = tpm_make_credential(&ek, &name, BYTES_OF(verifier.secret), &random_system, &id_object,
		&secret, &verifier.err);
	answer.id_object = buf_bytes(&id_object);
	answer.encrypted_secret = buf_bytes(&secret);
	ok = ok && enroll_offer_encode(&answer, out, &verifier.err);
	buf_release(&id_object);
	buf_release(&secret);
	return ok || fault(verifier.err.text);
}

/* The quote is by the AK of the offer, over these claims and the PCRs sent. */
static bool quote_holds(const struct evidence *evidence)
{
	struct tpml_pcr_selection selection;
	struct tpmt_public ak;
	struct key *key = NULL;
	struct quote_result result;
	uint8_t nonce[SHA256_LEN];
	struct quote_input input = {.message = evidence->message,
		.signature = evidence->signature,
		.ak = &ak,
		.hierarchy = TPM_RH_ENDORSEMENT,
		.nonce = BYTES_OF(nonce),
		.selection = &selection,
		.banks = &evidence->pcrs,
		.bank_count = 1};
	bool ok = sha256_of(evidence->claims, nonce, &verifier.err) &&
		  evidence_selection(DIGEST_SHA256, &selection, &verifier.err) &&
		  tpmt_public_parse(buf_bytes(&verifier.ak_public), &ak, &verifier.err) &&
		  tpmt_public_key(&ak, &key, &verifier.err);

	input.key = key;
	ok = ok && quote_check(&input, &result, &verifier.err);
	key_unref(&key);
	return ok && (result.fault == QUOTE_OK || fault(quote_fault_name(result.fault)));
}

static bool claims_hold(const struct evidence *evidence, const struct tls_request *request)
{
	const struct claims *c = &verifier.claims;
	uint8_t nonce[SHA256_LEN], log[SHA256_LEN];
	struct key *key = NULL;
	bool possessed = key_from_spki(c->key, &key, &verifier.err) &&
			 key_verify(key, SIGN_ECDSA, DIGEST_SHA256, evidence->claims,
				 evidence->possession, &verifier.err);

	key_unref(&key);
	if (!possessed || !sha256_of(BYTES_LIT(SESSION), nonce, &verifier.err) ||
		!sha256_of(evidence->runtime_log, log, &verifier.err))
		return fault(verifier.err.text);
	return (c->purpose == PURPOSE_ENROLL || fault("purpose")) &&
	       (memcmp(c->exporter, request->exporter, TLS_EXPORTER_LEN) == 0 ||
		       fault("exporter")) &&
	       (memcmp(c->nonce, nonce, SHA256_LEN) == 0 || fault("nonce")) &&
	       (memcmp(c->host_id, verifier.host_id, HOST_ID_LEN) == 0 || fault("host id")) &&
	       (memcmp(c->runtime_digest, log, SHA256_LEN) == 0 || fault("runtime log")) &&
	       (bytes_equal_str(c->verifier_id, "verifier.example") || fault("verifier id"));
}

static bool certify(struct enroll_result *result, struct cert **ret)
{
	struct key *subject = NULL;
	struct cert_request request = {.uri = "spiffe://test/host/1",
		.not_before = (int64_t)time(NULL) - 60,
		.not_after = (int64_t)time(NULL) + 1000,
		.client_auth = true};
	bool ok = verifier.key_of_other
			  ? key_generate(KEY_EC_P256, &subject, &verifier.err)
			  : key_from_spki(verifier.claims.key, &subject, &verifier.err);

	request.subject = subject;
	ok = ok && cert_issue(&request, server.ca, server.ca_key, ret, &verifier.err);
	key_unref(&subject);
	if (!ok)
		return fault(verifier.err.text);
	result->certs[result->cert_count++] = cert_der(*ret);
	result->certs[result->cert_count++] = cert_der(server.ca);
	verifier.certificates++;
	return true;
}

static bool result_of(const struct tls_request *request, struct buf *out)
{
	struct enroll_finish m;
	struct evidence evidence;
	struct enroll_result result = {.state = verifier.state};
	struct cert *cert = NULL;
	bool ok = enroll_finish_decode(buf_bytes(&request->body), &m, &verifier.err) &&
		  evidence_decode(m.evidence, &evidence, &verifier.err) &&
		  claims_decode(evidence.claims, &verifier.claims, &verifier.err);

	if (!ok)
		return fault(verifier.err.text);
	if (!bytes_equal(m.session, BYTES_LIT(SESSION)) ||
		!bytes_equal(m.secret, BYTES_OF(verifier.secret)))
		return fault("session or secret");
	ok = claims_hold(&evidence, request) && quote_holds(&evidence);
	memcpy(verifier.firmware_digest, verifier.claims.firmware_digest, SHA256_LEN);
	memcpy(result.host_id, verifier.host_id, HOST_ID_LEN);
	result.host_id[0] ^= verifier.other_host_in_result;
	if (verifier.state == HOST_ACTIVE && !verifier.no_certificate)
		ok = ok && certify(&result, &cert);
	ok = ok && (enroll_result_encode(&result, out, &verifier.err) || fault(verifier.err.text));
	cert_unref(&cert);
	return ok;
}

static int refusal(int status, struct buf *out)
{
	buf_put_str(out, "{\"error\":{\"message\":\"not today\",\"hint\":\"ask\"}}");
	return status;
}

static int serve(struct tls_server *s, const struct tls_request *request, struct buf *out)
{
	(void)s;
	if (strcmp(request->path, "/v1/enroll/begin") == 0) {
		verifier.begun++;
		verifier.proven = false;
		if (verifier.begin_status)
			return refusal(verifier.begin_status, out);
		return offer(buf_bytes(&request->body), out) ? 200 : 500;
	}
	if (strcmp(request->path, "/v1/enroll/finish") == 0) {
		verifier.finished++;
		if (verifier.finish_status)
			return refusal(verifier.finish_status, out);
		if (verifier.proven)
			return refusal(403, out);
		verifier.proven = true;
		if (verifier.lost > 0) {
			verifier.lost--;
			return 0;
		}
		return result_of(request, out) ? 200 : 500;
	}
	memcpy(verifier.shown_key, request->key_id, SHA256_LEN);
	return 200;
}

/* ---- the fixture ---- */

static void verifier_forget(void)
{
	verifier_forget_offer();
	memset(&verifier, 0, sizeof(verifier));
	verifier.state = HOST_ACTIVE;
}

static bool client_fresh(void)
{
	const struct client_options options = {
		.url = server.url, .ca = buf_bytes(&server.ca_pem), .timeout_ms = 20000};

	client_free(&client);
	return client_new(&options, &client, &err);
}

static int setup(void **state)
{
	strcpy(directory, "/tmp/assay-test-enroll-XXXXXX");
	verifier_forget();
	memset(&err, 0, sizeof(err));
	server.answer = serve;
	server.patience_ms = 20000; /* quotes are made while the connection stands idle */
	if (!mkdtemp(directory) || fixture_setup(state) != 0 || !tls_server_start(&server, &err))
		return -1;
	snprintf(state_dir, sizeof(state_dir), "%s/state", directory);
	return client_fresh() ? 0 : -1;
}

static int teardown(void **state)
{
	char command[96];

	client_free(&client);
	tls_server_stop(&server);
	enrolment_release(&enrolment);
	enrolment_release(&loaded);
	verifier_forget();
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return fixture_teardown(state) + (system(command) == 0 ? 0 : -1);
}

static const char *state_path(const char *name)
{
	static char path[160];

	snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	return path;
}

static void read_state(const char *name, struct buf *out)
{
	if (!file_read(state_path(name), 65536, out, &err))
		fail_msg("%s", err.text);
}

static void write_state(const char *name, const char *text)
{
	assert_ok(file_write_atomic(state_path(name), bytes_str(text), 0600, &err), err);
}

static struct enroll_options options_of(void)
{
	return (struct enroll_options){.state_dir = state_dir, .name = BYTES_LIT("host-1")};
}

static bool run_with(const struct tpm_fixture *f, const struct enroll_options *options)
{
	bool ok;

	enrolment_release(&enrolment);
	ok = enroll_run(f->tpm, client, options, &enrolment, &err);
	if (verifier.fault[0])
		fail_msg("the verifier: %s", verifier.fault);
	return ok;
}

static bool run(const struct tpm_fixture *f)
{
	struct enroll_options options = options_of();

	return run_with(f, &options);
}

static void assert_run_fails(const struct tpm_fixture *f, enum err_code code, const char *text)
{
	memset(&err, 0, sizeof(err));
	assert_false(run(f));
	assert_string_equal(err.text, text);
	assert_int_equal(err.code, code);
	assert_null(enrolment.key);
	assert_int_equal(enrolment.certificate_pem.len, 0);
}

static void assert_mode(const char *path, unsigned mode)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

static void assert_not_enrolled(void)
{
	assert_fails(enroll_load(state_dir, &loaded, &err), err, ERR_NOT_FOUND,
		"this host is not enrolled");
}

static void assert_same_enrolment(const struct enrolment *a, const struct enrolment *b)
{
	assert_memory_equal(a->host_id, b->host_id, HOST_ID_LEN);
	assert_int_equal(a->state, b->state);
	assert_string_equal(a->verifier_id, b->verifier_id);
	assert_int_equal(a->ek_template, b->ek_template);
	assert_int_equal(a->ak.kind, b->ak.kind);
	assert_int_equal(a->ak.handle, b->ak.handle);
	assert_int_equal(a->ak.generation, b->ak.generation);
	assert_int_equal(a->ak.transient, b->ak.transient);
	assert_bytes(tpm_name_bytes(&a->ak_name), tpm_name_bytes(&b->ak_name));
	assert_bytes(tpm_name_bytes(&a->ak.expected), tpm_name_bytes(&b->ak_name));
	assert_true(key_equal(a->key, b->key));
	assert_bytes(buf_bytes(&a->certificate_pem), buf_bytes(&b->certificate_pem));
	assert_int_equal(a->not_before, b->not_before);
	assert_int_equal(a->not_after, b->not_after);
}

/* ---- the exchange ---- */

static void run__first_time__proven_and_kept(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct enroll_options options = options_of();

	options.join_token = BYTES_LIT("a token");
	assert_ok(run_with(f, &options), err);
	assert_int_equal(enrolment.state, HOST_ACTIVE);
	assert_memory_equal(enrolment.host_id, verifier.host_id, HOST_ID_LEN);
	assert_string_equal(enrolment.verifier_id, "verifier.example");
	assert_int_equal(enrolment.ek_template, EK_TEMPLATE_L1);
	assert_true(enrolment.not_after > enrolment.not_before);
	assert_bytes(buf_bytes(&verifier.token), BYTES_LIT("a token"));
	assert_bytes(buf_bytes(&verifier.name), BYTES_LIT("host-1"));
	assert_true(verifier.ek_certificate.len > 0);
	assert_mode(state_dir, 0700);
	assert_mode(state_path("host.key"), 0600);
	assert_mode(state_path("host.pem"), 0600);
	assert_mode(state_path("host.json"), 0600);
	assert_ok(enroll_load(state_dir, &loaded, &err), err);
	assert_same_enrolment(&loaded, &enrolment);
}

static void run__done__client_shows_the_certificate(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct buf answer = {0};
	int status = 0;

	assert_ok(run(f), err);
	assert_ok(client_request(
			  client, "/v1/other", NULL, (struct bytes){0}, &answer, &status, &err),
		err);
	buf_release(&answer);
	assert_memory_equal(verifier.shown_key, key_id(enrolment.key), SHA256_LEN);
}

static void run__again__same_identity_and_key(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct tpm_name ak;

	assert_ok(run(f), err);
	assert_ok(enroll_load(state_dir, &loaded, &err), err);
	ak = loaded.ak_name;
	assert_ok(client_fresh(), err);
	assert_ok(run(f), err);
	assert_memory_equal(enrolment.host_id, loaded.host_id, HOST_ID_LEN);
	assert_true(key_equal(enrolment.key, loaded.key));
	assert_bytes(tpm_name_bytes(&enrolment.ak_name), tpm_name_bytes(&ak));
	assert_int_equal(verifier.certificates, 2);
}

static void run__logs_given__in_the_claims(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct enroll_options options = options_of();
	uint8_t firmware[SHA256_LEN];

	options.runtime_first = 2;
	options.runtime_next = 4;
	options.runtime_log = BYTES_LIT("records 2 and 3");
	options.firmware_log = BYTES_LIT("firmware");
	options.ima_path = "/nonexistent/ima";
	assert_ok(run_with(f, &options), err);
	assert_int_equal(verifier.claims.runtime_first, 2);
	assert_int_equal(verifier.claims.runtime_next, 4);
	assert_int_equal(verifier.claims.runtime_length, 15);
	assert_ok(sha256_of(BYTES_LIT("firmware"), firmware, &err), err);
	assert_memory_equal(verifier.firmware_digest, firmware, SHA256_LEN);
}

static void run__other_templates_and_kinds__found_again(void **state)
{
	static const struct {
		enum ek_template ek;
		enum ak_kind ak;
		bool transient;
		uint32_t generation;
	} rows[] = {
		{EK_TEMPLATE_L1, AK_RSA_2048, true, 0},
		{EK_TEMPLATE_H3, AK_ECC_P384, true, 0},
		{EK_TEMPLATE_H3, AK_ECC_P256, true, 3},
	};
	struct tpm_fixture *f = fixture_of(state);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct enroll_options options = options_of();
		options.ek.want = rows[i].ek;
		options.ak.kind = rows[i].ak;
		options.ak.transient = rows[i].transient;
		options.ak.generation = rows[i].generation;
		verifier_forget();
		assert_ok(client_fresh(), err);
		assert_ok(run_with(f, &options), err);
		enrolment_release(&loaded);
		assert_ok(enroll_load(state_dir, &loaded, &err), err);
		assert_same_enrolment(&loaded, &enrolment);
		assert_int_equal(loaded.ek_template, rows[i].ek);
	}
}

static void run__connection_lost_in_between__bound_to_the_new_one(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	server.drop = 2;
	assert_ok(run(f), err);
	assert_int_equal(atomic_load(&server.connections), 2);
	assert_int_equal(verifier.finished, 1);
}

static void run__answer_to_the_proof_lost__begun_again_once(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	verifier.lost = 1;
	assert_ok(run(f), err);
	assert_int_equal(verifier.begun, 2);
	assert_int_equal(verifier.finished, 3);
	assert_int_equal(enrolment.state, HOST_ACTIVE);
	assert_ok(enroll_load(state_dir, &loaded, &err), err);
	verifier.begun = verifier.finished = 0;
	verifier.lost = 2;
	assert_ok(client_fresh(), err);
	assert_run_fails(f, ERR_DENIED, "enrolment: not today (ask)");
	assert_int_equal(verifier.begun, 2);
	assert_int_equal(verifier.finished, 4);
}

static void run__pending__no_certificate_until_confirmed(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	verifier.state = HOST_PENDING;
	assert_ok(run(f), err);
	assert_int_equal(enrolment.state, HOST_PENDING);
	assert_int_equal(enrolment.certificate_pem.len, 0);
	assert_int_equal(enrolment.not_after, 0);
	assert_int_equal(access(state_path("host.pem"), F_OK), -1);
	assert_ok(enroll_load(state_dir, &loaded, &err), err);
	assert_same_enrolment(&loaded, &enrolment);
	verifier.state = HOST_ACTIVE;
	buf_release(&verifier.ek_public);
	buf_release(&verifier.ak_public);
	assert_ok(run(f), err);
	assert_int_equal(enrolment.state, HOST_ACTIVE);
	assert_true(key_equal(enrolment.key, loaded.key));
	assert_true(enrolment.certificate_pem.len > 0);
}

static void run__refused__only_the_key_was_made(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct buf before = {0}, after = {0};

	verifier.begin_status = 403;
	assert_run_fails(f, ERR_DENIED, "enrolment: not today (ask)");
	assert_int_equal(verifier.finished, 0);
	assert_not_enrolled();
	read_state("host.key", &before);
	verifier.begin_status = 0;
	verifier.finish_status = 409;
	assert_run_fails(f, ERR_CONFLICT, "enrolment: not today (ask)");
	assert_not_enrolled();
	read_state("host.key", &after);
	bool same = bytes_equal(buf_bytes(&before), buf_bytes(&after));
	buf_release(&before);
	buf_release(&after);
	assert_true(same);
	assert_int_equal(access(state_path("host.pem"), F_OK), -1);
}

static void run__refused_after_success__what_was_kept_stays(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(run(f), err);
	verifier.finish_status = 503;
	assert_run_fails(f, ERR_BUSY, "enrolment: not today (ask)");
	assert_ok(enroll_load(state_dir, &loaded, &err), err);
	assert_int_equal(loaded.state, HOST_ACTIVE);
}

static void run__credential_for_another_key__not_answered(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	verifier.credential_for_other = true;
	memset(&err, 0, sizeof(err));
	assert_false(run(f));
	assert_non_null(strstr(err.text, "enrolment: activating the credential: "));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_int_equal(verifier.finished, 0);
	assert_not_enrolled();
}

static void run__answers_that_do_not_fit__refused_and_nothing_kept(void **state)
{
	static const struct {
		size_t flag;
		enum err_code code;
		const char *text;
	} rows[] = {
		{offsetof(struct verifier, other_host_in_offer), ERR_MISMATCH,
			"enrolment: the verifier takes this host for another one"},
		{offsetof(struct verifier, other_host_in_result), ERR_MISMATCH,
			"enrolment: the verifier takes this host for another one"},
		{offsetof(struct verifier, key_of_other), ERR_MISMATCH,
			"enrolment: host certificate: it is for another key than host.key"},
		{offsetof(struct verifier, no_certificate), ERR_FORMAT,
			"enrolment: host certificate: there is none"},
	};
	struct tpm_fixture *f = fixture_of(state);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		verifier_forget();
		*((bool *)&verifier + rows[i].flag) = true;
		assert_run_fails(f, rows[i].code, rows[i].text);
		assert_not_enrolled();
	}
}

static void run__state_directory_cannot_be_made__io(void **state)
{
	struct tpm_fixture *f = fixture_of(state);

	assert_ok(file_write_atomic(state_dir, BYTES_LIT("a file"), 0600, &err), err);
	memset(&err, 0, sizeof(err));
	assert_false(run(f));
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(verifier.begun, 0);
}

/* ---- what was kept ---- */

static void load__nothing_there__not_enrolled(void **state)
{
	(void)state;
	assert_not_enrolled();
	assert_int_equal(access(state_dir, F_OK), -1);
}

static void load__files_missing_or_foreign__named(void **state)
{
	static const struct {
		const char *file, *content; /* NULL: removed */
		enum err_code code;
		const char *text;
	} rows[] = {
		{"host.key", NULL, ERR_CONFIG, "enrol again (assay enroll): "},
		{"host.pem", NULL, ERR_CONFIG, "enrol again (assay enroll): "},
		{"host.key", "garbage", ERR_FORMAT, "host.key: "},
		{"host.pem", "garbage", ERR_FORMAT, "host certificate: "},
		{"host.pem", "", ERR_FORMAT, "host certificate: "},
		{"host.json", "{}", ERR_FORMAT, "host.json: "},
		{"host.json", "{", ERR_FORMAT, "JSON"},
	};
	struct tpm_fixture *f = fixture_of(state);
	struct buf kept = {0};

	assert_ok(run(f), err);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		read_state(rows[i].file, &kept);
		if (rows[i].content)
			write_state(rows[i].file, rows[i].content);
		else
			assert_int_equal(unlink(state_path(rows[i].file)), 0);
		memset(&err, 0, sizeof(err));
		assert_false(enroll_load(state_dir, &loaded, &err));
		if (err.code != rows[i].code || !strstr(err.text, rows[i].text) ||
			!strstr(err.text, state_dir))
			fail_msg("%s %zu: %s", rows[i].file, i, err.text);
		assert_int_equal(access(state_path(rows[i].file), F_OK),
			rows[i].content ? 0 : -1); /* looking makes nothing */
		assert_ok(file_write_atomic(state_path(rows[i].file), buf_bytes(&kept), 0600, &err),
			err);
		buf_release(&kept);
	}
	assert_ok(enroll_load(state_dir, &loaded, &err), err);
}

static void load__certificate_of_another_key__mismatch(void **state)
{
	struct tpm_fixture *f = fixture_of(state);
	struct key *other = NULL;
	struct buf pem = {0};

	assert_ok(run(f), err);
	assert_ok(key_generate(KEY_EC_P256, &other, &err), err);
	assert_ok(key_private_pem(other, &pem, &err), err);
	write_state("host.key", buf_str(&pem));
	key_unref(&other);
	buf_release(&pem);
	memset(&err, 0, sizeof(err));
	assert_false(enroll_load(state_dir, &loaded, &err));
	assert_int_equal(err.code, ERR_MISMATCH);
	assert_non_null(strstr(err.text, "host certificate: it is for another key than host.key"));
}

static void load__json_with_one_field_changed__refused(void **state)
{
	static const struct {
		const char *from, *to, *text;
	} rows[] = {
		{"\"active\"", "\"happy\"", "state"},
		{"\"L-1\"", "\"L-9\"", "ek_template"},
		{"\"ecc-p256\"", "\"dsa\"", "ak"},
		{"\"ak_name\": \"000b", "\"ak_name\": \"zz0b", "ak_name"},
		{"\"ak_handle\": 0", "\"ak_handle\": -1", "ak_handle"},
		{"\"host\": \"", "\"host\": \"0", "host"},
	};
	struct tpm_fixture *f = fixture_of(state);
	struct buf kept = {0}, changed = {0};

	assert_ok(run(f), err);
	read_state("host.json", &kept);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *text = buf_str(&kept), *at = strstr(text, rows[i].from);
		if (!at)
			fail_msg("no %s in %s", rows[i].from, text);
		buf_clear(&changed);
		buf_put(&changed, bytes_of(text, (size_t)(at - text)));
		buf_put_str(&changed, rows[i].to);
		buf_put_str(&changed, at + strlen(rows[i].from));
		write_state("host.json", buf_str(&changed));
		memset(&err, 0, sizeof(err));
		assert_false(enroll_load(state_dir, &loaded, &err));
		assert_int_equal(err.code, ERR_FORMAT);
		if (!strstr(err.text, rows[i].text))
			fail_msg("\"%s\" lacks \"%s\"", err.text, rows[i].text);
	}
	buf_release(&kept);
	buf_release(&changed);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(run__first_time__proven_and_kept),
		ROW(run__done__client_shows_the_certificate),
		ROW(run__again__same_identity_and_key),
		ROW(run__logs_given__in_the_claims),
		ROW(run__other_templates_and_kinds__found_again),
		ROW(run__connection_lost_in_between__bound_to_the_new_one),
		ROW(run__answer_to_the_proof_lost__begun_again_once),
		ROW(run__pending__no_certificate_until_confirmed),
		ROW(run__refused__only_the_key_was_made),
		ROW(run__refused_after_success__what_was_kept_stays),
		ROW(run__credential_for_another_key__not_answered),
		ROW(run__answers_that_do_not_fit__refused_and_nothing_kept),
		ROW(run__state_directory_cannot_be_made__io),
		ROW(load__nothing_there__not_enrolled),
		ROW(load__files_missing_or_foreign__named),
		ROW(load__certificate_of_another_key__mismatch),
		ROW(load__json_with_one_field_changed__refused),
	};

	setenv("TSS2_LOG", "all+NONE", 0);
	return cmocka_run_group_tests(tests, fixture_group_setup, fixture_group_teardown);
}
