# SPDX-License-Identifier: Apache-2.0
"""Records that do not shrink."""

from __future__ import annotations

import base64
import json
import random


def noisy(line: str, seed: int, size: int = 1200) -> str:
    """The record with an attribute of random bytes behind the others."""
    parsed = json.loads(line)
    parsed["Attributes"] += [None] * 5 + [
        base64.b64encode(random.Random(seed).randbytes(size)).decode()]
    # The poll stands behind the attributes.
    return json.dumps(parsed, separators=(",", ":")) + "\n"
