import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from penstock.errors import ServiceError, UsageError
from penstock.local.install import VERSION, cache_folder, install_server, server_folder


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_COMPILE", "1")  # nothing of it is run but its start
    return tmp_path / "cache"


def test_the_cache_is_where_the_user_says_and_else_where_caches_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PENSTOCK_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("PENSTOCK_CACHE")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "penstock"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "penstock"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert cache_folder() == tmp_path / "Library" / "Caches" / "penstock"


@pytest.mark.aws
def test_two_installations_at_once_and_a_broken_one_before_them_leave_one_that_works(cache: Path) -> None:
    broken = server_folder() / "bin"
    broken.mkdir(parents=True)
    (broken / "python").symlink_to("/nonexistent/python")
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: install_server(said.append), range(2))
    assert first == second == server_folder() / "bin" / "python"
    assert len(said) == 2
    assert [path.name for path in cache.iterdir()] == [server_folder().name]
    told = subprocess.run(
        [str(first), "-I", "-c", "from importlib.metadata import version; print(version('ministack'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == VERSION
    assert install_server(said.append) == first
    assert len(said) == 2


def test_without_a_network_it_says_that_the_first_use_needs_one(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ServiceError, match=r"first use needs a network[^$]*\n  ERROR: "):
        install_server()
    assert list(cache.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_named(cache: Path) -> None:
    cache.write_text("a file")
    with pytest.raises(UsageError, match="PENSTOCK_CACHE"):
        install_server()
