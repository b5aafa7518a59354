#!/usr/bin/python3 -SE
# SPDX-License-Identifier: Apache-2.0
"""Stands in for mesos-agent: its HTTP answers on port 5051, registered with the stand-in master.

    mesos_agent.py --ip IP --zk HOST:2181,... --work-dir DIR --version-file FILE

README.md says what it does, and which faults the scenario can give it.
"""

import argparse
import os
import signal
import sys
import threading
import time
import uuid

import standin
import standin_http
from captured import fill, templates
from standin_http import not_found, ok, ok_api, text
from standin_zk import Group

RECOVERING = "Agent has not finished recovery"
FRAMEWORK = "3f6f4c1e-0000-4000-8000-6d617261746f-0001"
PING = 0.5
REGISTRATION_BACKOFF = 0.3  # before the first attempt with a leader; doubles up to 2 s
TIMEOUT = 3.0

REFUSAL = ("Configuration change not permitted under `additive` policy: "
           "Value of scalar resource 'mem' decreased from 14854 to 7427")
ADVICE = """
------------------------------------------------------------
If recovery failed due to a change in configuration and you want to
keep the current agent id, you might want to change the
`--reconfiguration_policy` flag to a more permissive value.

To restart this agent with a new agent id instead, do as follows:
rm -f {work_dir}/meta/slaves/latest
This ensures that the agent does not recover old live executors.

If you use the Docker containerizer and think that the Docker
daemon state is broken, you can try to clear it. But be careful:
these commands will erase all containers and images from this host,
not just those started by Mesos!
docker kill $(docker ps -q)
docker rm $(docker ps -a -q)
docker rmi $(docker images -q)

Finally, restart the agent.
"""


def parse_arguments():
    """What the unit says."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--port", type=int, default=5051)
    parser.add_argument("--zk", required=True)
    parser.add_argument("--work-dir", required=True)
    parser.add_argument("--version-file", required=True)
    parser.add_argument("--scenario", default="/var/lib/standin/scenario.json")
    parser.add_argument("--zk-session-timeout", type=float, default=2)
    return parser.parse_args()


class Agent:
    """One agent."""

    def __init__(self, options, scenario):
        self._options, self._scenario = options, scenario
        self._start_time = time.time()
        self._start = time.monotonic()
        self._version = scenario.get("mesos_version") or standin.read_version(options.version_file)
        self._pid = f"slave(1)@{options.ip}:{options.port}"
        os.makedirs(options.work_dir, exist_ok=True)
        self._path = f"{options.work_dir}/agent.json"
        self._state = standin.load(self._path, {"id": "", "tasks": []})
        self._failed = []  # tasks found dead in recovery, not told to a master yet
        self._tasks_failed = self._tasks_finished = 0
        self._recovery_time = None  # seconds; None while recovering
        self._leaving = False
        self._churned = 0.0
        self._templates = templates(
            "agent", ip=options.ip, work_dir=options.work_dir, zk=options.zk
        )
        self._templates["version"]["version"] = self._version
        self._templates["flags"]["port"] = str(options.port)
        self._metrics = templates("metrics")
        self._group = Group(options.zk, options.zk_session_timeout)
        self._routes = {
            "/health": lambda _: ok(),
            "/version": lambda _: ok(self._templates["version"]),
            "/flags": lambda _: ok({"flags": self._templates["flags"]}),
            "/state": self._on_state,
            "/overlay-agent/overlay": self._on_overlay,
            "/api/v1": self._on_api,
        }

    # ------------------------------------------------------------ life
    def run(self):
        """For ever."""
        options = self._options
        self._snapshot = standin_http.Snapshot(
            [(0, self._some), (0.1, self._all)], lambda: self._scenario.get("mesos_age")
        )
        standin_http.listen(options.ip, options.port, self._on_request)
        standin.log("I", "main.cpp:546", f"Version: {self._version}")
        standin.log("I", "slave.cpp:283", f"Mesos agent started on (1)@{options.ip}:{options.port}")
        self._group.start()
        threading.Thread(target=self._work, daemon=True).start()
        signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=self._leave).start())
        life = standin.Life(self._scenario)
        while True:
            self._scenario.reload()
            life.look()
            self._churn()
            time.sleep(standin.TICK)

    def _churn(self):
        seconds, tasks = self._scenario.get("mesos_tasks_churn"), self._state["tasks"]
        if not seconds or not tasks or time.monotonic() < self._churned + seconds:
            return
        self._churned = time.monotonic()
        self._keep(self._state["id"], [*tasks[1:], {**tasks[0], "id": f"app.{uuid.uuid4()}"}])

    def _told(self):
        """What the leader hears of its tasks."""
        stale = self._scenario.get("mesos_tasks_stale")
        tasks = self._state["tasks"]
        return [{**task, "id": task["id"] + ".before"} for task in tasks[:stale]] + tasks[stale:]

    def _work(self):
        self._recover()
        while True:
            self._serve_leader(self._await_leader())

    def _leave(self):
        """SIGUSR1: the leader forgets it at once, its tasks end, then it does."""
        standin.log("I", "slave.cpp:964",
                    "Received SIGUSR1 signal from user root; unregistering and shutting down")
        self._leaving = True
        leader = self._group.leader
        address = f"{leader['hostname']}:{leader['port']}"
        standin_http.post(address, "/standin/unregister", {"id": self._state["id"]}, TIMEOUT)
        time.sleep(self._scenario.get("mesos_leaving"))
        self._keep(self._state["id"], [])
        os._exit(0)

    def _recover(self):
        refusal = self._scenario.get("mesos_refuse_recovery")
        if refusal:
            refusal = REFUSAL if refusal is True else refusal
            time.sleep(0.2)
            advice = ADVICE.format(work_dir=self._options.work_dir)
            standin.exit_with("slave.cpp:8366", f"Failed to perform recovery: {refusal}\n{advice}")
        time.sleep(self._scenario.get("mesos_recovery_time"))
        tasks = self._state["tasks"]
        dead = self._scenario.get("mesos_tasks_failed")
        over = dead + self._scenario.get("mesos_tasks_finished")
        self._failed = tasks[:dead]
        self._tasks_failed, self._tasks_finished = len(self._failed), len(tasks[dead:over])
        self._keep(self._state["id"], tasks[over:])
        self._recovery_time = time.monotonic() - self._start
        standin.log("I", "slave.cpp:8370", "Finished recovery")

    def _keep(self, slave_id, tasks):
        self._state = {"id": slave_id, "tasks": tasks}
        standin.save(self._path, self._state)

    # ------------------------------------------------------------ the leader
    def _await_leader(self):
        while self._group.leader is None or self._leaving:
            time.sleep(standin.TICK)
        leader = self._group.leader
        standin.log("I", "slave.cpp:1079", f"New master detected at {leader['pid']}")
        return leader

    def _leads(self, leader):
        now = self._group.leader
        return now is not None and now["id"] == leader["id"] and not self._leaving

    def _serve_leader(self, leader):
        backoff = REGISTRATION_BACKOFF
        while self._leads(leader):
            time.sleep(backoff)
            backoff = min(2 * backoff, 2)
            try:
                link = standin_http.Link(f"{leader['hostname']}:{leader['port']}", TIMEOUT)
            except OSError:
                continue
            try:
                if self._register(link):
                    backoff = REGISTRATION_BACKOFF
                    self._ping(leader, link)
            except (OSError, ValueError):
                pass
            finally:
                link.close()

    def _register(self, link):
        status, answer = link.post("/standin/agent", {
            "id": self._state["id"], "pid": self._pid, "hostname": self._options.ip,
            "port": self._options.port, "version": self._version, "tasks": self._told(),
            "failed": self._failed, "refused": self._scenario.get("mesos_refused"),
        }, TIMEOUT)
        if status != 200:
            return False
        self._failed = []
        if answer["id"] != self._state["id"]:
            standin.log("I", "slave.cpp:1409",
                        f"Registered with master; given agent ID {answer['id']}")
            self._keep(answer["id"], self._make_tasks(answer["id"]))
        else:
            standin.log("I", "slave.cpp:1511", "Re-registered with master")
        return True

    def _make_tasks(self, slave_id):
        return [{"id": f"app.{uuid.uuid4()}", "name": f"app{number}", "framework_id": FRAMEWORK,
                 "slave_id": slave_id} for number in range(self._scenario.get("mesos_tasks"))]

    def _ping(self, leader, link):
        while self._leads(leader):
            ping = {"id": self._state["id"], "tasks": self._told()}
            if self._scenario.get("mesos_hang"):
                time.sleep(PING)
                continue
            if link.post("/standin/ping", ping, TIMEOUT)[0] != 200:
                return
            time.sleep(PING)

    # ------------------------------------------------------------ metrics
    def _some(self):
        return self._metrics["agent_start"]

    def _all(self):
        recovered = self._recovery_time is not None
        tasks = len(self._state["tasks"]) if recovered else 0
        made = dict(self._metrics["agent"])
        made.update({
            "slave/registered": float(recovered and self._group.leader is not None),
            "slave/uptime_secs": time.monotonic() - self._start,
            "slave/recovery_time_secs": self._recovery_time,
            "slave/recovery_errors": float(self._scenario.get("mesos_recovery_errors")),
            "slave/tasks_failed": float(self._tasks_failed),
            "slave/tasks_finished": float(self._tasks_finished),
            "slave/tasks_running": float(tasks),
            "slave/executors_running": float(tasks),
            "slave/frameworks_active": float(tasks > 0),
        })
        return {key: value for key, value in made.items() if self._has(key, recovered)}

    def _has(self, key, recovered):
        # the manager of resource providers begins with the first agent id
        if key.startswith("resource_provider_manager/"):
            return self._state["id"] != ""
        return recovered or key != "slave/recovery_time_secs"

    # ------------------------------------------------------------ requests
    def _on_request(self, request):
        if self._scenario.get("mesos_hang"):
            standin_http.hang()
        if request.path == "/metrics/snapshot":
            return self._snapshot.answer(request)
        path = "/" + request.path.removeprefix("/slave(1)/").lstrip("/")
        route = self._routes.get(path)
        return route(request) if route else not_found()

    def _on_api(self, request):
        call = request.json().get("type")
        if self._recovery_time is None:
            return text(503, RECOVERING)
        if call == "GET_HEALTH":
            return ok_api({"type": "GET_HEALTH", "get_health": {"healthy": True}})
        return text(400, f"Failed to validate agent::Call: the stand-in does not know {call}")

    def _on_state(self, _):
        if self._recovery_time is None:
            return text(503, RECOVERING)
        leader = self._group.leader
        made = fill(
            self._templates["state"], start_time=self._start_time, id=self._state["id"],
            pid=self._pid, version=self._version, flags=self._templates["flags"],
            frameworks=self._frameworks(), master_hostname=leader and leader["hostname"],
        )
        if leader is None:
            del made["master_hostname"]
        return ok(made)

    def _on_overlay(self, _):
        state = {"status": self._scenario.get("mesos_overlay")}
        if state["status"] == "STATUS_FAILED":
            state["error"] = "Unable to configure Docker network"
        info = {"name": "dcos", "prefix": 24, "subnet": "9.0.0.0/8"}
        only6 = {"info": {"name": "dcos6", "prefix6": 80, "subnet6": "fd01:b::/64"},
                 "state": {"status": "STATUS_FAILED", "error": "Unable to configure Docker network"}}
        return ok({"ip": self._options.ip, "overlays": [{"info": info, "state": state}, only6]})

    def _frameworks(self):
        executors = []
        for task in self._state["tasks"]:
            shown = fill(self._templates["task"], id=task["id"], name=task["name"], executor_id="",
                         framework_id=task["framework_id"], slave_id=task["slave_id"])
            executors.append(fill(self._templates["executor"], id=task["id"], source=task["id"],
                                  tasks=[shown]))
        if not executors:
            return []
        framework = self._templates["framework"]
        return [fill(framework, id=FRAMEWORK, name="marathon", executors=executors)]


def main():
    """Until killed."""
    options = parse_arguments()
    scenario = standin.Scenario(options.scenario)
    standin.wait_until_wanted(scenario)
    Agent(options, scenario).run()


if __name__ == "__main__":
    sys.exit(main())
