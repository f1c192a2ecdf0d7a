/* SPDX-License-Identifier: Apache-2.0 */
/* The webhooks that are configured, and how others take their place while the service runs. */
#include "verifier/webhooks.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <unistd.h>

struct webhooks {
	struct app *app;
	uint8_t owner[WEBHOOK_OWNER_LEN];
	pthread_mutex_t lock; /* of what follows, for readers; one thread changes it */
	size_t count;
	struct courier *couriers[WEBHOOKS_MAX];
};

/* ---- another list ---- */

struct change {
	size_t count;
	struct courier *couriers[WEBHOOKS_MAX];
	bool kept[WEBHOOKS_MAX]; /* those are of the list before */
};

static struct courier *equal_of(const struct webhooks *all, const struct webhook *webhook)
{
	for (size_t i = 0; i < all->count; i++)
		if (webhook_equal(courier_webhook(all->couriers[i]), webhook))
			return all->couriers[i];
	return NULL;
}

static bool one_prepare(
	struct webhooks *all, struct config_webhook *config, struct change *change, struct err *err)
{
	OWNED(webhook_unref) struct webhook *webhook = NULL;
	if (!webhook_new(config, &webhook, err))
		return false;
	struct courier *same = equal_of(all, webhook);
	change->couriers[change->count] = same;
	change->kept[change->count] = same != NULL;
	if (!same &&
		!courier_new(all->app, all->owner, webhook, &change->couriers[change->count], err))
		return false;
	change->count++;
	return true;
}

/* One of a new name begins with what comes from now on. */
static bool rows_work(struct store_tx *tx, void *arg, struct err *err)
{
	const struct change *change = arg;
	for (size_t i = 0; i < change->count; i++)
		if (!webhook_row_add(tx->sql, courier_webhook(change->couriers[i])->config.name,
			    tx->edge.size, err))
			return false;
	return true;
}

static void change_undo(struct change *change)
{
	for (size_t i = 0; i < change->count; i++)
		if (!change->kept[i])
			courier_free(&change->couriers[i]);
}

/* Those of before end first: two threads would tell one receiver everything twice. */
static void change_do(struct webhooks *all, const struct change *change)
{
	struct courier *before[WEBHOOKS_MAX];
	size_t count = 0;
	(void)pthread_mutex_lock(&all->lock);
	for (size_t i = 0; i < all->count; i++) {
		bool kept = false;
		for (size_t k = 0; k < change->count; k++)
			kept = kept || change->couriers[k] == all->couriers[i];
		if (!kept)
			before[count++] = all->couriers[i];
	}
	all->count = change->count;
	memcpy(all->couriers, change->couriers, sizeof(all->couriers));
	(void)pthread_mutex_unlock(&all->lock);
	for (size_t i = 0; i < count; i++)
		courier_stop(before[i]);
	for (size_t i = 0; i < count; i++)
		courier_free(&before[i]);
	for (size_t i = 0; i < change->count; i++)
		courier_begin(change->couriers[i]);
}

bool webhooks_change(struct webhooks *webhooks, struct config *config, struct err *err)
{
	struct change change = {0};
	bool ok = true;
	for (size_t i = 0; ok && i < config->webhook_count; i++)
		ok = one_prepare(webhooks, &config->webhooks[i], &change, err);
	if (ok && change.count > 0)
		ok = store_run(webhooks->app->store, rows_work, &change, err);
	if (!ok) {
		change_undo(&change);
		return false;
	}
	config->webhook_count = 0;
	change_do(webhooks, &change);
	return true;
}

/* ---- start and stop ---- */

/* The same verifier started again goes on at once. */
static bool owner_of(const struct app *app, uint8_t ret[WEBHOOK_OWNER_LEN], struct err *err)
{
	OWNED(buf_release) struct buf text = {0};
	uint8_t digest[SHA256_LEN];
	char machine[256] = "";
	(void)gethostname(machine, sizeof(machine) - 1);
	buf_printf(&text, "%s\n%s\n%s\n%u\n", machine, app->config.database, app->config.address,
		app->config.port);
	if (!buf_ok(&text, err) || !sha256_of(buf_bytes(&text), digest, err))
		return false;
	memcpy(ret, digest, WEBHOOK_OWNER_LEN);
	return true;
}

bool webhooks_start(struct app *app, struct config *config, struct webhooks **ret, struct err *err)
{
	OWNED(webhooks_stop) struct webhooks *all = calloc(1, sizeof(*all));
	if (!all || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
		pthread_mutex_init(&all->lock, NULL) != 0) {
		free(TAKE(all));
		return err_set(err, ERR_NOMEM, "webhooks");
	}
	all->app = app;
	if (!owner_of(app, all->owner, err) || !webhooks_change(all, config, err))
		return false;
	*ret = TAKE(all);
	return true;
}

bool webhooks_check(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->webhook_count; i++) {
		struct webhook_target target = {0};
		if (!webhook_target_open(&config->webhooks[i], &target, err))
			return false;
		webhook_target_release(&target);
	}
	return true;
}

void webhooks_stop(struct webhooks **webhooks)
{
	struct webhooks *all = TAKE(*webhooks);
	const struct change none = {0};
	if (!all)
		return;
	change_do(all, &none);
	(void)pthread_mutex_destroy(&all->lock);
	free(all);
}

/* ---- asking ---- */

struct webhook *webhooks_find(struct webhooks *webhooks, const char *name)
{
	struct webhook *found = NULL;
	(void)pthread_mutex_lock(&webhooks->lock);
	for (size_t i = 0; i < webhooks->count && !found; i++) {
		struct webhook *webhook = courier_webhook(webhooks->couriers[i]);
		if (strcmp(webhook->config.name, name) == 0)
			found = webhook_ref(webhook);
	}
	(void)pthread_mutex_unlock(&webhooks->lock);
	return found;
}

size_t webhooks_list(struct webhooks *webhooks, struct webhook *ret[WEBHOOKS_MAX])
{
	(void)pthread_mutex_lock(&webhooks->lock);
	size_t count = webhooks->count;
	for (size_t i = 0; i < count; i++)
		ret[i] = webhook_ref(courier_webhook(webhooks->couriers[i]));
	(void)pthread_mutex_unlock(&webhooks->lock);
	return count;
}
