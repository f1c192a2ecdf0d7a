/* SPDX-License-Identifier: Apache-2.0 */
/* Every URI, OID, claim key, media type and label that this project mints, in one place. */
#ifndef ASSAY_EVIDENCE_NAMES_H
#define ASSAY_EVIDENCE_NAMES_H

/* Media types. */
#define MEDIA_EVIDENCE         "application/vnd.assay.evidence+cbor"
#define MEDIA_MESSAGE          "application/vnd.assay.message+cbor"
#define MEDIA_RECORD           "application/vnd.assay.record+cbor"
#define MEDIA_AUDIT            "application/vnd.assay.audit+cbor"
#define MEDIA_CHECKPOINT_QUOTE "application/vnd.assay.checkpoint-quote+cbor"
#define MEDIA_DSSE             "application/vnd.dsse.envelope.v1+json"
#define MEDIA_POLICY           "application/vnd.assay.policy+yaml"
#define MEDIA_SECURITY_FLOOR   "application/vnd.assay.security-floor+json"
#define MEDIA_RECEIPT          "application/scitt-receipt+cose" /* RFC 9943 */
#define MEDIA_STATEMENT        "application/scitt-statement+cose"
#define EAT_PROFILE            "tag:assay.example,2026:evidence/1"

/* in-toto predicate types. */
#define PREDICATE_RELEASE    "https://assay.example/release/v1"
#define PREDICATE_APPROVAL   "https://assay.example/approval/v1"
#define PREDICATE_ROLLBACK   "https://assay.example/rollback-approval/v1"
#define PREDICATE_PACKAGE    "https://assay.example/evidence-package/v1"
#define PREDICATE_ELEVATION  "https://assay.example/elevation-approval/v1"
#define PREDICATE_WITHDRAWAL "https://assay.example/statement-withdrawal/v1"
/* Then "<name>/v1": red-team, privacy-impact, security-impact, dataset-consent, evaluation, and
 * whatever else a policy names. */
#define PREDICATE_ASSESSMENT_PREFIX "https://assay.example/assessment/"

/* X.509 extensions in credentials, below a UUID-derived arc (ITU-T X.667): leaf hash of the
 * decision; where the key lives; rights lent for a time. */
#define OID_DECISION_LEAF  "2.25.214316547213749874312.1"
#define OID_KEY_PROTECTION "2.25.214316547213749874312.2"
#define OID_ELEVATIONS     "2.25.214316547213749874312.3"

/* Members of the claim "assay" in a JWT-SVID. */
#define JWT_ASSAY      "assay"
#define JWT_ELEVATIONS "elevations"

/* What a quote over a checkpoint commits to begins with these bytes, the NUL included. Claims, which all
 * other quotes and certifications commit to, are a CBOR map and begin with a0 to bf. */
#define CHECKPOINT_QUOTE_LABEL "assay checkpoint quote"

/* TLS exporter, RFC 9266. */
#define TLS_EXPORTER_LABEL "EXPORTER-Channel-Binding"
#define TLS_EXPORTER_LEN   32

/* CEL content type of our own records (TCG Canonical Event Log leaves the number to the registry;
 * this is private). */
#define CEL_CONTENT_ASSAY 241

/* EAT: registered keys. */
#define CLAIM_NONCE   10
#define CLAIM_PROFILE 265
/* Private claim keys, below -65536. */
#define CLAIM_BASE (-75000)

/* COSE header parameter, private, unprotected: the salt with which a statement's leaf commits to it. */
#define COSE_LABEL_SALT (-75100)

#endif
