/* SPDX-License-Identifier: Apache-2.0 */
/* What many fetch is in memory once: a list that anybody may ask for as often as he has connections, and read as slowly as he likes. */
#include "verifier/http.h"

#include "tests/unit/verifier/front.h"

#define BIG (16u << 20)

static const char question[] = "GET /shared HTTP/1.1\r\nHost: x\r\n\r\n";

static void share(size_t len)
{
	struct buf bytes = {0};
	struct err err = {0};
	uint8_t *at = buf_extend(&bytes, len);
	assert_non_null(at);
	for (size_t i = 0; i < len; i++)
		at[i] = (uint8_t)(i * 2654435761u >> 13);
	if (!http_shared_new(&bytes, &front_shared, &err))
		fail_msg("%s", err.text);
}

static size_t resident(void)
{
	unsigned long all = 0, pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%lu %lu", &all, &pages), 2);
	(void)fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void ask_for_it(struct client *client)
{
	char byte;
	assert_true(client_open(client, NULL));
	assert_true(SSL_write(client->ssl, question, (int)strlen(question)) > 0);
	assert_int_equal(SSL_read(client->ssl, &byte, 1), 1); /* it is on its way */
}

static void assert_whole(void)
{
	struct client client;
	static uint8_t chunk[16384];
	struct buf in = {0};
	struct bytes wanted = http_shared_bytes(front_shared);
	const uint8_t *body = NULL;
	int n = 1;
	assert_true(client_open(&client, NULL));
	assert_true(SSL_write(client.ssl, question, (int)strlen(question)) > 0);
	while (n > 0 && (!body || in.len < (size_t)(body - in.data) + wanted.len)) {
		n = SSL_read(client.ssl, chunk, sizeof(chunk));
		if (n > 0)
			buf_put(&in, bytes_of(chunk, (size_t)n));
		body = memmem(in.data, in.len, "\r\n\r\n", 4);
		body = body ? body + 4 : NULL;
	}
	assert_non_null(body);
	size_t head = (size_t)(body - in.data);
	assert_int_equal(in.len, head + wanted.len);
	assert_memory_equal(body, wanted.data, wanted.len);
	client_close(&client);
	buf_release(&in);
}

static void shared__many_who_do_not_read_it__in_memory_once(void **state)
{
	(void)state;
	struct client clients[PEER_MAX];
	share(BIG);
	size_t before = resident();
	for (size_t i = 0; i < ARRAY_LEN(clients); i++)
		ask_for_it(&clients[i]);
	size_t after = resident();
	/* Some who went away in the midst of it are no matter to the others. */
	for (size_t i = 1; i < ARRAY_LEN(clients); i++)
		client_close(&clients[i]);
	assert_whole();
	client_close(&clients[0]);
	if (after > before + BIG)
		fail_msg("%zu bytes more", after - before);
}

static void shared__of_any_size__whole(void **state)
{
	(void)state;
	static const size_t sizes[] = {1, 1000, 16384, 20000, BIG};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		share(sizes[i]);
		assert_whole();
		http_shared_unref(&front_shared);
	}
}

/* Whoever is being sent it has it still. */
static void shared__let_go_of_meanwhile__sent_to_its_end(void **state)
{
	(void)state;
	struct client client;
	static uint8_t chunk[16384];
	size_t sum = 1;
	share(BIG);
	ask_for_it(&client);
	http_shared_unref(&front_shared);
	while (sum < BIG) {
		int n = SSL_read(client.ssl, chunk, sizeof(chunk));
		assert_true(n > 0);
		sum += (size_t)n;
	}
	client_close(&client);
}

static int teardown_shared(void **state)
{
	http_shared_unref(&front_shared);
	return teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			shared__many_who_do_not_read_it__in_memory_once, setup, teardown_shared),
		cmocka_unit_test_setup_teardown(shared__of_any_size__whole, setup, teardown_shared),
		cmocka_unit_test_setup_teardown(
			shared__let_go_of_meanwhile__sent_to_its_end, setup, teardown_shared),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
