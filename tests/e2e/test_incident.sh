#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A rehearsal: an agent runs, its host goes silent, reboots, and then answers from an older state of its TPM. The incident is
# written down, the evidence package is made, the verifier is shut down; then the story is rebuilt from the package alone and
# held against what really happened.
. "$(dirname "$0")/lib.sh"
world_open
export CREDENTIAL_LIFETIME=30s RENEW_AFTER=2s
tpm_make one
verifier_make
verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
host_assay one enroll --token-file "$W/token" --name host-one >/dev/null
operator workload add steady --class low --env prod --owner tests --purpose "sleeps" >/dev/null
FROM=$(date -u +%Y-%m-%dT%H:%M:%SZ)
HAPPENED=$W/happened # what really happened, in order, written down as it happens
happened() { echo "$*" >>"$HAPPENED"; }

mkdir "$W/agent"
printf '#include <unistd.h>\nint main(void) { sleep(600); return 0; }\n' | cc -x c -o "$W/agent/program" -
cat >"$W/host-one/workloads/steady.yaml" <<-YAML
	workload: steady
	command: [$W/agent/program]
	components:
	  - name: program
	    role: binary
	    path: $W/agent/program
	environment:
	  - name: MODE
	    value: quiet
	credentials: [x509]
YAML
release_beside "$W/host-one/workloads/steady.yaml" 1.0.0 operator "model_version: none-1.0"
happened release approval
HOST=$(host_assay one status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["host"])')
decisions() { operator record list --workload steady --limit 1000 --json | python3 -c "import json,sys
print(sum(1 for r in json.load(sys.stdin)['records'] if r['purpose'] == '$1'))"; }
at_least() { [ "$(decisions "$1")" -ge "$2" ]; }
launched() {
	host_assay one run steady >"$W/run" 2>&1 &
	PIDS+=("$!")
	until_ok at_least launch "$1"
}

# ---- the life of an agent, and what came over its host ----
launched 1
happened boot launch
until_ok at_least renew 2
happened renewals
ok "an agent runs and renews"

tpm_stop() { kill "$TPM_PID_one" && wait "$TPM_PID_one" 2>/dev/null || true; }
reboot() {
	host_stop one
	tpm_stop
	"$@"
	tpm_start one
	host_start one
}
snapshot() { # TPM and host, as a copied disk has them
	mkdir "$W/old"
	cp -r "$W/tpm-one" "$W/host-one/state" "$W/old/"
}
put_back() {
	rm -rf "$W/tpm-one" "$W/host-one/state"
	mv "$W/old/tpm-one" "$W/"
	mv "$W/old/state" "$W/host-one/"
}
# The machine is stopped and started again, twice: a TPM reset each, and the agents are gone.
reboot snapshot
reboot true
launched 2
happened reboot launch
until_ok at_least renew 3
happened renewals
ok "the machine is rebooted, the agent launched again"

# Somebody starts it from the older copy: the TPM's reset count is below the last one accepted.
reboot put_back
host_assay one run steady >"$W/run" 2>&1 || true
# A TPM whose clock has seen a few seconds looks as if it had been cleared since.
BACK=$(operator audit timeline steady --json | python3 -c 'import json,sys
print(" ".join(l["kind"] for l in json.load(sys.stdin)["lines"] if l["kind"] in ("rollback", "tpm-clear", "fork")))')
[[ "$BACK" = rollback || "$BACK" = tpm-clear ]] || die "an older state of the TPM is told as '$BACK'"
happened "$BACK" refusal
operator record list --workload steady --json >"$W/records"
REFUSED=$(python3 -c 'import json,sys; print(next((r["id"] for r in json.load(open(sys.argv[1]))["records"] if not r["trusted"]), ""))' "$W/records")
[ -n "$REFUSED" ] || die "an older state of the TPM was accepted"
ok "an older state of the TPM: refused"

# ---- what people do then ----
operator host quarantine "$HOST" --reason "its TPM went back" >/dev/null
happened quarantine
expect 0 'state +open' operator incident open --title "TPM state put back" --severity high --host "$HOST" --workload steady
INCIDENT=$(sed -n 's/^incident  *//p' "$W/out")
printf 'Seen by the night shift.\nThe disk is with the police.\n' >"$W/note.txt"
expect 0 "record $REFUSED" operator incident attach "$INCIDENT" --record "$REFUSED" --comment "the refusal"
expect 0 'note [0-9a-f]{64}' operator incident attach "$INCIDENT" --note "$W/note.txt"
expect 0 'hold case-7' operator incident attach "$INCIDENT" --hold case-7
expect 2 'one thing at a time' operator incident attach "$INCIDENT" --hold case-7 --record "$REFUSED"
expect 3 'no such record' operator incident attach "$INCIDENT" --record "$(printf '%064d' 0)"
expect 0 'state +closed' operator incident close "$INCIDENT" --reason "host scrapped"
expect 3 'is closed' operator incident attach "$INCIDENT" --hold case-8
expect 0 'TPM state put back' operator incident list
happened incident incident incident incident incident
ok "an incident binds record, note and hold, and ends"

# ---- the story, from the verifier ----
kinds() { python3 -c 'import json,sys
for line in json.load(sys.stdin)["lines"]: print(line["kind"])'; }
expect 0 "asserted *$BACK .*\\(reset count 4, then 3; clock" operator audit timeline steady
expect 0 'asserted.*quarantine' operator audit timeline "$HOST" 
expect 0 'rebooted .*reset count' operator audit timeline "${HOST:0:12}"
expect 3 'no workload nobody' operator audit timeline nobody
operator audit timeline steady --json >"$W/online.json"
ok "the verifier's ledger tells it"

LAUNCHED=$(python3 -c 'import json,sys; print([r["id"] for r in json.load(open(sys.argv[1]))["records"] if r["purpose"] == "launch" and r["trusted"]][-1])' "$W/records")
expect 0 'environment +MODE = salted [0-9a-f]{64}' operator record show "$LAUNCHED" --launch
grep -q 'measured into the runtime log (proven)' "$W/out" || die "the launch is not proven"
grep -q "kernel $(uname -r)" "$W/out" || die "the kernel is not kept"
grep -q 'model version: none-1.0 (asserted' "$W/out" || die "the model version is not shown"
expect 0 '"presence":"(copy|pinned|sealed)"' operator record show "$LAUNCHED" --launch --json
RENEWED=$(python3 -c 'import json,sys; print([r["id"] for r in json.load(open(sys.argv[1]))["records"] if r["purpose"] == "renew"][0])' "$W/records")
expect 3 'look at the record of the launch' operator record show "$RENEWED" --launch
operator record get "$LAUNCHED" --out "$W/launch.assay" 2>/dev/null
expect 0 'purpose +launch' assay record show "$W/launch.assay"
ok "a launch shows what ran: components, environment names, sandbox, kernel, model version"

# ---- the package ----
key_make "$W/keys/auditor"
expect 2 '--from is needed' operator audit package --workload steady --out "$W/x" --sign-key "$W/keys/auditor"
expect 0 'files; check them' operator audit package --workload steady --from "$FROM" --out "$W/x.assay-package" \
	--sign-key "$W/keys/auditor"
cp "$W/verifier/ca.pem" "$W/known-ca.pem"
printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/known-log"
openssl genpkey -algorithm ed25519 -out "$W/keys/other-log" 2>/dev/null
printf 'log %s\nquorum none\n' "$(assay log key bank.example/log --key "$W/keys/other-log")" >"$W/other-log"
verifier_stop
host_stop one
rm -rf "$W/verifier" "$W/host-one" "$W/tpm-one"
ok "everything but the package is gone"

verify() { assay audit package verify "$W/x.assay-package" "$@"; }
expect 0 'asserted +maker' verify
expect 0 'asserted +record signer: .*pin the verifier' verify
! grep -qE '^ +proven +entry' "$W/out" || die "a decision is proven, and nothing was pinned"
expect 0 'asserted +entry .* launch of steady: trusted \(by: the key that the package brings\)' verify --maker "$W/keys/auditor.pub"
expect 0 'proven +maker' verify --maker "$W/keys/auditor.pub" --ca "$W/known-ca.pem"
grep -qE '^ +proven +entry .* launch of steady: trusted$' "$W/out" || die "the launch is not proven"
grep -qE 'proven +record signer' "$W/out" || die "the record signer is not proven"
grep -q 'earlier states: .* renewals stand on what decisions in this package' "$W/out" || die "renewals were not walked back"
! grep -q 'FAILED' "$W/out" || die "something failed"
expect 1 'FAILED +maker' verify --maker "$W/keys/alice.pub"
expect 0 'proven +checkpoint: signed by log' verify --log-policy "$W/known-log"
expect 1 'FAILED +checkpoint' verify --log-policy "$W/other-log"
expect 0 'proven, signed as you demand' assay audit timeline --package "$W/x.assay-package" --log-policy "$W/known-log"
expect 1 'not consistent' assay audit timeline --package "$W/x.assay-package" --log-policy "$W/other-log"
expect 2 'expected: assay audit package verify FILE' assay audit package "$W/x.assay-package"
expect 2 'name a host or a workload' assay audit timeline
ok "the package is audited offline"

mkdir "$W/unpacked"
tar -xf "$W/x.assay-package" -C "$W/unpacked"
(cd "$W/unpacked" && python3 -c 'import json,hashlib
for f in json.load(open("index.json"))["files"]:
    assert hashlib.sha256(open(f["path"], "rb").read()).hexdigest() == f["sha256"], f["path"]')
grep -rqs 'night shift' "$W/unpacked/objects" || die "the note is not in the package"
expect 0 '"verified":true' assay dsse verify "$W/unpacked/index.dsse" --key "$W/keys/auditor.pub" --json
ok "tar and sha256 read it too"

expect 0 'decisions are asserted, the word of the key that the package brings' \
	assay audit timeline --package "$W/x.assay-package"
! grep -q 'Z  proven' "$W/out" || die "a line is proven, and nothing was pinned"
expect 1 'not consistent' assay audit timeline --package "$W/x.assay-package" --key "$W/keys/alice.pub"
expect 2 '--key is of --package' operator audit timeline steady --key "$W/keys/alice.pub"
expect 0 'decisions are proven, signed by whom you pinned' \
	assay audit timeline --package "$W/x.assay-package" --ca "$W/known-ca.pem"
expect 0 '' assay audit timeline --package "$W/x.assay-package" --ca "$W/known-ca.pem" --json
cp "$W/out" "$W/offline.json"
kinds <"$W/offline.json" | grep -vxE 'credentials|enrolment|workload|floor|policy|gap|end|instance-state' | uniq >"$W/told"
tr ' ' '\n' <"$HAPPENED" | uniq >"$W/wanted"
cmp -s "$W/told" "$W/wanted" || {
	diff "$W/wanted" "$W/told" >"$W/out"
	die "the story from the package is not what happened"
}
ok "the story from the package alone is what happened"
python3 - "$W/online.json" "$W/offline.json" <<'PY' || die "the package tells another story than the verifier did"
import json, sys
online, offline = (json.load(open(f))["lines"] for f in sys.argv[1:])
def story(lines): return [(l["time"], l["kind"], l["text"]) for l in lines if l["kind"] != "gap"]
assert story(online) == story(offline), (story(online), story(offline))
def standing(lines, kind): return {l["standing"] for l in lines if l["kind"] == kind}
assert standing(offline, "launch") == {"proven"} and standing(online, "launch") == {"asserted"}
assert standing(offline, "rollback") | standing(offline, "tpm-clear") == {"asserted"}
assert standing(offline, "reboot") == {"proven"} and standing(offline, "quarantine") == {"asserted"}
assert all(l["rests_on"] for l in offline)
assert json.load(open(sys.argv[2]))["records"] == {"standing": "proven", "by": ""}
assert "records" not in json.load(open(sys.argv[1]))
PY
ok "and the one that the verifier told, with more of it proven"
expect 0 'rebooted' assay audit timeline "${HOST:0:8}" --package "$W/x.assay-package"
expect 3 'no host in it' assay audit timeline ffffffff --package "$W/x.assay-package"

# One byte anywhere in an object: found.
python3 - "$W/x.assay-package" "$W/bad" <<'PY'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = data.index(b"night shift")
data[at] ^= 1
open(sys.argv[2], "wb").write(data)
PY
expect 1 'is not what the index says' assay audit package verify "$W/bad"
expect 1 'is not what the index says' assay audit timeline --package "$W/bad"
ok "a package altered in one byte: refused"
