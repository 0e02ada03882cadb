import sys

import pytest

from uptime.lib.registry import Registry, UnknownKindError


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A package with two kinds and a helper."""
    package = tmp_path / "shelf_of_kinds"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("VALUE = 1\n")
    (package / "tcp.py").write_text("KIND = 'the tcp kind'\n")
    (package / "http.py").write_text("KIND = 'the http kind'\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("shelf_of_kinds")
    for name in [each for each in sys.modules if each.startswith("shelf_of_kinds")]:
        del sys.modules[name]


def test_every_module_with_a_kind_is_found_by_its_name(shelf):
    assert shelf.names == ["http", "tcp"]
    assert list(shelf) == ["the http kind", "the tcp kind"]
    assert shelf.get("tcp") == "the tcp kind"
    assert len(shelf) == 2
    assert "tcp" in shelf
    assert "helper" not in shelf


@pytest.mark.parametrize("name", ["udp", "", "helper", "os", "../http", "http.py", "__init__"])
def test_an_unknown_kind_is_named_beside_the_known_ones(shelf, name):
    with pytest.raises(UnknownKindError, match="Known: http, tcp"):
        shelf.get(name)


def test_nothing_is_imported_before_it_is_asked_for(shelf):
    assert "shelf_of_kinds.tcp" not in sys.modules
