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
in_force() { # VERSION
	curl -sf -o "$W/in-force" --cacert "$W/verifier/ca.pem" --cert "$W/verifier/operator/cert.pem" --key "$W/verifier/operator/key.pem" \
		"https://127.0.0.1:$PORT/v1/policy" || die "no policy is served"
	grep -q "^version: $1\$" "$W/in-force" || die "version $1 is not in force"
}
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
printf '%d passed, 0 failed\n' "$CHECKS"
