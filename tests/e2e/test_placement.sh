#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Where agents may run: what operators say of a host, what a class asks of it and of the sandbox, and whether a cluster's node
# is trusted now.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
cat >>"$W/verifier/policy.yaml" <<-'EOT'
	    jurisdictions: [CH, DE]
	    host_attributes:
	      - {name: site, values: [zrh1, zrh2]}
	    sandbox: {network: none, no_new_privs: true, filesystem: read-only}
EOT
cat >>"$W/verifier/verifierd.yaml" <<-'EOT'
	kubernetes:
	  - {namespace: payments, environment: prod, node_class: low}
	admission_bindings: reviewed
EOT
verifier_start
host_start one
agent_make one

expect 2 'expected KEY=VALUE' operator host invite --attribute jurisdiction
expect 2 'given twice' operator host invite --attribute site=a --attribute site=b
expect 3 'a jurisdiction as CH or CH-ZH' operator host invite --attribute jurisdiction=Schweiz
expect 0 '' operator host invite --attribute jurisdiction=US --attribute site=zrh1 --out "$W/token"
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
expect 0 '' operator host list --json
HOST=$(python3 -c 'import json, sys; print(json.load(sys.stdin)["hosts"][0]["id"])' <"$W/out")
expect 0 '^  jurisdiction +US +[0-9TZ:-]+ by olga: join token$' operator host show "$HOST"
ok "a join token says what the host is that uses it"

operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
run_agent() { host_assay one run ocr-agent --explain -- "$ROOT/demo/invoice.png"; }
expect 1 'host-jurisdiction' run_agent
grep -q 'US, asserted by operator olga' "$W/errors" || die "who said where the host stands is not said"
grep -q 'site: zrh1, asserted by operator olga, not proven' "$W/errors" || die "an attribute that holds is not called asserted"
grep -q '^ *sandbox' "$W/errors" || die "the missing sandbox is not a reason"
ok "a host in another country: refused, and who said so"

expect 2 '--set or --unset is needed' operator host attributes "$HOST" --reason moved
expect 2 '--reason is needed' operator host attributes "$HOST" --set jurisdiction=CH
expect 3 'this host has no attribute rack' operator host attributes "$HOST" --unset rack --reason moved
expect 0 'jurisdiction +CH-ZH' operator host attributes "${HOST:0:12}" --set jurisdiction=CH-ZH --set kubernetes-node=node-3 \
	--reason "racked in Zurich"
grep -q '^what was said before' "$W/out" || die "the history is not shown"
expect 1 'sandbox: network' run_agent
! grep -q 'host-jurisdiction' "$W/errors" || die "the host's new place does not count"
ok "the operator says where it stands now; every word is kept"

printf 'sandbox: {network: none, filesystem: read-only}\n' >>"$W/host-one/workloads/ocr-agent.yaml"
expect 1 'spec-digest' run_agent
release_make one 1.1.0 >/dev/null 2>&1
expect 0 'Orchard Bank' run_agent
grep -q 'sandbox: as the class demands, by the launch record' "$W/errors" || die "the sandbox is not said to hold"
grep -q 'the sandbox itself: asserted by assay-hostd' "$W/errors" || die "the sandbox is not called asserted"
RECORD=$(grep -o 'record [0-9a-f]\{64\}' "$W/errors" | head -1 | cut -d' ' -f2)
ok "released with the sandbox: it runs, without a network, and reads the picture"

operator record get "$RECORD" --out "$W/record.assay" 2>/dev/null
expect 0 '' assay audit "$W/record.assay" --ca "$W/verifier/ca.pem"
grep -q 'jurisdiction: CH-ZH, asserted by operator olga, not proven' "$W/out" || expect 0 'CH-ZH' assay audit "$W/record.assay" \
	--ca "$W/verifier/ca.pem" --json
ok "the record audits offline, with what was said then"

assay-verifierd issue-operator --config "$W/verifier/verifierd.yaml" --role admission --name cluster --out "$W/cluster" >/dev/null
ask() { # REVIEW: the API server's question over its certificate
	curl -s --cacert "$W/verifier/ca.pem" --cert "$W/cluster/cert.pem" --key "$W/cluster/key.pem" \
		-H 'Content-Type: application/json' --data-binary "@$1" "https://127.0.0.1:$PORT/v1/kubernetes/admission?timeout=10s"
}
digest() { sha256sum "$1" | cut -d' ' -f1; }
hex64() { printf "$1%.0s" $(seq 32); }
CORPUS=$ROOT/tests/fuzz/corpus/admission
for name in create create-node; do
	sed "s/$(hex64 c0)/$(digest "$W/agent/bin/tesseract")/; s/$(hex64 c2)/$(digest "$W/agent/config/ocr.config")/" \
		"$CORPUS/$name.json" >"$W/$name.json"
done
expect 0 '"response":\{"allowed":true,"uid":"705ab4f5-[0-9a-f-]*"\}' ask "$CORPUS/binding.json"
expect 0 '"response":\{"allowed":true,"uid":"705ab4f5-[0-9a-f-]*"\}' ask "$W/create-node.json"
expect 0 '"allowed":true.*"warnings":\["the Pod is on no node yet: its node is judged when it is bound"\]' ask "$W/create.json"
sed 's/node-3/node-4/' "$CORPUS/binding.json" >"$W/other.json"
expect 0 '"allowed":false.*node node-4: no host here is said to be it' ask "$W/other.json"
ok "Pods and Bindings: admitted where the node is trusted now"

operator host quarantine "$HOST" --reason "odd traffic" >/dev/null
expect 0 '"allowed":false.*node node-3: its host [0-9a-f]* is quarantined' ask "$CORPUS/binding.json"
expect 0 '"allowed":false.*is quarantined' ask "$W/create-node.json"
operator host confirm "$HOST" --reason "it was a test" >/dev/null
expect 0 '"allowed":false.*no agent of risk class low on its host [0-9a-f]* is trusted now' ask "$CORPUS/binding.json"
expect 0 'is active' host_assay one enroll --name demo-host
expect 0 'Orchard Bank' run_agent
expect 0 '"allowed":true' ask "$CORPUS/binding.json"
ok "a node that fell out of trust: no Pod is put on it until it has attested again"

expect 0 '' operator host attributes "$HOST" --set jurisdiction=US --unset site --reason "moved again"
expect 1 'host-attribute' run_agent
grep -q 'no operator has set it' "$W/errors" || die "an attribute taken back still counts"
ok "moved away: refused at the next launch"
verifier_stop
# More hosts than a page of the list holds.
python3 - "$W/verifier/verifier.db" <<-'PYTHON'
	import sqlite3, sys
	db = sqlite3.connect(sys.argv[1])
	for i in range(1100):
	    mark = i.to_bytes(4, "big")
	    db.execute("INSERT INTO hosts(id, ek_public, ak_public, ak_name, ek_certs, ek_leaf, ek_template, manufacturer, name, enrolled,"
	               " epoch, state, version) VALUES(?,?,?,?,x'',?,'L-2','',?,?,1,1,1)",
	               (mark * 8, mark, mark, mark * 8, bytes(32), f"shelf-{i}", 1 + i // 7))
	db.commit()
PYTHON
verifier_start
operator host list --json | python3 -c 'import json,sys
hosts = json.load(sys.stdin)["hosts"]
assert len({h["id"] for h in hosts}) == len(hosts) == 1101, len(hosts)
assert hosts[-1]["name"] == "demo-host" and hosts[1099]["name"] == "shelf-1099"' || die "the list does not follow its pages"
expect 0 'name +demo-host' operator host show "${HOST:0:16}"
ok "a list of many hosts: all of its pages"
verifier_stop
printf '%d passed, 0 failed\n' "$CHECKS"
