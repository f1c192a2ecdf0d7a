/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What test_model.c was issued, what must have ended of it by the reference, and the verifier's own list: a certificate whose
 * host or workload has ended is on it, and that of an instance which is trusted is not. Between the two the reference says
 * nothing: what a refusal or a reboot ends, the verifier learns in its own time.
 */
#ifndef ASSAY_TESTS_FAULT_MODEL_LISTS_H
#define ASSAY_TESTS_FAULT_MODEL_LISTS_H

#include <openssl/x509.h>

#include "tests/attack/attack.h"

#define ISSUED_MAX  8192u /* the oldest are forgotten */
#define LISTED_LATE 150 /* tries, 10 ms apart: a second, and what a loaded machine adds */

struct issued {
	ASN1_INTEGER *serial;
	uint8_t host[HOST_ID_LEN];
	char workload[24];
	int64_t not_after;
	bool ended;
};
static struct {
	struct issued all[ISSUED_MAX];
	size_t count; /* ever */
	size_t looked; /* comparisons with the list so far */
} lists;

/* Kept: what came with a trusted answer; its number from 1, or 0: no certificate. */
static inline size_t lists_issued(
	const uint8_t host[HOST_ID_LEN], const char *workload, const struct attest_result *result)
{
	struct cert *cert = NULL;
	if (result->cert_count == 0)
		return 0;
	assert_ok(cert_from_der(result->certs[0], false, &cert, &attack.err), attack.err);
	struct issued *i = &lists.all[lists.count++ % ISSUED_MAX];
	ASN1_INTEGER_free(i->serial);
	*i = (struct issued){.serial = ASN1_INTEGER_dup(X509_get0_serialNumber(cert_x509(cert))),
		.not_after = cert_not_after(cert)};
	assert_non_null(i->serial);
	memcpy(i->host, host, sizeof(i->host));
	(void)snprintf(i->workload, sizeof(i->workload), "%s", workload);
	cert_unref(&cert);
	return lists.count;
}

static inline void lists_host_ended(const uint8_t host[HOST_ID_LEN])
{
	for (size_t i = 0; i < ISSUED_MAX; i++)
		if (memcmp(lists.all[i].host, host, HOST_ID_LEN) == 0)
			lists.all[i].ended = true;
}

static inline void lists_workload_ended(const char *workload)
{
	for (size_t i = 0; i < ISSUED_MAX; i++)
		if (strcmp(lists.all[i].workload, workload) == 0)
			lists.all[i].ended = true;
}

/* Over a connection without hostd's bound on answers: after some hundred thousand steps the list has a megabyte. */
static inline X509_CRL *lists_fetch(void)
{
	struct https c;
	assert_true(https_open(&c, attack.v.port, attack.v.ca, NULL, NULL));
	struct https_answer got = https_request(&c, "GET", "/crl", NULL, (struct bytes){0});
	struct buf answer = got.body;
	assert_int_equal(got.status, 200);
	https_close(&c);
	const uint8_t *at = answer.data;
	X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)answer.len);
	assert_non_null(crl);
	assert_int_equal(X509_CRL_verify(crl, X509_get0_pubkey(cert_x509(attack.v.ca))), 1);
	buf_release(&answer);
	return crl;
}

static inline bool lists_has(X509_CRL *crl, const struct issued *i)
{
	X509_REVOKED *found = NULL;
	return X509_CRL_get0_by_serial(crl, &found, i->serial) == 1;
}

/* The first that has ended, has not expired and is not on the list; NULL: none. */
static inline const struct issued *lists_missing(void)
{
	const struct issued *missing = NULL;
	X509_CRL *crl = lists_fetch();
	int64_t now = clock_wall(&clock_system);
	for (size_t i = 0; i < ISSUED_MAX && !missing; i++)
		if (lists.all[i].serial && lists.all[i].ended && lists.all[i].not_after > now + 5 &&
			!lists_has(crl, &lists.all[i]))
			missing = &lists.all[i];
	X509_CRL_free(crl);
	return missing;
}

/* NULL: all that has ended is on the list. Otherwise which is not, as text. */
static inline const char *lists_wrong(char out[160])
{
	const struct timespec pause = {.tv_nsec = 10000000};
	const struct issued *missing = lists_missing();
	char hex[2 * HOST_ID_LEN + 1];
	for (int i = 0; missing && i < LISTED_LATE; i++) {
		(void)nanosleep(&pause, NULL);
		missing = lists_missing();
	}
	lists.looked++;
	if (!missing)
		return NULL;
	hex_encode(BYTES_OF(missing->host), hex);
	(void)snprintf(
		out, 160, "of workload %s on host %.16s…: not on the list", missing->workload, hex);
	return out;
}

/* Of a certificate by its number. */
static inline bool lists_revoked(X509_CRL *crl, size_t number)
{
	return number > 0 && number + ISSUED_MAX > lists.count &&
	       lists_has(crl, &lists.all[(number - 1) % ISSUED_MAX]);
}

static inline void lists_release(void)
{
	for (size_t i = 0; i < ISSUED_MAX; i++)
		ASN1_INTEGER_free(lists.all[i].serial);
	memset(&lists, 0, sizeof(lists));
}

#endif
