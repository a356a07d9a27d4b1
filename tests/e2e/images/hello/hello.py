# SPDX-License-Identifier: Apache-2.0
"""A small web server that answers with what it is, for tests.

    /            host name, version, pid and instance, and the request's headers
    /env         command words and environment, exactly as the kernel has them (bytes as Latin-1)
    /file?path=  contents (Latin-1), mode, owner and group of a file in the container
    /slow?s=1.5  the same as /, after a while
    /stream      a line every tenth of a second, until the client or the server ends
    /header?n=9  the same as /, with a header of n bytes
    /health      200, or the status in HELLO_HEALTH, or that of a POST to /health?status=500
    /status/503  that status
    /count       how many POST requests to /count this process has seen; each /count?id=ID is noted in HELLO_COUNT

HELLO_EXIT=3 makes it exit at once with that status, HELLO_START_DELAY=5 makes it listen late, HELLO_DIE_AFTER=3 makes it
exit that many seconds after. HELLO_COUNT is a file that all instances append a line to for each id. HELLO_QUIET=1: no log.
SIGTERM: no new connections, what is in flight is answered, idle connections are closed.
"""

import contextlib
import http.server
import json
import os
import signal
import socket
import stat
import sys
import threading
import time
import urllib.parse


def latin(data):
    return data.decode("latin-1")


def kernel_list(name):
    with open(f"/proc/self/{name}", "rb") as file:
        return [latin(part) for part in file.read().split(b"\0")[:-1]]


def env_reply():
    return {"argv": kernel_list("cmdline")[2:], "environ": dict(
        entry.split("=", 1) for entry in kernel_list("environ") if "=" in entry)}


def file_reply(path):
    with open(path, "rb") as file:
        info = os.fstat(file.fileno())
        return {"content": latin(file.read()), "mode": f"{stat.S_IMODE(info.st_mode):04o}",
                "uid": info.st_uid, "gid": info.st_gid}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    busy = False
    extra = ""

    def setup(self):
        super().setup()
        self.server.open(self)

    def finish(self):
        self.server.closed(self)
        super().finish()

    def handle_one_request(self):
        super().handle_one_request()
        if self.server.idle(self):
            self.close_connection = True

    def parse_request(self):
        self.server.begin(self)
        return super().parse_request()

    def reply(self, status, value):
        body = (json.dumps(value) + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if self.extra:
            self.send_header("X-Extra", self.extra)
        if self.server.draining:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def about(self):
        return {"hostname": socket.gethostname(), "version": os.environ.get("HELLO_VERSION"),
                "pid": os.getpid(), "instance": os.environ.get("INSTANCE"), "path": self.path,
                "client": self.client_address[0], "headers": dict(self.headers.items())}

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/env":
            self.reply(200, env_reply())
        elif url.path == "/file":
            self.reply_file(query["path"])
        elif url.path == "/slow":
            time.sleep(float(query.get("s", 1)))
            self.reply(200, self.about())
        elif url.path == "/stream":
            self.stream()
        elif url.path == "/header":
            self.extra = "x" * int(query.get("n", 1))
            self.reply(200, self.about())
        elif url.path == "/health":
            self.server.health = query.get("status", self.server.health) if self.command == "POST" else self.server.health
            self.reply(int(self.server.health), self.about())
        elif url.path.startswith("/status/"):
            self.reply(int(url.path.split("/")[2]), self.about())
        elif url.path == "/count":
            self.reply(200, {"count": self.server.count})
        else:
            self.reply(200, self.about())

    do_HEAD = do_GET

    def stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        while not self.server.draining:
            self.wfile.write(b"data: more\n\n")
            time.sleep(0.1)
        self.close_connection = True

    def reply_file(self, path):
        try:
            self.reply(200, file_reply(path))
        except OSError as error:
            self.reply(404, {"error": str(error)})

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/count":
            self.reply(200, {"count": self.server.count_one(url.query.partition("id=")[2])})
        else:
            self.do_GET()

    def log_message(self, format, *args):
        if self.path != "/health" and "HELLO_QUIET" not in os.environ:
            super().log_message(format, *args)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128

    def __init__(self, address):
        super().__init__(address, Handler)
        self.lock = threading.Lock()
        self.handlers = set()
        self.draining = False
        self.count = 0
        self.health = os.environ.get("HELLO_HEALTH", "200")
        self.noted = os.open(os.environ.get("HELLO_COUNT", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def open(self, handler):
        with self.lock:
            self.handlers.add(handler)
            if self.draining:
                handler.connection.settimeout(1)

    def closed(self, handler):
        with self.lock:
            self.handlers.discard(handler)

    def begin(self, handler):
        with self.lock:
            handler.busy = True

    def idle(self, handler):
        """Note that the request is over; true where the connection should close."""
        with self.lock:
            handler.busy = False
            return self.draining

    def count_one(self, identifier):
        os.write(self.noted, f"{identifier}\n".encode())
        with self.lock:
            self.count += 1
            return self.count

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):    # HAProxy drops idle connections as it likes
            super().handle_error(request, client_address)

    def drain_when_told(self, wake):
        os.read(wake, 1)
        self.shutdown()
        with self.lock:
            self.draining = True
            for handler in self.handlers:
                if not handler.busy:
                    with contextlib.suppress(OSError):
                        handler.connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    if "HELLO_EXIT" in os.environ:
        sys.exit(int(os.environ["HELLO_EXIT"]))
    time.sleep(float(os.environ.get("HELLO_START_DELAY", 0)))
    server = Server(("", int(os.environ.get("PORT", 8000))))
    # A pipe, because systemd and conmon may both send the signal, and a handler can be interrupted.
    wake, waker = os.pipe()
    drain = threading.Thread(target=server.drain_when_told, args=[wake])
    drain.start()
    signal.signal(signal.SIGTERM, lambda *_: os.write(waker, b"."))
    if "HELLO_DIE_AFTER" in os.environ:
        end = threading.Timer(float(os.environ["HELLO_DIE_AFTER"]), os._exit, [7])
        end.daemon = True
        end.start()
    print("listening on port", server.server_port, flush=True)
    server.serve_forever(poll_interval=0.05)
    drain.join()
    print("drained", flush=True)


main()
