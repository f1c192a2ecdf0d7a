/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS front at work: resumed sessions, other certificates while it runs, work that takes too long, its end. */
#include "tests/unit/verifier/front.h"

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>

static const char hello[] = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
static const char closed[] = "GET /closed HTTP/1.1\r\nHost: x\r\n\r\n";

static int get(struct client *client, const char *text)
{
	return exchange(client, text, strlen(text), NULL, 0);
}

/* ---- time ---- */

/* How far the machine's running time is ahead of what it is. In place of the C library's, for what is linked here. */
static _Atomic time_t ahead;

int clock_gettime(clockid_t id, struct timespec *ret)
{
	long done = syscall(SYS_clock_gettime, id, ret);
	if (done == 0 && id == CLOCK_BOOTTIME)
		ret->tv_sec += ahead;
	return (int)done;
}

/* ---- resumption ---- */

static SSL_SESSION *ticket;

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static void client_prepare(struct client *client, struct cert *cert)
{
	client->fd = tcp_connect();
	client->tls = SSL_CTX_new(TLS_client_method());
	(void)SSL_CTX_set_session_cache_mode(
		client->tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(client->tls, on_ticket);
	(void)X509_STORE_add_cert(SSL_CTX_get_cert_store(client->tls), cert_x509(pki.ca));
	if (cert) {
		assert_int_equal(SSL_CTX_use_certificate(client->tls, cert_x509(cert)), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(client->tls, key_evp(pki.client_key)), 1);
	}
	client->ssl = SSL_new(client->tls);
	(void)SSL_set_fd(client->ssl, client->fd);
}

/* A session whose connection broke off is not used again. */
static void leave(struct client *client)
{
	(void)SSL_shutdown(client->ssl);
	client_close(client);
}

/* A first connection that leaves a ticket. */
static void ticket_get(struct cert *cert)
{
	struct client client;
	SSL_SESSION_free(ticket);
	ticket = NULL;
	client_prepare(&client, cert);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_int_equal(get(&client, hello), 200);
	leave(&client);
	assert_non_null(ticket);
}

/* Comes back with the ticket alone. The status of the route for certificates. */
static int resume(bool *ret_resumed)
{
	struct client client;
	SSL_SESSION *mine = ticket;
	ticket = NULL;
	client_prepare(&client, NULL);
	assert_int_equal(SSL_set_session(client.ssl, mine), 1);
	SSL_SESSION_free(mine);
	assert_int_equal(SSL_connect(client.ssl), 1);
	*ret_resumed = SSL_session_reused(client.ssl) == 1;
	int status = get(&client, closed);
	leave(&client);
	return status;
}

static void resume__with_a_ticket__client_certificate_is_known(void **state)
{
	(void)state;
	bool resumed = false;
	ticket_get(pki.client);
	assert_int_equal(resume(&resumed), 200);
	assert_true(resumed);
	assert_int_equal(front.events[HTTP_EVENT_RESUMED], 1);
	/* And again, with the ticket that this connection brought. */
	assert_non_null(ticket);
	assert_int_equal(resume(&resumed), 200);
	assert_true(resumed);
}

static void resume__anonymous__stays_anonymous(void **state)
{
	(void)state;
	bool resumed = false;
	ticket_get(NULL);
	assert_int_equal(resume(&resumed), 401);
	assert_true(resumed);
}

static void resume__each_connection__an_exporter_of_its_own(void **state)
{
	(void)state;
	uint8_t first[TLS_EXPORTER_LEN], mine[TLS_EXPORTER_LEN];
	struct client client;
	ticket_get(pki.client);
	memcpy(first, server_exporter, sizeof(first));
	client_prepare(&client, NULL);
	assert_int_equal(SSL_set_session(client.ssl, ticket), 1);
	assert_int_equal(SSL_connect(client.ssl), 1);
	assert_true(SSL_session_reused(client.ssl));
	assert_int_equal(get(&client, hello), 200);
	assert_int_equal(SSL_export_keying_material(client.ssl, mine, sizeof(mine),
				 TLS_EXPORTER_LABEL, strlen(TLS_EXPORTER_LABEL), NULL, 0, 0),
		1);
	assert_memory_equal(mine, server_exporter, sizeof(mine));
	assert_memory_not_equal(mine, first, sizeof(mine));
	client_close(&client);
}

static void resume__early_data__never_offered(void **state)
{
	(void)state;
	ticket_get(pki.client);
	assert_int_equal(SSL_SESSION_get_max_early_data(ticket), 0);
}

static void resume__ticket_with_a_flipped_bit__whole_handshake_and_no_certificate(void **state)
{
	(void)state;
	const uint8_t *bytes = NULL;
	size_t len = 0;
	uint8_t *der = NULL;
	ticket_get(pki.client);
	SSL_SESSION_get0_ticket(ticket, &bytes, &len);
	int size = i2d_SSL_SESSION(ticket, &der);
	uint8_t *at = memmem(der, (size_t)size, bytes, len);
	assert_non_null(at);
	at[len / 2] ^= 1;
	const unsigned char *in = der;
	SSL_SESSION *bent = d2i_SSL_SESSION(NULL, &in, size);
	assert_non_null(bent);
	OPENSSL_free(der);
	SSL_SESSION_free(ticket);
	ticket = bent;
	bool resumed = true;
	assert_int_equal(resume(&resumed), 401);
	assert_false(resumed);
}

/* Sealed by the keys of this hour or of the one before. */
static void resume__keys_of_two_hours_ago__whole_handshake_and_no_certificate(void **state)
{
	(void)state;
	bool resumed = false;
	ticket_get(pki.client);
	ahead += 3700;
	assert_int_equal(resume(&resumed), 200);
	assert_true(resumed);
	ticket_get(pki.client);
	ahead += 7300;
	assert_int_equal(resume(&resumed), 401);
	assert_false(resumed);
}

/* From ticket to ticket, none of them older than an hour. */
static void resume__half_a_day_after_the_key_was_proved__whole_handshake(void **state)
{
	(void)state;
	bool resumed = false;
	ticket_get(pki.client);
	for (int i = 0; i < 14; i++) {
		ahead += 3000;
		assert_int_equal(resume(&resumed), 200);
		assert_true(resumed);
	}
	ahead += 3000;
	assert_int_equal(resume(&resumed), 401);
	assert_false(resumed);
	ticket_get(pki.client);
	assert_int_equal(resume(&resumed), 200);
	assert_true(resumed);
}

/* ---- other certificates while it runs ---- */

static void set_tls__other_client_cas__tickets_of_before_are_none(void **state)
{
	(void)state;
	bool resumed = true;
	ticket_get(pki.client);
	SSL_CTX *other = tls_for(&pki.other_ca, 1);
	assert_true(http_server_set_tls(server, other));
	SSL_CTX_free(other);
	assert_int_equal(resume(&resumed), 401);
	assert_false(resumed);
}

static void set_tls__client_ca_gone__open_connection_loses_its_certificate(void **state)
{
	(void)state;
	struct client client;
	assert_true(client_open(&client, pki.client));
	assert_int_equal(get(&client, closed), 200);
	SSL_CTX *other = tls_for(&pki.other_ca, 1);
	assert_true(http_server_set_tls(server, other));
	SSL_CTX_free(other);
	assert_int_equal(get(&client, closed), 401);
	client_close(&client);
}

static void set_tls__client_ca_added__connections_go_on_and_its_clients_get_in(void **state)
{
	(void)state;
	struct client client;
	struct cert *const both[] = {pki.ca, pki.other_ca};
	assert_int_equal(ask(pki.stranger, closed), 0);
	assert_true(client_open(&client, pki.client));
	assert_int_equal(get(&client, closed), 200);
	SSL_CTX *other = tls_for(both, 2);
	assert_true(http_server_set_tls(server, other));
	SSL_CTX_free(other);
	assert_int_equal(get(&client, closed), 200);
	assert_int_equal(ask(pki.stranger, closed), 200);
	client_close(&client);
}

/* ---- work that takes too long ---- */

static void work__longer_than_it_may__503_and_the_late_answer_is_dropped(void **state)
{
	(void)state;
	struct client client;
	char body[512];
	const char *text = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
	assert_true(client_open(&client, NULL));
	assert_int_equal(exchange(&client, text, strlen(text), body, sizeof(body)), 503);
	assert_non_null(strstr(body, "\"code\":\"late\""));
	assert_int_equal(front.events[HTTP_EVENT_LATE_WORK], 1);
	(void)usleep(500000); /* its handler answers meanwhile, to nobody */
	assert_int_equal(get(&client, hello), 200);
	client_close(&client);
}

/* ---- what a request is called ---- */

static void id__given_or_not__in_the_answer(void **state)
{
	(void)state;
	static const struct {
		const char *header, *wanted;
	} cases[] = {
		{"X-Request-Id: abc-1.2_Z", "X-Request-Id: abc-1.2_Z\r\n"},
		{"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
			"X-Request-Id: 0af7651916cd43dd8448eb211c80319c\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client client;
		char text[256], in[1024] = "";
		assert_true(client_open(&client, NULL));
		(void)snprintf(text, sizeof(text), "GET /hello HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n",
			cases[i].header);
		assert_true(SSL_write(client.ssl, text, (int)strlen(text)) > 0);
		assert_true(SSL_read(client.ssl, in, sizeof(in) - 1) > 0);
		assert_non_null(strstr(in, cases[i].wanted));
		client_close(&client);
	}
}

static void id__not_plain__replaced(void **state)
{
	(void)state;
	static const char *const cases[] = {"a b", "<script>", "\x01\x02",
		"0123456789012345678901234567890123456789012345678901234567890123456789", "\"q\""};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client client;
		char text[256], in[1024] = "";
		assert_true(client_open(&client, NULL));
		(void)snprintf(text, sizeof(text),
			"GET /hello HTTP/1.1\r\nHost: x\r\nX-Request-Id: %s\r\n\r\n", cases[i]);
		assert_true(SSL_write(client.ssl, text, (int)strlen(text)) > 0);
		assert_true(SSL_read(client.ssl, in, sizeof(in) - 1) > 0);
		assert_non_null(strstr(in, "X-Request-Id: "));
		assert_null(strstr(in, cases[i]));
		client_close(&client);
	}
}

/* ---- the end ---- */

static bool ended(const struct client *client, int ms)
{
	struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
	char byte[256];
	while (poll(&poll_fd, 1, ms) == 1) {
		int n = SSL_read(client->ssl, byte, sizeof(byte));
		if (n <= 0)
			return true;
	}
	return false;
}

static void drain__announced__answers_close_and_new_ones_are_served(void **state)
{
	(void)state;
	struct client client;
	assert_true(client_open(&client, NULL));
	assert_int_equal(get(&client, hello), 200);
	http_server_drain(server, false);
	assert_int_equal(get(&client, hello), 200);
	assert_true(ended(&client, 2000));
	client_close(&client);
	assert_int_equal(ask(NULL, hello), 200);
}

static void drain__last__under_way_is_finished_and_idle_is_closed(void **state)
{
	(void)state;
	struct client idle, working;
	struct http_state front_state;
	const char *text = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
	assert_true(client_open(&idle, NULL));
	assert_int_equal(get(&idle, hello), 200);
	assert_true(client_open(&working, NULL));
	assert_true(SSL_write(working.ssl, text, (int)strlen(text)) > 0);
	(void)usleep(30000);
	http_server_look(server, &front_state);
	assert_int_equal(front_state.busy, 1);
	http_server_drain(server, true);
	assert_true(ended(&idle, 2000));
	assert_int_equal(exchange(&working, "", 0, NULL, 0), 200);
	for (int i = 0; i < 100 && front_state.busy > 0; i++, (void)usleep(10000))
		http_server_look(server, &front_state);
	assert_int_equal(front_state.busy, 0);
	client_close(&idle);
	client_close(&working);
}

static void nudge__loops_alive__each_counts_a_beat(void **state)
{
	(void)state;
	struct http_state before, after;
	http_server_look(server, &before);
	http_server_nudge(server);
	(void)usleep(100000);
	http_server_look(server, &after);
	assert_true(after.beats > before.beats);
}

static int weather_setup(void **state)
{
	memset(&front, 0, sizeof(front));
	front.work_ms = 300;
	return setup(state);
}

static int weather_teardown(void **state)
{
	SSL_SESSION_free(ticket);
	ticket = NULL;
	return teardown(state);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
#define T(name) cmocka_unit_test_setup_teardown(name, weather_setup, weather_teardown)
	const struct CMUnitTest tests[] = {
		T(resume__with_a_ticket__client_certificate_is_known),
		T(resume__anonymous__stays_anonymous),
		T(resume__each_connection__an_exporter_of_its_own),
		T(resume__early_data__never_offered),
		T(resume__ticket_with_a_flipped_bit__whole_handshake_and_no_certificate),
		T(resume__keys_of_two_hours_ago__whole_handshake_and_no_certificate),
		T(resume__half_a_day_after_the_key_was_proved__whole_handshake),
		T(set_tls__other_client_cas__tickets_of_before_are_none),
		T(set_tls__client_ca_gone__open_connection_loses_its_certificate),
		T(set_tls__client_ca_added__connections_go_on_and_its_clients_get_in),
		T(work__longer_than_it_may__503_and_the_late_answer_is_dropped),
		T(id__given_or_not__in_the_answer),
		T(id__not_plain__replaced),
		T(drain__announced__answers_close_and_new_ones_are_served),
		T(drain__last__under_way_is_finished_and_idle_is_closed),
		T(nudge__loops_alive__each_counts_a_beat),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
