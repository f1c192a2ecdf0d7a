# SPDX-License-Identifier: Apache-2.0
"""Asks a Prometheus on loopback: monitoring.py URL dashboard FILE | targets | rules; prints what is wrong and exits 1."""
import json
import sys
import urllib.parse
import urllib.request


def ask(base, path, **query):
    with urllib.request.urlopen(base + path + "?" + urllib.parse.urlencode(query), timeout=10) as answer:
        return json.load(answer)["data"]


def dashboard(base, name):
    """Every expression of every panel is one that this Prometheus evaluates, and about a metric that it has."""
    wrong = 0
    with open(name, encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    known = set(ask(base, "/api/v1/label/__name__/values"))
    words = set()
    for panel in panels:
        for target in panel["targets"]:
            expression = target["expr"].replace("$instance", ".*")
            ask(base, "/api/v1/query", query=expression)
            words |= {w for w in expression.replace("{", " ").replace("(", " ").split() if w.startswith(("assay_", "process_"))}
    sparse = ("assay_verdict_reasons_total", "assay_workload_launches_total", "assay_workload_credentials_total")
    for word in sorted(words):
        if word not in known and word not in sparse:
            print("no such metric:", word)
            wrong += 1
    print(len(panels), "panels")
    return wrong


def targets(base):
    active = ask(base, "/api/v1/targets")["activeTargets"]
    bad = [t for t in active if t["health"] != "up"]
    for target in bad:
        print(target["scrapeUrl"], target["health"], target["lastError"])
    return len(bad) if active else 1


def rules(base):
    groups = ask(base, "/api/v1/rules")["groups"]
    bad = [r for g in groups for r in g["rules"] if r["health"] not in ("ok", "unknown")]
    for rule in bad:
        print(rule["name"], rule["lastError"])
    print(sum(len(g["rules"]) for g in groups), "rules")
    return len(bad) if groups else 1


if __name__ == "__main__":
    what = {"dashboard": dashboard, "targets": targets, "rules": rules}[sys.argv[2]]
    sys.exit(1 if what(sys.argv[1], *sys.argv[3:]) else 0)
