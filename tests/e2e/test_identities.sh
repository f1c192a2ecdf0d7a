#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Statements by certificate: a keyless bundle with its log entry, an envelope with its chain, a model's signature; collected by
# create, judged by the gate offline and at the verifier, at a launch, and again by the audit. The bundles are made by openssl.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
F=$W/fulcio
R=$W/ocr.dsse
POLICY=$W/policy.yaml
WORKFLOW=https://git.example/acme/agent/.ci/release.yml@refs/tags
mkdir -p "$W/build/model"
cd "$W/build"
key_make "$W/keys/lab"
keyless() { python3 "$ROOT/tests/e2e/keyless.py" "$@"; }
keyless ca "$F"

policy() { # FILE LOG: whether the tester's certificates need one
	policy_write "$1" "${3:-1}"
	cat >>"$1" <<-END
		  - name: high
		    approvals: []
		    credential_lifetime: 10m
		    statements:
		      - {kind: provenance, name: build, keys: [release-workflow], covers: [binary]}
		      - {kind: test-result, name: tests, keys: [tester]}
		      - {kind: model-signature, name: weights}
		transparency_logs:
		  - name: log.example
		    pem: |
		$(yaml_pem '      ' "$F/log.pem")
		statement_keys:
		  - name: lab
		    kinds: [model-signature]
		    pem: |
		$(yaml_pem '      ' "$W/keys/lab.pub")
		statement_identities:
		  - name: release-workflow
		    kinds: [provenance]
		    identity_prefix: "$WORKFLOW/"
		    issuer: https://token.actions.example
		    source_repository: https://git.example/acme/agent
		    roots: |
		$(yaml_pem '      ' "$F/root.pem")
		  - name: tester
		    kinds: [test-result]
		    identity: https://lab.example/tests
		    issuer: https://token.actions.example
		    log: $2
		    roots: |
		$(yaml_pem '      ' "$F/root.pem")
	END
}
policy "$POLICY" optional

cp /bin/true agent
head -c 5000 /dev/urandom >model/weights.bin
echo '{"layers": 2}' >model/config.json
cat >workload.yaml <<-END
	workload: ocr-agent
	command: [$W/build/agent]
	components:
	  - {name: agent, role: binary, path: $W/build/agent}
	  - {name: model, role: model, path: $W/build/model}
	credentials: [x509]
END
statement() { # OUT TYPE PREDICATE
	printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"agent","digest":{"sha256":"%s"}}],"predicateType":"%s","predicate":%s}' \
		"$(sha256sum <agent | cut -d' ' -f1)" "$2" "$3" >"$1"
}
statement built https://slsa.dev/provenance/v1 '{"buildDefinition":{"buildType":"x","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.example"}}}'
statement tested https://in-toto.io/attestation/test-result/v0.1 '{"result":"PASSED","configuration":[]}'
keyless bundle "$F" built build.sigstore.json "$WORKFLOW/v1.0"
keyless chain "$F" tested tests.intoto.jsonl https://lab.example/tests
expect 0 '' assay model sign model --key "$W/keys/lab" --out model.sig
release() { # STATUS VERSION OUT
	printf 'release: ocr\nversion: %s\nworkload: workload.yaml\nowner: o\nauthor: dave\npurpose: reads invoices\nrisk_class: high\nstatements: [model.sig]\n' "$2" >release.yaml
	expect "$1" '' assay release create release.yaml --key "$W/keys/builder" --out "$3"
}
gate() { expect "$1" "$2" assay gate "$R" --env prod --policy "$POLICY" --explain; }

release 0 1.0 "$R"
[ "$(wc -l <"$R.statements.jsonl")" = 3 ] || die "expected three statements beside the release"
grep -q 'build.sigstore.json: provenance' "$W/errors" && grep -q 'model.sig: model-signature' "$W/errors" || die "what was collected"
ok "create__bundle_chain_and_model_signature__collected"

gate 0 '^gate open: ocr 1.0 for prod'
expect 0 'statement weights: model-signature of model +1 signed by lab' assay release checklist "$R" --env prod --policy "$POLICY"
grep -qE 'statement tests: test-result +1 signed by tester, until 2034-01-01' "$W/out" || die "a certificate without a log ends"
grep -qE 'statement build: provenance of binary +1 signed by release-workflow *$' "$W/out" || die "what a log holds does not"
expect 0 "release-workflow is whose certificate names $WORKFLOW/…, vouched for by https://token.actions.example, source repository" \
	assay policy explain "$POLICY" --class high
ok "gate__identities_key_and_model__open"

policy "$POLICY" required
gate 1 'no entry of a transparency log: nothing proves when the certificate signed'
policy "$W/narrow.yaml" optional
sed -i "s/refs\/tags/refs\/heads/" "$W/narrow.yaml"
expect 1 'statement identity added: release-workflow' assay policy diff "$POLICY" "$W/narrow.yaml"
policy "$POLICY" optional
ok "P15__certificate_without_a_log_where_one_is_required__closed"

cp build.sigstore.json good.json
again() { release 0 1.0 "$R"; }
spoil() { # PYTHON over a, the good bundle, and b, one of the same signer about the tests
	python3 -c 'import json, sys
a, b = (json.load(open(f)) for f in ("good.json", "other.json"))
exec(sys.argv[1])
json.dump(a, open("build.sigstore.json", "w"))' "$1"
	again
}
keyless bundle "$F" tested other.json "$WORKFLOW/v1.0"
keyless bundle "$F" built build.sigstore.json "https://git.example/acme/agent-evil/.ci/release.yml@refs/tags/v1.0"
again
gate 1 'agent-evil.* is not the one pinned'
keyless bundle "$F" built build.sigstore.json "$WORKFLOW/v1.0" https://git.example/acme/agent-evil
again
gate 1 'source repository "https://git.example/acme/agent-evil" is not the one pinned'
spoil 'a["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = "1767225901"'
gate 1 'signed entry timestamp: signature: does not verify'
spoil 'del a["verificationMaterial"]["tlogEntries"][0]["inclusionPromise"]'
gate 1 'the log signed no time at which to judge the certificate'
spoil 'a["verificationMaterial"]["tlogEntries"] = b["verificationMaterial"]["tlogEntries"]'
gate 1 'is about another artefact'
cp good.json build.sigstore.json
again
gate 0 '^gate open'
ok "P15__bundle_of_another_identity_repository_time_or_entry__closed"

# Contents under other names: the digest that the signature is over stays, and the model is another.
mv model/weights.bin model/zeights.bin
release 1 1.1 "$W/renamed.dsse"
grep -q 'model.sig: speaks of no component' "$W/errors" || die "a renamed file makes another model"
mv model/zeights.bin model/weights.bin
ok "P15__model_with_a_file_renamed__not_what_was_signed"

# The same at the verifier, at a launch, and by the audit.
policy "$W/verifier/policy.yaml" optional
verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name one
expect 0 '' operator workload add ocr-agent --class high --env prod --owner o --purpose p
expect 0 '3 statements beside it' operator release publish "$R"
expect 0 '^gate open: ocr 1.0 for prod' operator gate "$R" --env prod
cp workload.yaml "$W/host-one/workloads/ocr-agent.yaml"
assay release show "$R" | awk '$1 == "release" {print $2; exit}' >"$W/host-one/workloads/ocr-agent.release"
expect 0 '' host_assay one run ocr-agent --explain
grep -q 'statement build: 1 signed by release-workflow' "$W/errors" || die "the launch's verdict says who signed"
RECORD=$(grep -o 'record [0-9a-f]\{64\}' "$W/errors" | head -1 | cut -d' ' -f2)
operator record get "$RECORD" --out "$W/record.assay" 2>/dev/null
expect 0 '' assay audit "$W/record.assay" --ca "$W/verifier/ca.pem"
ok "launch__statements_by_certificate__trusted_and_audited"
verifier_stop
sed -i 's/log: optional/log: required/' "$W/verifier/policy.yaml"
sed -i 's/^version: 1/version: 2/' "$W/verifier/policy.yaml"
verifier_start
expect 1 'statement-signature|statement-missing' host_assay one run ocr-agent
ok "launch__where_the_policy_asks_for_a_log__refused"
printf '%d passed, 0 failed\n' "$CHECKS"
