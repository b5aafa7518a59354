# SPDX-License-Identifier: Apache-2.0
"""Strangers who wish rollpatchd ill, all at once, as a program of its own: it is told where, for how
long, and with which recorded first words; it prints what it has done as JSON.

    flood.py ADDRESS PORT SECONDS FILE    FILE: one frame a line, hexadecimal
"""

import json
import os
import random
import resource
import socket
import struct
import sys
import threading
import time

HELLO = b"\0SP\0\0\x30\0\0"  # REQ, as node agents say
ANNOUNCED = 20480  # the largest message that rollpatchd takes (FRAME_BYTES_MAX)
SLOW = 1000


def message(body):
    """As nanomsg sends it: length, request id, body."""
    return struct.pack("!QI", len(body) + 4, 0x80000000 | random.getrandbits(31)) + body


class Flood:
    """Every attack is a method that does it once; what it has done is counted under its name."""

    def __init__(self, address, port, frames):
        self.where = (address, port)
        self.frames = frames
        self.counts = {}
        self.ends = False

    def connect(self):
        """A connection whose end says a few things."""
        made = socket.create_connection(self.where, timeout=5)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def garbage(self):
        """No nanomsg at all; nanomsg, and no frame; frames of all kinds with nonsense in them."""
        with self.connect() as sock:
            if random.random() < 0.3:
                sock.sendall(os.urandom(random.randrange(1, 200)))
                return
            sock.sendall(HELLO)
            for _ in range(100):
                kind = bytes([1, random.randrange(0, 8), 0, 0])
                sock.sendall(message(random.choice([b"", kind]) + os.urandom(random.randrange(0, 600))))

    def half_handshake(self):
        """Hangs up within the header, or within the first message."""
        with self.connect() as sock:
            sock.sendall(random.choice([HELLO[:3], HELLO, HELLO + message(self.frames[0])[:40]]))

    def replay(self):
        """First words of nodes, as they were recorded, whole and cut."""
        with self.connect() as sock:
            sock.sendall(HELLO)
            for _ in range(200):
                frame = random.choice(self.frames)
                if random.random() < 0.2:
                    frame = frame[:random.randrange(4, len(frame))]
                sock.sendall(message(frame))

    def reset(self):
        """A reset right after the header: what makes the library keep the connection for ever."""
        sock = self.connect()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(HELLO)
        sock.close()

    def slow(self):
        """Sockets that announce the largest message and send a byte a second."""
        socks = []
        while not self.ends:
            begin = time.monotonic()
            while len(socks) < SLOW and not self.ends:
                sock = self.connect()
                sock.sendall(HELLO + struct.pack("!Q", ANNOUNCED))
                socks.append(sock)
            self.counts["slow sockets"] = max(len(socks), self.counts.get("slow sockets", 0))
            for sock in list(socks):
                try:
                    sock.sendall(b"x")
                except OSError:
                    socks.remove(sock)
            time.sleep(max(0.0, begin + 1 - time.monotonic()))

    def repeat(self, attack):
        """Until it is over; who is turned away comes again."""
        name = attack.__name__
        while not self.ends:
            try:
                attack()
                self.counts[name] = self.counts.get(name, 0) + 1
            except OSError:
                self.counts[f"{name} refused"] = self.counts.get(f"{name} refused", 0) + 1
                time.sleep(0.01)

    def run(self, seconds):
        """All of it at the same time."""
        attacks = [self.garbage, self.half_handshake, self.replay, self.reset]
        threads = [threading.Thread(target=self.repeat, args=(attack,)) for attack in attacks]
        threads.append(threading.Thread(target=self.slow))
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        self.ends = True
        for thread in threads:
            thread.join()
        return self.counts


def main():
    """Returns when it is over."""
    address, port, seconds, file = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))
    with open(file, encoding="ascii") as lines:
        frames = [bytes.fromhex(line) for line in lines]
    print(json.dumps(Flood(address, int(port), frames).run(float(seconds))))


if __name__ == "__main__":
    main()
