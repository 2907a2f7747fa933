"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import typer

import calotype
from calotype.cli.main import app as cli
from calotype.settings import Settings
from calotype.web.shared.metrics import REGISTRY

SOURCE = Path(calotype.__file__).parent
ROOT = SOURCE.parents[1]
MODULES = sorted(SOURCE.rglob("*.py"))
MAX_LINES = 450

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Query functions without a scope, each with its reason. Whole modules, when nothing in them belongs to one tenant ...
UNSCOPED_MODULES = {
    "engine": "connections, no queries",
    "embedded": "the server itself",
    "schema": "migrations",
    "held_lock": "a lock, no rows",
    "presence": "tells which processes are alive",
    "programs": "tells PostgreSQL's own programs where the database is",
    "scoped": "makes the conditions",
    "notifications": "tells that something changed, never what",
    "health": "asks about the server",
    "violation": "no queries",
    "installation": "the one row all tenants share",
    "embedding_index": "makes and removes indexes, reads no rows",
    "upkeep": "looks for what was lost, for all tenants",
    "budget": "counts the calls of one key, which the gate has found",
    "device_key": "finds the tenant in the first place",
    "api_key": "finds the tenant in the first place; listed and revoked by the operator",
}
# ... and single functions.
UNSCOPED = {
    ("analysis", "notify_analysis"): "tells that something changed, never what",
    ("analysis", "select_open"): "upkeep over all tenants",
    ("analysis", "update_left_by"): "of one process, for all tenants",
    ("analysis_session", "delete_old_sessions"): "upkeep over all tenants",
    ("asset", "insert_asset"): "the new row names its tenant itself",
    ("asset", "from_row"): "no query",
    ("batch", "select_due_batches"): "of one tenant, or upkeep over all",
    ("chunked_upload", "completing"): "a lock, no rows",
    ("chunked_upload", "select_expired_uploads"): "upkeep over all tenants",
    ("chunked_upload", "delete_forgotten_uploads"): "upkeep over all tenants",
    ("device_image", "image_from_row"): "no query",
    ("device_image", "take_numbers"): "numbers for all tenants",
    ("device_image", "select_numbers_taken"): "numbers for all tenants",
    ("embedding", "vector_literal"): "no query",
    ("idempotency", "delete_old_answers"): "upkeep over all tenants",
    ("event", "delete_old_events"): "upkeep over all tenants",
    ("look_alike", "near_quarters"): "no query",
    ("presigned_upload", "select_due_for_reaping"): "upkeep over all tenants",
    ("presigned_upload", "delete_reaped"): "upkeep over all tenants",
    ("asset_text", "with_text"): "no query by itself",
    ("link", "from_row"): "no query",
    ("link", "page_values"): "no query",
    ("link", "select_unfinished_links"): "upkeep over all tenants",
    ("video", "from_row"): "no query",
    ("video", "probe_values"): "no query",
    ("video", "select_joined"): "no query by itself",
    ("trash", "select_due_for_purge"): "upkeep over all tenants",
    ("upload_session", "notify_sessions"): "tells that something changed, never what",
    ("upload_session", "update_dead_readers"): "upkeep over all tenants",
    ("upload_session", "delete_old_sessions"): "upkeep over all tenants",
    ("tenant", "insert_tenant"): "makes the tenant",
    ("tenant", "select_tenant"): "asks for a tenant by id",
    ("tenant", "select_tenants"): "lists them for the operator",
}


def name_of(path: Path) -> str:
    """The path below the package, for messages."""
    return str(path.relative_to(SOURCE))


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """A module of the package, parsed once for all tests that look into it."""
    return ast.parse(path.read_text())


def public_functions(tree: ast.AST) -> Iterator[Function]:
    """Functions and methods that others may call."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node)


def takes_scope(function: Function) -> bool:
    """Whether one of the arguments is declared as a Scope."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return any(
        argument.arg == "scope" and argument.annotation and ast.unparse(argument.annotation) == "Scope"
        for argument in arguments
    )


def db_functions() -> Iterator[tuple[str, Function]]:
    """Every public function of db/ with its module."""
    for path in sorted((SOURCE / "db").glob("*.py")):
        for function in public_functions(tree_of(path)):
            yield path.stem, function


def test_every_query_takes_a_scope():
    """No function reads or writes a tenant's rows without being told whose, but for those listed here with their reason."""
    without = {(module, function.name) for module, function in db_functions() if not takes_scope(function)}
    unexpected = {(module, name) for module, name in without if module not in UNSCOPED_MODULES} - set(UNSCOPED)
    assert not unexpected


def test_every_query_uses_its_scope():
    """A scope that is asked for and then ignored would protect nobody."""
    for module, function in db_functions():
        if takes_scope(function):
            used = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            assert "scope" in used, f"{module}.{function.name}"


def test_no_exception_is_left_over():
    """The lists of exceptions name only what exists and still needs one."""
    without = {(module, function.name) for module, function in db_functions() if not takes_scope(function)}
    assert set(UNSCOPED) <= without
    assert set(UNSCOPED_MODULES) <= {path.stem for path in (SOURCE / "db").glob("*.py")}


def test_only_one_module_turns_visibility_into_a_condition():
    """Who may see what has one home: nobody else asks whether a row is deleted, but for trash and upkeep."""
    allowed = {"scoped.py", "trash.py", "upkeep.py", "0001_first.py"}
    for path in (SOURCE / "db").rglob("*.py"):
        if path.name not in allowed:
            assert not re.search(r"deleted_at\.(is_|is_not)\(", path.read_text()), name_of(path)


# One test for all modules each: as many tests as modules would take longer to be listed and told of than to be done.
def test_everything_public_opens_with_a_sentence():
    """Modules, public classes and public functions say what they are."""
    assert not [f"{name_of(path)}: {name}" for path in MODULES for name in _without_a_sentence(path)]


def _without_a_sentence(path: Path) -> Iterator[str]:
    tree = tree_of(path)
    if tree.body and not ast.get_docstring(tree):
        yield "the module"
    if "migrations" in path.parts:
        return
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in [*classes, *public_functions(tree)]:
        if any(ast.unparse(mark) in {"overload", "override"} for mark in node.decorator_list):
            continue
        if not ast.get_docstring(node):
            yield node.name


def test_no_file_is_too_long():
    """A file that grows past the limit is two things."""
    assert not [name_of(path) for path in MODULES if len(path.read_text().splitlines()) > MAX_LINES]


def test_no_http_status_outside_the_web():
    """Errors mean something before they have a status: nobody else compares or hands out HTTP status numbers."""
    outside = [path for path in MODULES if "web" not in path.relative_to(SOURCE).parts]
    assert not [f"{name_of(path)}, line {line}" for path in outside for line in _lines_with_a_status(path)]


def _lines_with_a_status(path: Path) -> Iterator[int]:
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.keyword(arg="status" | "status_code", value=ast.Constant(value=int() as number)):
                if 100 <= number < 600:
                    yield node.value.lineno
            case ast.Compare(left=left, comparators=[ast.Constant(value=int() as number), *_]):
                if 100 <= number < 600 and "status" in ast.unparse(left):
                    yield node.lineno
            case ast.Attribute(attr="status_code"):
                yield node.lineno


def test_every_setting_is_documented_and_nothing_else():
    """docs/configuration.md names all settings, and no other variable that looks like one."""
    page = (ROOT / "docs" / "configuration.md").read_text()
    documented = set(re.findall(r"\bCALOTYPE_[A-Z0-9_]+\b", page))
    assert documented == {f"CALOTYPE_{name.upper()}" for name in Settings.model_fields}


def test_every_command_is_documented():
    """The guide names each command, and each command of a group."""
    page = (ROOT / "docs" / "guide.md").read_text()
    commands = typer.main.get_command(cli)
    for name, command in commands.commands.items():
        for path in [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]:
            assert f"calotype {path}" in page or f"`{path.split()[-1]}`" in page, path


def test_every_metric_is_documented():
    """The guide names each of our metrics, and none that there is not."""
    page = (ROOT / "docs" / "guide.md").read_text()
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("calotype_")}
    named = {name.removesuffix("_total") for name in re.findall(r"\bcalotype_[a-z_]+\b(?=\{)", page)}
    assert named == {name.removesuffix("_total") for name in ours}


def test_every_setting_says_what_it_is():
    """A setting's description is what `docs/configuration.md` is checked against by readers."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_importing_does_no_work():
    """At the top of a module nothing is opened, started, read or asked of the environment."""
    assert not [f"{name_of(path)}, line {line}" for path in MODULES for line in _lines_with_work(path)]


def _lines_with_work(path: Path) -> Iterator[int]:
    forbidden = {
        "open",
        "print",
        "run",
        "Popen",
        "connect",
        "create_engine",
        "create_async_engine",
        "getenv",
        "read_text",
    }
    for node in tree_of(path).body:
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.Expr)):
            calls = (inner for inner in ast.walk(node) if isinstance(inner, ast.Call))
            names = {ast.unparse(call.func).rsplit(".", 1)[-1] for call in calls}
            if names & forbidden:
                yield node.lineno
