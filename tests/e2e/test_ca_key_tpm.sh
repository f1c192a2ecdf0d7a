#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A verifier whose CA key lives in a TPM (or a token): made by init, used to admit a host and to issue a credential.
. "$(dirname "$0")/lib.sh"
world_open
MODULES=$(openssl version -m | cut -d'"' -f2)

init() { assay-verifierd init --dir "$W/$1" --trust-domain bank.example --listen "127.0.0.1:$PORT" --operator olga "${@:2}"; }
PORT=$(port_free)
expect 2 '--ca-key ca.key: expected handle:… or pkcs11:…' init bad --ca-key ca.key
expect 2 '--ca-key' init bad --ca-key 'handle:0x81000010" x: "'
[ ! -e "$W/bad" ] || die "something was made"
ok "init__ca_key_that_is_no_uri__refused"
if [ -e "$MODULES/pkcs11.so" ]; then
	expect 3 'pkcs11:token=none' init bad --ca-key 'pkcs11:token=none;object=ca'
else
	expect 3 "OpenSSL's provider \"pkcs11\" is not installed here" init bad --ca-key 'pkcs11:token=none;object=ca'
	echo "skipped: pkcs11: its provider is not installed, so no token is tried"
fi
[ ! -e "$W/bad/ca.pem" ] || die "a CA without its key"
ok "init__ca_key_in_a_token_that_is_not_there__no_ca"

[ -e "$MODULES/tpm2.so" ] && command -v tpm2_createprimary >/dev/null || { echo "skipped: tpm2-openssl or tpm2-tools is not installed"; exit 77; }
tpm_make ca
TCTI=swtpm:path=$W/tpm-ca.sock
tpm2() { TPM2TOOLS_TCTI=$TCTI "tpm2_$@" >/dev/null; }
tpm2 createprimary -C o -G ecc256:ecdsa-sha256:null -a 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth' -c "$W/ca.ctx"
tpm2 evictcontrol -C o -c "$W/ca.ctx" 0x81000010
tpm2 flushcontext -t
tpm2 readpublic -c 0x81000010 -f pem -o "$W/ca.pub"

export TPM2OPENSSL_TCTI=$TCTI
expect 3 'handle:0x81000011' init bad --ca-key handle:0x81000011
expect 3 'is the TPM named by TPM2OPENSSL_TCTI there\?' env TPM2OPENSSL_TCTI="swtpm:path=$W/nothing.sock" \
	bash -c "$(declare -f init); W=$W PORT=$PORT init bad --ca-key handle:0x81000010"
[ ! -e "$W/bad/ca.pem" ] || die "a CA without its key"
ok "init__no_such_handle_or_no_TPM__no_ca"

tpm_make one
mkdir -p "$W/keys"
key_make "$W/keys/builder"
key_make "$W/keys/alice"
expect 0 "the CA's key stays where it is" init verifier --ca-key handle:0x81000010
[ ! -e "$W/verifier/ca.key" ] || die "a CA key in a file"
openssl x509 -in "$W/verifier/ca.pem" -noout -pubkey | cmp -s - "$W/ca.pub" || die "ca.pem is not of the key in the TPM"
policy_write "$W/verifier/policy.yaml" 1
expect 0 '' assay-verifierd issue-operator --config "$W/verifier/verifierd.yaml" --role auditor --name anna --out "$W/anna"
expect 0 ': OK' openssl verify -CAfile "$W/verifier/ca.pem" "$W/verifier/tls.pem" "$W/verifier/operator/cert.pem" "$W/anna/cert.pem"
ok "init_and_issue_operator__ca_key_in_the_TPM__certificates_verify"

verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
expect 0 ': OK' openssl verify -CAfile "$W/verifier/ca.pem" "$W/host-one/state/host.pem"
agent_make one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
mkdir "$W/credentials"
expect 0 'Orchard Bank' host_assay one run ocr-agent --credentials "$W/credentials" -- "$ROOT/demo/invoice.png"
expect 0 ': OK' openssl verify -CAfile "$W/verifier/ca.pem" "$W/credentials/svid.pem"
expect 0 '"ocr-agent"' curl -sf --cacert "$W/verifier/ca.pem" --cert "$W/credentials/svid.pem" --key "$W/credentials/key.pem" \
	"https://127.0.0.1:$PORT/v1/whoami"
ok "verifier__ca_key_in_the_TPM__enrols_a_host_and_issues"

# Many at a time: the TPM is asked by one thread after the other.
for i in 1 2 3 4; do
	mkdir "$W/credentials-$i"
	host_assay one run ocr-agent --quiet --credentials "$W/credentials-$i" -- "$ROOT/demo/invoice.png" >"$W/text-$i" 2>&1 &
	RUNS[i]=$!
done
for i in 1 2 3 4; do wait "${RUNS[i]}" || die "launch $i: $(cat "$W/text-$i")"; done
expect 0 ': OK' openssl verify -CAfile "$W/verifier/ca.pem" "$W"/credentials-*/svid.pem
ok "verifier__ca_key_in_the_TPM_and_launches_at_once__all_issued"

verifier_stop
expect 3 'is the TPM named by TPM2OPENSSL_TCTI there\?' env TPM2OPENSSL_TCTI="swtpm:path=$W/nothing.sock" \
	assay-verifierd --config "$W/verifier/verifierd.yaml"
sed 's/0x81000010/0x81000001/' "$W/verifier/verifierd.yaml" >"$W/verifier/other.yaml"
tpm2 createprimary -C o -G ecc256:ecdsa-sha256:null -a 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda' -c "$W/other.ctx"
tpm2 evictcontrol -C o -c "$W/other.ctx" 0x81000001
tpm2 flushcontext -t
expect 3 'not the private key of its certificate' assay-verifierd --config "$W/verifier/other.yaml"
ok "verifier__TPM_away_or_another_key_in_it__does_not_start"
printf '%d passed, 0 failed\n' "$CHECKS"
