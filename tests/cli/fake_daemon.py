# SPDX-License-Identifier: Apache-2.0
"""A rollpatchd that answers what a test tells it to, on a real control socket."""

import json
import os
import socket
import threading

PACKET_MAX = 32 * 1024
REQUEST_MAX = 128 * 1024


class FakeDaemon:
    """`answers` maps a verb to a document, to raw bytes, to None (no answer, no end), or to a list
    of these, one a question, the last one for ever."""

    def __init__(self, path):
        self.path = path
        self.answers = {}
        self.requests = []
        self.held = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(path)
        self.socket.listen(16)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            self._answer(client)

    def _answer(self, client):
        text = client.recv(REQUEST_MAX + 1)
        request = json.loads(text) if text else {}
        self.requests.append(request)
        answer = self._next(request.get("verb"))
        if answer is None:
            self.held.append(client)
            return
        if not isinstance(answer, bytes):
            answer = json.dumps(answer, separators=(",", ":")).encode()
        for at in range(0, len(answer), PACKET_MAX):
            client.send(answer[at : at + PACKET_MAX])
        client.close()

    def _next(self, verb):
        answer = self.answers[verb]
        if not isinstance(answer, list):
            return answer
        return answer.pop(0) if len(answer) > 1 else answer[0]

    def stop(self):
        for client in self.held:
            client.close()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        if os.path.exists(self.path):
            os.unlink(self.path)
