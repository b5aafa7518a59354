# SPDX-License-Identifier: Apache-2.0
"""What a real Mesos answered: templates of the stand-ins' answers, and their making.

`scripts/standin-check --update` writes captured/*.json from a folder of captures.

master.json, agent.json, metrics.json: templates; addresses and paths of the captured processes
became @IP@, @WORK_DIR@ and @ZK@. answers.json: status, headers and types of whole answers, by which
scripts/standin-check judges the stand-ins.
"""

import copy
import json
import os
import re

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "captured")
PER_FRAMEWORK = "master/frameworks/"


def templates(name, **values):
    """captured/NAME.json, with @KEY@ replaced by the value of key (in lower case) of `values`."""
    with open(f"{HERE}/{name}.json", encoding="utf-8") as file:
        found = file.read()
    for key, value in values.items():
        found = found.replace(f"@{key.upper()}@", value)
    return json.loads(found)


def fill(template, **values):
    """A copy of a template with some members replaced."""
    made = copy.deepcopy(template)
    made.update(values)
    return made


def insert(document, after, **members):
    """A copy with these members behind that one."""
    made = {}
    for key, value in document.items():
        made[key] = value
        if key == after:
            made.update(members)
    return made


# ---------------------------------------------------------------- making
def _read(captures, name):
    with open(f"{captures}/{name}.body", encoding="utf-8") as file:
        found = file.read()
    found = re.sub(r"zk://[^\"/]*", "zk://@ZK@", found)
    found = re.sub(r"127\.0\.5\.\d+", "@IP@", found)
    found = re.sub(r"/srv/mesos/run/[a-z]+\d", "@WORK_DIR@", found)
    found = found.replace("/srv/mesos/install", "/opt/mesosphere/active/mesos")
    return json.loads(found.replace("/srv/mesos", "@WORK_DIR@"))


def _less(metrics, known):
    return {key: value for key, value in metrics.items() if key not in known}


def _is_per_framework(key):
    return key.startswith(PER_FRAMEWORK)


def _metrics(captures):
    def snapshot(name):
        return _read(captures, name + "metrics_snapshot" if name[-1] in "/-" else name)

    follower = snapshot("04-steady/m2-")
    leader = snapshot("04-steady/m1-")
    fetched = snapshot("02-fresh-ensemble/3of3-m1-")
    stored = snapshot("03-agent-first-registration/a1.127.0.5.11_5050_metrics_snapshot.03")
    agent = snapshot("03-agent-first-registration/a1-")
    prefixes = sorted({key[: key.index("/calls")] for key in leader
                       if _is_per_framework(key) and key.endswith("/calls")})
    one = {key[len(prefixes[0]):]: 0.0 for key in leader if key.startswith(prefixes[0] + "/")}
    everything = {**follower, **fetched, **stored}
    return {
        "master_start": snapshot("05-follower-restart/m2.127.0.5.12_5050_metrics_snapshot.03"),
        "master": follower,
        "leader_fetched": _less(fetched, follower),
        "leader_stored": _less(stored, {**follower, **fetched}),
        "leader_framework": {key: value for key, value in _less(leader, everything).items()
                             if not _is_per_framework(key)},
        "framework": one,
        "agent_start": snapshot("14-agent-executor-died/a2.127.0.5.22_5051_metrics_snapshot.03"),
        "agent": agent,
    }


def _master(captures):
    state = _read(captures, "04-steady/m1-state")
    summary = _read(captures, "04-steady/m1-state-summary")
    framework = state["frameworks"][0]
    return {
        "version": _read(captures, "04-steady/m1-version"),
        "flags": _flags_of_dcos(_read(captures, "04-steady/m1-flags")["flags"]),
        "state": fill(state, slaves=[], frameworks=[], recovered_slaves=[]),
        "slave": _read(captures, "04-steady/m1-slaves")["slaves"][0],
        "slave_in_state": state["slaves"][0],
        "slave_in_summary": summary["slaves"][0],
        "framework": fill(framework, tasks=[]),
        "framework_in_summary": summary["frameworks"][0],
        "task": framework["tasks"][0],
        "registry": _read(captures, "04-steady/m1-registrar.1._registry"),
    }


def _flags_of_dcos(flags):
    """A flag that was set by its old name is listed under that only."""
    made = fill(flags, max_slave_ping_timeouts="20", slave_removal_rate_limit="100/1mins")
    del made["max_agent_ping_timeouts"]
    return dict(sorted(made.items()))


def _agent(captures):
    state = _read(captures, "04-steady/a1-state")
    framework = state["frameworks"][0]
    executor = framework["executors"][0]
    return {
        "version": _read(captures, "04-steady/a1-version"),
        "flags": _read(captures, "04-steady/a1-flags")["flags"],
        "state": fill(state, frameworks=[]),
        "framework": fill(framework, executors=[]),
        "executor": fill(executor, tasks=[]),
        "task": executor["tasks"][0],
    }


# ---------------------------------------------------------------- judging
MASTER = ["health", "version", "redirect", "slaves", "state", "state-summary", "tasks",
          "frameworks", "flags", "registrar.1._registry", "api_v1_GET_HEALTH", "metrics_snapshot",
          "master_health", "master_redirect", "master_slaves", "master_state"]
AGENT = ["health", "version", "flags", "state", "api_v1_GET_HEALTH", "metrics_snapshot",
         "slave.1._health", "slave.1._state"]
SPECIAL = ["m1-unknown-path", "m1-HEAD-metrics", "m1-POST-metrics", "m1-gzip",
           "m1-metrics_snapshot-timeout", "m1-metrics_snapshot-badtimeout",
           "leader-slaves-unknown-id"]
START = "05-follower-restart/m2.127.0.5.12_5050_"
EARLY = "01-no-zookeeper/start.127.0.5.11_5050_metrics_snapshot.03"
RECOVERING = "09-agent-restart-with-tasks/a1.127.0.5.21_5051_"
DRAINING = "17-drain/draining-slaves"
FAILOVER = "06-leader-failover/fo.127.0.5.12_5050_slaves.03"
COMPARED = ("Content-Type", "Location", "Content-Encoding")  # headers by their value, too
# Answers of a DC/OS differ from those that were captured in these members only.
FLAGS = {"max_agent_ping_timeouts": None, "max_slave_ping_timeouts": "string",
         "slave_removal_rate_limit": "string"}


def names():
    """All the answers that the stand-ins can be judged by."""
    made = [f"04-steady/{who}-{path}" for who in ("m1", "m2") for path in MASTER]
    made += [f"01-no-zookeeper/m1-{path}" for path in MASTER]
    made += [f"07-quorum-loss/alone-m2-{path}" for path in MASTER]
    made += [f"04-steady/a1-{path}" for path in AGENT]
    made += [f"07-quorum-loss/no-master-a3-{path}" for path in AGENT]
    made += [f"04-steady/{name}" for name in SPECIAL]
    made += ["06-leader-failover/after-m2-slaves", FAILOVER, EARLY, START + "redirect.04",
             START + "metrics_snapshot.03", RECOVERING + "state.05",
             RECOVERING + "metrics_snapshot.05", DRAINING]
    return made


def shape(value):
    """The types of JSON. A list is as its first member; keys of frameworks lose the framework."""
    if isinstance(value, dict):
        made = {}
        for key in sorted(value):
            general = re.sub(r"^master/frameworks/[^/]*/[^/]*", PER_FRAMEWORK + "*", key)
            made[general] = shape(value[key])
        return made
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    kinds = {bool: "bool", int: "int", float: "float", str: "string", type(None): "null"}
    return kinds[type(value)]


def describe(status, headers, body):
    """What of an answer must be the same: status, headers in their order, types of the body."""
    seen = []
    for name, value in headers:
        value = re.sub(r"//[\d.]+:", "//IP:", value)
        seen.append([name, value if name in COMPARED else ""])
    made = {"status": status, "headers": seen}
    if dict(headers).get("Content-Encoding"):
        return made
    text = body.decode()
    made["body"] = shape(json.loads(text)) if text.startswith("{") else text
    return made


def expectations(captures):
    """What was captured, by name."""
    made = {}
    for name in names():
        with open(f"{captures}/{name}.headers", encoding="utf-8") as file:
            first, *lines = file.read().split("\n")
        headers = [tuple(line.strip().split(": ", 1)) for line in lines if ": " in line]
        with open(f"{captures}/{name}.body", "rb") as file:
            body = file.read()
        made[name] = describe(int(first.split()[1]), headers, b"" if "-HEAD-" in name else body)
        if re.search(r"[/-]m\d", name):
            _expect_flags_of_dcos(made[name]["body"] if "body" in made[name] else "")
    return made


def _expect_flags_of_dcos(body):
    if "flags" in body and isinstance(body, dict):
        flags = {key: kind for key, kind in {**body["flags"], **FLAGS}.items() if kind}
        body["flags"] = flags


def keep_expectations(made, kind="answers"):
    """Write answers.json, or another: one answer a line, each different body once."""
    first, lines = {}, []
    for name, one in made.items():
        body = json.dumps(one.get("body"), sort_keys=True)
        known = first.setdefault(body, name)
        shown = one if known == name or len(body) < 100 else {**one, "body": {"same as": known}}
        lines.append(f"{json.dumps(name)}: {json.dumps(shown, sort_keys=True)}")
    with open(f"{HERE}/{kind}.json", "w", encoding="utf-8") as file:
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def kept_expectations(kind="answers"):
    """Read it."""
    with open(f"{HERE}/{kind}.json", encoding="utf-8") as file:
        made = json.load(file)
    for one in made.values():
        if isinstance(one.get("body"), dict) and "same as" in one["body"]:
            one["body"] = made[one["body"]["same as"]]["body"]
    return made


def make(captures):
    """Write all of them."""
    for name, made in [("metrics", _metrics), ("master", _master), ("agent", _agent)]:
        with open(f"{HERE}/{name}.json", "w", encoding="utf-8") as file:
            json.dump(made(captures), file, indent=1)
            file.write("\n")
    keep_expectations(expectations(captures))
