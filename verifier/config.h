/* SPDX-License-Identifier: Apache-2.0 */
/*
 * verifierd.yaml. Paths are relative to the file's own directory and made absolute here; of an
 * OSSL_STORE URI only a file's path is. A missing or garbled file is an error: there is no
 * configuration to fall back to.
 */
#ifndef ASSAY_VERIFIER_CONFIG_H
#define ASSAY_VERIFIER_CONFIG_H

#include "base/log.h"
#include "base/time.h"
#include "base/yaml.h"
#include "policy/signature.h"

#define CONFIG_NAMESPACES_MAX 1024u
struct config_namespace { /* of a Kubernetes cluster */
	char *name, *environment;
	char *node_class; /* risk class of the agent that vouches for its nodes; NULL: any */
};
enum config_nodes {
	NODES_REQUIRED = 0, /* a Pod starts only on a node that is trusted */
	NODES_WHEN_KNOWN, /* nodes that are no host of ours are not judged */
};
enum config_bindings {
	BINDINGS_UNREVIEWED = 0,
	BINDINGS_REVIEWED, /* the cluster asks here before it binds a Pod to a node */
};
#define WEBHOOKS_MAX       16u
#define WEBHOOK_EVENTS_MAX 32u
struct config_webhook { /* a subscriber that events are sent to */
	char *name, *url; /* https:// */
	char *secret_file; /* whsec_…; NULL: none */
	char *key; /* OSSL_STORE URI of an Ed25519 key; NULL: none. One of both is there */
	char *ca; /* PEM file; NULL: the system's */
	int64_t give_up_after; /* seconds from the first attempt at an event; default 3 days */
	size_t event_count; /* 0: all */
	char *events[WEBHOOK_EVENTS_MAX];
};
struct config {
	char *trust_domain;
	char *verifier_id; /* default: spiffe://TRUST-DOMAIN/verifier */
	char *address; /* of listen, without brackets */
	uint16_t port;
	unsigned threads; /* event loops; 0: one per core */
	unsigned workers; /* appraising threads; 0: two per core */
	char *database; /* a path, or a postgresql:// URI (sql_postgres.h) */
	char *policy;
	struct policy_signers policy_signers; /* none: the policy need not be signed */
	char *references; /* directory of what the policy names by digest; default: references */
	char *ca_key; /* OSSL_STORE URI */
	char *ca_key_before; /* of a CA that issued before, for its revocation list and OCSP; NULL: gone */
	char *ca_certificate;
	char *tls_key; /* OSSL_STORE URI */
	char *tls_certificate;
	char *signing_key; /* OSSL_STORE URI */
	char *signing_certificate;
	char *token_key;
	char *content_key; /* OSSL_STORE URI of an RSA or EC key; default: file:content.key */
	char *log_key; /* OSSL_STORE URI of an Ed25519 key; default: file:log.key */
	char *log_key_also; /* a second one, that signs too while one is followed by the other; NULL: none */
	char *log_origin; /* the ledger's name in its checkpoints; default: TRUST-DOMAIN/log */
	char *log_directory; /* where its tiles are put as files; NULL: nowhere */
	char *log_host_ak; /* file: the one attestation key whose quotes of checkpoints are taken; NULL: any */
	char *log_policy; /* its witnesses and their quorum (C2SP tlog-policy); NULL: none */
	int64_t log_quorum_age; /* seconds; nothing is decided on a ledger that no quorum saw for
				   longer; 0: not demanded */
	char *public_url; /* where others reach this service, without a slash at the end; NULL:
			     credentials do not say where to ask about them */
	int64_t revocation_lifetime; /* seconds that lists and answers about revocation are good for;
					default 10 min */
	char *receipt_key; /* OSSL_STORE URI of a P-256 key; NULL: the signing key */
	int64_t host_certificate_lifetime; /* seconds; default 7 days */
	int64_t retention_grace; /* seconds until a shorter retention, or a hold's end, destroys;
				    default 7 days */
	unsigned full_appraisal_every; /* renewals of one instance; default 512 */
	unsigned connections_max, connections_per_peer; /* 0: the front's defaults */
	/* Seconds: that a request may wait for a worker (2), be worked on (60), that answers still come from a service that
	 * says it is not ready (0), and that what is under way may take then (20). */
	int64_t queue_wait_max, work_max, drain_notice, drain_max;
	char *metrics_listen; /* "127.0.0.1:9464" or "unix:/path"; NULL: no metrics are served */
	struct config_namespace *namespaces; /* whose Pods are admitted, into which environment */
	size_t namespace_count;
	enum config_nodes admission_nodes;
	enum config_bindings admission_bindings;
	int64_t admission_node_age; /* seconds since a node was last trusted; default 1 h */
	struct config_webhook *webhooks;
	size_t webhook_count;
	bool log_json;
	enum log_level log_level;
};
must_use bool config_load(const char *path, struct config *ret, struct err *err);
/* The text of a file at `path`, for tests: name stands in messages, directory is what paths are
 * relative to. */
must_use bool config_parse(struct bytes yaml, const char *name, const char *directory,
	struct config *ret, struct err *err);
void config_release(struct config *config);
void config_webhook_release(struct config_webhook *webhook);

#endif
