# SPDX-License-Identifier: Apache-2.0
"""Everything that passes a TCP port on the rig's bridge, put together again.

    capture = Capture(32070)      # from now on
    ...
    capture.stop()
    for frame in capture.frames():    # what rollpatch has put into nanomsg messages
        ...
"""

import collections
import socket
import struct
import threading

BRIDGE = "br0"
ETH_P_ALL = 3
SOL_PACKET, PACKET_STATISTICS = 263, 6
SO_RCVBUFFORCE = 33
SP_HEADER = 8  # "\0SP\0", protocol, reserved
KINDS = {1: "join", 2: "hs1", 3: "hs2", 4: "data", 5: "nos", 6: "hint"}
# What stands in the clear before that which is sealed: header, and of DATA its session and counter; of
# first words mac1, and of JOIN the id of its token; ephemeral keys look like random bytes, and are.
CLEAR = {"join": 4 + 16 + 8, "hs1": 4 + 16, "hs2": 4, "data": 4 + 16, "nos": 12, "hint": 5}

Frame = collections.namedtuple("Frame", "to_node kind body")


class Capture:
    """A thread that reads packets until stop(); a packet that was lost makes stop() fail."""

    def __init__(self, port):
        self.port = port
        self.packets = []
        self._streams = {}
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        self._socket.bind((BRIDGE, 0))
        self._socket.settimeout(0.2)
        self._ends = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._ends:
            try:
                self.packets.append(self._socket.recv(65536))
            except socket.timeout:
                continue

    def stop(self):
        """No more; and all there was."""
        self._ends = True
        self._thread.join()
        seen, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self._socket.close()
        assert dropped == 0, f"{dropped} of {seen} packets were lost: the capture says nothing"
        self._take_apart()

    def _take_apart(self):
        for packet in self.packets:
            if len(packet) < 34 or packet[12:14] != b"\x08\x00" or packet[23] != socket.IPPROTO_TCP:
                continue
            tcp = 14 + (packet[14] & 15) * 4
            source, target, number = struct.unpack("!HHI", packet[tcp:tcp + 8])
            if self.port not in (source, target):
                continue
            data = packet[tcp + (packet[tcp + 12] >> 4) * 4:14 + struct.unpack("!H", packet[16:18])[0]]
            way = (packet[26:30], source, packet[30:34], target)
            stream = self._streams.setdefault(way, {})
            if packet[tcp + 13] & 2:  # SYN: bytes begin behind it
                stream["first"] = number + 1
            if data and len(stream.get(number, b"")) < len(data):
                stream[number] = data

    def streams(self):
        """(to a node?, bytes) of every direction of every connection, as far as it is whole."""
        for (_, source, _, _), parts in self._streams.items():
            where, whole = parts.get("first"), b""
            if where is None:
                continue
            while where in parts:
                whole += parts[where]
                where = (where + len(parts[where])) & 0xFFFFFFFF
            yield source == self.port, whole

    def frames(self):
        """Frames of whole messages."""
        for to_node, whole in self.streams():
            where = SP_HEADER
            while where + 8 <= len(whole):
                (size,) = struct.unpack("!Q", whole[where:where + 8])
                body = whole[where + 8 + 4:where + 8 + size]  # behind the request id
                if where + 8 + size <= len(whole):
                    yield Frame(to_node, KINDS[body[1]], body)
                where += 8 + size


def sealed(frame):
    """What of it nobody may be able to read."""
    return frame.body[CLEAR[frame.kind]:]
