/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/log_credentials.h"

#include "evidence/issued.h"

#include <dirent.h>
#include <errno.h>

#define CREDENTIAL_MAX 65536

void log_credentials_release(struct log_credentials *credentials)
{
	for (size_t i = 0; i < credentials->count; i++)
		free(credentials->list[i].name);
	free(credentials->list);
	memset(credentials, 0, sizeof(*credentials));
}

static bool room_for_one(struct log_credentials *c, struct err *err)
{
	if (c->count == CREDENTIALS_MAX)
		return err_set(err, ERR_LIMIT, "more than %u credentials", CREDENTIALS_MAX);
	if ((c->count & (c->count - 1)) != 0)
		return true;
	struct log_credential *list = realloc(c->list, 2 * (c->count | 1) * sizeof(*list));
	if (!list)
		return err_set(err, ERR_NOMEM, "credentials");
	c->list = list;
	return true;
}

static bool read_one(struct log_credentials *c, const char *path, const char *name, struct err *err)
{
	OWNED(buf_release) struct buf in = {0};
	struct log_credential one = {0};
	if (!cli_read(path, CREDENTIAL_MAX, &in, err))
		return false;
	if (!issued_any_decision(buf_bytes(&in), one.decision, err)) {
		if (err->code != ERR_NOT_FOUND)
			return err_wrap(err, "%s", ESC(bytes_str(path)));
		(void)fprintf(stderr, "assay: %s: %s\n", ESC(bytes_str(path)), err->text);
		*err = (struct err){0};
		c->nameless++;
		return true;
	}
	if (!room_for_one(c, err))
		return false;
	one.name = bytes_strdup(bytes_str(name));
	if (!one.name)
		return err_set(err, ERR_NOMEM, "credentials");
	c->list[c->count++] = one;
	return true;
}

static int by_decision(const void *a, const void *b)
{
	return memcmp(((const struct log_credential *)a)->decision,
		((const struct log_credential *)b)->decision, SHA256_LEN);
}

static bool read_all(DIR *dir, const char *directory, struct log_credentials *c, struct err *err)
{
	errno = 0;
	for (const struct dirent *entry; (entry = readdir(dir));) {
		OWNED(buf_release) struct buf path = {0};
		if (entry->d_name[0] == '.')
			continue;
		if (!path_join(&path, directory, entry->d_name))
			return err_set(err, ERR_NOMEM, "credentials");
		if (!read_one(c, buf_str(&path), entry->d_name, err))
			return false;
		errno = 0;
	}
	return errno == 0 || err_errno(err, errno, "%s", directory);
}

bool log_credentials_read(struct cli *cli, const char *directory, struct log_credentials *ret)
{
	DIR *dir = opendir(directory);
	if (!dir)
		return err_errno(&cli->err, errno, "--credentials %s", directory);
	bool ok = read_all(dir, directory, ret, &cli->err);
	(void)closedir(dir);
	if (ok && ret->count > 0)
		qsort(ret->list, ret->count, sizeof(ret->list[0]), by_decision);
	return ok;
}

/* The first of those that name this leaf; several may. */
static size_t first_of(const struct log_credentials *c, const uint8_t hash[SHA256_LEN])
{
	size_t low = 0, high = c->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (memcmp(c->list[middle].decision, hash, SHA256_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool names(const struct log_credentials *c, size_t i, const uint8_t hash[SHA256_LEN])
{
	return i < c->count && memcmp(c->list[i].decision, hash, SHA256_LEN) == 0;
}

void log_credentials_leaf(struct log_credentials *c, const uint8_t hash[SHA256_LEN])
{
	for (size_t i = first_of(c, hash); names(c, i, hash); i++)
		c->list[i].found = true;
}

struct search {
	struct log_credentials *credentials;
	struct log_client *client;
	const struct checkpoint *tree;
	bool failed;
};

/* What a tile shows is believed only where it leads to the root that was verified. */
static bool look(void *arg, uint64_t index, const uint8_t hash[SHA256_LEN])
{
	struct search *s = arg;
	struct err *err = &s->client->cli->err;
	size_t at = first_of(s->credentials, hash);
	if (!names(s->credentials, at, hash) || s->credentials->list[at].found)
		return true;
	if (log_leaf_check(s->client, s->tree, index, hash)) {
		log_credentials_leaf(s->credentials, hash);
		return true;
	}
	s->failed = err->code != ERR_MISMATCH;
	if (!s->failed)
		*err = (struct err){0};
	return !s->failed;
}

static size_t unfound(const struct log_credentials *c)
{
	size_t count = 0;
	for (size_t i = 0; i < c->count; i++)
		count += !c->list[i].found;
	return count;
}

bool log_credentials_search(
	struct log_credentials *c, struct log_client *client, const struct checkpoint *tree)
{
	struct search search = {.credentials = c, .client = client, .tree = tree};
	if (unfound(c) > 0 &&
		(!log_leaves_each(client, tree->size, look, &search) || search.failed))
		return false;
	c->missing = unfound(c);
	for (size_t i = 0; i < c->count; i++) {
		char hex[2 * SHA256_LEN + 1];
		if (c->list[i].found)
			continue;
		hex_encode(BYTES_OF(c->list[i].decision), hex);
		(void)fprintf(stderr,
			"assay: %s: its decision %s is not in the ledger: it was issued past it, "
			"or after this checkpoint\n",
			ESC(bytes_str(c->list[i].name)), hex);
	}
	return true;
}
