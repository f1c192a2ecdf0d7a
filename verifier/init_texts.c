/* SPDX-License-Identifier: Apache-2.0 */
/* The commented files that init writes. */
#include "verifier/init.h"

static const char config_text[] =
	"# Configuration of assay-verifierd. Paths are relative to this file. Unknown keys are "
	"refused.\n"
	"\n"
	"# SPIFFE trust domain of every identity this verifier issues; policy.yaml must name the "
	"same.\n"
	"trust_domain: %s\n"
	"# What hosts bind their evidence to (default: spiffe://TRUST-DOMAIN/verifier).\n"
	"# verifier_id: spiffe://%s/verifier\n"
	"\n"
	"# Where to serve, TLS 1.3 only. [::]:8443 for IPv6.\n"
	"listen: \"%s\"\n"
	"# Event loops (default: one per core) and appraising threads (two per core).\n"
	"# threads: 2\n"
	"# workers: 4\n"
	"# connections_max: 20000\n"
	"# connections_per_peer: 256\n"
	"\n"
	"# State, ledger leaves and records: one SQLite file, durable on every decision.\n"
	"database: verifier.db\n"
	"# Who may sign what; read again on SIGHUP.\n"
	"policy: policy.yaml\n"
	"\n"
	"# The CA of all certificates issued. The key is an OSSL_STORE URI: a file, a TPM key "
	"(handle:0x81000010, through\n"
	"# tpm2-openssl) or a token (pkcs11:…, where the provider is installed).\n"
	"ca_certificate: ca.pem\n"
	"ca_key: \"%s\"\n"
	"# The service's own certificate.\n"
	"tls_certificate: tls.pem\n"
	"tls_key: file:tls.key\n"
	"# Signs records and JWT-SVIDs (P-256); its certificate goes into every audit bundle.\n"
	"signing_certificate: signing.pem\n"
	"signing_key: file:signing.key\n"
	"# Authenticates challenges: 32 bytes as hex. Verifiers of one pool share it.\n"
	"token_key: token.key\n"
	"\n"
	"# How long a host's own certificate lives before it enrols again.\n"
	"host_certificate_lifetime: 7d\n"
	"\n"
	"# text or json; error, warning, info or debug. Log lines go to standard error.\n"
	"log_format: text\n"
	"log_level: info\n";

void init_config_text(const struct init_names *names, struct buf *out)
{
	buf_printf(out, config_text, names->trust_domain, names->trust_domain, names->listen,
		names->ca_key ? names->ca_key : "file:ca.key");
}

static const char policy_head[] =
	"# Policy: who may say what. Nothing is trusted that is not named here, and the verifier "
	"does not start before at\n"
	"# least one release key and one risk class stand in it. Raise `version` with every "
	"change; an older version, or\n"
	"# other content under the same one, is refused. After a change: kill -HUP the verifier.\n"
	"\n"
	"policy: 1\n"
	"version: 1\n";

static const char policy_rest[] =
	"\n"
	"# Makers of TPMs: roots of endorsement key certificates, PEM. Without roots no TPM is "
	"admitted by its certificate;\n"
	"# hosts then wait for `assay host confirm` only if their TPM has no certificate at all.\n"
	"ek_roots: []\n"
	"#  - name: infineon\n"
	"#    pem: |\n"
	"#      -----BEGIN CERTIFICATE-----\n"
	"#      …\n"
	"# Intermediates of those makers that hosts do not send themselves.\n"
	"ek_intermediates: []\n"
	"\n"
	"# Who may sign releases: public keys, PEM (the file PATH.pub beside a key of `assay "
	"release sign`). At least one.\n"
	"release_keys: []\n"
	"#  - name: build-server\n"
	"#    pem: |\n"
	"#      -----BEGIN PUBLIC KEY-----\n"
	"#      …\n"
	"\n"
	"# Persons who approve releases, in which roles, with which public keys. Thresholds count "
	"persons, not keys.\n"
	"approvers: []\n"
	"#  - person: alice\n"
	"#    roles: [security]\n"
	"#    keys:\n"
	"#      - |\n"
	"#        -----BEGIN PUBLIC KEY-----\n"
	"#        …\n"
	"\n"
	"# What a workload of a class must bring, and what it gets.\n"
	"risk_classes:\n"
	"  - name: low\n"
	"    approvals: []            # - {role: security, count: 1}\n"
	"    credential_lifetime: 1h\n"
	"    renew_after: 20m\n"
	"    # differ_from_author: true   no approver is the author or a signer of the release\n"
	"    # approval_age_max: 90d\n"
	"    # minimum_assurance: reported\n"
	"    # key: software              tpm: the credential's key must live in the TPM\n"
	"    # pinned: false              true: refuse components that are measured but not "
	"pinned\n"
	"    # clock_safe: false          true: refuse quotes after an unclean stop of the TPM\n"
	"\n"
	"# Defaults of the rest:\n"
	"# pcr_bank: sha256\n"
	"# runtime_pcr: 15\n"
	"# ek_templates: [L-1, L-2, H-1, H-2, H-3, H-6]\n"
	"# ek_ignore_expiry: false\n"
	"# tpm_firmware_minimum: 0\n"
	"# challenge_lifetime: 120s\n";

void init_policy_text(const struct init_names *names, struct buf *out)
{
	buf_put_str(out, policy_head);
	buf_printf(out, "trust_domain: %s\n", names->trust_domain);
	buf_put_str(out, policy_rest);
}
