#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A rollout from start to end over two hosts: one is in the canary, the other is not; an agent that fails halts it; rolled
# back, then another release promoted.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
tpm_make two
verifier_make
verifier_start
mkdir -p "$W/agent" "$W/releases"
for host in one two; do
	host_start $host
	operator host invite --out "$W/token-$host" 2>/dev/null
	host_assay $host enroll --token-file "$W/token-$host" --name "host-$host" >/dev/null
done
operator workload add quick --class low --env prod --owner tests --purpose "ends at once" >/dev/null

# A release of the workload: version and the program that it is.
release_of() { # VERSION PROGRAM
	local at=$W/releases/$1
	cp "$2" "$W/agent/program-$1"
	cat >"$at.spec" <<-YAML
		workload: quick
		command: [$W/agent/program-$1]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/program-$1
		credentials: [x509]
	YAML
	cat >"$at.yaml" <<-YAML
		release: quick
		version: $1
		workload: $at.spec
		owner: tests
		author: bob
		purpose: ends at once
		risk_class: low
	YAML
	assay release create "$at.yaml" --key "$W/keys/builder" --out "$at.dsse" 2>/dev/null
	operator release publish "$at.dsse" >/dev/null
	operator release approve "$at.dsse" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
		--out "$at.approval" 2>/dev/null
	[ "${3:-}" = unapproved ] || operator release publish "$at.approval" >/dev/null
}
deploy() { # HOST VERSION
	cp "$W/releases/$2.spec" "$W/host-$1/workloads/quick.yaml"
	cp "$W/releases/$2.dsse" "$W/host-$1/workloads/quick.release"
}
run_on() { # HOST VERSION
	deploy "$1" "$2"
	host_assay "$1" run quick --explain
}
field() { # EXPRESSION OF ROLLOUT
	operator rollout status quick --hosts --json | python3 -c "import json,sys; r = json.load(sys.stdin); print($1)"
}
host_id() { # NAME
	host_assay "$1" status --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["host"])'
}

# Programs that live long enough to be looked at, and then end well or badly.
for status in 0 1; do
	printf '#include <unistd.h>\nint main(void) { usleep(300000); return %s; }\n' "$status" | cc -x c -o "$W/ends-$status" -
done
release_of 1.0.0 "$W/ends-0"
release_of 2.0.0 "$W/ends-1" unapproved
expect 0 'trusted' run_on one 1.0.0
expect 0 'trusted' run_on two 1.0.0
ok "the old release runs on both hosts"

start() { operator rollout start "$W/releases/$1.dsse" "${@:2}"; }
for share in 0% 5%% '5.5 %' 1e9% 1e9 101% -5%; do
	expect 2 'expected a share like 5% or 0.25%' start 2.0.0 --soak 1h --canary "$share"
done
expect 2 'canary is needed' operator rollout start "$W/releases/2.0.0.dsse" --soak 1h
expect 2 'expected refusals=N' start 2.0.0 --soak 1h --canary 50% --abort-on crashes=3
expect 2 'expected a count' start 2.0.0 --soak 1h --canary 50% --abort-on refusals=0
expect 2 'expected a form' start 2.0.0 --canary 50% --soak 5y
expect 3 'not a release of workload quick' start 1.0.0 --soak 1h --canary 50% --from "$(printf '%064d' 0)"
ok "shares, limits and durations that make no sense: refused before anything is sent"

expect 1 'approval-missing' start 2.0.0 --soak 1h --canary 50%
operator release publish "$W/releases/2.0.0.approval" >/dev/null
ok "a release that does not pass the gate is not rolled out"

# Half of two hosts may be none or both: until it is one.
for _ in $(seq 60); do
	start 2.0.0 --canary 50% --soak 1h --abort-on failures=2 --reason "new program" >"$W/started"
	[ "$(field 'r["hosts"]["canary"]')" = 1 ] && break
	operator rollout rollback quick --reason "none or both" >/dev/null
done
grep -q 'canary     50%: 1 of 2 active hosts, 0 seen' "$W/started" || die "the canary is not told: $(cat "$W/started")"
IN=one OUT=two
[ "$(field 'r["canary_hosts"][0]')" = "$(host_id one)" ] || { IN=two; OUT=one; }
[ "$(field 'r["canary_hosts"][0]')" = "$(host_id $IN)" ] || die "the canary is no host of ours"
expect 0 '50% at|started at 50% by spiffe://bank.example/operator/admin/olga: new program' operator rollout status quick
expect 0 'quick  .*running' operator rollout status
ok "half of the hosts: one of two is the canary"

expect 1 'rollout-canary' run_on $OUT 2.0.0
grep -q 'run the release before it on this host' "$W/errors" "$W/out" || die "it is not said what to do"
expect 0 'trusted' run_on $OUT 1.0.0
expect 1 'canary 50%\): the new release, on a host of the canary' run_on $IN 2.0.0 # its program ends with 1
RECORD=$(grep -o 'record [0-9a-f]\{64\}' "$W/errors" | head -1 | cut -d' ' -f2)
expect 0 'trusted' run_on $IN 1.0.0
ok "the new release runs in the canary alone, the old one everywhere"

expect 1 'no host of the canary|the soak lasts' operator rollout promote quick
expect 2 'reason is needed' operator rollout promote quick --override
expect 2 'reason is needed' operator rollout halt quick
ok "nothing is promoted before its soak is over"

verifier_stop
verifier_start
[ "$(field 'r["state"] + str(r["counts"]["launches"])')" = running1 ] || die "the rollout did not outlive the verifier"
ok "a verifier that starts anew goes on with it"

expect 1 'trusted' run_on $IN 2.0.0
ended() { [ "$(field 'r["counts"]["ended"]')" = 2 ]; }
until_ok ended || die "the ends of two agents were not reported"
if [ "$(field 'r["counts"]["unknown"]')" = 0 ]; then
	[ "$(field 'r["state"]')" = halted ] || die "two failures did not halt it"
	expect 0 'halted at 50% by verifier: failures: 2, the limit is 2' operator rollout status quick
else
	operator rollout halt quick --reason "this kernel does not tell how a process ended" >/dev/null
fi
expect 1 'rollout-halted' run_on $IN 2.0.0
expect 0 'trusted' run_on $IN 1.0.0
ok "agents that fail halt the rollout by themselves"

expect 0 'rolled-back since' operator rollout rollback quick --reason "it fails"
expect 1 'rollout-rolled-back' run_on $IN 2.0.0
expect 0 'trusted' run_on $OUT 1.0.0
operator record get "$RECORD" --out "$W/record.assay" 2>/dev/null
expect 0 '^consistent: launch of quick .* trusted' assay audit "$W/record.assay" --ca "$W/verifier/ca.pem"
ok "rolled back; what the canary got before is audited offline"

release_of 3.0.0 "$W/ends-0"
expect 0 'canary     5%: ' start 3.0.0 --canary 5% --soak 2h --abort-on refusals=2% --abort-on failures=3
expect 0 '^soak       (2h|1h 59m) of 2h left' operator rollout status quick
expect 0 'refused \(halts at 2%\)' operator rollout status quick
expect 0 'canary     25%: ' operator rollout promote quick --canary 25%
expect 3 'only grows: it is 25% already' operator rollout promote quick --canary 5%
expect 0 'canary     100%: 2 of 2 active hosts' operator rollout promote quick --canary 100%
expect 0 'trusted' run_on $OUT 3.0.0
expect 1 'the soak lasts' operator rollout promote quick
expect 0 'promoted since' operator rollout promote quick --override --reason "urgent"
expect 0 'other releases renew until' operator rollout status quick
expect 3 'promoted: it cannot be halted' operator rollout halt quick --reason "late"
expect 1 'below the version floor' operator rollout rollback quick --reason "not yet"
OLD=$(field 'r["from"]["digest"]')
operator rollback approve "$OLD" --person alice --role model-risk --env prod --reason "not yet" \
	--key "$W/keys/alice" --out "$W/back" 2>/dev/null
operator workload rollback quick "$OLD" --reason "not yet" --approval "$W/back" >/dev/null
operator rollout rollback quick --reason "not yet" >/dev/null
ok "a canary grows to all hosts, and is promoted early only with a reason"

start 3.0.0 --canary 100% --soak 1s --auto --drain 0 >/dev/null
expect 0 'trusted' run_on $OUT 3.0.0
promoted() { [ "$(field 'r["state"]')" = promoted ]; }
until_ok promoted || die "it was not promoted by rule"
expect 0 'promoted at 100% by verifier: the soak is over' operator rollout status quick
expect 1 'rollout-release' run_on $OUT 1.0.0
expect 0 'trusted' run_on $IN 3.0.0
ok "a release whose soak is over is promoted by rule, and the one before it launches no more"
expect 0 'rolled-back since' operator rollout rollback quick --reason "after all"
expect 0 'trusted' run_on $IN 1.0.0
expect 1 'rollout-rolled-back' run_on $IN 3.0.0
ok "rolled back after the promotion"
printf '%d passed, 0 failed\n' "$CHECKS"
