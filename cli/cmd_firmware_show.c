/* SPDX-License-Identifier: Apache-2.0 */
/* assay firmware show | secureboot: a boot in words. */
#include "cli/commands.h"

#include "cli/firmware_log.h"
#include "firmware/secure_boot.h"

#define ENTRY_TEXT_MAX 512u

static const struct option_spec log_options[] = {FIRMWARE_LOG_OPTIONS, OPTIONS_END};

static const char *type_text(uint32_t type, char out[16])
{
	const char *name = event_type_name(type);
	if (name)
		return name;
	(void)snprintf(out, 16, "0x%08x", (unsigned)type);
	return out;
}

static json_t *hex_json(struct bytes bytes)
{
	OWNED(buf_release) struct buf hex = {0};
	buf_put_hex(&hex, bytes);
	const char *text = buf_str(&hex);
	return text ? json_string(text) : NULL;
}

static json_t *digests_json(const struct event_log *log, const struct firmware_event *event)
{
	json_t *object = json_object();
	for (size_t i = 0; i < log->bank_count; i++) {
		const struct event_bank *bank = &log->banks[i];
		char id[8];
		const char *name = digest_alg_name(bank->alg);
		if (!event->digests[i])
			continue;
		(void)snprintf(id, sizeof(id), "0x%04x", bank->id);
		(void)json_object_set_new(object, bank->alg ? name : id,
			hex_json(bytes_of(event->digests[i], bank->len)));
	}
	return object;
}

static json_t *event_json(
	const struct event_log *log, const struct firmware_event *event, const char *text)
{
	char type[16];
	return json_pack("{s:I,s:I,s:I,s:I,s:s,s:s,s:b,s:s,s:o,s:o}", "event",
		(json_int_t)event->number, "offset", (json_int_t)event->offset, "pcr",
		(json_int_t)event->pcr, "type", (json_int_t)event->type, "name",
		type_text(event->type, type), "coverage", event_coverage_name(event->coverage),
		"odd", event->odd, "text", text, "digests", digests_json(log, event), "data",
		hex_json(event->data));
}

/* What is measured but not in the log: its digest, in the strongest bank that the event has. */
static void print_digest(
	struct cli *cli, const struct event_log *log, const struct firmware_event *event)
{
	static const enum digest_alg order[] = {
		DIGEST_SHA256, DIGEST_SHA384, DIGEST_SHA512, DIGEST_SHA1};
	struct digest digest;
	char hex[17];
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (!event_digest(log, event, order[i], &digest))
			continue;
		(void)printf("%s  (%s %s…, text not covered)%s", colour(cli, "dim"),
			digest_alg_name(order[i]), text_short_hex(digest_bytes(&digest), hex),
			colour(cli, "off"));
		return;
	}
}

static void print_event(struct cli *cli, const struct event_log *log,
	const struct firmware_event *event, const char *text)
{
	char type[16], pcr[8] = "-";
	if (event->type != EV_NO_ACTION)
		(void)snprintf(pcr, sizeof(pcr), "%u", event->pcr);
	(void)printf(
		"%4u  PCR %-2s  %-32s  %s", event->number, pcr, type_text(event->type, type), text);
	if (event->coverage == EVENT_UNCOVERED)
		print_digest(cli, log, event);
	else if (event->odd)
		(void)printf("%s  (odd: ignored)%s", colour(cli, "dim"), colour(cli, "off"));
	(void)putchar('\n');
}

static enum status run_show(struct cli *cli)
{
	OWNED(firmware_log_release) struct firmware_log file = {0};
	enum digest_alg bank;
	if (!firmware_bank_option(cli, &bank) ||
		!firmware_log_read(cli, cli->arguments->values[0], bank, &file))
		return cli_fail(cli);
	OWNED(json_release) json_t *events = json_array();
	OWNED(buf_release) struct buf text = {0};
	for (size_t i = 0; i < file.log.count; i++) {
		buf_clear(&text);
		event_text(&file.log.events[i], &text);
		const char *shown = buf_str(&text);
		if (!shown) {
			(void)err_set(&cli->err, ERR_NOMEM, "event %zu", i);
			return cli_fail(cli);
		}
		if (cli->json)
			(void)json_array_append_new(
				events, event_json(&file.log, &file.log.events[i], shown));
		else
			print_event(cli, &file.log, &file.log.events[i], shown);
	}
	if (!cli->json)
		return STATUS_DONE;
	return cli_print_json(cli, json_pack("{s:O}", "events", events), STATUS_DONE);
}

/* ---- secureboot ---- */

static json_t *entries_json(const struct secure_boot_database *database)
{
	json_t *list = json_array();
	char text[ENTRY_TEXT_MAX], owner[EFI_GUID_TEXT];
	for (size_t i = 0; i < database->count; i++) {
		const struct efi_signature *s = &database->entries[i];
		(void)json_array_append_new(list,
			json_pack("{s:s,s:s}", "entry", efi_signature_text(s, text, sizeof(text)),
				"owner", efi_guid_text(&s->owner, owner)));
	}
	return list;
}

static json_t *databases_json(const struct secure_boot *state)
{
	json_t *object = json_object();
	for (int i = 0; i < SECURE_BOOT_VARIABLES; i++) {
		const struct secure_boot_database *d = &state->variables[i];
		if (!d->measured)
			continue;
		(void)json_object_set_new(object,
			secure_boot_variable_name((enum secure_boot_variable)i),
			json_pack("{s:I,s:o,s:I,s:o}", "event", (json_int_t)d->event, "sha256",
				hex_json(digest_bytes(&d->digest)), "count", (json_int_t)d->count,
				"entries", entries_json(d)));
	}
	return object;
}

static const char *variable_name(const struct uefi_variable *variable, struct buf *out)
{
	buf_clear(out);
	utf16_put(variable->name, out);
	const char *text = buf_str(out);
	return text ? text : "";
}

static json_t *authorities_json(const struct secure_boot *state)
{
	OWNED(buf_release) struct buf name = {0};
	json_t *list = json_array();
	char text[ENTRY_TEXT_MAX];
	for (size_t i = 0; i < state->authority_count; i++) {
		const struct secure_boot_authority *a = &state->authorities[i];
		(void)json_array_append_new(
			list, json_pack("{s:I,s:s,s:b,s:s,s:o}", "event", (json_int_t)a->event,
				      "variable", variable_name(&a->variable, &name), "vouches",
				      a->vouches, "entry",
				      authority_entry_text(a->variable.data, text, sizeof(text)),
				      "sha256", hex_json(digest_bytes(&a->digest))));
	}
	return list;
}

static json_t *images_json(const struct secure_boot *state)
{
	json_t *list = json_array();
	for (size_t i = 0; i < state->image_count; i++) {
		const struct secure_boot_image *image = &state->images[i];
		json_t *authority =
			image->authority < 0
				? json_null()
				: json_integer(state->authorities[image->authority].event);
		(void)json_array_append_new(
			list, json_pack("{s:I,s:I,s:o,s:o,s:b}", "event", (json_int_t)image->event,
				      "pcr", (json_int_t)image->pcr, "digest",
				      hex_json(digest_bytes(&image->digest)), "authority_event",
				      authority, "certain", image->certain));
	}
	return list;
}

static json_t *state_json(const struct secure_boot *state, enum digest_alg bank)
{
	char sbat[ENTRY_TEXT_MAX];
	return json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:s,s:b,s:s,s:s,s:o,s:o,s:o}", "bank",
		digest_alg_name(bank), "secure_boot", secure_boot_flag_name(state->state),
		"enforced", state->enforced, "why", state->why, "setup_mode",
		secure_boot_flag_name(state->setup_mode), "audit_mode",
		secure_boot_flag_name(state->audit_mode), "deployed_mode",
		secure_boot_flag_name(state->deployed_mode), "shim", state->shim.seen,
		"shim_validation", secure_boot_flag_name(state->shim.mok_validation), "sbat_level",
		text_escape(state->shim.sbat_level, sbat, sizeof(sbat)), "variables",
		databases_json(state), "authorities", authorities_json(state), "images",
		images_json(state));
}

static void print_state(struct cli *cli, const struct secure_boot *state)
{
	OWNED(buf_release) struct buf name = {0};
	char text[ENTRY_TEXT_MAX];
	(void)printf("Secure Boot: %s%s%s%s%s\n", colour(cli, state->enforced ? "green" : "red"),
		secure_boot_flag_name(state->state), colour(cli, "off"),
		state->enforced ? ", enforced" : ", not enforced: ", state->why);
	for (int i = 0; i < SECURE_BOOT_VARIABLES; i++) {
		const struct secure_boot_database *d = &state->variables[i];
		const char *variable = secure_boot_variable_name((enum secure_boot_variable)i);
		if (d->measured)
			(void)printf("%s (event %u): %zu entries\n", variable, d->event, d->count);
		for (size_t k = 0; k < d->count; k++)
			(void)printf(
				"    %s\n", efi_signature_text(&d->entries[k], text, sizeof(text)));
	}
	for (size_t i = 0; i < state->authority_count; i++) {
		const struct secure_boot_authority *a = &state->authorities[i];
		(void)printf("%s (event %u): %s: %s\n", a->vouches ? "authority" : "state",
			a->event, variable_name(&a->variable, &name),
			a->vouches ? authority_entry_text(a->variable.data, text, sizeof(text))
				   : text_escape(a->variable.data, text, sizeof(text)));
	}
	for (size_t i = 0; i < state->image_count; i++) {
		const struct secure_boot_image *image = &state->images[i];
		(void)printf("image (event %u, PCR %u): ", image->event, image->pcr);
		if (image->authority < 0)
			(void)puts("no authority");
		else
			(void)printf("authority of event %u%s\n",
				state->authorities[image->authority].event,
				image->certain ? "" : ", or another one");
	}
}

static enum status run_secureboot(struct cli *cli)
{
	OWNED(firmware_log_release) struct firmware_log file = {0};
	OWNED(secure_boot_free) struct secure_boot *state = NULL;
	enum digest_alg bank;
	if (!firmware_bank_option(cli, &bank) ||
		!firmware_log_read(cli, cli->arguments->values[0], bank, &file))
		return cli_fail(cli);
	if ((bank == DIGEST_NONE && !firmware_bank_common(&file, 1, &bank, &cli->err)) ||
		!secure_boot_state(&file.log, bank, &state, &cli->err))
		return cli_fail(cli);
	if (cli->json)
		return cli_print_json(cli, state_json(state, bank), STATUS_DONE);
	print_state(cli, state);
	return STATUS_DONE;
}

const struct command cmd_firmware_show = {
	.group = "firmware",
	.name = "show",
	.synopsis = "LOG",
	.summary = "every event of a TCG event log in words: what it measured",
	.options = log_options,
	.least = 1,
	.most = 1,
	.run = run_show,
};
const struct command cmd_firmware_secureboot = {
	.group = "firmware",
	.name = "secureboot",
	.synopsis = "LOG",
	.summary =
		"the state of Secure Boot that a TCG event log proves: keys, authorities, images",
	.options = log_options,
	.least = 1,
	.most = 1,
	.run = run_secureboot,
};
