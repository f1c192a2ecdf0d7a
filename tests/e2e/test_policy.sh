#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Policy as code: signed by a threshold, checked, compared, explained, tested by cases, and judged against stored decisions.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
P=$W/verifier/policy.yaml
for person in anna bert carl; do key_make "$W/keys/$person"; done
cat >>"$W/verifier/verifierd.yaml" <<-EOF
	policy_keys:
	  - name: anna
	    key: $W/keys/anna.pub
	  - name: bert
	    key: $W/keys/bert.pub
	  - name: carl
	    key: $W/keys/carl.pub
	policy_threshold: 2
EOF

# ---- signing ----
expect 3 "the policy's signature .assay policy sign makes it.*policy.yaml.sig" assay-verifierd --config "$W/verifier/verifierd.yaml" --check
expect 0 "in $P.sig" assay policy sign "$P" --key "$W/keys/anna"
expect 3 'signed: anna; 2 must' assay-verifierd --config "$W/verifier/verifierd.yaml" --check
expect 3 'this key has signed it already' assay policy sign "$P" --key "$W/keys/anna"
expect 1 'policy key given is a key of approver alice' assay policy sign "$P" --key "$W/keys/alice"
expect 1 'policy key given is the release key build-server' assay policy sign "$P" --key "$W/keys/builder"
expect 3 'signed: anna; 2 must' assay-verifierd --config "$W/verifier/verifierd.yaml" --check
expect 0 '"version":1' assay policy sign "$P" --key "$W/keys/bert" --json
expect 0 'in order' assay-verifierd --config "$W/verifier/verifierd.yaml" --check
ok "P5__one_signer_twice__never_makes_two"

keys=(--key "$W/keys/anna.pub" --key "$W/keys/bert.pub" --key "$W/keys/carl.pub")
expect 0 'signed by anna.pub' assay policy check "$P" --signature "$P.sig" "${keys[@]}" --threshold 2
expect 1 'refused: signature: 2 of the keys that count signed: anna.pub, bert.pub; 3 must' \
	assay policy check "$P" --signature "$P.sig" "${keys[@]}"
expect 2 '--threshold: 0: must be 1 or more' assay policy check "$P" --signature "$P.sig" "${keys[@]}" --threshold 0
expect 2 'go together' assay policy check "$P" --signature "$P.sig"
cp "$P" "$W/other.yaml"
echo >>"$W/other.yaml"
expect 1 'over other bytes' assay policy check "$W/other.yaml" --signature "$P.sig" "${keys[@]}" --threshold 2
expect 0 '"accepted":true' assay policy check "$P" --signature "$P.sig" "${keys[@]}" --threshold 2 --json
ok "check__signatures__as_the_verifier_judges_them"

sed -i 's/^policy_threshold: 2/policy_threshold: 0/' "$W/verifier/verifierd.yaml"
expect 3 'policy_threshold: 0: must be 1 or more' assay-verifierd --config "$W/verifier/verifierd.yaml" --check
sed -i 's/^policy_threshold: 0/policy_threshold: 2/' "$W/verifier/verifierd.yaml"
ok "P6__threshold_zero__start_refused"

# ---- in force ----
verifier_start
logged() { until_ok grep -qE "$1" "$W/verifier.log" || die "not in the log: $1"; }
reload() {
	: >"$W/verifier.log"
	kill -HUP "$VERIFIER_PID"
	logged 'policy-(reloaded|refused)'
}
# The row is committed a moment before it is the one that is served.
serves() { # VERSION
	curl -sf -o "$W/in-force" --cacert "$W/verifier/ca.pem" --cert "$W/verifier/operator/cert.pem" --key "$W/verifier/operator/key.pem" \
		"https://127.0.0.1:$PORT/v1/policy" && grep -q "^version: $1\$" "$W/in-force"
}
in_force() { until_ok serves "$1" || die "version $1 is not in force"; }
cp "$P" "$W/policy-1.yaml"
cp "$P.sig" "$W/policy-1.yaml.sig"
policy_write "$P" 2
reload
logged 'policy-refused.*over other bytes'
in_force 1
expect 1 'new begins anew.*over other bytes' assay policy sign "$P" --key "$W/keys/anna"
expect 0 '' assay policy sign "$P" --key "$W/keys/anna" --new
reload
logged 'policy-refused.*signed: anna; 2 must'
in_force 1
expect 0 '' assay policy sign "$P" --key "$W/keys/carl"
reload
logged 'policy-reloaded'
in_force 2
ok "reload__bad_signatures_leave_the_old_policy__good_ones_bring_the_new"

cp "$W/policy-1.yaml" "$P"
cp "$W/policy-1.yaml.sig" "$P.sig"
reload
logged 'policy-refused.*version 2 is in force with other content'
in_force 2
policy_write "$P" 3
expect 0 '' assay policy sign "$P" --key "$W/keys/bert" --new
expect 0 '' assay policy sign "$P" --key "$W/keys/carl"
reload
in_force 3
ok "P9__older_policy_with_its_good_signatures__refused"

# ---- in words ----
expect 0 'risk class low: approvals: 1 model-risk' assay policy check "$P"
sed 's/^    credential_lifetime:.*/    credential_lifetime: soon/' "$P" >"$W/bad.yaml"
expect 1 'bad.yaml:[0-9]+:26: risk_classes: low: credential_lifetime: duration' assay policy check "$W/bad.yaml"
echo 'unknown: 1' >>"$W/bad.yaml"
expect 1 'bad.yaml:[0-9]+:1: unknown key' assay policy check "$W/bad.yaml"
expect 3 'No such file' assay policy check "$W/nothing.yaml"
expect 1 '"accepted":false' assay policy check "$W/bad.yaml" --json
ok "check__a_fault__said_with_its_line_and_column"

expect 0 'release: approved by 1 as model-risk, .*: alice' assay policy explain "$P" --class low
expect 0 'credential: lives 10m, renewed after 5m' assay policy explain "$P" --class low
expect 0 '"class":"low"' assay policy explain "$P" --class low --json
expect 3 'no risk class high' assay policy explain "$P" --class high
ok "explain__a_class__in_words"

expect 0 'the same policy' assay policy diff "$P" "$P"
sed 's/^version: .*/version: 4/; s/^    key: software/    key: tpm/; s/^    credential_lifetime:.*/    credential_lifetime: 1h/' "$P" >"$W/new.yaml"
expect 1 'risk class low: credential_lifetime: 1h, was 10m' assay policy diff "$P" "$W/new.yaml"
grep -q 'approvals void: risk class low' "$W/out" || die "that approvals are void is not said"
grep -q 'tighter: where the agent' "$W/out" || die "that a key in the TPM is tighter is not said"
expect 1 '"approvals_void":."low".' assay policy diff "$P" "$W/new.yaml" --json
ok "diff__what_changes_and_what_it_does__said"

# ---- cases and stored decisions ----
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
agent_make one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
expect 0 'Orchard Bank' host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"
RECORD=$(grep -o 'record [0-9a-f]\{64\}' "$W/errors" | head -1 | cut -d' ' -f2)
operator record get "$RECORD" --out "$W/record.assay" 2>/dev/null
NOW=$(date -u -d '+30 seconds' +%Y-%m-%dT%H:%M:%SZ)
cat >"$W/cases.yaml" <<-EOF
	cases:
	  - name: approved
	    release: releases/release-1.0.0.dsse
	    approvals: [releases/approval-1.0.0.dsse]
	    environment: prod
	    time: $NOW
	    expect: accepted
	  - name: nobody approved
	    release: $W/releases/release-1.0.0.dsse
	    environment: prod
	    time: $NOW
	    expect: refused
	    reasons: [approval-missing]
	  - name: the first launch
	    record: record.assay
	    expect: accepted
EOF
expect 0 '3 as expected, 0 not' assay policy test "$W/cases.yaml" --policy "$P"
expect 1 'FAILED.*approved: refused' assay policy test "$W/cases.yaml" --policy "$W/new.yaml"
expect 1 '"failed":2' assay policy test "$W/cases.yaml" --policy "$W/new.yaml" --json
sed -i 's/approval-missing/no-such-code/' "$W/cases.yaml"
expect 3 'cases.yaml: case nobody approved: reasons: no-such-code: no such code' assay policy test "$W/cases.yaml" --policy "$P"
ok "test__cases_of_releases_and_records__as_expected_or_said"

expect 0 '0 would change, 1 would not' assay policy shadow "$P" "$W/record.assay"
expect 1 'was trusted, would be untrusted' assay policy shadow "$W/new.yaml" "$W/record.assay"
grep -q 'key-protection' "$W/out" || die "why is not said"
expect 1 '"changed":1' assay policy shadow "$W/new.yaml" "$W/record.assay" --json
expect 3 'audit bundle' assay policy shadow "$P" "$P"
ok "shadow__stored_decisions__those_that_would_change_said"
# ---- at the verifier: all that it keeps, staged, in force, and back ----
expect 1 '1 would change, 0 would not' operator policy shadow "$W/new.yaml" --server --since 1h
grep -q '1  ocr-agent on [0-9a-f]\{16\}: was trusted, would be untrusted: key-protection' "$W/out" || die "no group"
expect 0 '"changed":0' operator policy shadow "$P" --server --since 1h --json
expect 2 'give records .* or --server' assay policy shadow "$P"
expect 2 'reason' operator policy shadow-end 1
expect 2 'no job' operator policy shadow-end x --reason x
expect 3 'job 1 does not run' operator policy shadow-end 1 --reason x
ok "shadow__of_the_verifiers_own_records__by_workload_host_and_reason"

expect 3 "the policy's signature" operator policy stage "$W/new.yaml"
expect 0 '' assay policy sign "$W/new.yaml" --key "$W/keys/anna"
expect 1 'signed: anna; 2 must' operator policy stage "$W/new.yaml"
expect 0 '' assay policy sign "$W/new.yaml" --key "$W/keys/bert"
expect 1 'over other bytes' operator policy stage "$P" --signature "$W/new.yaml.sig"
expect 0 'staged version 4' operator policy stage "$W/new.yaml"
expect 0 'staged: version 4, .*operator/admin/' operator policy status
in_force 3
expect 0 'Orchard Bank' host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"
until_ok sh -c "assay policy status --config '$W/verifier/operator/config.yaml' | grep -q '1 would have changed'" || die "not judged"
expect 0 'was trusted, would be untrusted: key-protection' operator policy status
ok "stage__a_signed_policy__judged_beside_the_one_in_force_and_without_effect"

expect 2 'reason' operator policy activate 4
expect 3 'other content than was meant' operator policy activate 4 --reason x --sha256 "$(printf '0%.0s' {1..64})"
expect 3 'this time has passed' operator policy activate 4 --reason x --at 2020-01-01T00:00:00Z
expect 0 'comes into force at' operator policy activate 4 --reason 'after the audit' --at "$(date -u -d '+3 seconds' +%Y-%m-%dT%H:%M:%SZ)"
until_ok sh -c "assay policy list --config '$W/verifier/operator/config.yaml' | grep -q '^4 *in-force'" || die "not activated"
in_force 4
expect 3 'version 4 is not above version 4, which is in force' operator policy stage "$W/new.yaml"
expect 1 'key-protection' host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"
verifier_stop
verifier_start
logged 'policy-file-older'
in_force 4
ok "activate__at_a_time__in_force_across_restarts_over_an_older_file"

expect 0 '' operator policy show 3 --out "$W/kept.yaml" --signature "$W/kept.sig"
cmp "$W/kept.yaml" "$P" || die "version 3 is not what was in force"
cmp "$W/kept.sig" "$P.sig" || die "its signatures are not those it came with"
expect 0 'as version 5' operator policy rollback 3 --out "$W/back.yaml"
diff "$W/back.yaml" "$P" >"$W/out" && die "the version did not change"
[ "$(grep -c '^[<>]' "$W/out")" = 2 ] || die "more than the version changed"
expect 0 '' assay policy sign "$W/back.yaml" --key "$W/keys/anna"
expect 0 '' assay policy sign "$W/back.yaml" --key "$W/keys/carl"
expect 0 'staged version 5' operator policy stage "$W/back.yaml"
expect 0 'is withdrawn' operator policy withdraw 5 --reason 'wait'
expect 0 'staged version 5' operator policy stage "$W/back.yaml"
expect 0 'is in force' operator policy activate 5 --reason 'the tighter class was too early'
in_force 5
expect 0 'Orchard Bank' host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"
ok "rollback__old_content_under_a_higher_version__signed_staged_and_in_force"

RECORD=$(grep -o 'record [0-9a-f]\{64\}' "$W/errors" | head -1 | cut -d' ' -f2)
operator record get "$RECORD" --out "$W/record.assay" 2>/dev/null
expect 0 'policy signature: over exactly this policy, by 2 of 3 keys that the verifier names' assay audit "$W/record.assay"
grep -q 'asserted *policy signers' "$W/out" || die "that the persons are asserted is not said"
expect 0 'by 2 of 3 keys that you pinned .2 needed.: anna.pub' assay audit "$W/record.assay" \
	--policy-keys "$W/keys/anna.pub" --policy-keys "$W/keys/bert.pub" --policy-keys "$W/keys/carl.pub" --policy-threshold 2
expect 1 'FAILED *policy signature: .*anna.pub; 2 must' assay audit "$W/record.assay" --policy-keys "$W/keys/anna.pub" --policy-keys "$W/keys/bert.pub"
expect 2 'policy-threshold is of --policy-keys' assay audit "$W/record.assay" --policy-threshold 2
ok "audit__who_signed_the_policy__proved_by_keys_and_pinned"
printf '%d passed, 0 failed\n' "$CHECKS"
