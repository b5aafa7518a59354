#!/usr/bin/python3 -SE
# SPDX-License-Identifier: Apache-2.0
"""Stands in for mesos-master: its HTTP answers on port 5050, elected through a real ZooKeeper.

    mesos_master.py --ip IP --zk HOST:2181,... --masters N --work-dir DIR --version-file FILE

README.md says what it does, and which faults the scenario can give it.
"""

import argparse
import sys
import time
import uuid

import standin
import standin_http
from captured import templates
from mesos_agents import Agents, Bodies
from mesos_registrar import Registrar, Replica, duration
from standin_http import not_found, ok, ok_api, redirect, text
from standin_zk import Group

NO_LEADER = "No leader elected"
NOT_RECOVERED = "Master has not finished recovery"
TIMERS = ("allocator/mesos/allocation_run_ms", "allocator/mesos/allocation_run_latency_ms")
FRAMEWORK_KEYS = "master/frameworks/marathon/"


def parse_arguments():
    """What the unit says."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--port", type=int, default=5050)
    parser.add_argument("--zk", required=True)
    parser.add_argument("--masters", type=int, required=True)
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--version-file", required=True)
    parser.add_argument("--scenario", default="/var/lib/standin/scenario.json")
    parser.add_argument("--zk-session-timeout", type=float, default=2)
    parser.add_argument("--registry-fetch-timeout", type=float, default=60)
    parser.add_argument("--registry-store-timeout", type=float, default=60)
    parser.add_argument("--unreachable-after", type=float, default=300)
    parser.add_argument("--agent-reregister-timeout", type=float, default=600)
    return parser.parse_args()


class Master:
    """One master; `agents` and `registrar` are there while it leads."""

    def __init__(self, options, scenario):
        self._options, self._scenario = options, scenario
        self._start_time = time.time()
        self._start = time.monotonic()
        self._quorum = options.masters // 2 + 1
        self._elected_time = 0.0
        self._agents = self._registrar = self._bodies = None
        version = scenario.get("mesos_version") or standin.read_version(options.version_file)
        own = f"{options.ip}:{options.port}"
        ip_as_int = int.from_bytes(bytes(map(int, options.ip.split("."))), "little")
        self._info = {
            "address": {"hostname": options.ip, "ip": options.ip, "port": options.port},
            "hostname": options.ip, "id": str(uuid.uuid4()), "ip": ip_as_int,
            "pid": f"master@{own}", "port": options.port, "version": version,
        }
        self._templates = self._load_templates(version)
        self._metrics = templates("metrics")
        self._group = Group(options.zk, options.zk_session_timeout, self._info)
        self._replica = Replica(options.work_dir, own, self._quorum, lambda: self._group.replicas)
        self._leader_routes = {
            "/slaves": lambda request: ok(self._bodies.slaves(request.query.get("slave_id"))),
            "/state": lambda _: ok(self._bodies.state(self._start_time, self._elected_time)),
            "/state-summary": lambda _: ok(self._bodies.summary()),
            "/tasks": lambda request: ok(self._bodies.tasks(request.query)),
            "/frameworks": lambda _: ok(self._bodies.frameworks()),
            "/api/v1": self._on_api,
        }
        self._routes = {
            "/health": lambda _: ok(),
            "/version": lambda _: ok(self._templates["version"]),
            "/flags": lambda _: ok({"flags": {
                **self._templates["flags"], **self._scenario.get("mesos_flags")}}),
            "/redirect": self._on_redirect,
            "/registrar(1)/registry": self._on_registry,
            "/standin/replica": self._on_replica,
            "/standin/agent": self._on_agent,
            "/standin/ping": self._on_ping,
            "/standin/unregister": self._on_unregister,
        }

    def _load_templates(self, version):
        options = self._options
        made = templates("master", ip=options.ip, work_dir=options.work_dir, zk=options.zk)
        made["version"]["version"] = version
        for flags in (made["flags"], made["state"]["flags"]):
            flags.update(
                port=str(options.port), quorum=str(self._quorum),
                registry_fetch_timeout=duration(options.registry_fetch_timeout),
                registry_store_timeout=duration(options.registry_store_timeout),
                zk_session_timeout=duration(options.zk_session_timeout),
            )
        leader = {key: self._info[key] for key in ("id", "pid", "port", "hostname")}
        made["state"].update(version=version, id=self._info["id"], pid=self._info["pid"],
                             leader=self._info["pid"], leader_info=leader, flags=made["flags"])
        made["registry"]["master"]["info"].update(self._info)
        return made

    # ------------------------------------------------------------ life
    def run(self):
        """For ever."""
        options = self._options
        self._snapshot = standin_http.Snapshot([
            (0, lambda: self._metrics["master_start"]), (0.5, self._early), (1.5, self._later),
            (2.5, self._all),
        ], lambda: self._scenario.get("mesos_age"))
        standin_http.listen(options.ip, options.port, self._on_request)
        standin.log("I", "main.cpp:441", f"Version: {self._info['version']}")
        standin.log("I", "master.cpp:440", f"Master {self._info['id']} ({options.ip}) started on "
                    f"{options.ip}:{options.port}")
        self._group.start()
        self._replica.start()
        life = standin.Life(self._scenario)
        while True:
            self._scenario.reload()
            life.look()
            self._look_at_leader()
            if self._agents:
                self._agents.look(self._unreachable_after())
                self._agents.drain(self._scenario.get("mesos_drained"))
            time.sleep(standin.TICK)

    def _unreachable_after(self):
        after = self._scenario.get("mesos_unreachable_after")
        return self._options.unreachable_after if after is None else after

    @property
    def _elected(self):
        return self._agents is not None

    def _look_at_leader(self):
        leader = self._group.leader
        leads = leader is not None and leader["id"] == self._info["id"]
        if self._elected and self._group.lost:
            standin.exit_with("master.cpp:2083",
                              "Lost candidacy as a leader... committing suicide!")
        if self._elected and not leads:
            standin.exit_with("master.cpp:2129", "Lost leadership... committing suicide!")
        if leads and not self._elected:
            self._become_leader()

    def _become_leader(self):
        options = self._options
        standin.log("I", "master.cpp:2122", "Elected as the leading master!")
        standin.log("I", "master.cpp:1721", "Recovering from registrar")
        self._elected_time = time.time()
        self._registrar = Registrar(
            self._group, self._replica, self._quorum, options.registry_fetch_timeout,
            options.registry_store_timeout, self._scenario,
        )
        agents = Agents(self._registrar, self._info["id"], self._unreachable_after(),
                        options.agent_reregister_timeout)
        self._bodies = Bodies(agents, self._templates)
        self._agents = agents
        self._registrar.start()

    # ------------------------------------------------------------ metrics
    def _early(self):
        return {key: value for key, value in self._all().items() if not key.startswith(TIMERS)}

    def _later(self):
        return {key: value for key, value in self._all().items()
                if not key.startswith(TIMERS) or key.endswith("_ms")}

    def _all(self):
        made = dict(self._metrics["master"])
        made.update({
            "master/elected": float(self._elected),
            "master/uptime_secs": time.monotonic() - self._start,
            "registrar/log/recovered": float(self._replica.recovered),
            "registrar/log/ensemble_size": float(max(1, len(self._group.replicas))),
        })
        if self._elected:
            self._add_leaders(made)
        missing = self._scenario.get("mesos_no_registrar_keys")
        if missing:
            missing = "registrar/" if missing is True else missing
            made = {key: value for key, value in made.items() if not key.startswith(missing)}
        return dict(sorted(made.items()))

    def _add_leaders(self, made):
        if self._agents.ready:
            made.update(self._metrics["leader_fetched"])
            made["registrar/state_fetch_ms"] = self._registrar.fetch_ms
            if self._registrar.stores > 1:
                made.update(self._metrics["leader_stored"])
                made["registrar/state_store_ms/count"] = float(self._registrar.stores)
        made.update({key: float(value) for key, value in self._agents.metrics().items()})
        frameworks = self._agents.frameworks()
        for key in ("master/frameworks_active", "master/frameworks_connected"):
            made[key] = float(len(frameworks))
        for framework_id in frameworks:
            made.update(self._metrics["leader_framework"])
            prefix = FRAMEWORK_KEYS + framework_id
            made.update({prefix + key: value for key, value in self._metrics["framework"].items()})

    # ------------------------------------------------------------ requests
    def _on_request(self, request):
        if self._scenario.get("mesos_hang"):
            standin_http.hang()
        if request.path == "/metrics/snapshot":
            return self._snapshot.answer(request)
        if self._snapshot.age < 0.1 and not request.path.startswith("/standin/"):
            return not_found()
        path = "/" + request.path.removeprefix("/master/").lstrip("/")
        if path in self._leader_routes:
            return self._on_leader_request(path, request)
        route = self._routes.get(path)
        return route(request) if route else not_found()

    def _on_leader_request(self, path, request):
        leader = self._group.leader
        if self._elected:
            return self._leader_routes[path](request)
        if leader is None:
            return text(503, NO_LEADER)
        return redirect(f"//{leader['hostname']}:{leader['port']}/master{path}")

    def _on_redirect(self, _):
        leader = self._group.leader
        if leader is None:
            return text(503, NO_LEADER)
        return redirect(f"//{leader['hostname']}:{leader['port']}")

    def _on_api(self, request):
        call = request.json().get("type")
        if not self._agents.ready:
            return text(503, NOT_RECOVERED)
        if call == "GET_HEALTH":
            return ok_api({"type": "GET_HEALTH", "get_health": {"healthy": True}})
        return text(400, f"Failed to validate master::Call: the stand-in does not know {call}")

    def _on_registry(self, _):
        if not self._elected or not self._agents.ready:
            return ok({})
        return ok(self._bodies.registry(self._registrar.registry))

    # ------------------------------------------------------------ among stand-ins
    def _on_replica(self, request):
        answer = self._replica.answer(request.json())
        return text(503, "not kept") if answer is None else ok(answer)

    def _on_agent(self, request):
        info = request.json()
        if not self._elected:
            return text(503, "not the leader")
        if info.get("refused"):
            again = "re-registration" if info["id"] else "registration"
            standin.log("W", "master.cpp:6893", f"Refusing {again} of agent at {info['pid']} "
                        f"({info['hostname']}) because it is not authenticated")
            return text(401, "not authenticated")
        slave_id = self._agents.register(info, request.connection)
        return ok({"id": slave_id}) if slave_id else text(503, "dropped")

    def _on_ping(self, request):
        ping = request.json()
        if self._elected and self._agents.heard(ping["id"], ping["tasks"], request.connection):
            return ok({})
        return text(503, "not registered here")

    def _on_unregister(self, request):
        known = self._elected and self._agents.unregister(request.json()["id"])
        return ok({}) if known else text(503, "not registered here")


def main():
    """Until killed."""
    options = parse_arguments()
    scenario = standin.Scenario(options.scenario)
    standin.wait_until_wanted(scenario)
    Master(options, scenario).run()


if __name__ == "__main__":
    sys.exit(main())
