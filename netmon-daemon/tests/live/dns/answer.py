"""Answers DNS queries over UDP and TCP on one address, as the first label of the
name says, whose parts are joined by dashes:

    d150   answers after 150 ms
    k3     answers only the third copy of a query
    s      does not answer
    x      sends a response before it that nobody asked for
    t900   answers with a text of about so many bytes
    b      writes the answer byte by byte, over TCP

Anything else is answered at once. A line `ready` tells that it listens.
"""

import asyncio
import socket
import struct
import sys

address = sys.argv[1]
copies = {}


def words(message):
    length = message[12]
    found = {}
    for part in message[13 : 13 + length].decode().split("-"):
        digits = part[1:]
        found[part[0]] = int(digits) if digits.isdigit() else 0
    return found


def question(message):
    end = 12
    while message[end]:
        end += message[end] + 1
    return message[12 : end + 5]


def answer(message, asked):
    records = b""
    length = asked.get("t", 0)
    while length > 0:
        text = b"x" * min(length, 250)
        length -= len(text)
        data = bytes([len(text)]) + text
        records += struct.pack(">HHHIH", 0xC00C, 16, 1, 300, len(data)) + data
    count = records.count(b"\xc0\x0c")
    if not count:
        records = struct.pack(">HHHIH4B", 0xC00C, 1, 1, 300, 4, 192, 0, 2, 1)
        count = 1
    return message[:2] + struct.pack(">5H", 0x8180, 1, count, 0, 0) + question(message) + records


class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, message, client):
        asked = words(message)
        seen = copies[client, message] = copies.get((client, message), 0) + 1
        if "s" in asked or seen != asked.get("k", seen):
            return
        response = answer(message, asked)
        if "x" in asked:
            other = bytes([response[0] ^ 0x55]) + response[1:]
            self.transport.sendto(other, client)
        delay = asked.get("d", 0) / 1000
        if delay:
            loop = asyncio.get_running_loop()
            loop.call_later(delay, self.transport.sendto, response, client)
        else:
            self.transport.sendto(response, client)


async def respond(writer, turn, message):
    asked = words(message)
    if "s" in asked:
        return
    await asyncio.sleep(asked.get("d", 0) / 1000)
    response = answer(message, asked)
    framed = struct.pack(">H", len(response)) + response
    # Nobody else may write before the last byte of a message.
    async with turn:
        step = 1 if "b" in asked else len(framed)
        for begin in range(0, len(framed), step):
            writer.write(framed[begin : begin + step])
            await writer.drain()


async def stream(reader, writer):
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    turn = asyncio.Lock()
    tasks = []
    try:
        while True:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            message = await reader.readexactly(length)
            tasks.append(asyncio.create_task(respond(writer, turn, message)))
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Datagrams, local_addr=(address, 53))
    server = await asyncio.start_server(stream, address, 53)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
