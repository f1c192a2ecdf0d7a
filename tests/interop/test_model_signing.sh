#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# OpenSSF Model Signing with its reference implementation: it verifies what we sign, and we verify what it signs.
. "$(dirname "$0")/lib.sh"
LOCK=$HERE/python/model-signing.txt
fill_model_signing() { fill_python "$1" "$LOCK"; }
tool model_signing "$LOCK"
theirs() { "$TOOL/venv/bin/python" "$HERE/python/model_signing_driver.py" "$@" >"$W/out" 2>&1; }
ours() { assay model "$@" >"$W/out" 2>&1; }

cd "$W"
mkdir -p m/a/b m/.git roots
printf one >m/a/b/one
printf two >m/a.b # the two dialects order it differently
: >m/empty
head -c 300000 /dev/urandom >m/weights
printf ref >m/.git/HEAD
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key -out roots/ca.pem -subj "/CN=Model root" -days 30 \
	-addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign 2>/dev/null
printf '%s\n' keyUsage=critical,digitalSignature extendedKeyUsage=codeSigning >ext
for curve in prime256v1 secp384r1 secp521r1; do
	openssl ecparam -name $curve -genkey -noout -out $curve.key
	openssl pkey -in $curve.key -pubout -out $curve.pub
	openssl req -new -key $curve.key -subj "/CN=$curve" -out csr
	openssl x509 -req -in csr -CA roots/ca.pem -CAkey ca.key -CAcreateserial -days 10 -extfile ext -out $curve.crt 2>/dev/null
done
S=m/model.sig

for curve in prime256v1 secp384r1 secp521r1; do
	for form in spec reference; do
		ours sign m --key $curve.key --out $S --as $form || die "ours, $curve"
		theirs verify m $S key=$curve.pub || die "they refuse our key signature, $curve, $form"
		ours sign m --key $curve.key --cert $curve.crt --out $S --as $form || die "ours, certificate, $curve"
		theirs verify m $S roots=roots/ca.pem || die "they refuse our certificate signature, $curve, $form"
	done
	theirs sign m $S key=$curve.key || die "theirs, $curve"
	ours verify m --signature $S --key $curve.pub || die "we refuse their key signature, $curve"
	theirs sign m $S key=$curve.key cert=$curve.crt chain=roots/ca.pem || die "theirs, certificate, $curve"
	ours verify m --signature $S --roots roots || die "we refuse their certificate signature, $curve"
done
ok "model_signing__keys_and_certificates_of_each_curve__both_ways"

K=prime256v1
ours sign m --key $K.key --out $S --as reference --method shards --shard-size 100000 || die "ours, shards"
theirs verify m $S key=$K.pub || die "they refuse our shards"
ours sign m/weights --key $K.key --out one.sig --as reference || die "ours, one file"
theirs verify m/weights one.sig key=$K.pub || die "they refuse our single file"
theirs sign m $S key=$K.key shards=100000 || die "theirs, shards"
ours verify m --signature $S --key $K.pub || die "we refuse their shards"
theirs sign m/weights one.sig key=$K.key || die "theirs, one file"
ours verify m/weights --signature one.sig --key $K.pub || die "we refuse their single file"
ok "model_signing__shards_and_single_files__both_ways"

# The root that they sign is the one that we print in their order.
theirs sign m $S key=$K.key ignore=a/b || die "theirs, ignoring"
ours verify m --signature $S --key $K.pub || die "we refuse what ignores paths"
root=$(assay model digest m --as reference --ignore a/b --ignore model.sig | cut -d' ' -f1)
assay model verify m --signature $S --key $K.pub | grep -q "^root *$root\$" || die "another root than theirs"
ours sign m --key $K.key --out $S --ignore a/b || die "ours, ignoring"
theirs verify m $S key=$K.pub || die "they refuse what ignores paths"
ln -s a.b m/link
theirs sign m $S key=$K.key links=yes || die "theirs, links"
ours verify m --signature $S --key $K.pub || die "we refuse their links"
rm m/link
ok "model_signing__ignored_paths_links_and_root__agree"

ours sign m --key $K.key --out $S || die "ours"
printf extra >m/extra
! theirs verify m $S key=$K.pub || die "they accept an extra file"
! ours verify m --signature $S --key $K.pub || die "we accept an extra file"
rm m/extra
printf 0ne >m/a/b/one
! theirs verify m $S key=$K.pub || die "they accept a changed file"
! ours verify m --signature $S --key $K.pub || die "we accept a changed file"
ok "model_signing__deviations__refused_by_both"
passed
