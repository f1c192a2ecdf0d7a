/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTPS front (http.c, http_request.c, http_exchange.c) over real sockets and TLS: answers, limits, deadlines, client certificates. */
#include "tests/unit/verifier/front.h"

#include <poll.h>
#include <signal.h>

static void request__known_route__answered(void **state)
{
	(void)state;
	struct client client;
	char body[64];
	assert_true(client_open(&client, NULL));
	const char *text = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	for (int i = 0; i < 3; i++) {
		assert_int_equal(exchange(&client, text, strlen(text), body, sizeof(body)), 200);
		assert_string_equal(body, "hello");
	}
	client_close(&client);
}

static void exporter__both_ends__equal(void **state)
{
	(void)state;
	struct client client;
	uint8_t mine[TLS_EXPORTER_LEN];
	const char *text = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	assert_true(client_open(&client, NULL));
	assert_int_equal(exchange(&client, text, strlen(text), NULL, 0), 200);
	assert_int_equal(SSL_export_keying_material(client.ssl, mine, sizeof(mine),
				 TLS_EXPORTER_LABEL, strlen(TLS_EXPORTER_LABEL), NULL, 0, 0),
		1);
	assert_memory_equal(mine, server_exporter, sizeof(mine));
	client_close(&client);
}

static void reply__from_another_thread__arrives(void **state)
{
	(void)state;
	struct client client;
	char body[64];
	const char *text = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
	assert_true(client_open(&client, NULL));
	assert_int_equal(exchange(&client, text, strlen(text), body, sizeof(body)), 200);
	assert_string_equal(body, "late");
	client_close(&client);
}

static void reply__connection_gone_meanwhile__dropped(void **state)
{
	(void)state;
	struct client client;
	const char *text = "GET /later HTTP/1.1\r\nHost: x\r\n\r\n";
	for (int i = 0; i < 5; i++) {
		assert_true(client_open(&client, NULL));
		assert_true(SSL_write(client.ssl, text, (int)strlen(text)) > 0);
		client_close(&client);
	}
	(void)usleep(300000);
	assert_int_equal(ask(NULL, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

static void request__odd_ones__refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int status;
	} cases[] = {
		{"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		{"POST /hello HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405},
		{"DELETE /hello HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"GET /closed HTTP/1.1\r\nHost: x\r\n\r\n", 401},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", 415},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
		 "2\r\nContent-Length: 2\r\n\r\nhi",
			400},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
		 "2\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
			400},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Encoding: "
		 "gzip\r\nContent-Length: "
		 "2\r\n\r\nhi",
			400},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
		 "-5\r\n\r\nhi",
			400},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
		 "9223372036854775808\r\n\r\nhi",
			413},
		{"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: "
		 "chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
			200},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status = ask(NULL, cases[i].text);
		/* evhttp itself answers some malformed requests, or hangs up on them: never 200. */
		if (status != cases[i].status &&
			!(cases[i].status >= 400 &&
				(status == 0 || status == 400 || status == 413)))
			fail_msg("case %zu: expected %d, got %d", i, cases[i].status, status);
	}
}

static void S4__body_over_the_routes_limit__413(void **state)
{
	(void)state;
	char text[1400];
	(void)snprintf(text, sizeof(text),
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
		"1001\r\n\r\n%01001d",
		0);
	assert_int_equal(ask(NULL, text), 413);
	(void)snprintf(text, sizeof(text),
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: "
		"1000\r\n\r\n%01000d",
		0);
	assert_int_equal(ask(NULL, text), 200);
}

static void S4__large_body_without_certificate__cut(void **state)
{
	(void)state;
	struct client client;
	static char chunk[65536];
	const char *head = "POST /big HTTP/1.1\r\nHost: x\r\nContent-Type: "
			   "text/plain\r\nContent-Length: 1000000\r\n\r\n";
	assert_true(client_open(&client, NULL));
	assert_true(SSL_write(client.ssl, head, (int)strlen(head)) > 0);
	bool cut = false;
	for (size_t sent = 0; sent < 1000000 && !cut; sent += sizeof(chunk))
		cut = SSL_write(client.ssl, chunk, sizeof(chunk)) <= 0;
	assert_int_equal(cut ? 0 : exchange(&client, "", 0, NULL, 0), 0);
	client_close(&client);
}

/* "May not" is for those who may not; who could not be looked up asks again later. */
static void authorize__says_no_or_does_not_know__answered_as_what_it_is(void **state)
{
	(void)state;
	static const struct {
		const char *path, *code, *message;
		int status;
	} cases[] = {
		{"/closed", "unauthenticated", "this route needs a client certificate", 401},
		{"/nobody", "forbidden", "this certificate may not use this route", 403},
		{"/unknown", "unavailable", "who asks could not be looked up", 503},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct client client;
		char text[128], body[512], code[64];
		(void)snprintf(
			text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].path);
		(void)snprintf(code, sizeof(code), "\"code\":\"%s\"", cases[i].code);
		assert_true(client_open(&client, NULL));
		assert_int_equal(
			exchange(&client, text, strlen(text), body, sizeof(body)), cases[i].status);
		client_close(&client);
		assert_non_null(strstr(body, code));
		assert_non_null(strstr(body, cases[i].message));
	}
}

static void S15__client_certificates__handshake_or_route_decides(void **state)
{
	(void)state;
	const char *text = "GET /closed HTTP/1.1\r\nHost: x\r\n\r\n";
	assert_int_equal(ask(pki.client, text), 200);
	assert_int_equal(ask(NULL, text), 401);
	assert_int_equal(ask(pki.expired, text), 0);
	assert_int_equal(ask(pki.stranger, text), 0);
}

/* Milliseconds until the server closes the connection. */
static uint64_t closed_after(int fd, SSL *ssl, const char *drip)
{
	uint64_t start = clock_monotonic_ms(&clock_system);
	for (;;) {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		char byte[256];
		if (*drip &&
			(ssl ? SSL_write(ssl, drip, 1) : (int)send(fd, drip, 1, MSG_NOSIGNAL)) <= 0)
			break;
		if (*drip)
			drip++;
		if (poll(&poll_fd, 1, 50) == 1 && (ssl ? SSL_read(ssl, byte, sizeof(byte))
						       : (int)recv(fd, byte, sizeof(byte), 0)) <= 0)
			break;
		if (clock_monotonic_ms(&clock_system) - start > 20000)
			break;
	}
	return clock_monotonic_ms(&clock_system) - start;
}

static void S2__dripped_client_hello__cut_at_the_deadline(void **state)
{
	(void)state;
	int fd = tcp_connect();
	uint64_t ms = closed_after(fd, NULL,
		"\x16\x03\x01\x02\x10\x01\x02\x0c\x03\x03\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"
		"\x0b\x0c");
	(void)close(fd);
	assert_in_range(ms, 1000, 15000);
}

/* Not a byte comes: no TLS, no request, and a deadline all the same. */
static void S2__silent_connection__cut_at_the_deadline(void **state)
{
	(void)state;
	char byte;
	int fd = tcp_connect();
	uint64_t began = clock_monotonic_ms(&clock_system);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_in_range(clock_monotonic_ms(&clock_system) - began, 1000, 8000);
	(void)close(fd);
}

/* What it has heard of the others' end, or of their deadline, by and by. */
static int ask_until_served(void)
{
	int status = 0;
	for (int i = 0; i < 300 && status != 200; i++) {
		(void)usleep(100000);
		status = ask(NULL, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	return status;
}

static void S1__silent_connections_up_to_the_limit__counted_like_others(void **state)
{
	(void)state;
	int idle[PEER_MAX];
	for (size_t i = 0; i < PEER_MAX; i++)
		idle[i] = tcp_connect();
	(void)usleep(150000);
	assert_int_equal(ask(NULL, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
	for (size_t i = 0; i < PEER_MAX; i++)
		(void)close(idle[i]);
	assert_int_equal(ask_until_served(), 200);
}

static void S2__dripped_headers__cut_at_the_deadline(void **state)
{
	(void)state;
	struct client client;
	assert_true(client_open(&client, NULL));
	uint64_t ms = closed_after(client.fd, client.ssl,
		"GET /hello HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	client_close(&client);
	assert_in_range(ms, 1000, 15000);
}

static void S2__second_request_dripped__cut_at_the_request_deadline(void **state)
{
	(void)state;
	struct client client;
	const char *text = "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n";
	assert_true(client_open(&client, NULL));
	assert_int_equal(exchange(&client, text, strlen(text), NULL, 0), 200);
	uint64_t ms = closed_after(client.fd, client.ssl,
		"GET /hello HTTP/1.1\r\nHost: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	client_close(&client);
	/* Well before the idle deadline, which dripping must not buy. */
	assert_in_range(ms, 1000, 5500);
}

static void S1__idle_connections_up_to_the_limit__others_by_peer_refused_then_served(void **state)
{
	(void)state;
	int idle[PEER_MAX];
	/* Half-open handshakes fill the peer's share only until their deadline. */
	for (size_t i = 0; i < PEER_MAX; i++) {
		idle[i] = tcp_connect();
		assert_int_equal(send(idle[i], "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
	}
	(void)usleep(150000);
	assert_int_equal(ask(NULL, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
	assert_int_equal(ask_until_served(), 200);
	for (size_t i = 0; i < PEER_MAX; i++)
		(void)close(idle[i]);
}

static void tls__older_than_1_3__refused(void **state)
{
	(void)state;
	int fd = tcp_connect();
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	(void)SSL_CTX_set_max_proto_version(tls, TLS1_2_VERSION);
	SSL *ssl = SSL_new(tls);
	(void)SSL_set_fd(ssl, fd);
	assert_int_not_equal(SSL_connect(ssl), 1);
	SSL_free(ssl);
	SSL_CTX_free(tls);
	(void)close(fd);
}

int main(void)
{
	(void)signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request__known_route__answered),
		cmocka_unit_test(exporter__both_ends__equal),
		cmocka_unit_test(reply__from_another_thread__arrives),
		cmocka_unit_test(reply__connection_gone_meanwhile__dropped),
		cmocka_unit_test(request__odd_ones__refused),
		cmocka_unit_test(S4__body_over_the_routes_limit__413),
		cmocka_unit_test(S4__large_body_without_certificate__cut),
		cmocka_unit_test(S15__client_certificates__handshake_or_route_decides),
		cmocka_unit_test(S2__dripped_client_hello__cut_at_the_deadline),
		cmocka_unit_test(S2__silent_connection__cut_at_the_deadline),
		cmocka_unit_test(S1__silent_connections_up_to_the_limit__counted_like_others),
		cmocka_unit_test(S2__dripped_headers__cut_at_the_deadline),
		cmocka_unit_test(authorize__says_no_or_does_not_know__answered_as_what_it_is),
		cmocka_unit_test(S2__second_request_dripped__cut_at_the_request_deadline),
		cmocka_unit_test(
			S1__idle_connections_up_to_the_limit__others_by_peer_refused_then_served),
		cmocka_unit_test(tls__older_than_1_3__refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
