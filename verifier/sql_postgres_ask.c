/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are on their way before anybody waits for them: a reader says all it will want to
 * know, and then asks for one after the other.
 *
 * An answer belongs to the text and the arguments, all of their bytes, and is given out once. It lasts
 * until the snapshot ends that it is of.
 */
#include "verifier/sql_postgres.h"

static void args_put(const struct sql_value *args, size_t n, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		buf_put_u8(out, (uint8_t)args[i].kind);
		buf_put_be64(out, (uint64_t)args[i].number);
		buf_put_be64(out, args[i].bytes.len);
		buf_put(out, args[i].bytes);
	}
}

static void asked_release(struct pg_asked *asked)
{
	PQclear(asked->result);
	buf_release(&asked->args);
	*asked = (struct pg_asked){0};
}

void pg_asked_drop(struct pg *self)
{
	/* What is still on its way goes to nobody. */
	for (size_t i = 0; self->asked_count > 0 && i < self->pending_count; i++)
		self->pending[i].keep = NULL;
	while (self->asked_count > 0)
		asked_release(&self->asked[--self->asked_count]);
	self->asking = false;
}

bool pg_ask(struct sql *sql, bool on)
{
	struct pg *self = pg_of(sql);
	bool can = !self->writer && sql->snapshot;
	if (on)
		pg_asked_drop(self);
	self->asking = on && can;
	return can;
}

/* One that has no place is asked when it is wanted. */
bool pg_asked_send(
	struct pg *self, const char *text, const struct sql_value *args, size_t n, struct err *err)
{
	struct pg_asked *asked = &self->asked[self->asked_count];
	if (self->asked_count == PG_ASKED_MAX || self->pending_count + 3 > PG_PENDING_MAX)
		return true;
	args_put(args, n, &asked->args);
	if (!buf_ok(&asked->args, err) || !pg_send(self, text, args, n, err)) {
		asked_release(asked);
		return false;
	}
	asked->text = text;
	self->asked_count++;
	pg_keep(self, &asked->result);
	return true;
}

static struct pg_asked *asked_find(struct pg *self, const char *text, struct bytes args)
{
	for (size_t i = 0; i < self->asked_count; i++)
		if (self->asked[i].text == text &&
			bytes_equal(buf_bytes(&self->asked[i].args), args))
			return &self->asked[i];
	return NULL;
}

bool pg_asked_take(struct pg *self, const char *text, const struct sql_value *args, size_t n,
	PGresult **ret, struct err *err)
{
	OWNED(buf_release) struct buf wanted = {0};
	*ret = NULL;
	if (self->asked_count == 0)
		return true;
	args_put(args, n, &wanted);
	if (!buf_ok(&wanted, err))
		return false;
	struct pg_asked *asked = asked_find(self, text, buf_bytes(&wanted));
	if (!asked)
		return true;
	if (self->pending_count > 0 && !pg_sync(self, err))
		return false;
	*ret = TAKE(asked->result);
	asked->text = NULL;
	return true;
}
