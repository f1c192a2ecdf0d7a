#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A right beyond the release's own: asked for, approved by two persons, carried by the next credentials, ended by itself, and
# told by the record; taken back at once when somebody says so.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
RENEW_AFTER=1s verifier_make
for key in bob eve; do key_make "$W/keys/$key"; done
openssl pkey -in "$W/verifier/operator/key.pem" -pubout -out "$W/keys/olga.pub"
python3 - "$W" <<'PYTHON'
import sys
w = sys.argv[1]
path = w + "/verifier/policy.yaml"
def pem(name):
    return "".join("        " + line + "\n" for line in open(f"{w}/keys/{name}.pub").read().splitlines())
persons = ""
for person, role, key in (("bob", "owner", "bob"), ("olga", "owner", "eve"), ("oscar", "owner", "olga")):
    persons += f"  - person: {person}\n    roles: [{role}]\n    keys:\n      - |\n{pem(key)}"
text = open(path).read().replace("risk_classes:\n", persons + "risk_classes:\n")
text += """    elevations:
      - name: delete-tickets
        entitlement: tickets.delete
        audiences: [tickets.bank.example]
        duration_max: 30m
        cool_down: 1s
        by_instance: true
        approvals:
          - role: model-risk
            count: 1
          - role: owner
            count: 1
"""
open(path, "w").write(text)
PYTHON
# Certificates then say where to ask about them, beside all else that they can say.
printf 'public_url: https://127.0.0.1:%s\n' "$PORT" >>"$W/verifier/verifierd.yaml"
verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
operator workload add quick --class low --env prod --owner tests --purpose "lives for a while" >/dev/null
expect 0 'elevation delete-tickets: lends tickets.delete, tokens for tickets.bank.example for at most 30m' \
	assay policy explain "$W/verifier/policy.yaml" --class low

mkdir "$W/agent"
printf '#include <unistd.h>\nint main(void) { sleep(120); return 0; }\n' | cc -x c -o "$W/agent/program" -
agent_spec() { # AUDIENCE
	cat >"$W/host-one/workloads/quick.yaml" <<-YAML
		workload: quick
		command: [$W/agent/program]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/program
		credentials: [x509, jwt]
		audience: [$1]
	YAML
}
release() { AUTHOR=dora release_beside "$W/host-one/workloads/quick.yaml" "$1" operator; }

agent_spec tickets.bank.example
release 0.9.0
expect 1 'elevation-audience: audience asked for' host_assay one run quick --explain
ok "an audience that is lent is no release's own"

agent_spec invoices.bank.example
release 1.0.0
mkdir "$W/credentials"
started "$W/agent.log" host_assay one run quick --credentials "$W/credentials"
AGENT=$!
until_ok test -s "$W/credentials/jwt-0.token" || die "the agent has no token: $(cat "$W/agent.log")"
claims() { # TOKEN: its claims
	python3 -c 'import base64,sys; p=open(sys.argv[1]).read().split(".")[1]; print(base64.urlsafe_b64decode(p+"="*(-len(p)%4)).decode())' "$1"
}
carried() { claims "$W/credentials/jwt-0.token" | grep -q '"elevations":\[{"approval":"[0-9a-f]\{64\}","entitlement":"tickets.delete","right":"delete-tickets"'; }
plain() { ! claims "$W/credentials/jwt-0.token" | grep -q elevations; }
extension() { openssl x509 -in "$W/credentials/svid.pem" -noout -text | grep -qi '2.25.214316547213749874312.3'; }
plain || die "a right that nobody lent"

# ---- asking ----
ask() { operator elevate request --workload quick --right delete-tickets --reason "ticket 4711 holds a passport" "$@"; }
expect 1 'lent for at most 1800 s' ask --for 2h
expect 3 'lends no right root' operator elevate request --workload quick --right root --for 5m --reason r
expect 3 'no active workload nobody' operator elevate request --workload nobody --right delete-tickets --for 5m --reason r
expect 2 'goes with --host' ask --for 5m --instance 00
expect 0 '^[0-9a-f]{32}$' ask --for 12s
ID=$(head -1 "$W/out")
expect 0 'asked +quick +delete-tickets' operator elevate list
ok "a request waits in the list"

word() { # WHAT ID PERSON ROLE KEY…
	local what=$1 id=$2 person=$3 role=$4 key=$5
	shift 5
	operator elevate "$what" "$id" --person "$person" --role "$role" --reason "I looked at 4711" --key "$W/keys/$key" "$@"
}
expect 1 'not signed by a key of this person' word approve "$ID" alice model-risk bob
expect 1 'by a person whom the policy does not name' word approve "$ID" mallory owner bob
expect 1 'in a role that this person does not have' word approve "$ID" alice owner alice
expect 1 'by the one who asked' word approve "$ID" olga owner eve
expect 1 'by the one who asked' operator elevate approve "$ID" --person oscar --role owner --reason r --key "$W/verifier/operator/key.pem"
ok "who asked has no vote, by name or by key"
expect 0 '^asked' word approve "$ID" alice model-risk alice
expect 3 'alice as model-risk has approved it already' word approve "$ID" alice model-risk alice
plain || die "carried after one approval of two"
expect 0 'requester +spiffe://bank.example/' word approve "$ID" bob owner bob --out "$W/bob.dsse"
expect 0 'elevation .*: in-force' operator elevate publish "$W/bob.dsse"
expect 0 'approved by bob as owner, 12 s' operator elevate show "$ID"
expect 3 'is in force already' word approve "$ID" bob owner bob
until_ok carried || die "the renewed token does not carry it: $(claims "$W/credentials/jwt-0.token")"
extension || die "the certificate does not carry it"
[ "$(claims "$W/credentials/jwt-1.token" | grep -c '"aud":\["tickets.bank.example"\]')" = 1 ] || die "no token for what is lent"
claims "$W/credentials/jwt-0.token" >"$W/claims"
python3 -c 'import json,sys; c=json.load(open(sys.argv[1])); u=c["assay"]["elevations"][0]["until"]; assert c["exp"] <= u, (c, u)' "$W/claims" ||
	die "the token outlives the right"
RECORD=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["assay"]["decision"])' "$W/claims")
APPROVAL=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["assay"]["elevations"][0]["approval"])' "$W/claims")
expect 0 "approval +$APPROVAL" operator elevate show "$ID"
ok "the next credentials carry it, and end before it does"

# ---- by itself ----
expect 3 'at most 1 at one time' ask --for 10s
until_ok plain || die "it does not end by itself"
extension && die "the certificate carries what is over"
ended() { operator elevate show "$ID" | grep -q '^elevation .*: ended'; }
until_ok ended || die "its end is not told"
operator elevate show "$ID" >"$W/out"
grep -Eq 'why +its time is over' "$W/out" || die "why it ended is not said"
kill -0 "$AGENT" || die "the agent ended with its right"
ok "it ends by itself, and the agent goes on"

# ---- what remains ----
operator record export "$RECORD" --out "$W/lent.assay" 2>/dev/null
expect 0 'proven +elevations: .*delete-tickets until .*approved by alice as model-risk, bob as owner' assay audit "$W/lent.assay" --ca "$W/verifier/ca.pem"
expect 0 'elevations .*"approval":"'"$APPROVAL"'"' operator record show "$RECORD"
assay record show "$W/lent.assay" --json | grep -q '"entitlement":"tickets.delete"' || die "the record does not show what was lent"
operator audit timeline quick >"$W/timeline" 2>/dev/null
for told in 'right delete-tickets asked for, for 12 s, by spiffe://bank.example/operator/admin/olga: ticket 4711' 'approved by bob as owner' \
	'right delete-tickets lent until .*, approved by alice as model-risk, bob as owner' 'ended: its time is over'; do
	grep -q "$told" "$W/timeline" || { cp "$W/timeline" "$W/out"; die "not in the ledger: $told"; }
done
ok "the audit of the record proves who approved"
operator audit package --workload quick --from 2020-01-01T00:00:00Z --out "$W/x.assay-package" --sign-key "$W/keys/alice" >/dev/null 2>"$W/out" ||
	die "no package"
assay audit timeline --package "$W/x.assay-package" --ca "$W/verifier/ca.pem" >"$W/offline" 2>"$W/out" || die "the package tells no story"
for told in 'right delete-tickets asked for' 'approved by bob as owner' 'right delete-tickets lent until' 'ended: its time is over'; do
	grep -q "$told" "$W/offline" || { cp "$W/offline" "$W/out"; die "not in the package: $told"; }
done
ok "a package tells what was lent too"

# ---- replayed, denied, revoked ----
sleep 1
expect 0 '' ask --for 5m
SECOND=$(head -1 "$W/out")
expect 0 'elevation .*: ended' operator elevate publish "$W/bob.dsse" # the very same word: nothing new
curl_word() { # ID FILE: somebody else's word on it
	curl -sS --cacert "$W/verifier/ca.pem" --cert "$W/verifier/operator/cert.pem" --key "$W/verifier/operator/key.pem" \
		-H 'Content-Type: application/vnd.dsse.envelope.v1+json' --data-binary "@$2" "https://127.0.0.1:$PORT/v1/elevations/$1/words"
}
expect 0 'elevation refused: of another request' curl_word "$SECOND" "$W/bob.dsse"
expect 0 '^denied' word deny "$SECOND" bob owner bob
expect 3 'the elevation is denied: denied by bob as owner' word approve "$SECOND" alice model-risk alice
ok "a denial ends a request"

expect 0 '' ask --for 5m
THIRD=$(head -1 "$W/out")
word approve "$THIRD" alice model-risk alice >/dev/null 2>&1
expect 0 '^in-force' word approve "$THIRD" bob owner bob
until_ok carried || die "the third is not carried"
cp "$W/credentials/svid.pem" "$W/lent.pem"
cp "$W/credentials/key.pem" "$W/lent.key"
whoami_lent() { curl -sS --fail --cacert "$W/verifier/ca.pem" --cert "$W/lent.pem" --key "$W/lent.key" "https://127.0.0.1:$PORT/v1/whoami"; }
expect 0 quick whoami_lent
expect 0 'elevation .*: revoked' operator elevate revoke "$THIRD" --reason "that was the wrong ticket"
expect 22 '403' whoami_lent
until_ok plain || die "carried after it was revoked"
expect 0 'why +that was the wrong ticket' operator elevate show "$THIRD"
ok "revoked: the credential that carries it is refused at once, the next comes without"

# ---- an instance for itself ----
instance_ask() {
	curl -sS --cacert "$W/verifier/ca.pem" --cert "$W/credentials/svid.pem" --key "$W/credentials/key.pem" \
		-H 'Content-Type: application/json' --data "$1" "https://127.0.0.1:$PORT/v1/elevations"
}
sleep 1
expect 0 '"state":"asked"' instance_ask '{"right":"delete-tickets","duration":60,"reason":"my own"}'
expect 0 'asks for itself alone' instance_ask '{"workload":"other","right":"delete-tickets","duration":60,"reason":"another one"}'
ok "an instance asks for itself, and for nobody else"

verifier_stop
printf '%d passed, 0 failed\n' "$CHECKS"
