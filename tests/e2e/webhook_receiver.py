#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A receiver of webhooks for tests: verifies each request as docs/operations.md says, writes a line of JSON for it, and
answers as the file MODE says: ok, 500, 410, redirect, slow, huge, or kill (ends the process of the file PID, and answers
nothing)."""
import base64, hashlib, hmac, http.server, json, os, signal, ssl, subprocess, sys, tempfile, time

port, cert, key, secret_file, public, directory = sys.argv[1:7]


def signed(headers, body):
    message = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    secret = base64.b64decode(open(secret_file).read().strip().removeprefix("whsec_"))
    wanted = base64.b64encode(hmac.new(secret, message, hashlib.sha256).digest()).decode()
    found = dict(s.split(",", 1) for s in headers["webhook-signature"].split())
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and hmac.compare_digest(found.get("v1", ""), wanted) and ed25519(message, found.get("v1a", ""))


def ed25519(message, signature):
    with tempfile.TemporaryDirectory() as d:
        open(d + "/m", "wb").write(message)
        open(d + "/s", "wb").write(base64.b64decode(signature))
        return subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", d + "/m",
                               "-sigfile", d + "/s"], capture_output=True).returncode == 0


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        mode = open(directory + "/mode").read().strip()
        line = {"mode": mode, "path": self.path, "id": self.headers["webhook-id"], "signed": signed(self.headers, body),
                "type": self.headers["Content-Type"], "body": json.loads(body)}
        about = line["body"].get("workload")
        line["name"] = about["name"] if isinstance(about, dict) else line["body"].get("name")
        with open(directory + "/received", "a") as out:
            out.write(json.dumps(line) + "\n")
        if mode == "kill":
            open(directory + "/mode", "w").write("ok\n")
            os.kill(int(open(directory + "/pid").read()), signal.SIGKILL)
            self.close_connection = True
            return
        if mode == "slow":
            time.sleep(40)
        status = {"500": 500, "410": 410, "redirect": 307}.get(mode, 200)
        answer = b"x" * (4 << 20) if mode == "huge" else b""
        self.send_response(status)
        if mode == "redirect":
            self.send_header("Location", f"https://127.0.0.1:{port}/elsewhere")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            self.close_connection = True


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Receiver)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(cert, key)
server.socket = tls.wrap_socket(server.socket, server_side=True)
server.serve_forever()
