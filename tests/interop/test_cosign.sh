#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# cosign: it verifies our model signatures, releases and approvals by key; we verify, and open a gate by, what it signs over
# blobs and as attestations. Its first build takes long.
. "$(dirname "$0")/lib.sh"
LOCK=$HERE/go/cosign/go.sum
fill_cosign() { fill_go "$1" "$HERE/go/cosign" github.com/sigstore/cosign/v3/cmd/cosign; }
tool cosign "$LOCK"
# Neither its cache nor a trust root of the public instance: everything here is offline.
cosign() { HOME=$W COSIGN_PASSWORD='' "$TOOL/bin" "$@"; }

cd "$W"
echo '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json"}' >no-services.json
ec_key P-256
ed_key ed25519
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out rsa 2>/dev/null
openssl pkey -in rsa -pubout -out rsa.pub
ec_key builder
ec_key alice
ec_key ci
ec_key other
build_make
import() { cosign import-key-pair --key "$1" --output-key-prefix "cosign-$1" --yes; }
sign() { cosign "$1" --signing-config no-services.json --yes "${@:2}"; }

# Theirs to us: over the bytes of a file.
expect 0 '' cosign generate-key-pair --output-key-prefix own
expect 0 '' sign sign-blob --key own.key --bundle own.json agent
expect 0 'kind +file' assay provenance verify own.json --key own.pub --subject agent
expect 1 'another file was signed' assay provenance verify own.json --key own.pub --subject model.bin
expect 1 'no signature verifies' assay provenance verify own.json --key other.pub --subject agent
expect 1 'no entry of it' assay provenance verify own.json --key own.pub --subject agent \
	--log-key "log.example+$(openssl pkey -pubin -in other.pub -outform DER | sha256sum | cut -c1-8)+$( (printf '\002'; openssl pkey -pubin -in other.pub -outform DER) | base64 -w0)"
ok "blob__we_verify"

# And statements; the predicates are ours, the statement theirs.
cat >provenance.json <<-'EOF'
	{"buildDefinition":{"buildType":"https://x.example/1","externalParameters":{}},"runDetails":{"builder":{"id":"https://ci.bank.example"}}}
EOF
echo '{"result":"PASSED","configuration":[]}' >tests.json
TESTS=https://in-toto.io/attestation/test-result/v0.1
for kind in P-256 rsa; do
	expect 0 '' import $kind
	expect 0 '' sign attest-blob --key cosign-$kind.key --predicate provenance.json --type slsaprovenance1 --bundle attested.json agent
	expect 0 'builder +https://ci.bank.example' assay provenance verify attested.json --key $kind.pub --subject agent
	expect 1 'about other subjects' assay provenance verify attested.json --key $kind.pub --subject model.bin
	expect 1 'no signature verifies' assay provenance verify attested.json --key other.pub --subject agent
done
expect 0 '' import ci
expect 0 '' sign attest-blob --key cosign-ci.key --predicate tests.json --type $TESTS --bundle tests.bundle agent
expect 0 'result +passed' assay provenance verify tests.bundle --key ci.pub --subject agent
ok "attestation__we_verify"

# A gate takes envelopes: the bundle's.
expect 0 '' sign attest-blob --key cosign-ci.key --predicate provenance.json --type slsaprovenance1 --bundle provenance.bundle agent
for name in provenance tests; do
	python3 -c 'import json, sys; json.dump(json.load(open(sys.argv[1]))["dsseEnvelope"], open(sys.argv[2], "w"))' $name.bundle $name.dsse
done
expect 0 '' assay release create release.yaml --key builder --out release.dsse
expect 0 '' assay release approve release.dsse --person alice --role model-risk --env prod --reason tested --key alice --policy policy.yaml --out alice.dsse
gate() { assay gate release.dsse --env prod --policy policy.yaml --approval alice.dsse "$@"; }
expect 1 'statement-missing' gate --statement provenance.dsse
expect 0 'gate open' gate --statement provenance.dsse --statement tests.dsse
ok "gate__opens_by_attestations_that_they_signed"

# Ours to them. They hash for a key given as a file with SHA-256 whatever the curve; we pair P-384 with SHA-384.
bundle() { python3 "$HERE/python/bundle_of.py" "$1" "$2"; }
verify() { # KEY BUNDLE TYPE DIGEST
	cosign verify-blob-attestation --key "$1" --bundle "$2" --type "$3" --digest "$4" --digestAlg sha256 --insecure-ignore-tlog
}
RELEASE=$(assay release show release.dsse | awk '$1 == "release" {print $2; exit}')
for kind in P-256 ed25519; do
	expect 0 '' assay release create release.yaml --key $kind --out other.dsse
	bundle other.dsse bundle.json
	expect 0 'Verified OK' verify $kind.pub bundle.json https://assay.example/release/v1 "$(sha256sum agent | cut -c1-64)"
	refuses 'rror' verify other.pub bundle.json https://assay.example/release/v1 "$(sha256sum agent | cut -c1-64)"
	refuses 'rror' verify $kind.pub bundle.json https://assay.example/release/v1 "$(sha256sum workload.yaml | cut -c1-64)"
	refuses 'rror' verify $kind.pub bundle.json https://assay.example/approval/v1 "$(sha256sum agent | cut -c1-64)"
done
bundle alice.dsse bundle.json
expect 0 'Verified OK' verify alice.pub bundle.json https://assay.example/approval/v1 "$RELEASE"
ok "release_and_approval__they_verify"

mkdir model
printf weights >model/weights
root=$(assay model digest model --ignore model.sig | cut -d' ' -f1)
expect 0 '' assay model sign model --key P-256 --out model.sig
expect 0 'Verified OK' verify P-256.pub model.sig https://model_signing/signature/v1.0 "$root"
refuses 'rror' verify other.pub model.sig https://model_signing/signature/v1.0 "$root"
python3 "$HERE/python/spoil.py" model.sig spoilt.json 'flip(b["dsseEnvelope"], "payload")'
refuses 'rror' verify P-256.pub spoilt.json https://model_signing/signature/v1.0 "$root"
ok "model_signature__they_verify"

# A certificate authority of one's own, without a log.
NAME=https://ci.example/build.yml@refs/heads/main
ISSUER=https://issuer.example
mkdir roots
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key -out roots/ca.pem -subj "/CN=root/O=x" -days 30 \
	-addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign 2>/dev/null
printf '%s\n' keyUsage=critical,digitalSignature extendedKeyUsage=codeSigning "subjectAltName=URI:$NAME" \
	"1.3.6.1.4.1.57264.1.8=ASN1:UTF8String:$ISSUER" >extensions
openssl req -new -key ci -subj / -out request 2>/dev/null
openssl x509 -req -in request -CA roots/ca.pem -CAkey ca.key -CAcreateserial -days 10 -extfile extensions -out leaf.pem 2>/dev/null
printf '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1","certificateAuthorities":[{"subject":{"commonName":"root","organization":"x"},"uri":"https://ca.example","certChain":{"certificates":[{"rawBytes":"%s"}]},"validFor":{"start":"2020-01-01T00:00:00Z"}}]}' \
	"$(openssl x509 -in roots/ca.pem -outform DER | base64 -w0)" >trusted_root.json
certified() { assay provenance verify "$1" --roots roots --identity "${2:-$NAME}" --issuer "${3:-$ISSUER}" --subject agent; }
expect 0 '' sign sign-blob --key cosign-ci.key --certificate leaf.pem --certificate-chain roots/ca.pem --bundle own.json agent
expect 0 "identity +$NAME" certified own.json
expect 1 'identity .* is not the one pinned' certified own.json https://ci.example/other
expect 1 'issuer .* is not the one pinned' certified own.json $NAME https://issuer.other
expect 0 '' assay model sign model --key ci --cert leaf.pem --out model.sig
verify_certified() { # IDENTITY TRUSTED-ROOT BUNDLE
	cosign verify-blob-attestation --bundle "$3" --type https://model_signing/signature/v1.0 --digest "$root" --digestAlg sha256 --trusted-root "$2" \
		--certificate-identity "$1" --certificate-oidc-issuer $ISSUER --insecure-ignore-tlog --insecure-ignore-sct --allow-certificate-chain
}
expect 0 'Verified OK' verify_certified $NAME trusted_root.json model.sig
refuses 'no matching CertificateIdentity' verify_certified https://ci.example/other trusted_root.json model.sig
python3 "$HERE/python/spoil.py" model.sig spoilt.json 'flip(b["dsseEnvelope"], "payload")'
refuses 'rror' verify_certified $NAME trusted_root.json spoilt.json
ok "certificates_of_an_own_authority__both_ways"
passed
