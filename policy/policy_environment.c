/* SPDX-License-Identifier: Apache-2.0 */
/* Whom a risk class has the values of its agents' environments kept for. A class that does not ask for
 * it has the clause that it had before one could ask. */
#include "base/text.h"
#include "policy/policy_file.h"

bool policy_build_environment(
	struct policy_class *to, const struct file_class *from, struct err *err)
{
	if (!from->environment_key)
		return true;
	if (!policy_public_key(from->environment_key, &to->environment_key, err))
		return policy_wrap(err, &from->environment_key, "environment_key");
	return key_type_of(to->environment_key) != KEY_ED25519 ||
	       policy_fault(err, &from->environment_key,
		       "environment_key: nothing can be sealed for an Ed25519 key: EC or RSA");
}

bool policy_clause_environment(json_t *clause, const struct policy_class *class)
{
	char hex[2 * SHA256_LEN + 1];

	if (!class->environment_key)
		return true;
	hex_encode(bytes_of(key_id(class->environment_key), SHA256_LEN), hex);
	return json_object_set_new(clause, "environment_key", json_string(hex)) == 0;
}
