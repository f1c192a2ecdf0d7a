#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Sigstore's JavaScript library: we verify what it signs, with key and with certificate, logged; it verifies what we sign.
# Its certificate authority and log are its own mock's.
. "$(dirname "$0")/lib.sh"
LOCK=$HERE/npm/package-lock.json
command -v node >/dev/null && command -v npm >/dev/null || skip "sigstore-js: node is not installed"
fill_sigstore_js() { cp "$HERE/npm/package.json" "$LOCK" "$1" && npm --prefix "$1" ci --ignore-scripts --no-audit --no-fund; }
tool sigstore_js "$LOCK"
theirs() { NODE_PATH=$TOOL/node_modules node "$HERE/npm/sigstore_driver.js" "$@"; }
NAME=https://ci.example/build.yml@refs/heads/main
ISSUER=https://issuer.example

cd "$W"
printf hello >file
printf other >other
printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"file","digest":{"sha256":"%s"}}],"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{"buildType":"https://x.example/1","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.example/builder"}}}}' \
	"$(sha256sum file | cut -c1-64)" >statement.json
expect 0 '' theirs sign . statement.json file
LOG=$(cat log.vkey)
ec_key wrong
ec_key wrong-log
WRONG_LOG=log.example+$(openssl pkey -pubin -in wrong-log.pub -outform DER | sha256sum | cut -c1-8)+$( (printf '\002'; openssl pkey -pubin -in wrong-log.pub -outform DER) | base64 -w0)

# Theirs to us, and what they say of the same, so that both judge the same thing.
ours() { assay provenance verify "$@"; }
certified() { ours "$1" --roots roots --identity "${4:-$NAME}" --issuer "${5:-$ISSUER}" --log-key "$3" --subject "$2"; }
for form in dsse-certificate dsse-chain dsse-intoto message-certificate; do
	expect 0 '' theirs verify $form.json file log=yes trust=. identity=$NAME
	expect 0 "identity +$NAME" certified $form.json file "$LOG"
	grep -qE 'logged_at +20' "$W/out" || die "the log's time is not read"
	refuses 'another file|other subjects' certified $form.json other "$LOG"
	expect 1 'no signature by log.example' certified $form.json file "$WRONG_LOG"
	refuses 'UNTRUSTED_SIGNER|certificate identity' theirs verify $form.json file log=yes trust=. identity=https://ci.example/other
	expect 1 'is not the one pinned' certified $form.json file "$LOG" https://ci.example/other
	expect 1 'issuer .* is not the one pinned' certified $form.json file "$LOG" $NAME https://issuer.other
done
ok "certificate__logged__we_and_they_verify"

for form in dsse-key message-key; do
	expect 0 '' theirs verify $form.json file log=yes trust=. key=own.pub
	expect 0 'logged +yes' ours $form.json --key own.pub --log-key "$LOG" --subject file
	expect 1 'no signature verifies' ours $form.json --key wrong.pub --log-key "$LOG" --subject file
done
expect 0 'builder +https://ci.example/builder' ours dsse-key-unlogged.json --key own.pub --subject file
expect 1 'no entry of it' ours dsse-key-unlogged.json --key own.pub --subject file --log-key "$LOG"
expect 1 'no entry of it' certified dsse-unlogged.json file "$LOG"
refuses 'TIMESTAMP_ERROR' theirs verify dsse-unlogged.json file log=yes trust=. identity=$NAME
ok "key__logged_and_not__we_and_they_verify"

# Each part spoilt: refused by both, but for the proof's copy of the root, which they do not read.
spoil() { python3 "$HERE/python/spoil.py" "$1" spoilt.json "$2"; }
while read -r expression; do
	for form in dsse-certificate dsse-intoto dsse-key; do
		spoil $form.json "$expression"
		[[ $expression == *rootHash* ]] || refuses '^refused: ' theirs verify spoilt.json file log=yes trust=. key=own.pub
		if [ $form = dsse-key ]; then refuses 'refused|assay:' ours spoilt.json --key own.pub --log-key "$LOG" --subject file
		else refuses 'refused|assay:' certified spoilt.json file "$LOG"; fi
	done
done <<-'EOF'
	flip(b["dsseEnvelope"], "payload")
	flip(b["dsseEnvelope"]["signatures"][0], "sig")
	b["dsseEnvelope"]["payloadType"] = "text/plain"
	flip(m["tlogEntries"][0], "canonicalizedBody")
	flip(m["tlogEntries"][0]["inclusionPromise"], "signedEntryTimestamp")
	flip(m["tlogEntries"][0]["inclusionProof"], "rootHash")
	more(m["tlogEntries"][0], "integratedTime")
	m["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"] = m["tlogEntries"][0]["inclusionProof"]["checkpoint"]["envelope"].replace("\n1\n", "\n2\n")
	del m["tlogEntries"][0]["inclusionProof"]
EOF
ok "spoilt_bundles__refused_by_us_and_them"

# Ours to them: the bundles that we write are those of model signatures.
mkdir model
printf weights >model/weights
ec_key P-256 # they hash with SHA-256 whatever the curve; Sigstore's registry and we pair P-384 with SHA-384
expect 0 '' assay model sign model --key P-256 --out model.sig
expect 0 verified theirs verify model.sig - key=P-256.pub
refuses 'SIGNATURE_ERROR' theirs verify model.sig - key=wrong.pub
spoil model.sig 'flip(b["dsseEnvelope"], "payload")'
refuses 'SIGNATURE_ERROR' theirs verify spoilt.json - key=P-256.pub
openssl req -x509 -key wrong -out root.pem -subj /CN=root -days 30 -addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign 2>/dev/null
printf '%s\n' keyUsage=critical,digitalSignature extendedKeyUsage=codeSigning "subjectAltName=URI:$NAME" "1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:$ISSUER" >extensions
openssl req -new -key P-256 -subj / -out request 2>/dev/null
openssl x509 -req -in request -CA root.pem -CAkey wrong -CAcreateserial -days 10 -extfile extensions -out leaf.pem 2>/dev/null
expect 0 '' assay model sign model --key P-256 --cert leaf.pem --out model.sig
# Model signing keeps the chain, for which v0.3 has no place: they read the leaf alone.
refuses 'invalid bundle' theirs verify model.sig - roots=root.pem "at=$(date +%s)" identity=$NAME
spoil model.sig 'm["certificate"] = m.pop("x509CertificateChain")["certificates"][0]'
by_roots() { theirs verify spoilt.json - "roots=$1" "at=$2" "identity=$3"; }
expect 0 verified by_roots root.pem "$(date +%s)" $NAME
refuses 'UNTRUSTED_SIGNER|identity' by_roots root.pem "$(date +%s)" https://ci.example/other
refuses 'CERTIFICATE_ERROR' by_roots roots/ca.pem "$(date +%s)" $NAME
refuses 'CERTIFICATE_ERROR' by_roots root.pem $(($(date +%s) + 2000000)) $NAME
ok "model_signatures_of_ours__they_verify"
passed
