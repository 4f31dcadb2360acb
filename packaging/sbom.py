#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what a build consists of, in SPDX 2.3 as JSON.

usage: sbom.py OUTPUT VERSION library|tools [--part NAME VERSION LICENCE PLACE library|tools HOW]...

HOW is dynamic, static or headers. The same build gives the same bytes where SOURCE_DATE_EPOCH is
set (packages set it); else the time of making is the only difference.
"""
import argparse
import datetime
import json
import os
import sys
import uuid

LINKED = {"dynamic": "DYNAMIC_LINK", "static": "STATIC_LINK", "headers": "STATIC_LINK"}
OWN = {"licence": "Apache-2.0", "place": "NOASSERTION"}
PARTS = ("NAME", "VERSION", "LICENCE", "PLACE", "OF", "HOW")


def identifier(name):
    """An element's name: letters, digits, dots and dashes."""
    return "SPDXRef-" + "".join(c if c.isalnum() or c in ".-" else "-" for c in name)


def package(name, version, licence, place, own=False):
    return {
        "SPDXID": identifier(name),
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "homepage": place,
        "licenseConcluded": licence if own else "NOASSERTION",
        "licenseDeclared": licence,
        "copyrightText": "NOASSERTION",
        "supplier": "NOASSERTION",
        "filesAnalyzed": False,
        "primaryPackagePurpose": "APPLICATION" if name == "tcpinfo-tools" else "LIBRARY",
    }


def relation(one, kind, other):
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


def document(version, tools, parts, now):
    """The whole, from the parts as the command line has them."""
    library = package("libtcpinfo", version, OWN["licence"], OWN["place"], own=True)
    packages, relations = [library], []
    relations.append(relation("SPDXRef-DOCUMENT", "DESCRIBES", library["SPDXID"]))
    if tools:
        bundle = package("tcpinfo-tools", version, OWN["licence"], OWN["place"], own=True)
        packages.append(bundle)
        relations += [relation("SPDXRef-DOCUMENT", "DESCRIBES", bundle["SPDXID"]),
                      relation(bundle["SPDXID"], "DYNAMIC_LINK", library["SPDXID"])]
    for name, number, licence, place, of, how in parts:
        packages.append(package(name, number, licence, place))
        user = library["SPDXID"] if of == "library" else identifier("tcpinfo-tools")
        relations.append(relation(user, LINKED[how], identifier(name)))
    # A name of this content alone, as the format wants it.
    content = json.dumps([packages, relations], sort_keys=True)
    space = uuid.uuid5(uuid.NAMESPACE_URL, content)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"libtcpinfo-{version}",
        "documentNamespace": f"https://spdx.org/spdxdocs/libtcpinfo-{version}-{space}",
        "creationInfo": {
            "created": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: libtcpinfo-sbom", "Organization: libtcpinfo maintainers"],
        },
        "packages": packages,
        "relationships": relations,
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("output")
    parser.add_argument("version")
    parser.add_argument("built", choices=["library", "tools"])
    parser.add_argument("--part", nargs=len(PARTS), metavar=PARTS, action="append", default=[])
    asked = parser.parse_args()
    for part in asked.part:
        if part[4] not in ("library", "tools") or part[5] not in LINKED:
            sys.exit(f"sbom.py: {part}")
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    utc = datetime.timezone.utc
    now = datetime.datetime.fromtimestamp(int(epoch), utc) if epoch else \
        datetime.datetime.now(utc)
    made = document(asked.version, asked.built == "tools", asked.part, now)
    with open(asked.output, "w", encoding="utf-8") as out:
        json.dump(made, out, indent=2)
        out.write("\n")


main()
