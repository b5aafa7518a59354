# SPDX-License-Identifier: Apache-2.0
"""Answers as rollpatchd gives them, of a cluster of three masters at a fixed moment."""

SECOND = 1000000
MINUTE = 60 * SECOND
NOW = 1795406400 * SECOND  # 2026-11-23 04:00:00Z


def answer(verb, body, status=0):
    return {"version": 1, "verb": verb, "exit": status, "answer": body}


def error(verb, status, code, text):
    return {
        "version": 1,
        "verb": verb,
        "exit": status,
        "error": {"code": code, "text": text},
    }


def node(name, role, assessment, **more):
    return {
        "name": name,
        "role": role,
        "leader": False,
        "link": "fresh",
        "seen": NOW - SECOND,
        "version": "2.1.0",
        "assessment": assessment,
        "message": "",
        **more,
    }


def checks():
    return [
        {
            "id": "units",
            "verdict": "pass",
            "since": NOW - 9 * MINUTE,
            "age": 300000,
            "evidence": "33 units active",
        },
        {
            "id": "exhibitor.serving",
            "verdict": "fail",
            "since": NOW - 8 * MINUTE,
            "age": 8 * SECOND,
            "evidence": 'm2 is "down", 2 of 3 serving',
        },
        {
            "id": "mesos.version",
            "verdict": "unknown",
            "since": 0,
            "evidence": "no answer in 10s",
        },
    ]


def masters():
    return [
        node(
            "m1",
            "master",
            "Done",
            version="2.1.1",
            step="r7-1a2b3c4d-m1-1",
            state="done",
            phase="done",
            since=NOW - 22 * MINUTE,
            fence=4,
        ),
        node(
            "m2",
            "master",
            "Verifying",
            version="2.1.1",
            step="r7-1a2b3c4d-m2-1",
            state="verifying",
            phase="verifying",
            unit="rollpatch-step-r7-1a2b3c4d-m2-1.service",
            since=NOW - 9 * MINUTE,
            fence=5,
            message='exhibitor: m2 "down", 2 of 3 serving',
            checks=checks(),
        ),
        node("m3", "master", "Pending", leader=True, message="last: the leading master"),
    ]


def agents():
    return [
        node("a1", "agent", "Pending"),
        node("a2", "agent", "Pending", link="stale", seen=NOW - 42 * SECOND),
        node(
            "a17",
            "agent",
            "Quarantined",
            since=NOW - 49 * 60 * MINUTE,
            message="disk 97 % full, by ops",
        ),
        node("p1", "public-agent", "Pending", link="never", seen=0, version=""),
    ]


def run(**more):
    return {
        "number": 7,
        "id": "1a2b3c4d5e6f708192a3b4c5d6e7f809",
        "from": "2.1.0",
        "to": "2.1.1",
        "state": "running",
        "why": "m2: exhibitor serving on 2 of 3, since 9min; gives up in 11min",
        "try": "rollpatch status m2",
        "since": NOW - 31 * MINUTE,
        "started": NOW - 31 * MINUTE,
        "masters_done": 1,
        "masters": 3,
        "agents_done": 0,
        "agents": 4,
        "config": {"waived": ["dwell.master 2s (floor 30s)"]},
        **more,
    }


def status(status_exit=0, **more):
    body = {
        "now": NOW,
        "cluster": "demo",
        "coordinator": {"epoch": 3, "since": NOW - 95 * MINUTE, "claim": "complete"},
        "run": run(),
        "nodes": masters() + agents(),
        "problems": [
            {
                "since": NOW - 42 * SECOND,
                "level": "warning",
                "impact": "Next batch",
                "message": "a2 has not been heard for 42s",
                "try": "rollpatch status a2",
            },
            {
                "since": NOW - 9 * MINUTE,
                "level": "error",
                "impact": "Next master",
                "message": "exhibitor serves on 2 of 3 masters, m2 is down",
                "try": "rollpatch status m2",
            },
        ],
        "not_checked": ["mesos.version on m1"],
        "a member of a later version": {"x": [1, 2.5]},
        **more,
    }
    return answer("status", body, status_exit)


def quiet():
    """No run, nothing wrong, a coordinator that has just started."""
    return status(
        run=None,
        coordinator={"epoch": 4, "since": NOW - 3 * SECOND, "claim": "waiting for m2, m3"},
        nodes=[node(f"m{i}", "master", "Idle", leader=i == 1) for i in (1, 2, 3)],
        problems=[],
        not_checked=[],
    )


def big(count):
    """So many agents that only those in trouble are listed."""
    fine = [node(f"a{i}", "agent", "Done" if i % 2 else "Pending") for i in range(count)]
    bad = [node("b1", "agent", "Failed", message="script ended with status 4")]
    return status(nodes=masters() + fine + bad, problems=[], not_checked=[])


def report():
    step = {"role": "master", "attempt": 1, "declines": 0, "evidence": ""}
    return answer(
        "report",
        {
            "run": {
                **run(state="finished", why=""),
                "by": "ops",
                "ended": NOW - 2 * MINUTE,
                "config": {},
            },
            "steps": [
                {
                    **step,
                    "node": "m1",
                    "step": "r7-1a2b3c4d-m1-1",
                    "state": "done",
                    "started": NOW - 30 * MINUTE,
                    "ended": NOW - 28 * MINUTE,
                    "exit_status": 0,
                    "exit_signal": 0,
                    "message": "gate held for 60s",
                },
                {
                    **step,
                    "node": "a1",
                    "role": "agent",
                    "step": "r7-1a2b3c4d-a1-1",
                    "state": "failed",
                    "started": NOW - 20 * MINUTE,
                    "ended": NOW - 19 * MINUTE,
                    "exit_status": 0,
                    "exit_signal": 9,
                    "message": "script killed",
                    "evidence": "out of memory",
                },
            ],
            "events": [
                {"seq": 1, "at": NOW - 31 * MINUTE, "type": "run-made", "text": "run 7"},
                {"seq": 2, "at": NOW - 30 * MINUTE, "type": "step", "text": "m1: started"},
            ],
            "notes": ["subscribers on m1: marathon.sh sends events to subscribers"],
            "not_checked": ["mesos.version on m1"],
            "left_to_you": ["a1 is failed", "restart marathon-lb by hand"],
        },
    )


def runs():
    return answer(
        "runs",
        {
            "runs": [
                {
                    "number": 6,
                    "id": "00",
                    "from": "2.0.4",
                    "to": "2.1.0",
                    "state": "aborted",
                    "started": NOW - 90 * MINUTE,
                    "ended": NOW - 60 * MINUTE,
                    "by": "ops",
                    "why": "wrong script",
                }
            ]
        },
    )


def audit():
    return answer(
        "audit",
        {
            "entries": [
                {
                    "at": NOW - 5 * MINUTE,
                    "user": "ops",
                    "uid": 1000,
                    "terminal": "pts/3",
                    "verb": "retry",
                    "arguments": "m2",
                    "reason": "disk freed",
                    "outcome": "m2: looked at again",
                }
            ]
        },
    )


def plan(status_exit=0):
    members = [{**one, "order": i + 1} for i, one in enumerate(masters())]
    return answer(
        "plan",
        {
            "cluster": "demo",
            "from": "2.1.0",
            "to": "2.1.1",
            "url": "http://10.0.0.1/upgrade.sh",
            "sha256": "a" * 64,
            "size": 4711,
            "nodes": members,
            "findings": [
                {
                    "id": "node.unknown",
                    "level": "block",
                    "message": "a9 has never reported here",
                    "try": "rollpatch nodes",
                }
            ],
        },
        status_exit,
    )


def enrolled(one, letter):
    """The node with a key."""
    fingerprint = "-".join([letter * 4] * 5)
    return {**one, "enrolment": "enrolled", "fingerprint": fingerprint, "key": letter.lower() * 64}


def strangers():
    return [
        {
            "name": "a3",
            "role": "agent",
            "link": "never",
            "enrolment": "pending",
            "fingerprint": "K4VZ-2AQD-7NXE-LM3Q-WB5T",
            "message": "a3 asks to be let in as agent",
            "seen": NOW - SECOND,
        }
    ]


def token_create():
    files = [
        {
            "path": "/etc/rollpatch/agent.yaml",
            "mode": "0644",
            "content": f"coordinator: 10.0.0.5:32070\ncoordinator_key: {'c' * 64}\n",
        },
        {
            "path": "/etc/rollpatch/join",
            "mode": "0600",
            "content": f"00112233aabbccdd.{'5' * 64}\n",
        },
    ]
    text = "join token 00112233aabbccdd: agent, 40 uses, until 2026-11-24 04:00:00Z"
    return answer("token-create", {"text": text, "files": files})


def token_list():
    token = {
        "id": "00112233aabbccdd",
        "role": "agent",
        "name": "a*",
        "uses": 40,
        "used": 2,
        "made": NOW - MINUTE,
        "expires": NOW + 60 * MINUTE,
        "by": "ops",
        "state": "good",
    }
    old = {**token, "id": "ffeeddccbbaa9988", "name": "", "used": 40, "state": "used-up"}
    return answer("token-list", {"now": NOW, "tokens": [token, old]})


def node_show():
    common = {"name": "a1", "role": "agent"}
    keys = [
        {
            **enrolled(common, "A"),
            "how": "joined",
            "token": "00112233aabbccdd",
            "since": NOW - 60 * MINUTE,
        },
        {
            **common,
            "enrolment": "conflict",
            "fingerprint": "K4VZ-2AQD-7NXE-LM3Q-WB5T",
            "refused": "name.conflict",
            "first": NOW - MINUTE,
            "message": "key K4VZ-2AQD-7NXE-LM3Q-WB5T says that it is a1",
        },
    ]
    return answer("node-show", {"now": NOW, "name": "a1", "keys": keys})
