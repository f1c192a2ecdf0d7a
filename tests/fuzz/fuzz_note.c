/* SPDX-License-Identifier: Apache-2.0 */
/* Signed notes, checkpoints and verifier keys. Logs, bundles and witnesses supply notes; whoever
 * configures a log supplies the key. */
#include <assert.h>

#include "crypto/note.h"

/* A key that was read is written as it came: there is one form. */
static void key_twice(struct bytes in)
{
	struct note_key key = {0};
	struct buf again = {0};
	struct err err = {0};

	if (!note_key_parse(in, &key, &err))
		return;
	assert(note_key_write(&key, &again, &err));
	assert(bytes_equal(in, buf_bytes(&again)));
	buf_release(&again);
	note_key_release(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct key *pair;
	static struct note_key key;
	struct bytes in = bytes_of(data, size), text = {0};
	struct checkpoint checkpoint;
	struct err err = {0};

	if (!pair && (!key_generate(KEY_ED25519, &pair, &err) ||
			     !note_key_of("log.example", pair, &key, &err)))
		return 0;
	key_twice(in);
	/* Nobody but us has this key. */
	assert(!note_open(in, &key, &text, &err));
	if (checkpoint_parse(in, &checkpoint, &err))
		assert(checkpoint.origin.len > 0 && checkpoint.origin.len < size);
	return 0;
}
