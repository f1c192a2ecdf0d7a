/* SPDX-License-Identifier: Apache-2.0 */
/* `webhooks:` of verifierd.yaml. Private to verifier/config*.c; what comes of it stands in config.h. */
#ifndef ASSAY_VERIFIER_CONFIG_WEBHOOKS_H
#define ASSAY_VERIFIER_CONFIG_WEBHOOKS_H

#include "verifier/config.h"

/* As libcyaml loads one. */
struct file_webhook {
	char *name, *url, *secret_file, *key, *ca, *give_up_after;
	char **events;
	unsigned events_count;
};
extern const cyaml_schema_value_t config_webhook_entry;

/* Paths are relative to directory. ERR_CONFIG names the webhook and what is wrong with it. */
must_use bool config_webhooks_take(const struct file_webhook *file, size_t count,
	const char *directory, struct config *config, struct err *err);
void config_webhooks_release(struct config *config);

#endif
