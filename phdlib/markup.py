"""HTML written by functions: text is escaped unless it is markup already."""

from __future__ import annotations

from html import escape

_VOID = ("br", "img", "input", "meta")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """A value as HTML: escaped, unless it is markup. None is nothing."""
    return value if isinstance(value, Markup) else Markup(escape("" if value is None else str(value)))


def join(*parts: object) -> Markup:
    return Markup("".join(map(text, parts)))


def tag(element: str, *content: object, **attributes: object) -> Markup:
    """An element. ``data_from="a.csv"`` becomes data-from, ``class_`` class; True is an attribute without a value, None
    and False are none."""
    given = []
    for key, value in attributes.items():
        if value is not None and value is not False:
            key = key.rstrip("_").replace("_", "-")
            given.append(f" {key}" if value is True else f' {key}="{escape(str(value))}"')
    opening = f"<{element}{''.join(given)}>"
    return Markup(opening if element in _VOID else f"{opening}{join(*content)}</{element}>")
