#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trust ends, and programs that are not ours notice the first time they ask after the command answered: openssl's chain check with the
# list, openssl's OCSP client, and a Python program that reads the status list.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
printf 'public_url: https://127.0.0.1:%s\nrevocation_lifetime: 2m\n' "$PORT" >>"$W/verifier/verifierd.yaml"
verifier_start
host_start one
agent_make one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
HOST=$(operator host list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hosts"][0]["id"])')
URL=https://127.0.0.1:$PORT

launch() { # DIR
	mkdir "$W/$1"
	expect 0 'Orchard Bank' host_assay one run ocr-agent --credentials "$W/$1" -- "$ROOT/demo/invoice.png"
}
web() { curl -sf --cacert "$W/verifier/ca.pem" "$@"; }
now() { date +%s.%N; }

crl_get() {
	web "$URL/crl" -o "$W/crl.der" && openssl crl -inform DER -in "$W/crl.der" -out "$W/crl.pem"
}
chain() { # DIR: openssl's own judgement
	crl_get && openssl verify -crl_check -CAfile "$W/verifier/ca.pem" -CRLfile "$W/crl.pem" "$W/$1/svid.pem"
}
ocsp() { # DIR
	openssl ocsp -issuer "$W/verifier/ca.pem" -cert "$W/$1/svid.pem" -reqout "$W/request" >/dev/null 2>&1
	web -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request" "$URL/ocsp" -o "$W/response"
	openssl ocsp -no_nonce -respin "$W/response" -reqin "$W/request" -issuer "$W/verifier/ca.pem" -cert "$W/$1/svid.pem" \
		-CAfile "$W/verifier/ca.pem"
}
# A relying service that knows the draft and nothing of us: the token's status claim, the list's signature by the JWK, its bit.
status() { # DIR
	web "$URL/v1/jwks" -o "$W/jwks"
	python3 - "$W/$1/jwt-0.token" "$W/jwks" "$W/verifier/ca.pem" <<-'CHECK'
		import base64, json, ssl, sys, urllib.request, zlib
		from cryptography.hazmat.primitives.asymmetric import ec, utils
		from cryptography.hazmat.primitives import hashes
		def part(s): return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))
		def opened(token, typ):
		    head, body, signature = token.split(".")
		    header = json.loads(part(head))
		    assert header["typ"] == typ and header["alg"] == "ES256", header
		    jwk = next(k for k in json.load(open(sys.argv[2]))["keys"] if k["kid"] == header["kid"])
		    n = lambda b: int.from_bytes(b, "big")
		    key = ec.EllipticCurvePublicNumbers(n(part(jwk["x"])), n(part(jwk["y"])), ec.SECP256R1()).public_key()
		    raw = part(signature)
		    key.verify(utils.encode_dss_signature(n(raw[:32]), n(raw[32:])), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
		    return json.loads(part(body))
		place = opened(open(sys.argv[1]).read().strip(), "JWT")["status"]["status_list"]
		context = ssl.create_default_context(cafile=sys.argv[3])
		answer = urllib.request.urlopen(place["uri"], context=context)
		assert answer.headers["Content-Type"] == "application/statuslist+jwt", answer.headers["Content-Type"]
		listed = opened(answer.read().decode(), "statuslist+jwt")
		assert listed["sub"] == place["uri"] and listed["iat"] < listed["exp"] and listed["ttl"] > 0, listed
		assert listed["status_list"]["bits"] == 1
		bits = zlib.decompress(part(listed["status_list"]["lst"]))
		print("status", bits[place["idx"] // 8] >> place["idx"] % 8 & 1)
	CHECK
}

launch first
expect 0 'svid.pem: OK' chain first
expect 0 'svid.pem: good' ocsp first
expect 0 '^status 0$' status first
expect 0 "URI:$URL/crl" openssl x509 -in "$W/first/svid.pem" -noout -ext crlDistributionPoints
expect 0 "OCSP - URI:$URL/ocsp" openssl x509 -in "$W/first/svid.pem" -noout -ext authorityInfoAccess
ok "credentials__while_trusted__believed_by_openssl_and_python"

# A subscriber waits before it happens.
AS_OPERATOR=(--cert "$W/verifier/operator/cert.pem" --key "$W/verifier/operator/key.pem")
(web "${AS_OPERATOR[@]}" "$URL/v1/events" -o "$W/events"; now >"$W/heard") &
SUBSCRIBER=$!
sleep 1
operator host quarantine "$HOST" --reason "stolen" >/dev/null
ANSWERED=$(now)
wait "$SUBSCRIBER"
grep -q '"state":"quarantined"' "$W/events" || die "the subscriber did not hear of it"
python3 -c 'import sys; ms = (float(sys.argv[2]) - float(sys.argv[1])) * 1000; print("heard %.0f ms after the answer" % ms)' \
	"$ANSWERED" "$(cat "$W/heard")"
chain first >"$W/out" 2>&1 && die "openssl still believes it"
grep -q 'certificate revoked' "$W/out" || die "openssl does not say why"
CRL_AT=$(now)
expect 0 'svid.pem: revoked' ocsp first
grep -q 'Revocation Time' "$W/out" || die "no time"
OCSP_AT=$(now)
expect 0 '^status 1$' status first
STATUS_AT=$(now)
openssl crl -in "$W/crl.pem" -noout -text | grep -q 'Privilege Withdrawn' || die "no reason on the list"
# No check was asked twice: the first list, answer and status list after the command said it. The times are those of whole
# programs, on a machine that others may use.
python3 - "$ANSWERED" "$CRL_AT" "$OCSP_AT" "$STATUS_AT" <<-'TIMES'
	import sys
	t = list(map(float, sys.argv[1:]))
	print("refused by the list %.0f ms after the answer, by OCSP %.0f ms later, by the status list %.0f ms later"
	      % tuple((b - a) * 1000 for a, b in zip(t, t[1:])))
TIMES
web "$URL/crl" -o /dev/null -w 'the list itself is served in %{time_total} s\n'
ok "quarantine__answered__refused_everywhere_the_first_time"

NUMBER=$(openssl crl -in "$W/crl.pem" -noout -crlnumber | cut -d= -f2)
verifier_stop
verifier_start
chain first >"$W/out" 2>&1 && die "after a restart it is believed again"
[ "$(openssl crl -in "$W/crl.pem" -noout -crlnumber | cut -d= -f2)" = "$NUMBER" ] || die "another number though nothing changed"
expect 0 'svid.pem: revoked' ocsp first
expect 0 '^status 1$' status first
ok "restart__nothing_changed__same_list_same_answers"

expect 0 'ocr-agent +demo-host' operator instance list --state quarantined
INSTANCE=$(operator instance list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["instances"][0]["instance"])')
expect 0 'quarantined +host-quarantined' operator instance history "$INSTANCE"
expect 0 'state +quarantined' operator instance show "$INSTANCE"
expect 0 'first seen \(reset' operator host show "$HOST"
expect 0 'quarantined +quarantined' operator host list
ok "agents__of_a_quarantined_host__shown_as_quarantined_with_history"

operator host confirm "$HOST" --reason "found again" >/dev/null
host_assay one enroll --name demo-host >/dev/null 2>&1 || die "the host cannot come back"
launch second
expect 0 'svid.pem: OK' chain second
expect 0 '^status 0$' status second
operator release revoke "$RELEASE" --reason "a hole in it" >/dev/null
chain second >"$W/out" 2>&1 && die "its release was revoked"
expect 0 'svid.pem: revoked' ocsp second
expect 0 '^status 1$' status second
crl_get
[ $((16#$(openssl crl -in "$W/crl.pem" -noout -crlnumber | cut -d= -f2 | sed 's/^0x//'))) -gt $((16#${NUMBER#0x})) ] || die "the number does not rise"
ok "release_revoked__its_agents__refused_everywhere"

# A certificate that the CA's key signed and the service did not issue: no row, so unknown.
openssl ecparam -name prime256v1 -genkey -noout -out "$W/forged.key"
mkdir "$W/forged"
openssl req -new -key "$W/forged.key" -subj /CN=forged 2>/dev/null |
	openssl x509 -req -CA "$W/verifier/ca.pem" -CAkey "$W/verifier/ca.key" -days 1 -out "$W/forged/svid.pem" 2>/dev/null
expect 0 'svid.pem: unknown' ocsp forged
ok "certificate_never_issued_here__ocsp_says_unknown"

host_stop one
verifier_stop
printf '%d passed, 0 failed\n' "$CHECKS"
