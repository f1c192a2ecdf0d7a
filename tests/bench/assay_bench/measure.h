/* SPDX-License-Identifier: Apache-2.0 */
/* What is measured, and how it is said: samples, the processes' time and memory, signatures alone, the report. */
#ifndef ASSAY_TESTS_BENCH_MEASURE_H
#define ASSAY_TESTS_BENCH_MEASURE_H

#include "base/json.h"

#include <sys/types.h>

struct samples {
	double *values;
	size_t count, room;
};
void samples_add(struct samples *samples, double value);
/* share: 0.5 is the median; 0 when there are none. Sorts. */
double samples_at(struct samples *samples, double share);
void samples_release(struct samples *samples);

/* At one moment. Seconds of processor since the process began; its memory and descriptors now. */
struct usage {
	double wall, verifier_user, verifier_system, client;
	double rss_kib;
	unsigned descriptors;
};
struct usage usage_now(pid_t verifier);
double usage_verifier(const struct usage *from, const struct usage *to);

/* Seconds of processor that one operation takes, as `openssl speed` finds it: P-256 with SHA-256's digest, Ed25519 over 200
 * bytes. Measured on this thread for a few tenths of a second. */
struct primitives {
	double p256_verify, p256_sign, ed25519_sign;
};
must_use bool primitives_measure(struct primitives *ret, struct err *err);

/* Lines for people as they come, or one JSON object at the end: {"scenario": {"name": number, …}}. */
struct report {
	bool json;
	json_t *root, *section;
};
void report_init(struct report *report, bool json);
void report_section(struct report *report, const char *name);
void report_put(struct report *report, const char *name, double value, const char *unit);
/* name_p50, _p90, _p99, _p99.9, in ms */
void report_latency(struct report *report, const char *name, struct samples *ms);
void report_end(struct report *report);

#endif
