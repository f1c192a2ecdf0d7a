#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The way to a PostgreSQL over TLS: verify-full with a client certificate, against a real server that asks for one.
. "$(dirname "$0")/lib.sh"
world_open
chmod 711 "$W"
mkdir "$W/db"
cd "$W/db"
authority() { # NAME
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
certificate() { # AUTHORITY NAME CN [SAN]
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" -keyout "$2.key" -out "$2.csr" 2>/dev/null
	openssl x509 -req -in "$2.csr" -CA "$1.pem" -CAkey "$1.key" -days 30 -out "$2.pem" \
		-extfile <(printf 'subjectAltName=%s\n' "${4:-DNS:$3}") 2>/dev/null
	chmod 600 "$2.key"
}
authority db-ca
authority other-ca
certificate db-ca server db 'DNS:db.test.example,IP:127.0.0.1'
certificate db-ca assay assay
certificate db-ca mallory mallory
certificate other-ca stranger assay
cd "$ROOT"

# The server's key is the server's; its rules know no way in but TLS with a certificate of the user's own name.
PORT_DB=$(port_free)
URI=$(PGPORT=$PORT_DB "$ROOT/tests/support/postgres" start "$W/pg" "listen_addresses = '127.0.0.1'" "port = $PORT_DB") || {
	rc=$?
	[ "$rc" != 77 ] || echo "skipped: no PostgreSQL server"
	exit "$rc"
}
PIDS+=("$(head -n 1 "$W/pg/data/postmaster.pid")")
sql() { psql "$URI" -qAtX -p "$PORT_DB" -v ON_ERROR_STOP=1 -c "$1"; }
for file in server.pem server.key db-ca.pem; do
	cp "$W/db/$file" "$W/pg/data/$file"
	[ "$(id -u)" != 0 ] || chown nobody:nogroup "$W/pg/data/$file"
done
cat >"$W/pg/data/pg_hba.conf" <<-EOF
	local   all   all                 trust
	hostssl assay assay 127.0.0.1/32  cert clientcert=verify-full
EOF
for setting in "ssl_cert_file='server.pem'" "ssl_key_file='server.key'" "ssl_ca_file='db-ca.pem'" "ssl_min_protocol_version='TLSv1.3'" "ssl=on"; do
	sql "ALTER SYSTEM SET $setting"
done
sql 'SELECT pg_reload_conf()' >/dev/null
tls_is_on() { [ "$(sql 'SHOW ssl')" = on ]; }
until_ok tls_is_on || die "the server does not turn TLS on"

tpm_make one
verifier_make
D=$W/verifier
place() { # HOST ROOT CLIENT: where to find the database; CLIENT -: without a certificate
	local uri="postgresql://assay@$1:$PORT_DB/assay?hostaddr=127.0.0.1&sslmode=verify-full&sslrootcert=$W/db/$2.pem"
	[ "$3" = - ] || uri="$uri&sslcert=$W/db/$3.pem&sslkey=$W/db/$3.key"
	sed "s|^database: .*|database: ${uri//&/\\&}|" "$D/verifierd.yaml" >"$D/at.yaml"
}
refused() { # PATTERN WHAT
	expect 3 "$1" timeout 60 assay-verifierd --config "$D/at.yaml"
	[ -z "$(sql "SELECT to_regclass('schema_version')")" ] || die "$2: it got in"
	ok "$2: refused"
}
place db.test.example other-ca assay
refused 'certificate verify failed' "a server by another CA"
place db.other.example db-ca assay
refused 'does not match host name "db.other.example"' "a server of another name"
place db.test.example db-ca -
HOME=$W refused 'connection requires a valid client certificate' "no client certificate"
place db.test.example db-ca stranger
refused 'unknown ca' "a client certificate by another CA"
place db.test.example db-ca mallory
refused 'certificate authentication failed for user "assay"' "a certificate of another name"
place db.test.example db-ca assay
chmod 644 "$W/db/assay.key"
refused 'private key file .* has group or world access' "a client key that others can read"
chmod 600 "$W/db/assay.key"

started "$W/verifier.log" assay-verifierd --config "$D/at.yaml"
until_ok curl -sf --cacert "$D/ca.pem" "https://127.0.0.1:$PORT/readyz" || die "it does not start over TLS"
[ "$(sql "SELECT DISTINCT ssl, version, client_dn FROM pg_stat_ssl JOIN pg_stat_activity USING(pid) WHERE usename='assay' AND client_addr IS NOT NULL")" = \
	"t|TLSv1.3|/CN=assay" ] || die "not every connection is TLS with the certificate"
expect 0 '' operator workload add first --class low --env prod --owner tests --purpose 'written over TLS'
ok "verify-full with the right certificates: it serves, each connection over TLS 1.3 as /CN=assay"
