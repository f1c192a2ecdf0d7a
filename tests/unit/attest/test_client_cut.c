/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier's answer breaks off at every byte: a part of an answer is no credential and no verdict, whichever way the
 * connection ends and however the answer is framed; and the next request, over a new connection, works.
 */
#include "attest/client.h"

#include "tests/unit/attest/tls_server.h"

static struct tls_server server;
static struct client *client;
static struct buf buffer;
static struct err err;
static unsigned builds;

static const uint8_t certificate[] = {0x30, 0x82, 0x01, 0x02, 0x03};

static int answer(struct tls_server *self, const struct tls_request *request, struct buf *body)
{
	struct attest_result trusted = {.trusted = true,
		.verdict = BYTES_LIT("{\"outcome\":\"trusted\",\"reasons\":[]}"),
		.cert_count = 1,
		.certs = {BYTES_OF(certificate)},
		.token_count = 1,
		.tokens = {BYTES_LIT("token")},
		.expires = 1900000000,
		.renew_after = 300,
		.next = {.challenge = BYTES_LIT("next challenge"), .expires = 1900000000}};
	struct enroll_offer offer = {.verifier_id = BYTES_LIT("spiffe://bank.example/verifier"),
		.session = BYTES_LIT("session"),
		.id_object = BYTES_LIT("id object"),
		.encrypted_secret = BYTES_LIT("secret")};
	struct challenge_offer challenge = {
		.challenge = BYTES_LIT("challenge"), .expires = 1900000000};
	(void)self;
	bool ok = strcmp(request->path, "/v1/attest") == 0
			  ? attest_result_encode(&trusted, body, NULL)
		  : strcmp(request->path, "/v1/challenge") == 0
			  ? challenge_offer_encode(&challenge, body, NULL)
			  : enroll_offer_encode(&offer, body, NULL);
	return ok ? 200 : 500;
}

static bool build(
	void *context, const uint8_t exporter[TLS_EXPORTER_LEN], struct buf *out, struct err *why)
{
	(void)context;
	builds++;
	buf_put(out, bytes_of(exporter, TLS_EXPORTER_LEN));
	return buf_ok(out, why);
}

static int setup(void **state)
{
	struct client_options options = {.timeout_ms = 5000};
	(void)state;
	server.answer = answer;
	assert_ok(tls_server_start(&server, &err), err);
	options.url = server.url;
	options.ca = buf_bytes(&server.ca_pem);
	assert_ok(client_new(&options, &client, &err), err);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	client_free(&client);
	tls_server_stop(&server);
	buf_release(&buffer);
	return 0;
}

/* ---- the requests that have an answer worth something ---- */

static bool attest(void)
{
	struct attest_result result;
	return client_attest(client, build, NULL, &buffer, &result, &err) && result.trusted &&
	       result.cert_count == 1;
}
static bool challenge(void)
{
	struct challenge_request request = {.purpose = PURPOSE_LAUNCH, .instance = {1}};
	struct challenge_offer offer;
	return client_challenge(client, &request, &buffer, &offer, &err) &&
	       bytes_equal_str(offer.challenge, "challenge");
}
static bool enroll(void)
{
	struct enroll_begin request = {.ek_public = BYTES_LIT("ek"),
		.ak_public = BYTES_LIT("ak"),
		.name = BYTES_LIT("host-1")};
	struct enroll_offer offer;
	return client_enroll_begin(client, &request, &buffer, &offer, &err) &&
	       bytes_equal_str(offer.session, "session");
}

static bool (*const requests[])(void) = {attest, challenge, enroll};

static void cut_at(bool (*request)(void), size_t at)
{
	server.cut = at;
	err = (struct err){0};
	if (request())
		fail_msg("%zu bytes of an answer were taken for the whole", at);
	/* Never one that says that the verifier refused. */
	if (err.code != ERR_NET && err.code != ERR_FORMAT)
		fail_msg("%zu bytes: %s: %s", at, err_code_name(err.code), err.text);
	server.cut = 0;
}

static void cut_everywhere(void)
{
	for (size_t r = 0; r < ARRAY_LEN(requests); r++) {
		assert_ok(requests[r](), err);
		size_t whole = strlen("HTTP/1.1 200 X\r\n\r\n") + buffer.len;
		if (!server.uncounted)
			whole += (size_t)snprintf(NULL, 0, "Content-Length: %zu\r\n", buffer.len);
		for (size_t at = 1; at < whole; at++)
			cut_at(requests[r], at);
		assert_ok(requests[r](), err);
	}
}

static void answer__cut_at_every_byte__no_answer(void **state)
{
	(void)state;
	cut_everywhere();
}

static void answer__torn_at_every_byte__no_answer(void **state)
{
	(void)state;
	server.torn = true;
	cut_everywhere();
}

/* Nothing but the message itself says where such an answer ends. */
static void answer_without_length__cut_at_every_byte__no_answer(void **state)
{
	(void)state;
	server.uncounted = true;
	cut_everywhere();
}

/* The answer is lost, the request was sent once: whether it was decided is the verifier's to say, to a new challenge. */
static void answer__cut__request_not_repeated_by_itself(void **state)
{
	(void)state;
	cut_at(attest, 60);
	assert_int_equal(err.code, ERR_NET);
	assert_int_equal(builds, 1);
	assert_int_equal(atomic_load(&server.requests), 1);
	assert_true(attest());
	assert_int_equal(atomic_load(&server.connections), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(answer__cut__request_not_repeated_by_itself),
		T(answer__cut_at_every_byte__no_answer),
		T(answer__torn_at_every_byte__no_answer),
		T(answer_without_length__cut_at_every_byte__no_answer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
