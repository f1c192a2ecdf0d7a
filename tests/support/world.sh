# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# A small world for the demo and the end-to-end tests: software TPMs, a verifier, hosts, keys, a policy, an agent.
# Sourced. Everything lives below $W, a private temporary directory; everything started is ended at exit.
#
#   world_open PRESET        makes $W, finds the programs
#   tpm_make NAME            a TPM with EK certificates by the world's own CA (tpm_make NAME other: by another CA)
#   verifier_make            CA, operator, policy; verifier_start / verifier_stop
#   host_start NAME          a hostd on the TPM NAME;  host_stop NAME
#   host_assay NAME …        the assay command on that host;  operator …: as the operator
set -euo pipefail

world_open() {
	local preset=${1:-release} root
	root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
	ROOT=$root
	BIN=${ASSAY_BIN:-$root/build/$preset/bin}
	[ -x "$BIN/assay" ] || { echo "build first: scripts/build $preset" >&2; exit 3; }
	W=$(mktemp -d /tmp/assay.XXXXXX)
	PIDS=()
	trap world_close EXIT
	trap 'exit 130' INT TERM
	export PATH=$BIN:$PATH
	unset ASSAY_CONFIG ASSAY_HOSTD_SOCKET TPM2TOOLS_TCTI
}

world_close() {
	local status=$? pid IFS=$' \t\n' # a signal may come in the middle of `IFS= read`
	trap - EXIT INT TERM
	set +e
	for pid in $(printf '%s\n' "${PIDS[@]}" | tac); do
		kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
	done
	if [ -n "${ASSAY_KEEP:-}" ]; then echo "kept: $W" >&2; else rm -rf "$W"; fi
	exit "$status"
}

# Starts a program in the background with its output in a file, and remembers it.
started() { # LOGFILE COMMAND…
	local log=$1
	shift
	"$@" >>"$log" 2>&1 &
	PIDS+=("$!")
}

# Waits until a command succeeds, at most a minute.
until_ok() {
	local i
	for i in $(seq 1200); do
		"$@" >/dev/null 2>&1 && return 0
		sleep 0.05
	done
	echo "gave up waiting for: $*" >&2
	return 1
}

tpm_ca() { # DIR
	mkdir -p "$1"
	cat >"$1/localca.conf" <<-EOF
		statedir = $1
		signingkey = $1/signkey.pem
		issuercert = $1/issuercert.pem
		certserial = $1/certserial
	EOF
	printf -- '--platform-manufacturer Assay\n--platform-version 1\n--platform-model World\n' >"$1/localca.options"
	cat >"$1/setup.conf" <<-EOF
		create_certs_tool = /usr/bin/swtpm_localca
		create_certs_tool_config = $1/localca.conf
		create_certs_tool_options = $1/localca.options
	EOF
}

tpm_make() { # NAME [other]
	local name=$1 ca=$W/tpm-ca${2:+-$2} dir=$W/tpm-$1
	[ -d "$ca" ] || tpm_ca "$ca"
	mkdir -p "$dir"
	swtpm_setup --tpm2 --tpmstate "dir://$dir" --config "$ca/setup.conf" --create-ek-cert --create-platform-cert \
		--lock-nvram --pcr-banks sha1,sha256 --vmid "$name" --overwrite >"$W/tpm-$name.log" 2>&1 ||
		{ cat "$W/tpm-$name.log" >&2; return 1; }
	tpm_start "$name"
}

tpm_start() { # NAME
	local name=$1
	started "$W/tpm-$name.log" swtpm socket --tpm2 --tpmstate "dir=$W/tpm-$name" --server "type=unixio,path=$W/tpm-$name.sock" \
		--ctrl "type=unixio,path=$W/tpm-$name.sock.ctrl" --flags not-need-init,startup-clear
	eval "TPM_PID_$name=$!"
	until_ok test -S "$W/tpm-$name.sock"
}

key_make() { # FILE: a P-256 key, and its public part beside it as FILE.pub
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null
	chmod 600 "$1"
	openssl pkey -in "$1" -pubout -out "$1.pub"
}

# A PEM file as a YAML block scalar.
yaml_pem() { # INDENT FILE
	sed -n '/-----BEGIN/,/-----END/p' "$2" | sed "s/^/$1/"
}

# Not one of those that the kernel hands out: a connection of another test may get such a one before it is listened on, or
# while who listens on it starts anew.
port_free() {
	python3 - <<-'PY'
		import random, socket
		while True:
		    try:
		        port = random.randrange(10000, 32768)
		        socket.socket().bind(("127.0.0.1", port))
		        print(port)
		        break
		    except OSError:
		        continue
	PY
}

policy_write() { # FILE VERSION
	cat >"$1" <<-EOF
		policy: 1
		version: $2
		trust_domain: bank.example
		ek_roots:
		  - name: world-tpm-maker
		    pem: |
		$(yaml_pem '      ' "$W/tpm-ca/swtpm-localca-rootca-cert.pem")
		ek_intermediates:
		  - name: world-tpm-issuer
		    pem: |
		$(yaml_pem '      ' "$W/tpm-ca/issuercert.pem")
		release_keys:
		  - name: build-server
		    pem: |
		$(yaml_pem '      ' "$W/keys/builder.pub")
		approvers:
		  - person: alice
		    roles: [model-risk]
		    keys:
		      - |
		$(yaml_pem '        ' "$W/keys/alice.pub")
		risk_classes:
		  - name: low
		    approvals:
		      - role: model-risk
		        count: 1
		    credential_lifetime: ${CREDENTIAL_LIFETIME:-10m}
		    renew_after: ${RENEW_AFTER:-5m}
		    minimum_assurance: reported
		    key: ${CLASS_KEY:-software}
	EOF
}

verifier_make() { # [ARGUMENT OF init…]
	mkdir -p "$W/keys"
	key_make "$W/keys/builder"
	key_make "$W/keys/alice"
	PORT=$(port_free)
	assay-verifierd init --dir "$W/verifier" --trust-domain bank.example --listen "127.0.0.1:$PORT" --operator olga "$@" >"$W/verifier.log" 2>&1 ||
		{ cat "$W/verifier.log" >&2; return 1; }
	policy_write "$W/verifier/policy.yaml" 1
}

verifier_start() {
	started "$W/verifier.log" assay-verifierd --config "$W/verifier/verifierd.yaml"
	VERIFIER_PID=$!
	until_ok curl -sf --cacert "$W/verifier/ca.pem" "https://127.0.0.1:$PORT/readyz" || { cat "$W/verifier.log" >&2; return 1; }
}

verifier_stop() {
	kill "$VERIFIER_PID" 2>/dev/null || true
	wait "$VERIFIER_PID" 2>/dev/null || true
}

operator() {
	assay "$@" --config "$W/verifier/operator/config.yaml"
}

host_start() { # NAME
	local name=$1 dir=$W/host-$1
	mkdir -p "$dir/workloads"
	cat >"$dir/hostd.yaml" <<-EOF
		verifier: https://127.0.0.1:$PORT
		ca: $W/verifier/ca.pem
		tcti: ${HOST_TCTI:-swtpm:path=$W/tpm-$name.sock}
		key: ${HOST_KEY:-software}
		state_dir: $dir/state
		run_dir: $dir/run
		workloads_dir: $dir/workloads
	EOF
	started "$dir/log" assay-hostd --config "$dir/hostd.yaml"
	eval "HOST_PID_$name=$!"
	until_ok test -S "$dir/run/hostd.sock" || { cat "$dir/log" >&2; return 1; }
}

host_stop() { # NAME
	local pid
	eval "pid=\$HOST_PID_$1"
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
}

host_assay() { # NAME ARG…
	local name=$1
	shift
	ASSAY_HOSTD_SOCKET=$W/host-$name/run/hostd.sock assay "$@"
}

# The OCR agent: Debian's tesseract and its English LSTM model, copied so that they can be tampered with, and our config
# and prompt.
agent_make() { # HOST
	local agent=$W/agent
	mkdir -p "$agent/bin" "$agent/tessdata" "$agent/config"
	cp /usr/bin/tesseract "$agent/bin/tesseract"
	cp /usr/share/tesseract-ocr/5/tessdata/eng.traineddata "$agent/tessdata/"
	cp "$ROOT/demo/ocr.config" "$ROOT/demo/prompt.txt" "$agent/config/"
	cat >"$W/host-$1/workloads/ocr-agent.yaml" <<-EOF
		workload: ocr-agent
		command: [$agent/bin/tesseract, "\${image}", stdout, --tessdata-dir, $agent/tessdata, -l, eng, --user-words, $agent/config/prompt.txt, $agent/config/ocr.config]
		arguments:
		  - name: image
		    type: file
		components:
		  - name: tesseract
		    role: binary
		    path: $agent/bin/tesseract
		  - name: model
		    role: model
		    path: $agent/tessdata
		  - name: config
		    role: config
		    path: $agent/config/ocr.config
		  - name: prompt
		    role: prompt
		    path: $agent/config/prompt.txt
		environment:
		  - name: OMP_THREAD_LIMIT
		    value: "1"
		credentials: [x509, jwt]
		audience: [invoices.bank.example]
	EOF
}

# Measures, signs, publishes and (unless told otherwise) approves a release of the agent; its digest ends up in $RELEASE.
release_make() { # HOST VERSION [unapproved]
	local dir=$W/releases
	mkdir -p "$dir"
	cat >"$dir/release-$2.yaml" <<-EOF
		release: ocr-agent
		version: $2
		workload: $W/host-$1/workloads/ocr-agent.yaml
		owner: claims-department
		author: bob
		purpose: reads invoices
		risk_class: low
		model_version: eng-lstm-4.1
		code_commit: 0123456789abcdef0123456789abcdef01234567
	EOF
	assay release create "$dir/release-$2.yaml" --key "$W/keys/builder" --out "$dir/release-$2.dsse"
	operator release publish "$dir/release-$2.dsse" --json >"$dir/release-$2.json"
	RELEASE=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["digest"])' "$dir/release-$2.json")
	if [ "${3:-}" != unapproved ]; then
		operator release approve "$dir/release-$2.dsse" --person alice --role model-risk --env prod --reason "tests passed" \
			--key "$W/keys/alice" --out "$dir/approval-$2.dsse"
		operator release publish "$dir/approval-$2.dsse" >/dev/null
	fi
	printf '%s\n' "$RELEASE" >"$W/host-$1/workloads/ocr-agent.release"
}
