#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# slsa-verifier: it verifies the summaries that our gate signs. That is the one thing it does without fetching a trust root.
. "$(dirname "$0")/lib.sh"
fill_slsa_verifier() { fill_go "$1" "$HERE/go/slsa-verifier" github.com/slsa-framework/slsa-verifier/v2/cli/slsa-verifier; }
tool slsa_verifier "$HERE/go/slsa-verifier/go.sum"

cd "$W"
for key in builder alice ci other; do ec_key $key; done
ed_key gate-ed25519
ec_key gate-P-256
build_make
statement() { # OUT TYPE PREDICATE
	python3 - "$1" "$2" "$3" "$(sha256sum agent | cut -c1-64)" >payload <<-'EOF'
		import json, sys
		_, out, kind, predicate, digest = sys.argv
		print(json.dumps({"_type": "https://in-toto.io/Statement/v1", "subject": [{"name": "agent", "digest": {"sha256": digest}}],
		                  "predicateType": kind, "predicate": json.loads(predicate)}), end="")
	EOF
	{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s payload)"; cat payload; } >pae
	printf '{"payload":"%s","payloadType":"application/vnd.in-toto+json","signatures":[{"sig":"%s"}]}' \
		"$(base64 -w0 payload)" "$(openssl dgst -sha256 -sign ci pae | base64 -w0)" >"$1"
}
statement provenance.dsse https://slsa.dev/provenance/v1 \
	'{"buildDefinition":{"buildType":"https://x.example/1","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.bank.example"}}}'
statement tests.dsse https://in-toto.io/attestation/test-result/v0.1 '{"result":"PASSED","configuration":[]}'
expect 0 '' assay release create release.yaml --key builder --out release.dsse
expect 0 '' assay release approve release.dsse --person alice --role model-risk --env prod --reason tested --key alice --policy policy.yaml --out alice.dsse

ID=https://verifier.bank.example/gate
gate() { # STATUS KEY OUT …
	expect "$1" 'gate (open|closed)' assay gate release.dsse --env prod --policy policy.yaml --approval alice.dsse --statement provenance.dsse \
		--vsa "$3" --vsa-key "$2" --vsa-verifier $ID --vsa-resource pkg:generic/ocr-agent@1.0 "${@:4}"
}
AGENT=sha256:$(sha256sum agent | cut -c1-64)
# It takes a key by the id that the envelope names, and passes over a signature of another id.
key_id() { openssl pkey -pubin -in "$1" -outform DER | sha256sum | cut -c1-64; }
verify() { # PUBLIC-KEY FILE [OPTION…]: a later option counts
	HOME=$W "$TOOL/bin" verify-vsa --public-key-path "$1" --public-key-id "$(key_id "$1")" --attestation-path "$2" --subject-digest "$AGENT" --verifier-id $ID \
		--resource-uri pkg:generic/ocr-agent@1.0 --verified-level ASSAY_CLASS_HIGH "${@:3}"
}
for kind in P-256 ed25519; do
	gate 0 gate-$kind open.vsa --statement tests.dsse
	expect 0 'PASSED' verify gate-$kind.pub open.vsa
	refuses 'no valid signature' verify other.pub open.vsa
	refuses 'verifier ID mismatch' verify gate-$kind.pub open.vsa --verifier-id https://other.example
	refuses 'resource URI mismatch' verify gate-$kind.pub open.vsa --resource-uri pkg:generic/other@1.0
	refuses 'expected verified level not found' verify gate-$kind.pub open.vsa --verified-level ASSAY_CLASS_LOW
	AGENT=sha256:$(sha256sum workload.yaml | cut -c1-64) refuses 'expected digest not found' verify gate-$kind.pub open.vsa
	python3 "$HERE/python/spoil.py" open.vsa spoilt.vsa 'flip(b, "payload")'
	refuses 'no valid signature|invalid|rror' verify gate-$kind.pub spoilt.vsa
	gate 1 gate-$kind closed.vsa
	refuses 'not Passed|not passed' verify gate-$kind.pub closed.vsa
done
ok "gates_summary__they_verify_and_refuse_a_closed_one"
expect 0 'kind +vsa' assay provenance verify open.vsa --key gate-ed25519.pub --subject agent
ok "gates_summary__we_read"
passed
