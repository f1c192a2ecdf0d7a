/* SPDX-License-Identifier: Apache-2.0 */
/* What init and issue-operator make: keys, certificates, texts. */
#ifndef ASSAY_VERIFIER_INIT_H
#define ASSAY_VERIFIER_INIT_H

#include <sys/types.h>

#include "verifier/config.h"
#include "verifier/identity.h"
#include "verifier/options.h"

struct init_names {
	const char *trust_domain;
	const char *listen; /* as given */
	const char *dns[OPTION_VALUES_MAX + 1]; /* NULL-terminated */
	const char *ca_key; /* OSSL_STORE URI of a key that exists; NULL: one is made */
	int64_t now;
};
struct init_authority {
	struct cert *ca;
	struct key *key;
};
void init_authority_release(struct init_authority *authority);

/* A file that must not exist yet, mode as given, durable. */
must_use bool init_put(
	const char *dir, const char *name, mode_t mode, struct bytes content, struct err *err);
/* ca.pem and, unless the key is elsewhere, ca.key; self-signed for ten years. */
must_use bool init_authority_make(const char *dir, const struct init_names *names,
	struct init_authority *ret, struct err *err);
/* tls.pem, tls.key, signing.pem, signing.key. */
must_use bool init_services_make(const char *dir, const char *address,
	const struct init_names *names, const struct init_authority *authority, struct err *err);
/* log.key and log.pub, the ledger's key as a verifier key of C2SP signed-note. */
must_use bool init_log_key_make(const char *dir, const struct init_names *names, struct err *err);
/* content.key, P-256: what is stored is sealed for it. */
must_use bool init_content_key_make(const char *dir, struct err *err);
/* cert.pem, key.pem, ca.pem, config.yaml in a directory of their own. */
must_use bool init_operator(const char *dir, const char *role, const char *name,
	const struct init_names *names, const struct init_authority *authority, struct err *err);
void init_config_text(const struct init_names *names, struct buf *out);
void init_policy_text(const struct init_names *names, struct buf *out);

#endif
