"""Large blocks return to the system when they are freed."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import textwrap

import pytest

from inference.serving import malloc

MEGABYTE = 1024 * 1024

# After a large block was freed, glibc takes the next ones from its heap, where a small block can pin them.
PROGRAM = """
    import sys
    from pathlib import Path
    from inference.serving.malloc import set_mmap_threshold

    MEGABYTE = 1024 * 1024

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

    if sys.argv[1] == "give back":
        set_mmap_threshold()
    bytearray(30 * MEGABYTE)
    blocks = [bytearray(b"x") * (20 * MEGABYTE) for _ in range(10)]
    pin = bytearray(100_000)
    before = resident()
    blocks.clear()
    print(before - resident())
"""


def freed(how: str) -> int:
    program = textwrap.dedent(PROGRAM)
    done = subprocess.run([sys.executable, "-c", program, how], stdout=subprocess.PIPE, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_large_blocks_are_given_back() -> None:
    assert freed("keep") < 20 * MEGABYTE
    assert freed("give back") > 190 * MEGABYTE


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    malloc.set_mmap_threshold()
