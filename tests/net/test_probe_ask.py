# SPDX-License-Identifier: Apache-2.0
"""rollpatch-probe's checks against servers that misbehave: one sample, in time, and never a pass."""

import json
import os
import random
import re
import resource
import socket
import ssl
import subprocess
import threading
import time

import pytest

PROBE = os.path.join(os.environ["ROLLPATCH_BUILD"], "node-agent/probe/rollpatch-probe")
SLACK = 3.0  # seconds that starting may take on a loaded machine

EXHIBITOR = [
    {"code": 3, "description": "serving", "hostname": f"10.0.0.1{n}", "isLeader": n == 2}
    for n in (1, 2, 3)
]
MASTER = {
    "registrar/log/recovered": 1.0, "registrar/log/ensemble_size": 3.0, "master/elected": 1.0,
    "master/uptime_secs": 61.25, "registrar/registry_size_bytes": 812.0, "master/slaves_active": 2.0,
}
AGENT = {
    "slave/registered": 1.0, "slave/recovery_errors": 0.0, "slave/recovery_time_secs": 0.5,
    "slave/uptime_secs": 7.0, "slave/tasks_running": 3.0,
}
SLAVES = {
    "slaves": [{"id": f"S{n}", "pid": f"slave(1)@10.0.0.2{n}:5051", "active": n == 1,
                "deactivated": False, "registered_time": 1795388680.351462,
                "reregistered_time": 1795388690.5} for n in (1, 2)],
    "recovered_slaves": [],
}
VERSION = {"version": "1.11.0"}
HEALTH = {"type": "GET_HEALTH", "get_health": {"healthy": True}}


def answer(body, status="200 OK", content_type="application/json", more=""):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return (f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{more}"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def redirect(location):
    return answer(b"", "307 Temporary Redirect", more=f"Location: {location}\r\n")


class Server:
    """Answers by path, with bytes or by calling serve(connection)."""

    def __init__(self, address, port, routes, tls=None):
        self.over = threading.Event()
        self.requests = []
        self.routes = routes
        self.tls = tls
        self.listener = socket.create_server((address, port))
        self.threads = [threading.Thread(target=self.accept)]
        self.threads[0].start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            if self.over.is_set():
                return
            self.threads.append(threading.Thread(target=self.talk, args=[connection]))
            self.threads[-1].start()

    def talk(self, connection):
        with connection:
            try:
                if self.tls:
                    connection = self.tls.wrap_socket(connection, server_side=True)
                connection.settimeout(2)
                request = b""
                while b"\r\n\r\n" not in request or (
                        request.startswith(b"POST") and not request.endswith(b"}")):
                    data = connection.recv(65536)
                    if not data:
                        return
                    request += data
                self.requests.append(request.decode())
                route = self.routes.get(request.split()[1].decode(),
                                        self.routes.get("*", answer(b"404", "404 Not Found")))
                if callable(route):
                    route(connection, self.over)
                else:
                    connection.sendall(route)
            except OSError:
                pass  # the probe hung up, as it should

    def paths(self):
        return [" ".join(request.split()[:2]) for request in self.requests]

    def close(self):
        self.over.set()
        socket.create_connection(self.listener.getsockname()).close()
        for thread in self.threads:
            thread.join()
        self.listener.close()


@pytest.fixture
def address():
    """The ports are fixed, so each test has an address of its own."""
    return ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])


@pytest.fixture
def start(address):
    servers = []

    def make(port, routes, on=None, tls=None):
        on = on or ("127.0.0.1" if port == 8090 else address)
        servers.append(Server(on, port, routes, tls))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


class Asked:
    """What one question printed."""

    limit = resource.RLIM_INFINITY  # of its memory, bytes

    def __init__(self, verb, *options, timeout=None, default=10, count=1):
        more = ["--timeout", str(timeout)] if timeout else []
        begin = time.monotonic()
        done = subprocess.run(
            [PROBE, verb, *options, *more], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=60, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (self.limit, self.limit)),
        )
        self.seconds = time.monotonic() - begin
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.count("\n") == 1 and done.stdout.endswith("\n")
        parsed = json.loads(done.stdout)
        assert list(parsed) == ["samples"] and len(parsed["samples"]) == count
        self.samples = parsed["samples"]
        for sample in self.samples:
            assert list(sample) == ["check", "subject", "verdict", "reason", "evidence", "took",
                                    "numbers", "texts"]
            assert sample["check"] == verb
            assert (sample["reason"] == "") == (sample["verdict"] == "pass")
            assert all(type(number) is int for number in sample["numbers"].values())
        assert self.seconds < (timeout or default) + SLACK
        assert self.samples[0]["took"] <= self.seconds * 1e6

    def __getattr__(self, name):
        return self.samples[0][name]

    def is_unknown(self, *texts):
        for sample in self.samples:
            assert sample["verdict"] == "unknown", sample
            for text in texts:
                assert text in sample["reason"], sample
        return self


ALL = [
    ("exhibitor", 8181, ["--masters", "3"]),
    ("mesos-master", 5050, ["--masters", "3"]),
    ("mesos-agent", 5051, []),
    ("mesos-leader", 5050, []),
    ("mesos-tasks", 5050, ["--agents", "127.0.0.9"]),
    ("mesos-version", 5050, ["--role", "master"]),
    ("overlay", 5051, []),
    ("cockroachdb", 8090, ["--masters", "3", "--root", "/nonexistent"]),
]
each_verb = pytest.mark.parametrize("verb, port, options", ALL, ids=[row[0] for row in ALL])


def good_routes():
    return {
        "/exhibitor/v1/cluster/status": answer(EXHIBITOR),
        "/redirect": redirect("//10.0.0.11:5050"),
        "/version": answer(VERSION),
        "/api/v1": answer(HEALTH),
        "/slaves": answer(SLAVES),
    }


# ---------------------------------------------------------------- answers

def test_exhibitor_passes_with_its_numbers(start, address):
    server = start(8181, good_routes())
    asked = Asked("exhibitor", "--address", address, "--masters", "3", "--root", "/nonexistent")
    assert asked.verdict == "pass", asked.samples
    assert asked.numbers == {"masters": 3, "listed": 3, "serving": 3, "leaders": 1}
    assert asked.texts == {"leader": "10.0.0.12"}
    assert server.paths() == ["GET /exhibitor/v1/cluster/status"]


def test_exhibitor_is_compared_with_the_list_of_masters(start, address, tmp_path):
    etc = tmp_path / "opt/mesosphere/etc"
    etc.mkdir(parents=True)
    (etc / "package").write_text('["10.0.0.11","10.0.0.12","10.0.0.14"]')
    (etc / "master_list").symlink_to("package")
    start(8181, good_routes())
    options = ["--address", address, "--masters", "3", "--root", str(tmp_path)]
    asked = Asked("exhibitor", *options)
    assert (asked.verdict, asked.reason) == ("fail", "master 10.0.0.14 is not listed")
    (etc / "package").write_text('["10.0.0.11"')
    Asked("exhibitor", *options).is_unknown("master_list", "malformed JSON")


def test_a_master_passes_with_its_numbers(start, address):
    server = start(5050, {**good_routes(), "/metrics/snapshot?timeout=2secs": answer(MASTER)})
    asked = Asked("mesos-master", "--address", address, "--masters=3")
    assert asked.verdict == "pass", asked.samples
    assert asked.numbers == {"recovered": 1, "ensemble_size": 3, "elected": 1, "uptime_ms": 61250,
                             "registry_fetched": 1, "slaves_active": 2}
    assert asked.texts == {"leader": "10.0.0.11:5050", "version": "1.11.0"}
    assert server.paths().count("GET /metrics/snapshot?timeout=2secs") == 1
    assert len(server.requests) == 4


def test_the_only_master_passes_with_a_registry_in_memory(start, address):
    metrics = {key: value for key, value in MASTER.items() if not key.startswith("registrar/log")}
    routes = {**good_routes(), "/metrics/snapshot?timeout=2secs": answer(metrics)}
    routes["/flags"] = answer({"flags": {"registry": "in_memory"}})
    start(5050, routes)
    asked = Asked("mesos-master", "--address", address, "--masters=1")
    assert (asked.verdict, asked.numbers["in_memory"]) == ("pass", 1), asked.samples
    asked = Asked("mesos-master", "--address", address, "--masters=3")
    assert (asked.verdict, asked.reason) == (
        "fail", "the registry is kept in memory, want replicated_log of 3 masters")


def test_the_mesos_that_runs_is_compared_with_the_one_on_the_disk(start, address, tmp_path):
    start(5051, good_routes())
    options = ["--address", address, "--role", "agent", "--root", str(tmp_path)]
    assert Asked("mesos-version", *options).verdict == "not-applicable"
    program = tmp_path / "opt/mesosphere/bin/mesos-agent"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n[ \"$*\" = --version ] && echo mesos 1.11.0\n")
    program.chmod(0o755)
    assert Asked("mesos-version", *options).verdict == "not-applicable"
    assert Asked("mesos-version", *options, "--version", "2.2.1").verdict == "pass"
    asked = Asked("mesos-version", *options, "--version", "2.1.1")
    assert (asked.verdict, asked.reason) == ("fail", "Mesos 1.11.0 runs, DC/OS 2.1.1 comes with 1.10.1")
    program.write_text("#!/bin/sh\necho mesos 1.10.1\n")
    asked = Asked("mesos-version", *options)
    assert (asked.verdict, asked.reason) == (
        "fail", "the process that answers is Mesos 1.11.0, on the disk lies 1.10.1")


def test_an_agent_passes_with_its_numbers(start, address):
    routes = {**good_routes(), "/metrics/snapshot?timeout=2secs": answer(AGENT)}
    routes["/state"] = answer({"id": "98d2-S0", "frameworks": []})
    server = start(5051, routes)
    asked = Asked("mesos-agent", "--address", address)
    assert asked.verdict == "pass", asked.samples
    assert asked.numbers == {"strict": 0, "registered": 1, "uptime_ms": 7000, "recovered": 1,
                             "recovery_errors": 0, "tasks_running": 3}
    assert asked.texts == {"id": "98d2-S0", "version": "1.11.0"}
    assert len(server.requests) == 3


def test_what_is_compared_with_before_the_step_fails_by_hand_too(start, address):
    """What the coordinator does over time, a person may do once: is it the new process, and is all back?"""
    leads = {**MASTER, "master/elected": 1.0}
    start(5050, {**good_routes(), "/metrics/snapshot?timeout=2secs": answer(leads)})
    options = ["--address", address, "--masters", "3"]
    assert Asked("mesos-master", *options, "--age-max", "62", "--agents-before", "2").verdict == "pass"
    assert "still the old process" in Asked("mesos-master", *options, "--age-max", "61").reason
    asked = Asked("mesos-master", *options, "--agents-before", "3")
    assert (asked.verdict, asked.reason) == ("fail", "master/slaves_active is 2, before the step it was 3")
    start(5051, {**good_routes(), "/metrics/snapshot?timeout=2secs": answer(AGENT),
                 "/state": answer({"id": "S0"})})
    options = ["--address", address, "--age-max", "7", "--tasks-before"]
    assert Asked("mesos-agent", *options, "3").verdict == "pass"
    assert Asked("mesos-agent", *options, "4").verdict == "fail"


def test_one_question_to_the_leader_answers_for_all_agents(start, address):
    routes = good_routes()
    routes["/state-summary"] = answer({"slaves": [{"id": "S1", "TASK_RUNNING": 4}]})
    routes["/flags"] = answer({"flags": {"agent_ping_timeout": "15secs",
                                         "max_slave_ping_timeouts": "20"}})
    server = start(5050, routes)
    agents = "10.0.0.21,10.0.0.22,10.0.0.23"
    asked = Asked("mesos-leader", "--address", address, "--agents", agents, count=4)
    verdicts = [(sample["subject"], sample["verdict"]) for sample in asked.samples]
    assert verdicts == [("", "pass"), ("10.0.0.21", "pass"), ("10.0.0.22", "fail"),
                        ("10.0.0.23", "fail")]
    assert asked.numbers == {"health": 1, "agents": 2, "agents_active": 1, "agents_recovered": 0,
                             "ping_limit_ms": 300000}
    assert asked.texts == {"version": "1.11.0"}
    assert asked.samples[1]["numbers"] == {"listed": 1, "recovered": 0, "active": 1,
                                           "reregistered_ms": 1795388690500, "tasks": 4}
    assert asked.samples[1]["texts"] == {"id": "S1"}
    assert asked.samples[3]["numbers"] == {"listed": 0, "recovered": 0}
    assert server.paths() == ["POST /api/v1", "GET /version", "GET /flags", "GET /slaves",
                              "GET /state-summary"]
    assert '\r\n\r\n{"type":"GET_HEALTH"}' in server.requests[0]
    assert "Content-Type: application/json" in server.requests[0]


def test_the_answer_for_as_many_agents_as_there_may_be_stays_small(start, address):
    start(5050, {**good_routes(), "/slaves": answer(b"<" * 4000, "500 Oops")})
    agents = [f"10.0.0.{n}" for n in range(104)]
    asked = Asked("mesos-leader", "--address", address, "--agents", ",".join(agents), count=105)
    assert len(json.dumps(asked.samples)) < 64 * 1024
    asked.is_unknown("got 500")


# ---------------------------------------------------------------- tasks of both sides

PAGE = "/tasks?limit=2000&offset=%d&order=asc"


def running(number, agent="S1"):
    return {"id": f"web.{number}", "framework_id": "F1", "slave_id": agent, "state": "TASK_RUNNING"}


def listing(tasks, count, offset=0):
    """What the leading master says of agent S1, all on one page."""
    return {PAGE % offset: answer({"tasks": tasks}),
            "/state-summary": answer({"slaves": [{"id": "S1", "TASK_RUNNING": count}]})}


def agent_of(numbers):
    """/state of agent S1."""
    tasks = [{"id": f"web.{number}", "state": "TASK_RUNNING"} for number in numbers]
    return {"/state": answer({"id": "S1", "frameworks": [{"id": "F1", "executors": [{"tasks": tasks}]}]})}


@pytest.fixture
def agent():
    """The address of a Mesos agent."""
    return ".".join(["127", *(str(random.randint(1, 254)) for _ in range(3))])


def test_the_same_tasks_on_both_sides_pass_at_the_first_look(start, address, agent):
    server = start(5050, listing([running(1), running(2), running(3, "S2")], 2))
    asked_agent = start(5051, agent_of([2, 1]), on=agent)
    asked = Asked("mesos-tasks", "--address", address, "--agents", agent, default=25)
    assert asked.verdict == "pass", asked.samples
    assert asked.subject == agent and asked.numbers == {"tasks": 2, "tasks_listed": 2}
    assert asked_agent.paths() == ["GET /state"]
    assert server.paths() == [f"GET {PAGE % 0}", "GET /state-summary"]


def test_a_task_that_only_the_agent_knows_in_two_looks_is_named(start, address, agent):
    server = start(5050, listing([running(1)], 1))
    start(5051, agent_of([1, 2]), on=agent)
    asked = Asked("mesos-tasks", "--address", address, "--agents", agent, default=25)
    assert asked.verdict == "fail"
    assert asked.reason == "it runs, and the leading master does not know: task web.2 of F1"
    assert asked.numbers == {"tasks": 2, "tasks_listed": 1, "only_agent": 1, "only_leader": 0}
    assert len(server.requests) == 4


def test_a_task_that_the_leader_hears_of_between_two_looks_is_no_difference(start, address, agent):
    early, late = listing([running(1)], 1), listing([running(1), running(2)], 2)
    server = start(5050, early)
    start(5051, agent_of([1, 2]), on=agent)

    def hear_of_it(connection, _):
        connection.sendall(early[PAGE % 0])
        server.routes = late

    server.routes = {**early, PAGE % 0: hear_of_it}
    asked = Asked("mesos-tasks", "--address", address, "--agents", agent, default=25)
    assert asked.verdict == "pass", asked.samples
    assert len(server.requests) == 4


def test_tasks_of_a_large_cluster_are_read_page_by_page(start, address, agent):
    crowd = [running(n, "S1" if n % 1000 == 0 else "S2") for n in range(4500)]
    pages = {PAGE % offset: answer({"tasks": crowd[offset:offset + 2000]}) for offset in (0, 1900, 3800)}
    server = start(5050, {**listing([], 5), **pages})
    start(5051, agent_of([0, 1000, 2000, 3000, 4000]), on=agent)
    asked = Asked("mesos-tasks", "--address", address, "--agents", agent, default=25)
    assert asked.verdict == "pass", asked.samples
    assert asked.numbers == {"tasks": 5, "tasks_listed": 5}
    assert server.paths()[:3] == [f"GET {PAGE % offset}" for offset in (0, 1900, 3800)]


def test_an_agent_that_hangs_is_unknown_and_keeps_no_other_waiting(start, address, agent):
    start(5050, listing([running(1)], 1))
    start(5051, {"*": lambda connection, over: over.wait()}, on=address)
    start(5051, agent_of([1]), on=agent)
    asked = Asked("mesos-tasks", "--address", address, "--agents", f"{address},{agent}", default=25,
                  count=2)
    assert [sample["verdict"] for sample in asked.samples] == ["unknown", "pass"], asked.samples
    assert f"{address}:5051/state: not finished within" in asked.reason


def test_an_agent_that_takes_its_time_is_known_and_many_that_hang_leave_some_to_it(start, address, agent):
    start(5050, listing([running(1)], 1))
    hanging = [f"127.9.7.{n}" for n in range(1, 18)]
    for one in hanging:
        start(5051, {"*": lambda connection, over: over.wait()}, on=one)

    def take_time(connection, over):
        over.wait(3)
        connection.sendall(agent_of([1])["/state"])

    slow = start(5051, {"/state": take_time}, on=agent)
    asked = Asked("mesos-tasks", "--address", address, "--agents", agent, default=25)
    assert asked.verdict == "pass", asked.samples

    slow.routes = agent_of([1])
    asked = Asked("mesos-tasks", "--address", address, "--agents", ",".join([*hanging, agent]), default=25, count=18)
    assert [sample["verdict"] for sample in asked.samples] == ["unknown"] * 17 + ["pass"], asked.samples


def test_pages_that_are_no_answer_are_told_with_who_gave_them(start, address, agent):
    start(5050, {**listing([], 0), PAGE % 0: answer(b"", "503 Service Unavailable")})
    start(5051, agent_of([1]), on=agent)
    asked = Asked("mesos-tasks", "--address", address, "--agents", agent, default=25)
    assert f"{address}:5050/tasks: " in asked.is_unknown().reason


# ---------------------------------------------------------------- Marathon

@pytest.fixture
def marathon_root(tmp_path):
    """Where Marathon is installed."""
    script = tmp_path / "opt/mesosphere/bin/marathon.sh"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/bash\n")
    return str(tmp_path)


def marathon_routes(leader, deployments=()):
    return {"/v2/leader": answer({"leader": leader}), "/v2/apps": answer({"apps": []}), "/v2/pods": answer([]),
            "/v2/info": answer({"version": "1.10.17", "elected": True, "leader": leader}),
            "/v2/deployments": answer(list(deployments))}


def test_marathon_is_asked_for_all_of_it_only_where_it_leads(start, address, marathon_root):
    options = ["--address", address, "--root", marathon_root]
    server = start(8080, marathon_routes("10.0.0.12:8080"))
    asked = Asked("marathon", *options)
    assert asked.verdict == "pass" and asked.texts == {"version": "1.10.17", "leader": "10.0.0.12:8080"}
    assert asked.numbers == {"leads_here": 0}
    assert server.paths() == ["GET /v2/leader", "GET /v2/info"]
    server.requests.clear()
    server.routes = marathon_routes(f"{address}:8080", [{"id": "7a1e6e47"}])
    asked = Asked("marathon", *options)
    assert asked.verdict == "fail" and "1 deployment is not finished, the first is 7a1e6e47" in asked.reason
    assert asked.numbers == {"leads_here": 1, "constraints": 0, "pod_constraints": 0, "deployments": 1, "only_deployments": 1}
    assert server.paths()[2:] == ["GET /v2/apps", "GET /v2/pods", "GET /v2/deployments"]


def app_of(number):
    """2 kB in 120 values, as an app of a busy site has them."""
    return {"id": f"/team/service-{number}", "constraints": [["hostname", "UNIQUE"], ["@zone", "GROUP_BY", "3"]],
            "env": {f"SETTING_{n}": f"the value of the setting {n}" for n in range(30)},
            "labels": {f"LABEL_{n}": "a label" for n in range(20)}, "ports": list(range(60))}


def test_ten_thousand_apps_fit_into_half_of_the_node_agents_memory(start, address, marathon_root, monkeypatch):
    """Two programs run at a time. Each answer is gone before the next comes. The address sanitizer takes more
    than any answer, and looks at the whole of it for each of its strings."""
    with open(PROBE, "rb") as file:
        is_plain = b"libasan" not in file.read()
    many = 10000 if is_plain else 50
    unit = os.path.join(os.path.dirname(__file__), "../../data/rollpatch-agent.service")
    with open(unit, encoding="utf-8") as file:
        half = int(re.search(r"^MemoryMax=(\d+)M$", file.read(), re.M)[1]) * 2 ** 20 // 2
    apps = [app_of(number) for number in range(many)]
    padding = [{"id": f"/pod-{number}", "note": "x" * 1000} for number in range(2 * many)]
    routes = marathon_routes(f"{address}:8080", padding)
    start(8080, {**routes, "/v2/apps": answer({"apps": apps}), "/v2/pods": answer(padding)})
    if is_plain:
        monkeypatch.setattr(Asked, "limit", half)
    asked = Asked("marathon", "--address", address, "--root", marathon_root, default=30)
    assert asked.verdict == "fail" and f"{2 * many} deployments are not finished" in asked.reason, asked.samples
    assert asked.numbers["constraints"] == 2 * many and asked.numbers["only_deployments"] == 1


def test_marathon_is_not_asked_where_it_is_not_installed(address, tmp_path):
    assert Asked("marathon", "--address", address, "--root", str(tmp_path)).verdict == "not-applicable"


def test_a_marathon_that_does_not_answer_is_unknown(start, address, marathon_root):
    options = ["--address", address, "--root", marathon_root]
    Asked("marathon", *options).is_unknown("connection refused")
    server = start(8080, {"*": answer(b"<html>502</html>", "502 Bad Gateway", "text/html")})
    Asked("marathon", *options).is_unknown("got 502")
    server.routes = {"*": lambda connection, over: over.wait()}
    Asked("marathon", *options, timeout=1).is_unknown("not finished within")


# ---------------------------------------------------------------- no answers

@each_verb
def test_a_refused_connection_is_unknown(address, verb, port, options):
    asked = Asked(verb, "--address", address, *options).is_unknown("connection refused")
    assert asked.texts == {}
    assert asked.numbers in ({}, {"masters": 3}, {"strict": 0})


@each_verb
def test_one_byte_a_second_ends_at_the_deadline(start, address, verb, port, options):
    def drip(connection, over):
        for byte in answer(b"x" * 100):
            connection.sendall(bytes([byte]))
            if over.wait(1):
                return

    server = start(port, {"*": drip})
    asked = Asked(verb, "--address", address, *options, timeout=2).is_unknown("not finished within")
    assert asked.seconds >= 1.9
    assert len(server.requests) == 1


@each_verb
def test_a_connection_that_is_never_closed_ends_at_the_deadline(start, address, verb, port, options):
    def stay(connection, over):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n[]")
        over.wait()

    start(port, {"*": stay})
    Asked(verb, "--address", address, *options, timeout=1).is_unknown("not finished within")


@each_verb
def test_a_server_that_never_says_a_word_ends_at_the_deadline(start, address, verb, port, options):
    server = start(port, {"*": lambda connection, over: over.wait()})
    Asked(verb, "--address", address, *options, timeout=1).is_unknown("not finished within")
    assert len(server.requests) == 1


@each_verb
def test_a_redirect_is_not_followed(start, address, verb, port, options):
    loop = redirect(f"http://{address}:{port}/login")
    server = start(port, {"*": loop})
    Asked(verb, "--address", address, *options).is_unknown("/login")
    assert not any("/login" in path for path in server.paths())


@each_verb
def test_a_login_page_is_unknown(start, address, verb, port, options):
    page = answer(b"<html>please log in</html>", content_type="text/html")
    start(port, {"*": page})
    Asked(verb, "--address", address, *options).is_unknown("of type text/html")


@each_verb
def test_an_error_page_is_unknown(start, address, verb, port, options):
    page = answer(b"<html>oops</html>", "500 Server Error", "text/html")
    start(port, {"*": page})
    Asked(verb, "--address", address, *options).is_unknown("got 500 '<html>oops</html>'")


@each_verb
def test_an_empty_answer_is_unknown(start, address, verb, port, options):
    start(port, {"*": answer(b"")})
    Asked(verb, "--address", address, *options).is_unknown("empty body")


@each_verb
def test_a_cut_answer_is_unknown(start, address, verb, port, options):
    start(port, {"*": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[{}]"})
    Asked(verb, "--address", address, *options).is_unknown("closed after 4 of 100 bytes")


@each_verb
def test_a_closed_connection_is_unknown(start, address, verb, port, options):
    start(port, {"*": b""})
    Asked(verb, "--address", address, *options).is_unknown("closed without an answer")


@each_verb
def test_an_endless_answer_is_unknown(start, address, verb, port, options):
    def flood(connection, over):
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            connection.sendall(b" " * 65536)

    start(port, {"*": flood})
    Asked(verb, "--address", address, *options).is_unknown("is longer than")


def test_metrics_that_hang_do_not_take_the_rest_of_the_answer(start, address):
    routes = {**good_routes(), "/metrics/snapshot?timeout=2secs": lambda _, over: over.wait()}
    server = start(5050, routes)
    asked = Asked("mesos-master", "--address", address, "--masters", "3", timeout=1)
    asked.is_unknown("/metrics/snapshot: not finished within")
    assert asked.numbers == {}
    assert asked.texts == {"leader": "10.0.0.11:5050", "version": "1.11.0"}
    assert sum("metrics" in path for path in server.paths()) == 1


# ---------------------------------------------------------------- CockroachDB

def cockroach_nodes(underreplicated=0, age=0, count=3):
    metrics = {"ranges.unavailable": 0, "ranges.underreplicated": underreplicated}
    return {"nodes": [
        {"desc": {"address": {"addressField": f"10.0.0.1{n}:26257"}},
         "updatedAt": str(time.time_ns() - age * 10**9), "storeStatuses": [{"metrics": metrics}]}
        for n in range(1, count + 1)]}


def cockroach_rows(underreplicated=0):
    names = ["id", "address", "updated_at", "ranges_unavailable", "ranges_underreplicated"]
    now = time.strftime("%Y-%m-%d %H:%M:%S.553109+00:00", time.gmtime())
    rows = [[str(n), f"10.0.0.1{n}:26257", now, "0", str(underreplicated)] for n in (1, 2, 3)]
    return "".join("\t".join(row) + "\n" for row in [names, *rows])


@pytest.fixture
def command(tmp_path):
    """command(script-text) makes the program; the root to ask below."""
    program = tmp_path / "opt/mesosphere/bin/cockroach"
    program.parent.mkdir(parents=True)

    def make(script):
        program.write_text(f"#!/bin/bash\necho \"$@\" >{tmp_path}/said\n{script}")
        program.chmod(0o755)

    return make


def ask_cockroach(tmp_path, **more):
    return Asked("cockroachdb", "--address", "10.0.0.11", "--masters", "3", "--root", str(tmp_path),
                 **more)


def print_rows(rows):
    return f"cat <<'END'\n{rows}END\n"


def test_cockroach_is_asked_by_http_for_json_and_not_by_command(start, command, tmp_path):
    command(print_rows(cockroach_rows(7)))
    server = start(8090, {"/_status/nodes": answer(cockroach_nodes())})
    asked = ask_cockroach(tmp_path)
    assert asked.verdict == "pass", asked.samples
    assert asked.numbers == {"nodes": 3, "unavailable": 0, "underreplicated": 0}
    assert "Accept: application/json" in server.requests[0]
    assert not (tmp_path / "said").exists()


def test_a_bad_answer_by_http_is_not_overruled_by_the_command(start, command, tmp_path):
    command(print_rows(cockroach_rows()))
    routes = {"/_status/nodes": answer(cockroach_nodes(underreplicated=61))}
    start(8090, routes)
    asked = ask_cockroach(tmp_path)
    assert asked.verdict == "fail" and "61 ranges are underreplicated" in asked.reason
    routes["/_status/nodes"] = answer(cockroach_nodes(age=300))
    ask_cockroach(tmp_path).is_unknown("its numbers are from 5min")
    routes["/_status/nodes"] = answer(cockroach_nodes(count=2))
    ask_cockroach(tmp_path).is_unknown("2 masters are in its list, want 3")
    assert not (tmp_path / "said").exists()


def test_cockroach_is_asked_by_command_when_http_has_no_answer(start, command, tmp_path):
    command(print_rows(cockroach_rows()))
    asked = ask_cockroach(tmp_path)
    assert asked.verdict == "pass", asked.samples
    assert "by HTTP: /_status/nodes: connection refused" in asked.evidence
    want = "node status --ranges --format=tsv --insecure --host=10.0.0.11\n"
    assert (tmp_path / "said").read_text() == want
    command(print_rows(cockroach_rows(7)))
    start(8090, {"*": answer(b"\n\x0bprotobuf", content_type="application/x-protobuf")})
    assert ask_cockroach(tmp_path).verdict == "fail"


@pytest.mark.parametrize("folder", ["bouncer", "cockroach"])
def test_the_command_gets_the_certificates_that_are_there(command, tmp_path, folder):
    command(print_rows(cockroach_rows()))
    path = tmp_path / "run/dcos/pki" / folder
    path.mkdir(parents=True)
    assert ask_cockroach(tmp_path).verdict == "pass"
    assert f"--certs-dir={path}" in (tmp_path / "said").read_text()


def test_a_master_of_former_times_does_not_count(command, tmp_path):
    command(print_rows(cockroach_rows() + "4\t10.0.0.14:26257\t2020-02-02 10:00:00\tNULL\tNULL\n"))
    ask_cockroach(tmp_path).is_unknown("10.0.0.14: the numbers of its ranges are absent")
    etc = tmp_path / "opt/mesosphere/etc"
    etc.mkdir()
    (etc / "master_list").write_text('["10.0.0.11","10.0.0.12","10.0.0.13"]')
    assert ask_cockroach(tmp_path).verdict == "pass"


def test_a_cockroach_that_hangs_both_ways_ends_at_the_deadline(start, command, tmp_path):
    command("exec tail -f /dev/null")
    start(8090, {"*": lambda connection, over: over.wait()})
    ask_cockroach(tmp_path, timeout=2).is_unknown("/_status/nodes: not finished within",
                                                  "cockroach node status: not finished within")


@pytest.mark.parametrize("script, told", [
    ("exec cat /dev/zero", "output is longer than"),
    ("exit 1", "exit status 1"),
    ("echo 'Error: node not in the liveness table' >&2; exit 1", "liveness table"),
    ("true", "printed nothing"),
    ("kill -9 $$", "killed by signal 9"),
    ("echo '<html>'", "no header of a table"),
])
def test_a_command_without_an_answer_is_unknown(command, tmp_path, script, told):
    command(script)
    ask_cockroach(tmp_path).is_unknown(told)


# ---------------------------------------------------------------- overlay

def overlay(*states):
    return {"overlays": [
        {"info": {"name": name, **({"subnet": "9.0.0.0/8"} if name == "dcos" else {"subnet6": "fd01::/64"})},
         "state": {"status": status, "error": "no Docker"}} for name, status in states]}


@pytest.mark.parametrize("states, verdict", [
    ([("dcos", "STATUS_OK"), ("dcos6", "STATUS_OK")], "pass"),
    ([("dcos", "STATUS_OK"), ("dcos6", "STATUS_FAILED")], "pass"),
    ([("dcos", "STATUS_FAILED"), ("dcos6", "STATUS_OK")], "fail"),
    ([("dcos", "STATUS_CONFIGURING"), ("dcos6", "STATUS_OK")], "unknown"),
    ([("dcos", "STATUS_OK"), ("dcos6", "STATUS_CONFIGURING")], "unknown"),
    ([], "not-applicable"),
])
def test_overlay_networks_are_judged_by_their_states(start, address, states, verdict):
    start(5051, {"/overlay-agent/overlay": answer(overlay(*states))})
    asked = Asked("overlay", "--address", address)
    assert asked.verdict == verdict, asked.samples
    assert all(f"{name} {status}" in asked.evidence for name, status in states)


def test_a_mesos_without_overlay_networks_is_not_applicable(start, address):
    start(5051, {"*": answer(b"404 Not Found.", "404 Not Found", "text/plain")})
    assert Asked("overlay", "--address", address).verdict == "not-applicable"


# ---------------------------------------------------------------- Exhibitor with TLS

def make_certificates(folder):
    """An authority, a server called localhost, and a client."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "root-key.pem", "-out", "root-cert.pem",
            "-subj", "/CN=root", "-days", "2")
    for name in ("server", "client"):
        (folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost\n")
        openssl("req", *key, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "root-cert.pem", "-CAkey",
                "root-key.pem", "-CAcreateserial", "-out", f"{name}-cert.pem", "-days", "2",
                "-extfile", f"{name}.ext")


@pytest.fixture
def tls_folder(tmp_path):
    folder = tmp_path / "var/lib/dcos/exhibitor-tls-artifacts"
    folder.mkdir(parents=True)
    make_certificates(folder)
    for name in ("truststore", "clientstore", "serverstore"):
        (folder / f"{name}.jks").touch()
    return folder


def serve_tls(start, folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server-cert.pem", folder / "server-key.pem")
    context.load_verify_locations(folder / "root-cert.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    return start(8181, good_routes(), on="127.0.0.1", tls=context)


def ask_tls(tmp_path):
    return Asked("exhibitor", "--address", "127.0.0.1", "--masters", "3", "--root", str(tmp_path))


def test_exhibitor_is_asked_over_tls_when_its_key_stores_are_there(start, tls_folder, tmp_path):
    serve_tls(start, tls_folder)
    assert ask_tls(tmp_path).verdict == "pass"


def test_exhibitor_is_asked_in_plain_when_a_key_store_is_missing(start, tls_folder, tmp_path):
    (tls_folder / "serverstore.jks").unlink()
    start(8181, good_routes(), on="127.0.0.1")
    assert ask_tls(tmp_path).verdict == "pass"


def test_exhibitor_with_a_foreign_certificate_is_unknown(start, tls_folder, tmp_path):
    serve_tls(start, tls_folder)
    make_certificates(tls_folder)  # another authority; the server keeps what it has loaded
    ask_tls(tmp_path).is_unknown("ertificate")


def test_exhibitor_without_the_client_certificate_is_unknown(start, tls_folder, tmp_path):
    serve_tls(start, tls_folder)
    (tls_folder / "client-cert.pem").unlink()
    print(ask_tls(tmp_path).is_unknown().reason)


# ---------------------------------------------------------------- dcos-check-runner

GOOD_CHECKS = {"status": 0, "checks": {"xz": {"output": "", "status": 0}}}


@pytest.fixture
def runner(tmp_path):
    """runner(script-text) asks a check runner that is this script."""
    program = tmp_path / "opt/mesosphere/bin/dcos-check-runner"
    program.parent.mkdir(parents=True)

    def ask(script, *options, **more):
        program.write_text("#!/bin/bash\n" + script)
        program.chmod(0o755)
        return Asked("check-runner", "--root", str(tmp_path), *options, **more)

    return ask


def test_the_check_runner_passes_with_its_numbers(runner):
    asked = runner(f"[ \"$*\" = 'check node-poststart' ] && echo '{json.dumps(GOOD_CHECKS)}'")
    assert asked.verdict == "pass", asked.samples
    assert asked.numbers == {"checks": 1, "status": 0, "only_components": 0} and asked.texts == {}


def test_the_cluster_checks_are_not_applicable_when_there_are_none(runner):
    none = json.dumps({"status": 0, "checks": {}})
    asked = runner(f"[ \"$*\" = 'check cluster' ] && echo '{none}'", "--check", "cluster")
    assert (asked.verdict, asked.reason) == ("not-applicable", "no cluster checks are configured")


def test_the_sites_checks_of_the_cluster_are_judged_like_the_built_in_ones(runner, tmp_path):
    def ask(document, status):
        runner(f"[ \"$*\" = 'check cluster' ] || exit 9; echo '{json.dumps(document)}'; exit {status}",
               "--check", "cluster")
        return Asked("cluster-checks", "--root", str(tmp_path))

    site = {"site_dns": {"output": "no leader.mesos", "status": 2}}
    asked = ask({"status": 2, "checks": site}, 2)
    assert (asked.verdict, asked.reason) == ("fail", "site_dns is a failure: no leader.mesos")
    site["site_dns"]["status"] = 1
    assert ask({"status": 1, "checks": site}, 1).verdict == "fail"
    site["site_dns"]["status"] = 0
    assert ask({"status": 0, "checks": site}, 0).verdict == "pass"
    assert ask({"status": 0, "checks": {}}, 0).verdict == "not-applicable"
    assert ask({"error": "cannot run", "checks": ["site_dns: gone"]}, 0).verdict == "fail"


def test_a_check_runner_that_fails_is_told_with_its_words(runner):
    bad = json.dumps({"status": 2, "checks": {"tar": {"output": "no tar\n", "status": 2}}})
    asked = runner(f"echo '{bad}'; exit 2")
    assert (asked.verdict, asked.reason) == ("fail", "tar is a failure: no tar")


def test_exit_status_0_with_an_error_fails(runner):
    asked = runner("""echo '{"error":"cannot run","checks":["x: gone"]}'""")
    assert asked.verdict == "fail" and "cannot run" in asked.reason


def test_the_exit_status_must_agree(runner):
    runner(f"echo '{json.dumps(GOOD_CHECKS)}'; exit 1").is_unknown("exit status 1")


def test_a_check_runner_that_only_complains_is_unknown(runner):
    asked = runner("echo level=fatal >&2; exit 1").is_unknown("empty body")
    assert asked.evidence == "exit status 1, stderr: level=fatal?"


def test_a_check_runner_that_hangs_ends_at_the_deadline(runner):
    runner("exec tail -f /dev/null", timeout=1).is_unknown("not finished within 1s")


def test_a_check_runner_that_hangs_after_its_answer_ends_at_the_deadline(runner):
    good = json.dumps(GOOD_CHECKS)
    runner(f"echo '{good}'; exec >&- 2>&-; kill -STOP $$", timeout=1).is_unknown("not finished within 1s")


def test_a_check_runner_that_floods_is_unknown(runner):
    runner("exec cat /dev/zero").is_unknown("output is longer than")


def test_a_check_runner_that_complains_for_ever_is_read_to_the_end(runner):
    good = json.dumps(GOOD_CHECKS)
    asked = runner(f"head -c 1000000 /dev/zero | tr '\\0' x >&2; echo '{good}'")
    assert asked.verdict == "pass"


def test_a_check_runner_that_is_killed_is_unknown(runner):
    runner("kill -9 $$").is_unknown("killed by signal 9")


def test_a_missing_check_runner_is_unknown(tmp_path):
    Asked("check-runner", "--root", str(tmp_path)).is_unknown("No such file or directory")


# ---------------------------------------------------------------- command line

@pytest.mark.parametrize(
    "arguments, told",
    [
        (["exhibitor"], "--address is missing"),
        (["exhibitor", "--address", "10.0.0.1"], "--masters is missing"),
        (["exhibitor", "--address", "m1", "--masters", "3"], "--address: got 'm1'"),
        (["exhibitor", "--address", "10.0.0.1", "--masters", "10"], "--masters: got '10'"),
        (["mesos-master", "--address", "10.0.0.1"], "--masters is missing"),
        (["mesos-agent", "--address", "10.0.0.1", "--masters", "3"], "unknown option '--masters'"),
        (["mesos-agent", "--address", "10.0.0.1/x"], "--address: got '10.0.0.1/x'"),
        (["mesos-agent", "--address", "10.0.0.1", "--timeout", "0"], "--timeout: got '0'"),
        (["mesos-leader", "--address", "10.0.0.1", "--agents", "10.0.0.1,,"], "--agents: got ''"),
        (["mesos-leader", "--address", "10.0.0.1", "--agents", ",".join(["10.0.0.1"] * 105)],
         "--agents: want at most 104"),
        (["mesos-tasks", "--address", "10.0.0.1"], "--agents is missing"),
        (["check-runner", "--check", "node-prestart"], "--check: got 'node-prestart'"),
        (["check-runner", "--root", "/" + "x" * 5000], "--root: too long"),
    ],
)
def test_a_wrong_command_line_is_refused_with_status_2(arguments, told):
    done = subprocess.run([PROBE, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr and done.stderr.count("\n") == 1
