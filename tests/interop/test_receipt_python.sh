#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Records and receipts with an independent program, written from docs/formats/record.md and the RFCs over cbor2 and cryptography:
# it verifies ours, we verify its, and each refuses what is spoilt.
. "$(dirname "$0")/lib.sh"
command -v swtpm >/dev/null || skip "receipt: swtpm is not installed"
LOCK=$HERE/python/receipt.txt
fill_receipt_python() { fill_python "$1" "$LOCK"; }
tool receipt_python "$LOCK"
theirs() { "$TOOL/venv/bin/python" "$HERE/python/receipt_verify.py" "$@"; }
rm -rf "$W"
. "$(dirname "$0")/../e2e/lib.sh"
world_open
tpm_make one
verifier_make
key_make "$W/receipt"
printf 'receipt_key: file:%s\n' "$W/receipt" >>"$W/verifier/verifierd.yaml"
verifier_start
host_start one
mkdir -p "$W/agent"
cp /usr/bin/true "$W/agent/true"
cat >"$W/host-one/workloads/quick.yaml" <<-EOF
	workload: quick
	command: [$W/agent/true]
	components:
	  - {name: program, role: binary, path: $W/agent/true}
	credentials: [x509]
EOF
printf '%s\n' 'release: quick' 'version: 1.0.0' "workload: $W/host-one/workloads/quick.yaml" 'owner: tests' 'author: bob' \
	'purpose: ends at once' 'risk_class: low' >"$W/quick.yaml"
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token"
expect 0 '' operator workload add quick --class low --env prod --owner tests --purpose "ends at once"
expect 0 '' assay release create "$W/quick.yaml" --key "$W/keys/builder" --out "$W/quick.dsse"
expect 0 '' operator release publish "$W/quick.dsse"
expect 0 '' operator release approve "$W/quick.dsse" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
	--out "$W/approval.dsse"
expect 0 '' operator release publish "$W/approval.dsse"
cp "$W/quick.dsse" "$W/host-one/workloads/quick.release"
expect 0 'trusted' host_assay one run quick # several leaves, so that the proof has a path
expect 0 'trusted' host_assay one run quick
RECORD=$(grep -oh 'record [0-9a-f]\{64\}' "$W/errors" "$W/out" | head -1 | cut -d' ' -f2)
KEY=$W/receipt.pub
ORIGIN=bank.example/log
for form in receipt statement proof; do
	flag=--$form
	[ $form != receipt ] || flag=
	expect 0 '' operator record receipt "$RECORD" $flag --out "$W/$form"
done
expect 0 '' operator record get "$RECORD" --out "$W/record.assay"
expect 0 '' theirs bundle "$W/record.assay" "$W/verifier/ca.pem" "$KEY" $ORIGIN
grep -q "^verified $RECORD " "$W/out" || die "another leaf: $(cat "$W/out")"
ok "bundle__record_leaf_proof_and_receipt__they_verify"

openssl x509 -in "$W/verifier/signing.pem" -outform DER -out "$W/signer.der"
expect 0 "^verified $RECORD" theirs statement "$W/statement" "$W/signer.der" "$KEY" $ORIGIN
expect 0 "^verified $RECORD" theirs receipt "$W/receipt" "$RECORD" "$KEY" $ORIGIN
expect 1 'of another key' theirs receipt "$W/receipt" "$RECORD" "$W/keys/alice.pub" $ORIGIN
expect 1 'does not verify' theirs receipt "$W/receipt" "${RECORD//[0-9]/0}" "$KEY" $ORIGIN
expect 1 'of another log or tree' theirs receipt "$W/receipt" "$RECORD" "$KEY" other.example/log
LEN=$(stat -c %s "$W/receipt")
for at in $(seq 6 17 "$((LEN - 1))"); do
	python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[int(sys.argv[3])] ^= 1; open(sys.argv[2], "wb").write(d)' "$W/receipt" "$W/spoilt" "$at"
	! theirs receipt "$W/spoilt" "$RECORD" "$KEY" $ORIGIN >"$W/out" 2>&1 || die "they accept a receipt spoilt at $at"
	! assay receipt verify "$W/spoilt" --leaf "$RECORD" --key "$KEY" --origin $ORIGIN >"$W/out" 2>&1 || die "we accept a receipt spoilt at $at"
done
ok "statement_and_receipt__they_verify_and_both_refuse_spoilt_ones"

mkdir "$W/theirs"
theirs_made() { rm -f "$W/theirs"/*; theirs make "$W/theirs" "$@"; }
verify() { assay receipt verify "$W/theirs/receipt" --key "$W/theirs/key.pem" --leaf "$W/theirs/leaf" "$@"; }
for case in "1 0" "2 1" "300 42" "300 299" "70 64"; do
	# shellcheck disable=SC2086
	theirs_made $case
	expect 0 "proved.*leaf ${case#* } of ${case% *} in theirs.example\$" verify --origin theirs.example
done
for how in order kid; do
	theirs_made 300 42 $how
	expect 0 'proved' verify
done
theirs_made 300 42 vds
expect 3 'verifiable data structure 2' verify
theirs_made 300 42
printf x >>"$W/theirs/leaf"
expect 1 'does not verify' verify
ok "their_receipts__we_verify"
printf '%d passed, 0 failed\n' "$CHECKS"
