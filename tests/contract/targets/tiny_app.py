"""A user's program in the small: a thread per connection on 127.0.0.1:PORT, and whatever misbehaviour is asked for.

It needs the standard library only and starts in some 30 ms with `python -I -S`.
"""

import os
import signal
import socket
import sys
import threading
import time

options: dict[str, str] = {name: value for name, _, value in (item.partition("=") for item in sys.argv[1:])}
state = {"draining": False, "busy": 0}
lock = threading.Lock()


def answer(connection):
    with connection:
        while line := read_head(connection):
            with lock:
                state["busy"] += 1
            respond(connection, line.split(" ")[1])
            with lock:
                state["busy"] -= 1
            if "connection: close" in line.lower():
                return


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            return ""
        data += block
    return data.decode()


def respond(connection, path):
    status, body = "200 OK", os.environ["FERRYMAN_INSTANCE"]
    if path == "/healthz" and ("unhealthy" in options or os.access(options.get("sick_file", "/nonexistent"), os.F_OK)):
        status, body = "503 Service Unavailable", "no"
    if path.startswith("/slow"):
        time.sleep(float(path.partition("?")[2]))
        body = "slow but whole"
    connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


def on_term(number, frame):
    print("SIGTERM", flush=True)
    if "ignore_term" not in options:
        state["draining"] = True


def main():
    print(f"hello from {os.environ['FERRYMAN_INSTANCE']} {options.get('say', '')}", flush=True)
    if "exit" in options:
        sys.exit(int(options["exit"]))
    signal.signal(signal.SIGTERM, on_term)
    if "children" in options and os.fork() == 0:
        # A child and a grandchild in the same session; the grandchild has forgotten its environment.
        if os.fork() == 0:
            os.execve("/bin/sleep", ["sleep", "300"], {})
        while True:
            time.sleep(1)
    if "lines" in options:
        threading.Thread(target=talk, args=(int(options["lines"]),), daemon=True).start()
    if "leak" in options:
        threading.Thread(target=leak, daemon=True).start()
    if "exit_after" in options:
        threading.Timer(float(options["exit_after"]), os._exit, [7]).start()
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("127.0.0.1", int(options.get("port", os.environ["PORT"]))))
    server.listen(64)
    server.settimeout(0.05)
    while not state["draining"]:
        try:
            connection, _ = server.accept()
        except TimeoutError:
            continue
        connection.settimeout(None)
        threading.Thread(target=answer, args=(connection,), daemon=True).start()
    server.close()
    deadline = time.monotonic() + 5
    while state["busy"] and time.monotonic() < deadline:
        time.sleep(0.01)
    print("bye", flush=True)
    os._exit(0)


def talk(lines):
    for number in range(lines):
        print(f"line {number:06d} {'x' * 80}", flush=True)
        time.sleep(0.0005)


def leak():
    kept = []
    while True:
        kept.append(b"x" * 5_000_000)
        time.sleep(0.05)


main()
