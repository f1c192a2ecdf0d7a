/* SPDX-License-Identifier: Apache-2.0 */
/* One renewal of one instance: attest again, then the files; or take them away. */
#include "attest/instance.h"

#include "attest/hostd_state.h"
#include "base/text.h"
#include "base/time.h"

#define BACKOFF_FIRST_S 5
#define BACKOFF_MOST_S  60
#define REASON_COUNT    5u /* as many as are logged of a verdict */

static void set_state(struct instance *instance, enum instance_state state, const char *reason)
{
	instance->state = state;
	(void)text_escape(bytes_str(reason), instance->reason, sizeof(instance->reason));
}

/* For good: what it holds goes, and nothing is asked again. */
static void distrust(struct hostd *hostd, struct instance *instance, const char *reason)
{
	(void)pthread_mutex_lock(&instance->mutex);
	set_state(instance, INSTANCE_UNTRUSTED, reason);
	instance->renew_at = 0;
	instance->expires = 0;
	credentials_remove(instance);
	(void)pthread_mutex_unlock(&instance->mutex);
	log_event(hostd->log, LOG_LEVEL_ERROR, "instance untrusted",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"reason", bytes_str(reason)});
}

/* "component-digest component model; …" out of a verdict's JSON. */
static void verdict_reasons(struct bytes verdict, struct buf *out)
{
	OWNED(json_release) json_t *json = NULL;
	struct err ignored;
	if (!json_open(verdict, JSON_INPUT_MAX, &json, &ignored))
		return;
	const json_t *reasons = json_object_get(json, "reasons");
	for (size_t i = 0; i < json_array_size(reasons) && i < REASON_COUNT; i++) {
		const json_t *reason = json_array_get(reasons, i);
		const char *code = json_string_value(json_object_get(reason, "code"));
		const char *subject = json_string_value(json_object_get(reason, "subject"));
		buf_printf(
			out, "%s%s %s", i ? "; " : "", code ? code : "?", subject ? subject : "");
	}
}

static void refused(
	struct hostd *hostd, struct instance *instance, const struct attest_result *result)
{
	OWNED(buf_release) struct buf reasons = {0};
	verdict_reasons(result->verdict, &reasons);
	distrust(hostd, instance,
		reasons.len > 0 && buf_str(&reasons) ? buf_str(&reasons) : "refused");
}

/* The verifier is away, or something on the way: what is held stays until it expires. */
static void postpone(struct hostd *hostd, struct instance *instance, const struct err *why)
{
	(void)pthread_mutex_lock(&instance->mutex);
	bool expired = instance->expires <= clock_wall(&clock_system);
	bool gone = instance->state == INSTANCE_ENDED;
	int64_t after = BACKOFF_FIRST_S << (instance->failures < 4 ? instance->failures : 4);
	instance->failures++;
	if (!gone) {
		struct err ignored;
		set_state(instance, expired ? INSTANCE_STALE : INSTANCE_UNREACHABLE, why->text);
		/* Without randomness for the jitter the next try is simply on time. */
		if (!instance_schedule(
			    instance, after < BACKOFF_MOST_S ? after : BACKOFF_MOST_S, &ignored))
			instance->renew_at =
				clock_monotonic_ms(&clock_system) + BACKOFF_MOST_S * 1000;
		if (expired)
			credentials_remove(instance);
	}
	(void)pthread_mutex_unlock(&instance->mutex);
	log_event(hostd->log, LOG_LEVEL_WARNING, expired ? "credential expired" : "renewal failed",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"error", bytes_str(why->text)});
}

static bool accepted(struct instance *instance, const struct attest_result *result, struct err *err)
{
	bool ok = true;
	(void)pthread_mutex_lock(&instance->mutex);
	if (instance->state != INSTANCE_ENDED) {
		ok = credentials_write(instance, result, err) &&
		     instance_schedule(instance, result->renew_after, err);
		if (ok) {
			set_state(instance, INSTANCE_TRUSTED, "");
			instance->failures = 0;
			instance->expires = result->expires;
			instance->report_end = result->report_end;
			hex_encode(BYTES_OF(result->record), instance->record);
		}
	}
	(void)pthread_mutex_unlock(&instance->mutex);
	return ok;
}

/* An answer that says no, rather than none. */
static bool is_refusal(enum err_code code)
{
	return code == ERR_DENIED || code == ERR_NOT_FOUND;
}

/* Evidence may be refused for what has moved at the verifier: its policy, the connection, the challenge's time. Then a fresh
 * challenge asks for all that is wanted now; twice in a row is an error like any other, and tried again later. */
static bool attest_again(struct hostd *hostd, struct instance *instance, struct buf *answer,
	struct attest_result *ret, struct err *err)
{
	for (unsigned tries = 0; tries < 2; tries++) {
		buf_clear(answer);
		if (!hostd_attest(
			    hostd, &hostd->renewals, instance, PURPOSE_RENEW, answer, ret, err))
			return false;
		if (ret->trusted || !ret->again)
			return true;
	}
	OWNED(buf_release) struct buf reasons = {0};
	verdict_reasons(ret->verdict, &reasons);
	return err_set(err, ERR_CONFLICT, "the verifier wants other evidence: %s",
		reasons.len > 0 && buf_str(&reasons) ? buf_str(&reasons) : "it does not say why");
}

void instance_renew(struct hostd *hostd, struct instance *instance)
{
	OWNED(buf_release) struct buf answer = {0};
	struct attest_result result;
	struct err err;
	if (!instance_files_unchanged(instance, &err)) {
		distrust(hostd, instance, err.text);
		return;
	}
	bool decided = attest_again(hostd, instance, &answer, &result, &err);
	if (!decided && is_refusal(err.code))
		distrust(hostd, instance, err.text);
	else if (!decided)
		postpone(hostd, instance, &err);
	else if (!result.trusted)
		refused(hostd, instance, &result);
	else if (!accepted(instance, &result, &err))
		postpone(hostd, instance, &err);
	else
		log_event(hostd->log, LOG_LEVEL_INFO, "renewed",
			{"instance", bytes_str(instance->hex)},
			{"workload", bytes_str(instance->workload)},
			{"record", bytes_str(instance->record)});
}

void instance_report_end(struct hostd *hostd, struct instance *instance)
{
	OWNED(buf_release) struct buf answer = {0};
	struct attest_result result;
	struct err err = {0};
	bool told = attest_again(hostd, instance, &answer, &result, &err);
	log_event(hostd->log, told ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		told ? "end reported" : "end not reported", {"instance", bytes_str(instance->hex)},
		{"workload", bytes_str(instance->workload)}, {"error", bytes_str(err.text)});
}
