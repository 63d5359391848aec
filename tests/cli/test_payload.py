"""Directories of payloads: what is read from them, and what is said of bad ones."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from upcall.cli.payload import SHIPPED, read_payloads


def write(folder: Path, **files: str) -> Path:
    """Write files into a folder; in their names `__` stands for a dot."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")

    return folder


def test_the_shipped_payloads_are_a_few_of_github() -> None:
    """They need no network, and the ping of a new hook is among them."""
    payloads = read_payloads(SHIPPED)

    assert 5 <= len(payloads) <= 8
    assert "ping" in {payload.event for payload in payloads}
    assert all(json.loads(payload.body) for payload in payloads)


def test_the_shipped_payloads_have_a_licence_of_their_own() -> None:
    """It says whose they are, and the index lists each of them."""
    licence = (SHIPPED / "LICENCE").read_text(encoding="utf-8")
    listed = {payload.file for payload in read_payloads(SHIPPED)}

    assert "@octokit/webhooks-examples 7.6.1" in licence
    assert "MIT" in licence
    assert listed == {path.name for path in SHIPPED.glob("*-*.json")}


def test_an_index_names_files_and_events(tmp_path: Path) -> None:
    """In its order, and nothing else of the directory is read."""
    entries = [{"file": "b.json", "event": "push"}, {"file": "a.json", "event": "ping"}]
    write(tmp_path, a__json="[1]", b__json="[2]", c__json="{")
    write(tmp_path, index__json=json.dumps({"payloads": entries}))

    payloads = read_payloads(tmp_path)

    assert [(p.event, p.body) for p in payloads] == [("push", b"[2]"), ("ping", b"[1]")]


@pytest.mark.parametrize(
    ("file", "event"),
    [
        ("push.json", "push"),
        ("02-push.json", "push"),
        ("3-issue_comment.created.json", "issue_comment"),
        ("issues.opened.with-label.payload.json", "issues"),
    ],
)
def test_without_an_index_the_name_tells(tmp_path: Path, file: str, event: str) -> None:
    """The event begins the name of the file, after a number."""
    (tmp_path / file).write_text("{}", encoding="utf-8")

    assert [p.event for p in read_payloads(tmp_path)] == [event]


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """It is named."""
    with pytest.raises(click.ClickException, match="nowhere is no directory: give one"):
        read_payloads(tmp_path / "nowhere")


def test_a_directory_without_payloads(tmp_path: Path) -> None:
    """An index of nothing is as empty as no file at all."""
    with pytest.raises(click.ClickException, match="there are no payloads"):
        read_payloads(tmp_path)

    with pytest.raises(click.ClickException, match="there are no payloads"):
        read_payloads(write(tmp_path, index__json='{"payloads": []}'))


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"push__json": "{"}, "push.json is not JSON"),
        ({"push__json": ""}, "push.json is not JSON"),
        ({"push__json": '{"a": NaN}'}, "push.json is not JSON"),
        ({"Push__json": "{}"}, "Push.json does not begin with the name of an event"),
        ({"index__json": "{"}, "index.json is not JSON"),
        ({"index__json": "[]"}, 'index.json has no list of "payloads"'),
        ({"index__json": '{"payloads": {}}'}, 'no list of "payloads"'),
        ({"index__json": '{"payloads": ["a"]}'}, 'a "file" and an "event"'),
        (
            {"index__json": '{"payloads": [{"file": "a", "event": "a/b"}]}'},
            'a "file" and an "event"',
        ),
        (
            {"index__json": '{"payloads": [{"file": "a.json", "event": "push"}]}'},
            "a.json cannot be read: No such file or directory",
        ),
    ],
)
def test_a_bad_payload_is_named(
    tmp_path: Path, files: dict[str, str], says: str
) -> None:
    """One line says which file it is and what is wrong with it."""
    with pytest.raises(click.ClickException, match=says) as caught:
        read_payloads(write(tmp_path, **files))

    assert "\n" not in caught.value.message


def test_an_unreadable_payload_is_named(tmp_path: Path) -> None:
    """A directory cannot be read as a file, whoever asks."""
    (tmp_path / "push.json").mkdir()

    with pytest.raises(
        click.ClickException, match=r"push\.json cannot be read: Is a d"
    ):
        read_payloads(tmp_path)
