# SPDX-License-Identifier: Apache-2.0
"""Sends POSTs one after another on a few connections until its input ends; tries none a second time.

Usage: posts.py HOST TIMEOUT. Prints how many each connection sent, what failed, and how long they took.
"""

import http.client
import json
import sys
import threading
import time

CONNECTIONS = 2
PAUSE = 0.002    # between two of one connection: wrk is there for speed


class Client(threading.Thread):
    def __init__(self, name: str, host: str, timeout: float, stop: threading.Event):
        super().__init__(name=name)
        self.host, self.timeout, self.stop = host, timeout, stop
        self.sent, self.failed, self.times = 0, [], []
        self.connection = None

    def run(self) -> None:
        while not self.stop.is_set():
            self.sent += 1
            identifier = f"{self.name}-{self.sent}"
            begin = time.monotonic()
            problem = self.post(identifier)
            self.times.append(time.monotonic() - begin)
            if problem:
                self.failed.append([identifier, round(time.time(), 3), round(self.times[-1], 3), problem])
            self.stop.wait(PAUSE)

    def post(self, identifier: str) -> str:
        """What went wrong, or nothing."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=self.timeout)
            self.connection.request("POST", f"/count?id={identifier}", body="x", headers={"Host": self.host})
            answer = self.connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection = None
            return repr(error)
        if answer.will_close:
            self.connection.close()
            self.connection = None
        return "" if answer.status == 200 else f"status {answer.status}"


def main() -> None:
    stop = threading.Event()
    clients = [Client(str(i), sys.argv[1], float(sys.argv[2]), stop) for i in range(CONNECTIONS)]
    for client in clients:
        client.start()
    print("begun", flush=True)
    sys.stdin.readline()
    stop.set()
    for client in clients:
        client.join()
    print(json.dumps({"sent": {client.name: client.sent for client in clients},
                      "failed": [one for client in clients for one in client.failed],
                      "times": sorted(one for client in clients for one in client.times)}))


main()
