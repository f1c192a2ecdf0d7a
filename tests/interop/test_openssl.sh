#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The raw signatures with openssl: over the pre-authentication encoding of DSSE envelopes of each kind of key, both ways, and
# as a transparency log that signs checkpoints and times.
. "$(dirname "$0")/lib.sh"
parts() { python3 "$HERE/python/dsse_parts.py" "$@"; }

cd "$W"
for kind in P-256 P-384 P-521; do ec_key $kind $kind; done
ed_key ed25519
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out rsa 2>/dev/null
openssl pkey -in rsa -pubout -out rsa.pub
ec_key wrong
ec_key builder
ed_key alice
ec_key ci
build_make

# The hash that goes with a key; RSA is PKCS#1 v1.5, as cosign does.
hash_of() { case $1 in P-384) echo sha384 ;; P-521) echo sha512 ;; *) echo sha256 ;; esac; }
openssl_verify() { # KEY FILE SIGNATURE
	case $1 in
	*ed25519* | alice) openssl pkeyutl -verify -pubin -inkey "$1.pub" -rawin -in "$2" -sigfile "$3" ;;
	*) openssl dgst "-$(hash_of "$1")" -verify "$1.pub" -signature "$3" "$2" ;;
	esac
}
openssl_sign() { # KEY FILE SIGNATURE
	case $1 in
	*ed25519*) openssl pkeyutl -sign -inkey "$1" -rawin -in "$2" -out "$3" ;;
	*) openssl dgst "-$(hash_of "$1")" -sign "$1" -out "$3" "$2" ;;
	esac
}
printf '{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"agent","digest":{"sha256":"%s"}}],"predicateType":"https://in-toto.io/attestation/test-result/v0.1","predicate":{"result":"PASSED","configuration":[]}}' \
	"$(sha256sum agent | cut -c1-64)" >statement

for kind in P-256 P-384 P-521 ed25519 rsa; do
	expect 0 '' assay release create release.yaml --key $kind --out release.dsse
	parts cut release.dsse
	expect 0 'Verified' openssl_verify $kind pae signature-0
	printf x >>pae
	refuses 'ailure' openssl_verify $kind pae signature-0
	parts pae statement
	openssl_sign $kind pae signature
	parts join statement signature statement.dsse
	expect 0 'result +passed' assay provenance verify statement.dsse --key $kind.pub --subject agent
	expect 1 'no signature verifies' assay provenance verify statement.dsse --key wrong.pub --subject agent
done
ok "envelopes__of_each_key__both_ways"

expect 0 '' assay release create release.yaml --key builder --out release.dsse
expect 0 '' assay release approve release.dsse --person alice --role model-risk --env prod --reason tested --key alice --policy policy.yaml --out alice.dsse
parts cut alice.dsse
expect 0 'Verified' openssl_verify alice pae signature-0
ok "approval__openssl_verifies"

# A log of one entry whose checkpoint and entry timestamp openssl signs.
parts pae statement
openssl_sign P-256 pae signature
for log in wrong ed25519; do
	openssl pkey -in $log -pubout -outform DER -out log.der
	parts log statement signature P-256.pub log.example log.der $log bundle.json
	expect 0 'logged_at +2026-09-21T' assay provenance verify bundle.json --key P-256.pub --log-key "$(cat log.vkey)" --subject agent
	for change in 's/"integratedTime": "179/"integratedTime": "178/' 's/"treeSize": "1"/"treeSize": "2"/' 's/log.example\\n1/log.example\\n2/'; do
		sed "$change" bundle.json >changed.json
		! cmp -s bundle.json changed.json || die "nothing was changed by $change"
		expect 1 'refused: log log.example' assay provenance verify changed.json --key P-256.pub --log-key "$(cat log.vkey)" --subject agent
	done
done
ok "log__whose_checkpoints_and_times_openssl_signs__we_verify"
passed
