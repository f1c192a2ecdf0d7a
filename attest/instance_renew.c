/* SPDX-License-Identifier: Apache-2.0 */
/* One renewal of one instance: attest again, then the files; or take them away. */
#include "attest/instance.h"

#include "attest/hostd_state.h"
#include "attest/instance_saved.h"
#include "base/text.h"
#include "base/time.h"

#define BACKOFF_LEAST_MS 500u
#define BACKOFF_FIRST_MS 2000u
#define BACKOFF_MOST_MS  60000u
#define REASON_COUNT     5u /* as many as are logged of a verdict */

static void set_state(struct instance *instance, enum instance_state state, const char *reason)
{
	instance->state = state;
	(void)text_escape(bytes_str(reason), instance->reason, sizeof(instance->reason));
}

/* Under the lock. */
static void tell_of_file(struct instance *instance)
{
	if (instance->state != INSTANCE_UNTRUSTED)
		return;
	instance->drift = DRIFT_TO_TELL;
	instance->renew_at = clock_monotonic_ms(instance->clock);
}

/* `file`: the verifier does not know yet. */
static void distrust(struct hostd *hostd, struct instance *instance, enum end_action action,
	bool file, const char *reason)
{
	(void)pthread_mutex_lock(&instance->mutex);
	bool known = instance->state == INSTANCE_UNTRUSTED || instance->state == INSTANCE_ENDED;
	action = action ? action : instance->on_refusal;
	if (!known) {
		set_state(instance, INSTANCE_UNTRUSTED, reason);
		instance->renew_at = 0;
		instance->expires = 0;
		credentials_remove(instance);
	}
	(void)pthread_mutex_unlock(&instance->mutex);
	if (known)
		return;
	log_event(hostd->log, LOG_LEVEL_ERROR, "instance untrusted",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"reason", bytes_str(reason)});
	instance_hold_as(hostd, instance, action, reason);
	(void)pthread_mutex_lock(&instance->mutex);
	if (file)
		tell_of_file(instance);
	(void)pthread_mutex_unlock(&instance->mutex);
	instance_save_or_tell(hostd, instance);
}

void instance_distrust(
	struct hostd *hostd, struct instance *instance, enum end_action action, const char *reason)
{
	distrust(hostd, instance, action, false, reason);
}

void instance_distrust_file(struct hostd *hostd, struct instance *instance, const char *reason)
{
	distrust(hostd, instance, END_CONTINUE, true, reason);
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
	instance_distrust(hostd, instance, result->on_refusal,
		reasons.len > 0 && buf_str(&reasons) ? buf_str(&reasons) : "refused");
}

/* ---- no answer ---- */

/* Full jitter: hosts that lost the same verifier at the same time do not come back at the same time. */
void instance_back_off(struct instance *instance, uint64_t now)
{
	uint64_t within = BACKOFF_FIRST_MS << (instance->failures < 5 ? instance->failures : 5);
	struct err ignored;
	instance->failures++;
	if (within > BACKOFF_MOST_MS)
		within = BACKOFF_MOST_MS;
	if (!instance_schedule_within(instance, within, &ignored))
		instance->renew_at = now + within;
	instance->renew_at += BACKOFF_LEAST_MS;
	/* Not before the verifier wants it; and spread behind that as before. */
	instance->renew_at += (uint64_t)instance->retry_after * 1000;
}

/* Under the lock. True: the state is another one than before. */
static bool note_silence(
	struct instance *instance, const char *reason, bool *ret_stale, bool *ret_over)
{
	uint64_t now = clock_monotonic_ms(instance->clock);
	int64_t wall = clock_wall(instance->clock);
	enum instance_state before = instance->state;
	*ret_over = now >= instance->lease_at;
	*ret_stale = *ret_over || instance->expires <= wall;
	set_state(instance, *ret_stale ? INSTANCE_STALE : INSTANCE_UNREACHABLE, reason);
	instance_back_off(instance, now);
	instance_not_beyond(instance);
	if (*ret_stale)
		credentials_remove(instance);
	return instance->state != before;
}

/* The verifier is away, or something on the way: what is held stays until it expires. */
static void postpone(struct hostd *hostd, struct instance *instance, const struct err *why)
{
	bool stale = false, over = false, changed = false;
	(void)pthread_mutex_lock(&instance->mutex);
	enum end_action action =
		instance->hold == HOLD_NONE ? instance->on_lease_end : END_CONTINUE;
	bool gone = instance->state == INSTANCE_ENDED || instance->state == INSTANCE_UNTRUSTED;
	if (!gone)
		changed = note_silence(instance, why->text, &stale, &over);
	(void)pthread_mutex_unlock(&instance->mutex);
	if (gone)
		return;
	log_event(hostd->log, LOG_LEVEL_WARNING, stale ? "credential expired" : "renewal failed",
		{"instance", bytes_str(instance->hex)}, {"workload", bytes_str(instance->workload)},
		{"error", bytes_str(why->text)});
	if (over)
		instance_hold_as(hostd, instance, action, "its lease ended without a renewal");
	if (changed || (over && action != END_CONTINUE))
		instance_save_or_tell(hostd, instance);
}

/* ---- accepted ---- */

/* Under the lock: a frozen instance goes on only if the verifier says so. */
static bool accept_locked(
	struct instance *instance, const struct attest_result *result, struct err *err)
{
	bool frozen = instance->hold == HOLD_FROZEN;
	if (instance->state == INSTANCE_ENDED || instance->state == INSTANCE_UNTRUSTED ||
		instance->hold == HOLD_STOPPING)
		return true;
	if (!instance_schedule(instance, result->renew_after, err))
		return false;
	instance->failures = 0;
	if (frozen && !result->thaw) {
		set_state(instance, INSTANCE_STALE,
			"renewed, but frozen: the verifier does not say that it may go on");
		return true;
	}
	if (!credentials_write(instance, result, err) ||
		(frozen && !instance_freeze(instance, false, err)))
		return false;
	instance->hold = HOLD_NONE;
	set_state(instance, INSTANCE_TRUSTED, "");
	instance_take_terms(instance, result);
	return true;
}

static bool accepted(struct hostd *hostd, struct instance *instance,
	const struct attest_result *result, struct err *err)
{
	(void)pthread_mutex_lock(&instance->mutex);
	bool ok = accept_locked(instance, result, err);
	(void)pthread_mutex_unlock(&instance->mutex);
	if (ok)
		instance_save_or_tell(hostd, instance);
	return ok;
}

/* An answer that says no, rather than none. */
static bool is_refusal(enum err_code code)
{
	return code == ERR_DENIED || code == ERR_NOT_FOUND || code == ERR_GONE;
}

/* Evidence may be refused for what has moved at the verifier: its policy, the connection, the challenge's time. Then a fresh
 * challenge asks for all that is wanted now; twice in a row is an error like any other, and tried again later. */
bool instance_attest(struct hostd *hostd, struct instance *instance, struct buf *answer,
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
		instance_distrust_file(hostd, instance, err.text);
		return;
	}
	bool decided = instance_attest(hostd, instance, &answer, &result, &err);
	if (!decided && is_refusal(err.code))
		instance_distrust(hostd, instance, END_CONTINUE, err.text);
	else if (!decided)
		postpone(hostd, instance, &err);
	else if (!result.trusted)
		refused(hostd, instance, &result);
	else if (!accepted(hostd, instance, &result, &err))
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
	bool drift = instance->drift != DRIFT_NONE;
	if (!drift && !instance->report_end) { /* told meanwhile */
		instance_forget(hostd, instance);
		return;
	}
	if (drift && !instance_record_drift(hostd, instance, &err))
		log_event(hostd->log, LOG_LEVEL_ERROR, "change of a file not recorded",
			{"instance", bytes_str(instance->hex)}, {"error", bytes_str(err.text)});
	bool told = instance_attest(hostd, instance, &answer, &result, &err);
	log_event(hostd->log, told ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING,
		told ? "end reported" : "end not reported", {"instance", bytes_str(instance->hex)},
		{"workload", bytes_str(instance->workload)}, {"error", bytes_str(err.text)});
	instance_forget(hostd, instance);
}
