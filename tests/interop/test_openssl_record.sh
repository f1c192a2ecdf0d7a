#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The verifier's record of a decision, checked without our code: openssl verifies the COSE signature over the Sig_structure of
# RFC 9052 and the signer's chain, Python's hashlib the commitment and the inclusion proof of RFC 9162.
. "$(dirname "$0")/../e2e/lib.sh"
world_open
tpm_make one
verifier_make
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
expect 0 '' operator record get "$RECORD" --out "$W/record.assay"
expect 0 'consistent' assay audit "$W/record.assay" --ca "$W/verifier/ca.pem"

mkdir "$W/parts"
cd "$W/parts"
expect 0 '^commitment True' python3 "$ROOT/tests/interop/python/record_parts.py" "$W/record.assay" .
grep -q '^root True' "$W/out" || die "hashlib reaches another root"
grep -q '^algorithm -7$' "$W/out" || die "another algorithm than ES256"
ok "record__commitment_and_inclusion__hashlib_agrees"

openssl x509 -inform DER -in signer.der -noout -pubkey >signer.pub
expect 0 'Verified OK' openssl dgst -sha256 -verify signer.pub -signature signature signed
for offset in 20 100; do
	cp signed changed
	printf '\377' | dd of=changed bs=1 seek=$offset conv=notrunc 2>/dev/null
	expect 1 'Verification failure' openssl dgst -sha256 -verify signer.pub -signature signature changed
done
openssl x509 -inform DER -in signer.der -out signer.pem
expect 0 ': OK' openssl verify -partial_chain -purpose any -CAfile "$W/verifier/ca.pem" signer.pem
ok "record__signature_and_chain__openssl_verifies"
printf '%d passed, 0 failed\n' "$CHECKS"
