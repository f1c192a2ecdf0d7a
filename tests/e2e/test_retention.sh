#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How long things are kept, as an operator sees it: rules in the policy, a dry run, what goes and what is left of it, holds that two
# persons lift. Time passes by a database that is made older while the verifier stands still.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
cat >>"$W/verifier/policy.yaml" <<-EOF
	retention:
	  launch: 90d
	  renew: 7d
	  refused: 30d
	  entries:
	    - {type: issued, keep: 60d}
EOF
expect 0 'kept of decisions: launches 90d, renewals 7d, refusals 30d' assay policy explain "$W/verifier/policy.yaml" --class low
sed 's/launch: 90d/launch: 30d/' "$W/verifier/policy.yaml" >"$W/shorter.yaml"
expect 1 'launch: kept 30d, was 90d' assay policy diff "$W/verifier/policy.yaml" "$W/shorter.yaml"
sed 's/launch: 90d/launch: 90m/' "$W/verifier/policy.yaml" >"$W/wrong.yaml"
expect 1 'wrong.yaml:[0-9]+:[0-9]+: retention: launch: 90m: must be 1d or more' assay policy check "$W/wrong.yaml"
ok "policy__with_retention__explained_compared_and_checked"

verifier_start
host_start one
agent_make one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
run_agent() { host_assay one run ocr-agent -- "$ROOT/demo/invoice.png"; }
release_make one 1.0.0 >/dev/null 2>&1
expect 0 'Orchard Bank' run_agent
RECORD=$(operator record list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["records"][-1]["id"])')
operator record get "$RECORD" --out "$W/kept.assay" 2>/dev/null
host_stop one

# Everything but the ledger itself becomes older.
older() { # DAYS
	verifier_stop
	python3 - "$W/verifier/verifier.db" "$1" <<-'AGE'
		import sqlite3, sys
		db, s = sqlite3.connect(sys.argv[1]), int(sys.argv[2]) * 86400
		db.execute("UPDATE histories SET first=first-?1, last=last-?1, launch=iif(launch, launch-?1, 0), renew=iif(renew, renew-?1, 0), refused=iif(refused, refused-?1, 0)", (s,))
		db.execute("UPDATE entries SET time=time-?1", (s,))
		db.execute("UPDATE policies_seen SET seen=seen-?1", (s,))
		db.execute("UPDATE instances SET renewed=renewed-?1", (s,))
		db.execute("UPDATE holds SET lifted=lifted-?1 WHERE lifted", (s,))
		db.commit()
	AGE
	verifier_start
}
expect 0 '^destroys +no' operator retention status
expect 0 'would be destroyed: 0 records' operator retention sweep --dry-run
older 3
expect 0 '^destroys +no' operator retention status
grep -q 'counts alone from 2' "$W/out" || die "it is not said from when the policy counts"
older 6
expect 0 '^destroys +yes' operator retention status
grep -q '^decisions  *launches 90d, renewals 7d, refusals 30d' "$W/out" || die "the times are not said"
expect 0 'would be destroyed: 0 records' operator retention sweep --dry-run
ok "T9__policy_that_shortens__waits_for_the_grace"

older 100
expect 0 "^record $RECORD" operator retention sweep --dry-run
cp "$W/out" "$W/dry"
operator hold set --workload ocr-agent --reason "case 17" >/dev/null
expect 0 'would be destroyed: 0 records, 0 objects, 0 entries' operator retention sweep --dry-run
expect 0 'destroyed: 0 records' operator retention sweep --now
expect 0 'ocr-agent .*case 17' operator hold list
expect 3 'no workload ocr-agnet' operator hold set --workload ocr-agnet --reason typo
expect 2 'what is held' operator hold set --reason nothing
ok "T9__held_at_each_scope__nothing_destroyed"

expect 0 'another administrator has to confirm' operator hold lift 1 --reason "closed"
expect 3 'another administrator has to confirm' operator hold lift 1 --reason "closed"
assay-verifierd issue-operator --config "$W/verifier/verifierd.yaml" --role admin --name otto --out "$W/otto" >/dev/null
otto() { assay "$@" --config "$W/otto/config.yaml"; }
expect 0 '^state:? +lifted' otto hold lift 1 --reason "the court agreed"
expect 0 'would be destroyed: 0 records' operator retention sweep --dry-run
older 8
ok "T9__hold_lifted_by_two__holds_for_the_grace"

expect 2 'either --dry-run or --now' operator retention sweep
expect 0 '^destroyed: [1-9]' operator retention sweep --now
sed 's/^would be destroyed/destroyed/' "$W/dry" | cmp -s - "$W/out" || die "the dry run told something else"
expect 0 '^content:? +destroyed' operator record get "$RECORD"
grep -q 'destroyed_by_entry' "$W/out" || die "the entry is not named"
expect 0 'destroyed' operator record list
expect 3 'was destroyed at 2.*as ledger entry [0-9]' operator record get "$RECORD" --out "$W/gone.assay"
expect 0 'consistent: launch of ocr-agent' assay audit "$W/kept.assay" --ca "$W/verifier/ca.pem"
expect 0 '^records_destroyed +[1-9]' operator retention status
ok "record__whose_content_went__says_so_and_gives_no_bundle"

key_make "$W/keys/auditor"
package() { operator audit package --workload ocr-agent --from 2026-01-01T00:00:00Z --out "$W/gone.package" --sign-key "$W/keys/auditor"; }
verify() { assay audit package verify "$W/gone.package" --maker "$W/keys/auditor.pub" --ca "$W/verifier/ca.pem" "$@"; }
expect 0 'files; check them' package
expect 0 'content destroyed, as ledger entry [0-9]+ says: not checked' verify
grep -q 'not checked +destroyed: [1-9]' -E "$W/out" || die "what was destroyed is not counted apart"
! grep -q FAILED "$W/out" || die "something failed"
expect 0 'its content was destroyed' assay audit timeline --package "$W/gone.package"
expect 0 'no trusted decision about the current release' operator compliance report ocr-agent
ok "package__of_destroyed_decisions__made_verified_and_told"

verifier_stop
verifier_start
host_start one
expect 0 'Orchard Bank' run_agent
operator record list --limit 1 --json | grep -q '"content":"kept"' || die "the new record is not kept"
expect 0 'files; check them' package
expect 0 'proven +destroyed: the records of [1-9][0-9]* decisions are signed' verify
grep -qE 'proven +decisions: ([1-9][0-9]*) of \1 reach' "$W/out" || die "the new decision is not audited"
ok "verifier__after_a_destruction__starts_and_decides_as_ever"

HOST=$(operator host list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hosts"][0]["id"])')
operator host quarantine "$HOST" --reason "Mr Smith took it home" >/dev/null
ENTRY=$(curl -sf --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/log/latest" | sed -n 2p)
ENTRY=$((ENTRY - 1))
expect 0 'check it with: assay entry verify' operator entry export "$ENTRY" --out "$W/entry"
expect 0 'reason:? +Mr Smith took it home' assay entry verify "$W/entry"
grep -q 'stands in the tree that the file brings' "$W/out" || die "proved by what the file brings alone"
expect 0 '' operator entry export "$ENTRY" --out "$W/less" --redact reason --redact by
expect 0 '^redacted: 2 fields' assay entry verify "$W/less"
! grep -q 'Smith' "$W/less" || die "what was left out is there"
printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/log-policy"
expect 0 '^tree: proved' assay entry verify "$W/less" --log-policy "$W/log-policy"
sed 's/quarantined/active/' "$W/less" >"$W/bent"
expect 1 'not what the leaf commits to' assay entry verify "$W/bent"
# A program that is not ours, with nothing but SHA-256 and JSON.
python3 - "$W/less" <<-'CHECK' || die "another program does not find the same"
	import hashlib, json, sys
	e = json.load(open(sys.argv[1]))
	canonical = lambda v: json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
	sha = lambda b: hashlib.sha256(b).digest()
	c, salts = e["content"], e["content"]["salts"]
	digests = sorted(c["redacted"] + [sha(canonical([salts[k], k, c[k]])).hex() for k in c if k not in ("salts", "redacted")])
	committed = canonical({"type": "assay/fields/1", "digests": digests})
	assert bytes.fromhex(e["leaf"]).endswith(sha(bytes.fromhex(e["salt"]) + committed)), "commitment"
	node, index = sha(b"\0" + bytes.fromhex(e["leaf"])), e["index"]
	last = int(e["checkpoint"].split("\n")[1]) - 1
	for p in map(bytes.fromhex, e["proof"]):
	    if index % 2 or index == last:
	        node = sha(b"\1" + p + node)
	        while index % 2 == 0 and index:
	            index, last = index >> 1, last >> 1
	    else:
	        node = sha(b"\1" + node + p)
	    index, last = index >> 1, last >> 1
	import base64
	assert base64.b64decode(e["checkpoint"].split("\n")[2]) == node, "root"
CHECK
ok "T20__field_of_an_exported_entry_changed__not_proved"

expect 0 'field reason destroyed; the rest stays proved' operator entry redact "$ENTRY" --field reason --reason "asked by Mr Smith"
operator entry export "$ENTRY" --out "$W/entry" 2>/dev/null
expect 0 '^redacted: 1 field$' assay entry verify "$W/entry" --log-policy "$W/log-policy"
expect 3 'shows no field reason' operator entry redact "$ENTRY" --field reason --reason again
expect 3 'event is not taken out' operator entry redact "$ENTRY" --field event --reason r
expect 3 'by is not taken out' operator entry redact "$ENTRY" --field by --reason r
ok "redact__field_in_the_store__gone_and_the_rest_proved"

host_stop one
verifier_stop
printf '%d passed, 0 failed\n' "$CHECKS"
