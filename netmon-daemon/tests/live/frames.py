"""Sends frames that the test writes: one a line on standard input, in hex.

    frames.py packet DEVICE    through a packet socket, as they are
    frames.py tun DEVICE       into a new tun device without a link header

A line `ready` tells that frames are awaited. What the system sends through a
tun device is read and dropped. Ends with standard input.
"""

import fcntl
import os
import socket
import struct
import sys
import threading

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000


def packet_socket(device):
    sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sender.bind((device, 0))
    return sender.send


def tun(device):
    descriptor = os.open("/dev/net/tun", os.O_RDWR)
    request = struct.pack("16sH22x", device.encode(), IFF_TUN | IFF_NO_PI)
    fcntl.ioctl(descriptor, TUNSETIFF, request)

    def drop():
        while os.read(descriptor, 65536):
            pass

    threading.Thread(target=drop, daemon=True).start()
    return lambda frame: os.write(descriptor, frame)


kind, device = sys.argv[1:]
send = {"packet": packet_socket, "tun": tun}[kind](device)
print("ready", flush=True)
for line in sys.stdin:
    send(bytes.fromhex(line))
    print("sent", flush=True)
