/* SPDX-License-Identifier: Apache-2.0 */
/* Sigstore bundles made here: a CA, signers with names, a transparency log, and every part open to
 * being made wrong. */
#ifndef ASSAY_TESTS_SUPPORT_SIGSTORE_MAKE_H
#define ASSAY_TESTS_SUPPORT_SIGSTORE_MAKE_H

#include "crypto/note.h"
#include "crypto/x509.h"

#define SIGSTORE_CA_BEGIN   1600000000
#define SIGSTORE_CA_END     1900000000
#define SIGSTORE_LEAF_BEGIN 1700000000
#define SIGSTORE_LEAF_END   1700000600
#define SIGSTORE_LOGGED     1700000100
#define SIGSTORE_NOW        1750000000
#define SIGSTORE_NAME       "https://ci.example/workflow@refs/tags/v1"
#define SIGSTORE_ISSUER     "https://token.ci.example"

struct sigstore_maker {
	struct key *root_key, *signer_key, *log_key;
	struct cert *root;
	struct note_key log; /* "log.example" */
};
must_use bool sigstore_maker_start(struct sigstore_maker *m, struct err *err);
void sigstore_maker_release(struct sigstore_maker *m);

/* A leaf: extensions in OpenSSL's configuration syntax, pairs ended by NULL. */
must_use bool sigstore_make_leaf(struct sigstore_maker *m, const char *const (*extensions)[2],
	struct cert **ret, struct err *err);
/* The extensions of a good one, and of a CA. */
extern const char *const sigstore_leaf_extensions[][2];
extern const char *const sigstore_ca_extensions[][2];

/* Any certificate; issuer NULL: self-signed. */
struct sigstore_cert_recipe {
	const char *name;
	struct key *key;
	const struct cert *issuer;
	struct key *issuer_key;
	const char *const (*extensions)[2];
	int64_t begin, end;
};
must_use bool sigstore_make_cert(
	const struct sigstore_cert_recipe *recipe, struct cert **ret, struct err *err);

/* A certificate timestamp, version 1, by this log. */
struct sigstore_sct {
	struct key *log;
	uint64_t timestamp; /* milliseconds; 0: when the leaf begins */
	uint8_t hash, algorithm; /* 0: 4 and what goes with the key */
	bool other_issuer; /* signed as if the leaf's own key had issued it */
};
/* The leaf with timestamps in it; behind them one of a version that is not known. */
must_use bool sigstore_add_scts(const struct sigstore_maker *m, const struct cert *leaf,
	const struct sigstore_sct *scts, size_t n, struct cert **ret, struct err *err);

struct sigstore_recipe {
	const struct cert *leaf; /* NULL: key mode */
	const char *payload_type; /* NULL: in-toto */
	const char *statement; /* DSSE; NULL: a message signature over */
	struct bytes content; /* this file */
	const char *kind, *version; /* NULL: dsse or hashedrekord, 0.0.1 */
	struct key *log_signer; /* NULL: the log's own key */
	const char *logged_statement; /* the entry is about this one; NULL: about the same */
	const struct cert *logged_leaf; /* and by this signer, */
	const struct key *logged_key; /* or this one; NULL: by the same */
	const char *algorithm; /* of the digest in the entry; NULL: the true one */
	bool no_entry, no_promise, no_proof, other_signature;
	int64_t integrated; /* 0: SIGSTORE_LOGGED */
	int64_t promised; /* the time that is signed; 0: the same */
	uint64_t proof_index; /* 0: 1, the true one */
	uint8_t root_flip; /* xor into the proof's rootHash */
	const struct cert *stamp_cert; /* an authority stamps the signature; NULL: none */
	struct key *stamp_key;
	int64_t stamped; /* 0: SIGSTORE_LOGGED */
	bool stamp_other; /* something else is stamped */
};
/* The bundle as JSON text. */
must_use bool sigstore_make(const struct sigstore_maker *m, const struct sigstore_recipe *recipe,
	struct buf *out, struct err *err);
/* The statement's envelope alone. */
must_use bool sigstore_make_envelope(
	const struct sigstore_maker *m, const char *statement, struct buf *out, struct err *err);

#endif
