"""The layers of docs/architecture.md, held: who may import whom, and what a regional worker must not load."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ["accounts", "monitors", "incidents", "alerts"]  # each may import only those before it
INTERFACES = {"views", "api", "admin", "forms", "urls"}
PURE = sorted(path for app in APPS for path in (ROOT / app / "domain").glob("*.py"))


def modules():
    for app in [*APPS, "uptime"]:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def imports(path):
    """Every module a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_interface(path):
    name = path.stem
    return any(name == word or name.startswith(f"{word}_") or name.endswith(f"_{word}") for word in INTERFACES)


def identify(path):
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [p for p in modules() if p.relative_to(ROOT).parts[0] in APPS], ids=identify)
def test_an_app_imports_only_apps_to_its_left(path):
    app = path.relative_to(ROOT).parts[0]
    right = {*APPS[APPS.index(app) + 1 :], "uptime"}
    allowed = ["uptime.lib"] + (["uptime.actions", "uptime.tasks", "uptime.api"] if is_interface(path) else [])
    for name in imports(path):
        if name.split(".")[0] in right and name != "uptime":
            assert any(name == ok or name.startswith(f"{ok}.") for ok in allowed), f"{identify(path)} imports {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "uptime/lib").glob("*.py")), ids=identify)
def test_lib_knows_no_app(path):
    for name in imports(path):
        assert name.split(".")[0] not in APPS, f"{identify(path)} imports {name}"
        assert not name.startswith("uptime.") or name.startswith("uptime.lib"), f"{identify(path)} imports {name}"


@pytest.mark.parametrize("path", PURE, ids=identify)
def test_rules_import_the_standard_library_only(path):
    for name in imports(path):
        top = name.split(".")[0]
        ours = name.startswith(("monitors.domain", f"{path.relative_to(ROOT).parts[0]}.domain"))
        assert ours or top in sys.stdlib_module_names, f"{identify(path)} imports {name}"


@pytest.mark.parametrize("path", PURE, ids=identify)
def test_rules_take_the_time_as_an_argument(path):
    calls = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    assert not calls & {"now", "utcnow", "monotonic", "time_ns", "today"}


@pytest.mark.parametrize("path", sorted((ROOT / "monitors/probes").glob("*.py")), ids=identify)
def test_probes_know_no_model_and_no_orm(path):
    for name in imports(path):
        banned = ("django.db", "monitors.models", "monitors.services", "monitors.queries", "django.conf")
        assert not name.startswith(banned), f"{identify(path)} imports {name}"


@pytest.mark.parametrize("path", [p for p in modules() if p.parent.name == "services"], ids=identify)
def test_services_know_no_interface(path):
    for name in imports(path):
        last = name.split(".")[1:2]
        assert not (set(last) & {"views", "api", "admin", "forms", "urls"} and name.split(".")[0] in APPS), name


@pytest.mark.parametrize("path", list(modules()), ids=identify)
def test_no_import_hides_in_a_function_and_no_file_is_long(path):
    text = path.read_text()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not hidden, f"{identify(path)}: {node.name} imports inside"
            assert node.end_lineno - node.lineno < 60, f"{identify(path)}: {node.name} is too long"
    assert len(text.splitlines()) <= 400, f"{identify(path)} is too long"


def test_no_domain_flow_runs_through_signals():
    for path in modules():
        for name in imports(path):
            assert not name.startswith("django.db.models.signals"), identify(path)


def test_a_regional_worker_loads_no_model_no_settings_and_no_database_driver():
    program = (
        "import sys, uptime.region\n"
        "from django.apps import apps\nfrom django.conf import settings\n"
        "bad = [m for m in sys.modules if m.startswith(('psycopg', 'monitors.models', 'monitors.services', "
        "'uptime.settings', 'accounts', 'incidents', 'rest_framework'))]\n"
        "print(bad, dict(apps.all_models), settings.configured)"
    )
    env = {
        "PATH": os.environ["PATH"],
        "REGION_ID": "eu",
        "REGION_KEY": "A" * 43,
        "BROKER_URL": "redis://127.0.0.1:1/0",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "[] {} False"
