"""The archive that is asked: wired as in earnest over a generated catalogue, with somebody signed in for every role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pages
from bench.cost import Costs, watched
from bench.generator import STORES, Size
from bench.measure import write_settings
from flask import Flask
from flask.testing import FlaskClient

from config.app import create_app
from config.settings import load
from config.wiring import Archive, opened, rooms
from repository.access import institutions, requestors, staff
from repository.catalogue import Catalogue

_PASSWORD = "bench: uzun bir parola"
INSTITUTION, PUBLISHER = 5, 2
"""Whose librarian and whose publisher's account ask."""


@dataclass(frozen=True)
class Asked:
    """What the questions are put to."""

    size: Size
    archive: Archive
    costs: Costs
    site: Flask
    nobody: FlaskClient
    staff: FlaskClient
    librarian: FlaskClient
    publisher: FlaskClient
    key: str
    """Of a requestor of the librarian's institution."""

    @property
    def catalogue(self) -> Catalogue:
        """What is filled."""
        return self.archive.catalogue


@contextmanager
def asking(url: str, size: Size, folder: Path) -> Iterator[Asked]:
    """The archive over the catalogue at ``url``; what it keeps beside that lies in ``folder``."""
    stores = [f'name = "{name}"\nurl = "file://{folder / name}"' for name in STORES]
    settings = load(write_settings(folder / "mahfuz.toml", folder / "home", *stores)).settings
    with watched(url) as (catalogue, costs), opened(settings) as wired:
        archive = replace(wired, catalogue=catalogue)
        site = create_app(rooms(archive))
        # A day's usage is one question of all: the pages are asked without counting it twice over.
        people = {
            "staff": {},
            "librarian": {"institution": f"kurum-{INSTITUTION}"},
            "publisher": {"publisher": f"Yayınevi {PUBLISHER}"},
        }
        signed_in = {role: _signed_in(catalogue, site, role, whose) for role, whose in people.items()}
        with catalogue.writing() as session:
            row = institutions.find(session, f"kurum-{INSTITUTION}")
            assert row is not None
            row.counter_id = row.code
            key = requestors.make(session, "bench", row, f"bench {time.time_ns()}", at=datetime.now(UTC))
        yield Asked(size, archive, costs, site, site.test_client(), **signed_in, key=key)


def _signed_in(catalogue: Catalogue, site: Flask, role: str, whose: dict[str, str]) -> FlaskClient:
    login = f"{role}{time.time_ns()}"
    with catalogue.writing() as session:
        password = staff.create(session, login, role, **whose)
    browser = site.test_client()
    pages.sign_in(browser, login, password)
    pages.post(browser, "/staff/password", old=password, new=_PASSWORD, again=_PASSWORD)
    return browser
