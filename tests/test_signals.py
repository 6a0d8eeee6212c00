"""Signals that arrive just when a file or folder is made, renamed or removed."""

import os
import signal
import threading

import numpy as np
import pytest

from kxcli.cli import main
from kxcli.output import sink
from kxcli.signals import ENDING_SIGNALS, delay_signals
from kxcli.storage import array_file
from kxcli.storage.partial_store import PartialStore
from kxcli.storage.workspace import Workspace


class EndedError(BaseException):
    """Raised by the handlers of these tests."""


@pytest.fixture(autouse=True)
def raise_on_signals(monkeypatch, tmp_path):
    def end(number, _):
        for other in ENDING_SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise EndedError(number)

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = [(number, signal.signal(number, end)) for number in ENDING_SIGNALS]
    yield
    for number, handler in before:
        signal.signal(number, handler)


def send_after(monkeypatch, name, number=signal.SIGTERM, *, of=".kxcli- kxcli- lock- kept- out."):
    """Send a signal right after the first call of a function of `os` on a file of ours; return the list of its path."""
    function = getattr(os, name)
    sent = []

    def call(path, *arguments, **options):
        result = function(path, *arguments, **options)
        if not sent and os.path.basename(os.fspath(path)).startswith(tuple(of.split())):
            sent.append(path)
            os.kill(os.getpid(), number)
        return result

    monkeypatch.setattr(os, name, call)
    return sent


def write_output(folder):
    sink.write([b"x\n"], f"{folder}/out")


def check_output(folder):
    sink.check(f"{folder}/out")


def use_workspace(folder):
    with Workspace() as workspace:
        workspace.make_folder()


def write_partial(folder):
    PartialStore(str(folder), "").save(b"x")


def write_arrays(folder):
    array_file.save_arrays({"x": np.zeros(3)}, None, f"{folder}/out")


USES = {
    write_output: ("open", "rename", "replace"),
    check_output: ("open", "rename", "unlink"),
    use_workspace: ("mkdir", "rename"),
    write_partial: ("open", "replace"),
    write_arrays: ("open", "replace"),
}


@pytest.mark.parametrize("number", ENDING_SIGNALS)
@pytest.mark.parametrize(("use", "call"), [(use, call) for use, calls in USES.items() for call in calls])
def test_signal_after_any_step_leaves_no_unfinished_file(tmp_path, monkeypatch, use, call, number):
    sent = send_after(monkeypatch, call, number)
    with pytest.raises(EndedError):
        use(tmp_path)
    assert sent
    unfinished = [name for name in os.listdir(tmp_path) if name != "out" and not name.endswith(".partial")]
    assert unfinished == []


@pytest.mark.parametrize("call", ["open", "mkdir", "rename", "unlink"])
@pytest.mark.parametrize("options", [("-j", 1), ("-j", 2, "--shard-size", 64), ("-j", 1, "--checkpoint", "ck")])
def test_signal_after_any_step_of_run_leaves_no_file(tmp_path, monkeypatch, capsys, options, call):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.txt").write_text("今天天气很好\n" * 20)
    sent = send_after(monkeypatch, call)
    code = main([*map(str, ("wordcount", "in.txt", "-o", "out", *options))])
    assert code == (143 if sent else 0)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and not path.name.endswith(".partial")}
    assert left - {"in.txt", "lock", "out"} == set()
    assert [name for name in os.listdir(tmp_path) if "kxcli" in name] == []
    assert capsys.readouterr().out == ""


def test_delayed_signal_arrives_after_outermost_block():
    steps = []
    with pytest.raises(EndedError), delay_signals():
        with delay_signals():
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("inner")
        steps.append("outer")
    assert steps == ["inner", "outer"]


def test_delayed_signal_follows_error():
    with pytest.raises(EndedError) as end, delay_signals():
        os.kill(os.getpid(), signal.SIGINT)
        raise OSError
    assert isinstance(end.value.__context__, OSError)


def test_ignored_signals_and_handlers_are_restored():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    handlers = [signal.getsignal(number) for number in ENDING_SIGNALS]
    with delay_signals():
        os.kill(os.getpid(), signal.SIGHUP)
    assert [signal.getsignal(number) for number in ENDING_SIGNALS] == handlers


def test_other_thread_delays_no_signal():
    results = []

    def run():
        with delay_signals():
            results.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert results == [signal.getsignal(signal.SIGTERM)]
