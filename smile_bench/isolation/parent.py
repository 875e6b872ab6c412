"""The agent's process as the parent sees it: requests, answers, and how it may fail."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from numpy.typing import NDArray

from smile_bench.arrays import Float32Array
from smile_bench.errors import AgentError, InputError
from smile_bench.isolation.memory import Memory, places

__all__ = ["Child"]

START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split('\\n'); "
    "from smile_bench.isolation.child import serve; serve()"
)
"""The child's program. It looks for modules where the parent does."""
LONGEST_LINE = 1 << 20
"""Bytes of the longest line that the parent reads; an agent's recipe is in one."""
LONGEST_MESSAGE = 400
"""Characters of an agent's own error that the parent repeats."""
POSIX = os.name == "posix"
POLL = 0.5
"""Seconds between two looks at whether the child is alive."""
ENDING = 30.0
"""Seconds that a child whose pipe is closed has to end: a busy machine may take some."""


class Child:
    """The agent's process, as the parent sees it."""

    def __init__(self, path: str, family: str, timeout: float) -> None:
        if not POSIX:
            raise InputError(
                "an agent gets a process of its own on POSIX systems only; run it in this process "
                "(evaluate and verify without --isolated, leaderboard evaluate --no-isolation)."
            )
        if not timeout > 0.0:
            raise InputError(f"a timeout is a positive number of seconds, got {timeout!r}.")
        self.path, self.timeout = path, timeout
        self.forgotten: list[int] = []
        """Numbers of policies that the child may forget."""
        self.memory = Memory()
        self._calls = self._numbers = 0
        self._pending = b""
        descriptor = self.memory.descriptor
        arguments = [path, family, str(descriptor)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", START, "\n".join(sys.path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            pass_fds=(descriptor,),
            # So that Ctrl-C reaches the parent alone, and what the agent starts ends with it.
            start_new_session=True,
        )
        self._open = True
        assert self._process.stdout is not None
        self._answers = self._process.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)

    def new_number(self) -> int:
        """A number for a policy."""
        self._numbers += 1
        return self._numbers

    def ask(
        self,
        asked: str,
        operation: str,
        arrays: Mapping[str, NDArray[Any]] | None = None,
        answer: Float32Array | None = None,
        **facts: Any,
    ) -> dict[str, Any]:
        """Ask the child for something.

        Args:
            asked: what it was asked to do, for messages.
            operation: name of the operation.
            arrays: what it gets.
            answer: filled with the array that it gives.
            facts: further JSON-able data.

        Returns:
            Its answer.

        Raises:
            AgentError: the agent failed or gave no answer. The process has then ended, unless it
                was the agent's own error.
        """
        if not self._open:
            raise AgentError(f"the process of {self.path} has ended; start the agent again.")
        where, size = places({**(arrays or {}), **({} if answer is None else {"": answer})})
        self.memory.reach(size, grow=True)
        for name, array in (arrays or {}).items():
            self.memory.view(where[name])[...] = array
        self._calls += 1
        forgotten, self.forgotten = self.forgotten, []
        request = {"call": self._calls, "do": operation, "size": self.memory.size, **facts}
        line = json.dumps({**request, "arrays": where, "forget": forgotten}).encode()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # Reading tells how the process ended.
            self._process.stdin.write(line + b"\n")
        reply = self._reply(asked)
        if answer is not None and "error" not in reply:
            answer[...] = self.memory.view(where[""])
        if "error" in reply:
            raise AgentError(f"{self.path} failed to {asked}: {_one_line(str(reply['error']))}")
        return reply

    def _reply(self, asked: str) -> dict[str, Any]:
        line = self._read_line(asked)
        try:
            reply = json.loads(line)
            right = isinstance(reply, dict) and reply.get("call") == self._calls
        except (ValueError, RecursionError):
            right = False
        if not right:
            shown = _one_line(line[:60].decode(errors="replace"))
            self.fail(f"sent {shown!r}, which is not an answer,", asked)
        answered: dict[str, Any] = reply
        return answered

    def _read_line(self, asked: str) -> bytes:
        deadline = time.monotonic() + self.timeout
        while b"\n" not in self._pending:
            if len(self._pending) > LONGEST_LINE:
                self.fail(f"sent more than {LONGEST_LINE} bytes without an answer", asked)
            left = deadline - time.monotonic()
            if left <= 0.0:
                self.fail(f"gave no answer within {self.timeout:g} s", asked)
            if self._selector.select(min(left, POLL)):
                chunk = os.read(self._answers, 1 << 16)
                if not chunk:
                    self.fail(self._end(), asked)
                self._pending += chunk
            elif self._process.poll() is not None:
                # What the agent started may still hold the pipe.
                self.fail(self._end(), asked)
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _end(self) -> str:
        """How the process ended."""
        try:
            status = self._process.wait(ENDING)
        except subprocess.TimeoutExpired:
            return "closed its pipe"
        if status >= 0:
            return f"ended its process with exit status {status}"
        return f"was ended by the signal {signal.Signals(-status).name}"

    def fail(self, what: str, asked: str) -> NoReturn:
        """End the process and say why.

        Raises:
            AgentError: always.
        """
        self.close()
        raise AgentError(
            f"{self.path} {what} when it was asked to {asked}; an agent must return from every "
            "call. Its own output is on standard error."
        )

    def close(self) -> None:
        """End the process, with what it has started."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        os.close(self.memory.descriptor)
        self.memory.map = None

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()


def _one_line(text: str) -> str:
    """Text of the child as a bounded line of printable characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= LONGEST_MESSAGE else f"{line[:LONGEST_MESSAGE]}…"
