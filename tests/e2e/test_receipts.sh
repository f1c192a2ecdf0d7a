#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Receipts and proofs: for auditors by record, for relying parties by what a credential names; the receipt key in a TPM where
# tpm2-openssl is installed; credentials without a leaf found by a monitor.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
MODULES=$(openssl version -m | cut -d'"' -f2)

if [ -e "$MODULES/tpm2.so" ] && command -v tpm2_createprimary >/dev/null; then
	tpm_make receipts
	export TPM2OPENSSL_TCTI=swtpm:path=$W/tpm-receipts.sock
	tpm2() { TPM2TOOLS_TCTI=$TPM2OPENSSL_TCTI "tpm2_$@" >/dev/null; }
	tpm2 createprimary -C o -G ecc256:ecdsa-sha256:null -a 'sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda' -c "$W/r.ctx"
	tpm2 evictcontrol -C o -c "$W/r.ctx" 0x81000012
	tpm2 flushcontext -t
	tpm2 readpublic -c 0x81000012 -f pem -o "$W/receipt.pub"
	printf 'receipt_key: handle:0x81000012\n' >>"$W/verifier/verifierd.yaml"
	WHERE="in a TPM"
else
	key_make "$W/receipt"
	printf 'receipt_key: file:%s\n' "$W/receipt" >>"$W/verifier/verifierd.yaml"
	WHERE="in a file: tpm2-openssl or tpm2-tools is not installed"
fi

openssl genpkey -algorithm ed25519 -out "$W/witness.pem" 2>/dev/null
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=w \
	-addext subjectAltName=IP:127.0.0.1 -keyout "$W/w.key" -out "$W/w.pem" 2>/dev/null
WPORT=$(port_free)
printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/logs"
started "$W/witness.log" assay log witness --policy "$W/logs" --name w.example --key "$W/witness.pem" --state "$W/witness" \
	--listen "127.0.0.1:$WPORT" --tls-cert "$W/w.pem" --tls-key "$W/w.key"
cat >"$W/verifier/witnesses" <<-POLICY
	log $(cat "$W/verifier/log.pub")
	witness W $(assay log key w.example --key "$W/witness.pem" --witness) https://127.0.0.1:$WPORT
	quorum W
POLICY
printf 'log_policy: witnesses\n' >>"$W/verifier/verifierd.yaml"
verifier_start
feed() { operator log feed --policy "$W/verifier/witnesses" --witness-ca "$W/w.pem"; }
until_ok grep -q witnessing "$W/witness.log"
public() { curl -sf --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT$1"; }
public /log/receipt-key | cmp -s - "$W/receipt.pub" || die "the receipt key is not the one configured"
openssl pkey -pubin -in "$W/receipt.pub" -noout || die "no key"
ok "verifier__receipt_key_$WHERE"

host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
agent_make one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
mkdir "$W/credentials"
expect 0 'Orchard Bank' host_assay one run ocr-agent --credentials "$W/credentials" -- "$ROOT/demo/invoice.png"
RECORD=$(operator record list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["records"][0]["id"])')
check() { assay credential check "$W/credentials/svid.pem" --log-policy "$W/verifier/witnesses" "$@"; }
expect 1 'are no quorum' check --server "https://127.0.0.1:$PORT" --server-ca "$W/verifier/ca.pem"
expect 0 'cosigned by 1 of 1' feed
expect 0 "decision $RECORD is leaf [0-9]+ of [0-9]+, 1 witnesses" check --server "https://127.0.0.1:$PORT" --server-ca "$W/verifier/ca.pem"
grep -q "not checked: the credential's own signature" "$W/out" || die "what was not checked is not said"
expect 2 'give one of --receipt and --server' check
ok "credential_check__asked_of_the_verifier__seen_by_the_quorum"

public "/log/proof/$RECORD" >"$W/decision.tlog-proof"
expect 0 '1 witnesses' check --receipt "$W/decision.tlog-proof"
expect 0 "decision $RECORD" assay credential check "$W/credentials/jwt-0.token" --log-policy "$W/verifier/witnesses" --receipt "$W/decision.tlog-proof"
INDEX=$(sed -n 's/^index //p' "$W/decision.tlog-proof")
expect 0 '' operator log proof "$INDEX" --out "$W/by-index.tlog-proof"
expect 0 '' operator log proof "$RECORD" --out "$W/by-hash.tlog-proof"
cmp "$W/by-index.tlog-proof" "$W/decision.tlog-proof" && cmp "$W/by-hash.tlog-proof" "$W/decision.tlog-proof" || die "two proofs of one leaf"
expect 0 'proved.*leaf '"$INDEX" assay log verify-proof "$W/decision.tlog-proof" --log-policy "$W/verifier/witnesses" --leaf "$RECORD"
expect 0 '' operator log proof "$((INDEX + 1))" --out "$W/issued.tlog-proof"
expect 1 'leads to another root' check --receipt "$W/issued.tlog-proof"
expect 1 'leads to another root' assay log verify-proof "$W/issued.tlog-proof" --log-policy "$W/verifier/witnesses" --leaf "$RECORD"
expect 3 'no leaf of the log has this hash' operator log proof "${RECORD//[0-9]/0}"
expect 3 'the log has [0-9]+ leaves' operator log proof 100000
sed 's/^log bank/log bonk/' "$W/verifier/witnesses" >"$W/other-log"
expect 3 '' assay log verify-proof "$W/decision.tlog-proof" --log-policy "$W/other-log" --leaf "$RECORD"
ok "proof__by_index_and_by_hash__verified_offline"

expect 0 '' operator record receipt "$RECORD" --out "$W/decision.receipt"
expect 0 '' operator record receipt "$RECORD" --statement --out "$W/decision.scitt"
expect 0 '' operator record receipt "$RECORD" --proof --out "$W/record.tlog-proof"
verify() { assay receipt verify "$@"; }
expect 0 "proved.*leaf $INDEX of [0-9]+ in bank.example/log" verify "$W/decision.receipt" --key "$W/receipt.pub" --leaf "$RECORD"
expect 0 '"size_signed": ?true' verify "$W/decision.receipt" --key "$W/receipt.pub" --leaf "$RECORD" --origin bank.example/log --json
expect 1 'of log "bank.example/log", not other' verify "$W/decision.receipt" --key "$W/receipt.pub" --leaf "$RECORD" --origin other
expect 0 'not checked: who signed the record' verify "$W/decision.scitt" --key "$W/receipt.pub"
openssl x509 -in "$W/verifier/signing.pem" -noout -pubkey >"$W/signing.pub"
expect 0 'proved' verify "$W/decision.scitt" --key "$W/receipt.pub" --signer "$W/signing.pub"
expect 1 'record: .*does not verify' verify "$W/decision.scitt" --key "$W/receipt.pub" --signer "$W/keys/alice.pub"
expect 2 'signer is of a statement' verify "$W/decision.receipt" --key "$W/receipt.pub" --leaf "$RECORD" --signer "$W/signing.pub"
expect 1 'does not verify' verify "$W/decision.receipt" --key "$W/keys/alice.pub" --leaf "$RECORD"
expect 1 'does not verify' verify "$W/decision.receipt" --key "$W/receipt.pub" --leaf "${RECORD//[0-9]/0}"
expect 2 'leaf is needed' verify "$W/decision.receipt" --key "$W/receipt.pub"
expect 0 'proved' assay log verify-proof "$W/record.tlog-proof" --log-policy "$W/verifier/witnesses" --leaf "$RECORD"
public "/log/receipt/$INDEX" >"$W/public.receipt"
cmp "$W/public.receipt" "$W/decision.receipt" || die "the public receipt is another one"
public /log/consistency/3 >"$W/consistency.receipt"
ROOT3=$(python3 - "$(public /log/tile/0/000.p/3 | base64 -w0)" <<'TREE'
import base64, hashlib, sys
t = base64.b64decode(sys.argv[1]); h = lambda *p: hashlib.sha256(b"\1" + b"".join(p)).digest()
print(h(h(t[:32], t[32:64]), t[64:]).hex())
TREE
)
expect 0 'the tree of 3 of [0-9]+' verify "$W/consistency.receipt" --key "$W/receipt.pub" --old-root "$ROOT3" --old-size 3
expect 1 'leads to another root than the old one' verify "$W/consistency.receipt" --key "$W/receipt.pub" --old-root "${ROOT3//[0-9]/0}" --old-size 3
expect 1 'from a tree of 3, not of 4' verify "$W/consistency.receipt" --key "$W/receipt.pub" --old-root "$ROOT3" --old-size 4
ok "receipt__of_a_record_and_public__verified"

expect 1 'a COSE receipt shows no witnesses' check --receipt "$W/decision.receipt" --receipt-key "$W/receipt.pub"
assay credential check "$W/credentials/svid.pem" --log-policy "$W/logs" --receipt "$W/decision.receipt" --receipt-key "$W/receipt.pub" \
	>"$W/out" 2>&1 || die "a receipt does not do where no quorum is demanded"
expect 1 'receipt: .*does not verify' assay credential check "$W/credentials/svid.pem" --log-policy "$W/logs" \
	--receipt "$W/decision.receipt" --receipt-key "$W/keys/alice.pub"
expect 1 'names no decision' assay credential check "$W/verifier/tls.pem" --log-policy "$W/logs" --receipt "$W/decision.receipt"
expect 3 'token: not three parts' assay credential check "$W/token" --log-policy "$W/logs" --receipt "$W/decision.receipt"
ok "credential_check__with_a_receipt"

for path in "/log/receipt/${RECORD//[0-9]/0}" /log/proof/x /log/proof/01 /log/proof/99999 /log/consistency/0 /log/consistency/99999; do
	[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT$path")" = 404 ] || die "$path is there"
done
for form in receipt proof statement; do
	[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/v1/records/$RECORD/$form")" = 401 ] ||
		die "anybody gets the $form of a record"
done
ok "what_is_not_there_or_not_for_everybody__refused"

expect 0 '' operator record get "$RECORD" --out "$W/decision.assay"
audit() { assay audit "$W/decision.assay" --ca "$W/verifier/ca.pem" --log-policy "$W/verifier/witnesses" "$@"; }
expect 0 'receipt.*the receipt key that the bundle brings' audit
expect 0 'receipt.*the receipt key that you pinned vouched' audit --receipt-key "$W/receipt.pub"
expect 1 'receipt.*does not verify' audit --receipt-key "$W/keys/alice.pub"
ok "audit__proves_the_receipt"

# A credential by the same CA, for a decision that no ledger has.
monitor() { operator log monitor --policy "$W/verifier/witnesses" --state "$W/monitor" "$@"; }
mkdir "$W/shown"
cp "$W/credentials/svid.pem" "$W/shown/good.pem"
cp "$W/credentials/jwt-0.token" "$W/shown/"
expect 0 '2, 0 of them without' monitor --credentials "$W/shown"
cat >"$W/extensions" <<-EOF
	2.25.214316547213749874312.1=DER:0420$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n')
EOF
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$W/forged.key" -subj / -out "$W/forged.csr" 2>/dev/null
openssl x509 -req -in "$W/forged.csr" -CA "$W/verifier/ca.pem" -CAkey "$W/verifier/ca.key" -CAcreateserial -days 1 \
	-extfile "$W/extensions" -out "$W/shown/forged.pem" 2>/dev/null
expect 1 'forged.pem: its decision [0-9a-f]{64} is not in the ledger' monitor --credentials "$W/shown"
expect 1 '"credentials_missing": ?1' monitor --credentials "$W/shown" --json
expect 1 'the ledger has no decision' assay credential check "$W/shown/forged.pem" --log-policy "$W/verifier/witnesses" \
	--server "https://127.0.0.1:$PORT" --server-ca "$W/verifier/ca.pem"
expect 1 'leads to another root' assay credential check "$W/shown/forged.pem" --log-policy "$W/verifier/witnesses" --receipt "$W/decision.tlog-proof"
rm "$W/shown/forged.pem"
expect 0 '2, 0 of them without' monitor --credentials "$W/shown"
cp "$W/verifier/tls.pem" "$W/shown/"
expect 1 'names no decision' monitor --credentials "$W/shown"
ok "monitor__credential_without_a_leaf__reported"

verifier_stop
sed "s,^receipt_key:.*,receipt_key: file:$W/verifier/log.key," "$W/verifier/verifierd.yaml" >"$W/verifier/other.yaml"
expect 3 'receipt_key.*P-256 private key' assay-verifierd --config "$W/verifier/other.yaml"
printf '%d passed, 0 failed\n' "$CHECKS"
