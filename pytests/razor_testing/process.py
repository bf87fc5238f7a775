"""Processes of any command: started, watched, killed, paused and restarted by a test. Linux only.

A process leads a session and a group of its own, writes stdout and stderr to files, and never outlives pytest. It must stay
in the foreground: descendants belong to it, and are killed when it ends.
"""

import contextlib
import os
import re
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from razor_testing import process_log, process_stats, spawning
from razor_testing.address import HANG_SECONDS
from razor_testing.held_port import HeldPort, is_tcp, port_of, try_to_hold
from razor_testing.process_settings import Announcement, Ready, Settings, accepts_connections, printed_address, says_yes
from razor_testing.process_run import CRASHES, Finished, Run
from razor_testing.process_stats import Usage
from razor_testing.spawning import Limits

__all__ = [
    "Finished",
    "Limits",
    "NotReady",
    "ProcessFailure",
    "Ready",
    "ServiceProcess",
    "Settings",
    "StillRunning",
    "Usage",
    "accepts_connections",
    "close_all",
]

STEP_SECONDS = 0.002
TERMINATE_SECONDS = 10.0
LOG_LINES_SHOWN = 15


class ProcessFailure(AssertionError):
    """A process did not do what the test asked it for; the text says which, and how its log ends."""


class NotReady(ProcessFailure):
    """It ended, or the time was up, before it was ready."""


class StillRunning(ProcessFailure):
    """It did not end in time."""


def _ignore(what: str) -> None:
    pass


class ServiceProcess:
    """A process that a test starts, breaks and restarts.

    Any thread may call any method; a start that waits for readiness can be killed by another one meanwhile. Methods raise
    ProcessFailure (an AssertionError) when the process takes longer than it may. `observer` is called with each event.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        directory: Path,
        settings: Settings = Settings(),
        observer: Callable[[str], None] = _ignore,
    ):
        """Does not start it. Writes NAME.out and NAME.log in the directory, to which a restart appends."""
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise ValueError(f"{name!r} is no name of a process: letters, digits, '.', '_' and '-'")
        if not command or isinstance(command, str | bytes):
            raise ValueError(f"the command is a list of words, not {command!r}")
        self.name = name
        self.settings = settings
        self.out_path, self.log_path = directory / f"{name}.out", directory / f"{name}.log"
        self._words = list(command)
        self._directory = directory / name
        self._observer = observer
        self._mark = secrets.token_hex(8)
        self._address: str | None = None
        self._held: HeldPort | None = None
        self._run: Run | None = None
        self._runs: list[Run] = []
        self._is_finished = False
        self._lock = threading.RLock()
        self._choose_address()

    # Starting.

    def start(self) -> None:
        """Starts it, and returns when it is ready. Raises NotReady, and FileNotFoundError without such a program."""
        with self._lock:
            if self.is_running:
                raise ProcessFailure(f"{self} already runs")
            if self._is_finished:
                raise ProcessFailure(f"{self} cannot be started any more: its test is over")
            environment: dict[str, str | None] = {**os.environ, **self.settings.env}
            self.out_path.touch()
            self.log_path.touch()
            out_offset, log_offset = self.out_path.stat().st_size, self.log_path.stat().st_size
            popen = spawning.spawn(
                self.command,
                mark=self._mark,
                environment={key: value for key, value in environment.items() if value is not None},
                directory=self.settings.cwd,
                out=self.out_path,
                log=self.log_path,
                limits=self.settings.limits,
            )
            run = self._run = Run(popen, out_offset, log_offset)
            run.is_ready = self.settings.ready is None
            self._observer(f"{'restart' if self._runs else 'start'}, pid {popen.pid}")
            self._runs.append(run)
        self._wait_until_ready(run)
        self._observer(f"ready after {time.monotonic() - run.started:.3f} s")

    def restart(self) -> None:
        """Starts it with the address that it had; kills it first if it still runs."""
        self.kill()
        self.start()

    @property
    def command(self) -> list[str]:
        """Its words, with what `{address}`, `{name}` and `{directory}` stand for now."""
        if any("{directory}" in word for word in self._words):
            self._directory.mkdir(parents=True, exist_ok=True)
        values = {
            "{address}": self._address or self.settings.address,
            "{name}": self.name,
            "{directory}": str(self._directory),
        }
        # Not str.format(): words may hold JSON.
        return [re.sub("|".join(map(re.escape, values)), lambda found: values[str(found[0])], word) for word in self._words]

    # What is known of it.

    @property
    def address(self) -> str:
        """Where it listens, also while it does not run. Raises LookupError while it is unknown."""
        if self._address is None:
            raise LookupError(f"{self} has printed no address, and its command has no {{address}}")
        return self._address

    @property
    def has_address(self) -> bool:
        return self._address is not None

    @property
    def pid(self) -> int:
        """Of the present or last run."""
        return self._present_run().popen.pid

    @property
    def is_running(self) -> bool:
        """Paused counts."""
        return self._run is not None and self._settled(self._run) is None

    @property
    def is_paused(self) -> bool:
        return self.is_running and self._present_run().is_paused

    @property
    def status(self) -> int | None:
        """The exit status of the last run, or the negative number of the signal that ended it; None while it runs."""
        return self._settled(self._run) if self._run is not None else None

    @property
    def out(self) -> str:
        """The stdout of the present or last run."""
        return process_log.text_from(self.out_path, self._run.out_offset if self._run else 0)

    @property
    def log(self) -> str:
        """The stderr of the present or last run."""
        return process_log.text_from(self.log_path, self._run.log_offset if self._run else 0)

    def usage(self) -> Usage:
        """What it uses now, without its descendants. Raises ProcessFailure when it does not run."""
        with contextlib.suppress(OSError, LookupError):
            return process_stats.usage(self.pid)
        raise ProcessFailure(f"{self} has ended: nothing is known of its memory")

    def __str__(self) -> str:
        which = f"pid {self._run.popen.pid}" if self._run is not None else "not started"
        return f"{self.name} ({which}, log {self.log_path})"

    # Faults.

    def signal(self, number: int) -> None:
        """Sends it to the process alone, not to its descendants. Nothing happens when it has ended."""
        with self._lock:
            run = self._run
            if run is None or self._settled(run) is not None:
                return
            run.sent.add(number)
            if number not in (signal.SIGSTOP, signal.SIGCONT):
                run.end_is_expected = True
            self._observer(f"signal {signal.Signals(number).name}")
            os.kill(run.popen.pid, number)

    def kill(self, *, waits: bool = True) -> None:
        """SIGKILL to its whole group. It has ended when this returns, if it `waits`. Nothing happens if it does not run."""
        with self._lock:
            run = self._run
            if run is None or self._settled(run) is not None:
                return
            if signal.SIGKILL not in run.sent:
                self._observer("kill")
            run.sent.add(signal.SIGKILL)
            run.end_is_expected = True
            os.killpg(run.popen.pid, signal.SIGKILL)
        if waits:
            self._wait_for_end(run, HANG_SECONDS)

    def pause(self) -> None:
        """SIGSTOP to its whole group. It stands still when this returns; the system still accepts connections for it."""
        with self._lock:
            run = self._present_run()
            if self._settled(run) is not None:
                raise ProcessFailure(f"{self} cannot be paused: it has ended with status {run.status}")
            run.is_paused = True
            self._observer("pause")
            os.killpg(run.popen.pid, signal.SIGSTOP)
        self._wait_for(run, lambda: process_stats.is_stopped(run.popen.pid), HANG_SECONDS)

    def resume(self) -> None:
        """SIGCONT to its whole group. Nothing happens when it is not paused."""
        with self._lock:
            run = self._run
            if run is None or not run.is_paused or self._settled(run) is not None:
                return
            run.is_paused = False
            self._observer("resume")
            os.killpg(run.popen.pid, signal.SIGCONT)

    def terminate(self, seconds: float = TERMINATE_SECONDS) -> int:
        """SIGTERM to the process alone, which is resumed if it is paused. Returns its exit status; raises StillRunning, and
        leaves it running, when it takes longer."""
        self.resume()
        self.signal(signal.SIGTERM)
        return self._wait_for_end(self._present_run(), seconds)

    def wait(self, seconds: float = HANG_SECONDS) -> Finished:
        """Waits until it has ended, of whatever cause. Raises StillRunning, and leaves it running, when it takes longer."""
        run = self._present_run()
        run.end_is_expected = True
        status = self._wait_for_end(run, seconds)
        return Finished(status, self.out, self.log, time.monotonic() - run.started)

    # The end.

    def ask_to_end(self) -> None:
        """The first half of its end for good: resumed, SIGTERM. It cannot be started again."""
        with self._lock:
            self._is_finished = True
            run = self._run
            if run is not None and self._settled(run) is None:
                run.end_is_expected = run.is_asked_to_end = True
                os.killpg(run.popen.pid, signal.SIGCONT)
                os.kill(run.popen.pid, signal.SIGTERM)

    def finish(self, seconds: float) -> list[str]:
        """The second half: SIGKILL to it after some seconds, and to its descendants. Returns what was wrong:
        crashes, ends that nobody asked for, what its log says of sanitizers and failed checks."""
        if self._held is not None:
            self._held.close()
        if self._run is None:
            return []
        complaints = []
        run = self._run
        try:
            status = self._wait_for_end(run, max(seconds, STEP_SECONDS))
            good = self.settings.final_statuses
            if good is not None and run.is_asked_to_end and status not in good and -status not in CRASHES:
                complaints.append(f"{self} ended with status {status} after SIGTERM")
        except StillRunning as late:
            complaints.append(f"{late} and SIGTERM")
            self.kill()
        complaints += [f"{self} {what}" for run in self._runs if (what := run.complaint(self.settings.keeps_running))]
        spawning.kill_descendants(self._mark)
        alarm = process_log.first_alarm(self.log_path, self.settings.ignored_alarms)
        if alarm is not None:
            complaints.append(f"{self} logged: {alarm}")
        return complaints

    def describe(self, lines: int = LOG_LINES_SHOWN) -> str:
        """How its output ends, for the report of a failed test."""
        state = "never started" if self._run is None else "paused" if self.is_paused else f"status {self.status}"
        shown = [f"{self}, {'running' if state == 'status None' else state}: {' '.join(self.command)}"]
        for title, path in (("stdout", self.out_path), ("log", self.log_path)):
            ending = process_log.tail(path, lines) if path.exists() else []
            shown += [f"  {title}:", *(f"    {line}" for line in ending)] if ending else []
        return "\n".join(shown)

    # How it works.

    def _choose_address(self) -> None:
        at = self.settings.address
        if not any("{address}" in word for word in self._words):
            return
        if not is_tcp(at):
            self._address = at
        elif port_of(at) != 0:
            self._address = at
            self._held = try_to_hold(at)
        elif not self.settings.prints_address:
            self._held = HeldPort(at)
            self._address = self._held.address

    def _present_run(self) -> Run:
        if self._run is None:
            raise ProcessFailure(f"{self} was never started")
        return self._run

    def _settled(self, run: Run) -> int | None:
        """The status of a run that has ended. Its group is killed before its number is given back, and may mean others."""
        with self._lock:
            if run.status is not None:
                return run.status
            pid = run.popen.pid
            try:
                if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    return None
            except ChildProcessError:
                raise ProcessFailure(f"somebody else waited for {self}: how it ended is lost") from None
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            run.status = run.popen.wait()
            spawning.forget(pid)
            if not self._is_finished and self._held is None and self._address is not None and is_tcp(self._address):
                self._held = try_to_hold(self._address)
            self._observer(f"ended with status {run.status}")
            return run.status

    def _wait_for(self, run: Run, is_true: Callable[[], bool], seconds: float) -> bool:
        """Whether that became true in time, or the run ended."""
        give_up = time.monotonic() + seconds
        while self._settled(run) is None and not is_true():
            if time.monotonic() > give_up:
                return False
            time.sleep(STEP_SECONDS)
        return True

    def _wait_for_end(self, run: Run, seconds: float) -> int:
        if not self._wait_for(run, lambda: False, seconds):
            raise StillRunning(f"{self} still runs after {seconds:.1f} s")
        assert run.status is not None
        return run.status

    def _readiness(self, run: Run) -> Callable[[], bool]:
        ready = self.settings.ready
        if isinstance(ready, str):
            outputs = ((self.out_path, run.out_offset), (self.log_path, run.log_offset))
            announcement = Announcement(ready, [process_log.LineReader(path, offset) for path, offset in outputs])
            return lambda: self._is_announced(announcement)
        asked = ready
        return lambda: asked is None or says_yes(asked, self)

    def _is_announced(self, announcement: Announcement) -> bool:
        has_come = announcement.has_come()
        if has_come and announcement.group is not None:
            self._address = printed_address(announcement.group, self.settings.address)
        return has_come

    def _wait_until_ready(self, run: Run) -> None:
        seconds = self.settings.ready_seconds
        try:
            is_ready = self._wait_for(run, self._readiness(run), seconds)
            if is_ready and (run.status is None or not self.settings.keeps_running):
                run.is_ready = True
                return
            problem = (
                f"ended with status {run.status} before it was ready" if is_ready else f"was not ready after {seconds:.1f} s"
            )
        except ValueError as hostile:
            problem = f"printed {hostile}"
        self.kill()
        awaited = f" (awaited: {self.settings.ready!r})" if isinstance(self.settings.ready, str) else ""
        raise NotReady(f"{self} {problem}{awaited}\n{self.describe()}")


def close_all(processes: Iterable[ServiceProcess], seconds: float = TERMINATE_SECONDS) -> list[str]:
    """Ends all: SIGTERM to all at once, SIGKILL to those that need longer. Returns what was wrong with them."""
    processes = list(processes)
    for process in processes:
        process.ask_to_end()
    give_up = time.monotonic() + seconds
    return [complaint for process in processes for complaint in process.finish(give_up - time.monotonic())]
