"""Nothing in a record can become part of the page, call anything in, hide, or turn its words round."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from xml.etree.ElementTree import Element

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packer.out.report.document import report_html
from packer.out.report.html import el, raw_style
from schemas.visible import visible
from tests.packer.out.example_record import clean_record, example_record
from tests.packer.out.hostile_record import FIELDS, harmless, hostile_record, record_of
from tests.packer.out.payloads import PAYLOADS

NEVER_ELEMENTS = {
    *("script", "iframe", "frame", "frameset", "object", "embed", "applet", "link", "base", "form", "input"),
    *(
        "button",
        "textarea",
        "select",
        "img",
        "image",
        "video",
        "audio",
        "source",
        "a",
        "use",
        "animate",
        "set",
    ),
    *("foreignObject", "math", "template", "portal", "marquee", "dialog"),
}
NEVER_ATTRIBUTES = {
    *(
        "href",
        "src",
        "srcset",
        "srcdoc",
        "action",
        "formaction",
        "data",
        "poster",
        "background",
        "cite",
        "ping",
    ),
    *(
        "style",
        "codebase",
        "longdesc",
        "manifest",
        "icon",
        "profile",
        "usemap",
        "autofocus",
        "contenteditable",
    ),
}


def elements(page: str) -> Iterator[Element]:
    """All elements as a browser would make them of the page."""
    parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
    yield from parser.parse(page).iter()
    assert parser.errors == []


def plain(name: object) -> str:
    """Without its namespace."""
    return str(name).rpartition("}")[2]


def shape(page: str) -> Counter[tuple[str, tuple[str, ...]]]:
    """How often which element occurs with which attributes."""
    return Counter((plain(each.tag), tuple(sorted(map(plain, each.attrib)))) for each in elements(page))


def check(found: Counter[tuple[str, tuple[str, ...]]]) -> None:
    """No element or attribute that could run, load or submit anything."""
    for tag, attributes in found:
        assert tag not in NEVER_ELEMENTS
        assert not [name for name in attributes if name in NEVER_ATTRIBUTES or name.startswith("on")]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_payload_in_every_field_adds_no_element_and_no_attribute(payload: str) -> None:
    page = report_html(hostile_record(payload))
    found = shape(page)
    check(found)
    assert found == shape(report_html(hostile_record(harmless(payload))))
    page.encode()


@pytest.mark.parametrize("field", FIELDS)
def test_payloads_in_one_field_alone_add_no_element_and_no_attribute(field: str) -> None:
    payload = "\x00\u2028</p></svg><script>1</script>\" onload='1' x=\ud800 --></title><img src=x onerror=1>"
    found = shape(report_html(hostile_record(payload, only=field)))
    check(found)
    calm = record_of(lambda each: harmless(payload, "z" if each == field else "x"))
    assert found == shape(report_html(calm))


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_is_shown_as_the_text_that_it_is(field: str) -> None:
    """Otherwise the tests above would prove nothing for it."""
    payload = f"<i>{field}&amp;</i>"
    page = report_html(hostile_record(payload, only=field, running=field == "owner"))
    told = "".join(text for each in elements(page) for text in each.itertext())
    assert payload in told


@given(st.text(st.characters(exclude_categories=()), min_size=1, max_size=60))
@settings(max_examples=25, deadline=None)
def test_no_text_at_all_changes_the_page(text: str) -> None:
    text = re.sub(r"\s", " ", text) + "!"  # in white space alone there is nothing to mark
    page = report_html(hostile_record(text))
    page.encode()
    found = shape(page)
    check(found)
    assert found.keys() == shape(report_html(hostile_record(harmless(text)))).keys()


def test_no_character_moves_hides_or_breaks_the_page() -> None:
    every = "".join(map(chr, [*range(0x3100), *range(0xD7F0, 0x10000), *range(0xE0000, 0xE1000)]))
    said = visible(every)
    said.encode()
    for character in said:
        category = unicodedata.category(character)
        assert category not in ("Cs", "Zl", "Zp"), hex(ord(character))
        assert category != "Cc" or character in "\t\n", hex(ord(character))
        # Joiners, and the marks that some scripts write before their numbers.
        allowed = "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
        assert category != "Cf" or character in allowed, hex(ord(character))
        bidi = unicodedata.bidirectional(character)
        assert bidi not in ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"), hex(
            ord(character)
        )
    assert visible("a\x00\x1b[2J\u202eb\ud800") == "a␀␛[2J⟨U+202E⟩b⟨U+D800⟩"
    assert visible("two\r\nlines\rno") == "two\nlines␍no"


def test_the_policy_lets_in_one_style_sheet_and_nothing_else() -> None:
    page = report_html(example_record())
    (style,) = [each for each in elements(page) if plain(each.tag) == "style"]
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    metas = [each.attrib for each in elements(page) if plain(each.tag) == "meta"]
    (policy,) = [meta["content"] for meta in metas if meta.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.pop("style-src") == f"'sha256-{digest}'"
    assert rules.pop("default-src") == "'none'"
    assert {"script-src", "img-src", "base-uri", "form-action"} <= set(rules)
    assert set(rules.values()) == {"'none'"}
    assert page.index("Content-Security-Policy") < page.index("<style>")


@pytest.mark.parametrize("record", [example_record(), clean_record()], ids=["example", "clean"])
def test_a_page_loads_and_runs_nothing(record: object) -> None:
    page = report_html(record)  # type: ignore[arg-type]  # as pytest hands it over
    check(shape(page))
    assert "url(" not in page
    assert "@import" not in page
    assert "//" not in re.sub(r"</?[a-z]", "", page).replace("://", "")


def test_elements_that_reports_do_not_use_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="<script> is not an element"):
        el("script", "1")
    with pytest.raises(ValueError, match="'onclick' is not an attribute"):
        el("p", "text", onclick="1")
    with pytest.raises(ValueError, match="takes no text"):
        el("style", "p{}")
    with pytest.raises(ValueError, match="neither '<'"):
        raw_style("</style>")
