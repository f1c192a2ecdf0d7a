/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the logs of a boot say, and whether it satisfies a host class. First the facts, which are
 * the same for every class: logs that replay onto the quoted PCRs. Then each class judges them into
 * a verdict of its own, and the caller keeps the best. Private to policy/.
 */
#ifndef ASSAY_POLICY_BOOT_H
#define ASSAY_POLICY_BOOT_H

#include "firmware/boot_chain.h"
#include "firmware/secure_boot.h"
#include "policy/appraisal.h"

struct boot_facts {
	enum digest_alg bank;
	struct pcr_bank quoted;
	struct pcr_bank firmware; /* as the firmware's log left them, before systemd's */
	uint32_t judged; /* PCRs that the boot fills: 0-9 and 11-14, but the runtime PCR */
	struct event_log log;
	struct boot_chain chain; /* owned */
	struct secure_boot *secure_boot; /* owned */
	uint32_t logged; /* PCRs that a log extends, systemd's separators apart */
	uint32_t later; /* those that systemd extended after the firmware */
};

/* Parses the logs of evidence whose quote holds, and compares them with it. Whatever is wrong becomes
 * a reason; *ret is then NULL. */
must_use bool boot_facts_of(struct appraisal *a, struct boot_facts **ret, struct err *err);
void boot_facts_free(struct boot_facts **facts);

/* What a class needs to know beside the facts, and what it found. */
struct boot_case {
	const struct boot_facts *facts;
	const struct host_class *class;
	struct verdict *verdict; /* of this class alone */
	int64_t now;
	int64_t until; /* out: the earliest end of a reference that was needed; 0: none ends */
};
/* boot_rules.c: Secure Boot, authorities, dbx, command lines. boot_refuse_at names the event. */
void boot_judge_rules(struct boot_case *c);
/* boot_lines.c, called by the rules: kernel command lines and lockdown. */
void boot_judge_lines(struct boot_case *c);
void boot_refuse_at(struct boot_case *c, enum reason_code code, const char *subject,
	const char *expected, const char *actual, uint32_t event);
/* boot_references.c: what was measured, against golden logs, baselines and CoRIMs. */
must_use bool boot_judge_references(struct boot_case *c, struct err *err);

/* appraise_ima.c: the IMA log of the evidence from a state on, under a class whose `ima.judged` is
 * set; *until is narrowed to the end of the rules that accepted it. boot: PCRs 0-9 when the kernel
 * started, which the log's first entry is about. */
must_use bool boot_judge_ima(struct appraisal *a, const struct host_class *class,
	const struct ima_state *from, const struct pcr_bank *boot, struct verdict *verdict,
	struct ima_state *ret_state, int64_t *until, struct err *err);
/* Whether a reference may still be used; a narrower end than *until replaces it. */
bool reference_current(const struct host_reference *reference, int64_t now);
void reference_narrow(const struct host_reference *reference, int64_t *until);

#endif
