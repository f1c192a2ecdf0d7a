/* SPDX-License-Identifier: Apache-2.0 */
#include "attest/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attest/quote.h"
#include "attest/socket.h"
#include "base/file.h"
#include "base/text.h"
#include "base/yaml.h"

#define TEXT_MAX    4095u
#define CA_MAX      (256u << 10)
#define EK_FILE_MAX (64u << 10)

/* The file as written; absent keys are NULL or zero. */
struct file_hostd {
	char *verifier, *ca, *proxy, *tcti, *state_dir, *run_dir, *workloads_dir, *socket,
		*socket_group;
	char *owner_auth_file, *endorsement_auth_file;
	enum ek_template ek_template;
	char **ek_certificates;
	unsigned ek_certificates_count;
	enum ak_kind ak;
	uint32_t ak_handle, ak_generation;
	uint32_t pcr;
	enum digest_alg bank;
	bool tpm_keys;
	uint32_t *copy_limit_mib;
	uint32_t hash_threads;
	char *firmware_log, *ima_log, *systemd_log;
	enum log_level *log_level;
	bool log_json;
};

static const cyaml_strval_t ak_kinds[] = {
	{"ecc-p256", AK_ECC_P256},
	{"rsa-2048", AK_RSA_2048},
	{"ecc-p384", AK_ECC_P384},
};
static const cyaml_strval_t banks[] = {
	{"sha256", DIGEST_SHA256},
	{"sha384", DIGEST_SHA384},
};
static const cyaml_strval_t templates[] = {
	{"L-1", EK_TEMPLATE_L1},
	{"L-2", EK_TEMPLATE_L2},
	{"H-1", EK_TEMPLATE_H1},
	{"H-2", EK_TEMPLATE_H2},
	{"H-3", EK_TEMPLATE_H3},
	{"H-6", EK_TEMPLATE_H6},
};
static const cyaml_strval_t levels[] = {
	{"error", LOG_LEVEL_ERROR},
	{"warning", LOG_LEVEL_WARNING},
	{"info", LOG_LEVEL_INFO},
	{"debug", LOG_LEVEL_DEBUG},
};
static const cyaml_strval_t key_kinds[] = {
	{"software", false},
	{"tpm", true},
};
static const cyaml_schema_value_t path_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, TEXT_MAX),
};

#define TEXT(key, member)                                                                          \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_hostd,   \
		member, 1, TEXT_MAX)
#define WORD(key, member, words)                                                                   \
	CYAML_FIELD_ENUM(key, CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct file_hostd, member,  \
		words, ARRAY_LEN(words))

static const cyaml_schema_field_t fields[] = {
	CYAML_FIELD_STRING_PTR(
		"verifier", CYAML_FLAG_POINTER, struct file_hostd, verifier, 1, TEXT_MAX),
	TEXT("ca", ca),
	TEXT("proxy", proxy),
	TEXT("tcti", tcti),
	TEXT("state_dir", state_dir),
	TEXT("run_dir", run_dir),
	TEXT("workloads_dir", workloads_dir),
	TEXT("socket", socket),
	TEXT("socket_group", socket_group),
	TEXT("owner_auth_file", owner_auth_file),
	TEXT("endorsement_auth_file", endorsement_auth_file),
	WORD("ek_template", ek_template, templates),
	CYAML_FIELD_SEQUENCE("ek_certificates", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_hostd, ek_certificates, &path_entry, 1, CONFIG_EK_FILES_MAX),
	WORD("ak", ak, ak_kinds),
	CYAML_FIELD_UINT("ak_handle", CYAML_FLAG_OPTIONAL, struct file_hostd, ak_handle),
	CYAML_FIELD_UINT("ak_generation", CYAML_FLAG_OPTIONAL, struct file_hostd, ak_generation),
	CYAML_FIELD_UINT("pcr", CYAML_FLAG_OPTIONAL, struct file_hostd, pcr),
	WORD("bank", bank, banks),
	CYAML_FIELD_ENUM("key", CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct file_hostd,
		tpm_keys, key_kinds, ARRAY_LEN(key_kinds)),
	CYAML_FIELD_UINT_PTR("copy_limit_mib", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL,
		struct file_hostd, copy_limit_mib),
	CYAML_FIELD_UINT("hash_threads", CYAML_FLAG_OPTIONAL, struct file_hostd, hash_threads),
	TEXT("firmware_log", firmware_log),
	TEXT("ima_log", ima_log),
	TEXT("systemd_log", systemd_log),
	CYAML_FIELD_ENUM_PTR("log_level",
		CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT, struct file_hostd,
		log_level, levels, ARRAY_LEN(levels)),
	CYAML_FIELD_BOOL("log_json", CYAML_FLAG_OPTIONAL, struct file_hostd, log_json),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_hostd, fields),
};

/* A path of the file: relative to the file's directory; the fallback (absolute, or NULL) when absent. */
static bool path_of(
	const char *file, const char *given, const char *fallback, char **ret, struct err *err)
{
	OWNED(buf_release) struct buf path = {0};
	if (!given && !fallback)
		return true;
	const char *slash = strrchr(file, '/');
	if (!given)
		buf_put_str(&path, fallback);
	else if (given[0] == '/' || !slash)
		buf_put_str(&path, given);
	else
		buf_printf(&path, "%.*s/%s", (int)(slash - file), file, given);
	*ret = buf_str(&path) ? bytes_strdup(buf_bytes(&path)) : NULL;
	return *ret ? true : err_set(err, ERR_NOMEM, "no memory for a path");
}

static bool text_of(const char *given, char **ret, struct err *err)
{
	if (!given)
		return true;
	*ret = strdup(given);
	return *ret ? true : err_set(err, ERR_NOMEM, "no memory for the configuration");
}

/* A path that later calls need as an absolute one: directories and sockets outlive a change of directory. */
static bool absolute(char **path, struct err *err)
{
	if (!*path)
		return err_set(err, ERR_INTERNAL, "a path that has no default is missing");
	if ((*path)[0] == '/')
		return true;
	OWNED(buf_release) struct buf full = {0};
	char here[PATH_MAX];
	if (!getcwd(here, sizeof(here)))
		return err_errno(err, errno, "current directory");
	buf_printf(&full, "%s/%s", here, *path);
	char *copy = buf_str(&full) ? bytes_strdup(buf_bytes(&full)) : NULL;
	if (!copy)
		return err_set(err, ERR_NOMEM, "no memory for a path");
	free(*path);
	*path = copy;
	return true;
}

static bool read_auth(
	const char *file, const char *given, uint8_t *out, size_t *ret_len, struct err *err)
{
	OWNED(free_ptr) char *path = NULL;
	OWNED(buf_release) struct buf text = {0};
	struct stat st;
	if (!given)
		return true;
	if (!path_of(file, given, NULL, &path, err))
		return false;
	if (stat(path, &st) != 0)
		return err_errno(err, errno, "password file %s", path);
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return err_set(err, ERR_CONFIG,
			"password file %s may be read by others: chmod 0600", path);
	if (!file_read(path, TPM_AUTH_MAX + 1, &text, err))
		return false;
	size_t len = text.len;
	if (len > 0 && text.data[len - 1] == '\n')
		len--;
	if (len > TPM_AUTH_MAX)
		return err_set(err, ERR_CONFIG, "password file %s: more than %u bytes", path,
			TPM_AUTH_MAX);
	if (len > 0)
		memcpy(out, text.data, len);
	*ret_len = len;
	return true;
}

static bool read_files(
	const char *path, const struct file_hostd *from, struct hostd_config *to, struct err *err)
{
	OWNED(free_ptr) char *ca = NULL;
	if (!path_of(path, from->ca, "/etc/assay/ca.pem", &ca, err))
		return false;
	if (!file_read(ca, CA_MAX, &to->ca, err))
		return err_wrap(err, "ca");
	for (unsigned i = 0; i < from->ek_certificates_count; i++) {
		OWNED(free_ptr) char *file = NULL;
		OWNED(buf_release) struct buf content = {0};
		if (!path_of(path, from->ek_certificates[i], NULL, &file, err))
			return false;
		if (!file_read(file, EK_FILE_MAX, &content, err))
			return err_wrap(err, "ek_certificates");
		buf_put(&to->ek_certificates, buf_bytes(&content));
	}
	return buf_ok(&to->ek_certificates, err) &&
	       read_auth(path, from->owner_auth_file, to->owner_auth, &to->owner_auth_len, err) &&
	       read_auth(path, from->endorsement_auth_file, to->endorsement_auth,
		       &to->endorsement_auth_len, err);
}

/* The kernel's logs: "none" turns one off. */
static bool event_log_of(
	const char *file, const char *given, const char *fallback, char **ret, struct err *err)
{
	return (given && strcmp(given, "none") == 0) || path_of(file, given, fallback, ret, err);
}

static bool read_paths(
	const char *path, const struct file_hostd *from, struct hostd_config *to, struct err *err)
{
	OWNED(buf_release) struct buf socket = {0};
	if (!path_of(path, from->state_dir, "/var/lib/assay", &to->state_dir, err) ||
		!path_of(path, from->run_dir, "/run/assay", &to->run_dir, err) ||
		!path_of(
			path, from->workloads_dir, "/etc/assay/workloads", &to->workloads_dir, err))
		return false;
	if (!path_join(&socket, to->run_dir, "hostd.sock"))
		return buf_ok(&socket, err);
	return path_of(path, from->socket, (const char *)socket.data, &to->socket, err) &&
	       absolute(&to->state_dir, err) && absolute(&to->run_dir, err) &&
	       absolute(&to->workloads_dir, err) && absolute(&to->socket, err) &&
	       event_log_of(
		       path, from->firmware_log, QUOTE_FIRMWARE_PATH, &to->firmware_log, err) &&
	       event_log_of(path, from->ima_log, QUOTE_IMA_PATH, &to->ima_log, err) &&
	       event_log_of(path, from->systemd_log, QUOTE_SYSTEMD_PATH, &to->systemd_log, err);
}

static bool take(
	const char *path, struct file_hostd *from, struct hostd_config *to, struct err *err)
{
	uint32_t copy_limit = from->copy_limit_mib ? *from->copy_limit_mib : CONFIG_COPY_DEFAULT;
	if (copy_limit > CONFIG_COPY_MAX)
		return err_set(err, ERR_CONFIG, "%s: copy_limit_mib: %u, at most %u", path,
			copy_limit, CONFIG_COPY_MAX);
	if (from->hash_threads > CONFIG_THREADS_MAX)
		return err_set(err, ERR_CONFIG, "%s: hash_threads: %u, at most %u", path,
			from->hash_threads, CONFIG_THREADS_MAX);
	if (from->pcr > 15)
		return err_set(err, ERR_CONFIG,
			"%s: pcr: %u: PCRs above 15 are not quoted, and 16 and 23 anyone with the "
			"device can reset",
			path, from->pcr);
	to->ek_template = from->ek_template;
	to->ak = (struct tpm_ak_options){
		.kind = from->ak, .handle = from->ak_handle, .generation = from->ak_generation};
	to->pcr = from->pcr;
	to->bank = from->bank ? from->bank : DIGEST_SHA256;
	to->tpm_keys = from->tpm_keys;
	to->copy_limit = (uint64_t)copy_limit << 20;
	to->hash_threads = from->hash_threads;
	to->log_level = from->log_level ? *from->log_level : LOG_LEVEL_INFO;
	to->log_json = from->log_json;
	bool ok = text_of(from->verifier, &to->verifier, err) &&
		  text_of(from->proxy, &to->proxy, err) && text_of(from->tcti, &to->tcti, err) &&
		  text_of(from->socket_group, &to->socket_group, err) &&
		  read_paths(path, from, to, err) && read_files(path, from, to, err);
	return ok;
}

bool hostd_config_load(const char *path, struct hostd_config *ret, struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	OWNED(hostd_config_release) struct hostd_config config = {0};
	struct file_hostd *file = NULL;
	if (!file_read(path, YAML_INPUT_MAX, &text, err))
		return err_wrap(err, "configuration (name another one with --config)");
	if (!yaml_load(buf_bytes(&text), path, &schema, (void **)&file, err))
		return false;
	bool ok = take(path, file, &config, err);
	yaml_free(&schema, file, 0);
	if (!ok)
		return err_wrap(err, "%s", path);
	*ret = TAKE_STRUCT(config);
	return true;
}

void hostd_config_release(struct hostd_config *config)
{
	if (!config)
		return;
	char *const texts[] = {config->verifier, config->proxy, config->state_dir, config->run_dir,
		config->workloads_dir, config->socket, config->socket_group, config->tcti,
		config->firmware_log, config->ima_log, config->systemd_log};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(texts[i]);
	buf_release(&config->ca);
	buf_release(&config->ek_certificates);
	secret_wipe(config, sizeof(*config));
	memset(config, 0, sizeof(*config));
}
