/* SPDX-License-Identifier: Apache-2.0 */
/* Shares and limits as people write them; no number passes through a float. */
#include "policy/rollout.h"

#include <stdio.h>

#include "base/text.h"

/* Decimal digits, no sign, no leading zero; the number of characters read, 0: none, or above max. */
static size_t read_number(struct bytes in, unsigned max, unsigned *ret)
{
	unsigned value = 0;
	size_t n = 0;

	for (; n < in.len && in.data[n] >= '0' && in.data[n] <= '9'; n++) {
		value = value * 10 + (unsigned)(in.data[n] - '0');
		if (value > max || (n > 0 && in.data[0] == '0'))
			return 0;
	}
	*ret = value;
	return n;
}

/* "5", "5.5" or "5.25" to hundredths. */
static bool read_hundredths(struct bytes in, unsigned *ret)
{
	unsigned whole = 0, part = 0;
	size_t n = read_number(in, 100, &whole);

	if (n == 0)
		return false;
	if (n < in.len) {
		size_t digits = in.len - n - 1;

		if (in.data[n] != '.' || digits < 1 || digits > 2)
			return false;
		for (size_t i = n + 1; i < in.len; i++) {
			if (in.data[i] < '0' || in.data[i] > '9')
				return false;
			part = part * 10 + (unsigned)(in.data[i] - '0');
		}
		part *= digits == 1 ? 10 : 1;
	}
	*ret = whole * 100 + part;
	return true;
}

bool rollout_share_parse(struct bytes text, unsigned *ret, struct err *err)
{
	unsigned share = 0;

	if (text.len < 2 || text.data[text.len - 1] != '%' ||
		!read_hundredths(bytes_of(text.data, text.len - 1), &share) || share == 0 ||
		share > ROLLOUT_SHARE_ALL)
		return err_set(err, ERR_USAGE,
			"%s: expected a share like 5%% or 0.25%%, above 0%% and at most 100%%",
			ESC(text));
	*ret = share;
	return true;
}

const char *rollout_share_format(unsigned share, char out[ROLLOUT_SHARE_TEXT])
{
	if (share % 100 == 0)
		(void)snprintf(out, ROLLOUT_SHARE_TEXT, "%u%%", share / 100);
	else if (share % 10 == 0)
		(void)snprintf(out, ROLLOUT_SHARE_TEXT, "%u.%u%%", share / 100, share % 100 / 10);
	else
		(void)snprintf(out, ROLLOUT_SHARE_TEXT, "%u.%02u%%", share / 100, share % 100);
	return out;
}

bool rollout_count_parse(struct bytes text, unsigned *ret)
{
	return text.len > 0 && read_number(text, ROLLOUT_LIMIT_MAX, ret) == text.len && *ret > 0;
}

bool rollout_limit_parse(struct bytes text, struct rollout_plan *plan, struct err *err)
{
	const struct {
		struct bytes name;
		struct rollout_limit *limit;
	} limits[] = {
		{BYTES_LIT("refusals="), &plan->refusals},
		{BYTES_LIT("failures="), &plan->failures},
	};
	struct rollout_limit read = {0};

	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		size_t n = limits[i].name.len;
		struct bytes value;

		if (text.len < n || !bytes_equal(bytes_of(text.data, n), limits[i].name))
			continue;
		value = bytes_of(text.data + n, text.len - n);
		if (limits[i].limit->count > 0 || limits[i].limit->share > 0)
			return err_set(err, ERR_USAGE, "%s: given twice", ESC(text));
		if (!rollout_count_parse(value, &read.count) &&
			!rollout_share_parse(value, &read.share, NULL))
			return err_set(err, ERR_USAGE,
				"%s: expected a count of 1 to %u, or a share like 5%%", ESC(text),
				ROLLOUT_LIMIT_MAX);
		if (read.share > 0)
			read.count = 0;
		*limits[i].limit = read;
		return true;
	}
	return err_set(err, ERR_USAGE,
		"%s: expected refusals=N, refusals=N%%, failures=N or failures=N%%", ESC(text));
}
