/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection breaks at every byte of a request: half a request decides nothing and consumes nothing, whoever else is there
 * is served, and the whole request does its work afterwards. Each half request is the honest one for its own connection.
 * By default every byte of the head and of the end, and every 61st between them; ASSAY_LONG=1: every byte.
 */
#include "tests/unit/verifier/world.h"

#include "verifier/http_private.h"

#define STRIDE   61
#define EDGE     24 /* bytes before the end that are never left out */
#define HEAD_MAX 160
#define CHECKS   16 /* of that many cuts, one is followed by a look at the service */

static struct world w;
static struct https c;
static struct world_attestation a;
static struct world_enrolment e;
static struct enroll_offer offer;
static struct https_answer offered;
static char *token;

static int setup(void **state)
{
	(void)state;
	world_start(&w);
	e = world_enrolment_of(&w);
	token = world_token(&w, "{}");
	e.token = bytes_str(token);
	a = (struct world_attestation){.purpose = PURPOSE_LAUNCH};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_attestation_release(&a);
	world_enrolment_release(&e);
	buf_release(&offered.body);
	memset(&offered, 0, sizeof(offered));
	free(token);
	https_close(&c);
	world_stop(&w);
	return 0;
}

static uint64_t tree_size(void)
{
	struct store_tree tree;
	store_tree(w.app->store, &tree);
	return tree.size;
}

/* Every connection but `kept` is gone: what it sent has been read, and thrown away. */
static void settle(unsigned kept)
{
	for (int i = 0; i < 3000 && atomic_load(&w.app->server->connections) > kept; i++)
		(void)usleep(10000);
	assert_int_equal(atomic_load(&w.app->server->connections), kept);
}

/* ---- half a request ---- */

struct cut {
	const char *path, *type;
	bool as_host;
	/* The honest body for this connection. */
	void (*body)(const struct https *on, struct buf *out);
};

static void request_text(const struct cut *cut, const struct https *on, struct buf *out)
{
	struct buf body = {0};
	cut->body(on, &body);
	buf_printf(out,
		"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: "
		"%zu\r\n\r\n",
		cut->path, cut->type, body.len);
	buf_put(out, buf_bytes(&body));
	assert_false(out->failed);
	buf_release(&body);
}

/* How a connection ends: with a word of TLS, without one, or torn. */
static void part(struct https *on, size_t how)
{
	const struct linger torn = {.l_onoff = 1};
	if (how % 3 == 0)
		(void)SSL_shutdown(on->ssl);
	else if (how % 3 == 1)
		(void)setsockopt(on->fd, SOL_SOCKET, SO_LINGER, &torn, sizeof(torn));
	https_close(on);
}

/* Sends the first `at` bytes; gives the length of the whole. */
static size_t send_half(const struct cut *cut, size_t at)
{
	struct https on;
	struct buf text = {0};
	bool host = cut->as_host;
	assert_true(
		https_open(&on, w.port, w.ca, host ? w.host_cert : NULL, host ? w.host_key : NULL));
	request_text(cut, &on, &text);
	size_t whole = text.len;
	assert_true(at < whole);
	if (at > 0)
		assert_int_equal(SSL_write(on.ssl, text.data, (int)at), at);
	part(&on, at);
	buf_release(&text);
	return whole;
}

static size_t next_cut(size_t at, size_t whole)
{
	if (getenv("ASSAY_LONG") || at < HEAD_MAX || at + EDGE >= whole)
		return at + 1;
	return at + STRIDE < whole - EDGE ? at + STRIDE : whole - EDGE;
}

/* Somebody else is served meanwhile. */
static void look(void)
{
	struct https_answer answer = https_request(&c, "GET", "/readyz", NULL, (struct bytes){0});
	assert_int_equal(answer.status, 200);
	buf_release(&answer.body);
}

static void cut_everywhere(const struct cut *cut)
{
	uint64_t size = tree_size();
	size_t whole = send_half(cut, 0), cuts = 0;
	for (size_t at = 1; at < whole; at = next_cut(at, whole)) {
		/* A signature is a byte longer or shorter now and then. */
		whole = send_half(cut, at < whole - 4 ? at : whole - 4);
		if (++cuts % CHECKS == 0)
			look();
	}
	assert_true(cuts > HEAD_MAX + EDGE);
	settle(1);
	look();
	assert_int_equal(tree_size(), size);
}

static size_t records(void)
{
	json_t *list = world_json(&w, &w.auditor, "GET", "/v1/records", NULL, 200);
	size_t n = json_array_size(json_object_get(list, "records"));
	json_decref(list);
	return n;
}

/* ---- attesting ---- */

static void evidence_body(const struct https *on, struct buf *out)
{
	world_evidence(&w, on, &a);
	buf_put(out, buf_bytes(&w.scene->evidence));
}

static const struct cut attest_cut = {"/v1/attest", MEDIA_EVIDENCE, true, evidence_body};

static void S9__attest_request_cut_at_every_byte__nothing_decided_and_challenge_good(void **state)
{
	(void)state;
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	world_challenge(&w, &c, &a);
	cut_everywhere(&attest_cut);
	assert_int_equal(records(), 0);
	world_attest(&w, &c, &a);
	assert_outcome(&a, "trusted");
	assert_int_equal(records(), 1);
}

/* The whole request arrived and nobody was there to hear the answer: decided, recorded, and over. A new challenge works. */
static void S9__client_gone_before_the_answer__decided_once_and_recorded(void **state)
{
	(void)state;
	struct https on;
	struct world_attestation b = {.purpose = PURPOSE_LAUNCH};
	world_enroll(&w);
	assert_true(world_connect(&w, &c));
	for (size_t how = 0; how < 3; how++) {
		uint64_t size = tree_size();
		buf_clear(&a.challenge);
		world_challenge(&w, &c, &a);
		assert_true(world_connect(&w, &on));
		world_evidence(&w, &on, &a);
		assert_true(https_send(
			&on, "POST", "/v1/attest", MEDIA_EVIDENCE, buf_bytes(&w.scene->evidence)));
		part(&on, how);
		/* A torn connection may take the request with it: then nothing happened at all. */
		settle(1);
		for (int i = 0; i < 100 && tree_size() == size; i++)
			(void)usleep(10000);
		bool decided = tree_size() > size;
		assert_true(decided || how == 1);
		assert_int_equal(records(), how + decided);
		world_attest(&w, &c, &a);
		assert_outcome(&a, decided ? "untrusted: challenge-used" : "trusted");
		assert_int_equal(a.result.cert_count > 0, !decided);
		assert_int_equal(records(), how + 1);
	}
	world_attest(&w, &c, &b);
	assert_outcome(&b, "trusted");
	world_attestation_release(&b);
}

/* ---- enrolling ---- */

static void begin_body(const struct https *on, struct buf *out)
{
	(void)on;
	world_enroll_begin_body(&w, &e, out);
}

static void finish_body(const struct https *on, struct buf *out)
{
	world_enroll_finish_body(&w, &e, on, &offer, out);
}

static size_t hosts(void)
{
	json_t *list = world_json(&w, &w.admin, "GET", "/v1/hosts", NULL, 200);
	size_t n = json_array_size(json_object_get(list, "hosts"));
	json_decref(list);
	return n;
}

static void S9__enrolment_cut_at_every_byte__token_and_secret_good_and_no_host(void **state)
{
	(void)state;
	const struct cut begin = {"/v1/enroll/begin", MEDIA_MESSAGE, false, begin_body},
			 finish = {"/v1/enroll/finish", MEDIA_MESSAGE, false, finish_body};
	assert_true(https_open(&c, w.port, w.ca, NULL, NULL));
	cut_everywhere(&begin);
	assert_true(world_enroll_begin(&w, &e, &c, &offered, &offer));
	cut_everywhere(&finish);
	assert_int_equal(hosts(), 0);
	world_enroll_finish(&w, &e, &c, &offer);
	assert_int_equal(e.finish_status, 200);
	assert_int_equal(e.state, HOST_ACTIVE);
	assert_int_equal(hosts(), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(S9__attest_request_cut_at_every_byte__nothing_decided_and_challenge_good),
		T(S9__client_gone_before_the_answer__decided_once_and_recorded),
		T(S9__enrolment_cut_at_every_byte__token_and_secret_good_and_no_host),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
