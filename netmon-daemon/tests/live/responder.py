"""Answers connection requests that arrive at a device, as late as their port says.

    responder.py DEVICE

A request to port 7000 + n gets its SYN-ACK after n milliseconds, up to 999; no
other gets any. Addresses, ports and flags are all that is right about an answer.
A line `ready` tells that requests are awaited.
"""

import ctypes
import heapq
import select
import socket
import struct
import sys
import time

FIRST, LAST = 7000, 7999
SO_ATTACH_FILTER = 26
ETH_P_ALL = 3
SYN, ACK = 0x02, 0x10
IPV6 = 0x86DD

# The port that is asked for, behind headers without options, decides in the
# kernel: a flood to other ports must not take the place of what is wanted.
FILTER = [
    (0x28, 0, 0, 12),
    (0x15, 2, 0, IPV6),
    (0x28, 0, 0, 36),
    (0x05, 0, 0, 1),
    (0x28, 0, 0, 56),
    (0x35, 0, 2, FIRST),
    (0x25, 1, 0, LAST),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
]


def attach_filter(listener):
    program = b"".join(struct.pack("HBBI", *line) for line in FILTER)
    memory = ctypes.create_string_buffer(program)
    pointer = struct.pack("HxxxxxxQ", len(FILTER), ctypes.addressof(memory))
    listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, pointer)


def answer(frame):
    """The answer to a request and its delay in seconds; none to anything else."""
    kind = int.from_bytes(frame[12:14], "big")
    first, size = (22, 16) if kind == IPV6 else (26, 4)
    ports = first + 2 * size
    if len(frame) < ports + 14 or frame[ports + 13] & (SYN | ACK) != SYN:
        return None
    port = int.from_bytes(frame[ports + 2 : ports + 4], "big")
    reply = bytearray(frame)
    reply[0:6], reply[6:12] = frame[6:12], frame[0:6]
    reply[first : first + size] = frame[first + size : ports]
    reply[first + size : ports] = frame[first : first + size]
    reply[ports : ports + 2] = frame[ports + 2 : ports + 4]
    reply[ports + 2 : ports + 4] = frame[ports : ports + 2]
    reply[ports + 13] = SYN | ACK
    return bytes(reply), (port - FIRST) / 1000


(device,) = sys.argv[1:]
listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
attach_filter(listener)
listener.bind((device, ETH_P_ALL))
print("ready", flush=True)
waiting = []
while True:
    patience = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    if select.select([listener], [], [], patience)[0]:
        found = answer(listener.recv(2048))
        if found:
            heapq.heappush(waiting, (time.monotonic() + found[1], found[0]))
    while waiting and waiting[0][0] <= time.monotonic():
        listener.send(heapq.heappop(waiting)[1])
