"""Sends Ethernet frames that are always the same, and says what arrived.

  send DEVICE COUNT    sends the first COUNT frames
  scan DEVICE COUNT    sends COUNT TCP segments without any flag
  flow DEVICE          sends frames until standard input ends, prints how many
  digest DEVICE COUNT  prints "ready", captures COUNT frames that send made and
                       prints the SHA-256 of all their bytes in order

Nobody answers these frames, because they are addressed to nobody.
"""

import hashlib
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33
NOBODY = bytes.fromhex("020000000002")
SENDER = bytes.fromhex("020000000001")
# A burst fits the queue of a CPU (net.core.netdev_max_backlog) many times over.
BURST = 32
PAUSE = 0.0005


def frame(number):
    """The frame of this number: TCP, UDP, IPv6 or neither, of any length."""
    payload = bytes((number * 7 + at) & 0xFF for at in range(number * 37 % 1300))
    ports = struct.pack("!HH", 1024 + number % 60000, 9)
    kind = number % 4
    if kind == 0:
        payload = ports + struct.pack("!IIBBHHH", number, 0, 0x50, 0x10, 1024, 0, 0) + payload
    elif kind < 3:
        payload = ports + struct.pack("!HH", 8 + len(payload), 0) + payload
    if kind < 2:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, 64,
                           6 if kind == 0 else 17, 0)
        kind, payload = 0x0800, head + bytes([10, 9, 0, 1, 10, 9, 0, 2]) + payload
    elif kind == 2:
        address = bytes.fromhex("fd000000000000000000000000000001")
        head = struct.pack("!IHBB", 0x60000000, len(payload), 17, 64)
        kind, payload = 0x86DD, head + address + address + payload
    else:
        kind = 0x88B5
    return NOBODY + SENDER + struct.pack("!H", kind) + payload


def bound(device):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.bind((device, 0))
    return link


def send(device, count):
    link = bound(device)
    for number in range(count):
        link.send(frame(number))
        if number % BURST == BURST - 1:
            time.sleep(PAUSE)


def scan(device, count):
    link = bound(device)
    for number in range(count):
        segment = bytearray(frame(4 * number))
        # Behind Ethernet, IPv4 and 13 bytes of TCP.
        segment[14 + 20 + 13] = 0
        link.send(segment)


def flow(device):
    link, sent = bound(device), 0
    frames = [frame(number) for number in range(BURST)]
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        for one in frames:
            link.send(one)
        sent += BURST
    print(sent)


def digest(device, count):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    link.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
    link.bind((device, ETH_P_ALL))
    link.settimeout(30)
    print("ready", flush=True)
    total = hashlib.sha256()
    while count > 0:
        data, (_, _, kind, _, _) = link.recvfrom(65536)
        if data.startswith(NOBODY) and kind != socket.PACKET_OUTGOING:
            total.update(struct.pack("!I", len(data)) + data)
            count -= 1
    print(total.hexdigest())


def main():
    device = sys.argv[2].encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
    if sys.argv[1] == "flow":
        flow(device)
    else:
        {"send": send, "scan": scan, "digest": digest}[sys.argv[1]](device, int(sys.argv[3]))


main()
