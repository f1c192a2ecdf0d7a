#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Keys followed by others with an overlap, and a content key that takes two of three operators: docs/operations.md,
# "Keys that are followed by others" and "Unsealing by m of n operators".
. "$(dirname "$0")/lib.sh"
command -v ssss-split >/dev/null || { echo "skipped: ssss is not installed"; exit 77; }
world_open
tpm_make one
verifier_make
D=$W/verifier
cp "$D/ca.pem" "$W/pinned.pem" # what hosts and relying services have
setting() { # NAME VALUE
	sed -i "/^$1:/d" "$D/verifierd.yaml"
	[ -z "${2:-}" ] || printf '%s: "%s"\n' "$1" "$2" >>"$D/verifierd.yaml"
}
ready() { curl -sf --cacert "$W/pinned.pem" "https://127.0.0.1:$PORT/readyz"; }
start() {
	started "$W/verifier.log" assay-verifierd --config "$D/verifierd.yaml"
	VERIFIER_PID=$!
	until_ok ready || die "the verifier does not start"
}
again() { verifier_stop && start; }
start
host_start one
sed -i "s|^ca: .*|ca: $W/pinned.pem|" "$W/host-one/hostd.yaml"
host_again() {
	host_stop one
	started "$W/host-one/log" assay-hostd --config "$W/host-one/hostd.yaml"
	HOST_PID_one=$!
	until_ok host_assay one status || until_ok test -S "$W/host-one/run/hostd.sock"
	sleep 0.5
}
host_again
sleeper_make one 0.05 operator "credentials: [x509, jwt]" "audience: [test.example]"
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token"
launched() { expect 0 'trusted' host_assay one run quick && RECORD=$(sed -n 's/.*record \([0-9a-f]\{64\}\).*/\1/p' "$W/errors"); }
audited() { # RECORD CA: an auditor's view
	operator record get "$1" --out "$W/record.assay" 2>/dev/null || die "record $1 cannot be had"
	expect 0 '' assay audit "$W/record.assay" --ca "$2"
}
launched
FIRST=$RECORD
ok "a launch under the keys that init made"

# ---- the content key, for two of three operators ----
verifier_stop
(
	umask 077
	mkdir "$W/run"
	openssl rand -hex 32 >"$W/run/passphrase"
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | openssl pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA256 \
		-iter 600000 -passout "file:$W/run/passphrase" -out "$D/content2.key"
	ssss-split -t 2 -n 3 -w assay -x -q <"$W/run/passphrase" >"$W/shares" 2>/dev/null
)
[ "$(wc -l <"$W/shares")" = 3 ] || die "no three shares"
expect 0 'data keys were wrapped anew' assay-verifierd rotate-content-key --config "$D/verifierd.yaml" \
	--new-key "file:$D/content2.key?passphrase-file=$W/run/passphrase"
setting content_key "file:content2.key?passphrase-file=$W/run/passphrase"
rm "$W/run/passphrase" "$D/content.key"
expect 3 'content_key: .*passphrase-file: ' assay-verifierd --config "$D/verifierd.yaml"
combine() { ssss-combine -t 2 -x -q 2>&1 | tail -n 1; }
{ sed -n 1p "$W/shares"; sed -n 1p "$W/shares" | sed 's/^assay-1/assay-2/'; } | combine >"$W/run/passphrase"
expect 3 'encrypted key: not with this passphrase|expected one line' assay-verifierd --config "$D/verifierd.yaml"
for pair in '1p;2p' '1p;3p' '2p;3p'; do
	sed -n "$pair" "$W/shares" | combine >"$W/run/passphrase"
	expect 0 'in order' assay-verifierd --config "$D/verifierd.yaml" --check
done
start
rm "$W/run/passphrase"
launched
audited "$FIRST" "$W/pinned.pem"
ok "the content key opens for any two of three operators, and not for one"
sed -n '2p;3p' "$W/shares" | combine >"$W/run/passphrase"

# ---- the ledger's key ----
openssl genpkey -algorithm ed25519 -out "$D/log2.key"
ORIGIN=$(cut -d+ -f1 "$D/log.pub")
assay log key "$ORIGIN" --key "$D/log2.key" >"$D/log2.pub"
for n in '' 2; do
	printf 'log %s\nquorum none\n' "$(cat "$D/log$n.pub")" >"$W/policy$n"
done
follow() { expect "$1" "${3:-}" operator log monitor --policy "$W/policy$2" --state "$W/state$2"; }
follow 0 ''
follow 1 2 'signed by no known log'
setting log_key_also file:log2.key
again
launched
follow 0 ''
follow 0 2
ok "overlap: the ledger is followed by the old key and by the new one"
setting log_key file:log2.key
setting log_key_also file:log.key
again
launched
follow 0 ''
setting log_key_also
again
launched
follow 0 2
follow 1 '' 'signed by no known log'
events() { # of the ledger's entries on keys, what their contents say
	curl -sf --cacert "$W/pinned.pem" --cert "$D/operator/cert.pem" --key "$D/operator/key.pem" "https://127.0.0.1:$PORT/v1/entries?type=key" |
		python3 -c '
import base64, json, sys
for entry in json.load(sys.stdin)["entries"]:
    print(base64.b64decode(entry["content"]).decode(errors="replace"))'
}
[ "$(events | grep -c '"log-key"')" = 2 ] || die "the ledger does not say when its key began and when the old one ended: $(events)"
ok "the new key alone: who knows the new one follows on from what he had seen"
audited "$FIRST" "$W/pinned.pem"

# ---- the CA ----
operator record get "$FIRST" --out "$W/before.assay" 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$D/ca2.key"
openssl req -x509 -new -key "$D/ca2.key" -days 3650 -subj '/CN=Assay CA 2 bank.example' -out "$D/ca2.pem" \
	-addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
	-addext subjectAltName=URI:spiffe://bank.example
chmod 600 "$D/ca2.key"
cp "$D/ca.pem" "$D/ca1.pem"
issuer_of_run() { # who issued the certificate of a launch
	rm -rf "$W/kept"
	mkdir "$W/kept"
	expect 0 'trusted' host_assay one run quick --credentials "$W/kept"
	openssl x509 -in "$W/kept/svid.pem" -noout -issuer
	[ "$(grep -c BEGIN "$W/kept/bundle.pem")" = "$1" ] || die "the bundle has not $1 CAs"
}
# First everybody knows both, and the old one issues.
cat "$D/ca1.pem" "$D/ca2.pem" >"$D/ca.pem"
cp "$D/ca.pem" "$W/pinned.pem"
cp "$D/ca.pem" "$D/operator/ca.pem"
again
host_again
issuer_of_run 2 | grep -q 'Assay CA bank.example' || die "the old CA does not issue"
cp "$W/kept/svid.pem" "$W/svid1.pem"
ok "both CAs are known, the old one issues"
# Then the new one issues; what the old one issued counts until it ends.
cat "$D/ca2.pem" "$D/ca1.pem" >"$D/ca.pem"
setting ca_key file:ca2.key
setting ca_key_before file:ca.key
ca_id() { openssl x509 -in "$1" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1; }
list_of() { # CA-CERTIFICATE: whether that CA's list is served, signed by it
	curl -sf --cacert "$W/pinned.pem" "https://127.0.0.1:$PORT/crl/$(ca_id "$1")" -o "$W/list.crl" &&
		openssl crl -inform DER -in "$W/list.crl" -CAfile "$1" -noout 2>&1 | grep -q 'verify OK'
}
ocsp_of() { # CERTIFICATE CA-CERTIFICATE: what is said of it to a service that believes that CA alone
	openssl ocsp -issuer "$2" -cert "$1" -reqout "$W/request" >/dev/null 2>&1
	curl -sf --cacert "$W/pinned.pem" -H 'Content-Type: application/ocsp-request' --data-binary "@$W/request" \
		"https://127.0.0.1:$PORT/ocsp" -o "$W/response"
	openssl ocsp -no_nonce -respin "$W/response" -reqin "$W/request" -issuer "$2" -cert "$1" -CAfile "$2"
}
service_certificate() { # NAME CN EXTENSIONS
	openssl req -new -key "$D/$1.key" -subj "/CN=$2" | openssl x509 -req -CA "$D/ca2.pem" -CAkey "$D/ca2.key" -days 730 \
		-extfile <(printf 'basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n%b\n' "$3") -out "$D/$1.new" 2>/dev/null
	mv "$D/$1.new" "$D/$1.pem"
}
service_certificate tls 'Assay verifier' 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,IP:127.0.0.1'
cp "$D/signing.pem" "$W/signing1.pem"
service_certificate signing 'Assay records and tokens' 'subjectAltName=URI:spiffe://bank.example/verifier'
cat "$W/signing1.pem" >>"$D/signing.pem" # records of before name it
again
issuer_of_run 2 | grep -q 'Assay CA 2 bank.example' || die "the new CA does not issue"
launched
audited "$RECORD" "$D/ca2.pem"
audited "$FIRST" "$D/ca1.pem"
expect 0 '' assay audit "$W/before.assay" --ca "$D/ca1.pem"
list_of "$D/ca1.pem" || die "the old CA has no list of its own"
list_of "$D/ca2.pem" || die "the new CA has no list of its own"
cp "$W/kept/svid.pem" "$W/svid2.pem"
for n in 1 2; do
	expect 0 'Response verify OK' ocsp_of "$W/svid$n.pem" "$D/ca$n.pem"
	expect 0 "svid$n.pem: good" ocsp_of "$W/svid$n.pem" "$D/ca$n.pem"
done
HOST=$(operator host list --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["hosts"][0]["id"])')
expect 0 '' operator host quarantine "$HOST" --reason tests
for n in 1 2; do
	expect 0 "svid$n.pem: revoked" ocsp_of "$W/svid$n.pem" "$D/ca$n.pem"
done
crl_of() { list_of "$1" && openssl crl -inform DER -in "$W/list.crl" -noout -text; }
serial_of() { openssl x509 -in "$1" -noout -serial | sed s/serial=//; }
for n in 1 2; do
	crl_of "$D/ca$n.pem" >"$W/list$n"
	grep -q "$(serial_of "$W/svid$n.pem")" "$W/list$n" || die "what CA $n issued is not on its list"
	! grep -q "$(serial_of "$W/svid$((3 - n)).pem")" "$W/list$n" || die "what the other CA issued is on the list of CA $n"
done
expect 0 '' operator host confirm "$HOST" --reason tests
ok "the new CA issues; host and operator go on with what the old one issued"
# When nothing of the old one is left, it goes.
expect 0 '' host_assay one enroll
expect 0 '' assay-verifierd issue-operator --config "$D/verifierd.yaml" --role admin --name olga --out "$D/operator2"
cp "$D/ca2.pem" "$D/ca.pem"
cp "$D/ca2.pem" "$W/pinned.pem"
expect 3 'ca_key_before: .*: not the private key of a CA behind the first' assay-verifierd check --config "$D/verifierd.yaml"
setting ca_key_before
again
! list_of "$D/ca1.pem" || die "a list of the old CA is served still"
expect 1 'Response Verify Failure' ocsp_of "$W/svid1.pem" "$D/ca1.pem"
host_again
issuer_of_run 1 | grep -q 'Assay CA 2 bank.example' || die "the new CA does not issue"
cp "$D/ca2.pem" "$D/operator/ca.pem"
expect 3 '' operator host list
cp "$D/ca2.pem" "$D/operator2/ca.pem"
expect 0 'active' assay host list --config "$D/operator2/config.yaml"
assay record get "$FIRST" --out "$W/first.assay" --config "$D/operator2/config.yaml" 2>/dev/null
expect 0 '' assay audit "$W/first.assay" --ca "$D/ca1.pem"
ok "the old CA is gone: its operator's certificate opens nothing, the new ones do"
