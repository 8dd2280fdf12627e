"""`mahfuz institution`, `consortium`, `licence`, `entitlement`: a national licence entered, exported and imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from installation import Installation, folder_store_table
from records import HEAD, issn, line


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    home = tmp_path_factory.mktemp("records") / "home"
    return Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))


def test_a_licence_from_its_entry_to_its_end_and_into_another_archive(archive: Installation, tmp_path: Path) -> None:
    by = ("--by", "ayse")
    made = archive.run(
        "institution", "add", "ornek", "--name", "Örnek Üniversitesi", "--ror", "05dxps055", "--counter-id", "TR-1", *by
    )
    assert (made["code"], made["ror"], made["networks"]) == ("ornek", "05dxps055", [])
    archive.run("institution", "add", "baska", "--name", "Başka Üniversitesi", *by)
    assert archive.run("institution", "network", "ornek", "--add", "193.140.0.0/16", *by)["remarks"] == []
    told = archive.run("institution", "network", "baska", "--add", "193.140.7.0/24", *by)
    assert "Örnek Üniversitesi" in told["remarks"][0]
    archive.run("institution", "login", "ornek", "--add-scope", "ornek.edu.tr", *by)
    key = archive.run("institution", "key", "ornek", "--make", "sushi", *by)["made"]
    shown = archive.run("institution", "show", "ornek")
    assert len(key) > 40
    assert key not in str(shown)
    assert [one["name"] for one in shown["keys"]] == ["sushi"]
    archive.run("institution", "change", "baska", "--inactive", *by)
    assert [one["active"] for one in archive.run("institution", "list")["institutions"]] == [False, True]

    archive.run("consortium", "add", "ekual", "--name", "Ulusal Lisans", *by)
    archive.run("consortium", "join", "ekual", "ornek", "--since", "2009-01-01", *by)
    clause = ("--perpetual", "paid_years", "--hosting", "exclusive", "--archival-copy")
    said = ("--name", "Ulusal", "--publisher", "Örnek Yayınevi", "--type", "national", "--status", "active", *clause)
    archive.run("licence", "add", "ulusal", *said, *by)
    archive.run("licence", "period", "ulusal", "--add", "2009-01-01", "--until", "2018-12-31", *by)
    archive.run("licence", "party", "ulusal", "--consortium", "ekual", *by)
    listed = tmp_path / "liste.txt"
    listed.write_text(HEAD + line(1) + line(2, online="1234-5678") + line(3), encoding="utf-8")
    done = archive.run("licence", "titles", "ulusal", str(listed), *by, status=1)
    assert (done["rows"], done["new"], done["complaints"]) == (2, 2, ["line 3: '1234-5678' is not an ISSN."])
    evidence = tmp_path / "fatura.pdf"
    evidence.write_bytes(b"%PDF-1.7")
    archive.run("licence", "document", "ulusal", str(evidence), *by)
    claim = archive.run("entitlement", "claim", "--licence", "ulusal", "--institution", "ornek", "--issn", issn(9),
                        "--title", "Dergi 9", "--from", "2005", "--to", "2008", "--reason", "Fatura",
                        "--document", str(evidence), *by)  # fmt: skip
    number = str(claim["id"])
    assert (claim["state"], claim["acts"][0]["side"], len(claim["acts"][0]["document"])) == ("asserted", "library", 64)
    status, _, said = archive.tell("entitlement", "agree", number, "--side", "library", "--reason", "x", *by)
    assert (status, "not for this side" in said) == (2, True)
    archive.run("entitlement", "dispute", number, "--side", "publisher", "--reason", "ödenmedi", *by)
    assert archive.run("entitlement", "agree", number, "--reason", "dekont", *by)["state"] == "agreed"
    assert [one["id"] for one in archive.run("entitlement", "list", "--institution", "ornek")["entitlements"]] == [
        int(number)
    ]
    first = archive.run("entitlement", "list", "--licence", "ulusal")["entitlements"][0]["id"]
    assert (
        archive.run("entitlement", "end", str(first), "--on", "2017-12-31", "--reason", "ayrıldı", *by)[
            "date_last_issue_online"
        ]
        == "2017-12-31"
    )
    assert archive.run("entitlement", "show", str(first))["acts"][0]["reason"] == "ayrıldı"
    closed = archive.run("licence", "close", "ulusal", "--on", "2018-12-31", "--reason", "cancelled", *by)
    assert (closed["status"], closed["closure"]) == ("closed", "cancelled")
    assert archive.run("licence", "reopen", "ulusal", "--reason", "yanlış", *by)["status"] == "active"
    assert archive.run("licence", "show", "ulusal")["documents"][0]["name"] == "fatura.pdf"

    other = Installation(tmp_path / "home", folder_store_table("a", tmp_path), folder_store_table("b", tmp_path))
    tables = (("institution",), ("consortium",), ("licence",), ("licence", "--parties"), ("entitlement",))
    for what, *more in tables:
        one, two = (tmp_path / f"{what}{len(more)}-{which}.csv" for which in (1, 2))
        rows = archive.run(what, "export", "--out", str(one), *more)["rows"]
        done = other.run(what, "import", str(one), *more, *by)
        assert (done["rows"], done["new"], done["complaints"]) == (rows, rows, [])
        other.run(what, "export", "--out", str(two), *more)
        assert one.read_bytes() == two.read_bytes()
    lists = [tmp_path / f"kbart-{which}.txt" for which in (1, 2)]
    for installation, file in zip((archive, other), lists, strict=True):
        assert installation.run("licence", "titles", "ulusal", "--out", str(file))["rows"] == 2
    assert lists[0].read_bytes() == lists[1].read_bytes()


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("institution", "add", "Örnek", "--name", "x"), "cannot be a code"),
        (("institution", "add", "x", "--name", "x", "--ror", "05dxps056"), "is no ROR"),
        (("institution", "network", "yok", "--add", "10.0.0.1"), "There is no institution yok"),
        (("consortium", "join", "yok", "yok", "--since", "dün"), "dün is no day"),
        (("licence", "close", "yok", "--on", "2018-12-31", "--reason", "ceased"), "There is no licence yok"),
        (("licence", "period", "yok"), "one of --add, --change and --drop"),
        (("licence", "party", "yok"), "--institution or --consortium"),
        (("entitlement", "reject", "7", "--reason", "x"), "There is no entitlement 7"),
    ],
)
def test_a_mistake_is_said_in_one_line(archive: Installation, command: tuple[str, ...], sentence: str) -> None:
    status, out, said = archive.tell(*command, "--by", "ayse")
    assert (status, out) == (2, "")
    assert sentence in said
    assert "Traceback" not in said
