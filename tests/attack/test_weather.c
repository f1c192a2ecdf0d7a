/* SPDX-License-Identifier: Apache-2.0 */
/*
 * S1, S2, S4: idle and slow clients, in short; with ASSAY_LONG=1 5,000 idle and 200 slow ones. The figures are printed;
 * tests/bench/bench_weather.c measures them alone.
 */
#include "tests/attack/weather.h"

static bool is_long(void)
{
	return getenv("ASSAY_LONG") != NULL;
}

static void S2__idle_and_slow_clients__renewals_go_on_as_before(void **state)
{
	(void)state;
	bool as_before = false;
	/* This machine may be busy with other things, and begin with them half-way: an order of magnitude is what a test can
	 * hold, in one of three. */
	for (int tries = 0; tries < 3 && !as_before; tries++) {
		struct weather_report r =
			is_long() ? weather_run(5000, 200, 20) : weather_run(200, 40, 3);
		print_message("quiet: %zu renewals, p50 %.2f ms, p99 %.2f; with them: %zu, p50 "
			      "%.2f, p99 %.2f; %u cut\n",
			r.quiet.count, r.quiet.p50, r.quiet.p99, r.storm.count, r.storm.p50,
			r.storm.p99, (unsigned)weather_cut);
		assert_int_equal(r.quiet.failed, 0);
		assert_int_equal(r.storm.failed, 0);
		as_before =
			r.storm.p99 < 10 * r.quiet.p99 + 100 && r.storm.count * 2 > r.quiet.count;
	}
	assert_true(as_before);
}

/* A body a byte at a time: it has the time of a request, and no thread. */
static void S2__dripped_body__cut_at_the_request_deadline(void **state)
{
	(void)state;
	struct https c;
	const char *head = "POST /v1/enroll/begin HTTP/1.1\r\nHost: x\r\nContent-Type: "
			   "application/vnd.assay.message+cbor\r\nContent-Length: 1000\r\n\r\n";
	assert_true(https_open(&c, attack.v.port, attack.v.ca, NULL, NULL));
	assert_true(SSL_write(c.ssl, head, (int)strlen(head)) > 0);
	uint64_t began = weather_us();
	while (SSL_write(c.ssl, "a", 1) == 1 && weather_us() - began < 30000000)
		(void)usleep(250000);
	assert_in_range(weather_us() - began, 5000000, 25000000);
	https_close(&c);
}

/* One host asks as fast as it can over many connections; another is answered as if it were alone. */
static atomic_bool greedy_go;

static void *greedy(void *arg)
{
	(void)arg;
	struct https c;
	while (greedy_go) {
		if (!https_open(&c, attack.v.port, attack.v.ca, NULL, NULL))
			continue;
		for (bool ok = true; ok && greedy_go;) {
			struct https_answer a =
				https_request(&c, "GET", "/log/latest", NULL, (struct bytes){0});
			ok = a.status != 0;
			buf_release(&a.body);
		}
		https_close(&c);
	}
	return NULL;
}

static void S1__one_peer_asks_without_end__others_get_their_turn(void **state)
{
	(void)state;
	pthread_t threads[16];
	greedy_go = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, greedy, NULL), 0);
	struct weather_times times = weather_measure(2);
	greedy_go = false;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	print_message("beside a greedy peer: %zu renewals, p50 %.2f ms, p99 %.2f\n", times.count,
		times.p50, times.p99);
	assert_int_equal(times.failed, 0);
	assert_true(times.count > 20);
}

/* Compressed bodies are not unpacked, whatever they would become. */
static void S4__compressed_body__refused_as_it_is(void **state)
{
	(void)state;
	static const uint8_t bomb[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xed, 0xc1, 1, 1};
	struct https c;
	struct https_answer answer = {0};
	char head[256];
	assert_true(https_open(&c, attack.v.port, attack.v.ca, NULL, NULL));
	(void)snprintf(head, sizeof(head),
		"POST /v1/enroll/begin HTTP/1.1\r\nHost: x\r\nContent-Encoding: "
		"gzip\r\nContent-Type: "
		"application/vnd.assay.message+cbor\r\nContent-Length: %zu\r\n\r\n",
		sizeof(bomb));
	assert_true(SSL_write(c.ssl, head, (int)strlen(head)) > 0);
	assert_true(SSL_write(c.ssl, bomb, sizeof(bomb)) > 0);
	https_receive(&c, &answer);
	assert_int_equal(answer.status, 400);
	buf_release(&answer.body);
	https_close(&c);
}

/* What comes back over a connection of its own: the status, or 0 when it was ended without one. */
static int spoken(struct bytes text)
{
	struct https c;
	struct https_answer answer = {0};
	assert_true(https_open(&c, attack.v.port, attack.v.ca, NULL, NULL));
	for (size_t at = 0; at < text.len;) {
		int n = SSL_write(c.ssl, text.data + at, (int)(text.len - at));
		if (n <= 0)
			break;
		at += (size_t)n;
	}
	https_receive(&c, &answer);
	int status = answer.status;
	buf_release(&answer.body);
	https_close(&c);
	return status;
}

#define CHUNKED                                                                                    \
	"POST /v1/enroll/begin HTTP/1.1\r\nHost: x\r\nContent-Type: "                              \
	"application/vnd.assay.message+cbor\r\nTransfer-Encoding: chunked\r\n\r\n"

static void S3__chunk_sizes_and_trailers__refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		CHUNKED "ffffffffffffffff\r\nx",
		CHUNKED "8000000000000000\r\nx",
		CHUNKED "-1\r\nx",
		CHUNKED "zz\r\nx\r\n0\r\n\r\n",
		CHUNKED "7fffffff\r\nx",
		"POST /v1/enroll/begin HTTP/1.1\r\nHost: x\r\nContent-Length: "
		"9223372036854775808\r\n\r\nx",
		"POST /v1/enroll/begin HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nx",
		"POST /v1/enroll/begin HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: "
		"2\r\n\r\nxx",
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int status = spoken(bytes_str(cases[i]));
		if (status != 0 && (status < 400 || status > 499))
			fail_msg("case %zu: %d", i, status);
	}
	assert_int_equal(spoken(BYTES_LIT("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
}

static void S3__trailers_without_end__cut(void **state)
{
	(void)state;
	struct buf text = {0};
	buf_put_str(&text, CHUNKED "1\r\nx\r\n0\r\n");
	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&text, "X-%u: 0123456789\r\n", i);
	int status = spoken(buf_bytes(&text));
	buf_release(&text);
	assert_true(status == 0 || (status >= 400 && status <= 499));
}

/* One protocol: a client that prefers another is not given it, and one that speaks it all the same is not understood. */
static void S5__http2_offered_or_spoken__not_answered(void **state)
{
	(void)state;
	static const unsigned char protocols[] = "\x02h2\x08http/1.1";
	static const uint8_t preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	struct https c;
	const unsigned char *chosen = NULL;
	unsigned len = 0;
	assert_true(https_open(&c, attack.v.port, attack.v.ca, NULL, NULL));
	https_close(&c);
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	assert_int_equal(SSL_CTX_set_alpn_protos(tls, protocols, sizeof(protocols) - 1), 0);
	SSL *ssl = SSL_new(tls);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(attack.v.port)};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(SSL_set_fd(ssl, fd), 1);
	assert_int_equal(SSL_connect(ssl), 1);
	SSL_get0_alpn_selected(ssl, &chosen, &len);
	assert_int_equal(len, 0);
	SSL_free(ssl);
	SSL_CTX_free(tls);
	(void)close(fd);
	int status = spoken(bytes_of(preface, sizeof(preface) - 1));
	assert_true(status == 0 || (status >= 400 && status <= 599));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S2__idle_and_slow_clients__renewals_go_on_as_before),
		cmocka_unit_test(S2__dripped_body__cut_at_the_request_deadline),
		cmocka_unit_test(S1__one_peer_asks_without_end__others_get_their_turn),
		cmocka_unit_test(S4__compressed_body__refused_as_it_is),
		cmocka_unit_test(S3__chunk_sizes_and_trailers__refused),
		cmocka_unit_test(S3__trailers_without_end__cut),
		cmocka_unit_test(S5__http2_offered_or_spoken__not_answered),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, weather_open, weather_close);
}
