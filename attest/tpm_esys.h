/* SPDX-License-Identifier: Apache-2.0 */
/* The real TPM behind attest/tpm.h: what its files share. Private to attest/. */
#ifndef ASSAY_ATTEST_TPM_ESYS_H
#define ASSAY_ATTEST_TPM_ESYS_H

#include "attest/tpm.h"

#include <pthread.h>

/* The TSS names two attributes as we do, with the same value and a cast. */
#undef TPMA_OBJECT_RESTRICTED
#undef TPMA_OBJECT_DECRYPT
#include <tss2/tss2_esys.h>

#define ESYS_SESSION_ALG    TPM2_ALG_SHA256
#define ESYS_TRIES_MAX      10u /* of one operation while the TPM asks for patience */
#define ESYS_BACKOFF_MS     10u /* doubles up to ESYS_BACKOFF_MAX_MS: some 2.5 s in all */
#define ESYS_BACKOFF_MAX_MS 500u
#define ESYS_NV_MAX         65536u /* bytes read of one NV index or of the whole chain range */
#define ESYS_HANDLES_MAX    254u
#define ESYS_SRK_HANDLE     0x81000001u
#define ESYS_UNIQUE_FORMS   3u /* ways of filling `unique` that EKs were made with */

/* Where the connection comes from: a seam, so that tests can answer in the TPM's place. */
struct esys_source {
	bool (*connect)(const struct esys_source *source, const char *tcti, TSS2_TCTI_CONTEXT **ret,
		struct err *err);
	void (*disconnect)(const struct esys_source *source, TSS2_TCTI_CONTEXT **tcti);
	void (*pause)(const struct esys_source *source, unsigned ms);
};
extern const struct esys_source esys_source_tctildr;

/* What a response code means for the operation under way. */
enum esys_fault {
	ESYS_OTHER = 0, /* final */
	ESYS_PATIENCE, /* the same command again, later */
	ESYS_STALE, /* a handle or session that the TPM no longer knows: make it again */
	ESYS_GONE, /* no connection, or a TPM that nobody started */
	ESYS_AUTH, /* wrong password */
	ESYS_LOCKED, /* dictionary-attack lockout */
	ESYS_UNSUPPORTED, /* this TPM lacks the algorithm, size or command */
	ESYS_MISSING, /* there is no such handle */
};

struct esys_ek {
	bool known;
	enum ek_template template_id;
	uint32_t handle; /* persistent, or 0 */
	size_t form; /* which way of filling `unique` gives it */
	struct tpm_name name;
	struct digest policy; /* authPolicy */
	uint16_t name_alg;
};

struct esys_ak {
	bool known;
	struct tpm_ak_options options;
	struct tpm_name name;
	ESYS_TR object; /* of the persistent handle; ESYS_TR_NONE until used */
};

struct esys {
	struct tpm base; /* first */
	pthread_mutex_t lock;
	const struct esys_source *source;
	char *tcti_text;
	bool resource_manager;
	TPM2B_AUTH owner_auth, endorsement_auth;

	TSS2_TCTI_CONTEXT *tcti; /* NULL: not connected */
	ESYS_CONTEXT *context;
	ESYS_TR session; /* salted HMAC session; ESYS_TR_NONE: none */
	bool counted; /* the counts below were read once */
	uint32_t reset_count, restart_count;
	struct esys_ek ek;
	struct esys_ak ak;
	TSS2_RC rc; /* of the last command that failed in the operation under way */
};

/* The real TPM over another source. */
must_use bool esys_open(const struct tpm_options *options, const struct esys_source *source,
	struct tpm **ret, struct err *err);
/* Runs an operation under the lock: connects, retries, drops what went stale, says what is wrong.
 */
typedef bool (*esys_operation)(struct esys *t, void *arguments, struct err *err);
must_use bool esys_run(struct tpm *tpm, const char *what, esys_operation operation, void *arguments,
	struct err *err);

/* tpm_error.c */
enum esys_fault esys_fault_of(TSS2_RC rc);
/* Remembers rc and sets err: "TPM2_Quote: tpm:warn(2.0): …". Returns false. */
bool esys_fail(struct esys *t, TSS2_RC rc, const char *command, struct err *err);

/* A failure that is an answer (no such handle, no such algorithm): the operation goes on. */
static inline void esys_forgive(struct esys *t)
{
	t->rc = TSS2_RC_SUCCESS;
}

/* tpm_connect.c */
must_use bool esys_connect(struct esys *t, struct err *err);
void esys_disconnect(struct esys *t);
/* ERR_TPM "the TPM was reset" when its counters are not those seen before; remembers the new ones.
 */
must_use bool esys_check_counters(struct esys *t, struct err *err);

/* tpm_session.c */
/* The salted session for the next command, with parameter encryption in the given directions
 * (TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT). salt: a loaded key to salt with if a session must
 * be made, or ESYS_TR_NONE. */
must_use bool esys_session(
	struct esys *t, ESYS_TR salt, TPMA_SESSION attributes, ESYS_TR *ret, struct err *err);
void esys_session_drop(struct esys *t);
/* Authorisation of a hierarchy when there is no salted session yet: the plain empty password, or an
 * unsalted HMAC session. */
struct esys_auth {
	struct esys *t;
	ESYS_TR session;
};
must_use bool esys_auth_begin(
	struct esys *t, const TPM2B_AUTH *auth, struct esys_auth *ret, struct err *err);
void esys_auth_end(struct esys_auth *auth);

/* tpm_object.c: objects inside one operation. */
struct esys_object {
	struct esys *t;
	ESYS_TR tr;
	bool transient; /* flushed at the end */
};
#define ESYS_OBJECT_NONE(t_)                                                                       \
	{                                                                                          \
		(t_), ESYS_TR_NONE, false                                                          \
	}
void esys_object_release(struct esys_object *object); /* cleanup */
void esys_memory_release(void *pointer_to_pointer); /* cleanup of what ESYS allocated */
/* A persistent object. rc ESYS_MISSING when there is none. */
must_use bool esys_object_open(
	struct esys *t, uint32_t handle, struct esys_object *ret, struct err *err);
must_use bool esys_object_public(struct esys *t, ESYS_TR tr, TPM2B_PUBLIC *ret,
	struct tpm_name *ret_name, struct tpm_name *ret_qualified, struct err *err);
must_use bool esys_create_primary(struct esys *t, ESYS_TR hierarchy,
	const TPM2B_PUBLIC *template_public, ESYS_TR session, struct esys_object *ret,
	TPM2B_PUBLIC *ret_public, struct err *err);
/* TPMT_PUBLIC bytes. */
must_use bool esys_public_bytes(const TPM2B_PUBLIC *in, struct buf *out, struct err *err);
must_use bool esys_public_name(const TPM2B_PUBLIC *in, struct tpm_name *ret, struct err *err);
/* Equal but for unique. */
must_use bool esys_public_same_kind(
	const TPM2B_PUBLIC *a, const TPM2B_PUBLIC *b, bool *ret, struct err *err);
must_use bool esys_signature_bytes(const TPMT_SIGNATURE *in, struct buf *out, struct err *err);
/* One answer of TPM2_GetCapability, of the kind that was asked for; ESYS takes any, and the lists lie in a union.
 * ret_more may be NULL. */
must_use bool esys_capability(struct esys *t, TPM2_CAP capability, UINT32 property, UINT32 count,
	TPMI_YES_NO *ret_more, TPMS_CAPABILITY_DATA **ret, struct err *err);
/* Handles of a kind that exist, from `first` on. */
must_use bool esys_handles(struct esys *t, uint32_t first, uint32_t last, uint32_t *ret, size_t max,
	size_t *ret_count, struct err *err);

/* tpm_nv.c */
must_use bool esys_nv_read(struct esys *t, uint32_t index, struct buf *ret, struct err *err);

/* tpm_ek_make.c */
/* Loads the remembered EK: from its handle, else made again. */
must_use bool esys_ek_load(struct esys *t, struct esys_object *ret, struct err *err);
/* Makes a template's EK; want: the certified key, or NULL for the usual form. ERR_MISMATCH when no
 * form gives it. */
must_use bool esys_ek_make(struct esys *t, const struct ek_template_info *info,
	const struct key *want, struct esys_ek *ret, struct buf *ret_public, struct err *err);
/* A key that sessions can be salted with. */
must_use bool esys_salt_key(struct esys *t, struct esys_object *ret, struct err *err);

/* tpm_ak.c */
/* The AK for the next commands: a persistent one stays open in t, a transient one is hold's. */
must_use bool esys_ak_load(struct esys *t, struct esys_object *hold, ESYS_TR *ret, struct err *err);
enum digest_alg esys_ak_digest(const struct esys *t);
/* Forgets the open handle, not the key. */
void esys_ak_drop(struct esys *t);

/* tpm_key.c */
/* An ECDSA signature in DER. */
must_use bool esys_ecdsa_der(const TPMT_SIGNATURE *in, struct buf *out, struct err *err);

/* The functions of the vtable, by file. */
bool esys_properties(struct tpm *tpm, struct tpm_properties *ret, struct err *err);
bool esys_clock(struct tpm *tpm, struct tpm_clock *ret, struct err *err);
bool esys_pcr_read(struct tpm *tpm, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret,
	struct err *err);
bool esys_pcr_extend(
	struct tpm *tpm, uint32_t pcr, const struct digest *digests, size_t n, struct err *err);
bool esys_ek_list(struct tpm *tpm, struct tpm_ek_present *ret, size_t *ret_count, size_t *ret_chain,
	struct err *err);
bool esys_ek(
	struct tpm *tpm, const struct tpm_ek_options *options, struct tpm_ek *ret, struct err *err);
bool esys_ak(struct tpm *tpm, const struct tpm_ak_options *options, struct buf *ret_public,
	struct err *err);
bool esys_ak_look(
	struct tpm *tpm, const struct tpm_ak_options *options, bool *ret_there, struct err *err);
bool esys_activate(struct tpm *tpm, struct bytes id_object, struct bytes encrypted_secret,
	struct buf *ret_secret, struct err *err);
bool esys_quote(struct tpm *tpm, struct bytes qualifying, enum digest_alg bank,
	struct tpm_quote *ret, struct err *err);
bool esys_key_new(struct tpm *tpm, struct tpm_key *ret, struct err *err);
bool esys_key_sign(struct tpm *tpm, const struct tpm_key *key, struct bytes message,
	struct buf *ret, struct err *err);
bool esys_key_certify(struct tpm *tpm, const struct tpm_key *key, struct bytes qualifying,
	struct tpm_certification *ret, struct err *err);
/* The same in an operation under way. */
must_use bool esys_properties_read(struct esys *t, struct tpm_properties *ret, struct err *err);
must_use bool esys_pcrs(
	struct esys *t, enum digest_alg bank, uint32_t pcrs, struct pcr_bank *ret, struct err *err);

#endif
