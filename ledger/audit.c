/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/audit_case.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

__attribute__((format(printf, 5, 0))) static void note(struct audit_case *c,
	enum audit_step_result result, const char *by, const char *what, const char *format,
	va_list args)
{
	struct audit_report *report = c->report;
	struct audit_step *step;

	/* A failure always finds room: it takes the last place. */
	if (report->step_count == AUDIT_STEPS_MAX && result != AUDIT_FAILED)
		return;
	step = report->step_count == AUDIT_STEPS_MAX ? &report->steps[AUDIT_STEPS_MAX - 1]
						     : &report->steps[report->step_count++];
	*step = (struct audit_step){.result = result, .section = c->section, .earlier = c->earlier};
	snprintf(step->what, sizeof(step->what), "%s", what);
	snprintf(step->by, sizeof(step->by), "%s", result == AUDIT_ASSERTED ? by : "");
	vsnprintf(step->detail, sizeof(step->detail), format, args);
	/* A character cut in two would make the report unprintable as JSON. */
	for (size_t n = strlen(step->detail); n > 0 && !utf8_valid(bytes_str(step->detail)); n--)
		step->detail[n - 1] = '\0';
	/* Names of the file's own policy are in it. */
	(void)text_disarm(step->detail);
	(void)text_disarm(step->by);
}

void audit_note(struct audit_case *c, enum audit_step_result result, const char *what,
	const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(c, result, "the verifier", what, format, args);
	va_end(args);
}

void audit_assert(struct audit_case *c, const char *by, const char *what, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	note(c, AUDIT_ASSERTED, by, what, format, args);
	va_end(args);
}

void audit_judge(
	struct audit_case *c, bool holds, const char *what, const char *proved, const char *failed)
{
	audit_note(c, holds ? AUDIT_PROVED : AUDIT_FAILED, what, "%s", holds ? proved : failed);
}

const uint8_t *audit_named(const struct audit_case *c, const char *name)
{
	const struct record *record = &c->report->record;

	for (size_t i = 0; i < record->input_count; i++)
		if (strcmp(record->inputs[i].name, name) == 0)
			return record->inputs[i].digest;
	return NULL;
}

bool audit_input(const struct audit_case *c, const char *name, struct bytes *ret)
{
	const uint8_t *digest = audit_named(c, name);

	return digest && audit_object(c, digest, ret);
}

bool audit_object(const struct audit_case *c, const uint8_t digest[SHA256_LEN], struct bytes *ret)
{
	for (size_t k = 0; k < c->bundle.object_count; k++)
		if (memcmp(c->digests[k], digest, SHA256_LEN) == 0) {
			*ret = c->bundle.objects[k];
			return true;
		}
	return c->pool && audit_pool_find(c->pool, digest, ret);
}

void audit_case_clear(struct audit_case *c)
{
	key_unref(&c->signer);
	policy_frozen_release(&c->frozen);
	memset(c, 0, sizeof(*c));
}

static void case_free(struct audit_case **c)
{
	if (*c)
		audit_case_clear(*c);
	free(*c);
	*c = NULL;
}

static void conclude(struct audit_case *c)
{
	struct audit_report *report = c->report;

	report->reproducible = report->reproducible && report->withheld == 0;
	report->grounded = report->grounded && report->withheld == 0;
	report->consistent = report->reproducible && report->step_count > 0;
	for (size_t i = 0; i < report->step_count; i++)
		if (report->steps[i].result == AUDIT_FAILED)
			report->consistent = false;
}

static bool run(struct audit_case *c, struct err *err)
{
	bool opened = false;

	for (size_t i = 0; i < c->bundle.object_count; i++)
		if (!sha256_of(c->bundle.objects[i], c->digests[i], err))
			return false;
	if (!audit_record(c, &opened, err))
		return false;
	if (opened && (!audit_leaf(c, err) || !audit_checkpoint(c, err) || !audit_receipt(c, err) ||
			      !audit_log_host(c, err) || !audit_verdict(c, err) ||
			      !audit_earlier(c, err)))
		return false;
	audit_withheld_list(c);
	audit_leaves_missing(c);
	conclude(c);
	return true;
}

bool audit_report_withheld(const struct audit_report *report)
{
	for (size_t i = 0; i < report->step_count; i++)
		if (report->steps[i].result == AUDIT_FAILED)
			return false;
	return report->withheld > 0;
}

bool audit_run(struct bytes bundle, const struct audit_anchors *anchors, struct audit_report *ret,
	struct err *err)
{
	static const struct audit_anchors none;
	OWNED(case_free) struct audit_case *c = calloc(1, sizeof(*c));
	struct err own = {0};

	if (!err)
		err = &own;
	memset(ret, 0, sizeof(*ret));
	if (!c)
		return err_set(err, ERR_NOMEM, "audit: no memory");
	c->anchors = anchors ? anchors : &none;
	c->report = ret;
	if (!audit_bundle_decode(bundle, &c->bundle, err))
		return false;
	if (run(c, err))
		return true;
	audit_report_release(ret);
	return err_wrap(err, "audit");
}

void audit_report_release(struct audit_report *report)
{
	buf_release(&report->verdict);
	memset(report, 0, sizeof(*report));
}
