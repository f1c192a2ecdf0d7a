/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sigstore bundles v0.3 (JSON), and DSSE envelopes beside which keys or certificates lie: who signed
 * this, and does a pinned transparency log hold it? Pure; the time is an argument. Formats:
 * docs/formats/provenance.md.
 */
#ifndef ASSAY_POLICY_SIGSTORE_BUNDLE_H
#define ASSAY_POLICY_SIGSTORE_BUNDLE_H

#include "crypto/dsse.h"
#include "crypto/merkle.h"
#include "crypto/note.h"
#include "crypto/timestamp.h"
#include "crypto/x509.h"

#define SIGSTORE_ENTRIES_MAX   8
#define SIGSTORE_BODY_MAX      (1u << 20)
#define SIGSTORE_SIGNATURE_MAX 1024
#define SIGSTORE_KEYS_MAX      64
#define SIGSTORE_STAMPS_MAX    4
/* A log's clock may run ahead of ours by so much, in seconds. */
#define SIGSTORE_SKEW 60

enum sigstore_material { SIGSTORE_KEY = 1, SIGSTORE_CERTIFICATE };
enum sigstore_content { SIGSTORE_DSSE = 1, SIGSTORE_MESSAGE };

/* A TransparencyLogEntry. */
struct sigstore_entry {
	int64_t log_index, integrated_time; /* 0: not said */
	char kind[32], version[16];
	struct buf log_id; /* as received */
	struct buf promise; /* signed entry timestamp; empty: none */
	struct buf body; /* canonicalizedBody: the leaf */
	bool has_proof;
	uint64_t proof_index, tree_size;
	uint8_t root[SHA256_LEN];
	struct buf hashes; /* a run of SHA-256 */
	struct buf checkpoint; /* signed note */
};
struct sigstore_bundle {
	enum sigstore_material material;
	char hint[129]; /* key mode: a hint that never decides */
	size_t cert_count; /* certificate mode: leaf first */
	struct cert *certs[X509_CHAIN_MAX];
	size_t entry_count;
	struct sigstore_entry entries[SIGSTORE_ENTRIES_MAX];
	size_t stamp_count;
	struct buf stamps[SIGSTORE_STAMPS_MAX]; /* time-stamp responses over the signature */
	enum sigstore_content content;
	struct dsse *dsse; /* content DSSE; in a bundle with exactly one signature */
	uint8_t message_digest[SHA256_LEN]; /* content message: what the bundle says of the file */
	struct buf signature;
};
/* Exactly one kind of material and of content, else ERR_FORMAT. Unknown members are ignored, as
 * protocol buffers do; duplicates are not. Other versions: ERR_UNSUPPORTED. */
must_use bool sigstore_bundle_parse(
	struct bytes json, struct sigstore_bundle **ret, struct err *err);
/* A DSSE envelope as a bundle without log entries: key mode, or with a chain (leaf first; taken by
 * reference) certificate mode. */
must_use bool sigstore_bundle_of_dsse(struct bytes envelope, struct cert *const *chain, size_t n,
	struct sigstore_bundle **ret, struct err *err);
void sigstore_bundle_free(struct sigstore_bundle **bundle);
/* Appends the bundle v0.3 of an envelope with one signature and the certificates of a PEM text, leaf
 * first. Payload and signature stay as they are; nothing is verified. */
must_use bool sigstore_bundle_join(
	struct bytes envelope, struct bytes pem, struct buf *out, struct err *err);

/* An extension of the leaf that is one UTF8String and says exactly this. */
struct sigstore_extension {
	const char *oid, *name; /* name: for people */
	const char *text;
};
/* What is pinned. */
struct sigstore_trust {
	struct key *const *keys; /* key mode */
	size_t key_count;
	struct cert *const *roots; /* certificate mode: self-signed */
	size_t root_count;
	struct cert *const *intermediates; /* on the way to them, untrusted */
	size_t intermediate_count;
	const char
		*identity; /* the certificate's only subjectAltName; needed in certificate mode */
	bool identity_is_prefix; /* the name begins with it: sigstore_name_fits */
	const char
		*issuer; /* extension 1.3.6.1.4.1.57264.1.8, in old certificates 1.1; needed where
			       a certificate has one, and where both are there they agree */
	const struct sigstore_extension *extensions; /* each must be there */
	size_t extension_count;
	bool code_signing; /* the leaf must name its purpose; otherwise it may leave that open */
	struct key *const *ct_logs; /* certificate mode: one of these logs must have seen the
				       certificate (RFC 6962); none given: not checked */
	size_t ct_log_count;
	const struct note_key *log; /* pinned: an entry in this log is needed, in either mode */
	struct cert *const *authorities; /* for time stamping, pinned: their time counts where the
					    log signed none */
	size_t authority_count;
	const uint8_t *artefact; /* SHA-256 of the file that a message signature is over, or NULL */
	int64_t now;
};
/* Zeros: refused. */
struct sigstore_verdict {
	bool verified;
	char reason[ERR_TEXT_MAX]; /* why not; "" when verified */
	uint64_t keys; /* key mode: bit i for keys[i] */
	char identity[X509_URI_MAX], issuer[X509_URI_MAX]; /* certificate mode; "" otherwise */
	bool logged; /* an entry of the pinned log proves inclusion */
	uint64_t log_index; /* its position in the proof's tree */
	int64_t logged_at; /* the time that the log signed; 0: it signed none */
	int64_t stamped_at; /* the time of an authority, when the certificate was judged by it */
	int64_t certificate_end; /* certificate judged at `now`: first second at which the chain is
				    valid no more; 0: judged at another time, or key mode */
};
/* A rule for names that end in a reference of a repository, and for no others: the prefix holds one
 * '@', behind something, ends with '/', and its part from the '@' on begins with "@refs/"; so it
 * names host, repository and file whole. The name goes on behind it without another '@' and without
 * characters that are not printable ASCII. */
bool sigstore_prefix_ok(const char *prefix);
bool sigstore_name_fits(const char *name, const char *pinned, bool is_prefix);
/* Whether the leaf says what is pinned: its one name, the issuer, the extensions. ERR_MISMATCH
 * otherwise. Costs no signature: nothing is proven by it. Sets identity and issuer of ret. */
must_use bool sigstore_leaf_named(const struct cert *leaf, const struct sigstore_trust *trust,
	struct sigstore_verdict *ret, struct err *err);
/* Signature, signer and, where a log is pinned, inclusion. A certificate is judged at the time that
 * the log signed (signed entry timestamp: an inclusion proof covers no time), or else at that of a
 * pinned authority for time stamping, and without a pinned log and such a stamp at `now`. What does not hold is a verdict; false is for want of memory and broken primitives.
 * A DSSE payload must be of an in-toto type. */
must_use bool sigstore_verify(const struct sigstore_bundle *bundle,
	const struct sigstore_trust *trust, struct sigstore_verdict *ret, struct err *err);

#endif
