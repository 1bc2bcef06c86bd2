"""The README's example prints what the README says, and its links and commands exist."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.M | re.S)


def same_text(found: str, promised: str) -> bool:
    """Equal words, and numbers equal up to one in the last printed digit or 0.2 %.

    Draws depend on the rounding of the machine's arithmetic, so the last digits of their summaries
    do too.
    """
    if NUMBER.sub("#", " ".join(found.split())) != NUMBER.sub("#", " ".join(promised.split())):
        return False
    for a, b in zip(NUMBER.findall(found), NUMBER.findall(promised), strict=True):
        decimals = max(len(x.partition(".")[2]) for x in (a, b))
        if abs(float(a) - float(b)) > max(1.01 * 10.0**-decimals, 0.002 * abs(float(b))):
            return False
    return True


@pytest.mark.parametrize(
    ("found", "promised", "is_same"),
    [
        ("BIC 2322.2 | a", "BIC  2322.2 | a", True),
        ("mean 2.04", "mean 2.05", True),
        ("mean 2.04", "mean 2.06", False),
        ("mean 2.04", "sd 2.04", False),
    ],
)
def test_same_text(found, promised, is_same):
    assert same_text(found, promised) is is_same


def test_example_prints_what_is_promised():
    (example,) = blocks("python")
    (promised,) = blocks("text")
    code = [line for line in example.splitlines() if line.strip()]
    assert len(code) <= 10
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, "README.md", "exec"), {})
    assert same_text(printed.getvalue(), promised), printed.getvalue()


def test_first_screen_has_the_two_commands_and_a_picture():
    first_screen = "\n".join(README.splitlines()[:20])
    assert "make report" in first_screen
    assert "make test" in first_screen
    (picture,) = re.findall(r"!\[.+\]\((.+?)\)", first_screen)
    assert (ROOT / picture).stat().st_size < 300_000


def test_links_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    texts = [README, (ROOT / "CONTRIBUTING.md").read_text()]
    commands = {name for text in texts for name in re.findall(r"`?make ([a-z-]+)\b[`\s]", text)}
    assert {"report", "test"} <= commands
    for name in commands & {"report", "test", "test-slow", "lint", "types", "docs", "notebooks"}:
        assert re.search(rf"^{name}:", makefile, re.M), name


def test_commands_and_options_exist():
    from click.testing import CliRunner

    from bayesgmm.cli import main

    for line in "".join(blocks("shell")).splitlines():
        if not line.startswith("bayesgmm"):
            continue
        words = line.partition("#")[0].split()
        usage = CliRunner().invoke(main, [words[1], "--help"]).output
        for option in (word for word in words if re.fullmatch(r"--?[a-z-]+", word)):
            assert option in usage, line
