"""The language of a page: which one the reader wants, and how words, numbers, sizes and moments are written in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from gettext import NullTranslations
from math import floor
from typing import cast
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from flask import Flask, Response, current_app, g, has_request_context, request
from markupsafe import Markup

from repository.texts import marked
from repository.turkish import machine_lower
from repository.vocabulary import as_utc_text

_EXTENSION = "mahfuz languages"
_COOKIE = "lang"
_A_YEAR = 365 * 24 * 3600
_UNITS = (marked("bytes"), "kB", "MB", "GB", "TB", "PB")


@dataclass(frozen=True, slots=True)
class Languages:
    """The languages of the pages by their codes, the first being that of a reader who asks for none of them."""

    translations: Mapping[str, NullTranslations]
    time_zone: ZoneInfo


def speak(app: Flask, languages: Languages) -> None:
    """Give the pages of ``app`` their languages: ``?lang=`` is kept in a cookie, then Accept-Language counts."""
    app.extensions[_EXTENSION] = languages
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: _translations().gettext(text),
        lambda one, many, n: _translations().ngettext(one, many, n),
        newstyle=True,
        pgettext=lambda context, text: _translations().pgettext(context, text),
        npgettext=lambda context, one, many, n: _translations().npgettext(context, one, many, n),
    )
    app.jinja_env.filters.update(number=number, size=size, moment=moment, day=day, told=gettext)
    app.jinja_env.filters.update(
        tenths=tenths, plain=plain, percent=percent, langtag=langtag, langname=langname, isoday=isoday, detail=detail
    )

    @app.after_request
    def _remember(response: Response) -> Response:
        chosen = request.args.get("lang")
        if chosen and chosen in languages.translations and request.cookies.get(_COOKIE) != chosen:
            response.set_cookie(_COOKIE, chosen, max_age=_A_YEAR, path="/", samesite="Lax", httponly=True)
        if response.mimetype == "text/html":
            response.vary.update(("Accept-Language", "Cookie"))
            response.headers.setdefault("Content-Language", current())
        return response


def spoken() -> Languages:
    """The languages of the app that is answering."""
    return cast(Languages, current_app.extensions[_EXTENSION])


def current() -> str:
    """The code of the language in which this request is answered."""
    known = list(spoken().translations)
    if "language" not in g:
        if not has_request_context():
            return known[0]
        asked = (request.args.get("lang"), request.cookies.get(_COOKIE))
        chosen = next((code for code in asked if code in known), None)
        g.language = chosen or request.accept_languages.best_match(known) or known[0]
    return cast(str, g.language)


@contextmanager
def speaking(code: str) -> Iterator[None]:
    """Within the block everything is said in this language: for a document that is made in several."""
    before, g.language = current(), code
    try:
        yield
    finally:
        g.language = before


def gettext(text: str, **values: object) -> str:
    """``text`` in the reader's language, its ``{names}`` filled with ``values``."""
    said = _translations().gettext(text) if text else ""
    return said.format_map(values) if values else said


def in_every_language() -> dict[str, Callable[..., str]]:
    """By the code of each language, what says a text in it as :func:`gettext` does in the reader's."""

    def saying(texts: NullTranslations) -> Callable[..., str]:
        return lambda text, **values: texts.gettext(text).format_map(values) if values else texts.gettext(text)

    return {code: saying(texts) for code, texts in spoken().translations.items()}


def number(value: int) -> str:
    """``1.234.567`` or ``1,234,567``."""
    return format_decimal(value, locale=_locale())


def tenths(value: float) -> str:
    """``57,9`` or ``57.9``: a measure of which more digits would say nothing."""
    return format_decimal(value, format="#,##0.#", locale=_locale())


def plain(value: float) -> str:
    """A number as a form takes it back: ``90`` or ``0.5``."""
    return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


def percent(share: float) -> str:
    """``%99,7`` or ``99.7%`` of a share of a hundred; never rounded up to a whole that is not reached."""
    return format_percent(floor(share * 10) / 1000, format=None if share >= 100 else _one_decimal(), locale=_locale())


def langtag(code: str | None) -> str:
    """A language code as HTML takes it; empty (unknown) for what is none."""
    return machine_lower(code) if code and re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", code) else ""


def langname(code: str) -> str:
    """The name of a language in the reader's language; the code itself where it has none."""
    try:
        return Locale.parse(langtag(code), sep="-").get_display_name(_locale()) or code
    except (ValueError, UnknownLocaleError):
        return code


def isoday(text: str) -> str:
    """A whole ISO 8601 date as people write it; one that is not whole, as it stands."""
    try:
        return format_date(date.fromisoformat(text), "d MMM y", locale=_locale())
    except ValueError:
        return text


def detail(values: Mapping[str, object]) -> str:
    """The detail of an event as one readable line."""
    return "; ".join(f"{name}: {_plain(value)}" for name, value in values.items())


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_plain(part) for part in value)
    return "–" if value is None else str(value)


def size(octets: int) -> str:
    """A number of bytes for people, in powers of a thousand: ``1,4 MB``."""
    value, unit = float(octets), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    pattern = "#,##0" if unit == 0 or value >= 100 else "#,##0.#"
    return f"{format_decimal(value, format=pattern, locale=_locale())} {gettext(_UNITS[unit])}"


def moment(at: datetime | None) -> Markup:
    """A moment in the archive's time zone as a ``time`` element that carries the UTC one; a dash for none."""
    return _time(at, lambda zone: format_datetime(at, "d MMM y HH:mm", tzinfo=zone, locale=_locale()))


def day(at: datetime | None) -> Markup:
    """The day of a moment, written like :func:`moment`."""
    return _time(at, lambda zone: format_date(at.astimezone(zone) if at else None, "d MMM y", locale=_locale()))


def _time(at: datetime | None, written: Callable[[ZoneInfo], str]) -> Markup:
    if at is None:
        return Markup("–")
    utc = as_utc_text(at)
    shown = written(spoken().time_zone)
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(utc, shown)


def _translations() -> NullTranslations:
    return spoken().translations[current()]


def _one_decimal() -> str:
    return "%#,##0.0" if current() == "tr" else "#,##0.0%"


def _locale() -> Locale:
    return Locale.parse(current())
