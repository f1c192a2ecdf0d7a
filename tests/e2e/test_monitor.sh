#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# assay log monitor --watch: entries about a workload that its owner did not make, and entries that the verifier hides.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
verifier_start
printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/logs"
me=$(operator whoami --json | python3 -c 'import json,sys; print(next(v for v in json.load(sys.stdin).values() if str(v).startswith("spiffe://")))')
mkdir -p "$W/releases" "$W/agent"
cp /bin/true "$W/agent/program"

release_of() { # WORKLOAD
	local at=$W/releases/$1
	cat >"$at.spec" <<-YAML
		workload: $1
		command: [$W/agent/program]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/program
		credentials: [x509]
	YAML
	cat >"$at.yaml" <<-YAML
		release: $1
		version: 1.0.0
		workload: $at.spec
		owner: tests
		author: bob
		purpose: tests
		risk_class: low
	YAML
	assay release create "$at.yaml" --key "$W/keys/builder" --out "$at.dsse" 2>/dev/null
	operator release publish "$at.dsse" >/dev/null
	operator release approve "$at.dsse" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
		--out "$at.approval" 2>/dev/null
	operator release publish "$at.approval" >/dev/null
}
for name in mine theirs; do
	operator workload add $name --class low --env prod --owner tests --purpose tests >/dev/null
	release_of $name
done

watch_write() { # FILE OPERATORS KEY
	cat >"$1" <<-YAML
		watch:
		  - workload: mine
		    operators: [$2]
		    release_keys: [$3]
		policies: [verifier, "$me"]
	YAML
}
watch_write "$W/watch.yaml" "\"$me\", verifier" keys/builder.pub
monitor() { operator log monitor --policy "$W/logs" "$@"; }
expect 0 'entries opened, 0 warnings' monitor --state "$W/m1" --watch "$W/watch.yaml"
expect 0 '"warnings":\[\]' monitor --state "$W/m1" --watch "$W/watch.yaml" --json
ok "what its owner made is no news"

watch_write "$W/others.yaml" '"spiffe://bank.example/operator/ci/somebody"' keys/builder.pub
expect 1 "warning.*: leaf [0-9]+, release: release about mine by $me, who may not" monitor --state "$W/m2" --watch "$W/others.yaml"
grep -q ' approval: approval about mine by ' "$W/out" || die "the approval is not told of"
grep -q ' workload: workload about mine by ' "$W/out" || die "the registration is not told of"
grep -q theirs "$W/out" && die "somebody else's workload is told of"
expect 0 ' 0 warnings' monitor --state "$W/m2" --watch "$W/others.yaml"
ok "entries_that_the_owner_did_not_make__warned_of"

watch_write "$W/keys.yaml" "\"$me\", verifier" keys/alice.pub
expect 1 'release of release [0-9a-f]{16}…: not signed by a key of its owner' monitor --state "$W/m3" --watch "$W/keys.yaml"
ok "release_signed_by_another_key__warned_of"

# What the verifier shows of an entry is changed behind its back, past the triggers that forbid it.
change() { # SQL
	python3 - "$W/verifier/verifier.db" "$1" <<-'PYTHON'
		import sqlite3, sys
		with sqlite3.connect(sys.argv[1]) as db:
		    for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='leaves'").fetchall():
		        db.execute(f"DROP TRIGGER {name}")
		    assert db.execute(sys.argv[2]).rowcount == 1
	PYTHON
}
first=$(operator log monitor --policy "$W/logs" --state "$W/m4" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["size"])')
operator workload review mine --reason looked --next 2035-01-01 >/dev/null
change "UPDATE leaves SET content=NULL WHERE idx=$first"
expect 1 "leaf $first, workload: the verifier does not open it" monitor --state "$W/m4" --watch "$W/watch.yaml"
operator workload review mine --reason again --next 2035-01-02 >/dev/null
change "UPDATE leaves SET content=x'7b7d' WHERE idx=$((first + 1))"
expect 1 "leaf $((first + 1)), workload: the verifier opens it to something else" monitor --state "$W/m4" --watch "$W/watch.yaml"
expect 0 ' 0 warnings' monitor --state "$W/m4" --watch "$W/watch.yaml"
ok "entry_that_the_verifier_hides_or_lies_about__warned_of"

printf 'watch:\n  - workload: mine\n    operators: []\n    colour: red\n' >"$W/bad.yaml"
expect 3 'bad.yaml:4.*unknown key' monitor --state "$W/m5" --watch "$W/bad.yaml"
printf 'watch:\n  - {workload: mine, operators: [], release_keys: [nowhere.pub]}\n' >"$W/bad.yaml"
expect 3 'release_keys: nowhere.pub' monitor --state "$W/m5" --watch "$W/bad.yaml"
ok "a watch file says what is wrong with it"
printf '%d passed, 0 failed\n' "$CHECKS"
