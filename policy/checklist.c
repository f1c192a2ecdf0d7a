/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/checklist.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "base/time.h"
#include "policy/release_case.h"

/* Untrusted text was escaped before; a character that the cut broke is taken off. */
static void text_cut(char out[REASON_TEXT_MAX])
{
	size_t len = strlen(out);

	while (!utf8_valid(bytes_of(out, len))) /* of no bytes it is */
		out[--len] = '\0';
}

static void put(struct checklist *list, bool met, int64_t end, const char *by, const char *demand)
{
	struct checklist_item *item;

	if (list->count == CHECKLIST_MAX)
		return; /* the array holds all that one class can demand */
	item = &list->items[list->count++];
	item->met = met;
	item->expires = met && end != NEVER ? end : 0;
	(void)snprintf(item->by, sizeof(item->by), "%s", by);
	(void)snprintf(item->demand, sizeof(item->demand), "%s", demand);
	text_cut(item->by);
	text_cut(item->demand);
	list->met = met && (list->count == 1 || list->met);
	if (item->expires)
		list->expires =
			list->expires ? earlier_of(list->expires, item->expires) : item->expires;
}

void checklist_put(
	struct release_case *c, bool met, int64_t end, const char *by, const char *demand, ...)
{
	char text[REASON_TEXT_MAX];
	va_list args;

	if (!c->list)
		return;
	va_start(args, demand);
	(void)vsnprintf(text, sizeof(text), demand, args);
	va_end(args);
	put(c->list, met, end, by, text);
}

void checklist_review(struct checklist *list, const struct policy_class *class,
	const struct context_workload *workload, int64_t now)
{
	static const char *const words[] = {
		[REVIEW_AHEAD] = "due at",
		[REVIEW_DUE] = "due since",
		[REVIEW_OVERDUE] = "overdue: due since",
	};
	struct review r = policy_review(class, workload, now);
	char due[TIME_TEXT_MAX], by[64];

	if (r.state == REVIEW_NONE)
		return;
	(void)snprintf(by, sizeof(by), "%s %s", words[r.state], time_format(r.due, due));
	put(list, r.state != REVIEW_OVERDUE, r.refused_from, by, "review of the workload");
}

static json_t *json_time(int64_t seconds)
{
	char text[TIME_TEXT_MAX];

	return seconds ? json_string(time_format(seconds, text)) : json_null();
}

json_t *checklist_json(const struct checklist *list)
{
	OWNED(json_release) json_t *items = json_array();

	for (size_t i = 0; i < list->count; i++) {
		const struct checklist_item *item = &list->items[i];

		if (json_array_append_new(
			    items, json_pack("{s:s,s:b,s:s,s:o}", "demand", item->demand, "met",
					   (int)item->met, "by", item->by, "expires",
					   json_time(item->expires))) != 0)
			return NULL;
	}
	return json_pack("{s:b,s:o,s:o}", "met", (int)list->met, "expires",
		json_time(list->expires), "items", TAKE(items));
}

static bool put_release(json_t *object, const struct release *release)
{
	char hex[2 * SHA256_LEN + 1];
	const struct {
		const char *key, *value;
	} texts[] = {
		{"release", hex},
		{"name", release->name},
		{"version", release->version},
		{"workload", release->workload},
		{"risk_class", release->risk_class},
	};

	hex_encode(BYTES_OF(release->digest), hex);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (json_object_set_new(object, texts[i].key, json_string(texts[i].value)) != 0)
			return false;
	return true;
}

bool gate_json(const struct release *release, const char *environment, const struct checklist *list,
	const struct verdict *verdict, json_t **ret, struct err *err)
{
	OWNED(json_release) json_t *object = json_object();
	OWNED(json_release) json_t *judged = NULL;
	OWNED(buf_release) struct buf text = {0};

	if (!verdict_json(verdict, &text, err) ||
		!json_open(buf_bytes(&text), JSON_INPUT_MAX, &judged, err))
		return false;
	if ((release && !put_release(object, release)) ||
		json_object_set_new(object, "environment", json_string(environment)) != 0 ||
		json_object_set_new(object, "checklist", checklist_json(list)) != 0 ||
		json_object_set_new(object, "verdict", TAKE(judged)) != 0)
		return err_set(err, ERR_NOMEM, "gate: no memory");
	*ret = TAKE(object);
	return true;
}
