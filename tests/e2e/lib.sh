# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Small checks for the end-to-end tests: each prints what it checked, the first failure ends the test.
. "$(dirname "${BASH_SOURCE[0]}")/../support/world.sh"

command -v swtpm >/dev/null && command -v swtpm_setup >/dev/null || { echo "skipped: swtpm is not installed"; exit 77; }
CHECKS=0

ok() { # NAME
	CHECKS=$((CHECKS + 1))
	printf 'ok %d - %s\n' "$CHECKS" "$1"
}

die() { # TEXT
	printf 'not ok - %s\n' "$*"
	for file in "$W/out" "$W/errors"; do [ -s "$file" ] && { echo "--- $file"; tail -n 30 "$file"; }; done
	for file in "$W"/host-*/log "$W/verifier.log"; do [ -s "$file" ] && { echo "--- $file"; tail -n 15 "$file"; }; done
	exit 1
}

# Runs a command and checks its exit status and, if given, a pattern in what it printed on either stream.
expect() { # STATUS PATTERN COMMAND…
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$W/out" 2>"$W/errors" || got=$?
	[ "$got" = "$want" ] || die "expected exit status $want, got $got: $*"
	[ -z "$pattern" ] || grep -qE -- "$pattern" "$W/out" "$W/errors" || die "nothing like /$pattern/ was printed: $*"
}

# A release of what a specification says, by AUTHOR or bob, published and approved by OPERATOR, the command that speaks for one. It
# lies beside the specification, with the ending .release.
release_beside() { # SPECIFICATION VERSION OPERATOR LINES…: of the release about itself
	local spec=$1 version=$2 by=$3 release=${1%.*}.release
	shift 3
	cat >"$W/release.yaml" <<-YAML
		release: $(sed -n 's/^workload: //p' "$spec")
		version: $version
		workload: $spec
		owner: tests
		author: ${AUTHOR:-bob}
		purpose: tests
		risk_class: low
	YAML
	printf '%s\n' "$@" >>"$W/release.yaml"
	assay release create "$W/release.yaml" --key "$W/keys/builder" --out "$release" 2>/dev/null
	"$by" release publish "$release" >/dev/null
	"$by" release approve "$release" --person alice --role model-risk --env prod --reason tests --key "$W/keys/alice" \
		--out "$W/release.approval" 2>/dev/null
	"$by" release publish "$W/release.approval" >/dev/null
}

# A workload "quick" whose agent sleeps, and its release: published and approved by OPERATOR, the command that speaks for one.
sleeper_make() { # HOST SECONDS OPERATOR CREDENTIALS…: lines of the workload about them
	local host=$1 seconds=$2 by=$3
	shift 3
	mkdir -p "$W/agent"
	cp /usr/bin/sleep "$W/agent/sleep"
	cat >"$W/host-$host/workloads/quick.yaml" <<-YAML
		workload: quick
		command: [$W/agent/sleep, "$seconds"]
		components:
		  - name: program
		    role: binary
		    path: $W/agent/sleep
	YAML
	printf '%s\n' "$@" >>"$W/host-$host/workloads/quick.yaml"
	"$by" workload add quick --class low --env prod --owner tests --purpose "ends soon" >/dev/null
	release_beside "$W/host-$host/workloads/quick.yaml" 1.0.0 "$by"
}

# Keys of webhooks in the verifier's directory (hook.secret, hook.key), and who receives and checks what is told.
receiver_start() { # DIR PORT
	local verifier=$W/verifier
	openssl rand 32 | base64 -w0 | sed 's/^/whsec_/' >"$verifier/hook.secret"
	openssl genpkey -algorithm ed25519 -out "$verifier/hook.key" 2>/dev/null
	openssl pkey -in "$verifier/hook.key" -pubout -out "$W/hook.pub"
	started "$1/log" python3 "$ROOT/tests/e2e/webhook_receiver.py" "$2" "$verifier/tls.pem" "$verifier/tls.key" \
		"$verifier/hook.secret" "$W/hook.pub" "$1"
	until_ok curl -sk "https://127.0.0.1:$2/" -o /dev/null
}
