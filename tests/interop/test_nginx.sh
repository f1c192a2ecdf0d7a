#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# nginx serves the ledger's directory as the files they are: a monitor follows the log through it, proofs are made from it, and what
# is changed on the way is refused.
. "$(dirname "$0")/../e2e/lib.sh"
NGINX=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null) || { echo "skipped: nginx is not installed"; exit 77; }
world_open
tpm_make one
verifier_make
verifier_start
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=cdn -addext subjectAltName=IP:127.0.0.1 \
	-keyout "$W/n.key" -out "$W/n.pem" 2>/dev/null
NPORT=$(port_free)
mkdir "$W/nginx"
cat >"$W/nginx.conf" <<-EOF
	daemon off;
	master_process off;
	pid $W/nginx/pid;
	error_log $W/nginx/error;
	events {}
	http {
		access_log $W/nginx/access;
		client_body_temp_path $W/nginx/1; proxy_temp_path $W/nginx/2; fastcgi_temp_path $W/nginx/3;
		uwsgi_temp_path $W/nginx/4; scgi_temp_path $W/nginx/5;
		server {
			listen 127.0.0.1:$NPORT ssl;
			ssl_certificate $W/n.pem;
			ssl_certificate_key $W/n.key;
			ssl_protocols TLSv1.3;
			location /ledger/ {
				alias $W/verifier/log/;
				types {}
				default_type application/octet-stream;
				location = /ledger/checkpoint { alias $W/verifier/log/checkpoint; default_type "text/plain; charset=utf-8"; }
			}
		}
	}
EOF
started "$W/nginx.log" "$NGINX" -c "$W/nginx.conf"
URL=https://127.0.0.1:$NPORT/ledger
until_ok curl -sf --cacert "$W/n.pem" "$URL/checkpoint" -o /dev/null || die "nginx serves nothing: $(cat "$W/nginx.log" "$W/nginx/error")"
printf 'log %s\nquorum none\n' "$(cat "$W/verifier/log.pub")" >"$W/policy"
monitor() { operator log monitor --policy "$W/policy" --state "$W/state" --url "$URL" --log-ca "$W/n.pem" "$@"; }
size() { sed -n 2p "$W/verifier/log/checkpoint"; }
expect 0 'consistent' monitor
BEFORE=$(size)
for i in $(seq 300); do operator workload add "w$i" --class low --env prod --owner x --purpose y >/dev/null; done
until_ok bash -c "[ \$(sed -n 2p '$W/verifier/log/checkpoint') = $((BEFORE + 300)) ]"
expect 0 "consistent.*$((BEFORE + 300)) leaves, 300 more" monitor
grep -q 'GET /ledger/tile/entries/000 ' "$W/nginx/access" || die "the full bundle was not asked of nginx"
ok "nginx__serves_the_tiles__monitor_follows"

expect 0 '' operator log proof 257 --url "$URL" --log-ca "$W/n.pem" --out "$W/proof"
HASH=$(dd if="$W/verifier/log/tile/0/001.p/$((BEFORE + 300 - 256))" bs=32 skip=1 count=1 2>/dev/null | od -An -tx1 | tr -d ' \n')
expect 0 'leaf 257' assay log verify-proof "$W/proof" --log-policy "$W/policy" --leaf "$HASH"
expect 0 '' operator log proof "$HASH" --url "$URL" --log-ca "$W/n.pem" --out "$W/again"
cmp "$W/proof" "$W/again" || die "two proofs of one leaf"
ok "nginx__proofs_from_its_files__verified_offline"

verifier_stop
printf '\377' | dd of="$W/verifier/log/tile/entries/000" bs=1 seek=500 conv=notrunc 2>/dev/null
rm -r "$W/state"
expect 1 'do not make its tree' monitor
ok "nginx__file_changed__refused"
printf '%d passed, 0 failed\n' "$CHECKS"
