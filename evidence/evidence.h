/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between host and verifier, all deterministic CBOR (RFC 8949 section 4.2.1): maps with
 * small integer keys; the claims use EAT keys where one is registered and private keys from
 * CLAIM_BASE down. docs/formats/messages.md lists them. Decoders borrow from the input and refuse
 * unknown keys, wrong sizes and trailing bytes. Encode and decode of a message share a file;
 * encode(decode(x)) == x.
 */
#ifndef ASSAY_EVIDENCE_EVIDENCE_H
#define ASSAY_EVIDENCE_EVIDENCE_H

#include "evidence/names.h"
#include "evidence/runtime_log.h"
#include "evidence/tpm.h"

#define HOST_ID_LEN          32 /* SHA-256 over the EK's Name */
#define EVIDENCE_MAX         (24u << 20)
#define FIRMWARE_LOG_MAX     (1u << 20)
#define IMA_LOG_MAX          (12u << 20)
#define SYSTEMD_LOG_MAX      (1u << 20)
#define CLAIMS_MAX           8192u
#define CHALLENGE_MAX        512u
#define SPKI_MAX             1024u
#define AUDIENCES_MAX        8u
#define EK_CERTS_MAX         8u
#define CREDENTIAL_CERTS_MAX 8u
#define JOIN_TOKEN_MAX       128u
#define LEASE_MAX            (366 * 86400) /* seconds */
#define VERDICT_TEXT_MAX     (1u << 20)
#define VERIFIER_ID_MAX      255u

enum purpose { PURPOSE_NONE = 0, PURPOSE_ENROLL = 1, PURPOSE_LAUNCH = 2, PURPOSE_RENEW = 3 };
const char *purpose_name(enum purpose purpose);
enum key_protection { KEY_PROTECTION_NONE = 0, KEY_SOFTWARE = 1, KEY_TPM = 2 };
const char *key_protection_name(enum key_protection protection); /* "software", "tpm" */

/* What a host does with the process of an instance that is no longer trusted; its credentials go in any case. */
enum end_action { END_CONTINUE = 0, END_FREEZE, END_STOP, END_ACTIONS };
const char *end_action_name(enum end_action action); /* "continue", "freeze", "stop" */

/* What the quote's qualifyingData commits to: extraData = SHA-256(encoded claims). */
struct claims {
	uint8_t nonce[SHA256_LEN]; /* 10 eat_nonce: SHA-256(challenge token) */
	/* 265 eat_profile: EAT_PROFILE */
	struct bytes verifier_id; /* BASE-0, text 1..255 */
	enum purpose purpose; /* BASE-1 */
	uint8_t host_id[HOST_ID_LEN]; /* BASE-2 */
	uint8_t instance[INSTANCE_ID_LEN]; /* BASE-3; zeros for PURPOSE_ENROLL */
	struct bytes workload; /* BASE-4, text; empty for PURPOSE_ENROLL */
	uint8_t release[SHA256_LEN]; /* BASE-5; zeros for PURPOSE_ENROLL */
	struct bytes key; /* BASE-6: SPKI DER of the key to be certified */
	enum key_protection key_protection; /* BASE-7 */
	uint64_t runtime_first; /* BASE-8: recnum of the first record sent */
	uint64_t runtime_next; /* BASE-9: recnum after the last one: what the quoted PCR holds */
	uint8_t runtime_digest[SHA256_LEN]; /* BASE-10: SHA-256 of the log bytes sent */
	uint64_t runtime_length; /* BASE-11: their length */
	uint8_t firmware_digest[SHA256_LEN]; /* BASE-12, zeros when no firmware log is sent */
	uint64_t firmware_length; /* BASE-13 */
	uint64_t ima_start; /* BASE-14: entry from which the IMA log is read */
	uint8_t boot_id[16]; /* BASE-15 */
	uint8_t exporter[TLS_EXPORTER_LEN]; /* BASE-16 */
	bool want_x509; /* BASE-17 */
	size_t audience_count; /* BASE-18: array of text: a JWT-SVID for each */
	struct bytes audiences[AUDIENCES_MAX];
	bool running; /* BASE-19: hostd says that the instance lives (pidfd); false at launch */
};
must_use bool claims_encode(const struct claims *claims, struct buf *out, struct err *err);
must_use bool claims_decode(struct bytes in, struct claims *ret, struct err *err);

/* A key certified by the AK, for KEY_TPM. All empty when there is none. */
struct key_certification {
	struct bytes public_area; /* TPMT_PUBLIC */
	struct bytes message; /* TPMS_ATTEST, CERTIFY, extraData = SHA-256(claims) */
	struct bytes signature; /* TPMT_SIGNATURE */
};

struct evidence {
	struct bytes claims; /* 1: encoded claims, as signed over */
	struct bytes message; /* 2: TPMS_ATTEST */
	struct bytes signature; /* 3: TPMT_SIGNATURE */
	struct pcr_bank pcrs; /* 4: hash, 5: {pcr: value} */
	struct bytes runtime_log; /* 6: records from claims.runtime_first on */
	struct bytes firmware_log; /* 7: empty when absent */
	struct bytes ima_log; /* 8: empty when absent */
	struct key_certification key_certification; /* 9: [public, message, signature] or absent */
	struct bytes challenge; /* 10: the token */
	struct bytes possession; /* 11: ECDSA (DER) by the key in claims over the claims bytes */
	struct bytes systemd_log; /* 12: systemd's own measurements; empty when absent. As the IMA
				   * log, it is authenticated by the PCRs that it replays to. */
};
must_use bool evidence_encode(const struct evidence *evidence, struct buf *out, struct err *err);
must_use bool evidence_decode(struct bytes in, struct evidence *ret, struct err *err);

/* The exact PCR selection of every quote: PCRs 0-15 of one bank (SHA-256 or SHA-384). */
must_use bool evidence_selection(
	enum digest_alg bank, struct tpml_pcr_selection *ret, struct err *err);

/* POST /v1/enroll/begin */
struct enroll_begin {
	struct bytes ek_public; /* 1: TPMT_PUBLIC */
	size_t ek_cert_count; /* 2: leaf first, then intermediates in any order; may be 0 */
	struct bytes ek_certs[EK_CERTS_MAX]; /* DER */
	struct bytes ak_public; /* 3: TPMT_PUBLIC */
	struct bytes join_token; /* 4: empty when none */
	struct bytes name; /* 5: text_is_name, for people; not an identity */
};
struct enroll_offer { /* its answer */
	struct bytes session; /* 1: opaque, also the challenge of the enrolment evidence */
	struct bytes id_object; /* 2: TPM2B_ID_OBJECT */
	struct bytes encrypted_secret; /* 3: TPM2B_ENCRYPTED_SECRET */
	uint8_t host_id[HOST_ID_LEN]; /* 4 */
	struct bytes verifier_id; /* 5 */
};
/* POST /v1/enroll/finish */
struct enroll_finish {
	struct bytes session; /* 1 */
	struct bytes secret; /* 2: what ActivateCredential gave */
	struct bytes evidence; /* 3: PURPOSE_ENROLL, claims.key = the host's TLS key */
};
enum host_state {
	HOST_NONE = 0,
	HOST_PENDING = 1,
	HOST_ACTIVE = 2,
	HOST_QUARANTINED = 3,
	HOST_RETIRED = 4
};
const char *host_state_name(enum host_state state);
enum host_state host_state_of_name(struct bytes name);
struct enroll_result { /* its answer */
	uint8_t host_id[HOST_ID_LEN]; /* 1 */
	enum host_state state; /* 2 */
	size_t cert_count; /* 3: host certificate, then its issuers */
	struct bytes certs[CREDENTIAL_CERTS_MAX];
};
/* POST /v1/challenge, authenticated by the host certificate */
struct challenge_request {
	enum purpose purpose; /* 1 */
	uint8_t instance[INSTANCE_ID_LEN]; /* 2 */
};
struct challenge_offer {
	struct bytes challenge; /* 1 */
	int64_t expires; /* 2 */
	uint64_t runtime_first; /* 3: record from which the verifier wants the runtime log (0: all)
				 */
	bool ima_wanted; /* 4 is there: the verifier appraises IMA */
	uint64_t ima_first; /* 4: entry from which it wants the IMA log */
};
/* POST /v1/attest answers with this, for acceptance and refusal alike */
struct attest_result {
	bool trusted; /* 1 */
	struct bytes verdict; /* 2: JSON text, policy_verdict_json */
	uint8_t record[SHA256_LEN]; /* 3: leaf hash of the decision, the record's id */
	size_t cert_count; /* 4: X.509-SVID and its issuers */
	struct bytes certs[CREDENTIAL_CERTS_MAX];
	size_t token_count; /* 5: JWT-SVIDs, in the order of the audiences asked for */
	struct bytes tokens[AUDIENCES_MAX];
	size_t bundle_count; /* 6: trust bundle, DER */
	struct bytes bundle[CREDENTIAL_CERTS_MAX];
	int64_t expires; /* 7: 0 when refused */
	int64_t renew_after; /* 8: seconds from now; 0 when refused */
	struct challenge_offer next; /* 9: challenge for the next renewal (empty when refused) */
	bool again; /* 10: refused for nothing that speaks against the host: the same instance may
		     * try again at once with a fresh challenge and full logs; never when trusted
		     */
	bool report_end; /* 11: evidence is wanted once more when the instance has ended; only when
			  * trusted, and left out where it is false */
	int64_t lease; /* 12: seconds from now for which the instance may run without being renewed;
			* 0 and left out: until `expires`. Only when trusted */
	enum end_action on_lease_end; /* 13: then; only when trusted, left out for END_CONTINUE */
	enum end_action on_refusal; /* 14: when a renewal is refused: a later one when trusted, else
				     * this one; left out for END_CONTINUE */
	bool thaw; /* 15: an instance that was frozen at the end of its lease goes on; only when
		    * trusted, and left out where it is false */
};

must_use bool enroll_begin_encode(const struct enroll_begin *m, struct buf *out, struct err *err);
must_use bool enroll_begin_decode(struct bytes in, struct enroll_begin *ret, struct err *err);
must_use bool enroll_offer_encode(const struct enroll_offer *m, struct buf *out, struct err *err);
must_use bool enroll_offer_decode(struct bytes in, struct enroll_offer *ret, struct err *err);
must_use bool enroll_finish_encode(const struct enroll_finish *m, struct buf *out, struct err *err);
must_use bool enroll_finish_decode(struct bytes in, struct enroll_finish *ret, struct err *err);
must_use bool enroll_result_encode(const struct enroll_result *m, struct buf *out, struct err *err);
must_use bool enroll_result_decode(struct bytes in, struct enroll_result *ret, struct err *err);
must_use bool challenge_request_encode(
	const struct challenge_request *m, struct buf *out, struct err *err);
must_use bool challenge_request_decode(
	struct bytes in, struct challenge_request *ret, struct err *err);
must_use bool challenge_offer_encode(
	const struct challenge_offer *m, struct buf *out, struct err *err);
must_use bool challenge_offer_decode(struct bytes in, struct challenge_offer *ret, struct err *err);
must_use bool attest_result_encode(const struct attest_result *m, struct buf *out, struct err *err);
must_use bool attest_result_decode(struct bytes in, struct attest_result *ret, struct err *err);

#endif
