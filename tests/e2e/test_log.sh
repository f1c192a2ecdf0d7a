#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The ledger before witnesses and monitors: two witnesses, a quorum, a database put back, a fork.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make

witness_make() { # NAME
	mkdir -p "$W/$1"
	openssl genpkey -algorithm ed25519 -out "$W/$1/key.pem" 2>/dev/null
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$1" \
		-addext subjectAltName=IP:127.0.0.1 -keyout "$W/$1/tls.key" -out "$W/$1/tls.pem" 2>/dev/null
	eval "PORT_$1=$(port_free)"
}

witness_start() { # NAME
	local port
	eval "port=\$PORT_$1"
	started "$W/$1/log" assay log witness --policy "$W/logs" --name "$1.example" --key "$W/$1/key.pem" --state "$W/$1/state" \
		--listen "127.0.0.1:$port" --tls-cert "$W/$1/tls.pem" --tls-key "$W/$1/tls.key"
	eval "WITNESS_$1=$!"
	until_ok grep -q witnessing "$W/$1/log" || die "witness $1 does not start: $(cat "$W/$1/log")"
}

openssl genpkey -algorithm ed25519 -out "$W/some.pem" 2>/dev/null
expect 0 "^a.example\\+[0-9a-f]{8}\\+B" assay log key a.example --key "$W/some.pem" --witness
expect 2 'signs no notes' assay log key x --key "$W/keys/builder" --witness
ok "keys as others name them"

printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/logs"
for name in wa wb; do witness_make "$name"; witness_start "$name"; done
cat "$W/wa/tls.pem" "$W/wb/tls.pem" >"$W/witness-ca.pem"
cat >"$W/verifier/witnesses" <<-POLICY
	log $(cat "$W/verifier/log.pub")
	witness A $(assay log key wa.example --key "$W/wa/key.pem" --witness) https://127.0.0.1:$PORT_wa
	witness B $(assay log key wb.example --key "$W/wb/key.pem" --witness) https://127.0.0.1:$PORT_wb
	group both all A B
	quorum both
POLICY
printf 'log_policy: witnesses\nlog_quorum_age: 60s\n' >>"$W/verifier/verifierd.yaml"
started "$W/verifier.log" assay-verifierd --config "$W/verifier/verifierd.yaml"
VERIFIER_PID=$!
ready() { curl -s --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/readyz"; }
until_ok eval 'ready | grep -q "no quorum of witnesses"' || die "a ledger that nobody saw is trusted: $(ready)"
host_start one
operator host invite --out "$W/token" 2>/dev/null
expect 3 'no quorum of witnesses saw the ledger' host_assay one enroll --token-file "$W/token" --name demo-host
ok "nothing is decided on a ledger that no quorum saw"

feed() { operator log feed --policy "$W/verifier/witnesses" --witness-ca "$W/witness-ca.pem" "$@"; }
expect 0 'cosigned by 2 of 2 witnesses' feed
ready | grep -q '"ready"' || die "not ready with a quorum: $(ready)"
expect 0 'is active' host_assay one enroll --token-file "$W/token" --name demo-host
curl -s --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/log/checkpoint" >"$W/cosigned"
grep -q '^— wa.example' "$W/cosigned" && grep -q '^— wb.example' "$W/cosigned" || die "the checkpoint is served without cosignatures"
ok "with a quorum it decides"

agent_make one
operator workload add ocr-agent --class low --env prod --owner claims --purpose "reads invoices" >/dev/null
release_make one 1.0.0 >/dev/null 2>&1
expect 0 '' host_assay one run ocr-agent -- "$ROOT/demo/invoice.png"
record=$(operator record list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["records"][0]["id"])')
operator record get "$record" --out "$W/unseen.assay" 2>/dev/null
expect 1 'witnesses.*of its witnesses are no quorum' assay audit "$W/unseen.assay" --ca "$W/verifier/ca.pem" --log-policy "$W/verifier/witnesses"
expect 0 'cosigned by 2 of 2' feed
operator record get "$record" --out "$W/seen.assay" 2>/dev/null
expect 0 'tree root.*seen by witnesses A, B' assay audit "$W/seen.assay" --ca "$W/verifier/ca.pem" --log-policy "$W/verifier/witnesses"
ok "an audit proves that the witnesses saw the tree that the record is in"

expert=(assay-audit "$W/seen.assay" --ca "$W/verifier/ca.pem" --log-policy "$W/verifier/witnesses")
expect 0 'tree root.*seen by witnesses A, B' "${expert[@]}"
expect 0 '<h1>Audit of a decision</h1>' "${expert[@]}" --html
python3 - "$W/out" <<'PAGE' || die "the page is not whole, or asks for something elsewhere"
import html.parser, re, sys
text = open(sys.argv[1], encoding="utf-8").read()
class Page(html.parser.HTMLParser):
    open = []
    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "img", "iframe", "object") and not [a for a, _ in attrs if a in ("src", "href", "style") or a.startswith("on")]
        if tag != "meta": self.open.append(tag)
    def handle_endtag(self, tag): assert self.open.pop() == tag
page = Page(); page.feed(text); page.close()
assert page.open == [] and "url(" not in text and "Consistent" in text
PAGE
if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null && ! grep -qE '__[at]san_init' "$(command -v assay-audit)"; then
	OPENSSL_CONF=$W/openssl.cnf OPENSSL_MODULES=$W strace -f -o "$W/calls" "${expert[@]}" >"$W/out"
	python3 - "$W/calls" "$W/seen.assay" "$W/verifier/ca.pem" "$W/verifier/witnesses" <<'CALLS' || die "assay-audit does more than it says"
import re, sys
given = set(sys.argv[2:])
for line in open(sys.argv[1]):
    call = re.match(r"\d+ +(\w+)\((.*)", line)
    if not call: continue
    name, rest = call.groups()
    if name in ("socket", "connect", "bind", "fork", "vfork", "clone", "clone3", "unlink", "rename", "mkdir", "ptrace", "sendto"):
        sys.exit(line)
    if name == "write" and not rest.startswith("1,"): sys.exit(line)
    if name in ("open", "openat", "creat"):
        path = re.search(r'"([^"]*)"', rest).group(1)
        if "O_WRONLY" in rest or "O_RDWR" in rest or "O_CREAT" in rest: sys.exit(line)
        if path not in given and not re.match(r"/(usr/)?lib(64)?/|/etc/ld\.so|/usr/share/zoneinfo/UTC0$|lib[a-z]+\.so", path): sys.exit(line)
CALLS
	ok "assay-audit reads what it is given, and does nothing else"
else
	ok "assay-audit: its system calls were not watched: strace cannot be used here, or not on this build"
fi

attest() { ASSAY_HOSTD_SOCKET=$W/host-one/run/hostd.sock operator log attest "$@"; }
audit=(assay audit "$W/quoted.assay" --ca "$W/verifier/ca.pem" --log-policy "$W/verifier/witnesses")
[ "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/log/quote")" = 404 ] || die "a quote before one was made"
expect 0 'log host.*brings no checkpoint that the verifier' assay audit "$W/seen.assay" --ca "$W/verifier/ca.pem" --log-policy "$W/verifier/witnesses"
curl -s --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/log/checkpoint" >"$W/cosigned"
expect 2 'what to do with it' attest
expect 3 'no signatures behind an empty line' attest --checkpoint "$W/verifier/ca.pem" --out "$W/none"
expect 0 'leaves quoted by the attestation key 000b[0-9a-f]{64}, and brought to the verifier' \
	attest --checkpoint "$W/cosigned" --out "$W/quote" --ak-out "$W/ak" --upload
curl -sf --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/log/quote" | cmp - "$W/quote" || die "another quote is served than was brought"
until_ok cmp -s "$W/quote" "$W/verifier/log/quote" || die "the quote is not published beside the tiles"
verify_quote() { assay log verify-quote "$W/quote" --log-policy "$W/verifier/witnesses" "$@"; }
expect 0 'proved.*2 witnesses, quoted by 000b.*' verify_quote
grep -q 'not checked: whose attestation key' "$W/out" || die "an AK that nobody pinned is taken for the host's"
expect 0 '"ak_pinned": *true' verify_quote --log-host-ak "$W/ak" --json
python3 - "$W/out" <<'PCRS' || die "a quote without the values of PCRs 0 to 15"
import json, sys
quote = json.load(open(sys.argv[1]))
assert sorted(map(int, quote["pcrs"])) == list(range(16)) and int(quote["pcrs"]["15"], 16) != 0
PCRS
expect 1 'refused.*than the one that is pinned' verify_quote --log-host-ak "$W/keys/builder.pub"
operator record export "$record" --out "$W/quoted.assay" 2>/dev/null
expect 0 'proven.*log host.*the TPM whose key you pinned quoted PCRs 0-15' "${audit[@]}" --log-host-ak "$W/ak"
expect 0 'asserted.*log host.*pin it with --log-host-ak' "${audit[@]}"
expect 1 'FAILED.*log host.*another attestation key' "${audit[@]}" --log-host-ak "$W/keys/builder.pub"
ok "the verifier's host quotes the ledger's checkpoint, and an audit proves which TPM did"

monitor() { operator log monitor --policy "$W/verifier/witnesses" --state "$W/monitor" "$@"; }
expect 0 'consistent' monitor
operator workload add m1 --class low --env prod --owner x --purpose y >/dev/null
expect 0 'cosigned by 2 of 2' feed
expect 0 '1 more than last time' monitor
grep -q 'workload  *1' "$W/out" || die "the monitor does not tell what was added"
expect 0 '"last_size"' monitor --json --max-age 600
sleep 1
expect 1 'cosigned [0-9]+s ago: an old view' monitor --max-age 0
expect 1 '"code":"mismatch","message":"the checkpoint shown was cosigned' monitor --json --max-age 0
ok "a monitor follows"

kill "$WITNESS_wb"; wait "$WITNESS_wb" 2>/dev/null || true
operator workload add m2 --class low --env prod --owner x --purpose y >/dev/null
expect 1 'are no quorum' feed
grep -q 'witness B:' "$W/errors" || die "which witness is missing is not said"
witness_start wb
expect 0 'cosigned by 2 of 2' feed
ok "one witness is no quorum of two; it goes on when it is back"

verifier_stop
cp "$W/verifier/verifier.db" "$W/old.db"
verifier_restart() {
	started "$W/verifier.log" assay-verifierd --config "$W/verifier/verifierd.yaml"
	VERIFIER_PID=$!
	until_ok eval 'ready | grep -qE "status|error"' || die "the verifier does not come back"
}
verifier_restart
expect 0 'cosigned by 2 of 2' feed
operator workload add m3 --class low --env prod --owner x --purpose y >/dev/null
expect 0 'cosigned by 2 of 2' feed
expect 0 'consistent' monitor
verifier_stop
cp "$W/old.db" "$W/verifier/verifier.db"
rm -f "$W/verifier/verifier.db-wal" "$W/verifier/verifier.db-shm"
expect 3 'it is an older copy' timeout 20 assay-verifierd --config "$W/verifier/verifierd.yaml"
ok "a database put back is refused by what was published"

rm -r "$W/verifier/log"
verifier_restart
expect 1 'it has seen [0-9]+ leaves, and the ledger has [0-9]+: an older copy' feed
ready | grep -q 'no quorum' || die "a verifier whose past the witnesses deny is ready"
operator workload add m4 --class low --env prod --owner other --purpose other >/dev/null 2>&1 || true
for i in 5 6 7; do operator workload add "m$i" --class low --env prod --owner other --purpose other >/dev/null; done
expect 1 'HTTP status 422|forked' feed
ready | grep -q 'no quorum' || die "a fork became ready"
expect 1 'the ledger is smaller than it was' monitor
ok "and by the witnesses, where nothing was published"
for name in wa wb; do eval "kill \$WITNESS_$name"; done
