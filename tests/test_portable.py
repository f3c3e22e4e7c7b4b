"""What works without POSIX: all but the embedded server. There is no Windows here, so its lacks are injected."""

import json
import subprocess
import sys
from pathlib import Path

from tests.builders import ROOT

# The modules and names of POSIX that Windows lacks, as CPython's documentation lists them.
PRELUDE = """
import importlib.abc, os, signal, sys

class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog"}:
            caller = sys._getframe(1)
            while caller and caller.f_globals.get("__name__", "").startswith("importlib"):
                caller = caller.f_back
            if caller and caller.f_globals.get("__name__", "").startswith("labeling"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None

sys.meta_path.insert(0, Missing())
for name in ("SIGHUP", "SIGPIPE", "SIGALRM", "SIGKILL"):
    delattr(signal, name)
for name in ("sched_getaffinity", "killpg", "getpgid", "setsid", "pread", "mkfifo", "getuid", "geteuid", "getloadavg"):
    delattr(os, name)
"""
EVERY = """
import importlib, pkgutil, labeling
for module in pkgutil.walk_packages(labeling.__path__, "labeling."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""
RUN = """
sys.argv[0] = "labeling"
from labeling.__main__ import main
main()
"""


def without_posix(script: str, *arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    for name in ("fcntl", "resource", "pwd", "grp", "termios"):  # those that are there already are asked for again
        script = f"sys.modules.pop({name!r}, None)\n{script}"
    command = [sys.executable, "-c", PRELUDE + script, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_every_module_can_be_imported_without_posix():
    done = without_posix(EVERY)
    assert done.returncode == 0, done.stderr


def test_articles_and_exports_are_read_and_written_without_posix(tmp_path: Path):
    (tmp_path / "a.txt").write_text("Rebels attacked Tadmor on Friday.")
    done = without_posix(RUN, "annotate", "a.txt", "-o", "tasks.json", "--jobs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (task,) = json.loads((tmp_path / "tasks.json").read_text())
    task |= {"id": 1, "annotations": [{"id": 1, "completed_by": 1, "result": task["predictions"][0]["result"]}]}
    (tmp_path / "export.json").write_text(json.dumps([task]))
    done = without_posix(RUN, "convert", "export.json", "-o", "out", "--jobs", "1", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "manifest.json").is_file()
