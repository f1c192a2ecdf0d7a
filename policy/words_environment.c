/* SPDX-License-Identifier: Apache-2.0 */
/* Whom environments are kept for, in words, and what changed there. */
#include "base/text.h"
#include "policy/policy_file.h"
#include "policy/words_private.h"

static const char *key_text(const struct policy_class *class, char out[2 * SHA256_LEN + 1])
{
	if (!class->environment_key)
		return "nobody";
	hex_encode(bytes_of(key_id(class->environment_key), SHA256_LEN), out);
	return out;
}

void words_explain_environment(struct words *w, const struct policy_class *class)
{
	char hex[2 * SHA256_LEN + 1];

	if (class->environment_key)
		words_say(w,
			"agent: the values of its environment are kept in the launch record, "
			"sealed for key %s",
			key_text(class, hex));
}

/* Who can read them is another question than how strict the class is. */
void diff_environment(struct diff *d, const char *subject, const struct policy_class *old,
	const struct policy_class *new)
{
	char was[2 * SHA256_LEN + 1], now[2 * SHA256_LEN + 1];
	const char *from = key_text(old, was), *to = key_text(new, now);
	enum direction direction = old->environment_key && new->environment_key ? DIFF_OTHER
				   : new->environment_key                       ? DIFF_TIGHTER
										: DIFF_LOOSER;

	if (strcmp(from, to) != 0)
		diff_text(d, subject, "environment_key", from, to, direction,
			"whom the values of its agents' environments are kept for");
}
