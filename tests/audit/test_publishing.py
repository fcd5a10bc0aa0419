"""Publishing under kill -9 and failing disks: whole or absent, never in between, and nothing left lying about.

The writer imports `pairkit.audit.seal` alone, so that hundreds can be killed in seconds. Each writes to a folder of its own
count and prints the name of a folder only after `publish` has returned, so that what it announced can be held against what is
there. SIGKILL keeps what the kernel has taken: this shows that a name never stands for a part; that the bytes are durable
before the name is follows from the order of the calls, which is held further down.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pairkit.audit import seal
from pairkit.audit.seal import publish, sweep
from pairkit.audit.snapshots.snapshot import open_snapshot, write_snapshot
from pairkit.errors import SnapshotError
from tests import ROOT
from tests.small_market import snapshot_input

KILLS, AT_ONCE = 320, 4
SEED = 20240601
CONTENT = {f"{k}.bin": bytes([k]) * 30_000 for k in range(5)}
WRITER = """
import os, sys, itertools
from pairkit.audit.seal import publish
content = {f"{k}.bin": bytes([k]) * 30_000 for k in range(5)}
parent, writer = sys.argv[1:]
for child in itertools.count():          # a fork a kill: the interpreter starts once
    sys.stdin.readline()
    pid = os.fork()
    if pid == 0:
        for n in itertools.count():
            name = f"{writer}-{child}-{n}"
            publish(f"{parent}/{name}", content)
            os.write(1, f"{name}\\n".encode())
    os.write(1, f"pid {pid}\\n".encode())
    os.waitpid(pid, 0)
    os.write(1, b"dead\\n")
"""


class Writer:
    """A process that forks a child for every kill; the child publishes folder after folder until it is killed."""

    def __init__(self, parent: Path, name: str) -> None:
        command = [sys.executable, "-c", WRITER, str(parent), name]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.announced: list[str] = []

    def start(self) -> int:
        """Fork a child; its process id."""
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return int(self._until("pid"))

    def await_death(self) -> None:
        self._until("dead")

    def _until(self, word: str) -> str:
        while True:
            line = self.process.stdout.readline().strip()
            if line.startswith(word):
                return line.removeprefix(word)
            assert line, "the writer is gone"
            self.announced.append(line)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def writers(tmp_path):
    started = [Writer(tmp_path, f"w{number}") for number in range(AT_ONCE)]
    yield started
    for writer in started:
        writer.close()


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_hundreds_of_kills_at_random_instants_tear_nothing(tmp_path, writers):
    """320 writers killed 0 to 25 ms into their work, four at once: every folder with a name is whole, none that was announced is
    missing, what is left over is swept, and publishing goes on.
    """
    rng = random.Random(SEED)
    for _ in range(KILLS // AT_ONCE):
        children = [(writer, writer.start()) for writer in writers]
        for writer, pid in children:
            time.sleep(rng.uniform(0, 0.025))
            os.kill(pid, signal.SIGKILL)
            writer.await_death()
    published = {
        path.name: path for path in tmp_path.iterdir() if not path.name.startswith(seal.TMP_PREFIX)
    }
    torn = [name for name, path in published.items() if content_of(path) != CONTENT]
    leftovers = list(tmp_path.glob(f"{seal.TMP_PREFIX}*"))
    assert torn == [], f"seed {SEED}"
    assert {name for writer in writers for name in writer.announced} <= set(published)
    assert len(published) >= 10, "the kills came before anything was published"
    assert leftovers, "no kill came in the middle of a write, so nothing was tested"
    assert sorted(sweep(tmp_path, older_than_seconds=0)) == sorted(leftovers)
    assert not list(tmp_path.glob(f"{seal.TMP_PREFIX}*"))
    publish(tmp_path / "after", CONTENT)


SEALER = """
import sys
from pairkit.audit.snapshots.snapshot import write_snapshot
from tests.small_market import snapshot_input
given = snapshot_input()
print("ready", flush=True)
for n in range(10_000):
    write_snapshot(sys.argv[1], f"s{n}", **given)
"""


def test_a_killed_snapshot_writer_leaves_snapshots_that_open(tmp_path):
    """A writer of whole snapshots, killed in the middle of its work: each one with a name opens under its own hash."""
    rng = random.Random(SEED)
    for attempt in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", SEALER, str(tmp_path / str(attempt))], stdout=subprocess.PIPE
        )
        writer.stdout.readline()
        until = time.monotonic() + 60
        while not any((tmp_path / str(attempt)).glob("s*")) and time.monotonic() < until:
            time.sleep(0.01)  # until it has published one, however busy the machine is
        time.sleep(rng.uniform(0.1, 0.3))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    published = [path for path in tmp_path.glob("*/s*") if path.is_dir()]
    assert published
    for path in published:
        assert open_snapshot(path).roots == ("HC", "RB")


# --- the order of the calls ------------------------------------------------------------------------------------------
class Calls:
    """The calls of the operating system that publishing makes, in order; the one with number `fails` raises."""

    def __init__(self, monkeypatch, fails: int | None = None, error: int = errno.ENOSPC) -> None:
        self.made: list[tuple[str, str]] = []
        self.fails, self.error = fails, error
        real_write, real_fsync, real_rename, real_mkdir = (
            seal._write_all,
            os.fsync,
            Path.rename,
            Path.mkdir,
        )

        def write(file, raw):
            self.note("write", Path(file.name).name)
            real_write(file, raw)

        def fsync(handle):
            self.note("fsync", Path(f"/proc/self/fd/{handle}").readlink().name)
            real_fsync(handle)

        def rename(path, target):
            self.note("rename", Path(target).name)
            return real_rename(path, target)

        def mkdir(path, *arguments, **options):
            if path.name.startswith(seal.TMP_PREFIX):
                self.note("mkdir", path.name)
            real_mkdir(path, *arguments, **options)

        monkeypatch.setattr(seal, "_write_all", write)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "rename", rename)
        monkeypatch.setattr(Path, "mkdir", mkdir)

    def note(self, what: str, name: str) -> None:
        self.made.append((what, seal.TMP_PREFIX if name.startswith(seal.TMP_PREFIX) else name))
        if self.fails == len(self.made) - 1:
            raise OSError(self.error, os.strerror(self.error))


SMALL = {"a.bin": b"a" * 1000, "b.bin": b"b" * 2000}
ORDER = [
    ("mkdir", ".tmp-"),
    ("write", "a.bin"),
    ("fsync", "a.bin"),
    ("write", "b.bin"),
    ("fsync", "b.bin"),
    ("fsync", ".tmp-"),
    ("rename", "x"),
    ("fsync", "parent"),
]


def test_bytes_are_durable_before_their_name_is(tmp_path, monkeypatch):
    """write < fsync of each file < fsync of the folder < rename < fsync of the parent."""
    calls = Calls(monkeypatch)
    publish(tmp_path / "parent" / "x", SMALL)
    assert calls.made == ORDER


@pytest.mark.parametrize(
    "error", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS], ids=errno.errorcode.get
)
@pytest.mark.parametrize("step", range(len(ORDER) - 1), ids=lambda step: "-".join(ORDER[step]))
def test_a_disk_that_fails_at_any_step_publishes_nothing(tmp_path, monkeypatch, step, error):
    """Before the rename: no target, no leftovers, and the disk's own words; a second try on a sound disk succeeds."""
    (tmp_path / "parent").mkdir()
    with monkeypatch.context() as patched:
        Calls(patched, fails=step, error=error)
        with pytest.raises(SnapshotError, match=os.strerror(error)) as caught:
            publish(tmp_path / "parent" / "x", SMALL)
    assert "Nothing was published" in str(caught.value)
    assert not list((tmp_path / "parent").iterdir())
    publish(tmp_path / "parent" / "x", SMALL)


def test_a_disk_that_fails_after_the_rename_says_what_is_there(tmp_path, monkeypatch):
    """The folder is whole, but may not outlast a power cut: that is what the error says, not that nothing is there."""
    Calls(monkeypatch, fails=len(ORDER) - 1, error=errno.EIO)
    (tmp_path / "parent").mkdir()
    with pytest.raises(SnapshotError, match="is whole") as caught:
        publish(tmp_path / "parent" / "x", SMALL)
    assert "Nothing was published" not in str(caught.value)
    assert content_of(tmp_path / "parent" / "x") == SMALL


def test_a_write_that_takes_only_a_part_is_no_success(tmp_path):
    """A file system that is really full (a quota of the process) refuses in our words and leaves nothing behind."""
    code = (
        f"import resource, signal, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pairkit.audit.seal import publish\nfrom pairkit.errors import SnapshotError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
        f"try: publish({str(tmp_path / 'x')!r}, {{'a.bin': b'a' * 40_000, 'b.bin': b'b' * 90_000}})\n"
        "except SnapshotError as error: print(error)\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "File too large" in answer.stdout
    assert not list(tmp_path.iterdir())


def test_a_full_disk_during_an_import_leaves_nothing_and_says_so(tmp_path, monkeypatch):
    """Through the writer of snapshots too: the error is ours, and the folder of snapshots stays as it was."""
    write_snapshot(tmp_path, "before", **snapshot_input())
    Calls(monkeypatch, fails=3)
    with pytest.raises(SnapshotError, match="No space left"):
        write_snapshot(tmp_path, "mine", **snapshot_input())
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


def test_two_writers_of_one_name_make_one_snapshot(tmp_path, monkeypatch):
    """Where another publishes the same name in the last instant, the first stays as it is and the second is refused."""
    real_rename = Path.rename

    def beaten(path, target):
        monkeypatch.setattr(Path, "rename", real_rename)
        publish(target, SMALL)
        return real_rename(path, target)

    monkeypatch.setattr(Path, "rename", beaten)
    with pytest.raises(SnapshotError):
        publish(tmp_path / "x", {"c.bin": b"c"})
    assert content_of(tmp_path / "x") == SMALL
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
