#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the fixed parts of the page of tcpinfo-dump plot a source file of C++.

usage: embed.py OUTPUT.cc PAGE.html STYLE.css README LICENCE LIBRARY.js SCRIPT.js...

LIBRARY.js must be the file whose SHA-256 README has; its licence goes with it into every page.
The scripts become one, behind the library. The page has {{STYLE}}, {{SCRIPT}} and {{DATA}} where
these go, and {{STYLE_HASH}} and {{SCRIPT_HASH}} where its policy (Content-Security-Policy) allows
these two and nothing else.
"""
import base64
import hashlib
import pathlib
import sys

# Compilers need not take longer literals than 64 KiB: pieces stay below that as they are written.
PIECE = 12000


def fail(what):
    sys.exit(f"embed.py: {what}")


def read(path):
    text = pathlib.Path(path).read_text(encoding="utf-8")
    if "\r" in text:
        fail(f"{path}: a carriage return, which browsers read as a newline: the hash would differ")
    return text


def inline(text, element):
    """Text as it may stand in an element: nothing in it ends that, or begins what hides its end."""
    for bad in ("</" + element, "<!--"):
        if bad in text.lower():
            fail(f"{bad} stands in a {element}")
    return text


def policy_hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return "'sha256-" + base64.b64encode(digest).decode() + "'"


def literal(data):
    """A literal of C++: bytes that are not plain in octal, which takes three digits and no more."""
    out = []
    for byte in data:
        char = chr(byte)
        if char == "\n":
            out.append("\\n")
        elif char in "\"\\?" or not " " <= char <= "~":
            out.append(f"\\{byte:03o}")
        else:
            out.append(char)
    return '"' + "".join(out) + '"'


def pieces(name, text):
    data = text.encode()
    parts = [data[i:i + PIECE] for i in range(0, len(data), PIECE)]
    lines = ",\n".join(f"    {literal(p)}sv" for p in parts)
    return f"constexpr std::string_view {name}[] = {{\n{lines},\n}};\n"


def page_of(page, style, readme, licence, library, scripts):
    digest = hashlib.sha256(pathlib.Path(library).read_bytes()).hexdigest()
    name = "/".join(pathlib.Path(library).parts[-2:])
    if f"{digest}  {name}" not in read(readme):
        fail(f"{name}: its SHA-256 {digest} is not that of {readme}")
    css = inline(read(style), "style")
    own = "".join(read(s) for s in scripts)
    terms = read(licence).strip()
    if "*/" in terms:
        fail(f"{licence}: ends a comment")
    js = inline("/*\n" + terms + "\n*/\n" + read(library)
                + "\n(() => {\n\"use strict\";\n" + own + "})();\n", "script")
    text = read(page)
    for placed, value in (("{{STYLE_HASH}}", policy_hash(css)),
                          ("{{SCRIPT_HASH}}", policy_hash(js)),
                        ("{{STYLE}}", css), ("{{SCRIPT}}", js)):
        if text.count(placed) != 1:
            fail(f"{page}: {placed} must stand there once")
        text = text.replace(placed, value)
    if text.count("{{DATA}}") != 1:
        fail(f"{page}: {{{{DATA}}}} must stand there once")
    return text.split("{{DATA}}")


def main():
    output, page, style, readme, licence, library, *scripts = sys.argv[1:]
    before, behind = page_of(page, style, readme, licence, library, scripts)
    pathlib.Path(output).write_text(
        "// Made by embed.py.\n#include \"offline/plotting/page_text.h\"\n\n"
        "namespace tcpinfo::offline {\nnamespace {\n\n"
        "using namespace std::string_view_literals;\n\n"
        + pieces("before", before) + pieces("behind", behind) +
        "\n}  // namespace\n\n"
        "std::span<const std::string_view> page_before_data() noexcept { return before; }\n"
        "std::span<const std::string_view> page_behind_data() noexcept { return behind; }\n\n"
        "}  // namespace tcpinfo::offline\n", encoding="utf-8")


main()
