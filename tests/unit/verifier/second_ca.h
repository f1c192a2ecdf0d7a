/* SPDX-License-Identifier: Apache-2.0 */
/* A second CA that issues from now on, where that of the world issued before. */
#ifndef ASSAY_TESTS_UNIT_VERIFIER_SECOND_CA_H
#define ASSAY_TESTS_UNIT_VERIFIER_SECOND_CA_H

#include "tests/unit/verifier/world.h"

static struct key *second_key;
static struct cert *second;
static const char *second_ca_before; /* "" or the line ca_key_before */

/* A second CA goes before the first. */
static inline void second_ca_prepare(struct world *world)
{
	struct cert_request request = {.common_name = "Second CA",
		.uri = "spiffe://" WORLD_DOMAIN,
		.not_before = clock_wall(&clock_system) - 60,
		.not_after = clock_wall(&clock_system) + 86400,
		.ca = true};
	struct buf pem = {0}, key = {0}, text = {0};
	char path[128];
	assert_ok(key_generate(KEY_EC_P256, &second_key, &world->err), world->err);
	request.subject = second_key;
	assert_ok(cert_issue(&request, NULL, second_key, &second, &world->err), world->err);
	assert_ok(cert_pem(second, &pem, &world->err), world->err);
	assert_ok(cert_pem(world->authority.ca, &pem, &world->err), world->err);
	(void)world_path(world, "both.pem", path);
	assert_ok(file_write_atomic(path, buf_bytes(&pem), 0600, &world->err), world->err);
	assert_ok(key_private_pem(second_key, &key, &world->err), world->err);
	(void)world_path(world, "second.key", path);
	assert_ok(file_write_atomic(path, buf_bytes(&key), 0600, &world->err), world->err);
	(void)world_path(world, "verifierd.yaml", path);
	assert_ok(file_read(path, 65536, &text, &world->err), world->err);
	OWNED(free_ptr) char *old = strdup(buf_str(&text));
	buf_clear(&text);
	for (char *line = strtok(old, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "ca_", 3) != 0)
			buf_printf(&text, "%s\n", line);
	buf_printf(
		&text, "ca_key: file:second.key\nca_certificate: both.pem\n%s", second_ca_before);
	assert_ok(file_write_atomic(path, buf_bytes(&text), 0600, &world->err), world->err);
	buf_release(&pem);
	buf_release(&key);
	buf_release(&text);
}

static inline bool second_ca_older_work(struct store_tx *tx, void *arg, struct err *err)
{
	return credential_insert(tx->sql, arg, err);
}

/* A certificate of the world's host, issued by the first CA before serial numbers named theirs. The caller's. */
static inline struct cert *second_ca_older(struct world *world)
{
	static const uint8_t serial[16] = {0x45, 1};
	int64_t now = clock_wall(&clock_system);
	struct cert *cert = NULL;
	struct cert_request request = {.subject = world->host_key,
		.serial = serial,
		.not_before = now - 60,
		.not_after = now + 600};
	struct credential_row row = {
		.kind = CREDENTIAL_HOST, .issued = now - 60, .not_after = now + 600};
	memcpy(row.host, world->host_id, sizeof(row.host));
	memcpy(row.spki, key_id(world->host_key), sizeof(row.spki));
	hex_encode(BYTES_OF(serial), row.serial);
	assert_ok(
		cert_issue(&request, world->authority.ca, world->authority.key, &cert, &world->err),
		world->err);
	assert_ok(
		store_run(world->app->store, second_ca_older_work, &row, &world->err), world->err);
	return cert;
}

static inline void second_ca_release(void)
{
	cert_unref(&second);
	key_unref(&second_key);
}

#endif
