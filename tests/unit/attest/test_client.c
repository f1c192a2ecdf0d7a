/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a TLS server of the test's own: pinning, the exporter on both sides, retries, errors in words. */
#include "attest/client.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/file.h"
#include "tests/support/fork_threads.h"
#include "tests/unit/attest/tls_server.h"

struct build_state {
	unsigned calls;
	uint8_t exporter[TLS_EXPORTER_LEN]; /* of the last call */
	bool fail;
	size_t padding;
};
struct seen {
	uint8_t exporter[TLS_EXPORTER_LEN];
	char path[128], media_type[128];
	struct buf body;
	unsigned connection;
	bool with_certificate;
	uint8_t key_id[SHA256_LEN];
	int status;
	const char *text; /* answered instead of a verdict */
};

struct fixture {
	struct tls_server server;
	struct client *client;
	struct build_state build;
	struct seen seen;
	struct buf buffer;
	struct attest_result result;
	struct key *key;
	struct cert *cert;
	struct err err;
};

static int answer(struct tls_server *server, const struct tls_request *request, struct buf *body)
{
	struct seen *seen = server->state;
	struct attest_result refused = {.verdict = BYTES_LIT("{}")};

	memcpy(seen->exporter, request->exporter, TLS_EXPORTER_LEN);
	memcpy(seen->key_id, request->key_id, SHA256_LEN);
	memcpy(seen->path, request->path, sizeof(seen->path));
	memcpy(seen->media_type, request->media_type, sizeof(seen->media_type));
	seen->connection = request->connection;
	seen->with_certificate = request->with_certificate;
	buf_clear(&seen->body);
	buf_put(&seen->body, buf_bytes(&request->body));
	if (seen->text)
		buf_put_str(body, seen->text);
	else if (!attest_result_encode(&refused, body, NULL))
		return 500;
	return seen->status ? seen->status : 200;
}

static bool build(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *err)
{
	struct build_state *state = context;

	state->calls++;
	memcpy(state->exporter, exporter, TLS_EXPORTER_LEN);
	if (state->fail)
		return err_set(err, ERR_TPM, "quote: the TPM is gone");
	buf_put(out, bytes_of(exporter, TLS_EXPORTER_LEN));
	for (size_t i = 0; i < state->padding; i++)
		buf_put_u8(out, (uint8_t)i);
	return buf_ok(out, err);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	if (!f)
		return -1;
	f->server.answer = answer;
	f->server.state = &f->seen;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	client_free(&f->client);
	tls_server_stop(&f->server);
	buf_release(&f->seen.body);
	buf_release(&f->buffer);
	key_unref(&f->key);
	cert_unref(&f->cert);
	free(f);
	return 0;
}

static void start(struct fixture *f)
{
	struct client_options options = {.timeout_ms = 5000};

	assert_ok(tls_server_start(&f->server, &f->err), f->err);
	options.url = f->server.url;
	options.ca = buf_bytes(&f->server.ca_pem);
	assert_ok(client_new(&options, &f->client, &f->err), f->err);
}

static bool attest(struct fixture *f)
{
	return client_attest(f->client, build, &f->build, &f->buffer, &f->result, &f->err);
}

/* What the server got is what was built for the very connection that it came over. */
static void assert_bound(const struct fixture *f)
{
	assert_true(f->seen.body.len >= TLS_EXPORTER_LEN);
	assert_memory_equal(f->seen.exporter, f->seen.body.data, TLS_EXPORTER_LEN);
	assert_memory_equal(f->seen.exporter, f->build.exporter, TLS_EXPORTER_LEN);
}

static void attest__one_request__exporter_same_on_both_sides(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_ok(attest(f), f->err);
	assert_false(f->result.trusted);
	assert_bound(f);
	assert_string_equal(f->seen.path, "/v1/attest");
	assert_string_equal(f->seen.media_type, MEDIA_EVIDENCE);
	assert_int_equal(f->build.calls, 1);
	assert_false(f->seen.with_certificate);
}

static void attest__twice__connection_kept(void **state)
{
	struct fixture *f = *state;

	start(f);
	assert_ok(attest(f), f->err);
	assert_ok(attest(f), f->err);
	assert_bound(f);
	assert_int_equal(f->seen.connection, 1);
	assert_int_equal(f->build.calls, 2);
}

static void attest__body_of_300_kilobytes__arrives_whole(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->build.padding = 300000;
	assert_ok(attest(f), f->err);
	assert_bound(f);
	assert_int_equal(f->seen.body.len, TLS_EXPORTER_LEN + 300000);
	assert_int_equal(f->seen.body.data[f->seen.body.len - 1], (uint8_t)299999);
}

/* The server closes an idle connection: the client notices before it sends. */
static void attest__connection_closed_meanwhile__built_for_the_new_one(void **state)
{
	struct fixture *f = *state;
	uint8_t first[TLS_EXPORTER_LEN];

	f->server.close_each = true;
	start(f);
	assert_ok(attest(f), f->err);
	memcpy(first, f->build.exporter, sizeof(first));
	assert_ok(attest(f), f->err);
	assert_bound(f);
	assert_int_equal(f->seen.connection, 2);
	assert_memory_not_equal(first, f->build.exporter, sizeof(first));
}

static void client_with(struct fixture *f, struct bytes ca)
{
	struct client_options options = {.url = f->server.url, .ca = ca, .timeout_ms = 5000};

	client_free(&f->client);
	assert_ok(client_new(&options, &f->client, &f->err), f->err);
}

/* The session goes on, and with it whose it is; the exporter is each connection's own. */
static void attest__connection_closed_meanwhile__session_resumed(void **state)
{
	struct fixture *f = *state;
	uint8_t before[TLS_EXPORTER_LEN] = {0};

	f->server.close_each = true;
	start(f);
	for (unsigned i = 0; i < 4; i++) {
		assert_ok(attest(f), f->err);
		assert_bound(f);
		assert_int_equal(f->server.connections, i + 1);
		assert_int_equal(f->server.resumed, i);
		assert_memory_not_equal(before, f->build.exporter, sizeof(before));
		memcpy(before, f->build.exporter, sizeof(before));
	}
}

/* Of another client, with the same CA and for the same server, nothing is resumed. */
static void attest__another_client__session_of_its_own(void **state)
{
	struct fixture *f = *state;

	f->server.close_each = true;
	start(f);
	assert_ok(attest(f), f->err);
	client_with(f, buf_bytes(&f->server.ca_pem));
	assert_ok(attest(f), f->err);
	assert_int_equal(f->server.connections, 2);
	assert_int_equal(f->server.resumed, 0);
}

/* A resumed session shows no certificate: what it began with has to be good still. */
static void attest__certificate_expired_since__not_resumed(void **state)
{
	static const char *const local[] = {"127.0.0.1", NULL};
	struct fixture *f = *state;
	int64_t end = (int64_t)time(NULL) + 2;

	f->server.close_each = true;
	assert_ok(tls_server_certify(&f->server, local, end, &f->err), f->err);
	start(f);
	assert_ok(attest(f), f->err);
	while ((int64_t)time(NULL) <= end)
		nanosleep(&(struct timespec){0, 50000000}, NULL);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_non_null(strstr(f->err.text, "certificate has expired"));
	assert_int_equal(f->server.resumed, 1);
	assert_int_equal(f->server.requests, 1);
	/* And for good: the session is not offered again. */
	assert_false(attest(f));
	assert_int_equal(f->server.resumed, 1);
}

/* It breaks after the body was sent: libcurl sends again over a new connection, and the body must not be the old one. */
static void attest__connection_lost_before_answer__body_rebuilt(void **state)
{
	static const size_t paddings[] = {0, 300000};

	for (size_t i = 0; i < ARRAY_LEN(paddings); i++) {
		struct fixture *f = *state;

		f->server.drop = 2;
		f->build.padding = paddings[i];
		start(f);
		assert_ok(attest(f), f->err);
		assert_ok(attest(f), f->err);
		assert_bound(f);
		assert_int_equal(f->seen.connection, 2);
		assert_int_equal(f->build.calls, 3);
		assert_int_equal(f->seen.body.len, TLS_EXPORTER_LEN + paddings[i]);
		teardown(state);
		assert_int_equal(setup(state), 0);
	}
}

static void attest__fresh_connection_lost__error(void **state)
{
	struct fixture *f = *state;

	f->server.drop = 1;
	start(f);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_non_null(strstr(f->err.text, f->server.url));
	assert_int_equal(f->build.calls, 1);
}

static void attest__build_fails__its_error(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->build.fail = true;
	assert_fails(attest(f), f->err, ERR_TPM, "quote: the TPM is gone");
	f->build.fail = false;
	assert_ok(attest(f), f->err);
	assert_bound(f);
}

static void attest__answer_is_no_message__format(void **state)
{
	struct fixture *f = *state;

	start(f);
	f->seen.text = "<html>";
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_FORMAT);
}

static void attest__errors_of_the_verifier__in_its_words(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum err_code code;
		const char *text;
	} rows[] = {
		{400, "{\"error\":{\"code\":\"x\",\"message\":\"bad\",\"hint\":\"mend it\"}}",
			ERR_FORMAT, "bad (mend it)"},
		{401, "{\"error\":{\"code\":\"x\",\"message\":\"who?\"}}", ERR_MISMATCH, "who?"},
		{403, "{\"error\":{\"message\":\"a\\u001b[31mb\",\"hint\":\"\"}}", ERR_DENIED,
			"a\\x1b[31mb"},
		{404, "", ERR_NOT_FOUND, "the verifier answered with HTTP status 404"},
		{409, "[]", ERR_CONFLICT, "the verifier answered with HTTP status 409"},
		{410, "{\"error\":{\"message\":\"no more\"}}", ERR_GONE, "no more"},
		{413, "{\"error\":\"text\"}", ERR_LIMIT,
			"the verifier answered with HTTP status 413"},
		{429, "{\"error\":{\"message\":3}}", ERR_BUSY,
			"the verifier answered with HTTP status 429"},
		{503, "{\"error\":{\"message\":\"later\"}}", ERR_BUSY, "later"},
		{302, "", ERR_NET, "the verifier answered with HTTP status 302"},
		{500, "{", ERR_NET, "the verifier answered with HTTP status 500"},
	};
	struct fixture *f = *state;

	start(f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f->seen.status = rows[i].status;
		f->seen.text = rows[i].body;
		assert_fails(attest(f), f->err, rows[i].code, rows[i].text);
	}
}

static void attest__asked_to_wait__as_the_answer_says_and_bounded(void **state)
{
	static const struct {
		int status;
		const char *after;
		unsigned wanted;
	} rows[] = {
		{429, "7", 7},
		{503, "2", 2},
		{429, "86400", CLIENT_RETRY_AFTER_MAX},
		{429, "-3", 0},
		{429, "soon", 0},
		{429, NULL, 0},
		{500, "7", 0},
		{200, "7", 0},
	};
	struct fixture *f = *state;

	start(f);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		f->seen.status = rows[i].status;
		f->server.retry_after = rows[i].after;
		assert_int_equal(attest(f), rows[i].status == 200);
		assert_int_equal(client_retry_after(f->client), rows[i].wanted);
	}
	/* All of it over one connection. */
	assert_int_equal(f->server.connections, 1);
}

static int answer_large(
	struct tls_server *server, const struct tls_request *request, struct buf *body)
{
	(void)server;
	(void)request;
	buf_extend(body, CLIENT_ANSWER_MAX + 1);
	return 200;
}

static void attest__answer_too_large__refused(void **state)
{
	struct fixture *f = *state;
	char text[160];

	f->server.answer = answer_large;
	start(f);
	snprintf(text, sizeof(text), "%s: the answer is larger than 1048576 bytes", f->server.url);
	assert_fails(attest(f), f->err, ERR_FORMAT, text);
}

static void attest__certificate_of_another_ca__named_and_nothing_built(void **state)
{
	struct fixture *f = *state;
	static const char *const local[] = {"127.0.0.1", NULL};
	struct tls_server other = {.ca_name = "another CA"};
	bool ok;

	start(f);
	ok = tls_server_certify(&other, local, (int64_t)time(NULL) + 1000, &f->err);
	if (ok)
		client_with(f, buf_bytes(&other.ca_pem));
	tls_server_stop(&other);
	assert_true(ok);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_non_null(strstr(f->err.text,
		"its certificate was issued by /CN=test CA, not by the pinned CA: "
		"a proxy that inspects TLS, or another verifier"));
	assert_int_equal(f->build.calls, 0);
}

static void attest__certificate_expired__not_taken_for_a_proxy(void **state)
{
	struct fixture *f = *state;
	static const char *const local[] = {"127.0.0.1", NULL};

	assert_ok(
		tls_server_certify(&f->server, local, (int64_t)time(NULL) - 1000, &f->err), f->err);
	start(f);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_non_null(strstr(f->err.text, "certificate has expired"));
	assert_null(strstr(f->err.text, "inspects"));
	assert_int_equal(f->build.calls, 0);
}

static void attest__certificate_for_another_name__refused(void **state)
{
	struct fixture *f = *state;
	static const char *const elsewhere[] = {"verifier.example", NULL};

	assert_ok(tls_server_certify(&f->server, elsewhere, (int64_t)time(NULL) + 1000, &f->err),
		f->err);
	start(f);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_int_equal(f->build.calls, 0);
}

/* Puts the server's CA where the system keeps the ones that it trusts, in a mount namespace of this process. */
static bool trust_system_wide(const struct fixture *f, const char *directory)
{
	char path[128];
	struct err err = {0};

	if (unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS) != 0 ||
		mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/%08lx.0", directory,
		X509_NAME_hash_ex(
			X509_get_subject_name(cert_x509(f->server.ca)), NULL, NULL, NULL));
	if (!file_write_atomic(path, buf_bytes(&f->server.ca_pem), 0644, &err))
		return false;
	snprintf(path, sizeof(path), "%s/ca-certificates.crt", directory);
	return file_write_atomic(path, buf_bytes(&f->server.ca_pem), 0644, &err) &&
	       mount(directory, "/etc/ssl/certs", NULL, MS_BIND, NULL) == 0;
}

static void attest__ca_that_only_the_system_trusts__refused(void **state)
{
	struct fixture *f = *state;
	static const char *const local[] = {"127.0.0.1", NULL};
	char directory[] = "/tmp/assay-test-certs-XXXXXX", command[64];
	struct tls_server other = {.ca_name = "another CA"};
	int status = -1;
	pid_t child;
	bool ok;

	assert_non_null(mkdtemp(directory));
	start(f);
	ok = tls_server_certify(&other, local, (int64_t)time(NULL) + 1000, &f->err);
	if (ok)
		client_with(f, buf_bytes(&other.ca_pem));
	tls_server_stop(&other);
	child = ok ? fork_beside_threads() : -1;
	if (child == 0)
		_exit(!trust_system_wide(f, directory) ? 77 : attest(f) || f->build.calls ? 1 : 0);
	if (child > 0)
		waitpid(child, &status, 0);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	ok = ok && system(command) == 0;
	assert_true(ok);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		print_message("skipped: no mount namespace can be made here\n");
		skip();
	}
	assert_int_equal(status, 0);
}

static void client_identity(struct fixture *f, struct buf *pem)
{
	struct cert_request request = {.uri = "spiffe://test/host/1",
		.not_before = (int64_t)time(NULL) - 60,
		.not_after = (int64_t)time(NULL) + 1000,
		.client_auth = true};

	assert_ok(key_generate(KEY_EC_P256, &f->key, &f->err), f->err);
	request.subject = f->key;
	assert_ok(cert_issue(&request, f->server.ca, f->server.ca_key, &f->cert, &f->err), f->err);
	assert_ok(cert_pem(f->cert, pem, &f->err), f->err);
}

static void set_identity__then_request__shown_on_a_new_connection(void **state)
{
	struct fixture *f = *state;
	struct buf pem = {0};

	start(f);
	assert_ok(attest(f), f->err);
	assert_false(f->seen.with_certificate);
	client_identity(f, &pem);
	assert_ok(client_set_identity(f->client, buf_bytes(&pem), f->key, &f->err), f->err);
	buf_release(&pem);
	assert_ok(attest(f), f->err);
	assert_true(f->seen.with_certificate);
	assert_memory_equal(f->seen.key_id, key_id(f->key), SHA256_LEN);
	assert_int_equal(f->seen.connection, 2);
	assert_bound(f);
}

/* Neither the session from before, nor afterwards one without the certificate. */
static void set_identity__session_of_the_old_one__not_resumed(void **state)
{
	struct fixture *f = *state;
	struct buf pem = {0};

	f->server.close_each = true;
	start(f);
	assert_ok(attest(f), f->err);
	client_identity(f, &pem);
	assert_ok(client_set_identity(f->client, buf_bytes(&pem), f->key, &f->err), f->err);
	assert_ok(attest(f), f->err);
	assert_int_equal(f->server.resumed, 0);
	assert_true(f->seen.with_certificate);
	assert_ok(attest(f), f->err);
	assert_int_equal(f->server.resumed, 1);
	assert_true(f->seen.with_certificate);
	assert_memory_equal(f->seen.key_id, key_id(f->key), SHA256_LEN);
	assert_ok(client_set_identity(f->client, (struct bytes){0}, NULL, &f->err), f->err);
	assert_ok(attest(f), f->err);
	assert_int_equal(f->server.resumed, 1);
	assert_false(f->seen.with_certificate);
	buf_release(&pem);
}

static void request__get__path_and_status(void **state)
{
	struct fixture *f = *state;
	int status = 0;

	start(f);
	f->seen.status = 404;
	f->seen.text = "nothing";
	assert_ok(client_request(f->client, "/healthz", NULL, (struct bytes){0}, &f->buffer,
			  &status, &f->err),
		f->err);
	assert_int_equal(status, 404);
	assert_bytes(buf_bytes(&f->buffer), BYTES_LIT("nothing"));
	assert_string_equal(f->seen.path, "/healthz");
}

static void request__empty_post__no_body(void **state)
{
	struct fixture *f = *state;
	int status = 0;

	start(f);
	assert_ok(client_request(f->client, "/x", "text/plain", (struct bytes){0}, &f->buffer,
			  &status, &f->err),
		f->err);
	assert_int_equal(status, 200);
	assert_int_equal(f->seen.body.len, 0);
}

static void attest__nobody_listens__net(void **state)
{
	struct fixture *f = *state;

	start(f);
	snprintf(f->server.url, sizeof(f->server.url), "https://127.0.0.1:1");
	client_with(f, buf_bytes(&f->server.ca_pem));
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_non_null(strstr(f->err.text, "https://127.0.0.1:1: "));
}

static int answer_late(
	struct tls_server *server, const struct tls_request *request, struct buf *body)
{
	(void)request;
	(void)body;
	for (int i = 0; i < 300 && !atomic_load(&server->stop); i++)
		nanosleep(&(struct timespec){0, 10000000}, NULL);
	return 200;
}

static void attest__server_silent__times_out(void **state)
{
	struct fixture *f = *state;
	struct client_options options = {.timeout_ms = 300};

	f->server.answer = answer_late;
	start(f);
	client_free(&f->client);
	options.url = f->server.url;
	options.ca = buf_bytes(&f->server.ca_pem);
	assert_ok(client_new(&options, &f->client, &f->err), f->err);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_non_null(strstr(f->err.text, "timed out"));
}

static void attest__proxy_in_environment__passed_over(void **state)
{
	struct fixture *f = *state;
	bool ok;

	start(f);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	ok = attest(f);
	unsetenv("https_proxy");
	unsetenv("ALL_PROXY");
	assert_true(ok);
}

/* A proxy that was asked for is not passed over because the environment says so. */
static void attest__no_proxy_in_environment__proxy_still_used(void **state)
{
	struct fixture *f = *state;
	struct client_options options = {.proxy = "http://127.0.0.1:1", .timeout_ms = 5000};
	bool ok;

	start(f);
	client_free(&f->client);
	options.url = f->server.url;
	options.ca = buf_bytes(&f->server.ca_pem);
	assert_ok(client_new(&options, &f->client, &f->err), f->err);
	setenv("no_proxy", "*", 1);
	ok = attest(f);
	unsetenv("no_proxy");
	assert_false(ok);
	assert_int_equal(f->err.code, ERR_NET);
	assert_int_equal(atomic_load(&f->server.connections), 0);
}

static void attest__server_below_tls_1_3__refused(void **state)
{
	struct fixture *f = *state;

	start(f);
	SSL_CTX_set_min_proto_version(f->server.context, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(f->server.context, TLS1_2_VERSION);
	assert_false(attest(f));
	assert_int_equal(f->err.code, ERR_NET);
	assert_int_equal(f->build.calls, 0);
}

static int answer_challenge(
	struct tls_server *server, const struct tls_request *request, struct buf *body)
{
	struct seen *seen = server->state;
	struct challenge_request asked;
	const struct challenge_offer offer = {
		.challenge = BYTES_LIT("a token"), .expires = 1800000000, .runtime_first = 7};

	memcpy(seen->path, request->path, sizeof(seen->path));
	memcpy(seen->media_type, request->media_type, sizeof(seen->media_type));
	return challenge_request_decode(buf_bytes(&request->body), &asked, NULL) &&
			       asked.purpose == PURPOSE_RENEW && asked.instance[3] == 9 &&
			       challenge_offer_encode(&offer, body, NULL)
		       ? 200
		       : 500;
}

static void challenge__asked__what_the_verifier_offers(void **state)
{
	struct fixture *f = *state;
	const struct challenge_request request = {
		.purpose = PURPOSE_RENEW, .instance = {0, 0, 0, 9}};
	struct challenge_offer offer;

	f->server.answer = answer_challenge;
	start(f);
	assert_ok(client_challenge(f->client, &request, &f->buffer, &offer, &f->err), f->err);
	assert_bytes(offer.challenge, BYTES_LIT("a token"));
	assert_int_equal(offer.expires, 1800000000);
	assert_int_equal(offer.runtime_first, 7);
	assert_string_equal(f->seen.path, "/v1/challenge");
	assert_string_equal(f->seen.media_type, MEDIA_MESSAGE);
}

static void new__urls__only_https_and_nothing_behind(void **state)
{
	static const char *const wrong[] = {"http://127.0.0.1", "https://", "https:///x",
		"https://host/path", "https://user@host", "https://host?x", "ftp://host",
		"https://ho st", "https://host#x", "https://host\\x", "https://host:port",
		"https://:8443", ""};
	struct fixture *f = *state;
	struct client_options options = {0};

	start(f);
	options.ca = buf_bytes(&f->server.ca_pem);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct client *client = NULL;
		options.url = wrong[i];
		assert_false(client_new(&options, &client, &f->err));
		assert_int_equal(f->err.code, ERR_CONFIG);
		assert_null(client);
	}
}

static void new__ca_is_none__config(void **state)
{
	struct client_options options = {.url = "https://host", .ca = BYTES_LIT("no PEM")};
	struct fixture *f = *state;

	assert_false(client_new(&options, &f->client, &f->err));
	assert_int_equal(f->err.code, ERR_CONFIG);
	options.ca = (struct bytes){0};
	assert_false(client_new(&options, &f->client, &f->err));
	assert_int_equal(f->err.code, ERR_CONFIG);
}

int main(void)
{
#define ROW(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(attest__one_request__exporter_same_on_both_sides),
		ROW(attest__twice__connection_kept),
		ROW(attest__body_of_300_kilobytes__arrives_whole),
		ROW(attest__connection_closed_meanwhile__built_for_the_new_one),
		ROW(attest__connection_closed_meanwhile__session_resumed),
		ROW(attest__another_client__session_of_its_own),
		ROW(attest__certificate_expired_since__not_resumed),
		ROW(set_identity__session_of_the_old_one__not_resumed),
		ROW(attest__connection_lost_before_answer__body_rebuilt),
		ROW(attest__fresh_connection_lost__error),
		ROW(attest__build_fails__its_error),
		ROW(attest__answer_is_no_message__format),
		ROW(attest__errors_of_the_verifier__in_its_words),
		ROW(attest__answer_too_large__refused),
		ROW(attest__asked_to_wait__as_the_answer_says_and_bounded),
		ROW(attest__certificate_of_another_ca__named_and_nothing_built),
		ROW(attest__certificate_expired__not_taken_for_a_proxy),
		ROW(attest__certificate_for_another_name__refused),
		ROW(attest__ca_that_only_the_system_trusts__refused),
		ROW(set_identity__then_request__shown_on_a_new_connection),
		ROW(request__get__path_and_status),
		ROW(request__empty_post__no_body),
		ROW(attest__nobody_listens__net),
		ROW(attest__server_silent__times_out),
		ROW(attest__proxy_in_environment__passed_over),
		ROW(attest__no_proxy_in_environment__proxy_still_used),
		ROW(attest__server_below_tls_1_3__refused),
		ROW(challenge__asked__what_the_verifier_offers),
		ROW(new__urls__only_https_and_nothing_behind),
		ROW(new__ca_is_none__config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
