/* SPDX-License-Identifier: Apache-2.0 */
/* Keys and certificates of a new verifier and its operators. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "crypto/note.h"
#include "verifier/init.h"

#define YEAR          (365 * 86400)
#define CA_YEARS      10
#define SERVICE_YEARS 2
#define BACKDATE      60

void init_authority_release(struct init_authority *authority)
{
	cert_unref(&authority->ca);
	key_unref(&authority->key);
}

bool init_put(const char *dir, const char *name, mode_t mode, struct bytes content, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	const char *text = path_join(&path, dir, name);
	if (!text)
		return err_set(err, ERR_NOMEM, "%s", name);
	/* Taken first with O_EXCL, so that nothing is ever written over; then written whole and renamed into place. */
	OWNED(fd_close)
	int fd = open(text, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_errno(err, errno, "%s", text);
	return file_write_atomic(text, content, mode, err);
}

static bool put_cert(const char *dir, const char *name, const struct cert *cert, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	return cert_pem(cert, &pem, err) && init_put(dir, name, 0644, buf_bytes(&pem), err);
}

static bool put_pair(const char *dir, const char *cert_name, const char *key_name,
	const struct cert *cert, const struct key *key, struct err *err)
{
	OWNED(buf_release) struct buf secret = {0};
	return key_private_pem(key, &secret, err) &&
	       init_put(dir, key_name, 0600, buf_bytes(&secret), err) &&
	       put_cert(dir, cert_name, cert, err);
}

/* A key that exists, in a TPM or token, or a new one. */
static bool authority_key(const char *uri, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!uri)
		return key_generate(KEY_EC_P256, ret, err);
	if (!key_from_uri(uri, &key, err))
		return err_wrap(err, "%s", uri);
	if (!key_has_private(key))
		return err_set(err, ERR_CONFIG, "%s: no private key", uri);
	*ret = TAKE(key);
	return true;
}

bool init_authority_make(const char *dir, const struct init_names *names,
	struct init_authority *ret, struct err *err)
{
	OWNED(init_authority_release) struct init_authority made = {0};
	char name[320], uri[X509_URI_MAX];
	(void)snprintf(name, sizeof(name), "Assay CA %.200s", names->trust_domain);
	(void)snprintf(uri, sizeof(uri), "spiffe://%s", names->trust_domain);
	if (!authority_key(names->ca_key, &made.key, err))
		return err_wrap(err, "CA");
	struct cert_request request = {
		.common_name = strlen(name) <= 64 ? name : "Assay CA", /* ub-common-name of X.520 */
		.uri = uri,
		.subject = made.key,
		.not_before = names->now - BACKDATE,
		.not_after = names->now + (int64_t)CA_YEARS * YEAR,
		.ca = true,
	};
	if (!cert_issue(&request, NULL, made.key, &made.ca, err) ||
		!(names->ca_key ? put_cert(dir, "ca.pem", made.ca, err)
				: put_pair(dir, "ca.pem", "ca.key", made.ca, made.key, err)))
		return err_wrap(err, "CA");
	*ret = TAKE_STRUCT(made);
	return true;
}

static bool make(const char *dir, const char *cert_name, const char *key_name,
	struct cert_request *request, const struct init_authority *authority, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(cert_unref) struct cert *cert = NULL;
	if (!key_generate(KEY_EC_P256, &key, err))
		return false;
	request->subject = key;
	return cert_issue(request, authority->ca, authority->key, &cert, err) &&
	       put_pair(dir, cert_name, key_name, cert, key, err);
}

bool init_services_make(const char *dir, const char *address, const struct init_names *names,
	const struct init_authority *authority, struct err *err)
{
	const char *dns[OPTION_VALUES_MAX + 5] = {"localhost", "127.0.0.1", "::1", address};
	char uri[X509_URI_MAX];
	for (size_t i = 0; names->dns[i]; i++)
		dns[4 + i] = names->dns[i];
	(void)snprintf(uri, sizeof(uri), "spiffe://%s/verifier", names->trust_domain);
	struct cert_request tls = {
		.common_name = "Assay verifier",
		.dns = dns,
		.not_before = names->now - BACKDATE,
		.not_after = names->now + (int64_t)SERVICE_YEARS * YEAR,
		.server_auth = true,
	};
	struct cert_request signing = {
		.common_name = "Assay records and tokens",
		.uri = uri,
		.not_before = names->now - BACKDATE,
		.not_after = names->now + (int64_t)SERVICE_YEARS * YEAR,
	};
	return (make(dir, "tls.pem", "tls.key", &tls, authority, err) &&
		       make(dir, "signing.pem", "signing.key", &signing, authority, err)) ||
	       err_wrap(err, "service keys");
}

bool init_log_key_make(const char *dir, const struct init_names *names, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(note_key_release) struct note_key note = {0};
	OWNED(buf_release) struct buf secret = {0};
	OWNED(buf_release) struct buf text = {0};
	char origin[NOTE_NAME_MAX + 8];
	(void)snprintf(origin, sizeof(origin), "%.*s/log", NOTE_NAME_MAX - 4, names->trust_domain);
	if (!key_generate(KEY_ED25519, &key, err) || !note_key_of(origin, key, &note, err) ||
		!note_key_write(&note, &text, err) || !key_private_pem(key, &secret, err))
		return err_wrap(err, "log key");
	buf_put_u8(&text, '\n');
	return buf_ok(&text, err) && init_put(dir, "log.key", 0600, buf_bytes(&secret), err) &&
	       init_put(dir, "log.pub", 0644, buf_bytes(&text), err);
}

bool init_content_key_make(const char *dir, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	OWNED(buf_release) struct buf secret = {0};
	return (key_generate(KEY_EC_P256, &key, err) && key_private_pem(key, &secret, err) &&
		       init_put(dir, "content.key", 0600, buf_bytes(&secret), err)) ||
	       err_wrap(err, "content key");
}

static bool put_client_config(const char *dir, const struct init_names *names, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	const char *host = names->dns[0];
	const char *colon = strrchr(names->listen, ':');
	buf_put_str(
		&text, "# An operator's way to the verifier; paths are relative to this file.\n");
	if (host)
		buf_printf(&text, "verifier: https://%s%s\n", host, colon ? colon : "");
	else
		buf_printf(&text, "verifier: https://%s\n", names->listen);
	buf_put_str(&text, "ca: ca.pem\ncert: cert.pem\nkey: key.pem\n");
	return buf_ok(&text, err) && init_put(dir, "config.yaml", 0644, buf_bytes(&text), err);
}

bool init_operator(const char *dir, const char *role, const char *name,
	const struct init_names *names, const struct init_authority *authority, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0};
	char uri[X509_URI_MAX];
	if (!identity_operator_uri(names->trust_domain, role, name, uri, err))
		return false;
	struct cert_request request = {
		.common_name = name,
		.uri = uri,
		.not_before = names->now - BACKDATE,
		.not_after = names->now + YEAR,
		.client_auth = true,
	};
	return (file_make_dirs(dir, 0700, err) && cert_pem(authority->ca, &pem, err) &&
		       make(dir, "cert.pem", "key.pem", &request, authority, err) &&
		       init_put(dir, "ca.pem", 0644, buf_bytes(&pem), err) &&
		       put_client_config(dir, names, err)) ||
	       err_wrap(err, "operator %s", name);
}
