/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/verdict.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"

#define ELLIPSIS "\xe2\x80\xa6"

static const struct {
	const char *name, *hint;
} reasons[] = {
	[REASON_NONE] = {"none", ""},
	[REASON_EVIDENCE_MALFORMED] = {"evidence-malformed",
		"run the same release of Assay on host and verifier; if it stays, report it"},
	[REASON_CLAIMS_MALFORMED] = {"claims-malformed",
		"run the same release of Assay on host and verifier; if it stays, report it"},
	[REASON_QUOTE_MALFORMED] = {"quote-malformed",
		"look at the host: its TPM, or what stands between, returns broken quotes"},
	[REASON_QUOTE_MAGIC] = {"quote-magic",
		"treat the host as hostile: these bytes were not made inside a TPM"},
	[REASON_QUOTE_TYPE] = {"quote-type",
		"treat the host as hostile: another kind of attestation posed as a quote"},
	[REASON_QUOTE_SCHEME] = {"quote-scheme",
		"enrol the host again with an attestation key of this release of Assay"},
	[REASON_QUOTE_SIGNATURE] = {"quote-signature",
		"find out what answered in this host's name: its attestation key did not sign"},
	[REASON_QUOTE_SIGNER] = {"quote-signer",
		"enrol the host again: its attestation key is not the primary key enrolled"},
	[REASON_QUOTE_NONCE] = {"quote-nonce",
		"ask for a fresh challenge; if it stays, evidence is being replayed"},
	[REASON_QUOTE_SELECTION] = {"quote-selection",
		"configure the host for the PCR bank that the policy names"},
	[REASON_QUOTE_PCR_DIGEST] = {"quote-pcr-digest",
		"try again; if it stays, the PCR values sent are not those of the TPM"},
	[REASON_CHALLENGE_UNKNOWN] = {"challenge-unknown",
		"ask the verifier for a challenge first"},
	[REASON_CHALLENGE_EXPIRED] = {"challenge-expired",
		"ask for a fresh challenge; if it stays, the host answers too slowly"},
	[REASON_CHALLENGE_USED] = {"challenge-used",
		"ask for a fresh challenge: each is good for once"},
	[REASON_CHALLENGE_OTHER] = {"challenge-other",
		"answer the challenge that was made for this host, instance and purpose"},
	[REASON_VERIFIER_OTHER] = {"verifier-other",
		"send evidence to the verifier it was made for; check the host's configuration"},
	[REASON_PURPOSE] = {"purpose", "ask for a challenge of the purpose you need"},
	[REASON_EXPORTER] = {"exporter",
		"connect the host to the verifier directly: something between them ends TLS"},
	[REASON_HOST_UNKNOWN] = {"host-unknown", "enrol the host: assay enroll"},
	[REASON_HOST_STATE] = {"host-state",
		"an operator decides: assay host show, then assay host confirm"},
	[REASON_HOST_OTHER] = {"host-other", "find out why one host speaks in another one's name"},
	[REASON_HOST_JURISDICTION] = {"host-jurisdiction",
		"run it on a host elsewhere; an operator corrects a wrong entry: assay host "
		"attributes"},
	[REASON_HOST_ATTRIBUTE] = {"host-attribute", "run it on another host; an operator corrects "
						     "a wrong entry: assay host attributes"},
	[REASON_RESET_COUNT] = {"reset-count",
		"the TPM was cleared or copied: quarantine the host until that is understood"},
	[REASON_RESTART_COUNT] = {"restart-count",
		"the TPM was cleared or copied: quarantine the host until that is understood"},
	[REASON_CLOCK_BACKWARDS] = {"clock-backwards",
		"the TPM was cleared or copied: quarantine the host until that is understood"},
	[REASON_CLOCK_UNSAFE] = {"clock-unsafe",
		"shut the host down cleanly once, or wait until its TPM saved the clock"},
	[REASON_TPM_FIRMWARE] = {"tpm-firmware", "update the firmware of the host's TPM"},
	[REASON_RUNTIME_LOG] = {"runtime-log",
		"reboot the host: its runtime log was damaged or does not belong to this boot"},
	[REASON_RUNTIME_PCR] = {"runtime-pcr",
		"reboot the host; if it stays, find what else extends the runtime PCR"},
	[REASON_RUNTIME_BASELINE] = {"runtime-baseline",
		"other software extends this PCR: choose another runtime_pcr or turn that software "
		"off"},
	[REASON_RUNTIME_GAP] = {"runtime-gap", "send the runtime log from the record asked for"},
	[REASON_RUNTIME_LAUNCH] = {"runtime-launch", "start the agent again through assay run"},
	[REASON_BOOT_ID] = {"boot-id", "reboot the host: its runtime log is of another boot"},
	[REASON_PCRS_CHANGED] = {"pcrs-changed", "attest again with the whole runtime log"},
	[REASON_STATE_STALE] = {"state-stale", "attest again with the whole runtime log"},
	[REASON_INSTANCE_ENDED] = {"instance-ended",
		"start the agent again: an instance lives once"},
	[REASON_INSTANCE_NOT_RUNNING] = {"instance-not-running",
		"start the agent again: its process is gone"},
	[REASON_LEASE_ENDED] = {"lease-ended",
		"start the agent again: nothing was heard of it for too long"},
	[REASON_WORKLOAD_UNKNOWN] = {"workload-unknown", "register it: assay workload add"},
	[REASON_WORKLOAD_RETIRED] = {"workload-retired", "register a workload that is to run"},
	[REASON_REVIEW_OVERDUE] = {"review-overdue",
		"review the workload, then record that: assay workload review"},
	[REASON_THIRD_PARTY] = {"third-party-jurisdiction",
		"use another third party, or correct the register: assay workload review"},
	[REASON_RELEASE_UNKNOWN] = {"release-unknown", "publish it: assay release publish"},
	[REASON_RELEASE_REVOKED] = {"release-revoked", "deploy a release that stands"},
	[REASON_RELEASE_MALFORMED] = {"release-malformed", "make it again: assay release create"},
	[REASON_RELEASE_SIGNATURE] = {"release-signature",
		"sign it with a release key that the policy names: assay release sign"},
	[REASON_RELEASE_WORKLOAD] = {"release-workload", "publish a release of this workload"},
	[REASON_VERSION_FLOOR] = {"version-floor",
		"deploy a release at or above the floor; persons can go back: assay rollback "
		"approve"},
	[REASON_SECURITY_FLOOR] = {"security-floor",
		"deploy a release at or above it; only the policy's signers lower it: assay floor "
		"sign"},
	[REASON_RISK_CLASS] = {"risk-class",
		"use one risk class, and one that the policy knows, in workload and release"},
	[REASON_ROLLOUT_CANARY] = {"rollout-canary",
		"run the release before it on this host until the rollout comes to it: assay "
		"rollout status"},
	[REASON_ROLLOUT_HALTED] = {"rollout-halted",
		"run the release before it; find out why: assay rollout status, then assay rollout "
		"rollback"},
	[REASON_ROLLOUT_ROLLED_BACK] = {"rollout-rolled-back",
		"run the release that is in force: assay rollout status"},
	[REASON_ROLLOUT_RELEASE] = {"rollout-release",
		"run the release that is in force: assay rollout status; another one comes by a "
		"rollout of its own"},
	[REASON_APPROVAL_MISSING] = {"approval-missing",
		"have the persons named by the policy approve it: assay release approve"},
	[REASON_APPROVAL_EXPIRED] = {"approval-expired", "have it approved again"},
	[REASON_APPROVAL_WITHDRAWN] = {"approval-withdrawn", "ask the person who withdrew it"},
	[REASON_APPROVAL_SIGNATURE] = {"approval-signature",
		"approve with a key that the policy names for this person"},
	[REASON_APPROVAL_OTHER] = {"approval-other",
		"approve this release, in this environment, under today's risk class"},
	[REASON_APPROVAL_AUTHOR] = {"approval-author",
		"have somebody else than the author approve it"},
	[REASON_STATEMENT_MISSING] = {"statement-missing",
		"put the statement that the risk class demands beside the release"},
	[REASON_STATEMENT_MALFORMED] = {"statement-malformed",
		"make it again: an in-toto Statement v1 in a DSSE envelope"},
	[REASON_STATEMENT_SIGNATURE] = {"statement-signature",
		"sign it with a key that the policy trusts for this kind of statement"},
	[REASON_STATEMENT_OTHER] = {"statement-other",
		"make it about this release, or about the components that the risk class names"},
	[REASON_STATEMENT_CONTENT] = {"statement-content",
		"repair what it reports, and have it reported again"},
	[REASON_STATEMENT_EXPIRED] = {"statement-expired", "have it made again"},
	[REASON_STATEMENT_WITHDRAWN] = {"statement-withdrawn",
		"ask its signer what was wrong with it, and have it made again"},
	[REASON_COMPONENT_DIGEST] = {"component-digest",
		"restore the released file, or release and approve the new one"},
	[REASON_COMPONENT_MISSING] = {"component-missing",
		"install what the release lists, or release without it"},
	[REASON_COMPONENT_EXTRA] = {"component-extra",
		"remove what the release does not list, or release with it"},
	[REASON_COMPONENT_NOT_PINNED] = {"component-not-pinned",
		"enable fs-verity on this file, or make it small enough to be copied"},
	[REASON_SPEC_DIGEST] = {"spec-digest",
		"restore the released workload spec, or release and approve the new one"},
	[REASON_SANDBOX] = {"sandbox", "put the sandbox that the risk class demands into the "
				       "workload spec, and release it"},
	[REASON_ENVIRONMENT_NOT_KEPT] = {"environment-not-kept",
		"put the environment_key of the risk class into the workload spec, and release it"},
	[REASON_ELEVATION_AUDIENCE] = {"elevation-audience",
		"take the audience out of the workload spec: tokens for it come with an elevation: "
		"assay elevate request"},
	[REASON_ASSURANCE] = {"assurance",
		"use a host and a release of Assay that reach the level, or a lower risk class"},
	[REASON_KEY_POSSESSION] = {"key-possession", "send evidence with the key that it asks for"},
	[REASON_KEY_PROTECTION] = {"key-protection",
		"configure the host to keep agents' keys in its TPM"},
	[REASON_KEY_CERTIFICATION] = {"key-certification",
		"have the attestation key certify this very key for this very challenge"},
	[REASON_KEY_CHANGED] = {"key-changed", "start the agent again: an instance keeps its key"},
	[REASON_EK_TEMPLATE] = {"ek-template",
		"use an endorsement key of a TCG template that the policy accepts"},
	[REASON_EK_CERT] = {"ek-cert",
		"add the TPM manufacturer's root or intermediate to the policy if you trust it"},
	[REASON_EK_CERT_MISSING] = {"ek-cert-missing",
		"an operator confirms the host after comparing its id: assay host confirm"},
	[REASON_EK_REVOKED] = {"ek-revoked",
		"take the host out of service: its TPM's maker or your policy no longer believes "
		"this key"},
	[REASON_EK_REVOCATION_LIST] = {"ek-revocation-list",
		"put the TPM maker's current revocation list into the policy"},
	[REASON_AK_ATTRIBUTES] = {"ak-attributes",
		"let assay-hostd make the attestation key: restricted, signing, bound to its TPM"},
	[REASON_FIRMWARE_LOG] = {"firmware-log",
		"send the firmware's log: see firmware_log in docs/hostd.md and assay doctor"},
	[REASON_FIRMWARE_PCR] = {"firmware-pcr",
		"compare the log with the last good one: assay firmware diff; reboot to begin a "
		"new one"},
	[REASON_FIRMWARE_EVENT] = {"firmware-event",
		"if the change was meant: assay firmware learn, have the new baseline approved, "
		"and add it to the host class"},
	[REASON_REFERENCE_EXPIRED] = {"reference-expired",
		"update the host to what is accepted now, or extend the window in the policy"},
	[REASON_SECURE_BOOT] = {"secure-boot",
		"turn Secure Boot on, in user mode, and boot through it"},
	[REASON_BOOT_AUTHORITY] = {"boot-authority",
		"boot what an authority of the host class signed, or add the authority to the "
		"policy"},
	[REASON_DBX_OLD] = {"dbx-old",
		"update the revocation list: fwupdmgr update, or the firmware's vendor"},
	[REASON_COMMAND_LINE] = {"command-line",
		"boot with the command line that the host class describes"},
	[REASON_IMA_LOG] = {"ima-log", "see assay doctor: IMA, and ima_log in docs/hostd.md"},
	[REASON_IMA_PCR] = {"ima-pcr",
		"reboot the host; if it stays, find what else extends PCR 10"},
	[REASON_BOOT_AGGREGATE] = {"boot-aggregate",
		"reboot the host: this IMA log is of another boot"},
	[REASON_IMA_FILE] = {"ima-file",
		"remove the file, or approve it: the hint is the line that the manifest would "
		"need"},
	[REASON_IMA_SIGNATURE] = {"ima-signature",
		"sign the file again with a key that the host class names"},
	[REASON_IMA_VIOLATION] = {"ima-violation",
		"restart the program that had the file open for writing, and reboot"},
	[REASON_IMA_POLICY] = {"ima-policy",
		"load the IMA policy that the host class approves, and reboot"},
	[REASON_KERNEL_MODULE] = {"kernel-module",
		"sign kernel modules and list their key, or remove the module"},
	[REASON_KEXEC] = {"kexec", "reboot through the firmware"},
	[REASON_HOSTD_UNMEASURED] = {"hostd-unmeasured",
		"let IMA's policy measure executed files (ima_policy=tcb), and start assay-hostd "
		"from the path that the host class names"},
};
static_assert(ARRAY_LEN(reasons) == REASON_CODES, "every reason has a name and a hint");
static_assert(VERDICT_PARTS <= 32, "a bit for each part");

const char *reason_code_name(enum reason_code code)
{
	return (unsigned)code < REASON_CODES ? reasons[code].name : "unknown";
}

const char *reason_code_hint(enum reason_code code)
{
	return (unsigned)code < REASON_CODES ? reasons[code].hint : "";
}

enum reason_code reason_code_of_name(struct bytes name)
{
	for (unsigned i = 1; i < REASON_CODES; i++)
		if (bytes_equal_str(name, reasons[i].name))
			return (enum reason_code)i;
	return REASON_NONE;
}

/* Cuts between characters and says so; bytes that are no UTF-8 would make the verdict unprintable
 * as JSON, so they are escaped here even though callers should have done it. */
static void text_put(char out[REASON_TEXT_MAX], const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!utf8_valid(bytes_of(text, len))) {
		text_escape(bytes_of(text, len), out, REASON_TEXT_MAX);
		return;
	}
	if (len < REASON_TEXT_MAX) {
		memcpy(out, text ? text : "", len + 1);
		return;
	}
	len = REASON_TEXT_MAX - sizeof(ELLIPSIS);
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	snprintf(out, REASON_TEXT_MAX, "%.*s" ELLIPSIS, (int)len, text);
}

void verdict_clear(struct verdict *verdict)
{
	memset(verdict, 0, offsetof(struct verdict, reasons) + sizeof(verdict->reasons[0]));
}

void verdict_refuse(struct verdict *verdict, enum reason_code code, const char *subject,
	const char *expected, const char *actual, const char *where, const char *hint)
{
	enum verdict_part part = reason_code_part(code);
	struct reason *reason;

	if (part == PART_OTHER)
		part = verdict->part;
	verdict->trusted = false;
	verdict->refused |= UINT32_C(1) << part;
	if (verdict->reason_count == REASONS_MAX) {
		verdict->reasons_cut = true;
		return;
	}
	reason = &verdict->reasons[verdict->reason_count++];
	reason->code = code;
	reason->part = part;
	text_put(reason->subject, subject);
	text_put(reason->expected, expected);
	text_put(reason->actual, actual);
	text_put(reason->where, where);
	text_put(reason->hint, hint ? hint : reason_code_hint(code));
}

struct lines {
	char (*texts)[REASON_TEXT_MAX];
	enum verdict_part *parts;
	size_t *count;
};

__attribute__((format(printf, 3, 0))) static void line_put(
	const struct lines *to, enum verdict_part part, const char *format, va_list args)
{
	char text[4 * REASON_TEXT_MAX];

	if (*to->count == NOT_CHECKED_MAX) {
		text_put(to->texts[NOT_CHECKED_MAX - 1], "and more");
		to->parts[NOT_CHECKED_MAX - 1] = PART_OTHER;
		return;
	}
	vsnprintf(text, sizeof(text), format, args);
	to->parts[*to->count] = part;
	text_put(to->texts[(*to->count)++], text);
}

void verdict_not_checked(struct verdict *verdict, const char *format, ...)
{
	const struct lines to = {
		verdict->not_checked, verdict->not_checked_part, &verdict->not_checked_count};
	va_list args;

	va_start(args, format);
	line_put(&to, verdict->part, format, args);
	va_end(args);
}

void verdict_checked(struct verdict *verdict, const char *format, ...)
{
	const struct lines to = {verdict->checked, verdict->checked_part, &verdict->checked_count};
	va_list args;

	verdict_held(verdict, verdict->part);
	va_start(args, format);
	line_put(&to, verdict->part, format, args);
	va_end(args);
}

void verdict_held(struct verdict *verdict, enum verdict_part part)
{
	verdict->held |= UINT32_C(1) << part;
}

enum verdict_part reason_code_part(enum reason_code code)
{
	switch (code) {
	case REASON_QUOTE_NONCE:
	case REASON_CHALLENGE_UNKNOWN:
	case REASON_CHALLENGE_EXPIRED:
	case REASON_CHALLENGE_USED:
	case REASON_CHALLENGE_OTHER:
		return PART_NONCE;
	case REASON_EK_TEMPLATE:
	case REASON_EK_CERT:
	case REASON_EK_CERT_MISSING:
	case REASON_EK_REVOKED:
	case REASON_EK_REVOCATION_LIST:
		return PART_EK;
	case REASON_AK_ATTRIBUTES:
		return PART_AK;
	case REASON_FIRMWARE_LOG:
	case REASON_FIRMWARE_PCR:
		return PART_FIRMWARE_LOG;
	case REASON_IMA_LOG:
	case REASON_IMA_PCR:
		return PART_IMA_LOG;
	case REASON_APPROVAL_MISSING:
	case REASON_APPROVAL_EXPIRED:
	case REASON_APPROVAL_WITHDRAWN:
	case REASON_APPROVAL_SIGNATURE:
	case REASON_APPROVAL_OTHER:
	case REASON_APPROVAL_AUTHOR:
		return PART_APPROVALS;
	case REASON_STATEMENT_MISSING:
	case REASON_STATEMENT_MALFORMED:
	case REASON_STATEMENT_SIGNATURE:
	case REASON_STATEMENT_OTHER:
	case REASON_STATEMENT_CONTENT:
	case REASON_STATEMENT_EXPIRED:
	case REASON_STATEMENT_WITHDRAWN:
		return PART_STATEMENTS;
	default:
		return PART_OTHER;
	}
}

void verdict_conclude(struct verdict *verdict)
{
	verdict->trusted =
		verdict->reason_count == 0 && !verdict->reasons_cut && verdict->checked_count > 0;
	if (verdict->trusted)
		return;
	verdict->assurance = 0;
	verdict->credential_lifetime = 0;
	verdict->renew_after = 0;
	verdict->on_lease_end = 0;
	verdict->elevation_count = 0;
}

bool verdict_has(const struct verdict *verdict, enum reason_code code)
{
	for (size_t i = 0; i < verdict->reason_count; i++)
		if (verdict->reasons[i].code == code)
			return true;
	return false;
}

bool verdict_wants_full(const struct verdict *verdict)
{
	for (size_t i = 0; i < verdict->reason_count; i++) {
		enum reason_code code = verdict->reasons[i].code;

		if (code != REASON_STATE_STALE && code != REASON_PCRS_CHANGED &&
			code != REASON_RUNTIME_GAP)
			return false;
	}
	return verdict->reason_count > 0 && !verdict->reasons_cut;
}
