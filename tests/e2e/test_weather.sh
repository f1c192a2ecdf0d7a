#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The service while it runs: other certificates and policies without a dropped connection, its end, its watchdog, its sockets.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
V=$W/verifier
ca() { curl -s --cacert "$V/ca.pem" "$@"; }
certificate_make() { # NAME: tls.pem and tls.key anew, of this name
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$W/$1.key" -subj "/CN=$1" -out "$W/$1.csr" 2>/dev/null
	printf 'subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth\n' >"$W/$1.ext"
	openssl x509 -req -in "$W/$1.csr" -CA "$V/ca.pem" -CAkey "$V/ca.key" -CAcreateserial -days 2 -extfile "$W/$1.ext" -out "$W/$1.pem" 2>/dev/null
}
served() { # NAME: whether that certificate is the one in use
	openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$V/ca.pem" </dev/null >"$W/served" 2>/dev/null || true
	openssl x509 -noout -subject -in "$W/served" | grep -q "$1"
}

# A socket of systemd's, as a stand-in: messages end up in a file.
cat >"$W/notify.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "w", buffering=1) as out:
    while True:
        out.write(s.recv(4096).decode() + "\n")
PY
started "$W/notify.log" python3 "$W/notify.py" "$W/notify" "$W/notified"
until_ok test -S "$W/notify"
export NOTIFY_SOCKET=$W/notify WATCHDOG_USEC=400000
expect 0 'in order' assay-verifierd check --config "$V/verifierd.yaml"
printf 'drain_notice: 1s\n' >>"$V/verifierd.yaml"
verifier_start
until_ok grep -q 'READY=1' "$W/notified"
until_ok eval '[ "$(grep -c WATCHDOG=1 "$W/notified")" -ge 3 ]'
ok "systemd hears that it is ready and that it goes on"

kill -STOP "$VERIFIER_PID"; sleep 0.3
before=$(grep -c WATCHDOG=1 "$W/notified" || true); sleep 1
[ "$(grep -c WATCHDOG=1 "$W/notified" || true)" = "$before" ] || die "a stopped process is said to go on"
kill -CONT "$VERIFIER_PID"
ok "one that stands still says nothing"

# A client that stays connected and asks on and on, over all that follows.
cat >"$W/stay.py" <<'PY'
import http.client, ssl, sys, time
context = ssl.create_default_context(cafile=sys.argv[1])
context.load_cert_chain(sys.argv[2] + "/cert.pem", sys.argv[2] + "/key.pem")
connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[3]), context=context)
connection.connect()
first, answered = connection.sock, 0
while True:
    connection.request("GET", "/v1/whoami")
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:
        sys.exit("answered %d" % answer.status)
    answered += 1
    print(answered, flush=True)
    if answer.getheader("Connection") == "close":
        sys.exit(0 if connection.sock is None or connection.sock is first else 1)
    if connection.sock is not first:
        sys.exit("connected anew")
    time.sleep(0.02)
PY
started "$W/stay.log" python3 "$W/stay.py" "$V/ca.pem" "$V/operator" "$PORT"
STAY=$!
until_ok test -s "$W/stay.log"

certificate_make second
cp "$V/tls.pem" "$W/tls.before"; cp "$V/tls.key" "$W/tls.key.before"
cp "$W/second.pem" "$V/tls.pem"; cp "$W/second.key" "$V/tls.key"
policy_write "$V/policy.yaml" 2
kill -HUP "$VERIFIER_PID"
until_ok served second
until_ok grep -q 'policy-reloaded' "$W/verifier.log"
grep -q 'RELOADING=1' "$W/notified" && grep -q 'MONOTONIC_USEC=' "$W/notified" || die "systemd was not told of the reload"
kill -0 "$STAY" || die "the connection was dropped: $(tail -1 "$W/stay.log")"
ok "another certificate and another policy by SIGHUP, and no connection dropped"

echo garbage >"$V/tls.pem"
kill -HUP "$VERIFIER_PID"
until_ok grep -q 'tls-refused' "$W/verifier.log"
served second || die "the certificate before is not kept"
expect 3 'TLS' assay-verifierd check --config "$V/verifierd.yaml"
cp "$W/second.pem" "$V/tls.pem"
cp "$W/tls.key.before" "$V/tls.key"
kill -HUP "$VERIFIER_PID"
until_ok eval '[ "$(grep -c "tls-refused" "$W/verifier.log")" = 2 ]'
served second || die "a certificate with another's key was taken"
cp "$W/second.key" "$V/tls.key"
echo 'listen: [' >>"$V/verifierd.yaml"
kill -HUP "$VERIFIER_PID"
until_ok grep -q 'reload-refused error=' "$W/verifier.log"
sed -i '$d' "$V/verifierd.yaml"
kill -0 "$STAY" || die "the connection was dropped: $(tail -1 "$W/stay.log")"
ok "files that are no good: what was in force stays, and the check says so beforehand"

sed -i 's/^log_level:.*//' "$V/verifierd.yaml"
printf 'log_level: error\n' >>"$V/verifierd.yaml"
kill -HUP "$VERIFIER_PID"
sleep 0.3
lines=$(wc -l <"$W/verifier.log")
operator workload add quiet --class low --env prod --owner x --purpose "x" >/dev/null
[ "$(wc -l <"$W/verifier.log")" = "$lines" ] || die "the log level was not taken"
ok "the log level likewise"

kill "$VERIFIER_PID"
until_ok eval 'ca -o /dev/null -w "%{http_code}" "https://127.0.0.1:$PORT/readyz" | grep -q 503'
ok "told to end: not ready at once, and serving on for as long as it said"
wait "$STAY" || die "the connection did not end with an answer: $(tail -1 "$W/stay.log")"
status=0; wait "$VERIFIER_PID" || status=$?
[ "$status" = 0 ] || die "exit status $status"
grep -q 'STOPPING=1' "$W/notified" || die "systemd was not told of the end"
ok "the last answer says that it is the last; then it ends with 0"

printf 'drain_notice: 60s\n' >"$W/notice"
sed -i 's/^drain_notice.*/drain_notice: 60s/' "$V/verifierd.yaml"
verifier_start
kill "$VERIFIER_PID"; sleep 0.3; kill -0 "$VERIFIER_PID" || die "it did not wait"
kill "$VERIFIER_PID"
status=0; wait "$VERIFIER_PID" || status=$?
[ "$status" = 0 ] || die "exit status $status at the second order"
ok "told twice: it ends at once"

# Sockets that somebody else listens on, over two lives of the service.
cat >"$W/activate.py" <<'PY'
import os, socket, sys
for fd, port in ((3, int(sys.argv[1])), (4, int(sys.argv[2]))):
    s = socket.create_server(("127.0.0.1", port), backlog=64)
    os.dup2(s.fileno(), fd + 20); s.close()
os.dup2(23, 3, inheritable=True); os.dup2(24, 4, inheritable=True)
for i in range(2):
    pid = os.fork()
    if pid == 0:
        os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()), LISTEN_FDNAMES="https:metrics")
        os.execvp(sys.argv[3], sys.argv[3:])
    os.waitpid(pid, 0)
PY
sed -i 's/^drain_notice.*/drain_notice: 0s/' "$V/verifierd.yaml"
PORT=$(port_free); METRICS=$(port_free)
started "$W/verifier.log" python3 "$W/activate.py" "$PORT" "$METRICS" assay-verifierd --config "$V/verifierd.yaml"
until_ok ca -f "https://127.0.0.1:$PORT/readyz"
expect 0 'assay_build_info' curl -sf "http://127.0.0.1:$METRICS/metrics"
kill "$(pgrep -P "$!")"
until_ok ca -f --retry 20 --retry-all-errors "https://127.0.0.1:$PORT/readyz"
kill "$(pgrep -P "$!")"
ok "sockets that were handed over, also the metrics'; nobody is refused between two lives"

if command -v systemd-analyze >/dev/null; then
	mkdir "$W/units"
	sed "s|/usr/sbin/assay-verifierd|$BIN/assay-verifierd|" "$ROOT/packaging/systemd/assay-verifierd.service" >"$W/units/assay-verifierd.service"
	cp "$ROOT/packaging/systemd/assay-verifierd.socket" "$W/units/"
	systemd-analyze verify --man=no "$W/units/assay-verifierd.service" >"$W/out" 2>&1 || true
	if grep -q "assay-verifierd" "$W/out"; then die "systemd-analyze: $(cat "$W/out")"; fi
	ok "systemd has nothing to say against the units"
fi
