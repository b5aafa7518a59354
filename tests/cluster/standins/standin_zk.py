# SPDX-License-Identifier: Apache-2.0
"""The groups that Mesos keeps in ZooKeeper: who leads, and who has a replica of the log.

/mesos/json.info_NNNNNNNNNN (contenders; the smallest leads) and /mesos/log_replicas/NNNNNNNNNN, all
of them ephemeral and sequential. A member that dies stays in until its session expires.
"""

import json
import logging
import sys
import threading
import time

CONTENDER = "json.info_"
POLL = 0.1


class Group(threading.Thread):
    """Looks at the groups all the time; joins them with `info` (MasterInfo) if there is one."""

    def __init__(self, hosts, session_timeout, info=None):
        super().__init__(daemon=True)
        self._hosts, _, root = hosts.removeprefix("zk://").partition("/")
        self._root = "/" + (root or "mesos")
        self._replicas = self._root + "/log_replicas"
        self._timeout = session_timeout
        self._info = info
        self._nodes = {}  # what we joined: prefix -> name
        self._cache = {}  # node -> its data
        self._seen = time.monotonic()
        self.leader = None  # MasterInfo of the leader
        self.replicas = []  # ip:port
        self.lost = True  # no session: never had one, or away for longer than it lasts

    def run(self):
        client = self._connect()
        while True:
            try:
                self._look(client)
                self._seen = time.monotonic()
                self.lost = False
            except Exception:  # pylint: disable=broad-except  # kazoo raises a whole zoo of them
                self._miss()
            time.sleep(POLL)

    def _connect(self):
        # Not before the port is open: this import is most of what a start costs.
        sys.path.append("/usr/lib/python3/dist-packages")
        from kazoo.client import KazooClient  # pylint: disable=import-outside-toplevel
        from kazoo.retry import KazooRetry  # pylint: disable=import-outside-toplevel

        logging.getLogger("kazoo").addHandler(logging.NullHandler())
        logging.getLogger("kazoo").propagate = False
        retry = KazooRetry(max_tries=-1, delay=0.1, backoff=1, max_jitter=0.1)
        client = KazooClient(self._hosts, self._timeout, connection_retry=retry)
        client.start_async()
        return client

    def _call(self, method, *args, **options):
        return method(*args, **options).get(timeout=self._timeout / 2)

    def _look(self, client):
        if not client.connected:
            raise ConnectionError("not connected")
        if self._info and len(self._nodes) < 2:
            client.ensure_path(self._replicas)
        try:
            names = self._call(client.get_children_async, self._root)
            replicas = self._call(client.get_children_async, self._replicas)
        except Exception as error:
            if type(error).__name__ != "NoNodeError":
                raise
            names, replicas = [], []
        contenders = sorted(name for name in names if name.startswith(CONTENDER))
        if self._info:
            own = self._info["pid"].partition("@")[2]
            self._join(client, f"{self._root}/{CONTENDER}", contenders, json.dumps(self._info))
            self._join(client, f"{self._replicas}/", replicas, own)
        leader = self._data(client, f"{self._root}/{contenders[0]}") if contenders else "null"
        self.leader = json.loads(leader)
        members = {self._data(client, f"{self._replicas}/{name}") for name in replicas}
        self.replicas = sorted(members)

    def _join(self, client, prefix, present, data):
        if self._nodes.get(prefix) in present:
            return
        path = self._call(
            client.create_async, prefix, data.encode(), ephemeral=True, sequence=True
        )
        self._nodes[prefix] = path.rpartition("/")[2]

    def _data(self, client, node):
        if node not in self._cache:
            self._cache[node] = self._call(client.get_async, node)[0].decode()
        return self._cache[node]

    def _miss(self):
        if time.monotonic() - self._seen > self._timeout:
            self.leader, self.lost = None, True
            self.replicas = self.replicas[:0]
            self._cache.clear()
