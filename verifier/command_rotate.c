/* SPDX-License-Identifier: Apache-2.0 */
/* assay-verifierd rotate-content-key: a new master key for contents, and a new key that wraps it if wanted. */
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/text.h"
#include "verifier/app.h"
#include "verifier/content_keys.h"
#include "verifier/only_one.h"
#include "verifier/options.h"
#include "verifier/verifier.h"

enum { OPTION_CONFIG, OPTION_NEW_KEY, OPTIONS };
static const struct option_spec specs[OPTIONS] = {
	[OPTION_CONFIG] = {"config", "FILE", "verifierd.yaml", .required = true},
	[OPTION_NEW_KEY] = {"new-key", "URI",
		"the key that wraps from now on, as in content_key (default: the same)"},
};

struct noted {
	struct app *app;
	const struct key *kek;
};

/* Of a change of keys the ledger tells generation and recipient. */
static bool note(struct store_tx *tx, void *arg, uint32_t generation, struct err *err)
{
	const struct noted *n = arg;
	char key[2 * SHA256_LEN + 1];
	hex_encode(bytes_of(key_id(n->kek), SHA256_LEN), key);
	return entry_append(n->app, tx, LEAF_KEY, clock_wall(n->app->clock),
		json_pack("{s:s, s:I, s:s}", "event", "content-key", "generation",
			(json_int_t)generation, "key", key),
		err);
}

static bool new_key_load(const char *uri, struct key **ret, struct err *err)
{
	OWNED(key_unref) struct key *key = NULL;
	if (!key_from_uri(uri, &key, err) || !content_key_try(key, &random_system, err))
		return err_wrap(err, "--new-key");
	*ret = TAKE(key);
	return true;
}

static bool rotate(
	const char *path, const char *new_key, struct content_rotation *rotation, struct err *err)
{
	const struct app_options options = {
		.clock = &clock_system, .random = &random_system, .log_fd = 2};
	OWNED(config_release) struct config config = {0};
	OWNED(fd_close) int lock = -1; /* left after the store is closed */
	OWNED(key_unref) struct key *key = NULL;
	OWNED(app_close) struct app *app = NULL;
	if (!config_load(path, &config, err) || !only_one_take(config.database, &lock, err) ||
		(new_key && !new_key_load(new_key, &key, err)) ||
		!app_open(&config, &options, &app, err))
		return false;
	struct noted noted = {.app = app, .kek = key ? key : app->content_key};
	rotation->kek = noted.kek;
	rotation->random = app->random;
	rotation->note = note;
	rotation->note_arg = &noted;
	return content_keys_rotate(app->store, rotation, err);
}

int verifier_rotate_content_key(int argc, char **argv)
{
	struct option_value values[OPTIONS] = {0};
	struct content_rotation rotation = {0};
	struct err err = {0};
	bool help = false;
	if (!options_parse(argc, argv, "rotate-content-key", specs, OPTIONS, values, &help, &err))
		return command_failed(&err);
	if (help)
		return EXIT_STATUS_DONE;
	(void)umask(0077);
	const char *config = values[OPTION_CONFIG].values[0];
	const char *new_key = option_or(&values[OPTION_NEW_KEY], NULL);
	if (!rotate(config, new_key, &rotation, &err))
		return command_failed(&err);
	printf("contents are under generation %u now: %llu data keys were wrapped anew, no content "
	       "was touched\n",
		rotation.generation, (unsigned long long)rotation.rewrapped);
	if (new_key)
		printf("now put into %s: content_key: \"%s\"\n", config, new_key);
	return EXIT_STATUS_DONE;
}
