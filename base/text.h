/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes: hex, base64, base64url (RFC 4648), UTF-8 checks, escaping of untrusted text.
 * What is decoded replaces the content of the buffer, and only on success. */
#ifndef ASSAY_BASE_TEXT_H
#define ASSAY_BASE_TEXT_H

#include "base/bytes.h"

/* Lower-case hex; out gets 2*len characters and a NUL. */
void hex_encode(struct bytes in, char *out);
/* Appends lower-case hex. */
void buf_put_hex(struct buf *buf, struct bytes in);
/* Decodes exactly; accepts either case; odd length, other characters or more than max bytes: false.
 */
must_use bool hex_decode(struct bytes in, size_t max, struct buf *ret_out, struct err *err);
/* Decodes exactly n bytes into out; lower case only (canonical digests). */
must_use bool hex_decode_exact(struct bytes in, uint8_t *out, size_t n, struct err *err);
/* base64 with padding; url = true: base64url without padding. */
void buf_put_base64(struct buf *buf, struct bytes in, bool url);
/* Strict: canonical alphabet and padding, zero pad bits, no white space. */
must_use bool base64_decode(
	struct bytes in, bool url, size_t max, struct buf *ret_out, struct err *err);
/* Cuts the next line, without its newline, off the rest; false when there is none that ends. */
bool text_next_line(struct bytes *rest, struct bytes *ret_line);
/* Cuts off what comes before the next separator, which goes too; all that is left where there is none, so
 * that of an empty rest it is empty. */
struct bytes text_next_word(struct bytes *rest, char separator);
/* A number in decimal as it is written in one way only: no sign, no leading zeros, at most
 * UINT64_MAX. */
bool text_decimal(struct bytes in, uint64_t *ret);
bool utf8_valid(struct bytes in);
/* Writes at most size-1 characters and a NUL: printable ASCII and valid UTF-8 beyond U+009F stay
 * (but for controls of layout: bidirectional marks, line separators, BOM), all else becomes \xNN or
 * \n \t \\; over-long text ends in "…". Returns out, so it can stand in a printf. */
const char *text_escape(struct bytes in, char *out, size_t size);
/* In place, of text that is made of escaped parts already: whatever could still steer a terminal, break a line or is no UTF-8
 * becomes '?', one for each byte. Returns text. */
char *text_disarm(char *text);
/* A name as used for workloads, hosts, roles, releases: 1..64 of [a-z0-9._-], beginning with
 * [a-z0-9], no "..". */
bool text_is_name(struct bytes in);

/* Appends to the text in out, of size bytes with its NUL; what has no room is cut off. */
void text_append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Escapes into a temporary of the enclosing full expression. */
#define ESC(bytes_) text_escape((bytes_), (char[160]){0}, 160)
/* First 8 bytes of an id in hex, for messages. */
const char *text_short_hex(struct bytes in, char out[17]);

#endif
