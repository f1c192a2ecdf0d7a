/* SPDX-License-Identifier: Apache-2.0 */
/* Windows' own tags in EV_EVENT_TAG (wbcl.h: SIPAEVENT_*): a sequence of id, length, content; those
 * with the aggregation bit hold such a sequence again. */
#include "firmware/event_text.h"

#include "base/reader.h"

#define SIPA_AGGREGATION 0x40000000u
#define SIPA_TAGS_MAX    4096u
#define SIPA_SHOWN_MAX   4096u /* characters */

static const struct {
	uint32_t id;
	const char *name;
} names[] = {
	{0x40010001, "TrustBoundary"},
	{0x40010002, "ElamAggregation"},
	{0x40010003, "LoadedModuleAggregation"},
	{0xc0010004, "TrustpointAggregation"},
	{0x40010005, "KsrAggregation"},
	{0x40010006, "KsrSignedMeasurementAggregation"},
	{0x00020001, "Information"},
	{0x00020002, "BootCounter"},
	{0x00020003, "TransferControl"},
	{0x00020004, "ApplicationReturn"},
	{0x00020005, "BitlockerUnlock"},
	{0x00020006, "EventCounter"},
	{0x00020007, "CounterId"},
	{0x00020008, "MorBitNotCancelable"},
	{0x00020009, "ApplicationSvn"},
	{0x0002000a, "SvnChainStatus"},
	{0x0002000b, "MorBitApiStatus"},
	{0x0002000c, "IdkGenerationStatus"},
	{0x00040001, "BootDebugging"},
	{0x00040002, "BootRevocationList"},
	{0x00050001, "OsKernelDebug"},
	{0x00050002, "CodeIntegrity"},
	{0x00050003, "TestSigning"},
	{0x00050004, "DataExecutionPrevention"},
	{0x00050005, "SafeMode"},
	{0x00050006, "WinPe"},
	{0x00050007, "PhysicalAddressExtension"},
	{0x00050008, "OsDevice"},
	{0x00050009, "SystemRoot"},
	{0x0005000a, "HypervisorLaunchType"},
	{0x0005000b, "HypervisorPath"},
	{0x0005000c, "HypervisorIommuPolicy"},
	{0x0005000d, "HypervisorDebug"},
	{0x0005000e, "DriverLoadPolicy"},
	{0x0005000f, "SiPolicy"},
	{0x00050010, "HypervisorMmioNxPolicy"},
	{0x00050011, "HypervisorMsrFilterPolicy"},
	{0x00050012, "VsmLaunchType"},
	{0x00050013, "OsRevocationList"},
	{0x00050014, "SmtStatus"},
	{0x00050020, "VsmIdkInfo"},
	{0x00050021, "FlightSigning"},
	{0x00050022, "PagefileEncryptionEnabled"},
	{0x00050023, "VsmIdksInfo"},
	{0x00050024, "HibernationDisabled"},
	{0x00050025, "DumpsDisabled"},
	{0x00050026, "DumpEncryptionEnabled"},
	{0x00050027, "DumpEncryptionKeyDigest"},
	{0x00050028, "LsaIsoConfig"},
	{0x00050029, "SbcpInfo"},
	{0x00050030, "HypervisorBootDmaProtection"},
	{0x00050031, "SiPolicySigner"},
	{0x00050032, "SiPolicyUpdateSigner"},
	{0x00060001, "NoAuthority"},
	{0x00060002, "AuthorityPubKey"},
	{0x00070001, "FilePath"},
	{0x00070002, "ImageSize"},
	{0x00070003, "HashAlgorithmId"},
	{0x00070004, "AuthenticodeHash"},
	{0x00070005, "AuthorityIssuer"},
	{0x00070006, "AuthoritySerial"},
	{0x00070007, "ImageBase"},
	{0x00070008, "AuthorityPublisher"},
	{0x00070009, "AuthoritySha1Thumbprint"},
	{0x0007000a, "ImageValidated"},
	{0x0007000b, "ModuleSvn"},
	{0x80080001, "Quote"},
	{0x80080002, "QuoteSignature"},
	{0x80080003, "AikId"},
	{0x80080004, "AikPubDigest"},
	{0x00090001, "ElamKeyname"},
	{0x00090002, "ElamConfiguration"},
	{0x00090003, "ElamPolicy"},
	{0x00090004, "ElamMeasured"},
	{0x000a0001, "VbsVsmRequired"},
	{0x000a0002, "VbsSecurebootRequired"},
	{0x000a0003, "VbsIommuRequired"},
	{0x000a0004, "VbsMmioNxRequired"},
	{0x000a0005, "VbsMsrFilteringRequired"},
	{0x000a0006, "VbsMandatoryEnforcement"},
	{0x000a0007, "VbsHvciPolicy"},
	{0x000a0008, "VbsMicrosoftBootChainRequired"},
	{0x000a0009, "VbsDumpUsesAmeroot"},
	{0x000a000a, "VbsVsmNoSecretsEnforced"},
	{0x000b0001, "KsrSignature"},
	{0x000c0001, "DrtmStateAuth"},
	{0x000c0002, "DrtmSmmLevel"},
	{0x000c0003, "DrtmAmdSmmHash"},
	{0x000c0004, "DrtmAmdSmmSignerKey"},
};

const char *sipa_name(uint32_t id)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].id == id)
			return names[i].name;
	return NULL;
}

static void put_content(struct bytes content, struct buf *out)
{
	struct reader r = rd_of(content);
	if (content.len == 1)
		buf_printf(out, " %u", rd_u8(&r, "value"));
	else if (content.len == 4)
		buf_printf(out, " %u", rd_le32(&r, "value"));
	else if (content.len == 8)
		buf_printf(out, " %llu", (unsigned long long)rd_le64(&r, "value"));
	else if (content.len > 0) {
		buf_put_str(out, " ");
		put_data(content, out);
	}
}

static void put_tags(struct bytes tags, unsigned depth, size_t *budget, struct buf *out)
{
	struct reader r = rd_of(tags);
	const char *before = "";
	while (rd_left(&r) > 0) {
		uint32_t id = rd_le32(&r, "id");
		struct bytes content = rd_bytes(&r, rd_le32(&r, "size"), "content");
		if (rd_failed(&r) || *budget == 0 || out->len > SIPA_SHOWN_MAX) {
			buf_printf(out, "%s…", before);
			return;
		}
		--*budget;
		const char *name = sipa_name(id);
		buf_put_str(out, before);
		if (name)
			buf_put_str(out, name);
		else
			buf_printf(out, "0x%08x", (unsigned)id);
		before = ", ";
		if (!(id & SIPA_AGGREGATION)) {
			put_content(content, out);
		} else if (depth == SIPA_DEPTH_MAX) {
			buf_put_str(out, " {…}");
		} else {
			buf_put_str(out, " {");
			put_tags(content, depth + 1, budget, out);
			buf_put_str(out, "}");
		}
	}
}

void put_sipa(struct bytes tags, struct buf *out)
{
	OWNED(buf_release) struct buf text = {0};
	size_t budget = SIPA_TAGS_MAX;
	put_tags(tags, 1, &budget, &text);
	if (!text.failed)
		buf_put(out, buf_bytes(&text));
}
