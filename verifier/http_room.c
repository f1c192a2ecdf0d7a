/* SPDX-License-Identifier: Apache-2.0 */
/* Room for who has just come: connections that can be spared, counted over all loops, and ended where they are. */
#include "verifier/http_private.h"

#include <sys/eventfd.h>

static enum http_spare spare_of(const struct http_conn *conn)
{
	bool resting = conn->phase == HTTP_FRESH || conn->phase == HTTP_IDLE;
	if (conn->phase == HTTP_ACCEPTED || (conn->ended && conn->phase != HTTP_WORKING))
		return HTTP_PASSING;
	if (conn->ended || !conn->counted)
		return HTTP_NEEDED;
	if (conn->phase == HTTP_HANDSHAKE || (resting && !conn->has_cert))
		return HTTP_ANONYMOUS;
	return conn->phase == HTTP_IDLE ? HTTP_KNOWN : HTTP_NEEDED;
}

static void spare_set(struct http_conn *conn, enum http_spare spare)
{
	if (spare == conn->spare)
		return;
	(void)atomic_fetch_sub(&conn->loop->spare[conn->spare], 1);
	(void)atomic_fetch_add(&conn->loop->spare[spare], 1);
	conn->spare = spare;
}

void http_room_enter(struct http_conn *conn)
{
	conn->spare = HTTP_NEEDED;
	(void)atomic_fetch_add(&conn->loop->spare[HTTP_NEEDED], 1);
	http_room_note(conn);
}

void http_room_note(struct http_conn *conn)
{
	spare_set(conn, spare_of(conn));
}

void http_room_leave(struct http_conn *conn)
{
	(void)atomic_fetch_sub(&conn->loop->spare[conn->spare], 1);
}

/* Whether the loop has one of them that nobody has asked for yet. */
static bool has(const struct http_loop *loop, enum http_spare spare)
{
	return atomic_load(&loop->spare[spare]) > atomic_load(&loop->wanted[spare]);
}

static bool end_one(struct http_loop *loop, enum http_spare spare)
{
	struct http_conn *conn;
	TAILQ_FOREACH(conn, &loop->conns, all)
	{
		if (conn->spare != spare)
			continue;
		http_count(loop->server, HTTP_EVENT_EVICTED);
		http_conn_end(conn);
		return true;
	}
	return false;
}

/* Another loop ends one of its own. */
static bool ask(struct http_loop *other, enum http_spare spare)
{
	if (!has(other, spare))
		return false;
	(void)atomic_fetch_add(&other->wanted[spare], 1);
	(void)eventfd_write(other->mail_fd, 1);
	return true;
}

bool http_room_make(struct http_loop *loop)
{
	static const enum http_spare order[] = {HTTP_ANONYMOUS, HTTP_KNOWN};
	struct http_server *server = loop->server;
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		if (has(loop, order[i]) && end_one(loop, order[i]))
			return true;
		for (unsigned j = 0; j < server->loop_count; j++)
			if (&server->loops[j] != loop && ask(&server->loops[j], order[i]))
				return true;
	}
	return false;
}

unsigned http_room_taken(const struct http_server *server)
{
	int64_t taken = 0;
	for (unsigned i = 0; i < server->loop_count; i++) {
		const struct http_loop *loop = &server->loops[i];
		for (enum http_spare spare = 0; spare < HTTP_SPARES; spare++)
			if (spare != HTTP_PASSING)
				taken += (int64_t)atomic_load(&loop->spare[spare]) -
					 (int64_t)atomic_load(&loop->wanted[spare]);
	}
	return taken > 0 ? (unsigned)taken : 0;
}

bool http_room_coming(const struct http_server *server)
{
	for (unsigned i = 0; i < server->loop_count; i++) {
		const struct http_loop *loop = &server->loops[i];
		if (atomic_load(&loop->spare[HTTP_PASSING]) > 0 ||
			atomic_load(&loop->wanted[HTTP_ANONYMOUS]) > 0 ||
			atomic_load(&loop->wanted[HTTP_KNOWN]) > 0)
			return true;
	}
	return false;
}

void http_room_asked(struct http_loop *loop)
{
	for (enum http_spare spare = HTTP_ANONYMOUS; spare <= HTTP_KNOWN; spare++)
		for (; atomic_load(&loop->wanted[spare]) > 0;
			(void)atomic_fetch_sub(&loop->wanted[spare], 1))
			(void)end_one(loop, spare);
}
