#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Agents' keys in the TPM: a risk class that demands them, a host that makes them, and clients that use them over mTLS as
# docs/hostd.md says: tpm2-abrmd between the TPM and both hostd and OpenSSL's provider tpm2.
. "$(dirname "$0")/lib.sh"
PATH=$PATH:/usr/sbin
for tool in dbus-daemon tpm2-abrmd; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
[ -e "$(openssl version -m | cut -d'"' -f2)/tpm2.so" ] || { echo "skipped: OpenSSL's provider tpm2 is not installed"; exit 77; }

# A broker on a bus of its own: NAME's TPM is then shared, as tabrmd:bus_type=session.
broker_start() { # NAME
	started "$W/bus.log" dbus-daemon --session --nofork --address="unix:path=$W/bus"
	until_ok test -S "$W/bus"
	export DBUS_SESSION_BUS_ADDRESS=unix:path=$W/bus
	local root=
	[ "$(id -u)" != 0 ] || root=--allow-root
	started "$W/broker.log" tpm2-abrmd --session $root --tcti="swtpm:path=$W/tpm-$1.sock"
	until_ok env TPM2TOOLS_TCTI=tabrmd:bus_type=session tpm2_getrandom 8 || { cat "$W/broker.log"; return 1; }
}

world_open
tpm_make one
CLASS_KEY=tpm verifier_make
verifier_start
broker_start one
export HOST_TCTI=tabrmd:bus_type=session TPM2OPENSSL_TCTI=tabrmd:bus_type=session
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
agent_make one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
mkdir "$W/credentials"
run_agent() { host_assay one run ocr-agent --explain --credentials "$W/credentials" -- "$ROOT/demo/invoice.png"; }

expect 1 'key-protection' run_agent
grep -q 'a key in the TPM, by risk class' "$W/errors" || die "what was expected is not said"
[ "$(ls -A "$W/credentials")" = "" ] || die "credentials of a refused launch"
ok "key__in_software_where_the_class_demands_the_TPM__refused"

host_stop one
HOST_KEY=tpm host_start one
expect 0 'Orchard Bank' run_agent
grep -q 'trusted .*key tpm' "$W/errors" || die "the verdict does not say where the key lives"
grep -q 'BEGIN TSS2 PRIVATE KEY' "$W/credentials/key.pem" || die "key.pem is no key of a TPM"
ok "key__in_the_TPM_where_the_class_demands_it__trusted"

openssl x509 -in "$W/credentials/svid.pem" -noout -pubkey >"$W/certified"
openssl pkey -provider tpm2 -provider default -in "$W/credentials/key.pem" -pubout >"$W/held" 2>/dev/null
cmp -s "$W/certified" "$W/held" || die "the certificate is for another key"
ok "svid__of_a_key_in_the_TPM__is_for_that_key"

whoami_by_curl() {
	curl -sS --fail --max-time 30 --cacert "$W/verifier/ca.pem" --cert "$W/credentials/svid.pem" --key "$W/credentials/key.pem" \
		"https://127.0.0.1:$PORT/v1/whoami"
}
export TSS2_LOG=all+none
expect 0 '"key":"tpm"' env OPENSSL_CONF="$ROOT/packaging/openssl-tpm2.cnf" bash -c "$(declare -f whoami_by_curl); W=$W PORT=$PORT whoami_by_curl"
grep -q '"workload":"ocr-agent"' "$W/out" || die "whoami is somebody else"
expect 0 '"key":"tpm"' env OPENSSL_CONF="$ROOT/packaging/openssl-tpm2.cnf" assay whoami --json --verifier "https://127.0.0.1:$PORT" \
	--ca "$W/verifier/ca.pem" --client-cert "$W/credentials/svid.pem" --client-key "$W/credentials/key.pem"
ok "key__in_the_TPM__used_over_mTLS_by_curl_and_assay"
expect 58 '' whoami_by_curl
ok "key__in_the_TPM_without_the_provider__not_usable"

# The file is worth nothing with another TPM.
tpm_make two
expect 1 '' env TPM2OPENSSL_TCTI="swtpm:path=$W/tpm-two.sock" openssl pkey -provider tpm2 -provider default -in "$W/credentials/key.pem" -noout
ok "key__carried_to_another_TPM__not_usable"
printf '%d passed, 0 failed\n' "$CHECKS"
