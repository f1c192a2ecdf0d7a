/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates and hashes in words. */
#include "firmware/secure_boot.h"

#include <stdio.h>

#include "base/text.h"
#include "crypto/x509.h"

#define SHA256_ENTRY_LEN (EFI_GUID_LEN + SHA256_LEN)

const char *secure_boot_flag_name(enum secure_boot_flag flag)
{
	static const char *const names[] = {
		[SECURE_BOOT_UNKNOWN] = "unknown",
		[SECURE_BOOT_OFF] = "off",
		[SECURE_BOOT_ON] = "on",
	};
	return names[flag];
}

const char *secure_boot_variable_name(enum secure_boot_variable variable)
{
	static const char *const names[] = {
		[SECURE_BOOT_PK] = "PK",
		[SECURE_BOOT_KEK] = "KEK",
		[SECURE_BOOT_DB] = "db",
		[SECURE_BOOT_DBX] = "dbx",
		[SECURE_BOOT_DBT] = "dbt",
		[SECURE_BOOT_DBR] = "dbr",
	};
	return names[variable];
}

/* A DER SEQUENCE with a two-byte length that is all there is. */
static bool is_certificate(struct bytes der)
{
	return der.len > 4 && der.data[0] == 0x30 && der.data[1] == 0x82 &&
	       ((size_t)der.data[2] << 8 | der.data[3]) + 4 == der.len;
}

struct authority_entry authority_entry_of(struct bytes data)
{
	struct authority_entry entry = {.entry = data};
	if (is_certificate(data)) {
		entry.certificate = true;
		return entry;
	}
	if (data.len <= EFI_GUID_LEN)
		return entry;
	struct bytes rest = bytes_of(data.data + EFI_GUID_LEN, data.len - EFI_GUID_LEN);
	entry.certificate = is_certificate(rest);
	entry.hash = data.len == SHA256_ENTRY_LEN;
	if (entry.certificate || entry.hash) {
		entry.owner = bytes_of(data.data, EFI_GUID_LEN);
		entry.entry = rest;
	}
	return entry;
}

static const char *certificate_text(struct bytes der, char *out, size_t size)
{
	OWNED(cert_unref) struct cert *cert = NULL;
	struct err err = {0};
	if (!cert_from_der(der, false, &cert, &err)) {
		(void)snprintf(out, size, "certificate that does not parse, %zu bytes", der.len);
		return out;
	}
	return cert_subject(cert, out, size);
}

static const char *hash_text(const char *what, struct bytes hash, char *out, size_t size)
{
	char hex[2 * DIGEST_LEN_MAX + 1];
	hex_encode(bytes_of(hash.data, hash.len > DIGEST_LEN_MAX ? DIGEST_LEN_MAX : hash.len), hex);
	(void)snprintf(out, size, "%s %s", what, hex);
	return out;
}

const char *authority_entry_text(struct bytes data, char *out, size_t size)
{
	struct authority_entry entry = authority_entry_of(data);
	if (entry.certificate)
		return certificate_text(entry.entry, out, size);
	if (entry.hash)
		return hash_text("sha256", entry.entry, out, size);
	return hash_text("data", data, out, size);
}

const char *efi_signature_text(const struct efi_signature *signature, char *out, size_t size)
{
	char type[EFI_GUID_TEXT];
	switch (signature->kind) {
	case SIGNATURE_X509:
		return certificate_text(signature->data, out, size);
	case SIGNATURE_SHA256:
		return hash_text("sha256", signature->data, out, size);
	case SIGNATURE_X509_SHA256:
		return hash_text("certificate sha256", bytes_of(signature->data.data, SHA256_LEN),
			out, size);
	default:
		return hash_text(efi_guid_text(&signature->type, type), signature->data, out, size);
	}
}
