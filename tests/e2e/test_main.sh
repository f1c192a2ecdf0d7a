#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole path: enrol, release, approve, run, credential, whoami, every refusal of the demo, audit.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
verifier_start
host_start one

agent_make one
printf '%064d\n' 0 >"$W/host-one/workloads/ocr-agent.release"
expect 3 'not enrolled' host_assay one run ocr-agent -- "$ROOT/demo/invoice.png"
ok "a host that is not enrolled launches nothing"

operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
ok "a join token admits the host"
expect 0 'is active' host_assay one enroll --name demo-host
ok "enrolling again changes nothing"

operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
GOOD=$RELEASE
expect 2 '--reason is needed' operator release approve "$W/releases/release-1.0.0.dsse" --person alice --role model-risk --env prod \
	--key "$W/keys/alice"
ok "an approval says why"
mkdir "$W/credentials"
expect 0 'Orchard Bank' host_assay one run ocr-agent --explain --credentials "$W/credentials" -- "$ROOT/demo/invoice.png"
grep -q 'reported' "$W/errors" || die "the assurance level is not shown"
grep -qi 'not checked' "$W/errors" || die "what was not checked is not shown"
RECORD=$(grep -o 'record [0-9a-f]\{64\}' "$W/errors" | head -1 | cut -d' ' -f2)
ok "the agent runs and reads the picture"

expect 0 'ocr-agent' curl -sf --cacert "$W/verifier/ca.pem" --cert "$W/credentials/svid.pem" --key "$W/credentials/key.pem" \
	"https://127.0.0.1:$PORT/v1/whoami"
ok "its credential is accepted over mTLS"
expect 0 '' openssl verify -CAfile "$W/credentials/bundle.pem" "$W/credentials/svid.pem"
ok "openssl accepts the credential's chain"

run_agent() { host_assay one run ocr-agent -- "$ROOT/demo/invoice.png"; }

cp "$W/agent/tessdata/eng.traineddata" "$W/model.good"
printf '\x5a' | dd of="$W/agent/tessdata/eng.traineddata" bs=1 seek=2000000 conv=notrunc 2>/dev/null
expect 1 'component-digest' run_agent
cp "$W/model.good" "$W/agent/tessdata/eng.traineddata"
ok "one byte of the model flipped: refused"

echo "x 1" >>"$W/agent/config/ocr.config"
expect 1 'component-digest' run_agent
cp "$ROOT/demo/ocr.config" "$W/agent/config/ocr.config"
ok "the config changed: refused"

echo surprise >"$W/agent/tessdata/extra.bin"
expect 1 'component-digest' run_agent
rm "$W/agent/tessdata/extra.bin"
ok "M8__extra_file_in_the_model_directory__refused"

echo more >>"$W/agent/config/prompt.txt"
release_make one 2.0.0 unapproved >/dev/null 2>&1
expect 1 'approval-missing' run_agent
cp "$ROOT/demo/prompt.txt" "$W/agent/config/prompt.txt"
echo "$GOOD" >"$W/host-one/workloads/ocr-agent.release"
ok "an unapproved release: refused"

expect 2 '' host_assay one run ocr-agent -- "$ROOT/demo/invoice.png" --tessdata-dir /tmp
expect 2 '' host_assay one run ocr-agent -- --tessdata-dir=/tmp
expect 2 '' host_assay one run ocr-agent
ok "arguments that the spec does not list: refused"

expect 0 'Orchard Bank' run_agent
ok "the untouched agent runs again"

operator record get "$RECORD" --out "$W/record.assay" 2>/dev/null
expect 0 '' assay audit "$W/record.assay" --ca "$W/verifier/ca.pem"
ok "the record audits offline"
python3 - "$W/record.assay" "$W/bad.assay" <<-'PYTHON'
	import sys
	data = bytearray(open(sys.argv[1], "rb").read())
	data[len(data) // 2] ^= 1
	open(sys.argv[2], "wb").write(data)
PYTHON
status=0; assay audit "$W/bad.assay" --ca "$W/verifier/ca.pem" >"$W/out" 2>&1 || status=$?
[ "$status" != 0 ] || die "a changed record was accepted"
ok "T12__record_with_a_flipped_bit__not_accepted"

expect 2 'reason is needed' operator workload retire ocr-agent
expect 0 '' operator workload retire ocr-agent --reason 'replaced'
expect 1 'workload-retired' run_agent
ok "a retired workload launches nothing"

verifier_stop
expect 3 '' run_agent
ok "verifier away: nothing is decided, nothing starts"
printf '%d passed, 0 failed\n' "$CHECKS"
