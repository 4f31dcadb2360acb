# SPDX-License-Identifier: Apache-2.0
"""Dumps, queries and the listener of the Python module, in a network namespace of its own.

usage: live_test.py FOLDER_OF_LIVE_TESTS

meson sets LD_LIBRARY_PATH and PYTHONPATH.
"""

from __future__ import annotations

import os
import socket
import sys

import tcpinfo

sys.path.insert(0, sys.argv[1])
import netns  # noqa: E402

SENT = 4321


def test() -> None:
    with netns.Pair() as pair:
        where = pair.receiver
        listening = where.socket(socket.AF_INET)
        listening.bind(("127.0.0.1", 0))
        listening.listen(1)
        port = listening.getsockname()[1]
        client = where.socket(socket.AF_INET)
        client.connect(("127.0.0.1", port))
        server = listening.accept()[0]
        client.sendall(bytes(SENT))
        got = 0
        while got < SENT:
            got += len(server.recv(65536))
        cookies = {netns.cookie_of(s) for s in (client, server)}

        def dumped(**options: object) -> set[int | None]:
            with tcpinfo.Socket(where.path) as asking:
                return {m.id.cookie for m in asking.dump(**options)}  # type: ignore[arg-type]

        messages = list(tcpinfo.dump(netns=where.path))
        assert {m.id.cookie for m in messages} == cookies, messages
        mine = next(m for m in messages if m.id.dport == port)
        assert mine["info.bytes_sent"] == SENT and mine.state == "ESTABLISHED", mine.as_dict()
        assert "cong" in mine and mine["uid"] == os.getuid()
        assert dumped(states=["ESTABLISHED"]) == cookies
        assert dumped(states=["LISTEN"]) == {netns.cookie_of(listening)}
        assert dumped(family=socket.AF_INET6) == set()
        assert dumped(exclude_sports=[port]) == {netns.cookie_of(client)}
        assert dumped(exclude_dst=["127.0.0.0/8"]) == set()
        try:
            dumped(states=[])
        except tcpinfo.Error as error:
            assert error.code == -10025, error
        else:
            raise AssertionError("a dump of no state is not refused")

        which = tcpinfo.socket_id(client.fileno())
        assert which == mine.id, (which, mine.id)
        descriptor = os.open(where.path, os.O_RDONLY)
        with tcpinfo.Socket(descriptor) as asking, \
                tcpinfo.Listener(1 << 20, netns=where.path) as ends:
            answer = asking.query(which)
            assert answer is not None and answer.id == which
            # An iterator that is not read to its end does not meddle with the next dump.
            first = asking.dump()
            next(first)
            assert len(list(asking.dump())) == 2 and list(first) == []
            assert ends.receive() == []
            client.close()
            server.close()
            ended = {}
            while not cookies <= set(ended):
                found = ends.receive(10)
                assert found, "no end was told within 10 s"
                ended |= {m.id.cookie: m for m in found}
            assert ended[which.cookie]["info.bytes_sent"] == SENT
            assert ends.overflows == 0
        os.close(descriptor)
        with tcpinfo.Socket(where.path) as asking:
            gone = asking.query(tcpinfo.SocketId(which.dst, which.src, which.dport, which.sport,
                                                 which.cookie))
            assert gone is None, gone
        for opened in (tcpinfo.Socket, lambda path: tcpinfo.Listener(netns=path)):
            try:
                opened("/proc/self/ns/uts")
            except OSError as error:
                assert (error.errno, error.filename) == (22, "/proc/self/ns/uts"), error
            else:
                raise AssertionError("a namespace of another kind is not refused")


netns.run_test(test)
