# SPDX-License-Identifier: Apache-2.0
"""conformance.py ASSETS TRUSTED-ROOT EXPECTED: Sigstore's conformance bundles, each with a known outcome, by `assay provenance verify`.

ASSETS is test/assets/bundle-verify of sigstore-conformance, TRUSTED-ROOT the public-good instance's trusted_root.json. Each
bundle is judged twice: as it is, and under the media type of v0.3, which is not signed, so that no bundle is refused for
its version alone. EXPECTED lists where we differ, a line each: NAME as-is|v0.3 WHY. Any other difference fails, and so does a
line that is not needed.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

from sigstore_trust import write_trust

IDENTITY = (
    "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/"
    "extremely-dangerous-oidc-beacon.yml@refs/heads/main"
)
ISSUER = "https://token.actions.githubusercontent.com"


def read(path):
    with open(path) as file:
        return file.read()


def judge(bundle, directory, assets, root, work):
    """(accepted, the most telling answer): by any of the root's logs."""

    def beside(name, otherwise):
        path = os.path.join(directory, name)
        return read(path).strip() if os.path.exists(path) else otherwise

    roots, ct_paths, logs = write_trust(root, work)
    artefact = os.path.join(directory, "artifact")
    if not os.path.exists(artefact):
        artefact = os.path.join(assets, "a.txt")
    key = os.path.join(directory, "key.pub")
    if os.path.exists(key):
        who = ["--key", key]
    else:
        who = ["--roots", roots, "--identity", beside("identity", IDENTITY), "--issuer", beside("issuer", ISSUER)]
    for path in ct_paths:
        who += ["--ct-key", path]
    answers = []
    for log in logs:
        command = ["assay", "provenance", "verify", bundle, *who, "--subject", artefact, "--log-key", log]
        ran = subprocess.run(command, capture_output=True, text=True)
        if ran.returncode not in (0, 1, 3):
            sys.exit("%s: exit status %d: %s" % (directory, ran.returncode, ran.stderr))
        if ran.returncode == 0:
            return True, "verified"
        answers.append((ran.stdout + ran.stderr).strip().split("\n")[0])
    return False, min(answers, key=lambda text: "note: no signature by" in text)


def main(assets, public_root, expected):
    exceptions = {}
    for line in read(expected).splitlines():
        if line and not line.startswith("#"):
            name, form, why = line.split(None, 2)
            exceptions[name, form] = why
    agreed, failed, used = 0, 0, set()
    names = sorted(name for name in os.listdir(assets) if os.path.isdir(os.path.join(assets, name)))
    for name in names:
        directory = os.path.join(assets, name)
        own = os.path.join(directory, "trusted_root.json")
        root = json.loads(read(own if os.path.exists(own) else public_root))
        text = read(os.path.join(directory, "bundle.sigstore.json"))
        v3 = re.sub(r'("mediaType"\s*:\s*")[^"]*"', r'\1application/vnd.dev.sigstore.bundle.v0.3+json"', text, count=1)
        for form, said in (("as-is", text), ("v0.3", v3)):
            with tempfile.TemporaryDirectory() as work:
                bundle = os.path.join(work, "bundle.json")
                with open(bundle, "w") as file:
                    file.write(said)
                accepted, answer = judge(bundle, directory, assets, root, work)
            agree = accepted != name.endswith("_fail")
            known = (name, form) in exceptions
            used.add((name, form))
            if agree:
                agreed += 1
            if agree == known:
                failed += 1
            if not agree or known:
                print("%-7s %-10s %s: %s" % ("known" if not agree and known else "WRONG", form, name, answer))
            elif os.environ.get("ASSAY_INTEROP_ALL"):
                print("agree   %-10s %s: %s" % (form, name, answer))
    unknown = sorted(set(exceptions) - used)
    print("%d bundles, each twice: %d agree, %d known differences" % (len(names), agreed, len(exceptions) - len(unknown)))
    if not names or failed or unknown:
        sys.exit("%d unexpected, lines for nothing: %s" % (failed, unknown))


main(*sys.argv[1:])
