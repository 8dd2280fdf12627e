"""Where one credential could destroy every copy is said once, with what to do; what stands against it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import Installation, s3_store_table
from servers import S3Server

from config.exposure import looked_at
from config.settings import load
from repository.storage.capabilities import Capabilities, Capability, Verdict

S3 = (
    '[[stores]]\nname = "{name}"\nurl = "s3://{name}-bucket"\nendpoint_url = "{where}"\n'
    'access_key = "{key}"\nsecret_key = "gizli"\n'
)


def said(folder: Path, text: str, **able: str) -> list[tuple[str, bool, str]]:
    """What is said of these settings, when each store does the things named (``main="versioning object_lock"``)."""
    file = folder / "mahfuz.toml"
    file.write_text(f'[archive]\nhome = "{folder}"\n{text}', encoding="utf-8")
    settings = load(file, {}).settings
    names = [one.name for one in settings.stores] or ["main", "second"]
    found = {
        name: Capabilities(name, tuple(Capability(word, Verdict.YES, "") for word in able.get(name, "").split()))
        for name in names
    }
    lines = list(looked_at(settings, found))
    assert all(line.safe or line.remedy for line in lines), "what to do is said"
    return [(line.what, line.safe, line.detail) for line in lines]


def s3(name: str, key: str, where: str = "https://s3.example.org") -> str:
    return S3.format(name=name, key=key, where=where)


def test_the_default_on_one_machine_says_so_once(tmp_path: Path) -> None:
    ((what, safe, detail),) = said(tmp_path, "")
    assert (what, safe) == ("one hand", False)
    assert "main, second lie on this machine" in detail
    assert "every copy" in detail


def test_one_access_key_for_every_store_is_told(tmp_path: Path) -> None:
    ((what, safe, detail),) = said(tmp_path, s3("bir", "AK1") + s3("iki", "AK1"))
    assert (what, safe) == ("one hand", False)
    assert "bir, iki are opened by the access key AK1 at https://s3.example.org" in detail
    assert "every copy" in detail


def test_the_same_key_elsewhere_is_another_key_and_the_machine_still_has_both(tmp_path: Path) -> None:
    ((what, safe, detail),) = said(tmp_path, s3("bir", "AK1") + s3("iki", "AK1", "https://other.example.org"))
    assert (what, safe) == ("one hand", False)
    assert "has the keys of every store" in detail


def test_two_of_three_are_not_all(tmp_path: Path) -> None:
    (first, _), (second, _) = [
        (detail, safe) for _, safe, detail in said(tmp_path, s3("bir", "AK1") + s3("iki", "AK1") + s3("uc", "AK2"))
    ]
    assert first.startswith("bir, iki are opened by the access key AK1")
    assert first.endswith("could destroy the copies in them")
    assert "the copies in them" not in second


def test_folders_on_one_disk_are_told(tmp_path: Path) -> None:
    folders = "".join(f'[[stores]]\nname = "{name}"\nurl = "file://{tmp_path}/{name}"\n' for name in ("bir", "iki"))
    lines = said(tmp_path, folders + s3("uc", "AK2"))
    assert [what for what, _, _ in lines] == ["one hand", "one hand", "one disk"]
    assert "bir, iki lie on the same disk" in lines[-1][2]


def test_a_lock_that_could_not_be_tried_is_not_called_absent(tmp_path: Path) -> None:
    file = tmp_path / "mahfuz.toml"
    file.write_text(
        f'[archive]\nhome = "{tmp_path}"\n[policy]\nobject_lock_days = 90\n{s3("bir", "AK1")}{s3("iki", "AK2")}'
    )
    seen = Capability("object_lock", Verdict.UNKNOWN, "our access key may not hold a version (403 AccessDenied)")
    lines = list(looked_at(load(file, {}).settings, {"bir": Capabilities("bir", (seen,))}))
    (line,) = (one for one in lines if one.what == "store bir: object lock")
    assert not line.safe
    assert "our access key may not hold" in line.detail
    assert "access key" in line.as_json()["remedy"]


@pytest.mark.parametrize(
    ("able", "policy", "expected"),
    [
        ("versioning", "", ("store iki: protected", True)),
        ("versioning object_lock", "object_lock_days = 90", ("store iki: protected", True)),
        ("versioning object_lock", "", ("store iki: object lock", False)),
        ("", "object_lock_days_of = { iki = 90 }", ("store iki: object lock", False)),
    ],
)
def test_what_stands_against_it_is_named(tmp_path: Path, able: str, policy: str, expected: tuple[str, bool]) -> None:
    lines = said(tmp_path, s3("bir", "AK1") + s3("iki", "AK1") + f"[policy]\n{policy}\n", iki=able)
    assert (*expected,) in [(what, safe) for what, safe, _ in lines]
    assert any(what == "one hand" for what, _, _ in lines) == (not able)


def test_the_doctor_finds_it_by_trying(tmp_path: Path, s3_server: S3Server) -> None:
    locked = f"doctor-{tmp_path.name.replace('_', '-')[:30].strip('-')}"
    s3_server.client().create_bucket(Bucket=locked, ObjectLockEnabledForBucket=True)
    plain = s3_server.make_bucket()
    more = "[policy]\nobject_lock_days_of = { held = 30 }\nobject_lock_mode = 'compliance'\n"
    stores = (s3_store_table("held", s3_server, locked), s3_store_table("open", s3_server, plain))
    archive = Installation(tmp_path / "home", *stores, more=more)
    archive.run("init")
    lines = {line["what"]: line for line in archive.run("doctor")["lines"]}
    assert lines["store held: protected"]["verdict"] == "good"
    assert "30 days (compliance)" in lines["store held: protected"]["detail"]
    assert lines["store held"]["verdict"] == "good"
    assert "store held: legal_hold" not in lines, "what it can is not what it lacks"
    assert lines["store open: object_lock"]["verdict"] == "note"
    assert "one hand" not in lines
