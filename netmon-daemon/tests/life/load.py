"""Opens connections, or accepts them: a load that is no red flag.

  serve ADDRESS PORT   accepts connections, sends some bytes and closes them
  ask ADDRESS PORT     opens a hundred or two a second, one after the other

Both end with standard input.
"""

import select
import socket
import sys

PAUSE = 0.004


def serve(listener):
    print("ready", flush=True)
    while True:
        ready = select.select([sys.stdin, listener], [], [])[0]
        if sys.stdin in ready:
            return
        client, _ = listener.accept()
        client.sendall(b"x" * 2000)
        client.close()


def ask(address):
    asked = 0
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        with socket.create_connection(address) as server:
            while server.recv(65536):
                pass
        asked += 1
    print(asked)


def main():
    address = (sys.argv[2], int(sys.argv[3]))
    if sys.argv[1] == "serve":
        serve(socket.create_server(address))
    else:
        ask(address)


main()
