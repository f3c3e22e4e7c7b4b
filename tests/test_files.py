"""Files and folders that are replaced whole, or not at all."""

import os
from pathlib import Path

import pytest
from filelock import FileLock

from labeling.errors import InputError
from labeling.files import replacing


def model(folder: Path, said: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(said)
    return folder


def test_a_folder_takes_the_place_of_another_whole(tmp_path: Path):
    there = model(tmp_path / "models" / "best", "old")
    with replacing(there) as new:
        model(new, "new")
        assert (there / "meta.json").read_text() == "old"
    assert (there / "meta.json").read_text() == "new"
    assert [file.name for file in there.parent.iterdir()] == ["best"]
    assert there.stat().st_mode & 0o777 == 0o777 & ~_umask()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), ValueError()])
def test_after_an_error_the_old_folder_is_there_and_nothing_else(tmp_path: Path, error: BaseException):
    there = model(tmp_path / "models" / "best", "old")
    wanted = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(wanted) as caught, replacing(there) as new:
        model(new, "half")
        raise error
    assert isinstance(error, OSError) == ("best: No space left on device" in str(caught.value))
    assert (there / "meta.json").read_text() == "old"
    assert [file.name for file in there.parent.iterdir()] == ["best"]


def test_a_folder_that_never_came_to_be_leaves_none_above_it(tmp_path: Path):
    with pytest.raises(ValueError), replacing(tmp_path / "models" / "best"):
        raise ValueError
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path):
    (tmp_path / "models").write_text("a file")
    with pytest.raises(InputError, match="Cannot write"), replacing(tmp_path / "models" / "best"):
        pytest.fail("there was work")


def test_what_a_killed_process_left_is_removed_and_its_old_folder_is_brought_back(tmp_path: Path):
    left = tmp_path / ".best.abandoned"
    model(left / "old", "old")
    model(left / "new", "half")
    living = tmp_path / ".best.living"
    model(living / "new", "another's")
    (left / "owner").touch()
    with FileLock(living / "owner"), pytest.raises(KeyboardInterrupt), replacing(tmp_path / "best"):
        raise KeyboardInterrupt
    assert (tmp_path / "best" / "meta.json").read_text() == "old"
    assert sorted(file.name for file in tmp_path.iterdir()) == [".best.living", "best"]


def test_a_hidden_folder_beside_that_is_not_ours_stays(tmp_path: Path):
    model(tmp_path / ".best.notes", "mine")
    with replacing(tmp_path / "best") as new:
        model(new, "new")
    assert (tmp_path / ".best.notes" / "meta.json").read_text() == "mine"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
