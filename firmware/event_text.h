/* SPDX-License-Identifier: Apache-2.0 */
/* Inside firmware/: what an event measured, in words; one function for each shape of event data. Odd
 * data is shown as data. */
#ifndef ASSAY_FIRMWARE_EVENT_TEXT_H
#define ASSAY_FIRMWARE_EVENT_TEXT_H

#include "firmware/event_log.h"

#define TEXT_SHOWN_MAX 2048u /* bytes of a string */
#define HEX_SHOWN_MAX  32u /* bytes of anything else */

/* A string as it comes, escaped and cut. */
void put_string(struct bytes text, struct buf *out);
/* Hex, cut, with the length when cut. */
void put_hex_cut(struct bytes data, struct buf *out);
/* Text when it is text (ASCII or UTF-16), hex otherwise. */
void put_data(struct bytes data, struct buf *out);
void put_utf16(struct bytes text, struct buf *out);

void text_data(const struct firmware_event *event, struct buf *out);
void text_post_code(const struct firmware_event *event, struct buf *out);
void text_no_action(const struct firmware_event *event, struct buf *out);
void text_separator(const struct firmware_event *event, struct buf *out);
void text_action(const struct firmware_event *event, struct buf *out);
void text_tag(const struct firmware_event *event, struct buf *out);
void text_crtm_version(const struct firmware_event *event, struct buf *out);
void text_blob(const struct firmware_event *event, struct buf *out);
void text_blob2(const struct firmware_event *event, struct buf *out);
void text_ipl(const struct firmware_event *event, struct buf *out);
void text_variable(const struct firmware_event *event, struct buf *out);
void text_image(const struct firmware_event *event, struct buf *out);
void text_gpt(const struct firmware_event *event, struct buf *out);
void text_handoff(const struct firmware_event *event, struct buf *out);
void text_handoff2(const struct firmware_event *event, struct buf *out);
void text_spdm(const struct firmware_event *event, struct buf *out);

/* Windows' tags (SIPA), nested ones to SIPA_DEPTH_MAX. */
#define SIPA_DEPTH_MAX 4u
void put_sipa(struct bytes tags, struct buf *out);
const char *sipa_name(uint32_t id); /* NULL for others */

#endif
