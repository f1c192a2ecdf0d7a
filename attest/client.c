/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to the verifier over libcurl: one easy handle, one pooled connection. */
#include "attest/client.h"

#include <curl/curl.h>
#include <openssl/ssl.h>

#include "base/json.h"
#include "base/text.h"
#include "crypto/x509.h"

#define URL_MAX    512
#define ISSUER_MAX 256

struct client {
	CURL *curl;
	char url[URL_MAX];
	struct buf ca, certificate, key;
	char *proxy;
	long timeout_ms, connect_timeout_ms;
	char issuer[ISSUER_MAX]; /* of a certificate that did not verify */
	unsigned retry_after;
};

/* One request under way. */
struct request {
	struct client *client;
	client_build build; /* NULL: the body is there already */
	void *context;
	struct buf body;
	size_t at;
	struct buf *answer;
	size_t answer_max;
	struct err err; /* of the build callback */
	bool build_failed;
	bool outlived; /* the session was resumed, and would not be begun today */
};

static bool url_take(const char *url, char out[URL_MAX], struct err *err)
{
	const char *host = strncmp(url, "https://", 8) == 0 ? url + 8 : NULL;
	size_t len = host ? strcspn(host, "/") : 0;
	CURLU *parsed = curl_url();
	if (!parsed)
		return err_set(err, ERR_NOMEM, "client");
	bool valid = len > 0 && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
	curl_url_cleanup(parsed);
	if (!valid)
		return err_set(err, ERR_CONFIG, "verifier %s: expected https://host:port",
			ESC(bytes_str(url)));
	if (8 + len >= URL_MAX || strpbrk(host, "@?#") ||
		(host[len] != '\0' && strcmp(host + len, "/") != 0))
		return err_set(err, ERR_CONFIG,
			"verifier %s: nothing may stand beside the host and port",
			ESC(bytes_str(url)));
	memcpy(out, url, 8 + len);
	out[8 + len] = '\0';
	return true;
}

/* Both or none; what was there stays when the new cannot be had. */
static bool identity_take(
	struct client *client, struct bytes certificate, struct key *key, struct err *err)
{
	OWNED(buf_release) struct buf pem = {0}, private_pem = {0};
	if (certificate.len > 0 && key) {
		buf_put(&pem, certificate);
		if (!key_private_pem(key, &private_pem, err) || !buf_ok(&pem, err))
			return false;
	}
	buf_release(&client->certificate);
	buf_release(&client->key);
	client->certificate = TAKE_STRUCT(pem);
	client->key = TAKE_STRUCT(private_pem);
	return true;
}

bool client_new(const struct client_options *options, struct client **ret, struct err *err)
{
	OWNED(client_free) struct client *client = calloc(1, sizeof(*client));
	struct cert *ca[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	if (!client)
		return err_set(err, ERR_NOMEM, "client");
	if (!url_take(options->url, client->url, err))
		return false;
	if (!certs_from_bytes(options->ca, X509_CHAIN_MAX, ca, &count, err)) {
		if (err)
			err->code = ERR_CONFIG;
		return err_wrap(err, "CA certificate of the verifier");
	}
	for (size_t i = 0; i < count; i++)
		cert_unref(&ca[i]);
	if (count == 0)
		return err_set(err, ERR_CONFIG, "CA certificate of the verifier: none in the file");
	buf_put(&client->ca, options->ca);
	client->proxy = options->proxy ? strdup(options->proxy) : NULL;
	client->timeout_ms = (long)(options->timeout_ms ? options->timeout_ms : CLIENT_TIMEOUT_MS);
	client->connect_timeout_ms =
		(long)(options->connect_timeout_ms ? options->connect_timeout_ms
						   : CLIENT_CONNECT_MS);
	client->curl = curl_easy_init();
	if (!client->curl || client->ca.failed || (options->proxy && !client->proxy))
		return err_set(err, ERR_NOMEM, "client");
	if (!identity_take(client, options->certificate, options->key, err))
		return false;
	*ret = TAKE(client);
	return true;
}

void client_free(struct client **client)
{
	if (!*client)
		return;
	curl_easy_cleanup((*client)->curl);
	buf_release(&(*client)->ca);
	buf_release(&(*client)->certificate);
	buf_release(&(*client)->key);
	free((*client)->proxy);
	free(*client);
	*client = NULL;
}

/* libcurl keeps connection and TLS sessions with the handle: both end with it. So a session is never offered by another
 * client than the one that began it, whose address, CA and certificate never change while it lasts. */
static bool begin_anew(struct client *client, struct err *err)
{
	CURL *fresh = curl_easy_init();
	if (!fresh)
		return err_set(err, ERR_NOMEM, "client");
	curl_easy_cleanup(client->curl);
	client->curl = fresh;
	return true;
}

bool client_set_identity(
	struct client *client, struct bytes certificate_pem, struct key *key, struct err *err)
{
	return begin_anew(client, err) && identity_take(client, certificate_pem, key, err);
}

/* ---- callbacks ---- */

/* A resumed session shows no certificate: the one that it began with is verified again, as of now and against the pinned CA.
 * Its name is compared by libcurl each time. */
static bool verifies_still(SSL *ssl)
{
	X509_STORE_CTX *check = X509_STORE_CTX_new();
	bool ok = check &&
		  X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl)),
			  SSL_get0_peer_certificate(ssl), SSL_get_peer_cert_chain(ssl)) == 1 &&
		  X509_STORE_CTX_set_default(check, "ssl_server") == 1 &&
		  X509_verify_cert(check) == 1;
	X509_STORE_CTX_free(check);
	return ok;
}

/* NULL, with the error in the request: nothing is sent. */
static SSL *tls_of(struct request *request)
{
	const struct curl_tlssessioninfo *info = NULL;
	if (curl_easy_getinfo(request->client->curl, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK ||
		!info || !info->internals) {
		(void)err_set(&request->err, ERR_NET, "the connection has no TLS");
		return NULL;
	}
	request->outlived = SSL_session_reused(info->internals) && !verifies_still(info->internals);
	if (request->outlived)
		(void)err_set(&request->err, ERR_NET,
			"the certificate that the TLS session began with does not verify any more");
	return request->outlived ? NULL : info->internals;
}

/* The connection stands and nothing has been sent: the exporter is this connection's, and so is the body. */
static int on_connection(void *context, char *remote, char *local, int remote_port, int local_port)
{
	struct request *request = context;
	uint8_t exporter[TLS_EXPORTER_LEN];
	(void)remote;
	(void)local;
	(void)remote_port;
	(void)local_port;
	request->at = 0;
	request->build_failed = true;
	SSL *ssl = tls_of(request);
	if (!ssl)
		return CURL_PREREQFUNC_ABORT;
	request->build_failed = request->build != NULL;
	if (!request->build)
		return CURL_PREREQFUNC_OK;
	buf_clear(&request->body);
	if (SSL_export_keying_material(ssl, exporter, sizeof(exporter), TLS_EXPORTER_LABEL,
		    strlen(TLS_EXPORTER_LABEL), NULL, 0, 0) != 1) {
		(void)err_set(&request->err, ERR_NET, "the TLS connection has no exporter");
		return CURL_PREREQFUNC_ABORT;
	}
	if (!request->build(request->context, exporter, &request->body, &request->err) ||
		!buf_ok(&request->body, &request->err))
		return CURL_PREREQFUNC_ABORT;
	request->build_failed = false;
	return CURL_PREREQFUNC_OK;
}

static size_t on_read(char *out, size_t size, size_t n, void *context)
{
	struct request *request = context;
	size_t left = request->body.len - request->at, len = size * n < left ? size * n : left;
	memcpy(out, request->body.data + request->at, len);
	request->at += len;
	return len;
}

static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct request *request = context;
	if (origin != SEEK_SET || offset != 0)
		return CURL_SEEKFUNC_CANTSEEK;
	request->at = 0;
	return CURL_SEEKFUNC_OK;
}

static size_t on_write(char *data, size_t size, size_t n, void *context)
{
	struct request *request = context;
	size_t len = size * n;
	if (request->answer->len + len > request->answer_max)
		return 0;
	buf_put(request->answer, bytes_of(data, len));
	return request->answer->failed ? 0 : len;
}

/* The pinned CA has not issued what was shown; other faults (a date, a purpose) speak for themselves. */
static bool is_foreign(int error)
{
	static const int errors[] = {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
		X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE,
		X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
		X509_V_ERR_CERT_UNTRUSTED};
	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i] == error)
			return true;
	return false;
}

/* OpenSSL's own verification; who issued what did not pass it is remembered. */
static int on_verify(X509_STORE_CTX *store, void *context)
{
	struct client *client = context;
	const X509 *shown = X509_STORE_CTX_get0_cert(store);
	int ok = X509_verify_cert(store);
	if (ok <= 0 && shown && is_foreign(X509_STORE_CTX_get_error(store))) {
		char name[ISSUER_MAX];
		(void)X509_NAME_oneline(X509_get_issuer_name(shown), name, sizeof(name));
		(void)text_escape(bytes_str(name), client->issuer, sizeof(client->issuer));
	}
	return ok;
}

static CURLcode on_context(CURL *curl, void *tls, void *context)
{
	(void)curl;
	SSL_CTX_set_cert_verify_callback(tls, on_verify, context);
	return CURLE_OK;
}

/* ---- one request ---- */

static CURLcode set_blob(CURL *curl, CURLoption option, const struct buf *value)
{
	struct curl_blob blob = {.data = value->data, .len = value->len, .flags = CURL_BLOB_NOCOPY};
	return value->len ? curl_easy_setopt(curl, option, &blob) : CURLE_OK;
}

static CURLcode set_numbers(const struct client *client)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_SSL_SESSIONID_CACHE, 1},
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_TCP_NODELAY, 1},
		{CURLOPT_MAXCONNECTS, 1},
		{CURLOPT_TIMEOUT_MS, client->timeout_ms},
		{CURLOPT_CONNECTTIMEOUT_MS, client->connect_timeout_ms},
		{CURLOPT_BUFFERSIZE, 16384},
		{CURLOPT_UPLOAD_BUFFERSIZE, 65536},
	};
	CURLcode code = CURLE_OK;
	for (size_t i = 0; i < ARRAY_LEN(numbers) && code == CURLE_OK; i++)
		code = curl_easy_setopt(client->curl, numbers[i].option, numbers[i].value);
	return code;
}

static CURLcode set_callbacks(CURL *curl, struct request *request)
{
	CURLcode code = curl_easy_setopt(curl, CURLOPT_PREREQFUNCTION, on_connection);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_PREREQDATA, request);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_READDATA, request);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_SEEKDATA, request);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, request);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_SSL_CTX_FUNCTION, on_context);
	return code ? code : curl_easy_setopt(curl, CURLOPT_SSL_CTX_DATA, request->client);
}

static CURLcode set_request(struct client *client, struct request *request, const char *url,
	struct curl_slist *headers, char *detail)
{
	CURL *curl = client->curl;
	/* Everything is set anew for each request; what stays is the connection. */
	curl_easy_reset(curl);
	CURLcode code = set_numbers(client);
	code = code ? code : set_callbacks(curl, request);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_URL, url);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	code = code ? code
		    : curl_easy_setopt(curl, CURLOPT_PROXY, client->proxy ? client->proxy : "");
	/* The environment has no say, */
	code = code ? code : curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
	/* nor have the system's CAs: their directory is a default beside our own. */
	code = code ? code : curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
	code = code ? code : set_blob(curl, CURLOPT_CAINFO_BLOB, &client->ca);
	code = code ? code : set_blob(curl, CURLOPT_SSLCERT_BLOB, &client->certificate);
	code = code ? code : set_blob(curl, CURLOPT_SSLKEY_BLOB, &client->key);
	if (code == CURLE_OK && headers)
		code = curl_easy_setopt(curl, CURLOPT_POST, 1L);
	return code;
}

static bool failed(struct client *client, const struct request *request, CURLcode code,
	const char *detail, struct err *err)
{
	if (request->build_failed)
		return err_set(err, request->err.code, "%s", request->err.text);
	if (code == CURLE_PEER_FAILED_VERIFICATION && client->issuer[0])
		return err_set(err, ERR_NET,
			"%s: its certificate was issued by %s, not by the pinned CA: a proxy that "
			"inspects TLS, or another verifier",
			client->url, client->issuer);
	if (code == CURLE_WRITE_ERROR && !request->answer->failed)
		return err_set(err, ERR_FORMAT, "%s: the answer is larger than %zu bytes",
			client->url, request->answer_max);
	return err_set(err,
		code == CURLE_OUT_OF_MEMORY || request->answer->failed ? ERR_NOMEM : ERR_NET,
		"%s: %s", client->url,
		detail[0] ? ESC(bytes_str(detail)) : curl_easy_strerror(code));
}

static struct curl_slist *headers_of(const char *media_type)
{
	char type[128];
	(void)snprintf(type, sizeof(type), "Content-Type: %s", media_type);
	struct curl_slist *headers = curl_slist_append(NULL, type);
	struct curl_slist *more =
		headers ? curl_slist_append(headers, "Transfer-Encoding: chunked") : NULL;
	more = more ? curl_slist_append(headers, "Expect:") : NULL;
	if (!more) {
		curl_slist_free_all(headers);
		return NULL;
	}
	return headers;
}

static void note_retry_after(struct client *client, long status)
{
	curl_off_t seconds = 0;
	client->retry_after = 0;
	if ((status != 429 && status != 503) ||
		curl_easy_getinfo(client->curl, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK ||
		seconds <= 0)
		return;
	client->retry_after =
		seconds < CLIENT_RETRY_AFTER_MAX ? (unsigned)seconds : CLIENT_RETRY_AFTER_MAX;
}

unsigned client_retry_after(const struct client *client)
{
	return client->retry_after;
}

/* GET when media_type is NULL. */
static bool perform_once(struct client *client, const char *path, const char *media_type,
	struct request *request, int *ret_status, struct err *err)
{
	char url[URL_MAX + 128], detail[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = media_type ? headers_of(media_type) : NULL;
	if (media_type && !headers)
		return err_set(err, ERR_NOMEM, "request");
	(void)snprintf(url, sizeof(url), "%s%s", client->url, path);
	buf_clear(request->answer);
	request->build_failed = request->outlived = false;
	client->issuer[0] = '\0';
	CURLcode code = set_request(client, request, url, headers, detail);
	if (code == CURLE_OK)
		code = curl_easy_perform(client->curl);
	long status = 0;
	if (code == CURLE_OK)
		code = curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
	note_retry_after(client, status);
	/* Nothing of this request stays with the connection. */
	curl_easy_reset(client->curl);
	curl_slist_free_all(headers);
	*ret_status = (int)status;
	return code == CURLE_OK ? true : failed(client, request, code, detail, err);
}

/* What a session has outlived may be in order at the verifier long since: a whole handshake tells. */
static bool perform(struct client *client, const char *path, const char *media_type,
	struct request *request, int *ret_status, struct err *err)
{
	return perform_once(client, path, media_type, request, ret_status, err) ||
	       (request->outlived && begin_anew(client, err) &&
		       perform_once(client, path, media_type, request, ret_status, err));
}

static enum err_code code_of_status(int status)
{
	static const struct {
		int status;
		enum err_code code;
	} table[] = {{400, ERR_FORMAT}, {401, ERR_MISMATCH}, {403, ERR_DENIED},
		{404, ERR_NOT_FOUND}, {409, ERR_CONFLICT}, {410, ERR_GONE}, {413, ERR_LIMIT},
		{429, ERR_BUSY}, {503, ERR_BUSY}};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].status == status)
			return table[i].code;
	return ERR_NET;
}

static bool refused(int status, struct bytes answer, struct err *err)
{
	OWNED(json_release) json_t *json = NULL;
	const char *message = NULL, *hint = NULL;
	if (json_open(answer, 65536, &json, NULL))
		(void)json_unpack(
			json, "{s:{s:s,s?s}}", "error", "message", &message, "hint", &hint);
	if (!message)
		return err_set(err, code_of_status(status),
			"the verifier answered with HTTP status %d", status);
	if (!hint || hint[0] == '\0')
		return err_set(err, code_of_status(status), "%s", ESC(bytes_str(message)));
	return err_set(err, code_of_status(status), "%s (%s)", ESC(bytes_str(message)),
		ESC(bytes_str(hint)));
}

static bool post(struct client *client, const char *path, const char *media_type,
	struct request *request, struct err *err)
{
	int status = 0;
	request->client = client;
	request->answer_max = CLIENT_ANSWER_MAX;
	bool ok = perform(client, path, media_type, request, &status, err);
	buf_release(&request->body);
	if (!ok)
		return false;
	return status >= 200 && status < 300 ? true
					     : refused(status, buf_bytes(request->answer), err);
}

bool client_enroll_begin(struct client *client, const struct enroll_begin *message,
	struct buf *buffer, struct enroll_offer *ret, struct err *err)
{
	struct request request = {.answer = buffer};
	if (!enroll_begin_encode(message, &request.body, err)) {
		buf_release(&request.body);
		return false;
	}
	return post(client, "/v1/enroll/begin", MEDIA_MESSAGE, &request, err) &&
	       enroll_offer_decode(buf_bytes(buffer), ret, err);
}

bool client_enroll_finish(struct client *client, client_build build, void *context,
	struct buf *buffer, struct enroll_result *ret, struct err *err)
{
	struct request request = {.answer = buffer, .build = build, .context = context};
	return post(client, "/v1/enroll/finish", MEDIA_MESSAGE, &request, err) &&
	       enroll_result_decode(buf_bytes(buffer), ret, err);
}

bool client_challenge(struct client *client, const struct challenge_request *message,
	struct buf *buffer, struct challenge_offer *ret, struct err *err)
{
	struct request request = {.answer = buffer};
	if (!challenge_request_encode(message, &request.body, err)) {
		buf_release(&request.body);
		return false;
	}
	return post(client, "/v1/challenge", MEDIA_MESSAGE, &request, err) &&
	       challenge_offer_decode(buf_bytes(buffer), ret, err);
}

bool client_attest(struct client *client, client_build build, void *context, struct buf *buffer,
	struct attest_result *ret, struct err *err)
{
	struct request request = {.answer = buffer, .build = build, .context = context};
	return post(client, "/v1/attest", MEDIA_EVIDENCE, &request, err) &&
	       attest_result_decode(buf_bytes(buffer), ret, err);
}

bool client_request(struct client *client, const char *path, const char *media_type,
	struct bytes body, struct buf *ret_body, int *ret_status, struct err *err)
{
	struct request request = {
		.client = client, .answer = ret_body, .answer_max = CLIENT_ANSWER_MAX};
	buf_put(&request.body, body);
	bool ok =
		buf_ok(&request.body, err) &&
		perform(client, path, body.len > 0 ? media_type : NULL, &request, ret_status, err);
	buf_release(&request.body);
	return ok;
}
