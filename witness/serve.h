/* SPDX-License-Identifier: Apache-2.0 */
/* The witness as a service over TLS. */
#ifndef ASSAY_WITNESS_SERVE_H
#define ASSAY_WITNESS_SERVE_H

#include "witness/witness.h"

struct witness_server;

struct witness_serve_config {
	const char *address; /* numeric */
	uint16_t port; /* 0: any */
	struct bytes chain_pem; /* the server's certificate first */
	struct key *key;
	const struct log *log;
};
/* Serves in threads of its own until it is stopped. The witness is borrowed. */
must_use bool witness_serve(const struct witness_serve_config *config, struct witness *witness,
	struct witness_server **ret, struct err *err);
uint16_t witness_server_port(const struct witness_server *server);
void witness_server_stop(struct witness_server **server); /* cleanup; NULL is fine */

#endif
