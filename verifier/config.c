/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/config.h"

#include "base/address.h"
#include "base/file.h"
#include "base/text.h"
#include "base/time.h"
#include "policy/policy.h"
#include "verifier/config_webhooks.h"
#include "verifier/identity.h"
#include "verifier/sql_postgres.h"

#include <stdio.h>
#include <stdlib.h>

#define CONFIG_MAX         65536u
#define TEXT_MAX           1024u
#define KEY_TEXT_MAX       8192u
#define LIFETIME_DEFAULT   (7 * 86400)
#define LIFETIME_MAX       CREDENTIAL_LIFETIME_MAX
#define NODE_AGE_DEFAULT   3600
#define GRACE_DEFAULT      (7 * 86400)
#define GRACE_MIN          86400
#define GRACE_MAX          (INT64_C(366) * 86400)
#define LISTS_DEFAULT      600
#define LISTS_MIN          60
#define URL_MAX            255u
#define THREADS_MAX        256u
#define CONNECTIONS_MAX    1000000u
#define FULL_EVERY_DEFAULT 512u
#define FULL_EVERY_MAX     4096u /* what a bundle's chain may hold */

enum log_format { LOG_FORMAT_TEXT = 0, LOG_FORMAT_JSON };

/* As libcyaml loads it. */
struct file_policy_key {
	char *name, *key;
};
struct file_config {
	char *trust_domain, *verifier_id, *listen;
	unsigned threads, workers, full_appraisal_every;
	struct file_policy_key *policy_keys;
	unsigned policy_keys_count;
	int64_t *policy_threshold; /* NULL: not given */
	char *database, *policy, *references, *ca_key, *ca_key_before, *ca_certificate, *tls_key,
		*tls_certificate;
	char *signing_key, *signing_certificate, *token_key, *host_certificate_lifetime;
	char *content_key, *log_key, *log_key_also, *log_origin, *log_directory, *log_policy,
		*log_quorum_age;
	char *receipt_key, *log_host_ak, *public_url, *revocation_lifetime;
	char *retention_grace;
	unsigned connections_max, connections_per_peer;
	char *queue_wait_max, *work_max, *drain_notice, *drain_max, *metrics_listen;
	enum log_format log_format;
	enum log_level *log_level;
	struct config_namespace *kubernetes;
	unsigned kubernetes_count;
	enum config_nodes admission_nodes;
	enum config_bindings admission_bindings;
	char *admission_node_age;
	struct file_webhook *webhooks;
	unsigned webhooks_count;
};

static const cyaml_schema_field_t namespace_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"namespace", CYAML_FLAG_POINTER, struct config_namespace, name, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("environment", CYAML_FLAG_POINTER, struct config_namespace,
		environment, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR("node_class", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct config_namespace, node_class, 1, TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t namespace_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_namespace, namespace_fields),
};

static const cyaml_strval_t formats[] = {
	{"text", LOG_FORMAT_TEXT},
	{"json", LOG_FORMAT_JSON},
};
static const cyaml_strval_t levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};
static const cyaml_strval_t nodes[] = {
	{"required", NODES_REQUIRED},
	{"when-known", NODES_WHEN_KNOWN},
};
static const cyaml_strval_t bindings[] = {
	{"unreviewed", BINDINGS_UNREVIEWED},
	{"reviewed", BINDINGS_REVIEWED},
};

#define TEXT(name)                                                                                 \
	CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER, struct file_config, name, 1, TEXT_MAX)
#define TEXT_OPTIONAL(name)                                                                        \
	CYAML_FIELD_STRING_PTR(#name, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,                    \
		struct file_config, name, 1, TEXT_MAX)
#define NUMBER_OPTIONAL(name) CYAML_FIELD_UINT(#name, CYAML_FLAG_OPTIONAL, struct file_config, name)

static const cyaml_schema_field_t policy_key_fields[] = {
	CYAML_FIELD_STRING_PTR(
		"name", CYAML_FLAG_POINTER, struct file_policy_key, name, 1, TEXT_MAX),
	CYAML_FIELD_STRING_PTR(
		"key", CYAML_FLAG_POINTER, struct file_policy_key, key, 1, KEY_TEXT_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t policy_key_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_policy_key, policy_key_fields),
};

static const cyaml_schema_field_t fields[] = {
	TEXT(trust_domain),
	TEXT_OPTIONAL(verifier_id),
	TEXT(listen),
	NUMBER_OPTIONAL(threads),
	NUMBER_OPTIONAL(workers),
	NUMBER_OPTIONAL(full_appraisal_every),
	TEXT(database),
	TEXT(policy),
	CYAML_FIELD_SEQUENCE("policy_keys", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_config, policy_keys, &policy_key_entry, 1, POLICY_SIGNERS_MAX),
	CYAML_FIELD_INT_PTR("policy_threshold", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_config, policy_threshold),
	TEXT_OPTIONAL(references),
	TEXT(ca_key),
	TEXT_OPTIONAL(ca_key_before),
	TEXT(ca_certificate),
	TEXT(tls_key),
	TEXT(tls_certificate),
	TEXT(signing_key),
	TEXT(signing_certificate),
	TEXT(token_key),
	TEXT_OPTIONAL(content_key),
	TEXT_OPTIONAL(log_key),
	TEXT_OPTIONAL(log_key_also),
	TEXT_OPTIONAL(log_origin),
	TEXT_OPTIONAL(log_directory),
	TEXT_OPTIONAL(log_policy),
	TEXT_OPTIONAL(log_quorum_age),
	TEXT_OPTIONAL(receipt_key),
	TEXT_OPTIONAL(log_host_ak),
	TEXT_OPTIONAL(public_url),
	TEXT_OPTIONAL(revocation_lifetime),
	TEXT_OPTIONAL(host_certificate_lifetime),
	TEXT_OPTIONAL(retention_grace),
	NUMBER_OPTIONAL(connections_max),
	NUMBER_OPTIONAL(connections_per_peer),
	TEXT_OPTIONAL(queue_wait_max),
	TEXT_OPTIONAL(work_max),
	TEXT_OPTIONAL(drain_notice),
	TEXT_OPTIONAL(drain_max),
	TEXT_OPTIONAL(metrics_listen),
	CYAML_FIELD_ENUM("log_format", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_config,
		log_format, formats, ARRAY_LEN(formats)),
	CYAML_FIELD_ENUM_PTR("log_level",
		CYAML_FLAG_POINTER | CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, struct file_config,
		log_level, levels, ARRAY_LEN(levels)),
	CYAML_FIELD_SEQUENCE("kubernetes", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_config, kubernetes, &namespace_entry, 0, CONFIG_NAMESPACES_MAX),
	CYAML_FIELD_ENUM("admission_nodes", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,
		struct file_config, admission_nodes, nodes, ARRAY_LEN(nodes)),
	CYAML_FIELD_ENUM("admission_bindings", CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,
		struct file_config, admission_bindings, bindings, ARRAY_LEN(bindings)),
	TEXT_OPTIONAL(admission_node_age),
	CYAML_FIELD_SEQUENCE("webhooks", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_config, webhooks, &config_webhook_entry, 0, WEBHOOKS_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_config, fields),
};

static bool listen_take(const char *text, char **ret_address, uint16_t *ret_port, struct err *err)
{
	char address[ADDRESS_TEXT_MAX];
	if (!address_parse(text, address, ret_port, err))
		return false;
	*ret_address = bytes_strdup(bytes_str(address));
	return *ret_address || err_set(err, ERR_NOMEM, "listen");
}

/* "ca.key" becomes "/etc/assay/ca.key". */
static bool path_take(const char *directory, const char *path, char **ret, struct err *err)
{
	OWNED(buf_release) struct buf out = {0};
	const char *full = path[0] == '/' ? path : path_join(&out, directory, path);
	*ret = full ? bytes_strdup(bytes_str(full)) : NULL;
	return *ret ? true : err_set(err, ERR_NOMEM, "configuration");
}

/* "file:ca.key" becomes "file:/etc/assay/ca.key"; other URIs stay as they are, a plain path is a
 * path. */
static bool uri_take(const char *directory, const char *uri, char **ret, struct err *err)
{
	OWNED(free_ptr) char *path = NULL;
	OWNED(buf_release) struct buf out = {0};
	bool file = strncmp(uri, "file:", 5) == 0;
	if (!file && strchr(uri, ':')) {
		*ret = bytes_strdup(bytes_str(uri));
		return *ret ? true : err_set(err, ERR_NOMEM, "configuration");
	}
	if (!path_take(directory, file ? uri + 5 : uri, &path, err))
		return false;
	buf_printf(&out, "%s%s", file ? "file:" : "", path);
	const char *text = buf_str(&out);
	*ret = text ? bytes_strdup(bytes_str(text)) : NULL;
	return *ret ? true : err_set(err, ERR_NOMEM, "configuration");
}

/* OpenSSL's TLS cannot sign with keys that live in another library context (crypto/key.h). */
static bool tls_key_take(const char *directory, const char *uri, char **ret, struct err *err)
{
	if (strncmp(uri, "file:", 5) != 0 && strchr(uri, ':'))
		return err_set(err, ERR_CONFIG,
			"tls_key: %s: must be a file: TLS cannot use a key in a TPM or token; "
			"ca_key and signing_key can",
			ESC(bytes_str(uri)));
	return uri_take(directory, uri, ret, err);
}

/* A path, or a URI of PostgreSQL's. */
static bool database_take(const char *directory, const char *text, char **ret, struct err *err)
{
	if (sql_ops_of(text) == &sql_sqlite)
		return path_take(directory, text, ret, err);
	if (!sql_postgres_place_check(text, err))
		return err_wrap(err, "database");
	*ret = bytes_strdup(bytes_str(text));
	return *ret || err_set(err, ERR_NOMEM, "configuration");
}

static bool paths_take(const struct file_config *file, const char *directory, struct config *config,
	struct err *err)
{
	return database_take(directory, file->database, &config->database, err) &&
	       path_take(directory, file->policy, &config->policy, err) &&
	       path_take(directory, file->references ? file->references : "references",
		       &config->references, err) &&
	       path_take(directory, file->ca_certificate, &config->ca_certificate, err) &&
	       path_take(directory, file->tls_certificate, &config->tls_certificate, err) &&
	       path_take(directory, file->signing_certificate, &config->signing_certificate, err) &&
	       path_take(directory, file->token_key, &config->token_key, err) &&
	       uri_take(directory, file->ca_key, &config->ca_key, err) &&
	       (!file->ca_key_before ||
		       uri_take(directory, file->ca_key_before, &config->ca_key_before, err)) &&
	       tls_key_take(directory, file->tls_key, &config->tls_key, err) &&
	       uri_take(directory, file->signing_key, &config->signing_key, err) &&
	       uri_take(directory, file->content_key ? file->content_key : "file:content.key",
		       &config->content_key, err) &&
	       uri_take(directory, file->log_key ? file->log_key : "file:log.key", &config->log_key,
		       err) &&
	       (!file->log_key_also ||
		       uri_take(directory, file->log_key_also, &config->log_key_also, err)) &&
	       (!file->receipt_key ||
		       uri_take(directory, file->receipt_key, &config->receipt_key, err)) &&
	       (!file->log_directory ||
		       path_take(directory, file->log_directory, &config->log_directory, err)) &&
	       (!file->log_policy ||
		       path_take(directory, file->log_policy, &config->log_policy, err)) &&
	       (!file->log_host_ak ||
		       path_take(directory, file->log_host_ak, &config->log_host_ak, err));
}

static bool names_take(struct file_config *file, struct config *config, struct err *err)
{
	OWNED(buf_release) struct buf id = {0};
	if (!trust_domain_ok(bytes_str(file->trust_domain)))
		return err_set(err, ERR_CONFIG,
			"trust_domain: %s: expected 1 to 255 of a-z 0-9 . - _",
			ESC(bytes_str(file->trust_domain)));
	buf_printf(&id, "spiffe://%s/verifier", file->trust_domain);
	const char *text = file->verifier_id ? file->verifier_id : buf_str(&id);
	if (text && (strlen(text) > 255 || !utf8_valid(bytes_str(text))))
		return err_set(err, ERR_CONFIG, "verifier_id: expected at most 255 bytes of UTF-8");
	config->trust_domain = bytes_strdup(bytes_str(file->trust_domain));
	config->verifier_id = text ? bytes_strdup(bytes_str(text)) : NULL;
	buf_clear(&id);
	buf_printf(&id, "%s/log", file->trust_domain);
	const char *origin = file->log_origin ? file->log_origin : buf_str(&id);
	config->log_origin = origin ? bytes_strdup(bytes_str(origin)) : NULL;
	return config->trust_domain && config->verifier_id && config->log_origin
		       ? true
		       : err_set(err, ERR_NOMEM, "configuration");
}

/* A PEM text or the path of one. */
static bool policy_key_take(const struct file_policy_key *from, const char *directory,
	struct policy_signers *to, struct err *err)
{
	OWNED(free_ptr) char *path = NULL;
	OWNED(buf_release) struct buf pem = {0};
	if (strncmp(from->key, "-----BEGIN", 10) == 0)
		return policy_signers_add(to, from->name, bytes_str(from->key), err);
	if (!path_take(directory, from->key, &path, err))
		return false;
	if (!file_read(path, KEY_TEXT_MAX, &pem, err))
		return err_wrap(err, "%s", ESC(bytes_str(from->name)));
	return policy_signers_add(to, from->name, buf_bytes(&pem), err);
}

static bool policy_keys_take(const struct file_config *file, const char *directory,
	struct config *config, struct err *err)
{
	if (file->policy_keys_count == 0)
		return !file->policy_threshold ||
		       err_set(err, ERR_CONFIG, "policy_threshold: there are no policy_keys");
	for (unsigned i = 0; i < file->policy_keys_count; i++)
		if (!policy_key_take(
			    &file->policy_keys[i], directory, &config->policy_signers, err))
			return err_wrap(err, "policy_keys");
	if (!file->policy_threshold)
		return err_set(err, ERR_CONFIG,
			"policy_threshold: how many of the policy_keys must sign the policy?");
	return policy_signers_demand(&config->policy_signers, *file->policy_threshold, err) ||
	       err_wrap(err, "policy_threshold");
}

static bool quorum_take(const struct file_config *file, struct config *config, struct err *err)
{
	if (!file->log_quorum_age)
		return true;
	if (!file->log_policy)
		return err_set(err, ERR_CONFIG,
			"log_quorum_age: whose quorum? log_policy names the witnesses");
	if (!time_parse_duration(
		    bytes_str(file->log_quorum_age), LIFETIME_MAX, &config->log_quorum_age, err))
		return err_wrap(err, "log_quorum_age");
	return config->log_quorum_age >= 5 ||
	       err_set(err, ERR_CONFIG, "log_quorum_age: at least 5s");
}

static bool limits_take(const struct file_config *file, struct config *config, struct err *err)
{
	const struct {
		const char *name;
		unsigned value, max, *out;
	} numbers[] = {
		{"threads", file->threads, THREADS_MAX, &config->threads},
		{"workers", file->workers, THREADS_MAX, &config->workers},
		{"connections_max", file->connections_max, CONNECTIONS_MAX,
			&config->connections_max},
		{"connections_per_peer", file->connections_per_peer, CONNECTIONS_MAX,
			&config->connections_per_peer},
		{"full_appraisal_every", file->full_appraisal_every, FULL_EVERY_MAX,
			&config->full_appraisal_every},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (numbers[i].value > numbers[i].max)
			return err_set(err, ERR_CONFIG, "%s: %u: at most %u", numbers[i].name,
				numbers[i].value, numbers[i].max);
		*numbers[i].out = numbers[i].value;
	}
	if (config->full_appraisal_every == 0)
		config->full_appraisal_every = FULL_EVERY_DEFAULT;
	config->host_certificate_lifetime = LIFETIME_DEFAULT;
	if (file->host_certificate_lifetime &&
		!time_parse_duration(bytes_str(file->host_certificate_lifetime), LIFETIME_MAX,
			&config->host_certificate_lifetime, err))
		return err_wrap(err, "host_certificate_lifetime");
	if (config->host_certificate_lifetime < 60)
		return err_set(err, ERR_CONFIG, "host_certificate_lifetime: at least 60s");
	config->log_json = file->log_format == LOG_FORMAT_JSON;
	config->log_level = file->log_level ? *file->log_level : LOG_LEVEL_INFO;
	return true;
}

/* How long each stage may take. */
static bool stages_take(const struct file_config *file, struct config *config, struct err *err)
{
	const struct {
		const char *name, *text;
		int64_t fallback, min, max, *out;
	} stages[] = {
		{"queue_wait_max", file->queue_wait_max, 2, 1, 60, &config->queue_wait_max},
		{"work_max", file->work_max, 60, 5, 600, &config->work_max},
		{"drain_notice", file->drain_notice, 0, 0, 300, &config->drain_notice},
		{"drain_max", file->drain_max, 20, 1, 600, &config->drain_max},
	};
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		*stages[i].out = stages[i].fallback;
		if (!stages[i].text)
			continue;
		if (!time_parse_duration(
			    bytes_str(stages[i].text), stages[i].max, stages[i].out, err))
			return err_wrap(err, "%s", stages[i].name);
		if (*stages[i].out < stages[i].min)
			return err_set(err, ERR_CONFIG, "%s: at least %llds", stages[i].name,
				(long long)stages[i].min);
	}
	return true;
}

/* Behind it is no TLS on the machine itself, and the front's TLS elsewhere. */
static bool metrics_take(const struct file_config *file, const char *directory,
	struct config *config, struct err *err)
{
	char address[ADDRESS_TEXT_MAX];
	uint16_t port;
	const char *text = file->metrics_listen;
	if (!text)
		return true;
	if (strncmp(text, "unix:", 5) == 0) {
		OWNED(buf_release) struct buf out = {0};
		OWNED(free_ptr) char *path = NULL;
		if (!path_take(directory, text + 5, &path, err))
			return false;
		buf_printf(&out, "unix:%s", path);
		const char *full = buf_str(&out);
		config->metrics_listen = full ? bytes_strdup(bytes_str(full)) : NULL;
	} else {
		if (!address_parse(text, address, &port, err))
			return err_wrap(err, "metrics_listen");
		config->metrics_listen = bytes_strdup(bytes_str(text));
	}
	return config->metrics_listen || err_set(err, ERR_NOMEM, "configuration");
}

static bool admission_take(const struct file_config *file, struct config *config, struct err *err)
{
	config->admission_nodes = file->admission_nodes;
	config->admission_bindings = file->admission_bindings;
	config->admission_node_age = NODE_AGE_DEFAULT;
	if (file->admission_node_age && !time_parse_duration(bytes_str(file->admission_node_age),
						LIFETIME_MAX, &config->admission_node_age, err))
		return err_wrap(err, "admission_node_age");
	return config->admission_node_age > 0 ||
	       err_set(err, ERR_CONFIG, "admission_node_age: at least 1s");
}

static bool retention_take(const struct file_config *file, struct config *config, struct err *err)
{
	config->retention_grace = GRACE_DEFAULT;
	if (file->retention_grace && !time_parse_duration(bytes_str(file->retention_grace),
					     GRACE_MAX, &config->retention_grace, err))
		return err_wrap(err, "retention_grace");
	return config->retention_grace >= GRACE_MIN ||
	       err_set(err, ERR_CONFIG, "retention_grace: at least 1d");
}

/* "https://verifier.example:8443": what credentials are given along, so nothing that has to be
 * escaped. */
static bool url_ok(const char *url)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~:/[]";
	size_t len = strlen(url);
	size_t scheme = strncmp(url, "https://", 8) == 0  ? 8
			: strncmp(url, "http://", 7) == 0 ? 7
							  : 0;
	return scheme > 0 && len > scheme && len <= URL_MAX && url[len - 1] != '/' &&
	       strspn(url, plain) == len;
}

static bool revocation_take(const struct file_config *file, struct config *config, struct err *err)
{
	config->revocation_lifetime = LISTS_DEFAULT;
	if (file->revocation_lifetime && !time_parse_duration(bytes_str(file->revocation_lifetime),
						 LIFETIME_MAX, &config->revocation_lifetime, err))
		return err_wrap(err, "revocation_lifetime");
	if (config->revocation_lifetime < LISTS_MIN)
		return err_set(err, ERR_CONFIG, "revocation_lifetime: at least 60s");
	if (!file->public_url)
		return true;
	if (!url_ok(file->public_url))
		return err_set(err, ERR_CONFIG,
			"public_url: %s: expected http:// or https://, a host, and no slash at the "
			"end",
			ESC(bytes_str(file->public_url)));
	config->public_url = bytes_strdup(bytes_str(file->public_url));
	return config->public_url || err_set(err, ERR_NOMEM, "public_url");
}

/* A namespace is named exactly and once: a pattern would admit more than somebody thought of. */
static bool namespaces_take(const struct file_config *file, struct config *config, struct err *err)
{
	config->namespaces = calloc(file->kubernetes_count + 1u, sizeof(*config->namespaces));
	if (!config->namespaces)
		return err_set(err, ERR_NOMEM, "configuration");
	for (unsigned i = 0; i < file->kubernetes_count; i++) {
		const struct config_namespace *from = &file->kubernetes[i];
		struct config_namespace *to = &config->namespaces[i];
		if (!text_is_name(bytes_str(from->name)) ||
			!text_is_name(bytes_str(from->environment)))
			return err_set(err, ERR_CONFIG,
				"kubernetes: %s: expected a namespace and an environment of 1 to "
				"64 "
				"of a-z 0-9 . _ -",
				ESC(bytes_str(from->name)));
		for (unsigned k = 0; k < i; k++)
			if (strcmp(file->kubernetes[k].name, from->name) == 0)
				return err_set(
					err, ERR_CONFIG, "kubernetes: %s: given twice", from->name);
		if (from->node_class && !text_is_name(bytes_str(from->node_class)))
			return err_set(err, ERR_CONFIG,
				"kubernetes: %s: node_class: %s: not a risk class", from->name,
				ESC(bytes_str(from->node_class)));
		config->namespace_count = i + 1;
		to->name = bytes_strdup(bytes_str(from->name));
		to->environment = bytes_strdup(bytes_str(from->environment));
		to->node_class =
			from->node_class ? bytes_strdup(bytes_str(from->node_class)) : NULL;
		if (!to->name || !to->environment || (from->node_class && !to->node_class))
			return err_set(err, ERR_NOMEM, "configuration");
	}
	return true;
}

bool config_parse(struct bytes yaml, const char *name, const char *directory, struct config *ret,
	struct err *err)
{
	void *data = NULL;
	struct config config = {0};
	if (!yaml_load(yaml, name, &schema, &data, err))
		return false;
	struct file_config *file = data;
	bool ok = names_take(file, &config, err) && paths_take(file, directory, &config, err) &&
		  policy_keys_take(file, directory, &config, err) &&
		  limits_take(file, &config, err) && stages_take(file, &config, err) &&
		  metrics_take(file, directory, &config, err) && quorum_take(file, &config, err) &&
		  retention_take(file, &config, err) && revocation_take(file, &config, err) &&
		  namespaces_take(file, &config, err) && admission_take(file, &config, err) &&
		  config_webhooks_take(
			  file->webhooks, file->webhooks_count, directory, &config, err) &&
		  listen_take(file->listen, &config.address, &config.port, err);
	yaml_free(&schema, data, 0);
	if (!ok) {
		config_release(&config);
		if (err && err->code != ERR_NOMEM)
			err->code = ERR_CONFIG;
		return err_wrap(err, "%s", name);
	}
	*ret = config;
	return true;
}

bool config_load(const char *path, struct config *ret, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(free_ptr) char *canonical = realpath(path, NULL);
	if (!canonical || !file_read(canonical, CONFIG_MAX, &text, err)) {
		if (!canonical)
			return err_set(err, ERR_CONFIG,
				"%s: no such configuration file; assay-verifierd init makes one",
				path);
		return err_wrap(err, "configuration");
	}
	char *slash = strrchr(canonical, '/');
	*slash = 0;
	return config_parse(buf_bytes(&text), path, canonical[0] ? canonical : "/", ret, err);
}

void config_release(struct config *config)
{
	char *const texts[] = {config->trust_domain, config->verifier_id, config->address,
		config->database, config->policy, config->references, config->ca_key,
		config->ca_key_before, config->ca_certificate, config->tls_key,
		config->tls_certificate, config->signing_key, config->signing_certificate,
		config->token_key, config->content_key, config->log_key, config->log_key_also,
		config->log_origin, config->log_directory, config->log_policy, config->receipt_key,
		config->metrics_listen, config->log_host_ak, config->public_url};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	policy_signers_release(&config->policy_signers);
	config_webhooks_release(config);
	for (size_t i = 0; i < config->namespace_count; i++) {
		free(config->namespaces[i].name);
		free(config->namespaces[i].environment);
		free(config->namespaces[i].node_class);
	}
	free(config->namespaces);
	memset(config, 0, sizeof(*config));
}
