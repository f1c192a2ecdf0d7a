#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL backed up while it is used and brought back: to its end with the archived log nothing is missing; to an
# earlier moment, the verifier and whoever follows the ledger both say so.
. "$(dirname "$0")/lib.sh"
world_open
chmod 711 "$W"
mkdir "$W/archive"
chmod 777 "$W/archive"
URI=$("$ROOT/tests/support/postgres" start "$W/pg" "archive_mode = on" "archive_command = 'test ! -f $W/archive/%f && cp %p $W/archive/%f.part && mv $W/archive/%f.part $W/archive/%f'" \
	"wal_level = replica") || {
	rc=$?
	[ "$rc" != 77 ] || echo "skipped: no PostgreSQL server"
	exit "$rc"
}
pg_pid() { head -n 1 "$W/pg/data/postmaster.pid"; }
PIDS+=("$(pg_pid)")
for PROGRAMS in /usr/lib/postgresql/*/bin; do :; done
nobody() {
	if [ "$(id -u)" = 0 ]; then setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"; else "$@"; fi
}
tpm_make one
verifier_make
D=$W/verifier
sed -i "s|^database: .*|database: $URI|" "$D/verifierd.yaml"
verifier_start
entry() { operator workload add "$1" --class low --env prod --owner tests --purpose test >/dev/null; }
printf 'log %s\nquorum none\n' "$(cat "$D/log.pub")" >"$W/policy"
follow() { expect "$1" "${2:-}" operator log monitor --policy "$W/policy" --state "$W/state"; }
entry first
follow 0

nobody pg_basebackup -d "$URI" -D "$W/pg/backup" -X stream -c fast
expect 0 'successfully verified' nobody "$PROGRAMS/pg_verifybackup" "$W/pg/backup"
entry second
entry third
follow 0
size() { curl -sf --cacert "$D/ca.pem" "https://127.0.0.1:$PORT/log/latest" | sed -n 2p; }
SIZE=$(size)
LAST=$(psql "$URI" -qAtXc 'SELECT pg_walfile_name(pg_switch_wal())')
until_ok test -f "$W/archive/$LAST" || die "$LAST is not archived"
verifier_stop
"$ROOT/tests/support/postgres" kill "$W/pg"
restore() { # [SETTING]: the backup, recovered from the archive
	[ ! -d "$W/pg/data" ] || mv "$W/pg/data" "$W/pg/lost-$RANDOM"
	nobody cp -a "$W/pg/backup" "$W/pg/data"
	printf "restore_command = 'cp %s/archive/%%f %%p'\nrecovery_target_action = 'promote'\narchive_mode = off\n%s\n" "$W" "${1:-}" |
		nobody tee -a "$W/pg/data/postgresql.conf" >/dev/null
	nobody touch "$W/pg/data/recovery.signal"
	"$ROOT/tests/support/postgres" start "$W/pg" >/dev/null
	PIDS+=("$(pg_pid)")
	recovered() { [ "$(psql "$URI" -qAtXc 'SELECT pg_is_in_recovery()')" = f ]; }
	until_ok recovered
}
restore
verifier_start
[ "$(size)" = "$SIZE" ] || die "a ledger of $(size) leaves, and not of $SIZE"
follow 0
ok "base backup and archived log: the ledger is all there"
verifier_stop
"$ROOT/tests/support/postgres" kill "$W/pg"

restore "recovery_target = 'immediate'"
expect 3 'was signed over [0-9]+ leaves, and the database has [0-9]+: it is an older copy' assay-verifierd --config "$D/verifierd.yaml"
ok "an earlier moment: the verifier does not start over it"
mv "$D/log" "$D/log-published"
verifier_start
entry other
follow 1 'the ledger is smaller than it was, [0-9]+ leaves and not [0-9]+: an older view, or an older copy'
ok "its own memory taken from it: whoever follows the ledger says so"
