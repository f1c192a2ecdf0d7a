#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Bills of materials beside a release: told in words, held against the risk class, and refused when they describe something else.
. "$(dirname "$0")/lib.sh"
world_open
cd "$W"
mkdir -p keys
for key in builder ci; do key_make "$W/keys/$key"; done
R=$W/ocr.dsse
POLICY=$W/policy.yaml

policy() { # TERMS OF THE DEMAND
	cat >"$POLICY" <<-EOF
		policy: 1
		version: 2
		trust_domain: bank.example
		ek_roots: []
		release_keys:
		  - name: build-server
		    pem: |
		$(yaml_pem '      ' "$W/keys/builder.pub")
		statement_keys:
		  - name: ci
		    kinds: [bom]
		    pem: |
		$(yaml_pem '      ' "$W/keys/ci.pub")
		approvers: []
		risk_classes:
		  - name: high
		    credential_lifetime: 10m
		    approvals: []
		    statements:
		      - {kind: bom, name: materials$1}
	EOF
}
# A BOM as a statement about a file, signed by openssl: what others make. It describes the model with this digest and licence.
bom() { # OUT FORMAT SUBJECT DIGEST LICENCE
	python3 - "$W/keys/ci" "$@" <<-'EOF'
		import base64, hashlib, json, subprocess, sys
		key, out, form, subject, digest, licence = sys.argv[1:]
		if form == "cyclonedx":
		    kind = "https://cyclonedx.org/bom"
		    predicate = {"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
		        "metadata": {"timestamp": "2026-08-01T10:00:00+00:00", "component": {"type": "machine-learning-model",
		            "bom-ref": "m", "name": "ocr", "version": "5", "hashes": [{"alg": "SHA-256", "content": digest}],
		            "licenses": [{"expression": licence}], "modelCard": {"modelParameters": {"datasets": [{"ref": "d"}]}}}},
		        "components": [{"type": "data", "bom-ref": "d", "name": "tessdata", "version": "4.1",
		            "licenses": [{"license": {"id": "Apache-2.0"}}]}], "dependencies": [{"ref": "m", "dependsOn": ["d"]}]}
		else:
		    kind = "https://spdx.dev/Document/v3"
		    made = {"creationInfo": "_:c"}
		    predicate = {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": [
		        {"type": "CreationInfo", "@id": "_:c", "specVersion": "3.0.1", "created": "2026-08-01T10:00:00Z", "createdBy": ["urn:w"]},
		        {"type": "Organization", "spdxId": "urn:w", "name": "bank", **made},
		        {"type": "SpdxDocument", "spdxId": "urn:doc", "profileConformance": ["core", "software", "ai", "dataset"],
		            "rootElement": ["urn:m"], **made},
		        {"type": "ai_AIPackage", "spdxId": "urn:m", "name": "ocr", "software_packageVersion": "5", **made,
		            "verifiedUsing": [{"type": "Hash", "algorithm": "sha256", "hashValue": digest}]},
		        {"type": "dataset_DatasetPackage", "spdxId": "urn:d", "name": "tessdata", "software_packageVersion": "4.1", **made},
		        {"type": "Relationship", "spdxId": "urn:r1", "relationshipType": "trainedOn", "from": "urn:m", "to": ["urn:d"], **made}] +
		        [{"type": "Relationship", "spdxId": f"urn:l{of}", "relationshipType": "hasDeclaredLicense", "from": of,
		            "to": ["https://spdx.org/licenses/" + licence], **made} for of in ("urn:m", "urn:d")]}
		about = hashlib.sha256(open(subject, "rb").read()).hexdigest()
		payload = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
		    "subject": [{"name": subject, "digest": {"sha256": about}}], "predicate": predicate}).encode()
		media = b"application/vnd.in-toto+json"
		pae = b"DSSEv1 %d %s %d %s" % (len(media), media, len(payload), payload)
		signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=pae, stdout=subprocess.PIPE, check=True).stdout
		with open(out, "w") as f:
		    f.write(json.dumps({"payloadType": media.decode(), "payload": base64.b64encode(payload).decode(),
		        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}]}) + "\n")
	EOF
}

cp /bin/true agent
head -c 5000 /dev/urandom >model.bin
cat >workload.yaml <<-EOF
	workload: ocr-agent
	command: [$W/agent]
	components:
	  - {name: agent, role: binary, path: $W/agent}
	  - {name: model, role: model, path: $W/model.bin}
	credentials: [x509]
EOF
printf 'release: ocr\nversion: 1.0\nworkload: workload.yaml\nowner: o\nauthor: dave\npurpose: reads invoices\nrisk_class: high\ndataset_snapshots: ["tessdata@4.1"]\n' >release.yaml
DIGEST=$(sha256sum model.bin | cut -d' ' -f1)
bom cyclonedx.intoto.jsonl cyclonedx model.bin "$DIGEST" "Apache-2.0 OR MIT"
bom spdx.dsse spdx model.bin "$DIGEST" Apache-2.0
bom other.intoto.jsonl cyclonedx model.bin "$(printf %064d 7)" MIT
bom binary.dsse cyclonedx agent "$DIGEST" MIT
bom licence.dsse spdx model.bin "$DIGEST" AGPL-3.0-only
expect 0 '' assay release create release.yaml --key "$W/keys/builder" --out "$R"
grep -q 'other.intoto.jsonl: passed over: the BOM describes another model: ocr' "$W/errors" || die "the BOM of another model was not passed over"
[ "$(wc -l <"$R.statements.jsonl")" = 1 ] || die "the BOM beside release.yaml was not collected"
mv "$R.statements.jsonl" cyclonedx.dsse
mv other.intoto.jsonl other.dsse
sed 's/^dataset/statements: [other.dsse]\ndataset/' release.yaml >listed.yaml
expect 1 'other.dsse: the BOM describes another model: ocr' assay release create listed.yaml --key "$W/keys/builder" --out wrong.dsse
rm -f cyclonedx.intoto.jsonl
printf '{"payloadType":"application/vnd.in-toto+json","payload":"%s","signatures":[{"sig":"AAAA"}]}\n' "$(printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"%s"}}],"predicateType":"https://spdx.dev/Document/v2.3","predicate":{}}' "$DIGEST" | base64 -w0)" >older.intoto.jsonl
expect 0 'older.intoto.jsonl: bom, not read: SPDX: @context: missing' assay release create release.yaml --key "$W/keys/builder" --out older.dsse
ok "create__boms_beside_release_yaml__collected_if_they_describe_it"
gate() { expect "$1" "$2" assay gate "$R" --env prod --policy "$POLICY" "${@:3}"; }

expect 0 'model ocr 5, which the BOM is about, SHA-256 [0-9a-f]{64}, under Apache-2.0 OR MIT, trained on tessdata' \
	assay provenance verify cyclonedx.dsse --key keys/ci.pub --subject model.bin
expect 0 '^format +spdx 3.0.1' assay provenance verify spdx.dsse --key keys/ci.pub --subject model.bin
expect 1 'refused: the BOM describes another model: ocr' assay provenance verify other.dsse --key keys/ci.pub --subject model.bin
ok "provenance__bom__told_in_words_or_refused"

ALL=', formats: [cyclonedx, spdx], models: required, datasets: required, licenses: [MIT, Apache-2.0]'
policy "$ALL"
gate 1 'statement-missing: statement materials'
for form in cyclonedx spdx; do
	gate 0 '^gate open' --statement $form.dsse
	expect 0 'met +statement materials: bom +1 signed by ci' assay release checklist "$R" --env prod --policy "$POLICY" --statement $form.dsse
done
gate 1 'describes another model: ocr' --statement other.dsse
gate 1 'describes another model: ocr' --statement binary.dsse
gate 1 'model ocr: AGPL-3.0-only' --statement licence.dsse
gate 0 '^gate open' --statement licence.dsse --statement spdx.dsse
policy ', licenses_forbidden: [AGPL-3.0-only]'
gate 1 'model ocr: AGPL-3.0-only' --statement licence.dsse
gate 0 '^gate open' --statement cyclonedx.dsse
policy ', formats: [spdx]'
gate 1 'found     cyclonedx 1.6' --statement cyclonedx.dsse
policy ', max_age: 1d'
gate 1 'made at 2026-08-01T10:00:00Z' --statement cyclonedx.dsse
ok "gate__bom_demanded__open_only_with_what_the_class_asks"

policy ''
sed 's/^version: 2/version: 1/' "$POLICY" >plain.yaml
policy "$ALL"
expect 0 'release: materials describes each model by its SHA-256' assay policy explain "$POLICY" --class high
expect 1 'statement materials: changed' assay policy diff plain.yaml "$POLICY"
policy ', formats: [swid]'
expect 1 'unknown word "swid"' assay policy check "$POLICY"
policy ', licenses: [MIT], licenses_forbidden: [mit]'
expect 1 'risk_classes: high: statements: materials: licenses_forbidden: mit: among licenses too' assay policy check "$POLICY"
ok "policy__bom_terms__explained_compared_and_checked"
printf '%d passed, 0 failed\n' "$CHECKS"
