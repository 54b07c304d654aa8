"""Each block of shell commands on a page is run by a test, or has a reason here; its lines are checked without running.

``BLOCKS`` names a block by its page and the beginning of its first line.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from flask import Flask
from werkzeug.exceptions import MethodNotAllowed, NotFound

from contracts.workflows.catalogue import load_catalogue
from deploy.local.model_server import model_server_temporary
from deploy.local.settings import resolve_settings
from deploy.torchserve.launch import management_socket, metrics_socket
from showcase.commands import app as command_line
from tests.support.checkout import CHECKOUT, DOCS
from tests.support.fakes import MemoryStore
from tests.support.gateway_app import GatewayPublisher, make_app
from tests.support.pages import PAGES, blocks, fences, is_make_target, name_of
from tests.support.patience import PATIENCE

CLIENT, RESULTS, LOCAL, WEBHOOKS = (
    f"tests/system/{name}.py"
    for name in ("test_client", "test_workflow_results", "test_local_cluster", "test_webhooks")
)
DOCKER = "needs a Docker engine and root: `make test-compose` and `make test-container` start the same"
DATA = "needs the real data sets and hours: tests/unit/services holds each training's parts"
NETWORK = "fetches from a network; the tests run in a checkout that is there"
TUTORIAL = "tests/unit/docs/test_tutorial.py"
NEWCOMER = "tests/unit/docs/test_newcomer.py"
WHOLE = "tests/support/local_cluster.py"
PACKAGE = "tests/system/test_client.py"
CHANGING = "tests/system/test_workflow_commands.py"
PUBLISHING = "tests/unit/gateway/api/v2/test_publishing.py"

BLOCKS: dict[tuple[str, str], str] = {
    ("README.md", "make up"): WHOLE,
    ("README.md", ".venv/bin/showcase submit"): CLIENT,
    ("README.md", "cp .env.example .env"): DOCKER,
    ("README.md", "docker build --no-cache -t ml-showcase-api . && docker run -d -p 127"): DOCKER,
    ("README.md", "docker build --no-cache -t ml-showcase-api . && docker run -d -p 8100"): DOCKER,
    ("README.md", "make test"): "it is what runs this",
    ("CONTRIBUTING.md", "git clone"): NETWORK,
    ("docs/api-v1.md", "curl -F image"): RESULTS,
    ("docs/api-v1.md", "curl http"): RESULTS,
    ("docs/api-v2.md", "curl -F image"): "tests/system/test_both_apis.py",
    ("docs/api-v2.md", "curl -H 'Prefer"): "tests/system/test_watching.py",
    ("docs/api-v2.md", "curl -N"): "tests/system/test_watching.py",
    ("docs/catalogue.md", "curl"): "tests/system/test_catalogue.py",
    ("docs/catalogue.md", ".venv/bin/python -m admin aliases list"): "tests/system/test_catalogue.py",
    ("docs/changing-workflows.md", ".venv/bin/showcase"): CHANGING,
    ("docs/changing-workflows.md", "curl -X POST"): PUBLISHING,
    ("docs/changing-workflows.md", ".venv/bin/python -m admin workflows"): "tests/unit/docs/test_admin_commands.py",
    ("docs/direct-calls.md", "curl -X POST"): RESULTS,
    ("docs/direct-calls.md", "curl -F"): RESULTS,
    ("docs/direct-calls.md", "make serve-model"): "tests/unit/deploy/test_torchserve.py",
    ("docs/docker.md", "cp .env.example .env"): DOCKER,
    ("docs/docker.md", "docker compose up"): DOCKER,
    ("docs/docker.md", "MONGO_IMAGE="): DOCKER,
    ("docs/docker.md", "docker build"): DOCKER,
    ("docs/operating.md", ".venv/bin/python -m admin dead-letters"): "tests/integration/test_dead_letters.py",
    ("docs/operating.md", "curl --unix-socket"): "tests/system/test_other_users.py",
    ("docs/training.md", "make train"): DATA,
    ("docs/training.md", "make evaluate"): DATA,
    ("docs/tutorial.md", "git clone"): NETWORK,
    ("docs/tutorial.md", ".venv/bin/showcase submit samples/flair"): CLIENT,
    ("docs/tutorial.md", "cp -r docs/examples"): NEWCOMER,
    ("docs/tutorial.md", "make up"): WHOLE,
    ("docs/tutorial.md", "curl -F image=@samples/digits/digit_0"): "tests/integration/test_torchserve.py",
    ("docs/tutorial.md", ".venv/bin/showcase submit samples/digits/digit_7"): CLIENT,
    ("docs/tutorial.md", "sed "): TUTORIAL,
    ("docs/tutorial.md", ".venv/bin/showcase workflows alias"): CHANGING,
    ("docs/tutorial.md", "make down"): WHOLE,
    ("docs/webhooks.md", "curl -F image"): WEBHOOKS,
    ("docs/webhooks.md", "export SHOWCASE_WEBHOOK_SECRET"): "tests/unit/docs/test_webhooks.py",
    ("docs/webhooks.md", "curl http"): WEBHOOKS,
    ("docs/webhooks.md", "curl -X POST"): WEBHOOKS,
    ("docs/webhooks.md", "export SHOWCASE_WEBHOOK_ALLOW"): "tests/unit/docs/test_webhooks.py",
}
"""The test that runs the same, or a reason. A test is named by its file."""

OTHER_BLOCKS: dict[tuple[str, str], str] = {
    ("README.md", "python"): PACKAGE,
    ("client/README.md", "python"): PACKAGE,
    ("docs/client.md", "python"): PACKAGE,
    ("docs/client.md", "console"): "tests/unit/client/test_commands.py",
    ("docs/webhooks.md", "python"): "tests/unit/docs/test_webhooks.py",
}
"""The same for blocks of other languages that a reader can run, by page and language."""

DATA_LANGUAGES = {"json", "mermaid", "text", "yaml"}
"""Nothing in these blocks is run."""

SHOWN = [(name_of(page), block) for page in PAGES for block in blocks(page, "sh")]
LINES = [
    (page, re.split(r"\s+#\s", line)[0].strip())
    for page, block in SHOWN
    for joined in [block.replace("\\\n", " ")]
    for line in re.split(r"\n|&&", joined)
]
COMMANDS = typer.main.get_command(command_line).commands  # type: ignore[attr-defined]  # it is a group


def starting_with(word: str) -> list[str]:
    return sorted({line for _, line in LINES if line.startswith(word)})


def test_every_block_says_what_runs_it_and_no_entry_is_left_over() -> None:
    used = set()
    for page, block in SHOWN:
        keys = [key for key in BLOCKS if key[0] == page and block.lstrip().startswith(key[1])]
        assert keys, f"{page}: name the test that runs this block, or why none does, in BLOCKS:\n{block}"
        used |= set(keys)
    assert used == set(BLOCKS)


def test_every_other_block_that_can_be_run_says_what_runs_it_and_every_block_names_its_language() -> None:
    pages = [*PAGES, CHECKOUT / "client" / "README.md"]
    found = {(name_of(page), language) for page in pages for language in fences(page)}
    assert {(page, language) for page, language in found if language not in DATA_LANGUAGES | {"sh"}} == set(
        OTHER_BLOCKS
    )


@pytest.mark.parametrize(
    "test", sorted({each for each in (*BLOCKS.values(), *OTHER_BLOCKS.values()) if each.startswith("tests/")})
)
def test_a_test_that_is_named_is_there(test: str) -> None:
    assert (CHECKOUT / test).exists()


@pytest.fixture(scope="module")
def app() -> Flask:
    return make_app(MemoryStore(), GatewayPublisher(), load_catalogue(CHECKOUT / "workflows"))


@pytest.mark.parametrize("line", starting_with("curl"))
def test_every_call_goes_to_an_address_that_is_there(line: str, app: Flask) -> None:
    words = shlex.split(line)
    (url,) = [word for word in words if word.startswith("http")]
    for image in re.findall(r"@(\S+)", line):
        assert (CHECKOUT / image).is_file(), image
    path = urlsplit(url).path
    if "--unix-socket" in words:
        named = Path(words[words.index("--unix-socket") + 1])
        folder = model_server_temporary(resolve_settings({}, home=Path(".local")))
        assert (named, path.split("/")[1]) in {
            (management_socket(folder), "models"),
            (metrics_socket(folder), "metrics"),
        }
        return
    if path.startswith("/predictions/"):
        _, _, model, version = path.split("/")
        found = [CHECKOUT / "services" / model, DOCS / "examples" / model]
        text = "".join((folder / "service.yaml").read_text() for folder in found if folder.is_dir())
        assert re.search(rf'^version: "?{re.escape(version)}"?$', text, re.MULTILINE)
        return
    method = words[words.index("-X") + 1] if "-X" in words else "POST" if "-F" in words else "GET"
    try:
        app.url_map.bind("127.0.0.1").match(path, method)
    except (NotFound, MethodNotAllowed):
        pytest.fail(f"{method} {path} is no call of the API")


@pytest.mark.parametrize("line", starting_with("make "))
def test_every_target_of_make_is_there(line: str) -> None:
    assert is_make_target(line.split()[1])


@pytest.mark.parametrize("line", starting_with(".venv/bin/showcase"))
def test_every_command_of_the_client_can_be_typed(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CHECKOUT)
    _, name, *arguments = shlex.split(line)
    command = COMMANDS[name]
    if arguments and arguments[0] in getattr(command, "commands", {}):
        name, *arguments = arguments
        command = command.commands[name]
    command.make_context(name, arguments)


def operators_commands() -> list[str]:
    pages = "".join(page.read_text() for page in PAGES)
    named = re.findall(
        r"(?:python -m admin |`)((?:aliases|dead-letters|submissions|workflows) "
        r"(?:list|set|remove|rollback|show|requeue|validate))",
        pages,
    )
    return sorted(set(named))


@pytest.mark.skipif(not (CHECKOUT / "admin" / "__main__.py").exists(), reason="admin/ has no commands yet")
@pytest.mark.parametrize("command", operators_commands())
def test_every_command_of_an_operator_is_there(command: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "admin", *command.split(), "--help"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    "module", sorted({m for page in PAGES for m in re.findall(r"-m (bench\.\w+)", page.read_text())})
)
def test_every_bench_is_there(module: str) -> None:
    assert (CHECKOUT / Path(*module.split("."))).with_suffix(".py").is_file()
