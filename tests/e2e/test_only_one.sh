#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A second service on one database: refused, and the first is none the worse; one that was killed leaves no lock behind.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
verifier_start
second() { timeout 20 assay-verifierd --config "$W/verifier/verifierd.yaml" "$@"; }
expect 3 'another assay-verifierd serves this database' second
ok "a second service on the same database: refused with what to do"
expect 0 'in order' second --check
expect 0 '' curl -sf --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/readyz"
ok "the first serves on, and its configuration can still be checked"
kill -9 "$VERIFIER_PID"
wait "$VERIFIER_PID" 2>/dev/null || true
verifier_start
ok "a killed one leaves the database free"
