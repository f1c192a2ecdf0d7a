#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# assay firmware learn, check and predict, on a log that holds an event of nearly every kind.
set -u
ASSAY=${ASSAY_BIN:-build/release/bin}/assay
LOG=tests/data/firmware/golden.log
IMAGE=tests/fuzz/corpus/pe/signed
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
CHECKS=0

ok() {
	CHECKS=$((CHECKS + 1))
	printf 'ok %d - %s\n' "$CHECKS" "$1"
}

die() {
	printf 'not ok - %s\n' "$*"
	cat "$W/out" "$W/errors"
	exit 1
}

expect() { # STATUS PATTERN COMMAND…
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$W/out" 2>"$W/errors" || got=$?
	[ "$got" = "$want" ] || die "expected exit status $want, got $got: $*"
	[ -z "$pattern" ] || grep -qE -- "$pattern" "$W/out" "$W/errors" || die "nothing like /$pattern/ was printed: $*"
}

pcr_of() { # PCR, from the JSON in $W/out
	python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["pcrs"][sys.argv[2]]["new"])' "$W/out" "$1"
}

# ---- learn and check ----
expect 0 '' "$ASSAY" firmware learn --log "$LOG" --out "$W/baseline"
grep -q '^bank sha256$' "$W/baseline" || die "no bank in the baseline"
expect 0 'accepted' "$ASSAY" firmware check "$LOG" --baseline "$W/baseline"
ok "a log fits the baseline learned from it"

expect 0 '"logs":2' "$ASSAY" firmware learn --json --log "$LOG" "$LOG"
expect 0 '^bank sha1$' "$ASSAY" firmware learn --bank sha1 --pcrs 4,7 "$LOG"
ok "several logs, another bank, chosen PCRs"

sed 's/^\(event EV_EFI_BOOT_SERVICES_APPLICATION \)[0-9a-f]*\( # image [^ ]*grubx64.efi.*\)$/\1'"$(printf '0%.0s' {1..64})"'\2/' \
	"$W/baseline" >"$W/other"
expect 1 'PCR 4, event 28, EV_EFI_BOOT_SERVICES_APPLICATION: different' "$ASSAY" firmware check "$LOG" --baseline "$W/other"
line=$(sed -n 's/^  to accept it, pcr 4: below step [0-9]*: //p' "$W/out")
[ -n "$line" ] || die "no line that would accept it"
ok "another boot loader is refused, its event named"

LINE=$line awk '{ print } /grubx64/ { print ENVIRON["LINE"] }' "$W/other" >"$W/approved"
expect 0 'accepted' "$ASSAY" firmware check "$LOG" --baseline "$W/approved"
expect 0 'accepted' "$ASSAY" firmware check "$LOG" --baseline "$W/other" --vary 4
expect 1 '"accepted":false' "$ASSAY" firmware check --json "$LOG" --baseline "$W/other"
ok "the line offered accepts it, as does a PCR that may vary"

expect 2 '--baseline is needed' "$ASSAY" firmware check "$LOG"
expect 2 'list of PCRs' "$ASSAY" firmware check "$LOG" --baseline "$W/other" --vary 4,
expect 2 '--log is needed' "$ASSAY" firmware learn
echo 'bank sha256' >"$W/bad"
expect 3 'line 1: expected "assay-baseline' "$ASSAY" firmware check "$LOG" --baseline "$W/bad"
ok "wrong use and a file that is no baseline are no verdict"

# ---- predict ----
expect 0 'PCR 4, event 28, changed: image .*grubx64.efi becomes' \
	"$ASSAY" firmware predict --log "$LOG" --replace "grubx64.efi=$IMAGE"
grep -q '^PCR 4  changes' "$W/out" || die "PCR 4 does not change"
grep -q '^PCR 0  stays' "$W/out" || die "PCR 0 does not stay"
grep -q '^assumes that' "$W/out" || die "nothing is assumed"
ok "a boot loader replaced: PCR 4 changes, the others stay, what is assumed is said"

expect 0 '' "$ASSAY" firmware predict --json --log "$LOG" --replace "28=$IMAGE" --corim "$W/values" --vendor ACME --pcrs 4
value=$(pcr_of 4)
od -An -tx1 -v "$W/values" | tr -d ' \n' | grep -q "^d901f5.*$value" || die "the manifest does not hold $value"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$W/key" 2>/dev/null
expect 0 '' "$ASSAY" firmware predict --json --log "$LOG" --replace "28=$IMAGE" --corim "$W/signed" --vendor ACME --pcrs 4 --corim-key "$W/key"
od -An -tx1 -v "$W/signed" | tr -d ' \n' | grep -q "^d284.*$value" || die "the signed manifest does not hold $value"
ok "the values are published as CoRIM, bare and signed"

SYSTEMD=tests/fuzz/corpus/systemd_log/phase
before=$(pcr_of 4)
expect 0 'assumes that systemd measures' "$ASSAY" firmware predict --json --log "$LOG" --replace "28=$IMAGE" --systemd-log "$SYSTEMD"
[ "$(pcr_of 4)" = "$before" ] || die "systemd's log changed PCR 4"
python3 - "$W/out" "$LOG" "$ASSAY" <<'PY' || die "PCR 11 is not extended by the phase"
import hashlib, json, subprocess, sys
replayed = json.loads(subprocess.run([sys.argv[3], "firmware", "replay", sys.argv[2]], capture_output=True).stdout)
start = bytes.fromhex(replayed["banks"]["sha256"]["11"])
want = hashlib.sha256(start + hashlib.sha256(b"ready").digest()).hexdigest()
sys.exit(json.load(open(sys.argv[1]))["pcrs"]["11"]["new"] != want)
PY
expect 1 'is not what was extended' "$ASSAY" firmware predict --log "$LOG" --replace "28=$IMAGE" --systemd-log tests/fuzz/corpus/systemd_log/mismatch
ok "systemd's own log is put on top"

python3 - "$W/dbx" <<'PY'
import sys
guid = bytes.fromhex("2616c4c14c509240aca941f936934328")
open(sys.argv[1], "wb").write(guid + (28 + 48).to_bytes(4, "little") + bytes(4) + (48).to_bytes(4, "little") + bytes(16) + b"\x55" * 32)
PY
expect 0 'PCR 7, event 9, changed: dbx with 1 new entries' "$ASSAY" firmware predict --log "$LOG" --dbx "$W/dbx"
printf 'sbat,1,2026010100\n' >"$W/sbat"
expect 0 "PCR 7, event 27, changed: shim's SbatLevel" "$ASSAY" firmware predict --log "$LOG" --sbat-level "$W/sbat"
ok "dbx and SbatLevel change PCR 7"

expect 2 'nothing is to be changed' "$ASSAY" firmware predict --log "$LOG"
expect 2 '--replace is OLD=FILE' "$ASSAY" firmware predict --log "$LOG" --replace grubx64.efi
expect 2 '--corim needs --vendor or --model' "$ASSAY" firmware predict --log "$LOG" --replace "28=$IMAGE" --corim "$W/x"
expect 2 '--corim-key goes with --corim' "$ASSAY" firmware predict --log "$LOG" --replace "28=$IMAGE" --corim-key "$W/key"
expect 3 'no image, file or initrd' "$ASSAY" firmware predict --log "$LOG" --replace "none.efi=$IMAGE"
expect 3 'not a PE image' "$ASSAY" firmware predict --log "$LOG" --replace "28=$W/sbat"
expect 3 'dbx' "$ASSAY" firmware predict --log "$LOG" --dbx "$W/sbat"
ok "what cannot be predicted says why"
printf '1..%d\n' "$CHECKS"
