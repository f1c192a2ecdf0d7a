/* SPDX-License-Identifier: Apache-2.0 */
/* Who a certificate names: its one subjectAltName, who vouched for it, and what else is pinned. */
#include "base/text.h"
#include "policy/sigstore_bundle.h"

/* Fulcio's extensions: a UTF8String, and in old certificates the text as it is, without an encoding. */
#define OID_ISSUER     "1.3.6.1.4.1.57264.1.8"
#define OID_OLD_ISSUER "1.3.6.1.4.1.57264.1.1"

bool sigstore_prefix_ok(const char *prefix)
{
	const char *at = strchr(prefix, '@');

	return at && at != prefix && !strchr(at + 1, '@') && strncmp(at, "@refs/", 6) == 0 &&
	       prefix[strlen(prefix) - 1] == '/';
}

bool sigstore_name_fits(const char *name, const char *pinned, bool is_prefix)
{
	size_t len = strlen(pinned);

	if (!is_prefix)
		return strcmp(name, pinned) == 0;
	if (!sigstore_prefix_ok(pinned) || strncmp(name, pinned, len) != 0 || !name[len])
		return false;
	for (const char *at = name + len; *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '@')
			return false;
	return true;
}

/* The issuer as the certificate has it; "" where it has none. Two that differ are none to trust. */
static bool read_issuer(const struct cert *leaf, char issuer[X509_URI_MAX], struct err *err)
{
	struct bytes old = {0}, new = {0};
	bool has_old = cert_extension(leaf, OID_OLD_ISSUER, &old);
	bool has_new = cert_extension(leaf, OID_ISSUER, &new);

	issuer[0] = '\0';
	if (has_new && (!cert_extension_text(leaf, OID_ISSUER, issuer, X509_URI_MAX) || !*issuer))
		return err_set(err, ERR_MISMATCH, "certificate: identity issuer: not a text");
	if (!has_old)
		return true;
	if (has_new)
		return bytes_equal_str(old, issuer) ||
		       err_set(err, ERR_MISMATCH, "certificate: names two identity issuers");
	if (old.len == 0 || old.len >= X509_URI_MAX || memchr(old.data, 0, old.len) ||
		!utf8_valid(old))
		return err_set(err, ERR_MISMATCH, "certificate: identity issuer: not a text");
	memcpy(issuer, old.data, old.len);
	issuer[old.len] = '\0';
	return true;
}

/* An identity means nothing without who vouched for it. */
static bool check_issuer(const char *said, const char *pinned, struct err *err)
{
	if (!*said)
		return !pinned ||
		       err_set(err, ERR_MISMATCH, "certificate: says no identity issuer");
	return (pinned && strcmp(said, pinned) == 0) ||
	       err_set(err, ERR_MISMATCH, "identity issuer \"%s\" is not the one pinned",
		       ESC(bytes_str(said)));
}

static bool check_extension(
	const struct cert *leaf, const struct sigstore_extension *pinned, struct err *err)
{
	char text[X509_URI_MAX];

	if (!cert_extension_text(leaf, pinned->oid, text, sizeof(text)))
		return err_set(err, ERR_MISMATCH, "certificate: says no %s", pinned->name);
	return strcmp(text, pinned->text) == 0 ||
	       err_set(err, ERR_MISMATCH, "%s \"%s\" is not the one pinned", pinned->name,
		       ESC(bytes_str(text)));
}

bool sigstore_leaf_named(const struct cert *leaf, const struct sigstore_trust *trust,
	struct sigstore_verdict *ret, struct err *err)
{
	if (!cert_only_name(leaf, ret->identity, sizeof(ret->identity)))
		return err_set(err, ERR_MISMATCH, "certificate: not exactly one name");
	if (!trust->identity ||
		!sigstore_name_fits(ret->identity, trust->identity, trust->identity_is_prefix))
		return err_set(err, ERR_MISMATCH, "identity \"%s\" is not the one pinned",
			ESC(bytes_str(ret->identity)));
	if (!read_issuer(leaf, ret->issuer, err) || !check_issuer(ret->issuer, trust->issuer, err))
		return false;
	for (size_t i = 0; i < trust->extension_count; i++)
		if (!check_extension(leaf, &trust->extensions[i], err))
			return false;
	return true;
}
