/* SPDX-License-Identifier: Apache-2.0 */
/* One delivery: signed, sent over libcurl, answered. */
#include "verifier/webhooks.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/text.h"

#define SECRET_PREFIX   "whsec_"
#define SECRET_FILE_MAX 256u
#define CA_MAX          (1u << 20)

/* ---- what it needs ---- */

bool webhook_secret_read(struct bytes text, struct buf *ret, struct err *err)
{
	size_t prefix = strlen(SECRET_PREFIX);
	while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r'))
		text.len--;
	if (text.len < prefix || memcmp(text.data, SECRET_PREFIX, prefix) != 0 ||
		!base64_decode(bytes_of(text.data + prefix, text.len - prefix), false,
			WEBHOOK_SECRET_MAX, ret, NULL) ||
		ret->len < WEBHOOK_SECRET_MIN)
		return err_set(err, ERR_FORMAT,
			"expected whsec_ and the base64 of %u to %u random bytes",
			WEBHOOK_SECRET_MIN, WEBHOOK_SECRET_MAX);
	return true;
}

static bool key_open(const char *uri, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!key_from_uri(uri, &key, err))
		return false;
	if (key_type_of(key) != KEY_ED25519)
		return err_set(err, ERR_CONFIG, "not an Ed25519 key");
	*ret = TAKE(key);
	return true;
}

static bool ca_open(const char *path, struct buf *ret, struct err *err)
{
	struct cert *certs[X509_CHAIN_MAX] = {0};
	size_t count = 0;
	if (!file_read(path, CA_MAX, ret, err) ||
		!certs_from_bytes(buf_bytes(ret), X509_CHAIN_MAX, certs, &count, err))
		return false;
	for (size_t i = 0; i < count; i++)
		cert_unref(&certs[i]);
	return count > 0 || err_set(err, ERR_CONFIG, "no certificate in the file");
}

static bool target_read(struct webhook_target *t, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	const struct config_webhook *config = t->config;
	if (config->secret_file && (!file_read(config->secret_file, SECRET_FILE_MAX, &text, err) ||
					   !webhook_secret_read(buf_bytes(&text), &t->secret, err)))
		return err_wrap(err, "secret_file");
	if (config->key && !key_open(config->key, &t->key, err))
		return err_wrap(err, "key");
	return !config->ca || ca_open(config->ca, &t->ca, err) || err_wrap(err, "ca");
}

bool webhook_target_open(
	const struct config_webhook *config, struct webhook_target *ret, struct err *err)
{
	struct webhook_target target = {.config = config};
	if (!target_read(&target, err)) {
		webhook_target_release(&target);
		if (err && err->code != ERR_NOMEM)
			err->code = ERR_CONFIG;
		return err_wrap(err, "webhook %s", config->name);
	}
	*ret = target;
	return true;
}

void webhook_target_release(struct webhook_target *target)
{
	buf_release(&target->secret);
	key_unref(&target->key);
	buf_release(&target->ca);
}

bool webhook_new(struct config_webhook *config, struct webhook **ret, struct err *err)
{
	OWNED(webhook_unref) struct webhook *webhook = calloc(1, sizeof(*webhook));
	if (!webhook)
		return err_set(err, ERR_NOMEM, "webhook");
	atomic_init(&webhook->refs, 1);
	webhook->config = TAKE_STRUCT(*config);
	if (!webhook_target_open(&webhook->config, &webhook->target, err))
		return false;
	*ret = TAKE(webhook);
	return true;
}

struct webhook *webhook_ref(struct webhook *webhook)
{
	(void)atomic_fetch_add(&webhook->refs, 1);
	return webhook;
}

void webhook_unref(struct webhook **webhook)
{
	struct webhook *self = TAKE(*webhook);
	if (!self || atomic_fetch_sub(&self->refs, 1) != 1)
		return;
	webhook_target_release(&self->target);
	config_webhook_release(&self->config);
	free(self);
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool webhook_equal(const struct webhook *a, const struct webhook *b)
{
	const struct config_webhook *x = &a->config, *y = &b->config;
	if (!text_equal(x->name, y->name) || !text_equal(x->url, y->url) ||
		x->give_up_after != y->give_up_after || x->event_count != y->event_count)
		return false;
	for (size_t i = 0; i < x->event_count; i++)
		if (!text_equal(x->events[i], y->events[i]))
			return false;
	if (!a->target.key != !b->target.key)
		return false;
	return (!a->target.key || key_equal(a->target.key, b->target.key)) &&
	       bytes_equal(buf_bytes(&a->target.secret), buf_bytes(&b->target.secret)) &&
	       bytes_equal(buf_bytes(&a->target.ca), buf_bytes(&b->target.ca));
}

/* ---- the signature ---- */

bool webhook_sign(const struct webhook_target *target, const char *id, int64_t time,
	struct bytes body, struct buf *out, struct err *err)
{
	OWNED(buf_release) struct buf message = {0}, signature = {0};
	struct digest mac;
	buf_printf(&message, "%s.%lld.", id, (long long)time);
	buf_put(&message, body);
	if (!buf_ok(&message, err))
		return false;
	if (target->secret.len > 0) {
		if (!hmac_of(DIGEST_SHA256, buf_bytes(&target->secret), buf_bytes(&message), &mac,
			    err))
			return false;
		buf_put_str(out, "v1,");
		buf_put_base64(out, digest_bytes(&mac), false);
	}
	if (target->key) {
		if (!key_sign(target->key, SIGN_ED25519, DIGEST_NONE, buf_bytes(&message),
			    &signature, err))
			return false;
		buf_put_str(out, target->secret.len > 0 ? " v1a," : "v1a,");
		buf_put_base64(out, buf_bytes(&signature), false);
	}
	return buf_ok(out, err);
}

/* ---- the request ---- */

struct sending {
	const atomic_bool *stop;
	size_t answered; /* bytes */
	bool full;
};

/* Nothing is made of what is said beside the status; more of it than that is not waited for. */
static size_t on_write(char *data, size_t size, size_t n, void *context)
{
	struct sending *s = context;
	(void)data;
	s->answered += size * n;
	s->full = s->answered > WEBHOOK_ANSWER_MAX;
	return s->full ? 0 : size * n;
}

static int on_progress(
	void *context, curl_off_t to, curl_off_t down, curl_off_t total, curl_off_t up)
{
	const struct sending *s = context;
	(void)to;
	(void)down;
	(void)total;
	(void)up;
	return s->stop && atomic_load(s->stop);
}

static struct curl_slist *headers_of(const char *id, int64_t time, const char *signature)
{
	char lines[3][512];
	struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
	(void)snprintf(lines[0], sizeof(lines[0]), "webhook-id: %s", id);
	(void)snprintf(lines[1], sizeof(lines[1]), "webhook-timestamp: %lld", (long long)time);
	(void)snprintf(lines[2], sizeof(lines[2]), "webhook-signature: %s", signature);
	for (size_t i = 0; list && i < ARRAY_LEN(lines) + 1; i++) {
		struct curl_slist *more =
			curl_slist_append(list, i < ARRAY_LEN(lines) ? lines[i] : "Expect:");
		if (!more)
			curl_slist_free_all(list);
		list = more;
	}
	return list;
}

static CURLcode set_numbers(CURL *curl)
{
	static const struct {
		CURLoption option;
		long value;
	} numbers[] = {
		{CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
		{CURLOPT_SSL_VERIFYPEER, 1},
		{CURLOPT_SSL_VERIFYHOST, 2},
		{CURLOPT_NOSIGNAL, 1},
		{CURLOPT_FOLLOWLOCATION, 0},
		{CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
		{CURLOPT_POST, 1},
		{CURLOPT_NOPROGRESS, 0},
		{CURLOPT_TIMEOUT_MS, WEBHOOK_TIMEOUT_MS},
		{CURLOPT_CONNECTTIMEOUT_MS, WEBHOOK_CONNECT_MS},
	};
	CURLcode code = CURLE_OK;
	for (size_t i = 0; i < ARRAY_LEN(numbers) && code == CURLE_OK; i++)
		code = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
	return code;
}

static CURLcode set_texts(CURL *curl, const struct webhook_target *target, struct bytes body)
{
	struct curl_blob ca = {target->ca.data, target->ca.len, CURL_BLOB_NOCOPY};
	CURLcode code = curl_easy_setopt(curl, CURLOPT_URL, target->config->url);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
	/* The environment has no say. */
	code = code ? code : curl_easy_setopt(curl, CURLOPT_PROXY, "");
	code = code ? code : curl_easy_setopt(curl, CURLOPT_USERAGENT, "assay-verifierd");
	code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDS, (const char *)body.data);
	code = code ? code
		    : curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len);
	if (ca.len == 0 || code)
		return code;
	/* Nor have the system's CAs beside a pinned one. */
	code = curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	return code ? code : curl_easy_setopt(curl, CURLOPT_CAINFO_BLOB, &ca);
}

static CURLcode set_callbacks(CURL *curl, struct sending *s, char *detail)
{
	CURLcode code = curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_write);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, s);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_XFERINFODATA, s);
	return code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
}

/* An answer of 2xx counts though its body is cut off: the receiver has it. */
static void outcome_of(CURL *curl, CURLcode code, const struct sending *s, const char *detail,
	struct webhook_outcome *ret)
{
	long status = 0;
	curl_off_t after = 0;
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &after);
	if (code != CURLE_OK && !s->full) {
		(void)snprintf(ret->error, sizeof(ret->error), "%s",
			detail[0] ? ESC(bytes_str(detail)) : curl_easy_strerror(code));
		return;
	}
	ret->status = (int)status;
	ret->retry_after = after > 0 ? (int64_t)after : 0;
	if (status < 200 || status > 299)
		(void)snprintf(ret->error, sizeof(ret->error), "HTTP status %ld%s", status,
			status >= 300 && status < 400 ? ": redirects are not followed" : "");
}

bool webhook_send(const struct webhook_target *target, const char *id, int64_t time,
	struct bytes body, const atomic_bool *stop, struct webhook_outcome *ret, struct err *err)
{
	OWNED(buf_release) struct buf signature = {0};
	struct sending sending = {.stop = stop};
	char detail[CURL_ERROR_SIZE] = "";
	*ret = (struct webhook_outcome){0};
	if (!webhook_sign(target, id, time, body, &signature, err))
		return false;
	struct curl_slist *headers = headers_of(id, time, buf_str(&signature));
	CURL *curl = headers ? curl_easy_init() : NULL;
	CURLcode code = curl ? set_numbers(curl) : CURLE_OUT_OF_MEMORY;
	code = code ? code : set_texts(curl, target, body);
	code = code ? code : set_callbacks(curl, &sending, detail);
	code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	code = code ? code : curl_easy_perform(curl);
	if (curl)
		outcome_of(curl, code, &sending, detail, ret);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	return code != CURLE_OUT_OF_MEMORY || err_set(err, ERR_NOMEM, "webhook");
}
