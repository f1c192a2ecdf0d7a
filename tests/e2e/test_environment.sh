#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A risk class has the values of environments kept for its auditors: who does not keep them does not launch, and whoever holds
# the auditors' key, and nobody else, reads them years later out of an audit file.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$W/auditors.key" 2>/dev/null
openssl pkey -in "$W/auditors.key" -pubout -out "$W/auditors.pub"
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$W/other.key" 2>/dev/null
printf '    environment_key: |\n%s\n' "$(sed 's/^/      /' "$W/auditors.pub")" >>"$W/verifier/policy.yaml"
expect 0 'the values of its environment are kept in the launch record, sealed for key' assay policy explain "$W/verifier/policy.yaml" --class low
verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
host_assay one enroll --token-file "$W/token" --name host-one >/dev/null
operator workload add env-agent --class low --env prod --owner tests --purpose "looks at its environment" >/dev/null

mkdir "$W/agent"
printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { puts(getenv("TOKEN_HINT")); return 0; }\n' | cc -x c -o "$W/agent/program" -
release() { # VERSION, spec's last lines from standard input
	{
		cat <<-YAML
			workload: env-agent
			command: [$W/agent/program]
			components:
			  - {name: program, role: binary, path: $W/agent/program}
			environment:
			  - {name: MODE, value: quiet}
			  - {name: TOKEN_HINT, from: caller}
			credentials: [x509]
		YAML
		cat
	} >"$W/host-one/workloads/env-agent.yaml"
	release_beside "$W/host-one/workloads/env-agent.yaml" "$1" operator "model_version: none-1.0"
}
export TOKEN_HINT="second vault, third shelf"
release 1.0.0 </dev/null
expect 1 'environment-not-kept|kept for key' host_assay one run env-agent
ok "a launch that keeps nothing is refused"

release 1.1.0 < <(printf 'environment_key: |\n%s\n' "$(openssl pkey -in "$W/other.key" -pubout | sed 's/^/  /')")
expect 1 'kept for key' host_assay one run env-agent
ok "so is one that keeps them for somebody else"

release 1.2.0 < <(printf 'environment_key: |\n%s\n' "$(sed 's/^/  /' "$W/auditors.pub")")
expect 0 'second vault, third shelf' host_assay one run env-agent
record=$(operator record list --workload env-agent --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["records"][0]["id"])')
operator record export "$record" --out "$W/launch.assay" 2>/dev/null
expect 0 'environment values.*kept in the launch record' assay audit "$W/launch.assay" --ca "$W/verifier/ca.pem"
grep -q 'second vault' "$W/launch.assay" && die "a value stands in the clear"
expect 0 'kept for key [0-9a-f]{64} \(--decrypt opens them\)' assay record show "$W/launch.assay" --launch
grep -q 'vault' "$W/out" && die "a value is shown without the key"
expect 0 'TOKEN_HINT=second vault, third shelf' assay record show "$W/launch.assay" --launch --decrypt "file:$W/auditors.key"
grep -q 'MODE=quiet' "$W/out" && grep -q 'are those that the digests are of' "$W/out" || die "not all values are shown and checked"
expect 0 '"TOKEN_HINT": *"second vault, third shelf"' assay record show "$W/launch.assay" --launch --decrypt "file:$W/auditors.key" --json
expect 1 'sealed for another key than this one' assay record show "$W/launch.assay" --launch --decrypt "file:$W/other.key"
expect 2 '.decrypt is of --launch' assay record show "$W/launch.assay" --decrypt "file:$W/auditors.key"
grep -rqa 'second vault' "$W/host-one/state" "$W/verifier" && die "a value lies in the clear at the host or the verifier"
ok "the auditors' key opens them, and each is what the launch record has a digest of"

# ---- a copy for somebody who is not to see all of it ----

redact() { assay record redact "$W/launch.assay" --out "$W/redacted.assay" "$@"; }
expect 2 'withhold is needed' redact
expect 2 'lies inside the evidence' redact --withhold firmware-log
expect 2 'holds no such object' redact --withhold statements
expect 0 '1 objects withheld' redact --withhold evidence
[ "$(stat -c %s "$W/redacted.assay")" -lt "$(stat -c %s "$W/launch.assay")" ] || die "nothing was taken out"
audit() { assay audit "$W/redacted.assay" --ca "$W/verifier/ca.pem" "$@"; }
expect 3 'WITHHELD IN PART' audit
grep -q 'proven .*record signature' "$W/out" && grep -q 'proven .*inclusion in the ledger' "$W/out" || die "what is there is not proven"
grep -q 'not checked .*verdict: withheld' "$W/out" || die "what is not there is not said to be withheld"
expect 3 '"withheld":1' assay-audit "$W/redacted.assay" --ca "$W/verifier/ca.pem" --json
expect 3 'holds no evidence' assay record show "$W/redacted.assay" --launch
expect 0 '2 objects withheld' redact --withhold approvals --withhold release
expect 3 'proven +quote' audit
grep -q 'not checked .*approvals: withheld' "$W/out" || die "withheld approvals are not said to be"
expect 0 '3 objects withheld' assay record redact "$W/redacted.assay" --withhold verdict --out "$W/more.assay"
expect 1 'FAILED.*record signature' assay audit "$W/more.assay" --key "$W/keys/builder.pub"
ok "a redacted file proves what is in it, says what is withheld, and answers nothing"
