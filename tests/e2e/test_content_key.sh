#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a verifier stores is sealed for its content key: made by init, missing, another one, rotated, in a TPM; and a database
# from before there was one.
. "$(dirname "$0")/lib.sh"
world_open
MODULES=$(openssl version -m | cut -d'"' -f2)
CONFIG=$W/verifier/verifierd.yaml

# Nothing of a decision's words stands in the database's files.
sealed() { # WORD
	! grep -aq -- "$1" "$W/verifier/verifier.db" "$W"/verifier/verifier.db-wal 2>/dev/null || die "$1 stands in the database"
}
records() { operator record list --json | python3 -c 'import json, sys; print(*[r["id"] for r in json.load(sys.stdin)["records"]])'; }
# Every record's bundle comes and is audited: all that it names opens.
audited() {
	local id count=0
	for id in $(records); do
		operator record get "$id" --out "$W/$id.assay" >/dev/null 2>&1 || die "no bundle of $id"
		assay audit "$W/$id.assay" >"$W/out" 2>"$W/errors" || die "audit of $id"
		rm "$W/$id.assay"
		count=$((count + 1))
	done
	[ "$count" -ge "$1" ] || die "$count records, expected $1"
}
generation() { sqlite "SELECT group_concat(generation) FROM content_keys"; }
sqlite() { python3 -c 'import sqlite3, sys; print(*[c for row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]) for c in row])' "$W/verifier/verifier.db" "$1"; }

tpm_make one
verifier_make
[ "$(stat -c %a "$W/verifier/content.key")" = 600 ] || die "content.key is not 0600"
verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
agent_make one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
launch() { mkdir -p "$W/c-$1" && expect 0 'Orchard Bank' host_assay one run ocr-agent --credentials "$W/c-$1" -- "$ROOT/demo/invoice.png"; }
launch 1
audited 1
sealed '"outcome"'
sealed '"event":"workload"'
ok "contents__of_decisions__sealed_and_audited"

verifier_stop
mv "$W/verifier/content.key" "$W/kept.key"
expect 3 "content_key: there is no $W/verifier/content.key.*openssl genpkey -algorithm EC" assay-verifierd --config "$CONFIG"
expect 3 'content_key: there is no' assay-verifierd --config "$CONFIG" --check
# What it says to type, typed.
(umask 077; openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$W/verifier/content.key" 2>/dev/null)
expect 3 'content_key: it is the key [0-9a-f]{16}…, and what is stored is sealed for the key' assay-verifierd --config "$CONFIG"
mv "$W/kept.key" "$W/verifier/content.key"
verifier_start
audited 1
ok "start__content_key_missing_or_another__refused_and_nothing_lost"

expect 3 'another assay-verifierd' assay-verifierd rotate-content-key --config "$CONFIG"
verifier_stop
expect 0 'under generation 2 now: [1-9][0-9]* data keys were wrapped anew, no content was touched' \
	assay-verifierd rotate-content-key --config "$CONFIG"
[ "$(generation)" = 2 ] || die "generations: $(generation)"
verifier_start
audited 1
launch 2
audited 2
verifier_stop
ok "rotate__same_key__old_and_new_records_audited"

openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$W/verifier/content2.key" 2>/dev/null
openssl genpkey -algorithm ED25519 -out "$W/ed.key" 2>/dev/null
expect 3 '--new-key: content key: key wrap: expected an RSA or EC key' \
	assay-verifierd rotate-content-key --config "$CONFIG" --new-key "$W/ed.key"
expect 0 'now put into .*verifierd.yaml: content_key:' \
	assay-verifierd rotate-content-key --config "$CONFIG" --new-key "file:$W/verifier/content2.key"
expect 3 'rotate-content-key --new-key: the new one' assay-verifierd --config "$CONFIG"
sed -i 's/^content_key:.*/content_key: file:content2.key/' "$CONFIG"
rm "$W/verifier/content.key"
verifier_start
audited 2
verifier_stop
ok "rotate__to_an_rsa_key__opens_with_it_alone"

# The start with the database of a day before it knew of keys: tables as they were, in clear.
cat >"$W/clear.py" <<'EOF'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
assert db.execute("SELECT count(*) FROM objects").fetchone()[0] > 0
assert db.execute("SELECT count(*) FROM record_contents").fetchone()[0] == 2
assert db.execute("SELECT count(*) FROM clear_objects").fetchone()[0] == 0
assert [r[1] for r in db.execute("PRAGMA table_info(leaves)")] == ["idx", "hash", "bytes", "wrapped", "sealed"]
EOF
expect 0 '' python3 "$W/clear.py" "$W/verifier/verifier.db"
ok "database__tables__nothing_in_clear"

[ -e "$MODULES/tpm2.so" ] && command -v tpm2_createprimary >/dev/null || {
	echo "skipped: a content key in a TPM: tpm2-openssl or tpm2-tools is not installed"
	printf '%d passed, 0 failed\n' "$CHECKS"
	exit 0
}
tpm_make content
TCTI=swtpm:path=$W/tpm-content.sock
tpm2() { TPM2TOOLS_TCTI=$TCTI "tpm2_$@" >/dev/null; }
primary() { # HANDLE ATTRIBUTES ALGORITHM
	tpm2 createprimary -C o -G "$3" -a "$2|fixedtpm|fixedparent|sensitivedataorigin|userwithauth" -c "$W/primary.ctx"
	tpm2 evictcontrol -C o -c "$W/primary.ctx" "$1"
	tpm2 flushcontext -t
}
primary 0x81000020 decrypt ecc256:null:null
primary 0x81000021 sign ecc256:ecdsa-sha256:null
export TPM2OPENSSL_TCTI=$TCTI
expect 3 '--new-key: content key: ' assay-verifierd rotate-content-key --config "$CONFIG" --new-key handle:0x81000021
[ "$(generation)" = 3 ] || die "generations: $(generation)"
expect 0 'now put into' assay-verifierd rotate-content-key --config "$CONFIG" --new-key handle:0x81000020
sed -i 's/^content_key:.*/content_key: handle:0x81000020/' "$CONFIG"
rm "$W/verifier/content2.key"
verifier_start
audited 2
launch 3
audited 3
ok "content_key__in_the_TPM__asked_at_start_and_all_opens"

# Asked at start alone: the TPM may go away afterwards.
kill "$TPM_PID_content"
wait "$TPM_PID_content" 2>/dev/null || true
launch 4
audited 4
verifier_stop
expect 3 'is the TPM named by TPM2OPENSSL_TCTI there' assay-verifierd --config "$CONFIG"
ok "content_key__TPM_gone_after_the_start__serves_on_and_does_not_start_again"
printf '%d passed, 0 failed\n' "$CHECKS"
