#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# assay log monitor --watch: entries about a workload that its owner did not make, and entries that the verifier hides.
. "$(dirname "$0")/lib.sh"
world_open
tpm_make one
verifier_make
verifier_start
printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/logs"
me=$(operator whoami --json | python3 -c 'import json,sys; print(next(v for v in json.load(sys.stdin).values() if str(v).startswith("spiffe://")))')
mkdir -p "$W/releases" "$W/agent"
cp /bin/true "$W/agent/program"

release_of() { # WORKLOAD
	cat >"$W/releases/$1.spec" <<-YAML
		workload: $1
		command: [$W/agent/program]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/program
		credentials: [x509]
	YAML
	release_beside "$W/releases/$1.spec" 1.0.0 operator
}
for name in mine theirs; do
	operator workload add $name --class low --env prod --owner tests --purpose tests >/dev/null
	release_of $name
done

watch_write() { # FILE OPERATORS KEY
	cat >"$1" <<-YAML
		watch:
		  - workload: mine
		    operators: [$2]
		    release_keys: [$3]
		policies: [verifier, "$me"]
	YAML
}
watch_write "$W/watch.yaml" "\"$me\", verifier" keys/builder.pub
monitor() { operator log monitor --policy "$W/logs" "$@"; }
expect 0 'entries opened, 0 warnings' monitor --state "$W/m1" --watch "$W/watch.yaml"
expect 0 '"warnings":\[\]' monitor --state "$W/m1" --watch "$W/watch.yaml" --json
ok "what its owner made is no news"

watch_write "$W/others.yaml" '"spiffe://bank.example/operator/ci/somebody"' keys/builder.pub
expect 1 "warning.*: leaf [0-9]+, release: release about mine by $me, who may not" monitor --state "$W/m2" --watch "$W/others.yaml"
grep -q ' approval: approval about mine by ' "$W/out" || die "the approval is not told of"
grep -q ' workload: workload about mine by ' "$W/out" || die "the registration is not told of"
grep -q theirs "$W/out" && die "somebody else's workload is told of"
expect 0 ' 0 warnings' monitor --state "$W/m2" --watch "$W/others.yaml"
ok "entries_that_the_owner_did_not_make__warned_of"

watch_write "$W/keys.yaml" "\"$me\", verifier" keys/alice.pub
expect 1 'release of release [0-9a-f]{16}…: not signed by a key of its owner' monitor --state "$W/m3" --watch "$W/keys.yaml"
ok "release_signed_by_another_key__warned_of"

# A verifier that hides an entry has lost its content; one that lies is played by somebody in front of it, who has its key.
change() { # SQL
	python3 - "$W/verifier/verifier.db" "$1" <<-'PYTHON'
		import sqlite3, sys
		with sqlite3.connect(sys.argv[1]) as db:
		    assert db.execute(sys.argv[2]).rowcount == 1
	PYTHON
}
cat >"$W/liar.py" <<-'PYTHON'
	import base64, http.client, http.server, json, ssl, sys
	port, front, dir = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
	client = ssl.create_default_context(cafile=f"{dir}/ca.pem")
	client.load_cert_chain(f"{dir}/operator/cert.pem", f"{dir}/operator/key.pem")
	class Liar(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    def log_message(self, *_): pass
	    def do_GET(self):
	        behind = http.client.HTTPSConnection("127.0.0.1", port, context=client)
	        behind.request("GET", self.path)
	        answer = behind.getresponse()
	        body = answer.read()
	        if self.path.startswith("/v1/entries/"):
	            entry = json.loads(body)
	            if entry["content"]:
	                content = json.loads(base64.b64decode(entry["content"]))
	                content["reason"] = "nothing of note"
	                entry["content"] = base64.b64encode(json.dumps(content, separators=(",", ":"), sort_keys=True).encode()).decode()
	            body = json.dumps(entry).encode()
	        self.send_response(answer.status)
	        self.send_header("Content-Type", answer.getheader("Content-Type"))
	        self.send_header("Content-Length", str(len(body)))
	        self.end_headers()
	        self.wfile.write(body)
	server = http.server.ThreadingHTTPServer(("127.0.0.1", front), Liar)
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain(f"{dir}/tls.pem", f"{dir}/tls.key")
	server.socket = context.wrap_socket(server.socket, server_side=True)
	print("up", flush=True)
	server.serve_forever()
PYTHON
first=$(operator log monitor --policy "$W/logs" --state "$W/m4" --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["size"])')
operator workload review mine --reason looked --next 2035-01-01 >/dev/null
change "UPDATE leaves SET wrapped=zeroblob(44) WHERE idx=$first"
change "INSERT INTO leaf_contents(idx, key, destroyed, sealed) VALUES($first, NULL, 1, x'')"
expect 1 "leaf $first, workload: the verifier does not open it" monitor --state "$W/m4" --watch "$W/watch.yaml"
operator workload review mine --reason again --next 2035-01-02 >/dev/null
FRONT=$(port_free)
python3 "$W/liar.py" "$PORT" "$FRONT" "$W/verifier" >"$W/liar.out" 2>&1 &
LIAR=$!
PIDS+=("$LIAR")
until_ok grep -q up "$W/liar.out"
expect 1 "leaf $((first + 1)), workload: the verifier opens it to something else" monitor --state "$W/m4" --watch "$W/watch.yaml" --verifier "https://127.0.0.1:$FRONT"
kill "$LIAR"
expect 0 ' 0 warnings' monitor --state "$W/m4" --watch "$W/watch.yaml"
ok "entry_that_the_verifier_hides_or_lies_about__warned_of"

printf 'watch:\n  - workload: mine\n    operators: []\n    colour: red\n' >"$W/bad.yaml"
expect 3 'bad.yaml:4.*unknown key' monitor --state "$W/m5" --watch "$W/bad.yaml"
printf 'watch:\n  - {workload: mine, operators: [], release_keys: [nowhere.pub]}\n' >"$W/bad.yaml"
expect 3 'release_keys: nowhere.pub' monitor --state "$W/m5" --watch "$W/bad.yaml"
ok "a watch file says what is wrong with it"
printf '%d passed, 0 failed\n' "$CHECKS"
