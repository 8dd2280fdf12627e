"""Commands for the operator of feeds: how they are, adding one, trying one, and rehearsing a package."""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console

from config.commands.answers import Asked, answer, as_json
from config.commands.ingesting import known_profile
from config.feed_settings import FeedSettings
from config.settings import FILE_VARIABLE, load
from config.wiring import Archive
from ingest import inbox
from ingest.feeds import Feed, FeedFailed, NotAsListed, Offered, Standing, completion_problem, standings
from ingest.feeds.offered import hidden, name_problem
from ingest.feeds.pln import PlnSource
from ingest.findings import sentence
from ingest.profiles import name_in
from ingest.rehearsal import Rehearsal, rehearse
from repository.bags import shown
from repository.catalogue import feeds as rows
from repository.errors import StoreUnavailable, UsageError
from repository.vocabulary import ArticleOutcome, DeliveryState, as_utc_text, utc_now

_SHOWN = 10
_MOST_LOOKED_AT = 100_000
_EXAMPLES = {
    "name": "ornek-yayinevi",
    "publisher": "Örnek Yayınevi",
    "cadence_days": 30,
    "quiet_seconds": 60,
    "max_wait_days": 7,
    "overlap_hours": 48,
    "after": "keep",
    "sidecar": "go.xml",
    "ignore": '["test-*"]',
    "content_hosts": '["dosya.example.org"]',
    "terms_updated": "2026-01-15",
}
"""Of keys whose reason, when they are wrong, is not ours and names none."""


@click.group()
def feed() -> None:
    """Feeds: where publishers' deliveries come from."""


@feed.command("list")
@as_json
@click.pass_obj
def listed(asked: Asked, json_wanted: bool) -> None:
    """Every feed: how its last look ended, its last delivery, when the next is expected. Status 1: late or failing."""
    with asked.archive(with_stores=False) as archive:
        with archive.catalogue.reading() as session:
            found = standings(session, archive.feeds(), utc_now())
        lines = [_line(archive, one) for one in found]

    def say(console: Console) -> None:
        for line in lines:
            console.print(f"{line['name']}: {line['state']} ({line['publisher']}, {line['place']})", markup=False)
            for key in ("last_looked_at", "last_delivery", "expected_by", "next_due", "error", "error_since"):
                if line[key]:
                    console.print(f"  {key.replace('_', ' ')}: {line[key]}", markup=False)
            for item in line["not_fetched"]:
                console.print(f"  not fetched: {item['name']}: {item['problem']}", markup=False)
            for item in line["deleted_at_source"]:
                kept = f"kept of it is the delivery {item['delivery']}" if item["delivery"] else "it was never brought"
                if line["kind"] == "resourcesync":
                    kept = "its article is withdrawn there"
                console.print(f"  deleted at the source: {item['name']}: {kept}", markup=False)
        if not lines:
            console.print("no feeds; `mahfuz feed add` writes one")

    answer(json_wanted, {"feeds": lines}, say, 1 if any(one.needs_attention for one in found) else 0)


@feed.command()
@click.option("--name", prompt=True, help="Small letters, digits and hyphens.")
@click.option("--publisher", prompt=True)
@click.option("--kind", prompt=True, type=click.Choice(["folder", "s3", "sftp", "https", "oai", "pln", "resourcesync"]))
@click.option(
    "--url",
    prompt=True,
    help="file:///folder, s3://bucket/prefix, sftp://host/folder, https://host/folder/ or https://host/oai",
)
@click.option("--set", "more", multiple=True, metavar="KEY=VALUE", help="Any other key of a feed; see docs/feeds.md.")
@click.option("--write", is_flag=True, help="Append it to the settings file; otherwise it is only shown.")
@as_json
@click.pass_obj
def add(
    asked: Asked, name: str, publisher: str, kind: str, url: str, more: Sequence[str], write: bool, json_wanted: bool
) -> None:
    """Check a new feed and print what to write into the settings file, or write it there."""
    values: dict[str, Any] = {"name": name, "publisher": publisher, "kind": kind, "url": url}
    values |= dict(_pair(one) for one in more)
    try:
        FeedSettings.model_validate(values)
    except ValidationError as error:
        raise UsageError("\n".join(_problem(one) for one in error.errors())) from error
    known_profile(asked, values.get("profile"))
    if any(one.name == name for one in asked.settings().feeds):
        raise UsageError(f"a feed is named {name!r} already")
    block = "\n".join(["[[feeds]]", *(f"{key} = {_toml(value)}" for key, value in values.items())]) + "\n"
    file = asked.config_file or (Path(os.environ[FILE_VARIABLE]) if os.environ.get(FILE_VARIABLE) else None)
    if write:
        if file is None:
            raise UsageError("there is no settings file to write to; name one with --config or MAHFUZ_CONFIG")
        _appended(file, block, name)

    def say(console: Console) -> None:
        console.print(block, markup=False)
        if write:
            console.print(f"written to {file}; try it with `mahfuz feed test {name}`", markup=False)
        else:
            console.print("write this into the settings file, or run it again with --write")

    answer(json_wanted, {"toml": block, "file": str(file) if write else None}, say)


@feed.command()
@click.argument("name")
@as_json
@click.pass_obj
def test(asked: Asked, name: str, json_wanted: bool) -> None:
    """Connect to a feed and list the first files it offers, or say what is wrong. Nothing is fetched."""
    with asked.archive(with_stores=False) as archive:
        one = _named(archive, name)
        try:
            with one.open() as source:
                if isinstance(source, PlnSource):  # what it offers is here already
                    source.greet()
                offered = list(islice(source.listing(), _SHOWN))
            problem = None
        except (FeedFailed, StoreUnavailable) as error:
            offered, problem = [], error.reason
    items = [
        {
            "name": each.name,
            "bytes": each.bytes,
            "modified": as_utc_text(each.modified) if each.modified else None,
            "wanted": name_problem(each.name) is None and not hidden(each.name) and one.wants(each.name),
        }
        for each in offered
    ]

    def say(console: Console) -> None:
        if problem is not None:
            console.print(f"{name}: {problem}", markup=False, style="bold red")
            return
        console.print(f"{name}: connected to {one.place}; {'the first files:' if items else 'it offers no file'}")
        for item in items:
            mark = "" if item["wanted"] else "  (not wanted)"
            octets = "–" if item["bytes"] is None else item["bytes"]
            console.print(f"  {shown(str(item['name']))}  {octets}  {item['modified'] or '–'}{mark}", markup=False)

    answer(
        json_wanted,
        {"name": name, "connected": problem is None, "error": problem, "items": items},
        say,
        3 if problem else 0,
    )


@feed.command("dry-run")
@click.argument("words", nargs=-1, metavar="[NAME] [FILE]...")
@click.option("--publisher", help="Rehearse local files as this publisher's, without a feed.")
@click.option("--profile", help="Try this delivery profile, in the place of the feed's or the publisher's own.")
@as_json
@click.pass_obj
def dry_run(
    asked: Asked, words: tuple[str, ...], publisher: str | None, profile: str | None, json_wanted: bool
) -> None:
    """What would become of one package. NAME alone takes the feed's next complete one; nothing is kept.

    FILE is one that the feed NAME offers, with what belongs to it; with --publisher it is a file of this machine.
    """
    if not words:
        raise UsageError("name a feed, or give --publisher and a file")
    known_profile(asked, profile)
    with asked.archive(with_stores=False) as archive:
        if publisher is not None:
            files = [Path(word) for word in words]
            for file in files:
                if not file.is_file():
                    raise UsageError(f"{file} is no file")
            found = rehearse(archive.door(), files, publisher, profile)
            names = [file.name for file in files]
        else:
            names, found = _of_feed(archive, _named(archive, words[0]), words[1:], profile)
    data = {"files": names, **_as_json(found)}

    def say(console: Console) -> None:
        console.print(f"{', '.join(names)}: would be {found.state}", markup=False, style="bold")
        for problem in found.findings:
            console.print(f"  {problem.level}: {problem.code}: {sentence(problem)}", markup=False)
        for article, line in zip(found.articles, data["articles"], strict=True):
            name = shown(article.doi or article.title or article.name)
            console.print(f"  {name}: {line['outcome']}", markup=False)
            if article.version is not None:
                console.print(f"    id {article.article_id}, version {article.version}", markup=False)
            for path, octets in article.files:
                console.print(f"    {shown(path)}  {octets}", markup=False)
            for problem in article.findings:
                console.print(f"    {problem.level}: {problem.code}: {sentence(problem)}", markup=False)

    answer(json_wanted, data, say, 0 if found.state is DeliveryState.ACCEPTED else 1)


def _line(archive: Archive, standing: Standing) -> dict[str, Any]:
    one, row = standing.feed, standing.row
    with archive.catalogue.reading() as session:
        problems = rows.problems(session, one.name)
        withdrawn = rows.withdrawn(session, one.name)

    def moment(at: datetime | None) -> str | None:
        return as_utc_text(at) if at else None

    return {
        "name": one.name,
        "publisher": one.publisher,
        "kind": one.kind,
        "place": one.place,
        "state": str(standing.state),
        "late": standing.late,
        "last_looked_at": moment(row.last_looked_at) if row else None,
        "last_delivery": moment(row.last_arrival_at) if row else None,
        "expected_by": moment(standing.expected_by),
        "next_due": moment(row.next_due) if row else None,
        "error": row.last_error if row else None,
        "error_since": moment(row.error_since) if row else None,
        "not_fetched": [{"name": item.name, "problem": item.problem} for item in problems],
        "deleted_at_source": [{"name": item.name, "delivery": item.delivery_id} for item in withdrawn],
    }


def _named(archive: Archive, name: str) -> Feed:
    known = {one.name: one for one in archive.feeds()}
    if name not in known:
        raise UsageError(f"no feed is named {name!r}; there are: {', '.join(known) or 'none'}")
    return known[name]


def _of_feed(archive: Archive, one: Feed, wanted: Sequence[str], profile: str | None) -> tuple[list[str], Rehearsal]:
    """One package of the feed, fetched into a passing folder. Raises UsageError when there is none."""
    if one.mirrors:
        raise UsageError(f"the feed {one.name!r} brings bags, which are kept as they are: try `mahfuz feed test`")
    home = archive.home / "staging"
    home.mkdir(exist_ok=True)
    with one.open() as source, tempfile.TemporaryDirectory(prefix="rehearsal-", dir=home) as folder:
        sets: dict[str, list[Offered]] = {}
        for offered in islice(source.listing(), _MOST_LOOKED_AT):
            if name_problem(offered.name) is None and not hidden(offered.name) and one.wants(offered.name):
                above, _, last = offered.name.rpartition("/")
                sets.setdefault(f"{above}/{inbox.set_of(last)}", []).append(offered)
        chosen = next(
            (
                members
                for _, members in sorted(sets.items())
                if set(wanted) <= {member.name for member in members}
                and (wanted or completion_problem([member.name for member in members], one.sidecar) is None)
            ),
            None,
        )
        if chosen is None:
            raise UsageError(f"the feed {one.name!r} offers no {' with '.join(wanted) or 'complete package'}")
        files = []
        for member in chosen:
            file = Path(folder) / member.name.rpartition("/")[2]
            try:
                source.fetch(replace(member), file)
            except NotAsListed as error:
                raise FeedFailed(one.name, f"{member.name}: {error}") from error
            files.append(file)
        return [member.name for member in chosen], rehearse(
            archive.door(), files, one.publisher, profile or one.profile
        )


def _as_json(found: Rehearsal) -> dict[str, Any]:
    def outcome(article_outcome: ArticleOutcome, version: int | None) -> str:
        if article_outcome is not ArticleOutcome.ACCEPTED:
            return str(article_outcome)
        return "new" if version == 1 else "new version"

    return {
        "state": found.state,
        "profile": name_in(found.findings),
        "findings": [each.as_json() for each in found.findings],
        "articles": [
            {
                "name": article.name,
                "id": article.article_id,
                "doi": article.doi,
                "title": article.title,
                "outcome": outcome(article.outcome, article.version),
                "version": article.version,
                "files": [{"path": path, "bytes": octets} for path, octets in article.files],
                "findings": [each.as_json() for each in article.findings],
            }
            for article in found.articles
        ],
    }


def _pair(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text!r} is not KEY=VALUE, for example --set sidecar=go.xml")
    if value[:1] == "[":
        try:
            return key, json.loads(value)
        except json.JSONDecodeError as error:
            raise UsageError(f"--set {key}: not a list: {error}") from error
    return key, int(value) if value.isdecimal() and value.isascii() else value


def _problem(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        reason = f"no such key of a feed; there are: {', '.join(FeedSettings.model_fields)}"
    example = f", for example {key}={_EXAMPLES[key]}" if key in _EXAMPLES else ""
    return f"{key}: {reason}{example}".removeprefix(": ")


def _toml(value: Any) -> str:
    """A basic string, number or array: JSON writes them as TOML reads them, but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _appended(file: Path, block: str, name: str) -> None:
    """The settings file with ``block`` at its end, only if the program can read it so. Raises UsageError."""
    try:
        before = file.read_text(encoding="utf-8")
        mode = file.stat().st_mode & 0o777
        descriptor, new = tempfile.mkstemp(dir=file.resolve().parent, prefix=f".{file.name}.")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read, or its folder not written to: {error}") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            os.fchmod(stream.fileno(), mode)
            stream.write(before + ("" if before.endswith("\n") or not before else "\n") + "\n" + block)
            stream.flush()
            os.fsync(stream.fileno())
        found = load(Path(new)).settings
        assert any(one.name == name for one in found.feeds), tomllib.loads(block)
        Path(new).replace(file.resolve())
    finally:
        Path(new).unlink(missing_ok=True)
