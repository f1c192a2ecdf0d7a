/* SPDX-License-Identifier: Apache-2.0 */
/* Bills of materials as other programs write them. The model's SHA-256 is HEX_A, that of its data
 * set HEX_B. */
#ifndef ASSAY_TESTS_UNIT_POLICY_BOM_TEXTS_H
#define ASSAY_TESTS_UNIT_POLICY_BOM_TEXTS_H

#include "predicate_texts.h"

#define CYCLONEDX_TEXT                                                                             \
	"{\"$schema\":\"http://cyclonedx.org/schema/bom-1.6.schema.json\","                        \
	"\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\","                                     \
	"\"serialNumber\":\"urn:uuid:6f1d7a52-0c0e-4a58-9d1c-3f5a4f0c6b11\",\"version\":3,"        \
	"\"metadata\":{\"timestamp\":\"2026-08-01T12:00:00.25+02:00\",\"component\":"              \
	"{\"type\":\"machine-learning-model\",\"bom-ref\":\"model\",\"group\":\"acme\","           \
	"\"name\":\"llm\",\"version\":\"7b\",\"purl\":\"pkg:huggingface/acme/llm@7b\","            \
	"\"hashes\":[{\"alg\":\"SHA-512\",\"content\":\"00\"},"                                    \
	"{\"alg\":\"SHA-256\",\"content\":\"" HEX_A "\"}],"                                        \
	"\"licenses\":[{\"expression\":\"Apache-2.0 OR MIT\"}],"                                   \
	"\"modelCard\":{\"modelParameters\":{\"task\":\"text-generation\","                        \
	"\"architectureFamily\":\"transformer\",\"modelArchitecture\":\"decoder\","                \
	"\"datasets\":[{\"ref\":\"ds1\"},{\"type\":\"dataset\",\"name\":\"feedback\"},"            \
	"{\"ref\":\"urn:cdx:6f1d7a52-0c0e-4a58-9d1c-3f5a4f0c6b11/1#x\"}]},"                        \
	"\"considerations\":{\"users\":[\"clerks\"]}}}},"                                          \
	"\"components\":["                                                                         \
	"{\"type\":\"data\",\"bom-ref\":\"ds1\",\"name\":\"invoices\",\"version\":\"3\","          \
	"\"hashes\":[{\"alg\":\"SHA-256\",\"content\":\"" HEX_B "\"}],"                            \
	"\"licenses\":[{\"license\":{\"name\":\"Bank internal\"}}],"                               \
	"\"data\":[{\"bom-ref\":\"ds1/data\",\"type\":\"dataset\",\"name\":\"invoices\","          \
	"\"governance\":{\"owners\":[]}}]},"                                                       \
	"{\"type\":\"library\",\"bom-ref\":\"lib\",\"name\":\"tokens\","                           \
	"\"licenses\":[{\"license\":{\"id\":\"MIT\"}}],"                                           \
	"\"components\":[{\"type\":\"file\",\"bom-ref\":\"lib/f\",\"name\":\"tokens.so\"}]}],"     \
	"\"services\":[{\"bom-ref\":\"svc\",\"name\":\"payments\"}],"                              \
	"\"formulation\":[{\"bom-ref\":\"how\",\"components\":[]}],"                               \
	"\"dependencies\":[{\"ref\":\"model\",\"dependsOn\":[\"ds1\",\"svc\"]},"                   \
	"{\"ref\":\"lib\",\"dependsOn\":[\"lib/f\"]},{\"ref\":\"lib/f\",\"dependsOn\":[\"lib\"]}]" \
	"}"

#define SPDX_REST "\"creationInfo\":\"_:made\""
#define SPDX_TEXT                                                                                  \
	"{\"@context\":\"https://spdx.org/rdf/3.0.1/spdx-context.jsonld\",\"@graph\":["            \
	"{\"type\":\"CreationInfo\",\"@id\":\"_:made\",\"specVersion\":\"3.0.1\","                 \
	"\"created\":\"2026-08-01T10:00:00Z\",\"createdBy\":[\"urn:who\"]},"                       \
	"{\"type\":\"Organization\",\"spdxId\":\"urn:who\"," SPDX_REST ",\"name\":\"bank\"},"      \
	"{\"type\":\"SpdxDocument\",\"spdxId\":\"urn:doc\"," SPDX_REST ","                         \
	"\"profileConformance\":[\"core\",\"software\",\"ai\",\"dataset\"],"                       \
	"\"rootElement\":[\"urn:sbom\"]},"                                                         \
	"{\"type\":\"software_Sbom\",\"spdxId\":\"urn:sbom\"," SPDX_REST ","                       \
	"\"rootElement\":[\"urn:model\"]},"                                                        \
	"{\"type\":\"ai_AIPackage\",\"spdxId\":\"urn:model\"," SPDX_REST ",\"name\":\"llm\","      \
	"\"software_packageVersion\":\"7b\",\"ai_typeOfModel\":[\"transformer\"],"                 \
	"\"verifiedUsing\":[{\"type\":\"Hash\",\"algorithm\":\"sha512\",\"hashValue\":\"00\"},"    \
	"{\"type\":\"PackageVerificationCode\",\"algorithm\":\"sha1\",\"hashValue\":\"00\"},"      \
	"{\"type\":\"Hash\",\"algorithm\":\"sha256\",\"hashValue\":\"" HEX_A "\"}]},"              \
	"{\"type\":\"dataset_DatasetPackage\",\"spdxId\":\"urn:data\"," SPDX_REST ","              \
	"\"name\":\"invoices\",\"software_packageVersion\":\"3\","                                 \
	"\"verifiedUsing\":[{\"type\":\"Hash\",\"algorithm\":\"sha256\",\"hashValue\":\"" HEX_B    \
	"\"}]},"                                                                                   \
	"{\"type\":\"software_Package\",\"spdxId\":\"urn:lib\",\"creationInfo\":"                  \
	"{\"type\":\"CreationInfo\",\"specVersion\":\"3.0.1\","                                    \
	"\"created\":\"2026-07-01T10:00:00Z\",\"createdBy\":[\"urn:who\"]},\"name\":\"tokens\"},"  \
	"{\"type\":\"simplelicensing_LicenseExpression\",\"spdxId\":\"urn:licence\"," SPDX_REST    \
	",\"simplelicensing_licenseExpression\":\"Apache-2.0 OR MIT\"},"                           \
	"{\"type\":\"Relationship\",\"spdxId\":\"urn:r1\"," SPDX_REST ","                          \
	"\"relationshipType\":\"trainedOn\",\"from\":\"urn:model\",\"to\":[\"urn:data\"]},"        \
	"{\"type\":\"Relationship\",\"spdxId\":\"urn:r2\"," SPDX_REST ","                          \
	"\"relationshipType\":\"testedOn\",\"from\":\"urn:model\",\"to\":[\"urn:data\"]},"         \
	"{\"type\":\"Relationship\",\"spdxId\":\"urn:r3\"," SPDX_REST ","                          \
	"\"relationshipType\":\"hasConcludedLicense\",\"from\":\"urn:model\","                     \
	"\"to\":[\"urn:licence\"]},"                                                               \
	"{\"type\":\"Relationship\",\"spdxId\":\"urn:r4\"," SPDX_REST ","                          \
	"\"relationshipType\":\"hasDeclaredLicense\",\"from\":\"urn:lib\","                        \
	"\"to\":[\"https://spdx.org/licenses/MIT\"]}]}"

#endif
