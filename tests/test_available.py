"""The default memory of a run, with `proc` and `sys` as on machines and in containers."""

import pytest

from kxcli.mapreduce import available

M = 1 << 20
UNLIMITED = "9223372036854771712"  # in version 1
V2 = "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1 = "34 25 0:30 / /sys/fs/cgroup/memory rw,nosuid shared:15 - cgroup cgroup rw,memory"
CPU = "35 25 0:31 / /sys/fs/cgroup/cpu rw,nosuid shared:16 - cgroup cgroup rw,cpu,cpuacct"
USER = "/user.slice/user-1000.slice/user@1000.service/app.slice/run-u7.service"


@pytest.fixture
def machine(tmp_path):
    """Return a function that makes a machine with 8,000 MiB free, and returns the MiB of a run."""

    def make(cgroup, mounts, files):
        contents = {
            "proc/meminfo": f"MemTotal: {9 << 20} kB\nMemFree: 1 kB\nMemAvailable: {8000 << 10} kB\n",
            "proc/self/cgroup": cgroup,
            "proc/self/mountinfo": "\n".join(["22 1 254:1 / / rw - ext4 /dev/root rw", *mounts]) + "\n",
            **files,
        }
        for name, content in contents.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return available.get_default_memory(str(tmp_path)) / M

    return make


def group(path, **files):
    """Return the files of a control group of version 2; sizes are in MiB."""
    texts = {name: f"{value * M}" if isinstance(value, int) else value for name, value in files.items()}
    return {f"sys/fs/cgroup{path}/memory.{name}": f"{text}\n" for name, text in texts.items()}


def old_group(path, limit, used, given_back=0):
    stat = f"cache 5\ninactive_file 7\ntotal_inactive_file {given_back * M}\ntotal_cache 9\n"
    files = {"limit_in_bytes": limit, "usage_in_bytes": f"{used * M}\n", "stat": stat}
    return {f"sys/fs/cgroup/memory{path}/memory.{name}": str(text) for name, text in files.items()}


def test_half_of_free_memory_is_used_without_control_group(machine):
    assert machine("0::/", [V2], {}) == 4000
    assert machine("0::/", [], {}) == 4000
    assert machine("", [V2], {}) == 4000


def test_memory_is_limited_without_kernel_files(tmp_path):
    assert available.get_default_memory(str(tmp_path)) > 0


@pytest.mark.parametrize("name", ["max", "high"])
def test_limit_of_own_group_applies(machine, name):
    files = group(USER, **{"max": "max", "high": "max", name: 1000, "current": 200})
    assert machine(f"0::{USER}", [V2], files) == 400


@pytest.mark.parametrize("limited", ["/user.slice", "/user.slice/user-1000.slice", USER])
def test_limit_of_any_parent_group_applies(machine, limited):
    files = {**group(USER, max="max", current=1), **group(limited, max=1000, current=400)}
    assert machine(f"0::{USER}", [V2], files) == 300


def test_group_with_least_free_memory_applies(machine):
    files = {
        **group("/a", max=3000, current=2000),
        **group("/a/b", max=2000, current=100),
        **group("/a/b/c", max="max", high=1500, current=100),
        **group("/z", max=300, current=10),  # not ours
    }
    assert machine("0::/a/b/c", [V2], files) == 500


def test_cached_files_count_as_free(machine):
    files = group("/a", max=1000, current=900, stat=f"anon 5\ninactive_file {700 * M}\nactive_file 8")
    assert machine("0::/a", [V2], files) == 400


def test_limit_of_container_with_own_namespace_applies(machine):
    assert machine("0::/", [V2], group("", max=800, current=200)) == 300


def test_limit_of_container_with_partial_mount_applies(machine):
    mount = V1.replace(" / /sys", " /docker/1f /sys")
    files = old_group("", 800 * M, 200)
    assert machine("7:memory:/docker/1f\n2:cpu,cpuacct:/docker/1f\n0::/", [CPU, mount], files) == 300


def test_limit_of_mount_applies_to_group_outside_of_it(machine):
    assert machine("0::/../../other", [V2], group("", max=800, current=200)) == 300


@pytest.mark.parametrize("limited", ["", "/slurm", "/slurm/uid_1", "/slurm/uid_1/job_2", "/slurm/uid_1/job_2/step_3"])
def test_version_1_limit_of_any_parent_group_applies(machine, limited):
    path = "/slurm/uid_1/job_2/step_3"
    files = {
        **old_group("", UNLIMITED, 500),
        **old_group(path, UNLIMITED, 10),
        **old_group(limited, 1000 * M, 600, 200),
    }
    assert machine(f"4:memory:{path}\n3:cpu,cpuacct:/other", [CPU, V1], files) == 300


def test_version_1_without_limit_uses_free_memory(machine):
    assert machine("4:memory:/a", [V1], old_group("/a", UNLIMITED, 100)) == 4000


def test_limits_of_both_versions_apply(machine):
    unified = V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
    files = {**old_group("/a", 1000 * M, 0), **group("/unified/b", max=600, current=0)}
    assert machine("4:memory:/a\n0::/b", [V1, unified], files) == 300


def test_mount_point_with_space_is_found(machine):
    files = {"my groups/a/memory.max": f"{900 * M}", "my groups/a/memory.current": f"{100 * M}"}
    assert machine("0::/a", [V2.replace("/sys/fs/cgroup", "/my\\040groups")], files) == 400


@pytest.mark.parametrize(("limit", "used", "expected"), [(400, 0, 256), (200, 0, 200), (100, 40, 60), (100, 100, 0)])
def test_small_limit_is_never_exceeded(machine, limit, used, expected):
    assert machine("0::/a", [V2], group("/a", max=limit, current=used)) == expected
    assert available.choose_n_workers(0, expected * M) == max(
        1, min(available.count_cpus(), expected * M // available.PROCESS_BYTES - 1)
    )
    assert available.get_partial_limit(expected * M, 1) > 0
