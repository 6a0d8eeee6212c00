"""How the compiled kernel gets into a wheel and an editable installation, and how KXCLI_KERNEL changes it."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile

import pytest
from conftest import ROOT, SAMPLES
from sanitizers import build_sanitized

from kxcli import kernel
from kxcli.errors import KxcliError, UsageError

CAN_BUILD = bool(subprocess.run([sys.executable, ROOT / ".ci" / "kernel_setting.py"], capture_output=True).stdout)
needs_compiler = pytest.mark.skipif(not CAN_BUILD, reason="there is no compiler, or no Python.h")
PARTS = ("kernel", "kxcli", "hatch_build.py", "pyproject.toml", "README.md", "LICENSE", ".gitignore")
BROKEN = {"CC": "/bin/false"}
WARNING = "kxcli is built without its compiled kernel"


@pytest.fixture
def project(tmp_path):
    """Return a copy of the project, with an old module in its package."""
    folder = tmp_path / "project"
    folder.mkdir()
    for name in PARTS:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy2(path, folder)
    (folder / "kxcli" / "_kernel.abi3.so").write_bytes(b"of another time")
    return folder


def run_python(*arguments, code=0, python=sys.executable, cwd=None, **variables):
    """Run Python without KXCLI_KERNEL unless given, and return its output; the exit code has to be `code`."""
    environment = {name: value for name, value in os.environ.items() if name not in ("KXCLI_KERNEL", "CFLAGS")}
    ended = subprocess.run(
        [python, *map(str, arguments)],
        cwd=cwd,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == code, ended.stdout
    return ended.stdout


def build_wheel(project, code=0, **variables):
    """Build a wheel in an environment that has the build requirements; return its path and the output."""
    out = project.parent / "wheels"
    shutil.rmtree(out, ignore_errors=True)
    options = ("--no-build-isolation", "--no-deps", "--no-cache-dir", "--no-index", "-v", "-w", out)
    output = run_python("-m", "pip", "wheel", ".", *options, code=code, cwd=project, **variables)
    wheels = sorted(out.glob("*.whl")) if out.exists() else []
    return (wheels[0] if wheels else None), output


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def show_version(wheel):
    """Return the output of `kxcli --version` from an unpacked wheel."""
    folder = wheel.parent / "unpacked"
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return run_python("-P", "-m", "kxcli", "--version", PYTHONPATH=str(folder))


# Wheels


@pytest.mark.full
@needs_compiler
def test_wheel_has_the_module_and_no_sources(project):
    wheel, _ = build_wheel(project, KXCLI_KERNEL="require")
    assert "-cp311-abi3-" in wheel.name
    names = names_in(wheel)
    assert "kxcli/_kernel.abi3.so" in names and "kxcli/_kernel.pyi" in names
    assert {f"kxcli/mining/stopwords/{name}" for name in ("zh.txt", "zh-tw.txt", "en.txt", "LICENSE")} <= {*names}
    assert not [name for name in names if name.endswith((".c", ".h")) or name.startswith("kernel")]
    assert "kernel: compiled\n" in show_version(wheel)


@pytest.mark.costly
@pytest.mark.full
@pytest.mark.parametrize("variables", [BROKEN, {"PATH": "/nowhere", "CC": "gcc"}, {"KXCLI_KERNEL": "off"}], ids=str)
def test_wheel_without_compiler_is_pure(project, variables):
    wheel, output = build_wheel(project, **variables)
    assert wheel.name.endswith("-py3-none-any.whl")
    assert not [name for name in names_in(wheel) if name.endswith(".so")]
    assert (WARNING in output and "python3-dev" in output) == ("KXCLI_KERNEL" not in variables)
    first, second = show_version(wheel).splitlines()
    assert first.startswith("kxcli, version ") and second.startswith("kernel: none (kxcli was installed without")


@pytest.mark.full
@pytest.mark.parametrize(
    ("variables", "reason"),
    [(BROKEN | {"KXCLI_KERNEL": "require"}, "/bin/false"), ({"KXCLI_KERNEL": "yes"}, "KXCLI_KERNEL=yes is unknown")],
    ids=["require", "unknown"],
)
def test_failed_build_shows_reason(project, variables, reason):
    wheel, output = build_wheel(project, code=1, **variables)
    assert wheel is None
    assert reason in output


@pytest.mark.full
@needs_compiler
def test_sources_that_do_not_compile_fail_with_require(project):
    (project / "kernel" / "bytes.c").write_text("#error broken\n")
    build_wheel(project, code=1, KXCLI_KERNEL="require")


@pytest.mark.slow
@needs_compiler
def test_source_distribution_has_all_to_build_the_module(project):
    run_python("-m", "hatchling", "build", "-t", "sdist", "-d", "dist", cwd=project)
    (path,) = (project / "dist").glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(project.parent, filter="data")
    folder = project.parent / path.name.removesuffix(".tar.gz")
    assert {path.name for path in (folder / "kernel").iterdir()} == {path.name for path in (ROOT / "kernel").iterdir()}
    assert not (folder / "kxcli" / "_kernel.abi3.so").exists()
    assert "-cp311-abi3-" in build_wheel(folder, KXCLI_KERNEL="require")[0].name


@pytest.mark.slow
@needs_compiler
def test_flags_of_the_environment_do_not_change_arithmetic(project):
    wheel, _ = build_wheel(project, KXCLI_KERNEL="require", CFLAGS="-Ofast -ffp-contract=fast")
    assert "-cp311-abi3-" in wheel.name


def test_tag_names_the_exact_abi_without_limited_api(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    import hatch_build

    assert hatch_build.make_tag().startswith("cp311-abi3-")
    monkeypatch.setattr(hatch_build, "_has_limited_api", lambda: False)
    version = f"cp3{sys.version_info.minor}"
    assert hatch_build.make_tag().startswith(f"{version}-{version}")


@pytest.mark.parametrize(
    ("platform", "is_free_threaded", "macros"),
    [
        ("linux", 0, {"Py_LIMITED_API": "0x030B0000"}),
        ("win32", None, {"Py_LIMITED_API": "0x030B0000"}),
        ("linux", 1, {}),
        ("win32", 1, {"Py_GIL_DISABLED": "1"}),
    ],
)
def test_macros_select_the_api_of_python(monkeypatch, platform, is_free_threaded, macros):
    monkeypatch.syspath_prepend(ROOT)
    import hatch_build

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(hatch_build.sysconfig, "get_config_var", {"Py_GIL_DISABLED": is_free_threaded}.get)
    assert dict(hatch_build.list_macros()) == macros


# Editable installations


@pytest.mark.slow
@needs_compiler
def test_editable_installation_has_the_module_only_after_success(project):
    environment = project.parent / "environment"
    venv.create(environment, symlinks=True)
    python = environment / "bin" / "python"
    module = project / "kxcli" / "_kernel.abi3.so"
    libraries = os.path.dirname(os.path.dirname(pytest.__file__))  # has the build requirements

    def install(code=0, **variables):
        options = ("--no-build-isolation", "--no-deps", "--no-index", "-v", "-e", project)
        return run_python(
            *("-m", "pip", "--python", python, "install", *options), code=code, PYTHONPATH=libraries, **variables
        )

    install(KXCLI_KERNEL="require")
    where = run_python("-P", "-c", "import kxcli._kernel as module; print(module.__file__)", python=python)
    assert where.strip() == str(module)
    assert WARNING in install(**BROKEN)
    assert not module.exists()
    module.write_bytes(b"of another time")
    install(code=1, KXCLI_KERNEL="require", **BROKEN)
    assert not module.exists()
    module.write_bytes(b"of another time")
    install(KXCLI_KERNEL="off")
    assert not module.exists()


def test_setting_for_make_depends_on_the_compiler():
    script = ROOT / ".ci" / "kernel_setting.py"
    assert run_python(script, CC="/nowhere/gcc") == ""
    assert run_python(script, CC="sh -x") in ("require\n", "")


@pytest.mark.slow
@needs_compiler
def test_sanitized_module_is_in_use(tmp_path):
    variables = build_sanitized(tmp_path)
    show = "import kxcli._kernel as module; print(module.__file__)"
    assert run_python("-P", "-c", show, **variables).strip() == str(tmp_path / "kxcli" / "_kernel.abi3.so")


# KXCLI_KERNEL when kxcli runs


@pytest.fixture
def kxcli(kxcli):
    """The program without the setting that the tests themselves run with."""
    kxcli.environment.pop("KXCLI_KERNEL", None)
    return kxcli


@pytest.fixture
def setting(monkeypatch):
    """Return a function that sets KXCLI_KERNEL."""
    monkeypatch.delenv("KXCLI_KERNEL", raising=False)
    return lambda value: monkeypatch.setenv("KXCLI_KERNEL", value)


@pytest.fixture
def new_import():
    """Forget the imported kernel, before and after."""
    kernel._import_kernel.cache_clear()
    yield
    kernel._import_kernel.cache_clear()


@pytest.fixture
def missing_module(new_import, monkeypatch):
    monkeypatch.setitem(sys.modules, "kxcli._kernel", None)


@pytest.mark.parametrize("value", ["", "require"])
def test_kernel_is_loaded(setting, value):
    pytest.importorskip("kxcli._kernel")
    setting(value)
    assert kernel.load_kernel() is sys.modules["kxcli._kernel"]
    assert kernel.explain_absence() == ""


def test_kernel_can_be_turned_off(setting):
    setting("off")
    assert kernel.load_kernel() is None
    assert kernel.explain_absence() == "KXCLI_KERNEL=off"


def test_missing_kernel_is_explained(setting, missing_module):
    assert kernel.load_kernel() is None
    assert "installed without its compiled kernel; install gcc" in kernel.explain_absence()
    setting("require")
    with pytest.raises(KxcliError, match="KXCLI_KERNEL=require: kxcli was installed without"):
        kernel.load_kernel()


def test_import_is_tried_once(setting, missing_module, monkeypatch):
    assert kernel.find_kernel() is None
    monkeypatch.setattr(kernel, "import_module", None)
    assert kernel.find_kernel() is None
    setting("require")
    assert kernel.find_kernel() is None
    setting("off")
    assert kernel.explain_absence() == "KXCLI_KERNEL=off"


def test_stub_has_the_names_of_the_module():
    compiled = pytest.importorskip("kxcli._kernel")
    tree = ast.parse((ROOT / "kxcli/_kernel.pyi").read_text("utf-8"))
    assert _find_names(tree) == {name for name in dir(compiled) if not name.startswith("_")}
    for part in tree.body:
        if isinstance(part, ast.ClassDef):
            assert _find_names(part) == {name for name in dir(getattr(compiled, part.name)) if not name.startswith("_")}


def _find_names(tree):
    names = {part.name for part in tree.body if isinstance(part, (ast.ClassDef, ast.FunctionDef))}
    names |= {part.target.id for part in tree.body if isinstance(part, ast.AnnAssign)}
    return {name for name in names if not name.startswith("_")}


def test_kernel_of_another_version_is_not_used(setting, new_import, monkeypatch):
    pytest.importorskip("kxcli._kernel")
    monkeypatch.setattr(kernel, "INTERFACE", 10**6)
    assert kernel.load_kernel() is None
    assert "belongs to another version of kxcli" in kernel.explain_absence()


@pytest.fixture
def count_words(kxcli):
    """Return a command line that needs two tasks and, for jieba itself, a dictionary that loads fast."""
    (kxcli.folder / "dict").write_text("今天 5\n天气 3\n", "utf-8")
    return ("wordcount", "--dict", "dict", "--shard-size", "8K", SAMPLES / "news.txt")


@pytest.mark.parametrize("workers", [1, 2])
def test_missing_kernel_is_reported_once(kxcli, count_words, missing_module, workers):
    (line,) = kxcli(*count_words, "-j", workers).err.splitlines()
    assert line.startswith(
        "kxcli: running on jieba itself, many times slower: kxcli was installed without its compiled kernel"
    )
    for mode in ("char", "space"):
        (line,) = kxcli("wordcount", "-t", mode, "-j", workers, SAMPLES / "news.txt").err.splitlines()
        assert line.startswith("kxcli: running without the compiled kernel, which is slower: kxcli was installed")
    for options in (("-q",), ("--engine", "jieba")):
        assert kxcli(*count_words, "-j", workers, *options).err == ""
    assert kxcli("wordcount", "-t", "regex", "--pattern", "x", "-j", workers, SAMPLES / "news.txt").err == ""
    kxcli.environment["KXCLI_KERNEL"] = "off"
    assert kxcli(*count_words, "-j", workers).err == ""


@pytest.mark.parametrize("workers", [1, 2])
def test_missing_kernel_is_reported_by_newwords(kxcli, missing_module, workers):
    options = ("--min-count", 4, "-j", workers, "--shard-size", "8K", "-o", "words.tsv")  # no note on little text
    use = ("newwords", *options, SAMPLES / "news.txt")
    (line,) = kxcli(*use).err.splitlines()
    assert line.startswith("kxcli: running without the compiled kernel, which is slower: kxcli was installed")
    kxcli.environment["KXCLI_KERNEL"] = "off"
    assert kxcli(*use).err == ""


def test_missing_kernel_is_reported_by_entity_link_with_a_tagger(kxcli, missing_module):
    names = [f"{first}{second}" for first in "王李张刘陈杨赵黄" for second in "伟芳娜敏静强磊军洋艳"]
    (kxcli.folder / "kb").write_text("天气\tw\n", "utf-8")
    mentions = [[{"mention": name, "offset": "2", "kb_id": "NIL"}] for name in names]
    texts = [
        {"text_id": n, "text": f"昨天{name}先生回家了", "mention_data": mentions[n]} for n, name in enumerate(names)
    ]
    (kxcli.folder / "gold").write_text("".join(json.dumps(text) + "\n" for text in texts), "utf-8")
    notice = "kxcli: running without the compiled kernel, which is slower: kxcli was installed"
    base = ("entity-link", "--kb", "kb")
    assert kxcli(*base, stdin="天气").err == ""
    training = kxcli(*base, "--train", "gold", "--model", "model.npz").err
    assert training.count(notice) == 1 and "with a tagger" in training
    for use in (("-j", 2, "--shard-size", 100, "gold"), ("--evaluate", "gold")):
        assert kxcli(*base, "--model", "model.npz", *use).err.count(notice) == 1


@pytest.mark.parametrize(
    "use",
    [("wordcount",), ("wordcount", "-t", "char"), ("newwords",), ("entity-link", "--kb", "none", "--model", "none")],
    ids=" ".join,
)
def test_missing_kernel_is_an_error_if_required(kxcli, missing_module, use):
    kxcli.environment["KXCLI_KERNEL"] = "require"
    error = kxcli(*use, "absent.txt", code=1).err
    assert "KXCLI_KERNEL=require: kxcli was installed without its compiled kernel" in error


def test_kernel_is_not_required_where_it_is_not_used(kxcli, count_words, missing_module):
    use_regex = ("wordcount", "-t", "regex", "--pattern", r"\w", "--shard-size", "8K", SAMPLES / "news.txt")
    for use in ((*count_words, "--engine", "jieba"), use_regex):
        kxcli.environment["KXCLI_KERNEL"] = ""
        expected = kxcli(*use, "-j", 2).text
        kxcli.environment["KXCLI_KERNEL"] = "require"
        assert kxcli(*use, "-j", 2).text == expected != ""


def test_unknown_setting_is_a_usage_error(kxcli, setting):
    setting("no")
    with pytest.raises(UsageError, match="KXCLI_KERNEL=no is unknown; use off or require"):
        kernel.load_kernel()
    kxcli.environment["KXCLI_KERNEL"] = "no"
    assert "KXCLI_KERNEL=no" in kxcli("--version", code=2).err


@pytest.mark.parametrize(("value", "state"), [("", "compiled"), ("off", "none (KXCLI_KERNEL=off)")])
def test_version_names_the_kernel(kxcli, value, state):
    if not value:
        pytest.importorskip("kxcli._kernel")
    kxcli.environment["KXCLI_KERNEL"] = value
    first, second = kxcli("--version").text.splitlines()
    assert first.startswith("kxcli, version ")
    assert second == f"kernel: {state}"
