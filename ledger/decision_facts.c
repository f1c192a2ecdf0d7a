/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/decision_facts.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"

static void boot_of(struct bytes in, struct decision_facts *ret)
{
	struct evidence evidence;
	struct tpms_attest attest;
	struct claims claims;

	if (!evidence_decode(in, &evidence, NULL) ||
		!tpms_attest_parse(evidence.message, &attest, NULL) ||
		!claims_decode(evidence.claims, &claims, NULL))
		return;
	ret->booted = true;
	ret->reset_count = attest.reset_count;
	ret->restart_count = attest.restart_count;
	ret->clock_ms = attest.clock;
	ret->safe = attest.safe;
	ret->firmware_version = attest.firmware_version;
	memcpy(ret->boot_id, claims.boot_id, sizeof(ret->boot_id));
}

/* Codes are words: whatever is none is not repeated. */
static void put_reason(struct decision_facts *facts, const char *code)
{
	if (code && facts->reason_count < DECISION_REASONS_MAX &&
		strlen(code) < DECISION_REASON_LEN && text_is_name(bytes_str(code)))
		(void)snprintf(
			facts->reasons[facts->reason_count++], DECISION_REASON_LEN, "%s", code);
}

static bool answer_of(struct bytes in, struct decision_facts *ret, struct err *err)
{
	OWNED(json_release) json_t *verdict = NULL;
	struct err why = {0};
	const json_t *reasons;

	if (!json_open(in, JSON_INPUT_MAX, &verdict, &why))
		return why.code != ERR_NOMEM || err_set(err, why.code, "%s", why.text);
	ret->full = json_is_true(json_object_get(verdict, "full"));
	ret->renew_after = json_integer_value(json_object_get(verdict, "renew_after"));
	if (ret->renew_after < 0)
		ret->renew_after = 0;
	reasons = json_object_get(verdict, "reasons");
	for (size_t i = 0; i < json_array_size(reasons); i++)
		put_reason(ret,
			json_string_value(json_object_get(json_array_get(reasons, i), "code")));
	return true;
}

bool decision_facts_of(const struct record *record, struct bytes evidence, struct bytes verdict,
	struct decision_facts *ret, struct err *err)
{
	struct decision_facts facts = {.purpose = record->purpose, .trusted = record->trusted};

	memcpy(facts.host, record->host_id, sizeof(facts.host));
	memcpy(facts.instance, record->instance, sizeof(facts.instance));
	memcpy(facts.release, record->release, sizeof(facts.release));
	if (text_is_name(record->workload))
		memcpy(facts.workload, record->workload.data, record->workload.len);
	boot_of(evidence, &facts);
	if (!answer_of(verdict, &facts, err))
		return err_wrap(err, "verdict");
	*ret = facts;
	return true;
}

static json_t *boot_json(const struct decision_facts *f)
{
	char boot[2 * sizeof(f->boot_id) + 1], firmware[17];

	if (!f->booted)
		return json_null();
	hex_encode(BYTES_OF(f->boot_id), boot);
	(void)snprintf(firmware, sizeof(firmware), "%016" PRIx64, f->firmware_version);
	return json_pack("{s:I, s:I, s:I, s:b, s:s, s:s*}", "reset_count",
		(json_int_t)f->reset_count, "restart_count", (json_int_t)f->restart_count,
		"clock_ms", (json_int_t)(f->clock_ms & INT64_MAX), "safe", (int)f->safe, "boot_id",
		boot, "firmware_version", f->firmware_version ? firmware : NULL);
}

json_t *decision_facts_json(const struct decision_facts *f)
{
	char host[2 * HOST_ID_LEN + 1], instance[2 * INSTANCE_ID_LEN + 1];
	char release[2 * SHA256_LEN + 1];
	OWNED(json_release) json_t *reasons = json_array();

	for (size_t i = 0; i < f->reason_count; i++)
		if (json_array_append_new(reasons, json_string(f->reasons[i])) != 0)
			return NULL;
	hex_encode(BYTES_OF(f->host), host);
	hex_encode(BYTES_OF(f->instance), instance);
	hex_encode(BYTES_OF(f->release), release);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:I, s:O, s:o}", "host", host,
		"workload", f->workload, "release", release, "instance", instance, "purpose",
		purpose_name(f->purpose), "trusted", (int)f->trusted, "full", (int)f->full,
		"renew_after", (json_int_t)f->renew_after, "reasons", reasons, "boot",
		boot_json(f));
}

static const char *const FACT_KEYS[] = {"host", "workload", "release", "instance", "purpose",
	"trusted", "full", "renew_after", "reasons", "boot", NULL};
static const char *const BOOT_KEYS[] = {
	"reset_count", "restart_count", "clock_ms", "safe", "boot_id", "firmware_version", NULL};

/* Left out of entries from before it was kept. */
static void read_firmware(struct json_fields *f, const json_t *boot, struct decision_facts *ret)
{
	uint8_t version[8];

	if (!json_object_get(boot, "firmware_version"))
		return;
	json_need_hex(f, boot, "firmware_version", version, sizeof(version));
	for (size_t i = 0; i < sizeof(version); i++)
		ret->firmware_version = ret->firmware_version << 8 | version[i];
}

static void read_boot(struct json_fields *f, const json_t *value, struct decision_facts *ret)
{
	const json_t *boot = json_object_get(value, "boot");

	if (json_is_null(boot))
		return;
	boot = json_need_object(f, value, "boot");
	json_only_keys(f, boot, BOOT_KEYS);
	ret->reset_count = (uint32_t)json_need_int(f, boot, "reset_count", 0, UINT32_MAX);
	ret->restart_count = (uint32_t)json_need_int(f, boot, "restart_count", 0, UINT32_MAX);
	ret->clock_ms = (uint64_t)json_need_int(f, boot, "clock_ms", 0, INT64_MAX);
	ret->safe = json_want_bool(f, boot, "safe", false);
	json_need_hex(f, boot, "boot_id", ret->boot_id, sizeof(ret->boot_id));
	read_firmware(f, boot, ret);
	ret->booted = true;
}

static void read_reasons(struct json_fields *f, const json_t *value, struct decision_facts *ret)
{
	const json_t *reasons = json_need_array(f, value, "reasons", DECISION_REASONS_MAX);
	size_t n = json_array_size(reasons);

	for (size_t i = 0; i < n; i++)
		put_reason(ret, json_string_value(json_array_get(reasons, i)));
	if (ret->reason_count != n)
		json_fields_fail(f, "reasons", "not a list of codes");
}

static enum purpose read_purpose(struct json_fields *f, const json_t *value)
{
	const char *name = json_need_str(f, value, "purpose", 16);

	for (unsigned p = PURPOSE_ENROLL; p <= PURPOSE_RENEW; p++)
		if (strcmp(purpose_name((enum purpose)p), name) == 0)
			return (enum purpose)p;
	json_fields_fail(f, "purpose", "unknown");
	return PURPOSE_ENROLL;
}

bool decision_facts_read(const json_t *value, struct decision_facts *ret, struct err *err)
{
	struct json_fields f = json_fields_of("decision");
	struct decision_facts facts = {0};
	const char *workload;

	json_only_keys(&f, value, FACT_KEYS);
	json_need_hex(&f, value, "host", facts.host, sizeof(facts.host));
	json_need_hex(&f, value, "release", facts.release, sizeof(facts.release));
	json_need_hex(&f, value, "instance", facts.instance, sizeof(facts.instance));
	workload = json_need_str(&f, value, "workload", sizeof(facts.workload) - 1);
	if (workload[0] && !text_is_name(bytes_str(workload)))
		json_fields_fail(&f, "workload", "not a name");
	(void)snprintf(facts.workload, sizeof(facts.workload), "%s", workload);
	facts.purpose = read_purpose(&f, value);
	facts.trusted = json_want_bool(&f, value, "trusted", false);
	facts.full = json_want_bool(&f, value, "full", false);
	facts.renew_after = json_need_int(&f, value, "renew_after", 0, INT32_MAX);
	read_reasons(&f, value, &facts);
	read_boot(&f, value, &facts);
	if (!json_fields_ok(&f, err))
		return false;
	*ret = facts;
	return true;
}
