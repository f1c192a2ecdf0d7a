#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A renewal's audit walks back to the launch: exported whole, cut, and with a record of the chain bent.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
RENEW_AFTER=1s verifier_make
METRICS=$(port_free)
printf 'metrics_listen: 127.0.0.1:%s\n' "$METRICS" >>"$W/verifier/verifierd.yaml"
verifier_start
BETWEEN=$(port_free)
BEHIND=$PORT
between_start() { # SECONDS that an idle connection is kept
	BALANCE_IDLE=$1 started "$W/balance.log" python3 "$ROOT/tests/support/balance.py" "$BETWEEN" "$BEHIND"
	BETWEEN_PID=$!
	until_ok curl -so /dev/null --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$BETWEEN/healthz"
}
between_start 60
PORT=$BETWEEN host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
kill "$BETWEEN_PID"
wait "$BETWEEN_PID" 2>/dev/null || true
between_start 0.3
operator workload add quick --class low --env prod --owner tests --purpose "lives for a while" >/dev/null

mkdir "$W/agent"
printf '#include <unistd.h>\nint main(void) { sleep(60); return 0; }\n' | cc -x c -o "$W/agent/program" -
cat >"$W/host-one/workloads/quick.yaml" <<-YAML
	workload: quick
	command: [$W/agent/program]
	components:
	  - name: program
	    role: binary
	    path: $W/agent/program
	credentials: [x509]
YAML
release_beside "$W/host-one/workloads/quick.yaml" 1.0.0 operator
mkdir "$W/credentials"
started "$W/agent.log" host_assay one run quick --credentials "$W/credentials"

records() { operator record list --workload quick --limit 100 --json; }
renewals() { records | python3 -c 'import json,sys; print(sum(r["purpose"] == "renew" for r in json.load(sys.stdin)["records"]))'; }
four_renewals() { [ "$(renewals)" -ge 4 ]; }
until_ok four_renewals || die "the agent does not renew: $(cat "$W/agent.log")"
# What lies between ends each connection before the next renewal: that one is another connection, of the same TLS session.
handshakes() { curl -sf "http://127.0.0.1:$METRICS/metrics" | sed -n "s/^assay_tls_handshakes_total{kind=\"$1\"} //p"; }
three_resumed() { [ "$(handshakes resumed)" -ge 3 ]; }
until_ok three_resumed || die "$(handshakes resumed) handshakes of renewals were resumed, $(handshakes full) were not"
ok "renewals over connections that broke: TLS sessions resumed"
records >"$W/records.json"
read -r RENEWAL LAUNCH < <(python3 - "$W/records.json" <<-'PYTHON'
	import json, sys
	rows = [r for r in json.load(open(sys.argv[1]))["records"] if r["trusted"]]
	renewals = [r for r in rows if r["purpose"] == "renew"]
	print(renewals[0]["id"], [r for r in rows if r["purpose"] == "launch"][-1]["id"])
PYTHON
)

audit=(assay audit --ca "$W/verifier/ca.pem")
expect 0 'bytes; check them with' operator record export "$RENEWAL" -o "$W/whole.assay"
expect 0 'earlier state: [0-9]+ records back to the full appraisal' "${audit[@]}" "$W/whole.assay" --demand-full
# To the launch, or to a renewal in which hostd had to send everything again.
python3 - "$W/out" "$W/records.json" <<-'PYTHON' || die "not the record that lies so far back"
	import json, re, sys
	rows = [r["id"] for r in json.load(open(sys.argv[2]))["records"] if r["trusted"]]
	back, full = re.search(r"earlier state: (\d+) records back to the full appraisal ([0-9a-f]{16})", open(sys.argv[1]).read()).groups()
	assert rows[int(back)].startswith(full), (back, full, rows)
PYTHON
grep -q '^  full appraisal$' "$W/out" || die "the full appraisal's own checks are not told"
grep -Eq '^      proven       EK certificate chain: a TPM by' "$W/out" || expect 0 'EK certificate chain' "${audit[@]}" "$W/whole.assay"
expect 0 '"grounded":true' assay-audit "$W/whole.assay" --ca "$W/verifier/ca.pem" --json
ok "a renewal is proven back to its launch"

operator record export "$RENEWAL" --out "$W/cut.assay" --chain 2 2>/dev/null
expect 0 'asserted *earlier state, says the verifier: 2 records back' "${audit[@]}" "$W/cut.assay"
expect 1 'FAILED *earlier state: 2 records back' "${audit[@]}" "$W/cut.assay" --demand-full
operator record export "$RENEWAL" --out "$W/alone.assay" --chain none 2>/dev/null
expect 0 'earlier state, says the verifier: taken from record' "${audit[@]}" "$W/alone.assay"
operator record get "$RENEWAL" --out "$W/got.assay" 2>/dev/null
expect 0 'records back to the full appraisal' "${audit[@]}" "$W/got.assay"
expect 2 'full, none, or up to 4096' operator record export "$RENEWAL" --chain 9999
expect 2 'named by its leaf hash' operator record export x
ok "cut, it says so, and fails where the whole is demanded"

operator record export "$LAUNCH" --out "$W/launch.assay" 2>/dev/null
expect 0 '^consistent: launch of quick' "${audit[@]}" "$W/launch.assay" --demand-full
ok "a launch stands on itself"

status=0
python3 - "$W/whole.assay" "$W/alone.assay" "$W/bent.assay" <<-'PYTHON'
	import sys
	whole, alone = (open(name, "rb").read() for name in sys.argv[1:3])
	bent = bytearray(whole)
	bent[len(alone) + (len(whole) - len(alone)) // 2] ^= 1
	open(sys.argv[3], "wb").write(bent)
PYTHON
"${audit[@]}" "$W/bent.assay" >"$W/out" 2>&1 || status=$?
[ "$status" != 0 ] || die "a changed chain was accepted"
ok "T12__chain_with_a_flipped_bit__not_accepted"
# An instance that lives on is asked for everything again.
printf 'full_appraisal_every: 2\n' >>"$W/verifier/verifierd.yaml"
verifier_stop
verifier_start
latest() { operator record list --workload quick --limit 1 --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["records"][0]["id"])'; }
full_again() { operator record export "$(latest)" --out "$W/again.assay" 2>/dev/null &&
	"${audit[@]}" "$W/again.assay" --json | python3 -c 'import json,sys; r = json.load(sys.stdin); assert r["verdict"]["full"] and r["record"]["purpose"] == "renew"'; }
until_ok full_again || die "no renewal is appraised in full: $(cat "$W/agent.log")"
ok "a renewal is appraised in full now and then"

# hostd held an offer from before the restart: refused for it at most, and only for it; then it sends everything, and the
# instance lives on.
BEFORE=$(renewals)
more_renewals() { [ "$(renewals)" -ge $((BEFORE + 4)) ]; }
until_ok more_renewals || die "the agent does not renew any more: $(cat "$W/agent.log")"
records >"$W/records.json"
python3 - "$W/records.json" <<-'PYTHON' || die "an instance was lost, or refused again and again"
	import json, sys
	rows = json.load(open(sys.argv[1]))["records"]
	refused = [r for r in rows if not r["trusted"]]
	assert len(refused) <= 1, refused
	assert rows[0]["trusted"] and len({r["instance"] for r in rows}) == 1, rows
PYTHON
! grep 'outcome=untrusted' "$W/verifier.log" | grep -v 'reason=state-stale' || die "refused for something else"
ok "full appraisals demanded lose no instance"
printf '%d passed, 0 failed\n' "$CHECKS"
