"""Sends frames past all queues and hooks: bypass.py DEVICE, until it is killed."""

import socket
import sys
import time

PACKET_QDISC_BYPASS = 20
SOL_PACKET = 263

sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind((sys.argv[1], 0))
sender.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
# To nobody, of a type for experiments (IEEE 802, 88B5).
frame = bytes.fromhex("02000000000102000000000288b5") + bytes(200)
while True:
    for _ in range(50):
        sender.send(frame)
    time.sleep(0.01)
