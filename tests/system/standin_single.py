# SPDX-License-Identifier: Apache-2.0
"""The smallest healthy DC/OS master that is alone in its cluster: ZooKeeper's `srvr`, Exhibitor's status
and the Mesos endpoints that the gate asks, all answered by one process. For tests about something else
than health; clusters of real services are in tests/cluster/dcos.py."""

import asyncio
import json
import sys
import time

ADDRESS = sys.argv[1]
HEALTH = {"type": "GET_HEALTH", "get_health": {"healthy": True}}
STARTED = time.monotonic()
EXHIBITOR = [{"code": 3, "description": "serving", "hostname": ADDRESS, "isLeader": True}]


def metrics():
    return {
        "registrar/log/recovered": 1.0, "registrar/log/ensemble_size": 1.0, "master/elected": 1.0,
        "master/uptime_secs": time.monotonic() - STARTED, "registrar/state_fetch_ms": 1.5,
        "master/slaves_active": 0.0, "master/slaves_connected": 0.0, "master/slaves_disconnected": 0.0,
        "master/slaves_inactive": 0.0, "master/slaves_unreachable": 0.0, "master/tasks_running": 0.0,
    }


def answer(path):
    """Status, extra header lines, body."""
    path = path.split("?")[0]
    if path == "/redirect":
        return "307 Temporary Redirect", f"Location: //{ADDRESS}:5050\r\n", ""
    bodies = {
        "/metrics/snapshot": metrics, "/version": lambda: {"version": "1.10.1"}, "/api/v1": lambda: HEALTH,
        "/slaves": lambda: {"slaves": [], "recovered_slaves": []}, "/health": dict,
        "/exhibitor/v1/cluster/status": lambda: EXHIBITOR,
    }
    if path not in bodies:
        return "404 Not Found", "", ""
    return "200 OK", "Content-Type: application/json\r\n", json.dumps(bodies[path]())


async def http(reader, writer):
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    status, more, body = answer(head.split(" ")[1])
    writer.write((
        f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    ).encode())
    await writer.drain()
    writer.close()


async def zookeeper(reader, writer):
    if await reader.read(4) == b"srvr":
        writer.write(b"Zookeeper version: 3.4.14\nMode: standalone\nNode count: 5\n")
        await writer.drain()
    writer.close()


async def main():
    await asyncio.start_server(zookeeper, "0.0.0.0", 2181)
    await asyncio.start_server(http, "0.0.0.0", 8181)
    await asyncio.start_server(http, ADDRESS, 5050)
    await asyncio.Event().wait()


asyncio.run(main())
