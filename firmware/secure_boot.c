/* SPDX-License-Identifier: Apache-2.0 */
/* PFP 1.06 section 3.3.4.8 (PCR 7); shim's measurements: its README.tpm. */
#include "firmware/secure_boot.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

#define PCR_MODES       1u
#define PCR_BOOT_CODE   4u
#define PCR_SECURE_BOOT 7u
#define PCR_SHIM        14u

struct reading {
	const struct event_log *log;
	enum digest_alg bank;
	struct secure_boot *state;
	const struct firmware_event *event;
	struct digest zero; /* of a separator */
	struct uefi_variable variable; /* of the event at hand */
	size_t separators; /* in PCR 7 */
	bool booting; /* PCR 4 has its separator: images after it are what was booted */
	uint32_t boot_event; /* of that separator */
};

/* The first reason counts. */
__attribute__((format(printf, 2, 3))) static void object(
	struct secure_boot *state, const char *format, ...)
{
	if (state->why[0])
		return;
	va_list list;
	va_start(list, format);
	(void)vsnprintf(state->why, sizeof(state->why), format, list);
	va_end(list);
}

static const struct efi_guid global_guid = {{0x61, 0xdf, 0xe4, 0x8b, 0xca, 0x93, 0xd2, 0x11, 0xaa,
	0x0d, 0x00, 0xe0, 0x98, 0x03, 0x2b, 0x8c}};
static const struct efi_guid database_guid = {{0xcb, 0xb2, 0x19, 0xd7, 0x3a, 0x3d, 0x96, 0x45, 0xa3,
	0xbc, 0xda, 0xd0, 0x0e, 0x67, 0x65, 0x6f}};

/* ---- configuration: EV_EFI_VARIABLE_DRIVER_CONFIG before the separator ---- */

static void flag_take(struct reading *r, enum secure_boot_flag *flag, const char *name)
{
	struct bytes data = r->variable.data;
	enum secure_boot_flag value = SECURE_BOOT_UNKNOWN;
	if (data.len == 0 || (data.len == 1 && data.data[0] == 0))
		value = SECURE_BOOT_OFF;
	else if (data.len == 1 && data.data[0] == 1)
		value = SECURE_BOOT_ON;
	else
		object(r->state, "event %u: %s is neither 0 nor 1", r->event->number, name);
	if (*flag != SECURE_BOOT_UNKNOWN && *flag != value)
		object(r->state, "event %u: %s is measured twice", r->event->number, name);
	*flag = value;
}

static bool entry_put(void *context, const struct efi_signature *signature, struct err *err)
{
	struct secure_boot_database *database = context;
	if ((database->count & (database->count - 1)) == 0) {
		size_t room = database->count ? database->count * 2 : 1;
		void *grown = realloc(database->entries, room * sizeof(*database->entries));
		if (!grown)
			return err_set(err, ERR_NOMEM, "signatures");
		database->entries = grown;
	}
	database->entries[database->count++] = *signature;
	return true;
}

static bool database_take(struct reading *r, enum secure_boot_variable which, struct err *err)
{
	struct secure_boot_database *database = &r->state->variables[which];
	if (database->measured) {
		object(r->state, "event %u: %s is measured twice", r->event->number,
			secure_boot_variable_name(which));
		return true;
	}
	database->measured = true;
	database->event = r->event->number;
	return digest_of(DIGEST_SHA256, r->variable.data, &database->digest, err) &&
	       signature_lists_walk(r->variable.data, entry_put, database, err);
}

/* What a variable is to the state: one of the flags, one of the databases, or nothing. */
struct config_target {
	enum secure_boot_flag *flag;
	enum secure_boot_variable database;
	const char *name; /* NULL: nothing */
};

static struct config_target config_find(struct reading *r)
{
	struct secure_boot *s = r->state;
	const struct config_target targets[] = {
		{.flag = &s->state, .name = "SecureBoot"},
		{.flag = &s->setup_mode, .name = "SetupMode"},
		{.flag = &s->audit_mode, .name = "AuditMode"},
		{.flag = &s->deployed_mode, .name = "DeployedMode"},
		{.database = SECURE_BOOT_PK, .name = "PK"},
		{.database = SECURE_BOOT_KEK, .name = "KEK"},
		{.database = SECURE_BOOT_DB, .name = "db"},
		{.database = SECURE_BOOT_DBX, .name = "dbx"},
		{.database = SECURE_BOOT_DBT, .name = "dbt"},
		{.database = SECURE_BOOT_DBR, .name = "dbr"},
	};
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		bool global = targets[i].flag || targets[i].database <= SECURE_BOOT_KEK;
		const struct efi_guid *guid = global ? &global_guid : &database_guid;
		if (memcmp(&r->variable.guid, guid, sizeof(*guid)) == 0 &&
			utf16_equal(r->variable.name, targets[i].name))
			return targets[i];
	}
	return (struct config_target){0};
}

static bool config_take(struct reading *r, struct err *err)
{
	struct config_target target = config_find(r);
	if (!target.name)
		return true;
	if (target.flag == &r->state->state)
		r->state->state_event = r->event->number;
	if (target.flag)
		flag_take(r, target.flag, target.name);
	else if (!database_take(r, target.database, err))
		return err_wrap(err, "%s", target.name);
	return true;
}

/* Some firmware measures its modes into PCR 1. */
static void mode_take(struct reading *r)
{
	if (r->event->type != EV_EFI_VARIABLE_DRIVER_CONFIG ||
		r->event->covered.data != r->event->data.data ||
		!uefi_variable_parse(r->event->covered, &r->variable, NULL))
		return;
	struct config_target target = config_find(r);
	if (target.flag && target.flag != &r->state->state)
		flag_take(r, target.flag, target.name);
}

/* ---- authorities ---- */

/* Variables that are shim's state and vouch for nothing. */
static bool is_state(const struct uefi_variable *variable)
{
	static const char *const names[] = {"SbatLevel", "MokSBState", "MokDBState",
		"MokListTrusted", "MokPolicy", "HSIStatus"};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (utf16_equal(variable->name, names[i]))
			return true;
	return false;
}

static void shim_state_take(struct reading *r)
{
	struct secure_boot *s = r->state;
	struct bytes data = r->variable.data;
	s->shim.seen = true;
	if (utf16_equal(r->variable.name, "SbatLevel"))
		s->shim.sbat_level = data;
	if (!utf16_equal(r->variable.name, "MokSBState"))
		return;
	bool validates = data.len == 0 || (data.len == 1 && data.data[0] == 0);
	s->shim.mok_validation = validates ? SECURE_BOOT_ON : SECURE_BOOT_OFF;
	if (!validates)
		object(s, "event %u: shim was told not to verify (MokSBState)", r->event->number);
}

static bool authority_take(struct reading *r, struct err *err)
{
	struct secure_boot *s = r->state;
	struct config_target target = config_find(r);
	struct authority_entry entry = authority_entry_of(r->variable.data);
	bool vouches = !is_state(&r->variable) && (entry.certificate || entry.hash);
	if (r->separators == 0)
		object(s, "event %u: an authority before the separator of PCR 7", r->event->number);
	if (target.name && (target.flag || target.database != SECURE_BOOT_DB || !vouches))
		object(s, "event %u: %s was changed after it was measured", r->event->number,
			target.name);
	if (s->authority_count == SECURE_BOOT_AUTHORITIES_MAX)
		return err_set(
			err, ERR_LIMIT, "more than %u authorities", SECURE_BOOT_AUTHORITIES_MAX);
	struct secure_boot_authority *authority = &s->authorities[s->authority_count++];
	*authority = (struct secure_boot_authority){
		.event = r->event->number,
		.variable = r->variable,
		.vouches = vouches,
		.owner = vouches ? entry.owner : (struct bytes){0},
		.entry = vouches ? entry.entry : r->variable.data,
		.certificate = vouches && entry.certificate,
	};
	if (is_state(&r->variable))
		shim_state_take(r);
	return digest_of(DIGEST_SHA256, authority->entry, &authority->digest, err);
}

/* ---- events ---- */

static void separator_take(struct reading *r)
{
	uint32_t n = r->event->number;
	if (event_is_error(r->event))
		object(r->state, "event %u: the firmware reports an error", n);
	if (r->separators++ > 0)
		object(r->state, "event %u: a second separator in PCR 7", n);
}

static bool pcr7_take(struct reading *r, struct err *err)
{
	const struct firmware_event *event = r->event;
	bool config = event->type == EV_EFI_VARIABLE_DRIVER_CONFIG;
	bool authority = event->type == EV_EFI_VARIABLE_AUTHORITY;
	if (event->type == EV_SEPARATOR) {
		separator_take(r);
		return true;
	}
	if (event->type == EV_EFI_ACTION && event_is_remark(event)) {
		if (bytes_equal_str(event->covered, "UEFI Debug Mode"))
			object(r->state, "event %u: UEFI debug mode", event->number);
		return true;
	}
	if (event->coverage != EVENT_COVERED || (!config && !authority)) {
		object(r->state, "event %u: not one that belongs into PCR 7", event->number);
		return true;
	}
	if (event->covered.data != event->data.data) {
		object(r->state, "event %u: the digest does not cover the variable's name",
			event->number);
		return true;
	}
	if (!uefi_variable_parse(event->covered, &r->variable, err))
		return false;
	/* Types are in no digest, the separator's place is: behind it everything may have vouched. */
	return authority || r->separators > 0 ? authority_take(r, err) : config_take(r, err);
}

static bool image_take(struct reading *r, const struct digest *digest, struct err *err)
{
	struct secure_boot *s = r->state;
	if (s->image_count == SECURE_BOOT_IMAGES_MAX)
		return err_set(err, ERR_LIMIT, "more than %u images", SECURE_BOOT_IMAGES_MAX);
	s->images[s->image_count++] = (struct secure_boot_image){
		.event = r->event->number,
		.pcr = r->event->pcr,
		.digest = *digest,
		.authority = -1,
	};
	return true;
}

static void shim_list_take(struct reading *r, const struct digest *digest)
{
	struct secure_boot *s = r->state;
	struct bytes name = r->event->data;
	s->shim.seen = true;
#define LIST_TAKE(member, text)                                                                    \
	if (bytes_equal(name, BYTES_OF(text)) && !s->shim.member.measured) {                       \
		s->shim.member.measured = true;                                                    \
		s->shim.member.event = r->event->number;                                           \
		s->shim.member.digest = *digest;                                                   \
	}
	static const uint8_t list[] = "MokList", list_x[] = "MokListX",
			     trusted[] = "MokListTrusted";
	LIST_TAKE(mok_list, list)
	LIST_TAKE(mok_list_x, list_x)
	LIST_TAKE(mok_list_trusted, trusted)
#undef LIST_TAKE
}

static bool is_image(const struct firmware_event *event)
{
	uint32_t type = event->type;
	if (event->pcr == PCR_BOOT_CODE)
		return type != EV_SEPARATOR && !event_is_remark(event);
	return type == EV_EFI_BOOT_SERVICES_APPLICATION || type == EV_EFI_BOOT_SERVICES_DRIVER ||
	       type == EV_EFI_RUNTIME_SERVICES_DRIVER;
}

static bool event_read(struct reading *r, struct err *err)
{
	struct digest digest;
	if (r->event->type == EV_NO_ACTION || !event_digest(r->log, r->event, r->bank, &digest))
		return true;
	if (r->event->pcr == PCR_SECURE_BOOT && r->event->type != EV_SEPARATOR &&
		digest_equal(&digest, &r->zero))
		object(r->state, "event %u: a separator under another type", r->event->number);
	if (r->event->pcr == PCR_SECURE_BOOT)
		return pcr7_take(r, err);
	if (r->event->pcr == PCR_MODES)
		mode_take(r);
	if (r->event->pcr == PCR_BOOT_CODE && event_is_separator(r->event) && !r->booting) {
		r->booting = true;
		r->boot_event = r->event->number;
	}
	if (is_image(r->event))
		return image_take(r, &digest, err);
	if (r->event->pcr == PCR_SHIM && r->event->type == EV_IPL)
		shim_list_take(r, &digest);
	return true;
}

/* ---- conclusions ---- */

/* The authority of image i: the newest between the image before and the one after, before the image
 * (as firmware does) rather than behind (as shim does); otherwise the newest of all so far. */
static void image_match(struct secure_boot *s, size_t i)
{
	struct secure_boot_image *image = &s->images[i];
	uint32_t from = i > 0 ? s->images[i - 1].event : 0;
	uint32_t to = i + 1 < s->image_count ? s->images[i + 1].event : UINT32_MAX;
	int before = -1, behind = -1, any = -1;
	bool one = true;
	for (size_t a = 0; a < s->authority_count && s->authorities[a].event < to; a++) {
		const struct secure_boot_authority *authority = &s->authorities[a];
		if (!authority->vouches)
			continue;
		one = one &&
		      (any < 0 || digest_equal(&authority->digest, &s->authorities[any].digest));
		any = (int)a;
		if (authority->event > image->event)
			behind = behind < 0 ? (int)a : behind;
		else if (authority->event > from)
			before = (int)a;
	}
	/* One that came behind the image before is that image's. */
	if (behind >= 0 && i > 0 && before == s->images[i - 1].authority)
		before = -1;
	image->authority = before >= 0 ? before : behind >= 0 ? behind : any;
	image->certain = any >= 0 && one;
}

static void conclude(struct reading *r)
{
	struct secure_boot *s = r->state;
	size_t booted = 0;
	if (s->state != SECURE_BOOT_ON)
		object(s, "SecureBoot is %s", secure_boot_flag_name(s->state));
	if (s->setup_mode == SECURE_BOOT_ON || s->audit_mode == SECURE_BOOT_ON)
		object(s, "the firmware is in %s mode",
			s->setup_mode == SECURE_BOOT_ON ? "setup" : "audit");
	if (s->variables[SECURE_BOOT_PK].count == 0)
		object(s, "no platform key: setup mode");
	if (r->separators == 0)
		object(s, "PCR 7 has no separator");
	for (size_t i = 0; i < s->image_count; i++) {
		image_match(s, i);
		/* Before it, PCR 4 holds the firmware's own applications. */
		if (s->images[i].pcr != PCR_BOOT_CODE ||
			(r->booting && s->images[i].event < r->boot_event))
			continue;
		booted++;
		if (s->images[i].authority < 0)
			object(s, "event %u: an image without an authority in PCR 7",
				s->images[i].event);
	}
	if (booted == 0)
		object(s, "no image in PCR 4 that was booted");
	s->enforced = s->why[0] == '\0';
}

bool secure_boot_state(const struct event_log *log, enum digest_alg bank, struct secure_boot **ret,
	struct err *err)
{
	OWNED(secure_boot_free) struct secure_boot *state = calloc(1, sizeof(*state));
	struct reading r = {.log = log, .bank = bank, .state = state};
	struct pcr_bank start;
	if (!state)
		return err_set(err, ERR_NOMEM, "secure boot");
	if (!event_log_start(log, bank, &start, err) ||
		!digest_of(bank, bytes_of("\0\0\0\0", 4), &r.zero, err))
		return false;
	for (size_t i = 0; i < log->count; i++) {
		r.event = &log->events[i];
		if (!event_read(&r, err))
			return err_wrap(err, "event %zu", i);
	}
	conclude(&r);
	*ret = TAKE(state);
	return true;
}

void secure_boot_free(struct secure_boot **state)
{
	if (!*state)
		return;
	for (size_t i = 0; i < SECURE_BOOT_VARIABLES; i++)
		free((*state)->variables[i].entries);
	free(*state);
	*state = NULL;
}
