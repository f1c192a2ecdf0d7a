/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every route, with the k-th call of OpenSSL failing: those that carry the connection (a read or write that breaks, a write that
 * is short, a handshake) and those that sign, verify, digest and seal. See routes.h.
 *
 * This program's own functions stand before the library's, for our code as for libevent's.
 */
#include <dlfcn.h>
#include <openssl/err.h>

#include "tests/fault/routes.h"
#include "tests/fault/told.h"

enum { BREAKS, SHORT_WRITES, CRYPTOGRAPHY, KINDS };

static _Thread_local bool exempt; /* the client's own */

static bool fails_now(size_t kind)
{
	if (!told.armed || exempt || told.kind != kind ||
		atomic_fetch_add(&told.seen, 1) != told.at)
		return false;
	told.failed++;
	return true;
}

/* The library's own. */
static void *library(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);
	assert_non_null(found);
	return found;
}

/* A function of OpenSSL that answers `bad` when it is its turn. */
#define BEFORE(kind, type, name, params, args, bad)                                                \
	type name params                                                                           \
	{                                                                                          \
		static type(*_Atomic real) params;                                                 \
		if (!real)                                                                         \
			*(void **)(uintptr_t)&real = library(#name);                               \
		return fails_now(kind) ? (bad) : real args;                                        \
	}

/* Seen by libevent, too. */
#pragma GCC visibility push(default)
BEFORE(BREAKS, int, SSL_do_handshake, (SSL * ssl), (ssl), -1)
BEFORE(BREAKS, int, SSL_read, (SSL * ssl, void *out, int len), (ssl, out, len), -1)

BEFORE(BREAKS, int, SSL_write, (SSL * ssl, const void *data, int len), (ssl, data, len), -1)

/* What OpenSSL gives to the socket, and we to files: half of it is taken. Eight bytes wake a loop, and are taken whole. */
ssize_t write(int fd, const void *data, size_t len)
{
	static ssize_t (*_Atomic real)(int, const void *, size_t);
	if (!real)
		*(void **)(uintptr_t)&real = library("write");
	return real(fd, data, len > 8 && fails_now(SHORT_WRITES) ? len / 2 : len);
}
#pragma GCC visibility pop

BEFORE(CRYPTOGRAPHY, int, EVP_DigestSignInit_ex,
	(EVP_MD_CTX * ctx, EVP_PKEY_CTX **pctx, const char *md, OSSL_LIB_CTX *lib,
		const char *properties, EVP_PKEY *key, const OSSL_PARAM params[]),
	(ctx, pctx, md, lib, properties, key, params), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_DigestSign,
	(EVP_MD_CTX * ctx, unsigned char *out, size_t *len, const unsigned char *in, size_t n),
	(ctx, out, len, in, n), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_DigestVerifyInit_ex,
	(EVP_MD_CTX * ctx, EVP_PKEY_CTX **pctx, const char *md, OSSL_LIB_CTX *lib,
		const char *properties, EVP_PKEY *key, const OSSL_PARAM params[]),
	(ctx, pctx, md, lib, properties, key, params), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_DigestInit_ex2,
	(EVP_MD_CTX * ctx, const EVP_MD *md, const OSSL_PARAM params[]), (ctx, md, params), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_DigestUpdate, (EVP_MD_CTX * ctx, const void *in, size_t n),
	(ctx, in, n), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_DigestFinal_ex,
	(EVP_MD_CTX * ctx, unsigned char *out, unsigned int *len), (ctx, out, len), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_EncryptUpdate,
	(EVP_CIPHER_CTX * ctx, unsigned char *out, int *len, const unsigned char *in, int n),
	(ctx, out, len, in, n), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *out, int *len),
	(ctx, out, len), 0)
BEFORE(CRYPTOGRAPHY, int, EVP_MAC_final,
	(EVP_MAC_CTX * ctx, unsigned char *out, size_t *len, size_t size), (ctx, out, len, size), 0)
BEFORE(CRYPTOGRAPHY, int, X509_CRL_sign_ctx, (X509_CRL * crl, EVP_MD_CTX *ctx), (crl, ctx), 0)
BEFORE(CRYPTOGRAPHY, int, OCSP_basic_sign,
	(OCSP_BASICRESP * r, X509 *cert, EVP_PKEY *key, const EVP_MD *md, STACK_OF(X509) * more,
		unsigned long flags),
	(r, cert, key, md, more, flags), 0)

static void S12__every_route_while_openssl_fails__nothing_decided_or_whole(void **state)
{
	static const struct faults faults = {.kinds = KINDS,
		.samples = 3,
		.arm = told_arm,
		.disarm = told_disarm,
		.seen = told_seen};
	(void)state;
	exempt = true;
	routes_run(&faults, NULL, NULL, false);
}

/* Armed before there is a connection. */
static void S12__handshake_that_fails__no_connection_and_the_next_one_served(void **state)
{
	static const struct faults faults = {.kinds = CRYPTOGRAPHY,
		.samples = 32,
		.arm = told_arm,
		.disarm = told_disarm,
		.seen = told_seen,
		.handshake = true};
	(void)state;
	exempt = true;
	routes_run(&faults, NULL, NULL, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S12__every_route_while_openssl_fails__nothing_decided_or_whole),
		cmocka_unit_test(S12__handshake_that_fails__no_connection_and_the_next_one_served),
	};
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
