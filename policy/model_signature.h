/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSF Model Signing, specification v1.0: the signed manifest of a model's files and the bundle
 * around it (a Sigstore bundle v0.3 with a DSSE envelope), key and certificate mode, read as the
 * specification and as its reference implementation write it, and written in either form. Pure: the
 * files are measured elsewhere and compared here. docs/formats/model-signature.md.
 */
#ifndef ASSAY_POLICY_MODEL_SIGNATURE_H
#define ASSAY_POLICY_MODEL_SIGNATURE_H

#include "base/json.h"
#include "crypto/dsse.h"
#include "crypto/x509.h"

#define MODEL_PREDICATE     "https://model_signing/signature/v1.0"
#define MODEL_BUNDLE_MEDIA  "application/vnd.dev.sigstore.bundle.v0.3+json"
#define MODEL_BUNDLE_MAX    JSON_INPUT_MAX
#define MODEL_RESOURCES_MAX 100000u
#define MODEL_IGNORES_MAX   1024u
#define MODEL_PATH_MAX      4095u
#define MODEL_SHARD_DEFAULT 1000000000u
#define MODEL_SHARD_MAX     (1ll << 42)

/* What git keeps at the root of a model, which is never signed (section 6.2). */
#define MODEL_DEFAULT_IGNORES 4
extern const char *const model_default_ignores[MODEL_DEFAULT_IGNORES];

/* The same manifest in two dialects: they order resources differently, so the root digest differs;
 * name a single file differently; and call the algorithm of a shard differently. */
enum model_form { MODEL_FORM_SPEC = 0, MODEL_FORM_REFERENCE };

/* A file, or a run of octets [start, end) of one. */
struct model_resource {
	struct bytes path; /* relative to the model, valid UTF-8; borrowed */
	uint64_t start, end; /* of a shard; 0 and 0 for whole files */
	uint8_t digest[SHA256_LEN];
};

struct model_manifest {
	const char *name; /* of the model: informational, trust nothing to it */
	bool allow_symlinks;
	uint64_t shard_size; /* 0: whole files */
	const char **ignores; /* ignore_paths as signed; the defaults hold beside them */
	size_t ignore_count;
	struct model_resource *resources; /* by path, then start */
	size_t resource_count;
	bool single; /* the only resource is ".": the model is that one file */
	uint8_t root
		[SHA256_LEN]; /* over the digests in the order of the statement. Names are not in
				   * it: the digest of the statement identifies the model */
	json_t *json; /* what the texts are borrowed from; NULL in one that is made to be written */
};

/* A name that cannot leave the model: relative, at most MODEL_PATH_MAX octets, no empty, "." or
 * ".." component, no backslash, no control character. */
bool model_path_ok(struct bytes path);
/* The same, and none of the characters that would make a pattern of it (*?[): an ignored path. */
bool model_ignore_ok(struct bytes path);

/* The payload of a bundle whose signature has been verified. Refused with ERR_FORMAT: what is no
 * statement of this predicate; no resource, two of one name, a name that is not model_path_ok, a
 * digest not of lower-case hex, a shard that does not join the one before it; a root digest that is
 * not the one over the digests in the order given; unknown members of predicate and serialization.
 * ERR_UNSUPPORTED, naming it: a hash other than sha256, a method other than files and shards. */
must_use bool model_manifest_parse(
	struct bytes payload, struct model_manifest **ret, struct err *err);
void model_manifest_free(struct model_manifest **manifest);
/* Writes the statement of name, ignores, shard_size, allow_symlinks and resources (any order), which
 * are checked as when read, and sets its root. */
must_use bool model_manifest_write(
	struct model_manifest *manifest, enum model_form form, struct buf *out, struct err *err);
/* The root digest of these resources in a form's order. */
must_use bool model_root(struct model_manifest *manifest, enum model_form form, struct err *err);
/* By path, then start: for model_compare. */
void model_sort(struct model_resource *resources, size_t n);

enum model_fault { MODEL_MISSING = 1, MODEL_EXTRA, MODEL_CHANGED };
const char *model_fault_name(enum model_fault fault); /* "missing" */
#define MODEL_FAULTS_SHOWN 20
struct model_differences {
	size_t missing, extra, changed;
	size_t shown; /* the first of them, by path */
	struct {
		enum model_fault fault;
		const struct model_resource *resource; /* borrowed from either side */
	} first[MODEL_FAULTS_SHOWN];
};
/* What was found against what was signed; found is sorted by model_sort and without doubles. A run
 * of octets behind those signed of a file is a change of it and never an extra file. */
void model_compare(const struct model_manifest *manifest, const struct model_resource *found,
	size_t n, struct model_differences *ret);

enum model_mode { MODEL_MODE_KEY = 1, MODEL_MODE_CERTIFICATE };
struct model_bundle {
	enum model_mode mode;
	char hint[2 * SHA256_LEN + 1]; /* which key: hex of model_key_hint; "" in old bundles */
	struct cert *chain[X509_CHAIN_MAX]; /* leaf first */
	size_t chain_count;
	struct dsse *dsse; /* exactly one signature; its payload is not looked into */
};
/* Total and strict: exactly one of publicKey and x509CertificateChain, exactly one signature, media
 * type of a Sigstore bundle 0.1 to 0.3, payload type of in-toto. A keyless bundle ("certificate")
 * is ERR_UNSUPPORTED. Transparency log entries and timestamps are not looked at. */
must_use bool model_bundle_parse(struct bytes json, struct model_bundle **ret, struct err *err);
void model_bundle_free(struct model_bundle **bundle);
/* Is the signature by this key? An EC key of P-256, P-384 or P-521; ERR_MISMATCH when it is not,
 * and the hint then says whether the bundle names another key. */
must_use bool model_bundle_verify(
	const struct model_bundle *bundle, struct key *key, struct err *err);
/* Signs a statement. Key mode when chain_count is 0; otherwise the chain stands in the bundle, leaf
 * first, and its leaf must certify the key and be fit for signing. */
must_use bool model_bundle_sign(struct bytes statement, struct key *key, struct cert *const *chain,
	size_t chain_count, struct buf *out, struct err *err);
/* What model_bundle_sign asks of the key and the chain, before anything is hashed. */
must_use bool model_signer_check(
	const struct key *key, struct cert *const *chain, size_t chain_count, struct err *err);
/* SHA-256 of the PEM text of the public key, as hex. */
must_use bool model_key_hint(const struct key *key, char out[2 * SHA256_LEN + 1], struct err *err);
/* May a certificate sign models: digitalSignature in its key usage, where it has one; codeSigning
 * in its extended key usage, where it has one; and one of both. ERR_MISMATCH otherwise. */
must_use bool model_cert_may_sign(const struct cert *cert, struct err *err);

#endif
