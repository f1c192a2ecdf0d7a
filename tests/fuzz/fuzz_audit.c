/* SPDX-License-Identifier: Apache-2.0 */
/* Audit bundles, all the way through the audit. Whoever is audited hands them over. No anchor is given, so the key that a bundle
 * brings opens its record and everything behind the signature is reached. */
#include "ledger/audit.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct audit_report report;
	struct buf text = {0}, json = {0};
	struct err err = {0};

	if (!audit_run(bytes_of(data, size), NULL, &report, &err)) {
		if (err.text[0] == '\0' || report.consistent)
			abort();
		return 0;
	}
	if (report.step_count == 0 || report.step_count > AUDIT_STEPS_MAX)
		abort();
	if (!audit_report_text(&report, true, &text, &err) ||
		!audit_report_json(&report, &json, &err))
		abort();
	buf_release(&text);
	buf_release(&json);
	audit_report_release(&report);
	return 0;
}
