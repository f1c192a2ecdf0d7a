/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/event_type.h"

#include "firmware/event_private.h"
#include "firmware/event_text.h"

static const struct event_type types[] = {
	{EV_PREBOOT_CERT, "EV_PREBOOT_CERT", cover_may, text_data},
	{EV_POST_CODE, "EV_POST_CODE", cover_may, text_post_code},
	{EV_UNUSED, "EV_UNUSED", cover_may, text_data},
	{EV_NO_ACTION, "EV_NO_ACTION", cover_never, text_no_action},
	{EV_SEPARATOR, "EV_SEPARATOR", cover_separator, text_separator},
	{EV_ACTION, "EV_ACTION", cover_action, text_action},
	{EV_EVENT_TAG, "EV_EVENT_TAG", cover_tag, text_tag},
	{EV_S_CRTM_CONTENTS, "EV_S_CRTM_CONTENTS", cover_never, text_blob},
	{EV_S_CRTM_VERSION, "EV_S_CRTM_VERSION", cover_may, text_crtm_version},
	{EV_CPU_MICROCODE, "EV_CPU_MICROCODE", cover_may, text_data},
	{EV_PLATFORM_CONFIG_FLAGS, "EV_PLATFORM_CONFIG_FLAGS", cover_may, text_data},
	{EV_TABLE_OF_DEVICES, "EV_TABLE_OF_DEVICES", cover_may, text_data},
	{EV_COMPACT_HASH, "EV_COMPACT_HASH", cover_may, text_data},
	{EV_IPL, "EV_IPL", cover_ipl, text_ipl},
	{EV_IPL_PARTITION_DATA, "EV_IPL_PARTITION_DATA", cover_may, text_data},
	{EV_NONHOST_CODE, "EV_NONHOST_CODE", cover_may, text_data},
	{EV_NONHOST_CONFIG, "EV_NONHOST_CONFIG", cover_may, text_data},
	{EV_NONHOST_INFO, "EV_NONHOST_INFO", cover_may, text_data},
	{EV_OMIT_BOOT_DEVICE_EVENTS, "EV_OMIT_BOOT_DEVICE_EVENTS", cover_may, text_data},
	{EV_POST_CODE2, "EV_POST_CODE2", cover_may, text_blob2},
	{EV_EFI_VARIABLE_DRIVER_CONFIG, "EV_EFI_VARIABLE_DRIVER_CONFIG", cover_variable,
		text_variable},
	{EV_EFI_VARIABLE_BOOT, "EV_EFI_VARIABLE_BOOT", cover_boot_variable, text_variable},
	{EV_EFI_BOOT_SERVICES_APPLICATION, "EV_EFI_BOOT_SERVICES_APPLICATION", cover_never,
		text_image},
	{EV_EFI_BOOT_SERVICES_DRIVER, "EV_EFI_BOOT_SERVICES_DRIVER", cover_never, text_image},
	{EV_EFI_RUNTIME_SERVICES_DRIVER, "EV_EFI_RUNTIME_SERVICES_DRIVER", cover_never, text_image},
	{EV_EFI_GPT_EVENT, "EV_EFI_GPT_EVENT", cover_must, text_gpt},
	{EV_EFI_ACTION, "EV_EFI_ACTION", cover_action, text_action},
	{EV_EFI_PLATFORM_FIRMWARE_BLOB, "EV_EFI_PLATFORM_FIRMWARE_BLOB", cover_never, text_blob},
	{EV_EFI_HANDOFF_TABLES, "EV_EFI_HANDOFF_TABLES", cover_never, text_handoff},
	{EV_EFI_PLATFORM_FIRMWARE_BLOB2, "EV_EFI_PLATFORM_FIRMWARE_BLOB2", cover_never, text_blob2},
	{EV_EFI_HANDOFF_TABLES2, "EV_EFI_HANDOFF_TABLES2", cover_never, text_handoff2},
	{EV_EFI_VARIABLE_BOOT2, "EV_EFI_VARIABLE_BOOT2", cover_must, text_variable},
	{EV_EFI_GPT_EVENT2, "EV_EFI_GPT_EVENT2", cover_must, text_gpt},
	{EV_EFI_HCRTM_EVENT, "EV_EFI_HCRTM_EVENT", cover_never, text_data},
	{EV_EFI_VARIABLE_AUTHORITY, "EV_EFI_VARIABLE_AUTHORITY", cover_authority, text_variable},
	{EV_EFI_SPDM_FIRMWARE_BLOB, "EV_EFI_SPDM_FIRMWARE_BLOB", cover_may, text_spdm},
	{EV_EFI_SPDM_FIRMWARE_CONFIG, "EV_EFI_SPDM_FIRMWARE_CONFIG", cover_may, text_spdm},
	{EV_EFI_SPDM_DEVICE_POLICY, "EV_EFI_SPDM_DEVICE_POLICY", cover_must, text_variable},
	{EV_EFI_SPDM_DEVICE_AUTHORITY, "EV_EFI_SPDM_DEVICE_AUTHORITY", cover_must, text_variable},
};

static const struct event_type unknown_type = {0, NULL, cover_may, text_data};

const struct event_type *event_type_of(uint32_t type)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return &types[i];
	return &unknown_type;
}

const char *event_type_name(uint32_t type)
{
	return event_type_of(type)->name;
}

bool event_type_of_name(struct bytes name, uint32_t *ret)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (bytes_equal_str(name, types[i].name)) {
			*ret = types[i].type;
			return true;
		}
	return false;
}
