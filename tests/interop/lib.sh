# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Small checks for the interop tests, and where the programs of others are kept: under the directory that $ASSAY_INTEROP
# names, outside the source tree. Without it every test is skipped, by name: nothing is installed unasked.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
HERE=$ROOT/tests/interop
export PATH=${ASSAY_BIN:-$ROOT/build/release/bin}:$PATH
W=$(mktemp -d /tmp/assay.XXXXXX)
trap 'chmod -R u+w "$W"; rm -rf "$W"' EXIT
CHECKS=0
ok() { # NAME
	CHECKS=$((CHECKS + 1))
	printf 'ok %d - %s\n' "$CHECKS" "$1"
}
die() { # TEXT
	printf 'not ok - %s\n' "$*"
	[ ! -s "$W/out" ] || tail -n 15 "$W/out"
	exit 1
}
skip() { # WHAT, WHY
	printf 'skipped: %s\n' "$*"
	exit 77
}
passed() { printf '%d passed, 0 failed\n' "$CHECKS"; }

# Runs a command and checks its exit status and, if given, a pattern in what it printed.
expect() { # STATUS PATTERN COMMAND…
	local want=$1 pattern=$2 got=0
	shift 2
	"$@" >"$W/out" 2>&1 || got=$?
	[ "$got" = "$want" ] || die "expected exit status $want, got $got: $*"
	[ -z "$pattern" ] || grep -qE -- "$pattern" "$W/out" || die "nothing like /$pattern/ was printed: $*"
}
# The program refuses: any exit status but 0, and it ran.
refuses() { # PATTERN COMMAND…
	local pattern=$1
	shift
	! "$@" >"$W/out" 2>&1 || die "accepted: $*"
	grep -qE -- "$pattern" "$W/out" || die "refused for another reason than /$pattern/: $*"
}

# Sets TOOL to the directory of a tool at a version; makes it with the function fill_TOOL the first time. A broken try
# leaves nothing behind. Its place is named by the lock file, so another pin is another place.
tool() { # NAME LOCKFILE
	[ -n "${ASSAY_INTEROP:-}" ] || skip "$1: ASSAY_INTEROP names no directory for the programs of others"
	mkdir -p "$ASSAY_INTEROP"
	TOOL=$(cd "$ASSAY_INTEROP" && pwd)/$1-$(sha256sum "$2" | cut -c1-12)
	[ ! -e "$TOOL/complete" ] || return 0
	chmod -R u+w "$TOOL" 2>/dev/null || true
	rm -rf "$TOOL"
	mkdir -p "$TOOL"
	"fill_$1" "$TOOL" >"$W/out" 2>&1 || { tail -n 5 "$W/out"; skip "$1: cannot be had here"; }
	touch "$TOOL/complete"
}
# A Python environment from a lock file with hashes.
fill_python() { # DIRECTORY LOCKFILE
	python3 -m venv "$1/venv" && timeout 300 "$1/venv/bin/pip" install -q --require-hashes -r "$2"
}

ec_key() { # FILE [CURVE]: a private key, and its public part beside it as FILE.pub
	openssl genpkey -algorithm EC -pkeyopt "ec_paramgen_curve:${2:-P-256}" -out "$1" 2>/dev/null
	openssl pkey -in "$1" -pubout -out "$1.pub"
}
ed_key() { # FILE
	openssl genpkey -algorithm ED25519 -out "$1"
	openssl pkey -in "$1" -pubout -out "$1.pub"
}

# A build with one agent and a model, in the current directory: release.yaml, and policy.yaml that trusts the keys
# builder, ci (statements) and alice (approvals).
build_make() {
	pem() { sed -n '/-----BEGIN/,/-----END/p' "$2" | sed "s/^/$1/"; }
	cp /bin/true agent
	head -c 5000 /dev/urandom >model.bin
	cat >workload.yaml <<-EOF
		workload: ocr-agent
		command: [$PWD/agent]
		components:
		  - {name: agent, role: binary, path: $PWD/agent}
		  - {name: model, role: model, path: $PWD/model.bin}
		credentials: [x509]
	EOF
	printf '%s\n' 'release: ocr' 'version: 1.0' 'workload: workload.yaml' 'owner: o' 'author: dave' 'purpose: reads invoices' \
		'risk_class: high' >release.yaml
	cat >policy.yaml <<-EOF
		policy: 1
		version: 1
		trust_domain: bank.example
		ek_roots: []
		release_keys:
		  - name: build-server
		    pem: |
		$(pem '      ' builder.pub)
		statement_keys:
		  - name: ci
		    kinds: [provenance, test-result]
		    pem: |
		$(pem '      ' ci.pub)
		approvers:
		  - person: alice
		    roles: [model-risk]
		    keys:
		      - |
		$(pem '        ' alice.pub)
		risk_classes:
		  - name: high
		    credential_lifetime: 10m
		    approvals: [ {role: model-risk, count: 1} ]
		    statements:
		      - {kind: provenance, name: build, builder: ["https://ci.bank.example"], covers: [binary]}
		      - {kind: test-result, name: tests, covers: [binary]}
	EOF
}
# A Go program, built from a module whose go.sum pins every source.
fill_go() { # DIRECTORY MODULE-DIRECTORY PACKAGE
	command -v go >/dev/null || { echo "go is not installed"; return 1; }
	cp "$2/go.mod" "$2/go.sum" "$1" &&
		(cd "$1" && GOFLAGS=-mod=readonly GOTOOLCHAIN=local nice go build -p 1 -o "$1/bin" "$3")
}

# A git directory below $ASSAY_INTEROP that holds a commit.
need_git() { # NAME COMMIT
	git --git-dir="${ASSAY_INTEROP:-/nonexistent}/$1" cat-file -e "$2^{commit}" 2>/dev/null || skip "$1 at $2 is not below \$ASSAY_INTEROP"
}
