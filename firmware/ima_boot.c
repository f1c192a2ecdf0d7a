/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware/ima.h"

#define PCRS_OLD 8 /* PCRs that boot_aggregate covered before Linux 5.8 */
#define PCRS_NEW 10

static const char *const boot_names[] = {
	[IMA_BOOT_ABSENT] = "absent",
	[IMA_BOOT_UNKNOWN_BANK] = "unknown-bank",
	[IMA_BOOT_NO_PCRS] = "no-pcrs",
	[IMA_BOOT_MISMATCH] = "mismatch",
	[IMA_BOOT_NO_TPM] = "no-tpm",
	[IMA_BOOT_MATCH_0_7] = "match-0-7",
	[IMA_BOOT_MATCH_0_9] = "match-0-9",
};
static_assert(ARRAY_LEN(boot_names) == IMA_BOOT_MATCH_0_9 + 1, "a name for each result");

const char *ima_boot_name(enum ima_boot boot)
{
	return boot <= IMA_BOOT_MATCH_0_9 ? boot_names[boot] : "unknown";
}

bool ima_entry_is_boot_aggregate(const struct ima_entry *entry)
{
	return bytes_equal_str(entry->path, "boot_aggregate");
}

/* How many of the PCRs were quoted, from 0 on. */
static size_t quoted_count(enum digest_alg bank, const struct bytes values[PCRS_NEW])
{
	size_t count = 0;

	while (count < PCRS_NEW && values[count].len == digest_alg_len(bank))
		count++;
	return count;
}

static bool is_zero(struct bytes in)
{
	uint8_t any = 0;

	for (size_t i = 0; i < in.len; i++)
		any |= in.data[i];
	return any == 0;
}

bool ima_boot_check(const struct ima_entry *entry, enum digest_alg bank,
	const struct bytes values[10], enum ima_boot *ret, struct err *err)
{
	size_t count = quoted_count(bank, values);
	struct digest seven, nine;
	enum ima_boot result = IMA_BOOT_MISMATCH;

	if (!ima_entry_is_boot_aggregate(entry) || entry->violation ||
		entry->digest_type != IMA_DIGEST_FILE)
		return *ret = IMA_BOOT_ABSENT, true;
	if (is_zero(entry->digest))
		return *ret = IMA_BOOT_NO_TPM, true;
	if (entry->alg != bank)
		return *ret = IMA_BOOT_UNKNOWN_BANK, true;
	if (count < PCRS_OLD)
		return *ret = IMA_BOOT_NO_PCRS, true;
	if (!digest_of_parts(bank, values, PCRS_OLD, &seven, err) ||
		!digest_of_parts(bank, values, count, &nine, err))
		return err_wrap(err, "boot_aggregate");
	if (bytes_equal(digest_bytes(&seven), entry->digest))
		result = IMA_BOOT_MATCH_0_7;
	else if (count == PCRS_NEW && bytes_equal(digest_bytes(&nine), entry->digest))
		result = IMA_BOOT_MATCH_0_9;
	else if (count < PCRS_NEW)
		result = IMA_BOOT_NO_PCRS;
	*ret = result;
	return true;
}
