#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The register of agents: what it keeps, reviews that fall due and refuse, its export.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
printf '    review_every: 30d\n    review_grace: 1s\n' >>"$W/verifier/policy.yaml"
printf 'kubernetes:\n  - {namespace: payments, environment: prod}\nadmission_nodes: when-known\n' >>"$W/verifier/verifierd.yaml"
verifier_start
host_start one
agent_make one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host

soon() { date -u -d "$1" +%Y-%m-%dT%H:%M:%SZ; }

add() { operator workload add "$1" --class low --env prod --owner claims --purpose "reads invoices" "${@:2}"; }
expect 2 'expected a date like 2027-06-01' add ocr-agent --review tomorrow
expect 2 '--third-party Acme: cannot be read' add ocr-agent --third-party Acme
expect 3 'capital letters' add ocr-agent --third-party Acme/Switzerland
expect 3 'risk class low asks for a review by' add ocr-agent --review 2999-01-01
expect 3 'risk class low asks for a review every 2592000 s' add ocr-agent --review-every 31d
expect 3 'control ids' add ocr-agent --control 'a b'
expect 3 'no workload ocr-agent' operator workload show ocr-agent
ok "what the register does not take"

expect 0 '' add ocr-agent --unit "=claims" --control EU-AI-Act/12 --control SOC2/CC8.1 --third-party "Acme, Ltd/CH" \
	--third-party "Cloud/IE" --review-every 1s
expect 0 '^unit +=claims$' operator workload show ocr-agent
grep -q '^controls *EU-AI-Act/12; SOC2/CC8.1$' "$W/out" || die "the controls are not shown"
grep -q '^third_parties *Acme, Ltd/CH; Cloud/IE$' "$W/out" || die "the third parties are not shown"
ok "every fact is kept and shown"

sleep 2
release_make one 1.0.0 >/dev/null 2>&1
run_agent() { host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"; }
expect 1 'review-overdue' run_agent
grep -q 'assay workload review' "$W/errors" || die "what to do about it is not said"
expect 0 'overdue' operator workload list --due
expect 1 'not met +review of the workload +overdue: due since 20' operator release checklist "$W/releases/release-1.0.0.dsse" --env prod
ok "an overdue review: refused"

expect 2 '--reason is needed' operator workload review ocr-agent
expect 3 'must lie ahead' operator workload review ocr-agent --reason late --next 2001-01-01
expect 0 '' operator workload review ocr-agent --reason "quarterly, nothing found" --review-every 20d --next "$(soon '+2 days')"
expect 0 'ahead' operator workload show ocr-agent
grep -q '^reviewed_by *spiffe://bank.example/operator/admin/olga$' "$W/out" || die "who reviewed is not shown"
expect 0 '(none)' operator workload list --due
expect 0 'Orchard Bank' run_agent
grep -q 'the next one is due at' "$W/errors" || die "the verdict does not say when the next review is due"
ok "reviewed: it runs, and the verdict says until when"

FIRST=$RELEASE
release_make one 1.1.0 >/dev/null 2>&1
expect 0 "^current_release +ocr-agent 1.1.0 $RELEASE" operator workload show ocr-agent
grep -q "^previous_releases *ocr-agent 1.0.0 $FIRST" "$W/out" || die "the previous release is not shown"
ok "current and previous releases"

add other-agent >/dev/null
expect 0 '' operator workload export --out "$W/register.csv"
expect 0 '' operator workload export --format json --out "$W/register.json"
python3 - "$W/register.csv" "$W/register.json" "$RELEASE" <<-'PYTHON' || die "the export"
	import csv, json, sys
	text = open(sys.argv[1], newline="").read()
	assert text.count("\r\n") == 3 and "\n" not in text.replace("\r\n", "")
	rows = list(csv.DictReader(open(sys.argv[1], newline="")))
	assert [r["name"] for r in rows] == ["ocr-agent", "other-agent"]
	ocr = rows[0]
	assert ocr["unit"] == "'=claims", ocr
	assert ocr["third_parties"] == "Acme, Ltd/CH; Cloud/IE"
	assert ocr["review"] == "ahead" and ocr["review_reason"] == "quarterly, nothing found"
	assert sys.argv[3] in ocr["current_release"]
	assert rows[1]["controls"] == "" and rows[1]["current_release"] == ""
	whole = json.load(open(sys.argv[2]))
	assert whole[0]["unit"] == "=claims" and whole[0]["third_parties"][0] == {"name": "Acme, Ltd", "jurisdiction": "CH"}
	assert whole[0]["current_release"]["digest"] == sys.argv[3]
PYTHON
expect 2 'csv or json' operator workload export --format xlsx
ok "the export: RFC 4180 without formulas, and JSON"

# What runs is 1.0.0 still, so nothing is decided yet about the current release.
expect 0 'offline-audit: no trusted decision about the current release' operator compliance report ocr-agent
expect 0 'Orchard Bank' run_agent
expect 0 '' operator compliance report ocr-agent
grep -q '^Evidence is not compliance' "$W/out" || die "the report claims more than evidence"
! grep -qiw 'compliant\|complies\|certified' "$W/out" || die "the report claims compliance"
expect 0 '' operator compliance report --json
python3 - "$W/out" "$RELEASE" <<-'PYTHON' || die "the compliance report"
	import json, sys
	report = json.load(open(sys.argv[1]))
	assert report["map"]["name"] == "assay-default"
	workloads = {w["workload"]: {c["id"]: c for c in w["controls"]} for w in report["workloads"]}
	ocr, other = workloads["ocr-agent"], workloads["other-agent"]
	by = lambda c: {e["kind"]: e.get("by") for e in c["evidence"]}
	change = ocr["SOC2/CC8.1"]
	assert change["status"] == "evidenced" and change["declared"], change
	assert by(change)["release-signed"][0].startswith("release " + sys.argv[2])
	assert by(change)["release-approved"] == ["release " + sys.argv[2] + ": approval as model-risk: alice"]
	assert "0123456789abcdef" in by(change)["change-recorded"][0]
	kept = ocr["EU-AI-Act/12"]
	assert kept["status"] == "evidenced" and "reached again" in by(kept)["offline-audit"][0], kept
	boot = ocr["SOC2/CC6.8"]
	assert boot["status"] == "partly evidenced" and by(boot)["boot-appraised"] is None, boot
	data = ocr["ISO-42001/A.7.5"]
	assert data["status"] == "not evidenced here" and "names no data set" in data["evidence"][0]["why"], data
	assert other["SOC2/CC8.1"]["status"] == "not evidenced here"
	assert other["NIST-AI-RMF/GOVERN-1.6"]["status"] == "evidenced"
PYTHON
printf 'map: 1\nname: own\nversion: "1"\ncontrols:\n  - {id: OWN/1, framework: f, clause: c, title: t, evidence: [reviewed]}\n' >"$W/map.yaml"
expect 0 'OWN/1 t: evidenced' operator compliance report ocr-agent --map "$W/map.yaml"
grep -q 'SOC2/CC8.1: in the register, but not in the map' "$W/out" || die "a declared control that the map lacks is not named"
echo 'met: true' >>"$W/map.yaml"
expect 3 'unknown key' operator compliance report ocr-agent --map "$W/map.yaml"
expect 3 'no workload nobody' operator compliance report nobody
ok "the compliance report: what is evidenced, by what, and what is not"

assay-verifierd issue-operator --config "$W/verifier/verifierd.yaml" --role admission --name cluster --out "$W/cluster" >/dev/null
digest() { sha256sum "$1" | cut -d' ' -f1; }
hex64() { printf "$1%.0s" $(seq 32); }
ask() { # REVIEW: the API server's question over its certificate
	curl -s --cacert "$W/verifier/ca.pem" --cert "$W/cluster/cert.pem" --key "$W/cluster/key.pem" \
		-H 'Content-Type: application/json' --data-binary "@$1" "https://127.0.0.1:$PORT/v1/kubernetes/admission?timeout=10s"
}
sed "s/$(hex64 c0)/$(digest "$W/agent/bin/tesseract")/; s/$(hex64 c2)/$(digest "$W/agent/config/ocr.config")/" \
	"$ROOT/tests/fuzz/corpus/admission/create.json" >"$W/review.json"
expect 0 '"response":\{"allowed":true,"uid":"705ab4f5-' ask "$W/review.json"
expect 0 '"allowed":false,"status":\{"code":403,"message":"image [^"]*no published release' ask "$ROOT/tests/fuzz/corpus/admission/create.json"
operator release revoke "$RELEASE" --reason test >/dev/null
operator release revoke "$FIRST" --reason test >/dev/null
expect 0 '"allowed":false' ask "$W/review.json"
ok "Kubernetes admission: images of an approved release, and no others"

verifier_stop
printf '%d passed, 0 failed\n' "$CHECKS"
