#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# hostd_survives__verifier_away_hostd_killed_files_changed__no_identity_lost_or_inherited: the verifier is away for a while and
# comes back; hostd gets SIGKILL and is started again, and the agent goes on under its identity, renewed; a file that is not
# pinned changes and the agent is distrusted at once; a refusal freezes the agent, which is then stopped; an agent that
# ends while no hostd runs has its exit in the log.
. "$(dirname "$0")/lib.sh"
CREDENTIAL_LIFETIME=60s RENEW_AFTER=2s
world_open
tpm_make one
verifier_make
sed -i '$a\    on_refusal: freeze\n    on_lease_end: freeze' "$W/verifier/policy.yaml"
verifier_start
host_start one
mkdir -p "$W/agent" "$W/model"
cp /bin/dash "$W/agent/dash"
seq 10000 26666 >"$W/weights" # an x is in none of it
cp "$W/weights" "$W/model/weights"
cat >"$W/host-one/workloads/waiter.yaml" <<-EOF
	workload: waiter
	command: [$W/agent/dash, -c, 'echo started; read line; echo ended']
	components:
	  - name: program
	    role: binary
	    path: $W/agent/dash
	  - name: model
	    role: model
	    path: $W/model/weights
	    present: measure-only
	credentials: [x509, jwt]
	audience: [test.example]
EOF
operator host invite --out "$W/token" 2>/dev/null
host_assay one enroll --token-file "$W/token" >/dev/null
operator workload add waiter --class low --env prod --owner tests --purpose "waits for a line" >/dev/null
cat >"$W/waiter.yaml" <<-EOF
	release: waiter
	version: 1.0.0
	workload: $W/host-one/workloads/waiter.yaml
	owner: tests
	author: bob
	purpose: waits for a line
	risk_class: low
EOF
assay release create "$W/waiter.yaml" --key "$W/keys/builder" --out "$W/waiter.dsse" 2>/dev/null
operator release publish "$W/waiter.dsse" --json >"$W/published"
RELEASE=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["digest"])' "$W/published")
operator release approve "$W/waiter.dsse" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
	--out "$W/approval.dsse" 2>/dev/null
operator release publish "$W/approval.dsse" >/dev/null
cp "$W/waiter.dsse" "$W/host-one/workloads/waiter.release"

agent_start() { # the agent waits for a line from descriptor 7
	rm -f "$W/line"
	mkfifo "$W/line"
	exec 7<>"$W/line"
	: >"$W/agent.out"
	ASSAY_HOSTD_SOCKET=$W/host-one/run/hostd.sock assay run waiter <"$W/line" >"$W/agent.out" 2>"$W/agent.err" &
	AGENT=$!
	PIDS+=("$AGENT")
	until_ok grep -q started "$W/agent.out" || { cat "$W/agent.err"; die "the agent did not start"; }
	until_ok state_is trusted || die "the agent is not trusted"
}
status() { # KEY of the one instance; empty without one
	host_assay one status --json | python3 -c 'import json, sys
all = json.load(sys.stdin)["instances"]
print(all[0][sys.argv[1]] if all else "")' "$1"
}
state_is() { [ "$(status state)" = "$1" ]; }
held_is() { [ "$(status held)" = "$1" ]; }
record_is_not() { [ "$(status record)" != "$1" ]; }
log_has() { grep -q -- "$1" "$W/host-one/log"; }
host_kill() {
	kill -9 "$HOST_PID_one"
	wait "$HOST_PID_one" 2>/dev/null || true
	rm -f "$W/host-one/run/hostd.sock"
}

agent_start
instance=$(status instance)
record=$(status record)
until_ok record_is_not "$record" || die "not renewed"
for name in assay-hostd watcher renewer; do
	[ "$(cat "/proc/$HOST_PID_one/task/"*/comm | grep -cx "$name")" = 1 ] || die "no thread $name, or several"
done
ok "an agent runs and is renewed"

verifier_stop
until_ok state_is unreachable || die "the verifier is away, and the agent is $(status state)"
[ -s "$(status credentials)/bundle.pem" ] || die "its credentials are gone although they are valid"
verifier_start
until_ok state_is trusted || die "the verifier is back, and the agent is $(status state)"
ok "the verifier away and back: unreachable, then trusted again"

host_kill
kill -0 "$AGENT" || die "the agent did not outlive hostd"
host_start one
[ "$(status instance)" = "$instance" ] || die "the agent was not adopted"
state_is trusted || die "the adopted agent is $(status state)"
record=$(status record)
until_ok record_is_not "$record" || die "the adopted agent was not renewed"
log_has "instance adopted" || die "the log does not tell of the adoption"
ok "hostd killed and started again: the agent is adopted and renewed"

host_kill
verifier_stop
host_start one
until_ok state_is unreachable || die "adopted without a verifier, and $(status state)"
verifier_start
until_ok state_is trusted || die "the verifier came back, and the agent is $(status state)"
ok "hostd started again while the verifier is away"

printf 'x' | dd of="$W/model/weights" conv=notrunc bs=1 2>/dev/null
began=$(date +%s%3N)
until state_is untrusted; do
	[ $(($(date +%s%3N) - began)) -lt 5000 ] || die "a changed file was not noticed"
done
[ -z "$(ls -A "$(status credentials)")" ] || die "it has credentials still"
held_is frozen || die "the class says freeze, and it is '$(status held)'"
host_assay one status | grep -q 'untrusted.*frozen.*measured, not pinned' || die "status does not show it"
echo >&7
sleep 0.3
! grep -q ended "$W/agent.out" || die "a frozen agent went on"
verifier_refused() { grep "decision .*outcome=untrusted.*$instance" "$W/verifier.log" | grep -q component; }
until_ok verifier_refused || die "the verifier was not told of the changed file"
ok "a file changed: distrusted and frozen at once, and the verifier refuses what it is told"

host_kill
host_start one
held_is frozen && state_is untrusted || die "frozen before the restart, and now $(status state) '$(status held)'"
expect 0 '' host_assay one stop "$instance"
wait "$AGENT" && die "the agent ended by itself" || [ $? = 137 ] || die "it was not killed"
! grep -q ended "$W/agent.out" || die "it was let run before it was killed"
until_ok state_is "" || die "it is listed still"
ok "frozen over a restart, then stopped"

cp "$W/weights" "$W/model/weights"
agent_start
operator release revoke "$RELEASE" --reason tests >/dev/null
until_ok state_is untrusted || die "revoked, and the agent is $(status state)"
until_ok held_is frozen || die "refused, and the agent is '$(status held)'"
[ -z "$(ls -A "$(status credentials)")" ] || die "it has credentials still"
instance=$(status instance)
host_kill
kill -9 "$AGENT"
wait "$AGENT" 2>/dev/null || true
host_start one
state_is "" || die "an agent that ended is listed"
grep "$instance" "$W/host-one/log" | grep -q 'instance ended' || die "its exit was forgotten"
ok "refused: frozen; ended while no hostd ran: its exit is recorded"
printf '1..%s\n' "$CHECKS"
