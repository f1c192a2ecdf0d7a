#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# assay model sign | verify | digest: keys and certificates, files and shards, and every way a model can deviate from what was signed.
. "$(dirname "$0")/lib.sh"
world_open
M=$W/model
SIG=$M/model.sig
cd "$W"
mkdir -p "$M/a/b" "$M/.git"
printf one >"$M/a/b/one"
printf two >"$M/a.b"
: >"$M/empty"
seq 10000 59999 >"$M/weights" # 300,000 bytes; an x, wherever it is put, changes them
printf ref >"$M/.git/HEAD"
for name in key other; do
	openssl ecparam -name prime256v1 -genkey -noout -out $name.pem
	openssl pkey -in $name.pem -pubout -out $name.pub
done
openssl genpkey -algorithm ed25519 -out edwards.pem
sign() { expect 0 '' assay model sign "$M" --key key.pem --out "$SIG" "$@"; }
verify() { # STATUS PATTERN OPTION…
	local status=$1 pattern=$2
	shift 2
	expect "$status" "$pattern" assay model verify "$M" --signature "$SIG" --key key.pub "$@"
}

# ---- what is signed ----
for options in '' '--method shards --shard-size 100000' '--as reference' '--as reference --method shards'; do
	# shellcheck disable=SC2086
	sign $options
	verify 0 '^verified: 4 files, 300006 bytes'
done
grep -q '^not covered by shards: 1 empty file' "$W/out" || die "an empty file is said to be covered"
ok "model__signed_in_every_form__verifies"

sign
python3 - "$M" "$SIG" <<'PYTHON' || die "the bundle is not what the specification says"
import base64, hashlib, json, os, sys
model, bundle = sys.argv[1], json.load(open(sys.argv[2]))
pem = open("key.pub", "rb").read()
assert bundle["mediaType"] == "application/vnd.dev.sigstore.bundle.v0.3+json", bundle
assert bundle["verificationMaterial"]["publicKey"] == {"hint": hashlib.sha256(pem).hexdigest()}
payload = base64.b64decode(bundle["dsseEnvelope"]["payload"])
kind = bundle["dsseEnvelope"]["payloadType"].encode()
open("pae", "wb").write(b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload))
open("sig", "wb").write(base64.b64decode(bundle["dsseEnvelope"]["signatures"][0]["sig"]))
statement = json.loads(payload)
names = ["a.b", "a/b/one", "empty", "weights"]
digests = [hashlib.sha256(open(os.path.join(model, n), "rb").read()) for n in names]
assert statement["predicate"]["resources"] == [
    {"name": n, "algorithm": "sha256", "digest": d.hexdigest()} for n, d in zip(names, digests)], statement
assert statement["predicate"]["serialization"] == {"method": "files", "hash_type": "sha256", "allow_symlinks": False,
    "ignore_paths": [".git", ".gitattributes", ".github", ".gitignore", "model.sig"]}, statement
root = hashlib.sha256(b"".join(d.digest() for d in digests)).hexdigest()
assert statement["subject"] == [{"name": "model", "digest": {"sha256": root}}], statement
PYTHON
expect 0 'Verified OK' openssl dgst -sha256 -verify key.pub -signature sig pae
ok "model__bundle__as_specified_and_openssl_verifies_it"

cp "$SIG" outside.sig
rm "$SIG"
root=$(assay model digest "$M" | cut -d' ' -f1)
expect 0 "^root +$root\$" assay model verify "$M" --signature outside.sig --key key.pub
ok "model__digest__the_root_that_is_signed"
sign --ignore a/b --ignore a.b
verify 0 '^verified: 2 files'
grep -q '^left out  a/b$' "$W/out" || die "what was left out is not said"
expect 2 'not a relative path below the model' assay model sign "$M" --key key.pem --out "$SIG" --ignore '*.b'
expect 2 'not a relative path below the model' assay model sign "$M" --key key.pem --out "$SIG" --ignore ../a
expect 2 'goes with --method shards' assay model sign "$M" --key key.pem --out "$SIG" --shard-size 7
expect 3 'a key of type Ed25519' assay model sign "$M" --key edwards.pem --out "$SIG"
ok "model__paths_left_out__signed_and_said"

# ---- deviations ----
sign
printf more >"$M/more"
verify 1 '^refused: 0 missing, 0 changed, 1 not signed'
grep -q '^  extra    more$' "$W/out" || die "the extra file is not named"
verify 1 '"extra" *: *1' --json
verify 0 '^verified' --ignore-unsigned-files
verify 0 '^verified' --ignore more
rm "$M/more"
ok "M8__unsigned_file_in_a_model__refused_unless_asked"

rm "$M/a.b"
verify 1 '^  missing  a.b$'
verify 1 '^  missing  a.b$' --ignore-unsigned-files
verify 1 '^  missing  a/b/one$' --ignore a/b
printf twx >"$M/a.b"
verify 1 '^  changed  a.b$'
printf two >"$M/a.b"
mkdir "$M/none"
verify 1 'none/: empty directory'
rmdir "$M/none"
mkdir nothing
expect 3 'empty directory' assay model sign nothing --key key.pem --out nothing.sig
mkdir nothing/.git
printf x >nothing/.git/x
expect 3 'empty directory' assay model sign nothing --key key.pem --out nothing.sig
ok "M9__files_missing_changed_none_at_all__refused"

sign --method shards --shard-size 100000
printf behind >>"$M/weights"
verify 1 '^  changed  weights, octets 300000 to 300006$' --ignore-unsigned-files
truncate -s 300000 "$M/weights"
verify 0 '^verified'
printf x | dd of="$M/weights" bs=1 seek=150000 conv=notrunc status=none
verify 1 '^  changed  weights, octets 100000 to 200000$'
ok "model__runs_of_a_file__changed_ones_named"

# What the signature says of links holds; no option of ours says otherwise.
sign
ln -s a.b "$M/link"
verify 1 'link: is a symbolic link'
verify 1 'link: is a symbolic link' --ignore-unsigned-files
expect 3 'link: is a symbolic link' assay model sign "$M" --key key.pem --out "$SIG"
expect 2 'unknown option --allow-symlinks' assay model verify "$M" --signature "$SIG" --key key.pub --allow-symlinks
rm "$M/link"
verify 0 '^verified'
ok "M11__link_where_the_signature_allows_none__refused"

# A signed statement of our making: the signature is good, what it says is not.
forge() { # PYTHON EDIT OF statement
	python3 - "$SIG" "$1" <<'PYTHON'
import base64, json, subprocess, sys
bundle = json.load(open(sys.argv[1]))
statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
predicate = statement["predicate"]
exec(sys.argv[2])
payload, kind = json.dumps(statement).encode(), bundle["dsseEnvelope"]["payloadType"].encode()
pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
signature = subprocess.run(["openssl", "dgst", "-sha256", "-sign", "key.pem"], input=pae, stdout=subprocess.PIPE, check=True).stdout
bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
bundle["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
json.dump(bundle, open(sys.argv[1], "w"))
PYTHON
}
printf secret >secret
forge 'predicate["resources"][0]["name"] = "../secret"'
verify 3 'resource "../secret": not the name of a file below the model'
verify 3 'resource "../secret": not the name of a file below the model' --ignore-unsigned-files
ok "M10__signed_name_that_leaves_the_model__refused"
sign
forge 'predicate["serialization"]["allow_symlinks"] = True'
ln -s a/b/one "$M/link"
verify 1 '^  extra    link$'
rm "$M/link"
ln -s ../secret "$M/link"
verify 1 'link: leaves the directory'
rm "$M/link"
mv "$M/a.b" "$M/z"
ln -s z "$M/a.b"
verify 1 '^  extra    z$'
verify 0 '^verified' --ignore-unsigned-files
rm "$M/a.b"
mv "$M/z" "$M/a.b"
ok "M11__links_that_the_signature_allows__followed_below_the_model_only"
forge 'predicate["serialization"]["hash_type"] = "blake3"'
verify 3 'hash_type "blake3" is not supported'
ok "model__other_hash__refused_by_name"

# ---- whose signature ----
sign
expect 1 'made with another key' assay model verify "$M" --signature "$SIG" --key other.pub
sed 's/"payload": "ey/"payload": "fy/' "$SIG" >bent.sig
expect 1 'does not verify' assay model verify "$M" --signature bent.sig --key key.pub
expect 3 'No such file' assay model verify "$M" --signature nothing.sig --key key.pub
expect 2 'one of --key and --roots' assay model verify "$M" --signature "$SIG"
ok "model__other_key_or_bent_statement__refused"

mkdir roots
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout ca.key -out roots/ca.pem -subj "/CN=Model root" -days 30 \
	-addext basicConstraints=critical,CA:true -addext keyUsage=critical,keyCertSign 2>/dev/null
certify() { # NAME EXTENSION…
	local name=$1
	shift
	openssl req -new -key key.pem -subj "/CN=$name" -out $name.csr
	printf '%s\n' "$@" >$name.ext
	openssl x509 -req -in $name.csr -CA roots/ca.pem -CAkey ca.key -CAcreateserial -days 10 -extfile $name.ext -out $name.crt 2>/dev/null
}
certify signer keyUsage=critical,digitalSignature extendedKeyUsage=codeSigning
certify server keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth
by_roots() { # STATUS PATTERN OPTION…
	local status=$1 pattern=$2
	shift 2
	expect "$status" "$pattern" assay model verify "$M" --signature "$SIG" "$@"
}
sign --cert signer.crt
by_roots 0 '^signed by certificate CN=signer$' --roots roots
by_roots 1 'certificate: expired' --roots roots --at 2050-01-01T00:00:00Z
mkdir strangers
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key -out strangers/ca.pem -subj "/CN=Model root" 2>/dev/null
by_roots 1 '^assay: certificate: ' --roots strangers
by_roots 2 '--at goes with --roots' --key key.pub --at 2050-01-01T00:00:00Z
expect 1 'lacks codeSigning' assay model sign "$M" --key key.pem --cert server.crt --out "$SIG"
expect 2 'certificate is of another key' assay model sign "$M" --key other.pem --cert signer.crt --out "$SIG"
# The same signature beside the other certificate of the same key.
python3 - "$SIG" <<'PYTHON'
import base64, json, subprocess, sys
bundle = json.load(open(sys.argv[1]))
der = subprocess.run(["openssl", "x509", "-in", "server.crt", "-outform", "DER"], stdout=subprocess.PIPE, check=True).stdout
bundle["verificationMaterial"]["x509CertificateChain"]["certificates"][0]["rawBytes"] = base64.b64encode(der).decode()
json.dump(bundle, open(sys.argv[1], "w"))
PYTHON
by_roots 1 'lacks codeSigning' --roots roots
sign
by_roots 1 'names a key and no certificate' --roots roots
ok "model__certificates__chain_time_and_usage_decide"

# ---- a model that is one file ----
expect 0 '' assay model sign "$M/weights" --key key.pem --out one.sig
expect 0 '^verified: 1 file, 300000 bytes' assay model verify "$M/weights" --signature one.sig --key key.pub
cp "$M/weights" renamed
expect 1 '^  missing  weights' assay model verify renamed --signature one.sig --key key.pub
expect 0 '' assay model sign "$M/weights" --key key.pem --out one.sig --as reference --method shards --shard-size 100000
expect 0 '^verified: 1 file' assay model verify renamed --signature one.sig --key key.pub
expect 1 '^refused' assay model verify "$M/a.b" --signature one.sig --key key.pub
ok "model__one_file__by_its_name_or_by_none"

# ---- a key in a TPM ----
MODULES=$(openssl version -m | cut -d'"' -f2)
if [ -e "$MODULES/tpm2.so" ] && command -v tpm2_createprimary >/dev/null; then
	tpm_make signer
	export TPM2OPENSSL_TCTI=swtpm:path=$W/tpm-signer.sock
	tpm2() { TPM2TOOLS_TCTI=$TPM2OPENSSL_TCTI "tpm2_$@" >/dev/null; }
	tpm2 createprimary -C o -G ecc256:ecdsa-sha256:null -a 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth' -c signer.ctx
	tpm2 evictcontrol -C o -c signer.ctx 0x81000010
	tpm2 flushcontext -t
	tpm2 readpublic -c 0x81000010 -f pem -o signer.pub
	expect 0 '' assay model sign "$M" --key handle:0x81000010 --out "$SIG"
	expect 0 '^verified' assay model verify "$M" --signature "$SIG" --key signer.pub
	ok "model__key_in_a_tpm__signs"
else
	echo "skipped: tpm2-openssl or tpm2-tools is not installed"
fi
printf '%d passed, 0 failed\n' "$CHECKS"
