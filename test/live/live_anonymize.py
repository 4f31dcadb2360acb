# SPDX-License-Identifier: Apache-2.0
"""--anonymize netblock: what is written has no host part of anybody else's address, and nothing
else is different; the machine's own addresses stay, also those that come and go meanwhile. Two
collectors record the same connections, one of them as they are.

usage: live_anonymize.py COLLECTOR TRAFFIC TCPINFO_DUMP
"""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import archives
from archives import Connection, Record, check
from collector import (EXACT_CLOSINGS, Collector, Traffic, Truth, check_no_losses, check_runnable,
                       check_verified, compare_all, cookies_of_files, give_to_nobody, settle,
                       wait_until)
from netns import (RECEIVER_V4, RECEIVER_V6, SENDER_V4, SENDER_V6, Namespace, Pair, cookie_of,
                   run_test)

# Remote addresses that no counter of a tcp_info looks like.
REMOTE_V4, REMOTE_V6 = "10.77.0.214", "fd00:77::dead:beef:cafe:ba11"
# The machine's own that come and go.
OWN_V4, OWN_V6 = "10.77.0.173", "fd00:77::1234:5678:9abc:def1"
FAR_PORT, NEAR_PORT = 8000, 9000
CALM = 1.0  # seconds between a change and what follows it, longer than a record takes to its file
REMOVED = 0.5  # what was written this long after an address went is anonymized

OTHER_PART = {4: 24, 6: 48}


def netblock(address: str) -> str:
    """The requirement, in other words than the product's."""
    whole = ipaddress.ip_address(address)
    if isinstance(whole, ipaddress.IPv6Address) and whole.ipv4_mapped is not None:
        block = ipaddress.ip_network(f"{whole.ipv4_mapped}/24", strict=False).network_address
        return f"::ffff:{block}"
    length = OTHER_PART[whole.version]
    return str(ipaddress.ip_network(f"{whole}/{length}", strict=False).network_address)


def same(left: str, right: str) -> bool:
    return ipaddress.ip_address(left) == ipaddress.ip_address(right)


@dataclass
class Open:
    """A connection of ours; `near` is the collector's end."""

    near: socket.socket
    far: socket.socket
    local: str
    remote: str
    cookie: int

    def talk(self, size: int = 500) -> None:
        for one, other in ((self.near, self.far), (self.far, self.near)):
            one.sendall(b"x" * size)
            other.recv(size, socket.MSG_WAITALL)

    def close(self) -> None:
        self.far.close()
        self.near.recv(1)
        self.near.close()


def listener(where: Namespace, port: int) -> socket.socket:
    result = where.socket(socket.AF_INET6)
    result.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.bind(("::", port))
    result.listen(64)
    return result


class Machine:
    """Makes connections between given addresses, in both directions."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.near = listener(pair.receiver, NEAR_PORT)
        self.far = listener(pair.sender, FAR_PORT)

    def connect(self, local: str, remote: str, outgoing: bool, mapped: bool = False) -> Open:
        """What the far listener accepts is IPv4-mapped where it is IPv4; so is what the near one
        does, and a client where `mapped` says so."""
        v6 = ":" in local
        family = socket.AF_INET6 if v6 or mapped else socket.AF_INET
        form = "::ffff:" if mapped and not v6 else ""
        where, server, port = ((self.pair.receiver, self.far, FAR_PORT) if outgoing
                               else (self.pair.sender, self.near, NEAR_PORT))
        source, target = (local, remote) if outgoing else (remote, local)
        client = where.socket(family)
        client.bind((form + source, 0))
        client.connect((form + target, port))
        accepted, _ = server.accept()
        near, far = (client, accepted) if outgoing else (accepted, client)
        if not outgoing and not v6:
            form = "::ffff:"
        return Open(near, far, form + local, form + remote, cookie_of(near))

    def every_kind(self, v4: tuple[str, str], v6: tuple[str, str]) -> list[Open]:
        """From and to the given own addresses: (own, remote) of each family."""
        made = [self.connect(*v4, True), self.connect(*v4, True, mapped=True),
                self.connect(*v4, False), self.connect(*v6, True), self.connect(*v6, False)]
        for one in made:
            one.talk()
        return made

    def close(self) -> None:
        self.near.close()
        self.far.close()


def plain_text(files: list[Path]) -> bytes:
    result = b""
    for begin in range(0, len(files), archives.BATCH):
        result += subprocess.run(["zstd", "-dcq", *map(str, files[begin:begin + archives.BATCH])],
                                 capture_output=True, check=True).stdout
    return result


def traces_of(addresses: list[str], recorded: dict[int, Connection], output: Path) -> list[str]:
    """Where any of the addresses, or an IPv6 one's host part, stands: in decoded bytes of any
    record, in the text of any file, or in a name."""
    found = []
    patterns: dict[bytes, str] = {}
    texts: dict[bytes, str] = {}
    for text in addresses:
        address = ipaddress.ip_address(text)
        patterns[address.packed] = text
        if address.version == 6:
            patterns[address.packed[8:]] = f"host part of {text}"
        for form in (text, address.exploded, address.packed.hex(), address.packed.hex().upper(),
                     ".".join(map(str, address.packed))):
            texts[form.encode()] = text
    for connection in recorded.values():
        for record in connection.records():
            for part in (record.idm, *(one for one in record.attributes if one is not None)):
                found += [f"{connection.uuid}: bytes of {what}"
                          for pattern, what in patterns.items() if pattern in part]
    files = archives.finished_files(output)
    everything = plain_text(files) + "\n".join(map(str, output.glob("**/*"))).encode()
    found += [f"text of {what}: {form!r}" for form, what in texts.items() if form in everything]
    return found


def blanked(record: Record, local: str, remote: str) -> bytes:
    """The socket's identity as it should stand there with these addresses."""
    idm = bytearray(record.idm)
    size = 4 if record.family == socket.AF_INET else 16
    for offset, text in ((8, local), (24, remote)):
        packed = socket.inet_pton(record.family, text)
        idm[offset:offset + size] = packed
    return bytes(idm)


def check_same_but_addresses(as_it_is: dict[int, Connection], anonymized: dict[int, Connection]
                             ) -> None:
    """The last records of both come of the same messages."""
    check(set(as_it_is) == set(anonymized), "not the same connections: "
          f"{len(set(as_it_is) ^ set(anonymized))} in one only")
    finals = 0
    for cookie, one in as_it_is.items():
        other = anonymized[cookie]
        check(one.uuid == other.uuid, f"UUIDs {one.uuid} and {other.uuid}")
        left, right = one.last(), other.last()
        if left.from_event != right.from_event:
            check(False, f"{one.uuid}: final record in one only")
        # The kernel's message has these two. What is carried over is of each collector's own
        # last poll.
        for number, name in ((archives.INFO, "INFO"), (archives.PROTOCOL, "PROTOCOL")):
            check(name in left.carried + right.carried or
                  left.attribute(number) == right.attribute(number) is not None,
                  f"{one.uuid}: {name} of the last record")
        check(left.poll is None and right.poll is None, f"{one.uuid}: no final record")
        check(blanked(left, right.local, right.remote) == right.idm,
              f"{one.uuid}: more than addresses differs: {left.idm.hex()} {right.idm.hex()}")
        finals += sum(record.from_event for record in other.records())
        check(sum(record.from_event for record in one.records())
              == sum(record.from_event for record in other.records()) == 1,
              f"{one.uuid}: number of final records")
    print(f"{len(as_it_is)} connections, {finals} final records: the same but for addresses")


def check_addresses(one: Open, connection: Connection, removed_ns: int | None) -> tuple[int, int]:
    """Every record has the remote address's netblock and the own address, until that went. Returns
    how many have the own one, and how many not."""
    kept = taken = 0
    for record in connection.records():
        check(same(record.remote, netblock(one.remote)),
              f"{connection.uuid}: remote {one.remote} is recorded as {record.remote}")
        if same(record.local, one.local):
            check(taken == 0, f"{connection.uuid}: an own address is back")
            check(removed_ns is None or record.time <= removed_ns + REMOVED * 1e9,
                  f"{connection.uuid}: {one.local} is kept long after it was given up")
            kept += 1
        else:
            check(same(record.local, netblock(one.local)),
                  f"{connection.uuid}: local {one.local} is recorded as {record.local}")
            check(removed_ns is not None and record.time >= removed_ns - CALM * 1e9,
                  f"{connection.uuid}: own address {one.local} is anonymized")
            taken += 1
    return kept, taken


def check_generated(made: list[Truth], recorded: dict[int, Connection]) -> None:
    for one in made:
        for record in recorded[one.receiver_cookie].records():
            check(record.local == one.local, f"own address {one.local} became {record.local}")
            check(same(record.remote, netblock(one.remote)),
                  f"remote {one.remote} is recorded as {record.remote}")


def course(pair: Pair, scratch: Path, outputs: list[Path], nobody: bool) -> None:
    # The addresses that the generator's far end has, in the place of the usual ones.
    for own, usual, length in ((REMOTE_V4, SENDER_V4, 24), (REMOTE_V6, SENDER_V6, 64)):
        pair.sender.ip("address", "del", f"{usual}/{length}", "dev", "veth0")
        pair.add_address(pair.sender, f"{own}/{length}")
    for output in outputs:
        output.mkdir()
        if nobody:
            give_to_nobody(output)
    first, second = outputs
    machine = Machine(pair)
    before = machine.every_kind((RECEIVER_V4, REMOTE_V4), (RECEIVER_V6, REMOTE_V6))
    with Collector(sys.argv[1], first, pair.receiver, "--verbose", nobody=nobody) as as_it_is, \
            Collector(sys.argv[1], second, pair.receiver, "--verbose", "--anonymize", "netblock",
                      nobody=nobody) as anonymous:
        # That somebody has joined the destroy groups does not tell which of the two.
        for one in (as_it_is, anonymous):
            check(wait_until(lambda: "recording to" in one.log(), 20), "not ready after 20 s")
        with Traffic(sys.argv[2], "short", pair, scratch / "truth", "--closings", EXACT_CLOSINGS,
                     "--class", "100us:100:200:2:1", "--class", "20ms:20000:200:1:8",
                     "--class", "200ms:200000:40:1:8") as traffic:
            # Used at once: the change must be known by then.
            for address in (f"{OWN_V4}/24", f"{OWN_V6}/64"):
                pair.add_address(pair.receiver, address)
            added = machine.every_kind((OWN_V4, REMOTE_V4), (OWN_V6, REMOTE_V6))
            # Over as soon as they began, so that the first record may be the last.
            brief = []
            for number in range(30):
                own_v4, own_v6 = f"10.77.0.{100 + number}", f"fd00:77::aaaa:{number:x}"
                pair.add_address(pair.receiver, f"{own_v4}/24")
                brief.append(machine.connect(own_v4, REMOTE_V4, number % 2 == 0))
                brief[-1].close()
                pair.add_address(pair.receiver, f"{own_v6}/64")
                brief.append(machine.connect(own_v6, REMOTE_V6, number % 2 == 0))
                brief[-1].close()
            made = traffic.finish()
        time.sleep(CALM)
        for address in (f"{OWN_V4}/24", f"{OWN_V6}/64"):
            pair.receiver.ip("address", "del", address, "dev", "veth0")
        removed_ns = time.time_ns()
        time.sleep(CALM)
        # What is sent from there goes nowhere, but the sockets change.
        for one in added:
            try:
                one.near.sendall(b"x" * 1000)
            except OSError as error:
                print(f"{one.local}: {error}")
        time.sleep(CALM)
        for one in before:
            one.talk()
        later = machine.every_kind((RECEIVER_V4, REMOTE_V4), (RECEIVER_V6, REMOTE_V6))
        for one in before + later:
            one.close()
        settle()
        # These have nobody to say goodbye to; they are open at the end.
        ended = [anonymous.stop(), as_it_is.stop()]
        for one in added:
            one.near.close()
            one.far.close()
        machine.close()
        said = [line for line in anonymous.complaints() if "recording to" not in line]
    for one in ended:
        check_no_losses(one)
    check(not said, f"the collector says {said}")

    plain, recorded = archives.read_directory(first), archives.read_directory(second)
    unfinished = {one.cookie for one in added}
    print("as it is: ", end="")
    ours = {one.cookie for one in before + brief + added + later}
    compare_all(made, {cookie: one for cookie, one in plain.items() if cookie not in ours})
    check(ours <= set(plain), "connections of our own are not recorded")
    for output in outputs:
        check_verified(sys.argv[3], output)
    check(cookies_of_files(archives.finished_files(first))
          == cookies_of_files(archives.finished_files(second)), "not the same connections")
    check_same_but_addresses(
        {cookie: one for cookie, one in plain.items() if cookie not in unfinished},
        {cookie: one for cookie, one in recorded.items() if cookie not in unfinished})
    for cookie in unfinished:
        check(plain[cookie].uuid == recorded[cookie].uuid, "UUIDs differ")
        for record in plain[cookie].records():
            check(any(same(record.local, own) for own in (OWN_V4, OWN_V6, f"::ffff:{OWN_V4}")),
                  f"as it is: {record.local}")
    for connection in recorded.values():
        archives.check_history(connection)
    check_generated(made, recorded)
    for one in before + brief + later:
        check_addresses(one, recorded[one.cookie], None)
    for one in added:
        kept, taken = check_addresses(one, recorded[one.cookie], removed_ns)
        print(f"{one.local} to {one.remote}: {kept} records with the own address, {taken} after it "
              "was given up")
        check(kept > 0, f"{one.local}: no record with the own address")
        check(taken > 0, f"{one.local}: no record after the address was given up")

    remote = [REMOTE_V4, REMOTE_V6]
    check(len(traces_of(remote, plain, first)) > len(made), "the search finds nothing as it is")
    traces = traces_of(remote, recorded, second)
    check(not traces, f"{len(traces)} traces of remote addresses: {traces[:5]}")
    print(f"nothing of {', '.join(remote)} in {len(recorded)} archives")


def main() -> None:
    for text, wanted in (("192.0.2.255", "192.0.2.0"), ("::ffff:192.0.2.255", "::ffff:192.0.2.0"),
                         ("2001:db8:1:2:3:4:5:6", "2001:db8:1::")):
        check(same(netblock(text), wanted), f"netblock {text}: {netblock(text)}")
    for nobody in (False, True):
        if nobody:
            check_runnable(sys.argv[1])
        print("as nobody without capabilities" if nobody else "as root")
        with Pair() as pair, tempfile.TemporaryDirectory() as scratch:
            base = Path(scratch)
            base.chmod(0o755)
            course(pair, base, [base / "as-it-is", base / "anonymized"], nobody)


run_test(main)
