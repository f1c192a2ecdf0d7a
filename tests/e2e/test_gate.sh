#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a build's statements to an open gate, offline and at the verifier: create, checklist, approve, gate, diff, SARIF.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
mkdir -p "$W/build"
for key in bob ci lab; do key_make "$W/keys/$key"; done
R=$W/ocr.dsse
POLICY=$W/policy.yaml

pem() { yaml_pem "$1" "$W/keys/$2.pub"; }
policy() { # LINES OF THE CLASS
	cat >"$POLICY" <<-EOF
		policy: 1
		version: 1
		trust_domain: bank.example
		ek_roots: []
		release_keys:
		  - name: build-server
		    pem: |
		$(pem '      ' builder)
		statement_keys:
		  - name: ci
		    kinds: [provenance, test-result]
		    pem: |
		$(pem '      ' ci)
		  - name: lab
		    kinds: [assessment]
		    pem: |
		$(pem '      ' lab)
		approvers:
		  - person: alice
		    roles: [model-risk]
		    keys:
		      - |
		$(pem '        ' alice)
		  - person: bob
		    roles: [model-risk, security]
		    keys:
		      - |
		$(pem '        ' bob)
		risk_classes:
		  - name: high
		    credential_lifetime: 10m
		    approvals: [ {role: model-risk, count: 1}, {role: security, count: 1} ]
		    statements:
		      - {kind: provenance, name: build, builder: ["https://ci.bank.example"], covers: [binary]}
		      - {kind: test-result, name: tests, covers: [binary, model]}
		      - {kind: assessment, name: red-team, type: "https://assay.example/assessment/red-team/v1", metrics: [ {name: jailbreaks, max: 3} ]}
	EOF
}

# A statement about a file (or a digest), in a DSSE envelope signed by openssl: what others make.
say() { # OUT KEY SUBJECT TYPE PREDICATE
	python3 - "$@" <<-'EOF'
		import base64, hashlib, json, os, subprocess, sys
		out, key, subject, kind, predicate = sys.argv[1:]
		digest = hashlib.sha256(open(subject, "rb").read()).hexdigest() if os.path.exists(subject) else subject
		payload = json.dumps({"_type": "https://in-toto.io/Statement/v1", "predicateType": kind,
		    "subject": [{"name": os.path.basename(subject), "digest": {"sha256": digest}}],
		    "predicate": json.loads(predicate)}).encode()
		media = b"application/vnd.in-toto+json"
		pae = b"DSSEv1 %d %s %d %s" % (len(media), media, len(payload), payload)
		signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=pae, stdout=subprocess.PIPE, check=True).stdout
		with open(out, "a") as f:
		    f.write(json.dumps({"payloadType": media.decode(), "payload": base64.b64encode(payload).decode(),
		        "signatures": [{"keyid": "", "sig": base64.b64encode(signature).decode()}]}) + "\n")
	EOF
}
built() { say "$1" "$W/keys/$2" "$3" https://slsa.dev/provenance/v1 "{\"buildDefinition\":{\"buildType\":\"x\",\"externalParameters\":{}},\"runDetails\":{\"builder\":{\"id\":\"$4\"}}}"; }
tested() { say "$1" "$W/keys/$2" "$3" https://in-toto.io/attestation/test-result/v0.1 "{\"result\":\"$4\",\"configuration\":[]}"; }
attacked() { # OUT RELEASE JAILBREAKS UNTIL
	say "$1" "$W/keys/lab" "$2" https://assay.example/assessment/red-team/v1 "{\"result\":\"passed\",\"by\":\"lab\",\"issued\":\"2026-01-01T00:00:00Z\",\"expires\":\"$4\",\"report\":{\"digest\":{\"sha256\":\"$(printf %064d 7)\"}},\"metrics\":{\"jailbreaks\":$3}}"
}

cd "$W/build"
cp /bin/true agent
head -c 5000 /dev/urandom >model.bin
cat >workload.yaml <<-EOF
	workload: ocr-agent
	command: [$W/build/agent]
	components:
	  - {name: agent, role: binary, path: $W/build/agent}
	  - {name: model, role: model, path: $W/build/model.bin}
	credentials: [x509]
EOF
release() { # VERSION OUT
	printf 'release: ocr\nversion: %s\nworkload: workload.yaml\nowner: o\nauthor: dave\npurpose: reads invoices\nrisk_class: high\n%s' "$1" "${3:-}" >release.yaml
	expect 0 '' assay release create release.yaml --key "$W/keys/builder" --out "$2"
}
gate() { expect "$1" "$2" assay gate "$R" --env prod --policy "$POLICY" "${@:3}"; }
policy

built agent.intoto.jsonl ci agent https://ci.bank.example
tested agent.intoto.jsonl ci agent PASSED
tested other.intoto.jsonl ci /etc/hostname PASSED
echo '{"not": "an envelope"}' >junk.intoto.jsonl
release 1.0 "$R"
grep -q 'other.intoto.jsonl: passed over: speaks of no component' "$W/errors" || die "the statement about something else was not passed over"
grep -q 'junk.intoto.jsonl: passed over: not a statement' "$W/errors" || die "junk was not passed over"
[ "$(wc -l <"$R.statements.jsonl")" = 2 ] || die "expected two statements beside the release"
ok "create__statements_beside_release_yaml__collected_if_about_it"

release_fails() { # STATUS PATTERN LISTED
	printf 'release: ocr\nversion: 9\nworkload: workload.yaml\nowner: o\nauthor: dave\npurpose: p\nrisk_class: high\nstatements: [%s]\n' "$3" >wrong.yaml
	expect "$1" "$2" assay release create wrong.yaml --out "$W/wrong.dsse"
}
release_fails 1 'statements: .*other.intoto.jsonl: speaks of no component of this release' other.intoto.jsonl
release_fails 3 'statements: .*junk.intoto.jsonl: ' junk.intoto.jsonl
release_fails 3 'nothing.jsonl' nothing.jsonl
expect 2 'out FILE is needed' assay release create release.yaml --key "$W/keys/builder"
ok "create__listed_statement_of_something_else__refused"

gate 1 '^gate closed: ocr 1.0 for prod, risk class high'
grep -q 'statement-missing: statement tests' "$W/out" || die "tests of the model are lacking"
grep -q 'found     1, none of model' "$W/out" || die "which component lacks them"
grep -q 'statement-missing: statement red-team' "$W/out" || die "red-team"
grep -q 'approval-missing' "$W/out" || die "approvals"
! grep -q 'statement-missing: statement build' "$W/out" || die "the build was shown"
expect 1 'not met' assay release checklist "$R" --env prod --policy "$POLICY"
grep -qE 'met +statement build: provenance of binary +1 signed by ci' "$W/out" || die "the checklist says what meets a demand"
ok "gate__statements_and_approvals_lacking__closed_and_said"

DIGEST=$(assay release show "$R" | awk '$1 == "release" {print $2; exit}')
tested model.dsse ci model.bin PASSED
attacked redteam.dsse "$DIGEST" 2 2099-01-01T00:00:00Z
attacked worse.dsse "$DIGEST" 4 2099-01-01T00:00:00Z
attacked old.dsse "$DIGEST" 2 2026-02-01T00:00:00Z
tested rogue.dsse lab model.bin PASSED
tested failed.dsse ci model.bin FAILED
approve() { # PERSON ROLE ENV OUT [OPTION…]
	expect 0 '' assay release approve "$R" --person "$1" --role "$2" --env "$3" --reason tested --key "$W/keys/$1" --policy "$POLICY" --out "$4" "${@:5}"
}
approve alice model-risk prod alice.dsse --statement model.dsse --statement redteam.dsse
grep -q 'the checklist as it stands' "$W/errors" || die "no checklist before signing"
grep -qE 'met +statement red-team' "$W/errors" || die "the checklist knows the statements given"
approve bob security prod bob.dsse
approve bob security test bob-test.dsse
ALL=(--statement model.dsse --statement redteam.dsse --approval alice.dsse --approval bob.dsse)
refused() { # PATTERN PERSON ROLE
	rm -f none.dsse
	expect 1 "$1" assay release approve "$R" --person "$2" --role "$3" --env prod --reason r --key "$W/keys/alice" --policy "$POLICY" --out none.dsse
	[ ! -e none.dsse ] || die "something was signed all the same"
}
refused 'the policy names no mallory: nothing was signed' mallory security
refused 'the policy gives alice no role security: nothing was signed' alice security
ok "approve__person_or_role_that_the_policy_does_not_have__signs_nothing"
gate 0 '^gate open: ocr 1.0 for prod' "${ALL[@]}"
gate 0 'checked' "${ALL[@]}" --explain
expect 0 '^met: ocr 1.0' assay release checklist "$R" --env prod --policy "$POLICY" "${ALL[@]}"
grep -qE 'approval by 1 as security +bob, until 20' "$W/out" || die "until when"
ok "gate__everything_there__open"

gate 0 'not checked' "${ALL[@]}" --explain
for what in 'was revoked' 'withdrawn' 'review of the workload' 'third parties.*jurisdictions' 'floors'; do
	grep -q "asked of no verifier: .*$what" "$W/out" || die "what was not asked: $what"
done
withdraw() { expect "$1" "$2" assay release withdraw-statement "$R" --statement redteam.dsse --reason "the rig was broken" --key "$W/keys/$3" --out withdrawn.dsse; }
withdraw 1 'did not sign the statement' ci
withdraw 0 'withdrawing a statement of kind assessment beside ocr 1.0' lab
gate 1 'statement-withdrawn' "${ALL[@]}" --statement withdrawn.dsse
ok "gate__offline__says_what_it_was_not_told_and_takes_withdrawals"

lacking() { gate 1 "$1" --approval alice.dsse --approval bob.dsse --statement "$2" --statement "$3"; }
lacking 'jailbreaks at most 3' model.dsse worse.dsse
lacking 'expired at 2026-02-01T00:00:00Z' model.dsse old.dsse
lacking 'statement-signature' rogue.dsse redteam.dsse
lacking 'found     failed' failed.dsse redteam.dsse
gate 1 'statement-missing' --approval alice.dsse --approval bob.dsse --statement model.dsse
gate 1 'approval-missing' --statement model.dsse --statement redteam.dsse --approval alice.dsse
gate 1 'for another environment' --statement model.dsse --statement redteam.dsse --approval alice.dsse --approval bob-test.dsse
gate 1 'approval-missing' --statement model.dsse --statement redteam.dsse --approval alice.dsse --approval alice.dsse
ok "gate__one_thing_wrong__closed"

sed 's/max: 3/max: 2/' "$POLICY" >loosened && cp loosened "$POLICY"
gate 1 'under other terms of the risk class' "${ALL[@]}"
policy
sed 's/^version: 1/version: 2/; s/trust_domain: bank/trust_domain: shop/' "$POLICY" >unrelated && cp unrelated "$POLICY"
gate 0 'gate open' "${ALL[@]}"
policy
ok "gate__terms_changed_after_approval__closed__unrelated_edit__open"

gate 3 'No such file' --approval nothing.dsse
expect 3 '' assay gate nothing.dsse --env prod --policy "$POLICY"
expect 2 'env is required|--env' assay gate "$R" --policy "$POLICY"
expect 2 'is no name' assay gate "$R" --env 'a/../b' --policy "$POLICY"
expect 3 '' assay gate "$R" --env prod --policy "$W/build/agent"
expect 3 'no verifier is known' env HOME="$W" assay gate "$R" --env prod
ok "gate__nothing_decided__3"

cat >sarif.py <<-'EOF'
	import json, sys
	s = json.load(open(sys.argv[1]))
	assert s["version"] == "2.1.0" and s["$schema"].endswith("sarif-2.1.0.json"), s
	assert set(s) == {"$schema", "version", "runs"} and len(s["runs"]) == 1
	run = s["runs"][0]
	driver = run["tool"]["driver"]
	assert driver["name"] == "assay gate" and driver["version"]
	ids = [r["id"] for r in driver["rules"]]
	assert len(set(ids)) == len(ids) and all(r["help"]["text"] and r["shortDescription"]["text"] for r in driver["rules"])
	for r in run["results"]:
	    assert ids[r["ruleIndex"]] == r["ruleId"] and r["level"] == "error" and r["message"]["text"]
	    uri = r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
	    assert " " not in uri and uri == sys.argv[3], uri
	assert [r["ruleId"] for r in run["results"]] == sys.argv[2].split(), run["results"]
EOF
gate 0 '' "${ALL[@]}" --sarif open.sarif
python3 sarif.py open.sarif "" "$R" || die "SARIF of an open gate"
cp "$R" 'a release.dsse'
expect 1 '' assay gate 'a release.dsse' --env prod --policy "$POLICY" --approval alice.dsse --approval bob.dsse --sarif closed.sarif
python3 sarif.py closed.sarif "statement-missing statement-missing statement-missing" a%20release.dsse || die "SARIF of a closed gate"
expect 1 '' assay gate "$R" --env prod --policy "$POLICY" --json
python3 -c 'import json, sys; a = json.load(open(sys.argv[1])); assert a["verdict"]["outcome"] == "untrusted" and a["checklist"]["met"] is False and a["environment"] == "prod" and a["release"] == sys.argv[2]' "$W/out" "$DIGEST" || die "--json"
ok "gate__sarif_and_json__as_their_formats_say"

printf more >>model.bin
rm -f ./*.intoto.jsonl
release 1.1 "$W/ocr-2.dsse" 'model_version: "5"
dataset_snapshots: [june]
'
expect 0 'component model +changed' assay release diff "$R" "$W/ocr-2.dsse"
grep -qE 'model version +added' "$W/out" && grep -qE 'dataset +added' "$W/out" || die "what else is new"
expect 0 '"change":"changed"' assay release diff "$R" "$W/ocr-2.dsse" --json
expect 0 'nothing differs' assay release diff "$R" "$R"
expect 0 'what is new since ocr 1.0' assay release approve "$W/ocr-2.dsse" --base "$R" --person alice --role model-risk --env prod --reason r --key "$W/keys/alice" --policy "$POLICY" --out x.dsse
grep -qE 'component model +changed' "$W/errors" || die "approve shows the difference"
expect 1 'of another release' assay gate "$W/ocr-2.dsse" --env prod --policy "$POLICY" "${ALL[@]}"
ok "diff__and_approve_with_base__say_what_is_new"

# The same from the verifier: statements and approvals go there, and it judges what it has.
cp "$POLICY" "$W/verifier/policy.yaml"
verifier_start
expect 0 '' operator workload add ocr-agent --class high --env prod --owner o --purpose p
expect 0 '2 statements beside it' operator release publish "$R"
expect 1 '^gate closed: ocr 1.0 for prod' operator gate "$R" --env prod
expect 2 'go with --policy' operator gate "$R" --env prod --approval alice.dsse
cat model.dsse redteam.dsse >>"$R.statements.jsonl"
expect 0 '4 statements beside it' operator release publish "$R"
for approval in alice bob; do expect 0 '' operator release publish "$approval.dsse"; done
expect 0 '^gate open: ocr 1.0 for prod' operator gate "$R" --env prod
expect 0 '"met":true' operator gate "$DIGEST" --env prod --json
expect 3 'registered for environment prod' operator gate "$DIGEST" --env test
expect 0 'met +statement red-team: assessment +1 signed by lab, until 2099' operator release checklist "$DIGEST" --env prod
expect 0 'new +yes' operator release publish withdrawn.dsse
expect 1 'statement-withdrawn' operator gate "$R" --env prod
expect 1 'withdrawn by its signer' operator gate "$DIGEST" --env prod
expect 1 'not met +statement red-team' operator release checklist "$DIGEST" --env prod
attacked again.dsse "$DIGEST" 1 2099-01-01T00:00:00Z
cp again.dsse "$R.statements.jsonl"
expect 0 '1 statement beside it' operator release publish "$R"
expect 0 '^gate open: ocr 1.0 for prod' operator gate "$R" --env prod
ok "withdraw_statement__published__closes_the_gate_until_it_is_said_anew"
expect 0 'component model +changed' operator release diff "$DIGEST" "$W/ocr-2.dsse"
expect 3 'no such release' operator gate "$W/ocr-2.dsse" --env prod
tested elsewhere.dsse ci /etc/hostname PASSED
cp elsewhere.dsse "$W/ocr-2.dsse.statements.jsonl"
expect 1 'the release is published, statement 1 beside it is not: .*statement-other' operator release publish "$W/ocr-2.dsse"
expect 0 '^gate open' operator gate "$DIGEST" --env prod --vsa asked.vsa --vsa-key "$W/keys/ci" --vsa-verifier https://gate.bank.example
expect 0 'kind +vsa' assay provenance verify asked.vsa --key "$W/keys/ci.pub" --subject agent
ok "gate__asked_of_the_verifier__judges_what_was_published"
printf '%d passed, 0 failed\n' "$CHECKS"
