/* SPDX-License-Identifier: Apache-2.0 */
/* The policy that fuzz_reappraise.c judges by. */
#ifndef ASSAY_TESTS_FUZZ_REAPPRAISE_POLICY_H
#define ASSAY_TESTS_FUZZ_REAPPRAISE_POLICY_H

#define REAPPRAISE_POLICY                                                                          \
	"policy: 1\nversion: 8\ntrust_domain: bank.example\nek_roots: []\nrelease_keys:\n"         \
	"  - name: builder-1\n    pem: |\n      -----BEGIN PUBLIC KEY-----\n"                      \
	"      MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEtp8jHAqHwSRN/0nrCjmYbGt1SBcr\n"                 \
	"      aih2oQol5eFdbBztGojCuzqcDhc1houdzyqnUmOX8n6Yv4Ggpr+kTGVJwg==\n"                     \
	"      -----END PUBLIC KEY-----\napprovers: []\nrisk_classes:\n  - name: low\n"            \
	"    approvals: []\n    credential_lifetime: 10m\n"

#endif
