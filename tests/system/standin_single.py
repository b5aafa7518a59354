# SPDX-License-Identifier: Apache-2.0
"""The smallest healthy DC/OS cluster, one process a node: on a master ZooKeeper's `srvr`, Exhibitor's status,
CockroachDB's and the Mesos endpoints that the gate asks, on an agent those of a Mesos agent. For tests about something
else than health, and for benches; clusters of real services are in tests/cluster/dcos.py.

    standin_single.py ADDRESS [MASTERS]     addresses, separated by commas; the last one leads everything

With certificates in STRICT it is a node of a strict cluster: Mesos speaks TLS alone and wants a token that is
in TOKENS, CockroachDB speaks TLS, Exhibitor on localhost a client certificate. With the file PERMISSIVE too it is of a permissive one:
Mesos speaks no TLS and wants no token. Who shows a token to somebody who wants none is noted.
"""

import asyncio
import json
import os
import shutil
import ssl
import sys
import time

ADDRESS = sys.argv[1]
MASTERS = sys.argv[2].split(",") if len(sys.argv) > 2 else [ADDRESS]
LEADER = MASTERS[-1]
HEALTH = {"type": "GET_HEALTH", "get_health": {"healthy": True}}
STARTED = time.monotonic()
REGISTER_EVERY = 0.02  # seconds
STRICT = "/opt/standin/strict"
PERMISSIVE = f"{STRICT}/permissive"
TOKENS = "/crash/tokens"
CA_BUNDLE = "/run/dcos/pki/CA/ca-bundle.crt"
agents = {}  # on the leader: address -> (start of its process as it says, when it registered)


def exhibitor():
    return [{"code": 3, "description": "serving", "hostname": master, "isLeader": master == LEADER}
            for master in MASTERS]


def cockroach():
    metrics = {"ranges": 61, "ranges.unavailable": 0, "ranges.underreplicated": 0}
    return {"nodes": [
        {"desc": {"nodeId": number, "address": {"addressField": f"{master}:26257"}},
         "updatedAt": str(time.time_ns()), "storeStatuses": [{"metrics": metrics}]}
        for number, master in enumerate(MASTERS, 1)]}


def overlay():
    return {"ip": ADDRESS, "overlays": [
        {"info": {"name": "dcos", "prefix": 24, "subnet": "9.0.0.0/8"}, "state": {"status": "STATUS_OK"}}]}


def master_metrics():
    return {
        "registrar/log/recovered": 1.0, "registrar/log/ensemble_size": float(len(MASTERS)),
        "master/elected": float(ADDRESS == LEADER), "master/uptime_secs": time.monotonic() - STARTED,
        "registrar/state_fetch_ms": 1.5, "master/slaves_active": float(len(agents)),
        "master/slaves_connected": float(len(agents)), "master/slaves_disconnected": 0.0,
        "master/slaves_inactive": 0.0, "master/slaves_unreachable": 0.0, "master/tasks_running": 0.0,
    }


def agent_metrics():
    return {
        "slave/registered": 1.0, "slave/uptime_secs": time.monotonic() - STARTED,
        "slave/recovery_time_secs": 0.1, "slave/recovery_errors": 0.0, "slave/tasks_running": 0.0,
    }


def slaves():
    return {"recovered_slaves": [], "slaves": [
        {"id": f"S-{address}", "pid": f"slave(1)@{address}:5051", "hostname": address, "active": True,
         "deactivated": False, "registered_time": since, "reregistered_time": since}
        for address, (_, since) in sorted(agents.items())]}


def summary():
    return {"slaves": [
        {"id": f"S-{address}", "pid": f"slave(1)@{address}:5051", "hostname": address,
         **{f"TASK_{state}": 0 for state in ("STAGING", "STARTING", "RUNNING", "KILLING")}}
        for address in sorted(agents)]}


def register(words):
    address, _, start = words.partition(",")
    if agents.get(address, ("",))[0] != start:
        agents[address] = (start, time.time())


def answer(path):
    """Status, extra header lines, body."""
    path, _, words = path.partition("?")
    if path == "/redirect":
        return "307 Temporary Redirect", f"Location: //{LEADER}:5050\r\n", ""
    bodies = {
        "/metrics/snapshot": master_metrics if ADDRESS in MASTERS else agent_metrics,
        "/version": lambda: {"version": "1.10.1"}, "/api/v1": lambda: HEALTH, "/health": dict,
        "/_status/nodes": cockroach, "/overlay-agent/overlay": overlay, "/slaves": slaves, "/state-summary": summary, "/exhibitor/v1/cluster/status": exhibitor,
        "/tasks": lambda: {"tasks": []},
        "/state": lambda: {"id": f"S-{ADDRESS}", "frameworks": [], "completed_frameworks": []},
        "/standin/register": lambda: register(words),
    }
    if path not in bodies:
        return "404 Not Found", "", ""
    return "200 OK", "Content-Type: application/json\r\n", json.dumps(bodies[path]())


def header(head, name):
    return next((line.partition(": ")[2] for line in head.split("\r\n") if line.startswith(f"{name}:")), "")


def refusal(head):
    """Of somebody who shows no token that is known, or whose account may do nothing."""
    if not os.path.isdir(STRICT) or head.split(" ")[1].startswith(("/standin/", "/_status/")):
        return None
    if os.path.exists(PERMISSIVE):
        note_token(head, "mesos")
        return None
    with open(TOKENS, encoding="utf-8") as file:
        known = [f"token={line.strip()}" for line in file]
    if header(head, "Authorization") not in known:
        return "401 Unauthorized", "WWW-Authenticate: acsjwt\r\n", ""
    if os.path.exists("/crash/forbidden"):
        return "403 Forbidden", "", ""
    return None


def note_token(head, who):
    if header(head, "Authorization"):
        open(f"/crash/{who}-saw-a-token", "w", encoding="utf-8").close()


async def http(reader, writer):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        writer.close()
        return
    path = head.split(" ")[1]
    if path.startswith("/exhibitor/"):
        note_token(head, "exhibitor")
        status, more, body = answer(path)
    else:
        status, more, body = refusal(head) or answer(path)
    writer.write((
        f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode())
    await writer.drain()
    writer.close()


async def zookeeper(reader, writer):
    mode = "leader" if ADDRESS == LEADER else "follower"
    if await reader.read(4) == b"srvr":
        mode = mode if len(MASTERS) > 1 else "standalone"
        writer.write(f"Zookeeper version: 3.4.14\nMode: {mode}\nNode count: 5\n".encode())
        await writer.drain()
    writer.close()


def context_of_server(name, wants_client=False):
    if not os.path.isdir(STRICT) or name == "mesos" and os.path.exists(PERMISSIVE):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{STRICT}/{name}.crt", f"{STRICT}/{name}.key")
    if wants_client:
        context.load_verify_locations(f"{STRICT}/ca.crt")
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def context_of_client():
    return ssl.create_default_context(cafile=f"{STRICT}/ca.crt") if os.path.isdir(STRICT) else None


def put_ca_bundle():
    """As DC/OS does whenever it starts."""
    if os.path.isdir(STRICT):
        os.makedirs(os.path.dirname(CA_BUNDLE), exist_ok=True)
        shutil.copy(f"{STRICT}/ca.crt", CA_BUNDLE)


async def keep_registered():
    while True:
        try:
            _, writer = await asyncio.open_connection(LEADER, 5050, ssl=context_of_client())
            writer.write(
                f"GET /standin/register?{ADDRESS},{STARTED} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await writer.drain()
            writer.close()
        except OSError:
            pass
        await asyncio.sleep(REGISTER_EVERY)


async def main():
    put_ca_bundle()
    if ADDRESS not in MASTERS:
        await asyncio.start_server(http, ADDRESS, 5051, ssl=context_of_server("mesos"))
        await keep_registered()
    await asyncio.start_server(zookeeper, "0.0.0.0", 2181)
    await asyncio.start_server(http, "0.0.0.0", 8181, ssl=context_of_server("exhibitor", True))
    await asyncio.start_server(http, "127.0.0.1", 8090, ssl=context_of_server("mesos"))
    await asyncio.start_server(http, ADDRESS, 5050, ssl=context_of_server("mesos"))
    await asyncio.Event().wait()


asyncio.run(main())
