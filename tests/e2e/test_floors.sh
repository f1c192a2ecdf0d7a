#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# An older release of an agent, signed and approved as ever: refused below the version floor, launched again when persons took
# it back, and never below the security floor, which the policy's signers set.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
P=$W/verifier/policy.yaml
for person in anna bert; do key_make "$W/keys/$person"; done
cat >>"$W/verifier/verifierd.yaml" <<-EOF
	policy_keys:
	  - name: anna
	    key: $W/keys/anna.pub
	  - name: bert
	    key: $W/keys/bert.pub
	policy_threshold: 2
EOF
for person in anna bert; do assay policy sign "$P" --key "$W/keys/$person" >/dev/null; done
verifier_start
host_start one
agent_make one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
run_agent() { host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"; }
use() { printf '%s\n' "$1" >"$W/host-one/workloads/ocr-agent.release"; } # RELEASE, as when a host installs it

release_make one 1.0.0 >/dev/null 2>&1
OLD=$RELEASE
expect 0 '^version_floor +none$' operator workload show ocr-agent
expect 0 'Orchard Bank' run_agent
expect 0 '^version floor +1.0.0 .move 1, since 2' operator floor show ocr-agent
release_make one 1.1.0 >/dev/null 2>&1
NEW=$RELEASE
expect 0 'gate open' operator gate "$OLD" --env prod
expect 0 'Orchard Bank' run_agent
expect 0 '^version_floor +1.1.0 .move 2, since 2' operator workload show ocr-agent
ok "the first credential of a release raises the floor"

use "$OLD"
expect 1 'version-floor' run_agent
grep -q '1.1.0 or later' "$W/errors" || die "what was expected is not said"
grep -q 'assay rollback approve' "$W/errors" || die "what to do about it is not said"
expect 1 'gate closed' operator gate "$OLD" --env prod
grep -q 'version-floor' "$W/out" || die "the gate does not say why"
grep -q '^version floor *1.1.0' "$W/out" || die "the gate does not show the floor"
expect 0 'gate open' operator gate "$NEW" --env prod
verifier_stop
verifier_start
expect 1 'version-floor' run_agent
ok "P9__older_release_launched_again__refused"

RECORD=$(operator record list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["records"][0]["id"])')
operator record get "$RECORD" --out "$W/refusal.assay" >/dev/null
expect 0 'consistent: launch of ocr-agent .*refused' assay audit "$W/refusal.assay" --ca "$W/verifier/ca.pem"
ok "the auditor reaches the refusal again, offline"

roll() { operator workload rollback ocr-agent "$OLD" --reason "1.1.0 loses pages" "$@"; }
sign_rollback() { operator rollback approve "$OLD" --person alice --role model-risk --env prod --reason "1.1.0 loses pages" "$@"; }
expect 1 'approval-missing: expected 1 as model-risk, found none' roll
operator release approve "$OLD" --person alice --role model-risk --env prod --reason tested --key "$W/keys/alice" --out "$W/plain" >/dev/null 2>&1
expect 1 'approval-missing' roll --approval "$W/plain"
expect 0 'taking workload ocr-agent back from 1.1.0 to 1.0.0 .move 2 of its version floor' \
	sign_rollback --key "$W/keys/alice" --out "$W/rollback.1"
grep -q '1 of role model-risk' "$W/errors" || die "what the class needs is not shown"
sign_rollback --key "$W/keys/builder" --out "$W/rollback.wrong" 2>/dev/null
expect 1 'not signed by a key of this person' roll --approval "$W/rollback.wrong"
expect 0 '^version floor +1.0.0 .rolled back, move 3' roll --approval "$W/rollback.1"
expect 0 'Orchard Bank' run_agent
use "$NEW"
expect 0 'Orchard Bank' run_agent
expect 0 '^version floor +1.0.0 .rolled back, move 3' operator floor show ocr-agent
ok "persons take it back, and a host that is still ahead does not raise it"

release_make one 1.2.0 >/dev/null 2>&1
expect 0 'Orchard Bank' run_agent
use "$OLD"
expect 1 'version-floor' run_agent
expect 1 'of a rollback from another version' roll --approval "$W/rollback.1"
operator workload show ocr-agent --json >"$W/view.json"
envelope() { operator release show "$1" --json | python3 -c 'import json, sys; json.dump(json.load(sys.stdin)["envelope"], sys.stdout)'; }
envelope "$RELEASE" >"$W/1.2.0"
envelope "$OLD" >"$W/1.0.0"
offline_approve() {
	assay rollback approve "$W/1.0.0" --person alice --role model-risk --env prod --reason r --key "$W/keys/alice" --policy "$P" \
		--register "$W/view.json" "$@"
}
cp "$W/view.json" "$W/view.true"
sed -i 's#"release": *"[0-9a-f]\{64\}"#"release":"/etc/hostname"#' "$W/view.json"
grep -q /etc/hostname "$W/view.json" || die "no floor's release in the register's view"
expect 3 'version_floor: release: hex' offline_approve
mv "$W/view.true" "$W/view.json"
expect 1 'is not that of the floor' offline_approve --base "$W/1.0.0"
expect 0 'back from 1.2.0 to 1.0.0' offline_approve --base "$W/1.2.0" --out "$W/rollback.2"
ok "P9__rollback_approval_of_an_earlier_move__refused"

# ---- the security floor ----
F=$W/floor
begin() { operator floor sign "$F" --key "$W/keys/anna" --workload ocr-agent --reason CVE-2026-1 "$@"; }
expect 2 'either --minimum VERSION or --lift' begin
expect 3 'minimum: not a version that has an order' begin --minimum v1.1
expect 2 '--sequence 0: expected a number from 1' begin --minimum 1.1.0 --sequence 0
expect 0 'minimum +1.1.0' begin --minimum 1.1.0
expect 2 'is there: without --workload a signature is added to it' begin --minimum 1.1.0
expect 1 'signed: anna; 2 must' operator floor publish "$F"
expect 3 'this key has signed it already' assay floor sign "$F" --key "$W/keys/anna"
cp "$F" "$W/floor.wrong"
expect 0 '' assay floor sign "$W/floor.wrong" --key "$W/keys/alice"
expect 1 'signed: anna; 2 must' operator floor publish "$W/floor.wrong"
ok "P6__security_floor_signed_by_too_few__refused"

expect 0 'sequence +1' assay floor sign "$F" --key "$W/keys/bert"
expect 0 '^security floor +1.1.0 .statement 1' operator floor publish "$F"
expect 0 '' operator floor publish "$F"
expect 1 'security-floor' run_agent
expect 1 'rollback refused: release .*security-floor' roll --approval "$W/rollback.2"
expect 0 '^security_floor +1.1.0 .statement 1' operator workload show ocr-agent
ok "P9__rollback_below_the_security_floor__refused"

offline() { assay gate "$W/1.0.0" --env prod --policy "$P" --approval "$W/plain" "$@"; }
keys=(--key "$W/keys/anna.pub" --key "$W/keys/bert.pub")
expect 0 'gate open' offline
expect 1 'security-floor' offline --floor "$F" "${keys[@]}"
expect 1 'anna.pub; 2 must' offline --floor "$W/floor.wrong" "${keys[@]}"
expect 1 'security-floor' offline --floor "$W/floor.wrong" "${keys[@]}" --threshold 1
expect 2 'goes with --policy and --key' offline --floor "$F"
expect 2 'goes with --policy and --key' operator gate "$OLD" --env prod --floor "$F" "${keys[@]}"
other() { assay floor sign "$1" --key "$W/keys/anna" --minimum 9 --sequence 1 --reason r "${@:2}" >/dev/null 2>&1; }
other "$W/floor.other" --workload other --trust-domain bank.example
expect 1 'of workload other, the release is of ocr-agent' offline --floor "$W/floor.other" --key "$W/keys/anna.pub"
other "$W/floor.domain" --workload ocr-agent --trust-domain other.example
expect 1 'of trust domain other.example, the policy is of bank.example' offline --floor "$W/floor.domain" --key "$W/keys/anna.pub"
ok "the gate offline: with the signed statement"

rm "$F"
begin --minimum 1.0.0 --sequence 1 >/dev/null 2>&1
assay floor sign "$F" --key "$W/keys/bert" >/dev/null 2>&1
expect 3 'sequence 1: 1 is in force' operator floor publish "$F"
rm "$F"
begin --lift >/dev/null 2>&1
assay floor sign "$F" --key "$W/keys/bert" >/dev/null 2>&1
expect 0 '^security floor +lifted .statement 2' operator floor publish "$F"
expect 0 '^version floor +1.0.0 .rolled back' roll --approval "$W/rollback.2"
expect 0 'Orchard Bank' run_agent
expect 0 'statement 2' operator floor show ocr-agent --out "$W/floor.shown"
cmp -s "$F" "$W/floor.shown" || die "the statement given out is another"
ok "lowered by a new statement alone"

# ---- without policy_keys ----
verifier_stop
sed -i '/^policy_keys:/,/^policy_threshold:/d' "$W/verifier/verifierd.yaml"
verifier_start
expect 3 'no policy_keys: it names nobody who may set a security floor' operator floor publish "$F"
ok "without policy_keys nobody sets one"

verifier_stop
printf '%d passed, 0 failed\n' "$CHECKS"
