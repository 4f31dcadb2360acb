# SPDX-License-Identifier: Apache-2.0
"""Reads flags out of what the tools print for --help, and out of other text."""
import re

# A flag as help and pages print it; -1 and the like are numbers.
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*|-[A-Za-z])(?![\w-])")


def flags_in(text):
    return set(FLAG.findall(text))


def flags_of_help(text):
    found = set()
    for line in text.splitlines():
        # The flags stand first in a line, before the meaning.
        if line.lstrip().startswith("-"):
            found |= flags_in(re.split(r"\s{2,}| Excludes:", line.strip(), maxsplit=1)[0])
    return found
