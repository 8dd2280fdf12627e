"""Who may have bags, as the settings say it: keys that are masked, addresses that are ones, and nobody by accident."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from config.settings import Loaded, load
from repository.access.peers import Peer, Refusal, Shown, known
from repository.errors import UsageError

KEY = "0123456789abcdef0123456789"


def read(tmp_path: Path, table: str) -> Loaded:
    file = tmp_path / "mahfuz.toml"
    file.write_text(f'[archive]\nhome = "{tmp_path}"\n{table}', encoding="utf-8")
    return load(file, {})


def test_a_peer_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    loaded = read(
        tmp_path,
        f'[[peers]]\nname = "bir"\nkey = "{KEY}"\naddresses = ["192.0.2.0/24", "2001:db8::1"]\n'
        f'[[peers]]\nname = "iki"\nkey_file = "{tmp_path}/key"\npublishers = ["Örnek  Yayınevi"]\n',
    )
    first, second = (one.peer() for one in loaded.settings.peers)
    assert first == Peer("bir", KEY, (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128")))
    assert second == Peer("iki", KEY, publishers=frozenset({"Örnek Yayınevi"}))
    shown = {key: value for key, value, _ in loaded.shown()}
    assert "*" in shown["peers.bir.key"]
    assert KEY not in repr(shown) + repr(loaded.settings) + repr(first)
    assert (
        load(tmp_path / "mahfuz.toml", {"MAHFUZ_PEERS__BIR__KEY": KEY[::-1]}).settings.peers[0].peer().key == KEY[::-1]
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('name = "bir"', "needs a key"),
        ('name = "bir"\nkey = "short"', "at least 20 characters"),
        (f'name = "bir"\nkey = "{KEY}"\nkey_file = "/x"', "not both"),
        ('name = "bir"\naddresses = ["192.0.2.1/24"]', "192.0.2.0/24"),
        ('name = "bir"\naddresses = ["everybody"]', "everybody"),
        (f'name = "bir"\nkey = "{KEY}"\npublishers = []', "publishers"),
        (f'name = "bir"\nkey = "{KEY}"\ncolour = "red"', "no such setting"),
        (f'name = "bir"\nkey = "{KEY}"\n[[peers]]\nname = "bir"\nkey = "{KEY}"', "same name"),
    ],
)
def test_what_is_no_peer_is_refused_with_its_reason(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, f"[[peers]]\n{table}\n")


@pytest.mark.parametrize("content", [None, "", "short"])
def test_a_file_without_a_key_stops_the_program(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "key").write_text(content)
    loaded = read(tmp_path, f'[[peers]]\nname = "bir"\nkey_file = "{tmp_path}/key"\n')
    with pytest.raises(UsageError, match=r"peers\.bir\.key_file"):
        loaded.settings.peers[0].peer()


@pytest.mark.parametrize("address", [None, "", "unknown", "192.0.2.1, 192.0.2.2", "fe80::1%eth0"])
def test_an_address_that_is_none_opens_nothing(address: str | None) -> None:
    peers = (Peer("bir", None, (ip_network("192.0.2.0/24"),)),)
    assert known(peers, Shown(None, None, address)) is Refusal.UNKNOWN


def test_a_peer_that_is_known_by_nothing_is_nobody() -> None:
    assert known((Peer("bir"),), Shown("", None, "192.0.2.1")) is Refusal.UNKNOWN
    assert known((), Shown(KEY, None, "192.0.2.1")) is Refusal.NOBODY
