# SPDX-License-Identifier: Apache-2.0
"""What README.md says of using the library, to be done to the letter."""
import re
from pathlib import Path

SECTION = re.compile(r"^## Use the library\n(.*?)^## ", re.MULTILINE | re.DOTALL)
PROGRAM = re.compile(r"^```cpp\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    (\S.*)$", re.MULTILINE)


def library(page):
    """The program, the line that installs packages, and the three commands."""
    section = SECTION.search(Path(page).read_text(encoding="utf-8"))
    if not section:
        raise ValueError(f"{page}: no section 'Use the library'")
    program = PROGRAM.search(section[1])
    commands = COMMAND.findall(section[1][program.end():]) if program else []
    if len(commands) != 4 or not commands[0].startswith("apt-get install "):
        raise ValueError(f"{page}: no program in 'Use the library', or after it not the line of "
                         f"apt-get and three commands: {commands}")
    return program[1], commands[0], commands[1:]
