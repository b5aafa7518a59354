# SPDX-License-Identifier: Apache-2.0
"""What the leader knows of its agents: registering, draining, losing and showing them."""

import threading
import time

import standin
from captured import fill, insert

FRAMEWORK_NAME = "marathon"
STATES = ["TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_UNREACHABLE", "TASK_KILLING",
          "TASK_FINISHED", "TASK_KILLED", "TASK_FAILED", "TASK_LOST", "TASK_ERROR"]
TASK_LIMIT = 100  # on a page, unless more are asked for
DRAIN_CONFIG = {"max_grace_period": {"nanoseconds": 0}, "mark_gone": False}


class Agent:
    """One that has registered or re-registered with this leader."""

    def __init__(self, info):
        self.info = info  # what it sent: id, pid, hostname, port, version, tasks
        self.registered = time.time()
        self.reregistered = None
        self.link = None  # the Connection on which it registered; None: disconnected
        self.heard = time.monotonic()
        self.going = False  # being marked unreachable
        self.draining_since = None

    @property
    def tasks(self):
        """Those that run."""
        return self.info["tasks"]

    @property
    def active(self):
        """Connected, and not deactivated by an operator."""
        return self.link is not None and self.draining_since is None


class Agents:
    """The tables and counters of one leader; a new leader begins with new ones."""

    def __init__(self, registrar, master_id, unreachable_after, reregister_timeout):
        self._registrar, self._master_id = registrar, master_id
        self._unreachable_after, self._reregister_timeout = unreachable_after, reregister_timeout
        self._lock = threading.RLock()
        self._admitting = {}  # pid -> id, while the registry is being written
        self._number = 0
        self._recovered_at = None
        self.agents = {}  # id -> Agent
        self.recovered = {}  # id -> registry's entry: not seen by this leader yet
        self.unreachable_tasks = {}  # id -> tasks
        self.counters = dict.fromkeys(
            ["slave_registrations", "slave_reregistrations", "slave_removals",
             "slave_removals/reason_unhealthy", "slave_removals/reason_unregistered",
             "messages_unregister_slave", "slave_unreachable_scheduled",
             "slave_unreachable_completed", "recovery_slave_removals", "messages_register_slave",
             "messages_reregister_slave", "messages_update_slave", "tasks_failed"], 0
        )

    # ------------------------------------------------------------ time
    def look(self, unreachable_after):
        """Called all the time: the registry has come, agents have been away for too long."""
        self._unreachable_after = unreachable_after
        with self._lock:
            if not self._registrar.recovered:
                return
            if self._recovered_at is None:
                self._recover()
            self._find_unreachable()

    def _recover(self):
        self._recovered_at = time.monotonic()
        self.recovered = {entry["id"]: entry for entry in self._registrar.registry["slaves"]}
        standin.log("I", "master.cpp:1808", f"Recovered {len(self.recovered)} agents from the "
                    "registry; allowing 10mins for agents to reregister")

    def drain(self, hostnames):
        """These agents, and no others, are being drained."""
        with self._lock:
            for slave_id, agent in self.agents.items():
                wanted = agent.info["hostname"] in hostnames
                if wanted and agent.draining_since is None:
                    standin.log("I", "master.cpp:7583", f"Deactivating agent {slave_id}")
                    agent.draining_since = time.time()
                elif not wanted:
                    agent.draining_since = None

    @property
    def ready(self):
        """The registry has been read."""
        return self._recovered_at is not None

    def _find_unreachable(self):
        now = time.monotonic()
        for slave_id, agent in self.agents.items():
            if now - agent.heard > self._unreachable_after and not agent.going:
                agent.going = True
                self.counters["slave_unreachable_scheduled"] += 1
                self._in_thread(self._mark_unreachable, slave_id, agent.info)
        if self.recovered and now - self._recovered_at > self._reregister_timeout:
            for slave_id, entry in self.recovered.items():
                self.counters["recovery_slave_removals"] += 1
                self._in_thread(self._mark_unreachable, slave_id, entry)
            self.recovered = {}

    @staticmethod
    def _in_thread(function, *args):
        threading.Thread(target=function, args=args, daemon=True).start()

    def _mark_unreachable(self, slave_id, entry):
        standin.log("I", "master.cpp:8917", f"Marking agent {slave_id} ({entry['hostname']}) "
                    "unreachable: health check timed out")
        self._registrar.apply(lambda registry: move(registry, "slaves", "unreachable", slave_id))
        with self._lock:
            self.counters["slave_removals"] += 1
            self.counters["slave_removals/reason_unhealthy"] += 1
            self.counters["slave_unreachable_completed"] += 1
            agent = self.agents.pop(slave_id, None)
            if agent:
                self.unreachable_tasks[slave_id] = agent.tasks

    # ------------------------------------------------------------ agents that speak
    def register(self, info, link):
        """The agent's id; None: dropped, as Mesos drops what it cannot do yet."""
        with self._lock:
            if not self.ready:
                return None
            again = bool(info["id"])
            self.counters["messages_reregister_slave" if again else "messages_register_slave"] += 1
            if not again and info["pid"] in self._admitting:
                return None
            known = self.agents.get(info["id"]) if again else self._find(info["pid"])
            if known and not known.going:
                return self._reactivate(known, info, link)
            if again:
                slave_id = info["id"]
            else:
                slave_id = self._admitting[info["pid"]] = f"{self._master_id}-S{self._number}"
                self._number += 1
            stored = slave_id in self.recovered
        if not stored:
            entry = {key: info[key] for key in ("hostname", "port")}
            self._registrar.apply(lambda registry: admit(registry, dict(entry, id=slave_id)))
        return self._add(slave_id, info, link, again)

    def _find(self, pid):
        return next((agent for agent in self.agents.values() if agent.info["pid"] == pid), None)

    def _reactivate(self, agent, info, link):
        slave_id = agent.info["id"]
        standin.log("I", "master.cpp:7376",
                    f"Reactivating re-registered agent {slave_id} at {info['pid']}")
        self._count_failed(info)
        agent.info, agent.link, agent.heard = dict(info, id=slave_id), link, time.monotonic()
        agent.reregistered = time.time()
        link.on_close = lambda: self._disconnected(agent, link)
        return slave_id

    def _add(self, slave_id, info, link, again):
        with self._lock:
            agent = self.agents[slave_id] = Agent(dict(info, id=slave_id))
            agent.link = link
            link.on_close = lambda: self._disconnected(agent, link)
            agent.reregistered = time.time() if again else None
            self.recovered.pop(slave_id, None)
            self.unreachable_tasks.pop(slave_id, None)
            self._admitting.pop(info["pid"], None)
            self.counters["slave_reregistrations" if again else "slave_registrations"] += 1
            self.counters["messages_update_slave"] += 1
            self._count_failed(info)
        verb = "Re-registered" if again else "Registered"
        standin.log("I", "master.cpp:7061",
                    f"{verb} agent {slave_id} at {info['pid']} ({info['hostname']})")
        return slave_id

    def _count_failed(self, info):
        self.counters["tasks_failed"] += len(info["failed"])

    def heard(self, slave_id, tasks, link):
        """A ping; False: not from an agent which is registered on this connection."""
        with self._lock:
            agent = self.agents.get(slave_id)
            if not agent or agent.link is not link:
                return False
            agent.heard = time.monotonic()
            agent.info["tasks"] = tasks
            return True

    def unregister(self, slave_id):
        """An agent takes its leave; False: nobody knows it."""
        with self._lock:
            agent = self.agents.get(slave_id)
            self.counters["messages_unregister_slave"] += 1
        if not agent:
            return False
        standin.log("I", "master.cpp:9043", f"Removing agent {slave_id} at {agent.info['pid']} "
                    f"({agent.info['hostname']}): the agent unregistered")
        self._registrar.apply(lambda registry: remove(registry, slave_id))
        with self._lock:
            self.counters["slave_removals"] += 1
            self.counters["slave_removals/reason_unregistered"] += 1
            self.agents.pop(slave_id, None)
        return True

    def _disconnected(self, agent, link):
        with self._lock:
            if agent.link is link:
                agent.link = None
                info = agent.info
                standin.log("I", "master.cpp:1443", f"Agent {info['id']} at {info['pid']} "
                            f"({info['hostname']}) disconnected")

    # ------------------------------------------------------------ what others may see
    def view(self):
        """A consistent copy: agents, entries of recovered_slaves, unreachable tasks."""
        with self._lock:
            unreachable = [task for tasks in self.unreachable_tasks.values() for task in tasks]
            return list(self.agents.values()), list(self.recovered.values()), unreachable

    @property
    def unreachable(self):
        """How many agents are unreachable; the registry knows."""
        return len(self._registrar.registry["unreachable"]) if self.ready else 0

    def metrics(self):
        """master/... of the leader that are not zero by nature."""
        agents, _, unreachable = self.view()
        connected = sum(1 for agent in agents if agent.link)
        active = sum(1 for agent in agents if agent.active)
        made = {f"master/{key}": value for key, value in self.counters.items()}
        made.update({
            "master/slaves_active": active, "master/slaves_connected": connected,
            "master/slaves_disconnected": len(agents) - connected,
            "master/slaves_inactive": len(agents) - active,
            "master/slaves_unreachable": self.unreachable,
            "master/tasks_running": sum(len(agent.tasks) for agent in agents),
            "master/tasks_unreachable": len(unreachable),
        })
        if self.counters["tasks_failed"]:
            reason = "master/task_failed/source_slave/reason_executor_terminated"
            made[reason] = self.counters["tasks_failed"]
        return made

    def frameworks(self):
        """Ids of those whose tasks are known here."""
        agents, _, unreachable = self.view()
        tasks = [task for agent in agents for task in agent.tasks] + unreachable
        return sorted({task["framework_id"] for task in tasks})


def admit(registry, entry):
    """The registry with this agent in it, reachable."""
    rest = [one for one in registry["slaves"] if one["id"] != entry["id"]]
    away = [one for one in registry["unreachable"] if one["id"] != entry["id"]]
    return {"slaves": [*rest, entry], "unreachable": away}


def remove(registry, slave_id):
    """The registry without this agent."""
    return {**registry, "slaves": [one for one in registry["slaves"] if one["id"] != slave_id]}


def move(registry, source, target, slave_id):
    """The registry with one entry moved from one list to the other."""
    moved = [one for one in registry[source] if one["id"] == slave_id]
    rest = [one for one in registry[source] if one["id"] != slave_id]
    return {**registry, source: rest, target: registry[target] + moved}


# ---------------------------------------------------------------- bodies
class Bodies:
    """JSON of the leader, by the templates of captured/master.json."""

    def __init__(self, agents, templates):
        self._agents, self._templates = agents, templates

    def _slave(self, agent, kind):
        info = agent.info
        made = fill(
            self._templates[kind], id=info["id"], hostname=info["hostname"], pid=info["pid"],
            port=info["port"], registered_time=agent.registered, version=info["version"],
            active=agent.active, deactivated=agent.draining_since is not None,
        )
        if agent.reregistered is not None:
            made = insert(made, "registered_time", reregistered_time=agent.reregistered)
        if agent.draining_since is not None:
            made = insert(made, "capabilities",
                          drain_info={"state": "DRAINING", "config": DRAIN_CONFIG},
                          estimated_drain_start_time_seconds=agent.draining_since)
        return made

    def _task(self, task, state):
        return fill(self._templates["task"], id=task["id"], name=task["name"], executor_id="",
                    framework_id=task["framework_id"], slave_id=task["slave_id"], state=state)

    @staticmethod
    def _recovered(entries):
        return [{**{key: one[key] for key in ("id", "hostname", "port")}, "attributes": {}}
                for one in entries]

    def slaves(self, slave_id):
        """/slaves; all of them, or one."""
        agents, recovered, _ = self._agents.view()
        return {
            "slaves": [self._slave(agent, "slave") for agent in agents
                       if slave_id in (None, agent.info["id"])],
            "recovered_slaves": self._recovered(
                one for one in recovered if slave_id in (None, one["id"])),
        }

    def tasks(self, query):
        """/tasks, a page of them; all are as old as the captured one."""
        agents, _, unreachable = self._agents.view()
        made = [
            *(self._task(task, "TASK_RUNNING") for agent in agents for task in agent.tasks),
            *(self._task(task, "TASK_UNREACHABLE") for task in unreachable),
        ]
        offset = int(query.get("offset", 0))
        return {"tasks": made[offset:offset + int(query.get("limit", TASK_LIMIT))]}

    def _frameworks(self):
        agents, _, unreachable = self._agents.view()
        running = [task for agent in agents for task in agent.tasks]
        for framework_id in self._agents.frameworks():
            own = [self._task(task, "TASK_RUNNING") for task in running
                   if task["framework_id"] == framework_id]
            away = [self._task(task, "TASK_UNREACHABLE") for task in unreachable
                    if task["framework_id"] == framework_id]
            yield framework_id, own, away

    def frameworks(self):
        """/frameworks."""
        made = [fill(self._templates["framework"], id=framework_id, name=FRAMEWORK_NAME, tasks=own,
                     unreachable_tasks=away) for framework_id, own, away in self._frameworks()]
        return {"frameworks": made, "completed_frameworks": [], "unregistered_frameworks": []}

    def state(self, start_time, elected_time):
        """/state."""
        agents, recovered, _ = self._agents.view()
        active = sum(1 for agent in agents if agent.active)
        return fill(
            self._templates["state"], start_time=start_time, elected_time=elected_time,
            activated_slaves=float(active), deactivated_slaves=float(len(agents) - active),
            unreachable_slaves=float(self._agents.unreachable),
            slaves=[self._slave(agent, "slave_in_state") for agent in agents],
            recovered_slaves=self._recovered(recovered), **self.frameworks(),
        )

    def summary(self):
        """/state-summary."""
        agents, _, _ = self._agents.view()
        slaves = []
        for agent in agents:
            own = sorted({task["framework_id"] for task in agent.tasks})
            counts = dict.fromkeys(STATES, 0)
            counts["TASK_RUNNING"] = len(agent.tasks)
            shown = self._slave(agent, "slave_in_summary")
            slaves.append({**shown, **counts, "framework_ids": own})
        frameworks = []
        for framework_id, own, away in self._frameworks():
            counts = dict.fromkeys(STATES, 0)
            counts.update(TASK_RUNNING=len(own), TASK_UNREACHABLE=len(away))
            frameworks.append(fill(
                self._templates["framework_in_summary"], id=framework_id, name=FRAMEWORK_NAME,
                slave_ids=sorted({task["slave_id"] for task in own}), **counts))
        return {"hostname": self._templates["state"]["hostname"], "slaves": slaves,
                "frameworks": frameworks}

    def registry(self, known):
        """/registrar(1)/registry of a leader that has read it."""
        template = self._templates["registry"]["slaves"]["slaves"][0]
        slaves = []
        for one in known["slaves"]:
            info = fill(template["info"], hostname=one["hostname"], id={"value": one["id"]})
            slaves.append(fill(template, info=info))
        return {"master": self._templates["registry"]["master"], "slaves": {"slaves": slaves}}
