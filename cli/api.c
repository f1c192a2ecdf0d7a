/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier's operator API: one request over TLS 1.3 with the pinned CA and the caller's client
 * certificate. */
#include "cli/cli.h"

#include <curl/curl.h>

#include "base/yaml.h"

#define API_ANSWER_MAX      (40u << 20)
#define API_TIMEOUT_S       60L
#define ELSEWHERE_TIMEOUT_S 10L /* a stranger's service holds nobody up */

struct settings {
	char *verifier, *ca, *cert, *key;
};

static const cyaml_schema_field_t settings_fields[] = {
	CYAML_FIELD_STRING_PTR("verifier", CYAML_FLAG_POINTER, struct settings, verifier, 1, 512),
	CYAML_FIELD_STRING_PTR("ca", CYAML_FLAG_POINTER, struct settings, ca, 1, 4096),
	CYAML_FIELD_STRING_PTR(
		"cert", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings, cert, 1, 4096),
	CYAML_FIELD_STRING_PTR(
		"key", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings, key, 1, 4096),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t settings_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings, settings_fields),
};

/* A path in the file is relative to the file. */
static bool beside(const char *file, const char *path, struct buf *out)
{
	const char *slash = strrchr(file, '/');
	if (path[0] != '/' && slash)
		buf_put(out, bytes_of(file, (size_t)(slash - file) + 1));
	buf_put_str(out, path);
	return buf_str(out) != NULL;
}

struct target {
	struct buf verifier, ca, cert, key;
	long timeout; /* seconds; 0: the default */
};

static void target_release(struct target *target)
{
	buf_release(&target->verifier);
	buf_release(&target->ca);
	buf_release(&target->cert);
	buf_release(&target->key);
}

static bool target_from_file(struct cli *cli, const char *path, struct target *target)
{
	OWNED(buf_release) struct buf text = {0};
	struct settings *settings = NULL;
	if (!cli_read(path, 65536, &text, &cli->err))
		return err_wrap(
			&cli->err, "no verifier is known (give --config, or --verifier and --ca)");
	if (!yaml_load(buf_bytes(&text), path, &settings_schema, (void **)&settings, &cli->err))
		return false;
	buf_put_str(&target->verifier, settings->verifier);
	bool ok = buf_str(&target->verifier) && beside(path, settings->ca, &target->ca) &&
		  (!settings->cert || beside(path, settings->cert, &target->cert)) &&
		  (!settings->key || beside(path, settings->key, &target->key));
	yaml_free(&settings_schema, settings, 0);
	return ok ? true : err_set(&cli->err, ERR_NOMEM, "connection settings");
}

static bool target_of(struct cli *cli, struct target *target)
{
	const char *config = option_or(cli, "config", cli->environment->config);
	bool by_hand = option_given(cli, "verifier") && option_given(cli, "ca");
	if (config && !by_hand && !target_from_file(cli, config, target))
		return false;
	const struct {
		const char *name;
		struct buf *value;
	} given[] = {{"verifier", &target->verifier}, {"ca", &target->ca},
		{"client-cert", &target->cert}, {"client-key", &target->key}};
	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		const char *value = option(cli, given[i].name);
		if (!value)
			continue;
		buf_clear(given[i].value);
		buf_put_str(given[i].value, value);
		if (!buf_str(given[i].value))
			return err_set(&cli->err, ERR_NOMEM, "connection settings");
	}
	if (!target->verifier.len || !target->ca.len)
		return err_set(&cli->err, ERR_USAGE,
			"no verifier is known: give --config, or --verifier and --ca");
	if (strncmp((const char *)target->verifier.data, "https://", 8) != 0)
		return err_set(&cli->err, ERR_USAGE, "the verifier must be an https:// address");
	return true;
}

static size_t on_answer(char *data, size_t size, size_t n, void *arg)
{
	struct buf *answer = arg;
	size_t len = size * n;
	if (answer->len + len > API_ANSWER_MAX)
		return 0;
	buf_put(answer, bytes_of(data, len));
	return answer->failed ? 0 : len;
}

static CURLcode request_set(CURL *curl, const struct target *target, const char *url,
	struct curl_slist *headers, const struct bytes *body, struct buf *answer, char *detail)
{
	const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_TIMEOUT, target->timeout ? target->timeout : API_TIMEOUT_S},
		{CURLOPT_CONNECTTIMEOUT, 10},
		{CURLOPT_FOLLOWLOCATION, 0},
	};
	const struct {
		CURLoption option;
		const void *value;
	} pointers[] = {
		{CURLOPT_URL, url},
		{CURLOPT_PROTOCOLS_STR, "https"},
		{CURLOPT_PROXY, ""},
		{CURLOPT_CAINFO, target->ca.len ? (const char *)target->ca.data : NULL},
		{CURLOPT_SSLCERT, target->cert.len ? (const char *)target->cert.data : NULL},
		{CURLOPT_SSLKEY, target->key.len ? (const char *)target->key.data : NULL},
		{CURLOPT_HTTPHEADER, headers},
		{CURLOPT_WRITEDATA, answer},
		{CURLOPT_ERRORBUFFER, detail},
	};
	CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
	for (size_t i = 0; i < ARRAY_LEN(numbers) && code == CURLE_OK; i++)
		code = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
	for (size_t i = 0; i < ARRAY_LEN(pointers) && code == CURLE_OK; i++)
		if (pointers[i].value)
			code = curl_easy_setopt(curl, pointers[i].option, pointers[i].value);
	/* libcurl's default, the system's directory of CAs, would be trusted beside the file. */
	if (code == CURLE_OK && target->ca.len)
		code = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	if (code == CURLE_OK && body) {
		code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->len);
		if (code == CURLE_OK)
			code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
				body->len ? (const char *)body->data : "");
	}
	return code;
}

/* The verifier's own words, when it gave some. */
static bool http_error(struct cli *cli, long status, struct bytes answer)
{
	enum err_code code = ERR_NET;
	if (status == 401 || status == 403)
		code = ERR_DENIED;
	else if (status == 404)
		code = ERR_NOT_FOUND;
	else if (status == 410)
		code = ERR_GONE;
	else if (status == 409)
		code = ERR_CONFLICT;
	else if (status == 503 || status == 429)
		code = ERR_BUSY;
	json_t *json = NULL;
	const char *message = NULL, *hint = NULL;
	if (json_open(answer, 65536, &json, NULL))
		(void)json_unpack(
			json, "{s:{s:s,s?s}}", "error", "message", &message, "hint", &hint);
	if (message && hint)
		(void)err_set(
			&cli->err, code, "%s (%s)", ESC(bytes_str(message)), ESC(bytes_str(hint)));
	else if (message)
		(void)err_set(&cli->err, code, "%s", ESC(bytes_str(message)));
	else
		(void)err_set(
			&cli->err, code, "the verifier answered with HTTP status %ld", status);
	json_decref(json);
	return false;
}

/* What libcurl says, and what is most likely behind it. */
static bool curl_error(
	struct cli *cli, const struct target *target, CURLcode code, const char *detail)
{
	static const struct {
		CURLcode code;
		const char *hint;
	} hints[] = {
		{CURLE_COULDNT_CONNECT, "is the verifier running there?"},
		{CURLE_PEER_FAILED_VERIFICATION, "the verifier's certificate is not the CA's that "
						 "was given, or not this name's"},
		{CURLE_SSL_CACERT_BADFILE, "the CA certificate cannot be read"},
		{CURLE_SSL_CERTPROBLEM, "the client certificate or its key cannot be used"},
		{CURLE_SSL_CONNECT_ERROR, "TLS 1.3 is needed; is this the verifier's port?"},
	};
	const char *hint = NULL;
	char shown[2 * CURL_ERROR_SIZE]; /* names of certificates are in it */
	for (size_t i = 0; i < ARRAY_LEN(hints) && !hint; i++)
		if (hints[i].code == code)
			hint = hints[i].hint;
	return err_set(&cli->err, ERR_NET, "%s: %s%s%s%s", (const char *)target->verifier.data,
		text_escape(bytes_str(detail[0] ? detail : curl_easy_strerror(code)), shown,
			sizeof(shown)),
		hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}

/* Any status is an answer. */
static bool transfer(struct cli *cli, const struct target *target, const char *path,
	const char *content_type, const struct bytes *body, struct buf *ret, long *ret_status)
{
	OWNED(buf_release) struct buf url = {0};
	buf_put_str(&url, (const char *)target->verifier.data);
	while (url.len && url.data[url.len - 1] == '/')
		url.len--;
	buf_put_str(&url, path);
	char header[160], detail[CURL_ERROR_SIZE] = "";
	(void)snprintf(header, sizeof(header), "Content-Type: %s",
		content_type ? content_type : "application/json");
	struct curl_slist *headers = body ? curl_slist_append(NULL, header) : NULL;
	CURL *curl = curl_easy_init();
	bool ok = curl && buf_str(&url) && (!body || headers);
	CURLcode code =
		ok ? request_set(curl, target, (const char *)url.data, headers, body, ret, detail)
		   : CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, ret_status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return code == CURLE_OK || curl_error(cli, target, code, detail);
}

static bool request_perform(struct cli *cli, const struct target *target, const char *path,
	const char *content_type, const struct bytes *body, struct buf *ret)
{
	long status = 0;
	if (!transfer(cli, target, path, content_type, body, ret, &status))
		return false;
	return status >= 200 && status < 300 ? true : http_error(cli, status, buf_bytes(ret));
}

bool api_elsewhere(struct cli *cli, const char *url, const char *ca, const char *path,
	const char *content_type, const struct bytes *body, struct buf *ret, long *ret_status)
{
	OWNED(target_release) struct target target = {.timeout = ELSEWHERE_TIMEOUT_S};
	if (strncmp(url, "https://", 8) != 0)
		return err_set(&cli->err, ERR_USAGE, "%s: must be an https:// address",
			ESC(bytes_str(url)));
	buf_put_str(&target.verifier, url);
	if (ca)
		buf_put_str(&target.ca, ca);
	if (!buf_str(&target.verifier) || (ca && !buf_str(&target.ca)))
		return err_set(&cli->err, ERR_NOMEM, "%s", url);
	return transfer(cli, &target, path, content_type, body, ret, ret_status);
}

bool api_bytes(struct cli *cli, const char *path, const char *content_type,
	const struct bytes *body, struct buf *ret)
{
	OWNED(target_release) struct target target = {0};
	return target_of(cli, &target) &&
	       request_perform(cli, &target, path, content_type, body, ret);
}

bool api_json(struct cli *cli, const char *path, const char *content_type, const struct bytes *body,
	json_t **ret_json)
{
	OWNED(buf_release) struct buf answer = {0};
	if (!api_bytes(cli, path, content_type, body, &answer))
		return false;
	if (!json_open(buf_bytes(&answer), API_ANSWER_MAX, ret_json, &cli->err))
		return err_wrap(&cli->err, "the verifier's answer");
	return true;
}

bool api_post(struct cli *cli, const char *path, json_t *request, json_t **ret_json)
{
	OWNED(json_release) json_t *owned = request;
	OWNED(buf_release) struct buf text = {0};
	if (!owned)
		return err_set(&cli->err, ERR_USAGE, "an argument is not valid UTF-8");
	if (!json_write(owned, false, &text, &cli->err))
		return false;
	struct bytes body = buf_bytes(&text);
	return api_json(cli, path, "application/json", &body, ret_json);
}
