"""Settings are read once, checked whole, and every mistake is answered with its key, its reason and an example."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import load
from repository.errors import UsageError
from repository.promise import Content


def written(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "mahfuz.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_defaults_alone_are_enough() -> None:
    settings = load(None, {}).settings
    assert settings.stores == []
    assert settings.database_url == f"sqlite:///{settings.archive.home / 'mahfuz.sqlite'}"


def test_the_environment_overrides_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    file = written(tmp_path, '[archive]\nname = "From the file"\n[policy]\nfixity_days = 30\n')
    found = load(file, {"MAHFUZ_POLICY__FIXITY_DAYS": "45"})
    assert (found.settings.archive.name, found.settings.policy.fixity_days) == ("From the file", 45)
    origins = {key: origin for key, _, origin in found.shown()}
    assert origins["archive.name"] == str(file)
    assert origins["policy.fixity_days"] == "MAHFUZ_POLICY__FIXITY_DAYS"
    assert origins["policy.copies"] == "default"


def test_the_variable_names_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[archive]\nname = "Named by the variable"\n')
    assert load(None, {"MAHFUZ_CONFIG": str(file)}).settings.archive.name == "Named by the variable"


@pytest.mark.parametrize(
    ("text", "key", "reason"),
    [
        ("[policy]\nfixty_days = 90\n", "policy.fixty_days", "no such setting"),
        ("[polcy]\nfixity_days = 90\n", "polcy", "no such setting"),
        ("[policy]\nfixity_days = 0\n", "policy.fixity_days", "greater than or equal to 1"),
        ('[archive]\ntime_zone = "Mars/Olympus"\n', "archive.time_zone", "no time zone"),
        ('[database]\nurl = "mysql://x"\n', "database.url", "must begin with"),
        ('[[stores]]\nname = "a"\nurl = "s3://bucket"\n', "stores.0", "access_key"),
        ('[[stores]]\nname = "a"\nurl = "file:///srv/a"\n', "settings", "policy.copies is 2"),
        ("[oai]\nrequests_at_once = 10\nrequests_waiting = 3\n", "oai", "4 of them are the readers'"),
        ('[oai]\nfriends = ["ftp://depo.example.org/oai"]\n', "oai.friends.0", "http or https"),
        ('[oai]\nadmin_emails = ["nobody"]\n', "oai.admin_emails.0", "match pattern"),
        ("[oai]\nicon_width = 88\n", "oai", "icon_url"),
        ('[testimony]\ntime_stamp_url = "ftp://tsa"\n', "testimony.time_stamp_url", "http or https"),
        ('[testimony]\ntime_stamp_url = "http://a@tsa/"\n', "testimony.time_stamp_url", "without a user"),
        ('[testimony]\ntime_stamp_url = "http://tsa/"\n', "testimony", "needs time_stamp_ca_file"),
    ],
)
def test_a_mistake_names_its_key_and_reason(tmp_path: Path, text: str, key: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, text), {})
    assert key in str(caught.value)
    assert reason in str(caught.value)


def test_a_misspelt_variable_stops_the_program() -> None:
    with pytest.raises(UsageError, match=r"archive\.nmae"):
        load(None, {"MAHFUZ_ARCHIVE__NMAE": "x"})


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"mahfuz\.toml is not TOML"):
        load(written(tmp_path, "archive = ["), {})


STORES = """
[[stores]]
name = "ankara"
url = "s3://mahfuz"
access_key = "AK"
secret_key = "hush"
[[stores]]
name = "izmir"
url = "file:///srv/izmir"
"""


def test_secrets_are_masked_and_can_lie_in_a_file(tmp_path: Path) -> None:
    found = load(written(tmp_path, STORES), {})
    assert "hush" not in str(list(found.shown()))
    assert found.settings.stores[0].secret() == "hush"
    secret = tmp_path / "secret"
    secret.write_text("from a file\n", encoding="utf-8")
    file = written(tmp_path, STORES.replace('secret_key = "hush"', f'secret_key_file = "{secret}"'))
    assert load(file, {}).settings.stores[0].secret() == "from a file"


def test_one_key_of_one_store_can_come_from_the_environment(tmp_path: Path) -> None:
    found = load(written(tmp_path, STORES), {"MAHFUZ_STORES__ANKARA__SECRET_KEY": "from outside"})
    assert found.settings.stores[0].secret() == "from outside"


def test_two_stores_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="same name"):
        load(written(tmp_path, STORES.replace('"izmir"', '"ankara"')), {})


def test_a_class_of_content_has_a_promise_of_its_own(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [policy]
        fixity_days = 60
        fixity_days_of = { second = 45 }
        [[policy.classes]]
        name = "heritage"
        publishers = ["Örnek  Yayınevi"]
        titles = ["9999-0016"]
        fixity_days = 20
        [[policy.classes]]
        name = "slow"
        publishers = ["Başka"]
        fixity_days_of = { main = 300 }
        """,
    )
    promises = load(file, {}).settings.policy.promises
    assert promises.of(Content("Örnek Yayınevi")).of("second") == 20
    assert promises.of(Content("", frozenset({"9999-0016"}))).of("main") == 20
    slow = promises.of(Content("Başka"))
    assert (slow.of("main"), slow.of("second")) == (300, 45)
    assert promises.of().of("main") == 60


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('name = "x"', "name its publishers or its titles"),
        ('name = "x"\ntitles = ["1234-5678"]', "no ISSN"),
        ('name = "x"\ntitles = ["99990016"]', "no ISSN"),
        ('name = "x"\npublishers = ["a"]\nfixity_days = 0', "greater than or equal to 1"),
        ('name = "x"\npublishers = ["a"]\nfixity_days_of = { venus = 3 }', "no store of ours: venus"),
        ('name = "x"\npublishers = ["a"]\n[[policy.classes]]\nname = "x"\npublishers = ["b"]', "two classes"),
    ],
)
def test_a_class_that_says_nothing_clear_is_refused(tmp_path: Path, lines: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        load(written(tmp_path, f"[[policy.classes]]\n{lines}\n"))


def test_a_password_inside_an_address_is_masked_too(tmp_path: Path) -> None:
    for given, shown in (
        (
            "postgresql+psycopg://mahfuz:gizli@db.example.org/mahfuz",
            "postgresql+psycopg://mahfuz:***@db.example.org/mahfuz",
        ),
        ("postgresql+psycopg://mahfuz@db.example.org/mahfuz", "postgresql+psycopg://mahfuz@db.example.org/mahfuz"),
    ):
        found = load(None, {"MAHFUZ_ARCHIVE__HOME": str(tmp_path), "MAHFUZ_DATABASE__URL": given})
        assert {key: value for key, value, _ in found.shown()}["database.url"] == shown
        assert found.settings.database_url == given


@pytest.mark.parametrize(
    "given",
    [
        "postgresql+psycopg://mahfuz:gizli@db.example.org/mahfuz",
        "postgresql+psycopg://mahfuz:giz/gizli@db.example.org/mahfuz",
        "postgresql+psycopg://mahfuz:giz@gizli@db.example.org/mahfuz",
        "postgresql+psycopg://mahfuz:giz#gizli?gizli@db.example.org/mahfuz",
        "postgresql+psycopg://:gizli@db.example.org/mahfuz",
        "postgresql+psycopg://mahfuz@db.example.org/mahfuz?sslmode=verify-full&password=gizli",
        "postgresql+psycopg:///mahfuz?sslpassword=gizli&host=/run/postgresql",
    ],
)
def test_no_password_of_the_database_is_ever_shown(tmp_path: Path, given: str) -> None:
    found = load(None, {"MAHFUZ_ARCHIVE__HOME": str(tmp_path), "MAHFUZ_DATABASE__URL": given})
    (shown,) = [value for key, value, _ in found.shown() if key == "database.url"]
    assert "gizli" not in str(list(found.shown()))
    assert "***" in shown
    assert found.settings.database_url == given


def test_the_address_of_the_database_can_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "database.url"
    file.write_text("\n postgresql+psycopg://mahfuz:gizli@db.example.org/mahfuz \n", encoding="utf-8")
    found = load(written(tmp_path, f'[database]\nurl_file = "{file}"\n'), {})
    assert found.settings.database_url == "postgresql+psycopg://mahfuz:gizli@db.example.org/mahfuz"
    assert "gizli" not in str(list(found.shown()))
    with pytest.raises(UsageError, match="not both"):
        load(written(tmp_path, f'[database]\nurl = "sqlite:////x"\nurl_file = "{file}"\n'), {})
    file.write_text("mysql://mahfuz:gizli@db.example.org/mahfuz", encoding="utf-8")
    with pytest.raises(UsageError, match=r"database\.url_file: .* must begin with") as caught:
        _ = found.settings.database_url
    assert "gizli" not in str(caught.value)


SECRET_FILES = """
[access]
metrics_token_file = "{file}"
[access.saml]
secret_file = "{file}"
[[access.openid]]
name = "saglayici"
label = "Sağlayıcı"
issuer = "https://giris.example.org"
client_id = "mahfuz"
client_secret_file = "{file}"
[mail]
server = "smtp.example.org"
from = "arsiv@example.org"
user = "arsiv"
password_file = "{file}"
[[alerts.webhooks]]
name = "ops"
url = "https://ops.example.org/mahfuz"
secret_file = "{file}"
[[peers]]
name = "ikinci-arsiv"
key_file = "{file}"
[[feeds]]
name = "ornek"
publisher = "Örnek Yayınevi"
kind = "https"
url = "https://dergi.example.org/teslim/"
user = "arsiv"
password_file = "{file}"
[[stores]]
name = "ankara"
url = "s3://mahfuz"
access_key = "AK"
secret_key_file = "{file}"
[[stores]]
name = "izmir"
url = "file:///srv/izmir"
"""
READERS = {
    "access.metrics_token_file": lambda found: found.access.token(),
    "access.saml.secret_file": lambda found: found.access.saml.front().secret,
    "access.openid.saglayici.client_secret_file": lambda found: found.access.openid[0].provider().client_secret,
    "mail.password_file": lambda found: found.mail.secret(),
    "alerts.webhooks.ops.secret_file": lambda found: found.alerts.webhooks[0].key().decode(),
    "peers.ikinci-arsiv.key_file": lambda found: found.peers[0].peer().key,
    "stores.ankara.secret_key_file": lambda found: found.stores[0].secret(),
}


@pytest.mark.parametrize("key", READERS)
def test_every_secret_may_lie_in_a_file_with_an_end_of_line_and_must_lie_there(tmp_path: Path, key: str) -> None:
    secret = tmp_path / "secret"
    found = load(written(tmp_path, SECRET_FILES.format(file=secret)), {}).settings
    for text in ("Uzun-ve-gizli-0123456789", "Uzun-ve-gizli-0123456789\n", " Uzun-ve-gizli-0123456789\r\n"):
        secret.write_bytes(text.encode())
        assert READERS[key](found) == "Uzun-ve-gizli-0123456789"
    for empty in ("", "\n"):
        secret.write_text(empty, encoding="utf-8")
        with pytest.raises(UsageError, match=rf"{key}: .*holds nothing"):
            READERS[key](found)
    secret.write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=rf"{key}: .*not UTF-8"):
        READERS[key](found)
    secret.unlink()
    with pytest.raises(UsageError, match=rf"{key}: .*No such file"):
        READERS[key](found)


@pytest.mark.parametrize(
    "text",
    [
        '[[peers]]\nname = "x"\nkey = "gizli"\n',
        '[access.saml]\nsecret = "gizli kisa"\n',
        '[[alerts.webhooks]]\nname = "o"\nurl = "https://x.example.org/"\nsecret = "gizli"\n',
        '[alerts]\nheartbeat_url = "ftp://x.example.org/gizli"\n',
        '[database]\nurl = "mysql://mahfuz:gizli@db.example.org/mahfuz"\n',
        '[[stores]]\nname = "a"\nurl = "s3://arsiv"\nsecret_key = "gizli"\n',
        '[[stores]]\nname = "a"\nurl = "file:///srv/a"\nsecret_key = ["gizli"]\n',
        '[mail]\nserver = 5\npassword = "gizli"\n',
        '[[feeds]]\nname = "o"\npublisher = "p"\nkind = "https"\nurl = "https://u:gizli@h.example.org/"\n',
        '[access]\nmetrics_token = "gizli\n',
    ],
)
def test_a_mistake_is_told_without_the_secret_in_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, text), {})
    assert "gizli" not in str(caught.value)
