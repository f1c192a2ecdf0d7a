/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's readiness protocol (sd_notify(3)): one datagram to the socket named by NOTIFY_SOCKET. */
#ifndef ASSAY_VERIFIER_NOTIFY_H
#define ASSAY_VERIFIER_NOTIFY_H

#include "base/err.h"

/* socket_name: the value of NOTIFY_SOCKET; NULL or empty: nobody asked, which is fine. Never fails loudly: a service that is
 * ready is ready, told or not. */
bool notify_send(const char *socket_name, const char *state);

#endif
