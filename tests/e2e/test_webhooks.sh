#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Events pushed to subscribers: signed, in order, each at least once whatever dies between, and none held up by another's dead
# receiver; a list that is reloaded.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
D=$W/receiver
mkdir "$D"
echo ok >"$D/mode"
: >"$D/received"
RECEIVER=$(port_free)
DEAD=$(port_free)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out "$W/verifier/other-ca.pem" -subj /CN=other \
	-days 2 2>/dev/null
receiver_start "$D" "$RECEIVER"
METRICS=$(port_free)
cat >>"$W/verifier/verifierd.yaml" <<-YAML
	metrics_listen: 127.0.0.1:$METRICS
	webhooks:
	  - name: siem
	    url: https://127.0.0.1:$RECEIVER/siem
	    secret_file: hook.secret
	    key: file:hook.key
	    ca: ca.pem
	  - name: retirements
	    url: https://127.0.0.1:$RECEIVER/retirements
	    secret_file: hook.secret
	    key: file:hook.key
	    ca: ca.pem
	    events: [workload-retired]
	  - name: dead
	    url: https://127.0.0.1:$DEAD/
	    secret_file: hook.secret
	    ca: ca.pem
	    give_up_after: 10s
	  - name: foreign
	    url: https://127.0.0.1:$RECEIVER/foreign
	    secret_file: hook.secret
	    ca: other-ca.pem
YAML
sed 's/workload-retired/workload-retird/' "$W/verifier/verifierd.yaml" >"$W/verifier/wrong.yaml"
for how in check run; do
	expect 3 'webhooks: retirements: events: workload-retird: there is no such event; there are refused, host-state' \
		assay-verifierd "$how" --config "$W/verifier/wrong.yaml"
done
ok "event__that_there_is_not__refused_at_the_start"
verifier_start
add() { operator workload add "$1" --class low --env prod --owner tests --purpose tests >/dev/null; }
# How many requests came that match: PATH PYTHON-EXPRESSION of line.
received() {
	python3 - "$D/received" "$1" "$2" <<-'PY'
		import json, sys
		lines = [json.loads(l) for l in open(sys.argv[1])]
		print(sum(1 for line in lines if line["path"] == sys.argv[2] and eval(sys.argv[3], {"line": line})))
	PY
}
came() { [ "$(received "$1" "$2")" -ge "${3:-1}" ]; }
# What waits is tried now, unless its own time came first.
hurry() {
	operator webhook retry "$1" --reason "it is back" >"$W/out" 2>"$W/errors" ||
		grep -q 'nothing waits for another attempt' "$W/errors" || die "what waits is not tried again"
}

add one
until_ok came /siem 'line["body"]["event"] == "workload" and line["name"] == "one"'
[ "$(received /siem 'not line["signed"] or line["type"] != "application/json"')" = 0 ] || die "a signature does not verify"
acked() { operator webhook show "$1" --json | python3 -c 'import json,sys; sys.exit(json.load(sys.stdin)["acked_entry"] is None)'; }
until_ok acked siem
expect 0 '^siem +delivering +[0-9]+ ' operator webhook list
expect 0 ' 200 +1$' operator webhook show siem
expect 0 '^delivered +(yes|true)' operator webhook test siem
expect 1 'certificate' operator webhook test foreign
expect 1 'onnect' operator webhook test dead
expect 3 'no webhook of that name' operator webhook show nobody
[ "$(received /foreign True)" = 0 ] || die "something went to a receiver with another CA"
ok "event__pushed__signed_and_acknowledged"

# Who is who in `top -H`: only the first thread is called like the program.
threads() { cat "/proc/$1/task/"*/comm | sed 's/-[0-9]*$/-N/' | LC_ALL=C sort -u | tr '\n' ' '; }
[ "$(threads "$VERIFIER_PID")" = "assay-verifierd checkpoint events hook-dead hook-foreign hook-retirement hook-siem http-N leases log-publish metrics reload reserve retention shadow worker-N writer " ] ||
	die "the verifier's threads: $(threads "$VERIFIER_PID")"
[ "$(cat "/proc/$VERIFIER_PID/task/"*/comm | grep -c assay)" = 1 ] || die "threads without a name"
ok "thread__of_the_verifier__named"

# What the receiver answers that is no acknowledgement: tried again, under the same id, in order.
for mode in 500 redirect; do
	echo $mode >"$D/mode"
	add "first-$mode"
	add "second-$mode"
	until_ok came /siem "line['mode'] == '$mode' and line['name'] == 'first-$mode'" 2
	[ "$(received /siem "line['name'] == 'second-$mode'")" = 0 ] || die "an event overtook one that was not acknowledged"
	expect 0 'siem +retrying .*HTTP status' operator webhook list
	echo ok >"$D/mode"
	hurry siem
	until_ok came /siem "line['mode'] == 'ok' and line['name'] == 'second-$mode'"
done
[ "$(received /elsewhere True)" = 0 ] || die "a redirect was followed"
echo huge >"$D/mode"
add huge
until_ok came /siem 'line["name"] == "huge"'
echo ok >"$D/mode"
add after-huge
until_ok came /siem 'line["name"] == "after-huge"'
[ "$(received /siem 'line["name"] == "huge"')" = 1 ] || die "an answer of 200 with a long body was not taken"
ok "receiver__500_redirect_huge__again_in_order_with_the_same_id"

# The verifier dies when the receiver has the event and before it wrote that down.
cp /dev/null "$D/pid"
echo "$VERIFIER_PID" >"$D/pid"
echo kill >"$D/mode"
add killed || true
wait "$VERIFIER_PID" 2>/dev/null || true
verifier_start
until_ok came /siem 'line["mode"] == "ok" and line["name"] == "killed"'
python3 - "$D/received" <<'PY' || die "told again under another id, or an event is missing or out of order"
import json, sys
lines = [json.loads(l) for l in open(sys.argv[1])]
siem = [l for l in lines if l["path"] == "/siem" and l["body"].get("id") is not None]
killed = [l["id"] for l in siem if l["name"] == "killed"]
assert len(killed) >= 2 and len(set(killed)) == 1, killed
assert all(l["signed"] for l in lines)
# Each entry has one id, and the first time that each came they came in the order of the ledger.
assert len({(l["id"], l["body"]["id"]) for l in siem}) == len({l["id"] for l in siem})
first = list(dict.fromkeys(l["body"]["id"] for l in siem))
assert first == sorted(first), first
names = [l["name"] for l in siem if l["body"]["event"] == "workload"]
for name in ["one", "first-500", "second-500", "first-redirect", "second-redirect", "huge", "after-huge", "killed"]:
    assert name in names, name
PY
ok "verifier__killed_before_it_wrote_the_acknowledgement__told_again_with_the_same_id"

operator workload retire one --reason "done" >/dev/null
until_ok came /retirements 'line["body"]["event"] == "workload-retired"'
[ "$(received /retirements 'line["body"]["event"] not in ("workload-retired", "webhook-test")')" = 0 ] || die "an event that nobody asked for"
ok "events__of_the_names_asked_for"

# Ten seconds after the first attempt that one is given up; the others never waited for it.
gave_up() { operator webhook list | grep -qE '^dead +gave-up'; }
until_ok gave_up || until_ok gave_up || die "a dead receiver is not given up"
counted() { curl -sf "http://127.0.0.1:$METRICS/metrics" | grep -qxF "$1"; }
until_ok eval "sleep 1; counted 'assay_webhooks{webhook=\"dead\",state=\"gave-up\"} 1'" || die "the metrics do not say so"
counted 'assay_webhooks{webhook="siem",state="delivering"} 1' || die "the others are not counted"
grep -q 'webhook-gave-up' "$W/verifier.log" || die "the log does not say so"
retry_entry() { operator webhook retry dead --reason "looked at it"; }
expect 0 'state +delivering' retry_entry
curl -sf --cacert "$W/verifier/ca.pem" --cert "$W/verifier/operator/cert.pem" --key "$W/verifier/operator/key.pem" \
	"https://127.0.0.1:$PORT/v1/entries?type=webhook" -o "$W/entries" || die "no entries"
python3 - "$W/entries" <<'PY' || die "the ledger does not say it"
import base64, json, sys
said = [json.loads(base64.b64decode(e["content"])) for e in json.load(open(sys.argv[1]))["entries"]]
assert any(s["event"] == "webhook-gave-up" and s["name"] == "dead" and s["attempts"] > 1 for s in said), said
assert any(s["event"] == "webhook-retried" and s["name"] == "dead" and s["reason"] == "looked at it" for s in said), said
PY
expect 3 'nothing waits' operator webhook retry siem --reason "why not"
ok "receiver__dead__given_up_in_the_ledger_and_tried_again_when_asked"

# Another list while it runs: what is not acknowledged yet goes where the new list says; a list that is no good changes nothing.
reload() { # WANTED of the log
	local before
	before=$(grep -c 'webhooks-re' "$W/verifier.log" || true)
	kill -HUP "$VERIFIER_PID"
	until_ok eval '[ "$(grep -c webhooks-re "$W/verifier.log")" -gt '"$before"' ]' || die "no reload"
	grep 'webhooks-re' "$W/verifier.log" | tail -n 1 | grep -qE "$1" || die "not $1: $(grep 'webhooks-re' "$W/verifier.log" | tail -n 1)"
}
echo 500 >"$D/mode"
add held
until_ok came /siem 'line["name"] == "held"'
for outcome in delivered failed; do
	until_ok eval 'curl -sf "http://127.0.0.1:$METRICS/metrics" | grep -q "^assay_webhook_attempts_total{webhook=\"siem\",outcome=\"$outcome\"} [1-9]"' ||
		die "attempts are not counted by webhook"
done
sed -i "s|/siem$|/moved|" "$W/verifier/verifierd.yaml"
cp "$W/verifier/verifierd.yaml" "$W/moved.yaml"
sed -i "s|hook.secret|gone.secret|" "$W/verifier/verifierd.yaml"
reload 'webhooks-refused error=.*webhook siem: secret_file: .*what was in force before stays so'
expect 0 ':[0-9]+/siem' operator webhook show siem
cat >>"$W/moved.yaml" <<-YAML
	  - name: late
	    url: https://127.0.0.1:$RECEIVER/late
	    secret_file: hook.secret
	    key: file:hook.key
	    ca: ca.pem
YAML
sed -i '/- name: foreign/,/ca: other-ca.pem/d' "$W/moved.yaml"
cp "$W/moved.yaml" "$W/verifier/verifierd.yaml"
reload 'webhooks-reloaded'
echo ok >"$D/mode"
expect 3 'no webhook of that name' operator webhook show foreign
hurry siem
until_ok came /moved 'line["name"] == "held"'
add later
until_ok came /moved 'line["name"] == "later"'
until_ok came /late 'line["name"] == "later"'
[ "$(received /late 'line["name"] == "held"')" = 0 ] || die "a new webhook is told what was before it"
[ "$(received /siem 'line["name"] == "later"')" = 0 ] || die "the place of before is told still"
[ "$(received /moved 'line["name"] == "held" and line["mode"] == "ok"')" = 1 ] || die "told again though acknowledged"
ok "list__reloaded__goes_on_with_what_was_not_acknowledged_and_a_bad_one_changes_nothing"

# A receiver that never answers does not keep the service from ending.
echo slow >"$D/mode"
add slow
until_ok came /moved 'line["name"] == "slow"'
began=$(date +%s)
verifier_stop
[ $(($(date +%s) - began)) -lt 8 ] || die "the service waits for a receiver"
ok "receiver__slow__the_service_ends_without_it"
