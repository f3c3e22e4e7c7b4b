"""A Ray cluster of two machines, played by this one: one of them leaves, has a full disk, or other versions."""

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from labeling.settings import open_workspace
from labeling.workflow.task_files import annotate_files

STORE = 80 << 20  # bytes, the least that Ray takes
SOON = {  # else Ray takes half a minute to notice that a machine is gone
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False, "_system_config": SOON}
    running = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield running
    finally:
        running.shutdown()


@pytest.fixture
def here(cluster: Any, tmp_path: Path) -> Path:
    """A workspace on the cluster."""
    (tmp_path / "labeling.toml").write_text(f'[engine]\nkind = "ray"\naddress = "{cluster.address}"\n')
    return tmp_path


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Articles; the tasks of one process are beside them, in `local.jsonl`."""
    file = tmp_path_factory.mktemp("articles") / "articles.jsonl"
    texts = [f"Rebels attacked Tadmor {n} times on Friday, Ann Bell said in Geneva. " * 30 for n in range(80)]
    file.write_text("\n".join(json.dumps({"id": f"a{n}", "text": text}) for n, text in enumerate(texts)))
    workspace = open_workspace(file.parent, engine="local")
    annotate_files(workspace, [str(file)], file.with_name("local.jsonl"), jobs=1)
    return file


def at_work(node: Any) -> list[psutil.Process]:
    """The workers of a machine that have been given a chunk, which Ray writes into the names of their processes."""
    found = []
    for each in psutil.Process(node.all_processes["raylet"][0].process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::_Remote.work" in " ".join(each.cmdline()):
                found.append(each)
    return found


def test_a_command_that_is_stopped_leaves_no_worker_on_the_cluster(cluster: Any, here: Path, source: Path):
    program = Path(sys.executable).with_name("labeling")
    command = [program, "annotate", source, "-o", "ray.jsonl"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            while process.poll() is None and not (workers := at_work(cluster.head_node)):
                time.sleep(0.05)
            process.terminate()
            out, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 143 and "Stopped." in out and "logging.cc" not in out
    assert not (here / "ray.jsonl").exists()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert not alive


def test_a_machine_that_leaves_in_the_middle_changes_nothing(cluster: Any, here: Path, source: Path):
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE)
    program = Path(sys.executable).with_name("labeling")
    command = [program, "annotate", source, "-o", "ray.jsonl"]
    with subprocess.Popen(command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            while process.poll() is None and not at_work(node):
                time.sleep(0.05)
            psutil.Process(node.all_processes["raylet"][0].process.pid).kill()
            out, _ = process.communicate(timeout=90)
        finally:
            process.kill()
            cluster.remove_node(node, allow_graceful=False)
    assert process.returncode == 0, out
    assert "80 articles" in out and "Traceback" not in out
    assert (here / "ray.jsonl").read_bytes() == source.with_name("local.jsonl").read_bytes()


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A folder on a disk of its own of 400 kB, which only root can mount; its name is short, as Ray's sockets need."""
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", folder], check=False).returncode:
            pytest.skip("a small disk cannot be mounted: that needs root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


SOON_LEFT_OUT = """
from labeling.__main__ import main
from labeling.engine import dispatch
dispatch.FALSE_STARTS = 2
main()
"""


def test_a_machine_whose_disk_is_full_is_told_and_left_out(cluster: Any, here: Path, source: Path, small_disk: Path):
    node = cluster.add_node(num_cpus=1, object_store_memory=STORE, temp_dir=str(small_disk))
    with contextlib.suppress(OSError), (small_disk / "more").open("wb", buffering=0) as file:
        while file.write(bytes(1000)):
            pass
    command = [sys.executable, "-c", SOON_LEFT_OUT, "annotate", source, "-o", "ray.jsonl"]
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=90, check=False)
    finally:
        cluster.remove_node(node, allow_graceful=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr
    assert "memory or the disk may be full there. The others go on without them." in done.stderr
    assert (here / "ray.jsonl").read_bytes() == source.with_name("local.jsonl").read_bytes()


OTHER_VERSIONS = """
import sys
import {module}
{module}.__version__ = "9.9.9"
sys.argv[0] = "labeling"
from labeling.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("module", "said"),
    [
        (
            "labeling",
            "A machine of the Ray cluster has labeling {} on Python {}, this one labeling 9.9.9 on Python {}.",
        ),
        ("ray", "Version mismatch: The cluster was started with: Ray: {} Python: {} "),
    ],
)
def test_versions_that_differ_are_named(here: Path, source: Path, module: str, said: str):
    version = {"labeling": __import__("labeling"), "ray": __import__("ray")}[module].__version__
    python = ".".join(map(str, sys.version_info[:3]))
    command = [
        sys.executable,
        "-c",
        OTHER_VERSIONS.format(module=module),
        "annotate",
        source,
        "-o",
        "t.jsonl",
    ]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2 and not (here / "t.jsonl").exists()
    assert said.format(version, python, python) in done.stderr and "9.9.9" in done.stderr
    assert "Install the same versions on both" in done.stderr and "Traceback" not in done.stderr


def test_a_machine_without_labeling_is_told(cluster: Any, here: Path, source: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing may start on the head meanwhile, which has it; so the worker takes what only the other machine has."""
    (here / "labeling.py").write_text("raise ModuleNotFoundError('No module named labeling')")
    with monkeypatch.context() as patched:
        patched.setenv("PYTHONPATH", str(here))
        node = cluster.add_node(num_cpus=1, object_store_memory=STORE, resources={"bare": 1})
    with (here / "labeling.toml").open("a") as file:
        file.write("resources = { bare = 1 }\n")
    program = Path(sys.executable).with_name("labeling")
    command = [program, "annotate", source, "-o", "t.jsonl"]
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=90, check=False)
    finally:
        cluster.remove_node(node, allow_graceful=False)
    assert done.returncode == 2 and not (here / "t.jsonl").exists()
    assert "A machine of the Ray cluster cannot load labeling: ModuleNotFoundError" in done.stderr
    assert "Install the same versions" in done.stderr and "Traceback" not in done.stderr
