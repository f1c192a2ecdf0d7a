/* SPDX-License-Identifier: Apache-2.0 */
/* Statements as other programs write them. */
#ifndef ASSAY_TESTS_UNIT_POLICY_PREDICATE_TEXTS_H
#define ASSAY_TESTS_UNIT_POLICY_PREDICATE_TEXTS_H

#define HEX_A      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define HEX_B      "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define HEX_COMMIT "0123456789abcdef0123456789abcdef01234567"

#define STATEMENT_OF(type, predicate)                                                              \
	"{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[{\"name\":\"agent.tar\","     \
	"\"digest\":{\"sha256\":\"" HEX_A "\"}}],\"predicateType\":\"" type                        \
	"\",\"predicate\":" predicate "}"

#define PROVENANCE_TEXT                                                                            \
	STATEMENT_OF("https://slsa.dev/provenance/v1",                                             \
		"{\"buildDefinition\":{\"buildType\":\"https://ci.example/workflow/v1\","          \
		"\"externalParameters\":{\"ref\":\"refs/tags/v1\",\"inputs\":{}},"                 \
		"\"internalParameters\":null,\"resolvedDependencies\":["                           \
		"{\"uri\":\"git+https://git.example/agent@refs/tags/v1\","                         \
		"\"digest\":{\"gitCommit\":\"" HEX_COMMIT "\"}},"                                  \
		"{\"name\":\"model\",\"digest\":{\"sha256\":\"" HEX_B "\"}}]},"                    \
		"\"runDetails\":{\"builder\":{\"id\":\"https://ci.example/builder@v2\"},"          \
		"\"metadata\":{\"invocationId\":\"run-991\","                                      \
		"\"startedOn\":\"2026-08-01T10:00:00Z\",\"finishedOn\":\"2026-08-01T10:04:10Z\"}," \
		"\"ci_extension\":1}}")

#define TEST_RESULT_TEXT                                                                           \
	STATEMENT_OF("https://in-toto.io/attestation/test-result/v0.1",                            \
		"{\"result\":\"WARNED\",\"configuration\":[{\"name\":\"ci.yml\","                  \
		"\"digest\":{\"sha256\":\"" HEX_B "\"}}],\"url\":\"https://ci.example/9\","        \
		"\"passedTests\":[\"a\",\"b\"],\"warnedTests\":[\"c\"],\"failedTests\":[]}")

#define VSA_TEXT                                                                                   \
	STATEMENT_OF("https://slsa.dev/verification_summary/v1",                                   \
		"{\"verifier\":{\"id\":\"https://verifier.example\"},"                             \
		"\"timeVerified\":\"2026-08-01T11:00:00Z\",\"resourceUri\":\"pkg:oci/agent\","     \
		"\"policy\":{\"uri\":\"https://policy.example\",\"digest\":{\"sha256\":\"" HEX_B   \
		"\"}},\"inputAttestations\":[{\"uri\":\"urn:x\",\"digest\":{\"sha256\":\"" HEX_A   \
		"\"}}],\"verificationResult\":\"PASSED\","                                         \
		"\"verifiedLevels\":[\"SLSA_BUILD_LEVEL_3\"],\"slsaVersion\":\"1.2\"}")

#define ASSESSMENT_TEXT                                                                            \
	STATEMENT_OF("https://assay.example/assessment/evaluation/v1",                             \
		"{\"result\":\"passed\",\"by\":\"evaluation team\","                               \
		"\"issued\":\"2026-08-01T10:00:00Z\",\"expires\":\"2027-02-01T10:00:00Z\","        \
		"\"report\":{\"digest\":{\"sha256\":\"" HEX_B "\"}},"                              \
		"\"metrics\":{\"toxicity\":0.02,\"accuracy\":1}}")

#endif
