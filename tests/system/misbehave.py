# SPDX-License-Identifier: Apache-2.0
"""Programs that a node of DC/OS runs, reduced to the one thing each of them can stumble over: they look
at the real condition, and say what the real ones say, where and as they end, when it does not hold. A
test makes the condition true or false; nothing here prints an error without having looked.

    misbehave.py NAME [ARGUMENT...]
"""

import ctypes
import json
import mmap
import os
import socket
import subprocess
import sys
import time
import urllib.request


def say(text, status=1):
    print(text, flush=True)
    sys.exit(status)


def serve():
    """All is well."""
    while True:
        time.sleep(60)


def detect_ip():
    return subprocess.run(
        ["/opt/mesosphere/bin/detect_ip"], capture_output=True, text=True, check=False).stdout.strip()


def is_answered(port):
    try:
        socket.create_connection(("127.0.0.1", int(port)), 1).close()
    except OSError:
        return False
    return True


def mesos_dns(name):
    """Goes on without."""
    try:
        socket.getaddrinfo(name, 2181)
    except socket.gaierror:
        print(f"ERROR: 2020/07/11 10:41:07 lookup {name} on 198.51.100.1:53: no such host", flush=True)
    serve()


def check_time():
    if not os.path.exists("/run/systemd/timesync/synchronized"):
        say("Time is not synchronized / marked as bad by the kernel.")
    serve()


def exhibitor(*masters):
    address = detect_ip()
    if address not in masters:
        say(f"ERROR: ip-detect returned {address}. {address} is not in the configured list of masters.")
    serve()


def slow_exhibitor(*masters):
    """Takes its time, and is well then."""
    for waited in range(5, 25):
        print(" INFO  com.netflix.exhibitor.core.activity.ActivityLog  ZooKeeper down/not-serving waiting "
              f"{waited * 50} of 40000 ms before restarting [ActivityQueue-0]", flush=True)
        time.sleep(0.05)
    exhibitor(*masters)


def exhibitor_backend(port):
    if not is_answered(port):
        say("com.amazonaws.AmazonClientException: Unable to execute HTTP request: Connection refused")
    serve()


def old_bootstrap(servers):
    """Of 2.1.0: all masters must serve."""
    with urllib.request.urlopen("http://127.0.0.1:8181/exhibitor/v1/cluster/status", timeout=2) as answer:
        seen = json.load(answer)
    serving = sum(one["description"] == "serving" for one in seen)
    leaders = sum(one["isLeader"] for one in seen)
    if serving != int(servers) or leaders != 1:
        say(f"[ERROR] Expected {servers} servers and 1 leader, got {serving} servers and {leaders} leaders")
    serve()


def bootstrap(port):
    """Of 2.1.1: the local ZooKeeper must serve."""
    if not is_answered(port):
        say("[ERROR] ZooKeeper not running")
    serve()


def ping(name):
    try:
        socket.getaddrinfo(name, None)
    except socket.gaierror as error:
        say(f"ping: {name}: {error.strerror}", 2)
    serve()


def admin_router(port):
    """Starts, and says at each request that it cannot do its work."""
    while not is_answered(port):
        print("[error] [lua] cache.lua: JWKS retrieval failed: connection refused", flush=True)
        time.sleep(0.5)
    serve()


def dcos_net():
    address = detect_ip()
    try:
        socket.inet_pton(socket.AF_INET, address)
    except OSError:
        say("Bad detect_ip")
    serve()


def telegraf_migrate(source, destination):
    if os.path.isdir(source) and os.listdir(destination):
        say(f"Can't migrate {source} because destination {destination} contains files")
    serve()


def telegraf_perms(path):
    try:
        open(path, "w", encoding="utf-8").close()
    except PermissionError:
        say(f"[telegraf] Error running agent: open {path}: permission denied")
    serve()


def illegal_instruction():
    """What a CPU does with an instruction that it does not have."""
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x0f\x0b")
    ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()


def libnetwork_plugin():
    if subprocess.run(["systemctl", "reload", "docker.service"], check=False, capture_output=True).returncode:
        print("Unable to reload daemon, going to restart it instead", flush=True)
        subprocess.run(["systemctl", "restart", "docker.service"], check=False)
    serve()


def disk_resources(path):
    """A step before the agent starts."""
    stat = os.statvfs(path)
    free = stat.f_bavail * stat.f_frsize // 1000000
    if free <= 100:
        say(f"{path} has {free} MB net free space, expected > 100M")


def recover(hostname):
    """Of a Mesos agent: is it the one that it was?"""
    if detect_ip() != hostname:
        say("EXIT with status 1: Failed to perform recovery: Configuration change not permitted under "
            f"`additive` policy: Hostname changed from {hostname} to {detect_ip()}")


def overlay():
    for _ in range(4):
        with socket.socket(socket.AF_UNIX) as docker:
            try:
                docker.connect("/run/standin-docker.sock")
                return
            except OSError:
                time.sleep(0.05)
    print("Could not configure some overlay networks after 4 attempts hence moving to 'REGISTERED' state",
          flush=True)


def mesos_logs(path, text):
    """A process that logs to a file, as Mesos does, while what it waits for is not there."""
    with open(path, "a", encoding="utf-8") as file:
        while not os.path.exists("/run/standin-registered"):
            file.write(time.strftime("W%m%d %H:%M:%S.000000") + f"  4100 master.cpp:6841] {text}\n")
            file.flush()
            time.sleep(0.5)
    serve()


def check_runner(limit, *command):
    """Runs one check, which may take `limit` seconds."""
    try:
        done = subprocess.run(command, timeout=float(limit), check=False)
        result = {"output": "", "status": 2 if done.returncode else 0}
    except subprocess.TimeoutExpired:
        result = {"output": f"command [{' '.join(command)}] exceeded timeout {limit}s and was killed", "status": 3}
    result = {"status": result["status"], "checks": {"site": result}}
    print(json.dumps(result))
    sys.exit(result["status"])


def fetch(url):
    """What the node script does first."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except OSError as error:
        print(f"ERROR: Unable to fetch package dcos--1 from {url}: {error}", file=sys.stderr)
        sys.exit(1)


globals()[sys.argv[1]](*sys.argv[2:])
