# SPDX-License-Identifier: Apache-2.0
"""Clients that send requests to HAProxy, each at a fixed pace, until standard input ends. No request is tried twice.

Usage: clients.py HOST TIMEOUT REQUESTS KIND…

A kind is "kept" (GET on a connection that is kept), "closed" (GET on a connection of its own) or "posts" (POST to /count,
each with an id of its own). Prints for each kind, as JSON: how many requests each client sent, which failed, and how long
each request took. REQUESTS is how many there are in all, at least; 0 for a slow pace until standard input ends.
"""

import http.client
import json
import sys
import threading
import time

CLIENTS = {"kept": 3, "closed": 3, "posts": 2}
LEAST = 12       # requests of each client, however short the change is: what fails afterwards counts as well
PAUSE = 0.06     # between two requests of one client; together about 100 requests a second
SHORT = 0.01     # if there are many to send; about 500 a second


class Client(threading.Thread):
    def __init__(self, kind: str, number: int, host: str, timeout: float, stop: threading.Event, share: int):
        super().__init__(name=str(number))
        self.kind, self.host, self.timeout, self.stop = kind, host, timeout, stop
        self.least, self.pause = (share, SHORT) if share else (LEAST, PAUSE)
        self.sent, self.failed, self.times = 0, [], []
        self.connection = None

    def run(self) -> None:
        while not self.stop.is_set() or (self.sent < self.least and not self.failed):
            self.sent += 1
            identifier = f"{self.name}-{self.sent}"
            begin = time.monotonic()
            problem = self.request(identifier)
            self.times.append(time.monotonic() - begin)
            if problem:
                self.failed.append([identifier, round(time.time(), 3), round(self.times[-1], 3), problem])
            time.sleep(self.pause)

    def request(self, identifier: str) -> str:
        """Returns what went wrong, or nothing."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=self.timeout)
            answer = self.ask(identifier)
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            return repr(error)
        if answer.will_close:
            self.connection.close()
            self.connection = None
        return "" if answer.status == 200 else f"status {answer.status}"

    def ask(self, identifier: str) -> http.client.HTTPResponse:
        headers = {"Host": self.host}
        if self.kind == "posts":
            self.connection.request("POST", f"/count?id={identifier}", body="x", headers=headers)
        else:
            self.connection.request("GET", "/", headers=headers | ({"Connection": "close"} if self.kind == "closed" else {}))
        return self.connection.getresponse()


def main() -> None:
    host, timeout, requests, kinds = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
    stop, share = threading.Event(), -(-requests // sum(CLIENTS[kind] for kind in kinds))
    clients = [Client(kind, number, host, timeout, stop, share) for kind in kinds for number in range(CLIENTS[kind])]
    for client in clients:
        client.start()
    print("started", flush=True)
    sys.stdin.read()
    stop.set()
    for client in clients:
        client.join()
    print(json.dumps({kind: {"sent": {client.name: client.sent for client in clients if client.kind == kind},
                             "failed": [one for client in clients if client.kind == kind for one in client.failed],
                             "times": sorted(one for client in clients if client.kind == kind for one in client.times)}
                      for kind in kinds}))


main()
