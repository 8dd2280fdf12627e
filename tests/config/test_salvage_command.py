"""What survives of an article, looked at and kept with the command."""

from __future__ import annotations

from pathlib import Path

from deliveries import Published, delivery
from installation import Installation, folder_store_table

DOI = "10.5555/kurtarma.1"


def test_what_survives_is_told_first_and_kept_when_asked(tmp_path: Path) -> None:
    home = tmp_path / "home"
    archive = Installation(home, folder_store_table("ankara", home), folder_store_table("izmir", home))
    sent = delivery(tmp_path / "issue.zip", [Published(DOI)])
    archive.run("ingest", str(sent), "--publisher", "Örnek Yayınevi")
    status, _, said = archive.tell("salvage", DOI)
    assert (status, "audited first" in said) == (2, True)
    for store in ("ankara", "izmir"):
        (file,) = (home / store).glob("??/??/*/v1.tar")
        data = bytearray(file.read_bytes())
        place = data.index(b"%PDF-")
        data[place] ^= 1
        file.chmod(0o644)
        file.write_bytes(bytes(data))
    archive.run("audit", "--all", status=1)
    plan = archive.run("salvage", DOI, status=1)
    assert (plan["lost"], plan["new_version"], plan["described_by"]) == (1, None, "bag")
    assert sorted(one["store"] or "" for one in plan["files"]) == ["", "ankara"]
    assert archive.tell("salvage", DOI, "--carry-out")[0] == 2, "who decides, and why"
    done = archive.run("salvage", DOI, "--carry-out", "--by", "Ayşe Yılmaz", "--reason", "İki kopya da bozuk.")
    assert done["new_version"] == 2
    article = archive.run("article", DOI)
    assert [one["salvaged"] is not None for one in article["versions"]] == [False, True]
    assert len(article["versions"][1]["files"]) == 1
    status, told, _ = archive.tell("events", "list", "--article", DOI)
    assert "recovery: success" in told
    assert archive.run("events", "verify")["whole"]
