/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/assay_bench/measure.h"

#include <dirent.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "crypto/key.h"
#include "tests/bench/assay_bench/engine.h"

/* ---- samples ---- */

void samples_add(struct samples *samples, double value)
{
	if (samples->count == samples->room) {
		samples->room = samples->room ? 2 * samples->room : 4096;
		samples->values = realloc(samples->values, samples->room * sizeof(double));
		if (!samples->values)
			abort();
	}
	samples->values[samples->count++] = value;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double samples_at(struct samples *samples, double share)
{
	if (samples->count == 0)
		return 0;
	qsort(samples->values, samples->count, sizeof(double), by_value);
	size_t at = (size_t)((double)samples->count * share);
	return samples->values[at < samples->count ? at : samples->count - 1];
}

void samples_release(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){0};
}

/* ---- processes ---- */

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

/* utime and stime are the 14th and 15th field; the second one, a name, ends with the last parenthesis. */
static void stat_read(pid_t pid, struct usage *ret)
{
	char path[64], line[1024];
	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "re");
	size_t n = file ? fread(line, 1, sizeof(line) - 1, file) : 0;
	if (file)
		(void)fclose(file);
	line[n] = '\0';
	const char *at = strrchr(line, ')');
	double tick = (double)sysconf(_SC_CLK_TCK);
	for (int field = 2; at && field < 14; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return;
	char *end = NULL;
	ret->verifier_user = (double)strtoull(at, &end, 10) / tick;
	ret->verifier_system = (double)strtoull(end, NULL, 10) / tick;
}

static void status_read(pid_t pid, struct usage *ret)
{
	char path[64], line[256];
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, "VmRSS:", 6) == 0)
			ret->rss_kib = strtod(line + 6, NULL);
	if (file)
		(void)fclose(file);
}

static void descriptors_read(pid_t pid, struct usage *ret)
{
	char path[64];
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *dir = opendir(path);
	while (dir && readdir(dir))
		ret->descriptors++;
	if (dir)
		(void)closedir(dir);
}

struct usage usage_now(pid_t verifier)
{
	struct usage usage = {.wall = (double)now_us() / 1e6};
	struct rusage self;
	(void)getrusage(RUSAGE_SELF, &self);
	usage.client = seconds(&self.ru_utime) + seconds(&self.ru_stime);
	stat_read(verifier, &usage);
	status_read(verifier, &usage);
	descriptors_read(verifier, &usage);
	return usage;
}

double usage_verifier(const struct usage *from, const struct usage *to)
{
	return to->verifier_user - from->verifier_user + to->verifier_system -
	       from->verifier_system;
}

/* ---- signatures alone ---- */

#define ROUND_S 0.3

static double thread_s(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct primitive {
	EVP_PKEY_CTX *context;
	EVP_MD_CTX *md;
	uint8_t message[200], signature[80];
	size_t length;
};

static bool p256_sign(struct primitive *p)
{
	p->length = sizeof(p->signature);
	return EVP_PKEY_sign(p->context, p->signature, &p->length, p->message, 32) == 1;
}

static bool p256_verify(struct primitive *p)
{
	return EVP_PKEY_verify(p->context, p->signature, p->length, p->message, 32) == 1;
}

static bool ed25519_sign(struct primitive *p)
{
	p->length = sizeof(p->signature);
	return EVP_DigestSign(p->md, p->signature, &p->length, p->message, sizeof(p->message)) == 1;
}

static bool timed(bool (*one)(struct primitive *p), struct primitive *p, double *ret)
{
	double start = thread_s(), took;
	size_t n = 0;
	do {
		for (unsigned i = 0; i < 64; i++, n++)
			if (!one(p))
				return false;
		took = thread_s() - start;
	} while (took < ROUND_S);
	*ret = took / (double)n;
	return true;
}

static bool p256_measure(struct primitive *p, EVP_PKEY *key, struct primitives *ret)
{
	p->context = EVP_PKEY_CTX_new(key, NULL);
	bool ok = p->context && EVP_PKEY_sign_init(p->context) == 1 &&
		  timed(p256_sign, p, &ret->p256_sign) && EVP_PKEY_verify_init(p->context) == 1 &&
		  timed(p256_verify, p, &ret->p256_verify);
	EVP_PKEY_CTX_free(p->context);
	return ok;
}

static bool ed25519_measure(struct primitive *p, EVP_PKEY *key, struct primitives *ret)
{
	p->md = EVP_MD_CTX_new();
	bool ok = p->md && EVP_DigestSignInit(p->md, NULL, NULL, NULL, key) == 1 &&
		  timed(ed25519_sign, p, &ret->ed25519_sign);
	EVP_MD_CTX_free(p->md);
	return ok;
}

bool primitives_measure(struct primitives *ret, struct err *err)
{
	OWNED(key_unref) struct key *p256 = NULL, *ed25519 = NULL;
	struct primitive p = {.message = {1}};
	return key_generate(KEY_EC_P256, &p256, err) && key_generate(KEY_ED25519, &ed25519, err) &&
	       ((p256_measure(&p, key_evp(p256), ret) &&
			ed25519_measure(&p, key_evp(ed25519), ret)) ||
		       err_set(err, ERR_CRYPTO, "signatures alone"));
}

/* ---- the report ---- */

void report_init(struct report *report, bool json)
{
	*report = (struct report){.json = json, .root = json_object()};
}

void report_section(struct report *report, const char *name)
{
	report->section = json_object();
	(void)json_object_set_new(report->root, name, report->section);
	if (!report->json)
		printf("%s\n", name);
}

void report_put(struct report *report, const char *name, double value, const char *unit)
{
	(void)json_object_set_new(report->section, name, json_real(value));
	if (!report->json)
		printf("  %-36s %12.3f %s\n", name, value, unit);
	(void)fflush(stdout);
}

void report_latency(struct report *report, const char *name, struct samples *ms)
{
	static const struct {
		const char *name;
		double share;
	} shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
	for (size_t i = 0; i < ARRAY_LEN(shares); i++) {
		char text[64];
		(void)snprintf(text, sizeof(text), "%s_%s", name, shares[i].name);
		report_put(report, text, samples_at(ms, shares[i].share), "ms");
	}
}

void report_end(struct report *report)
{
	if (report->json) {
		(void)json_dumpf(report->root, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		printf("\n");
	}
	json_decref(report->root);
	*report = (struct report){0};
}
