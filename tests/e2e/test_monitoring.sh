#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prometheus as Debian has it: reads our metrics, loads our alert rules and proves each of them, evaluates every panel of the
# dashboard against a verifier at work.
. "$(dirname "$0")/lib.sh"
command -v promtool >/dev/null && command -v prometheus >/dev/null || { echo "skipped: prometheus is not installed"; exit 77; }
world_open
M=$ROOT/packaging/monitoring
expect 0 'SUCCESS' promtool check rules "$M/assay.rules.yml"
expect 0 'SUCCESS' promtool test rules "$M/assay.rules.test.yml"
for alert in $(sed -n 's/^ *- alert: //p' "$M/assay.rules.yml"); do
	[ "$(grep -c "alertname: $alert\$" "$M/assay.rules.test.yml")" -ge 2 ] || die "$alert is not proved to fire and to be quiet"
done
ok "every alert fires when it should, and not otherwise"

tpm_make one
verifier_make
METRICS=$(port_free)
printf 'metrics_listen: 127.0.0.1:%s\n' "$METRICS" >>"$W/verifier/verifierd.yaml"
verifier_start
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
agent_make one
release_make one 1.0.0 >/dev/null 2>&1
expect 0 'Orchard Bank' host_assay one run ocr-agent -- "$ROOT/demo/invoice.png"
metrics() { curl -sf "http://127.0.0.1:$METRICS/metrics"; }
metrics >"$W/metrics"
value() { awk -v name="$1" 'index($0, name " ") == 1 { print $NF }' "$W/metrics"; }
[ "$(value 'assay_decisions_total{purpose="launch",outcome="trusted"}')" = 1 ] || die "the launch was not counted"
[ "$(value 'assay_workload_launches_total{workload="ocr-agent"}')" = 1 ] || die "the workload's launch was not counted"
[ "$(value 'assay_workload_credentials_total{workload="ocr-agent"}')" = 2 ] || die "its two credentials were not counted"
[ "$(value 'assay_enrolments_total{outcome="enrolled"}')" = 1 ] || die "the enrolment was not counted"
[ "$(value 'assay_ready')" = 1 ] || die "not ready"
for stage in open load judge make commit answer; do
	[ "$(value "assay_decision_stage_duration_seconds_count{stage=\"$stage\"}")" = 1 ] || die "the stage $stage was not measured"
done
until_ok eval 'sleep 1; metrics | grep -q "^assay_hosts{state=\"active\"} 1$"' || die "hosts are not counted"
tail -n 1 "$W/metrics" | grep -qx '# EOF' || die "no end"
ok "an enrolment and a launch are counted, stage by stage"
expect 0 '' curl -sf --output /dev/null -w '%{content_type}' "http://127.0.0.1:$METRICS/metrics"
grep -q 'application/openmetrics-text; version=1.0.0' "$W/out" || die "not said to be OpenMetrics"
expect 0 '' curl -s -o /dev/null -w '%{http_code}' -X POST "http://127.0.0.1:$METRICS/metrics"
grep -q 405 "$W/out" || grep -q 501 "$W/out" || die "something but GET is answered: $(cat "$W/out")"
ok "only read, and as what it is"

curl -s --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/v1/hosts" >/dev/null
until_ok grep -q 'operator-refused.*route=/v1/hosts.*status=401' "$W/verifier.log"
until_ok eval 'metrics | grep -q "assay_operator_refusals_total{status=\"401\"} 1"'
ok "an operator's route without a certificate: refused, logged and counted"

PROM=$(port_free)
cat >"$W/prometheus.yml" <<-YAML
	global: {scrape_interval: 1s, evaluation_interval: 1s}
	rule_files: ["$M/assay.rules.yml"]
	scrape_configs:
	  - job_name: assay
	    static_configs: [{targets: ["127.0.0.1:$METRICS"]}]
YAML
expect 0 'SUCCESS' promtool check config "$W/prometheus.yml"
started "$W/prometheus.log" prometheus --config.file="$W/prometheus.yml" --storage.tsdb.path="$W/tsdb" \
	--web.listen-address="127.0.0.1:$PROM" --log.level=warn
ask() { python3 "$ROOT/tests/interop/monitoring.py" "http://127.0.0.1:$PROM" "$@"; }
until_ok eval 'sleep 0.5; ask targets' || die "the verifier is not scraped: $(ask targets 2>&1; tail -5 "$W/prometheus.log")"
ok "Prometheus scrapes it"
until_ok eval 'sleep 0.5; ask dashboard "$M/grafana-assay.json"' || die "$(ask dashboard "$M/grafana-assay.json" 2>&1)"
ok "every panel of the dashboard is about metrics there are"
expect 0 '19 rules' ask rules
ok "the rules are loaded and evaluated"
