"""A report in a real browser: by day and by night, on a phone and on a desk; nothing loads, nothing runs."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from packer.out.report.document import write_report
from packer.out.report.style import DAY, NIGHT
from schemas.record import RunRecord
from tests.packer.out.browser import ABSENT, Page, browser_page, find_browser
from tests.packer.out.example_record import clean_record, example_record
from tests.packer.out.hostile_record import hostile_record
from tests.packer.out.payloads import PAYLOADS

BROWSER = find_browser()
pytestmark = pytest.mark.skipif(BROWSER is None, reason=ABSENT)

PHONE, DESK = 390, 1280
# Wider than the window, and not in a box of its own that scrolls; what is folded away has no width.
TOO_WIDE = """[...document.querySelectorAll('body *')]
.filter(e => !e.parentElement.closest('.scroll') && e.getBoundingClientRect().right > innerWidth + 0.5)
.map(e => e.tagName + '.' + e.getAttribute('class'))"""
SMALLEST_LETTERS = """Math.min(...[...document.querySelectorAll('body *')]
.filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && e.getClientRects().length)
.map(e => parseFloat(getComputedStyle(e).fontSize) * (e.ownerSVGElement ? e.getScreenCTM().a : 1)))"""
# Every text that shows, with its colour and the first ground below it that is not see-through.
COLOURS = """[...document.querySelectorAll('body *')]
.filter(e => !e.ownerSVGElement && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()))
.map(e => { let g = e; const seen = 'rgba(0, 0, 0, 0)';
  while (g.parentElement && getComputedStyle(g).backgroundColor === seen) g = g.parentElement;
  const [c, b] = [getComputedStyle(e).color, getComputedStyle(g).backgroundColor];
  return [c, b, e.tagName + '.' + e.className]; })"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    assert BROWSER is not None
    with browser_page(BROWSER, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def show(page: Page, record: RunRecord, folder: Path, *, dark: bool = False, width: int = DESK) -> Path:
    path = folder / "report.html"
    write_report(record, path)
    page.look(dark=dark, width=width)
    page.open(path)
    return path


def pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, bytes per pixel and rows of a PNG without interlacing."""
    place, packed = 8, b""
    width = per_pixel = 0
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        kind, body = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, per_pixel = struct.unpack(">I", body[:4])[0], {2: 3, 6: 4}[body[9]]
            assert (body[8], body[12]) == (8, 0)
        elif kind == b"IDAT":
            packed += body
        place += 12 + length
    raw, stride = zlib.decompress(packed), width * per_pixel
    rows: list[bytes] = []
    above = bytes(stride)
    for start in range(0, len(raw), stride + 1):
        above = unfiltered(raw[start], raw[start + 1 : start + 1 + stride], above, per_pixel)
        rows.append(above)
    return width, per_pixel, rows


def unfiltered(kind: int, line: bytes, above: bytes, per_pixel: int) -> bytes:
    """One row of a PNG, as RFC 2083 section 6 has it."""
    if kind == 0:
        return line
    if kind == 2:
        return bytes((a + b) & 255 for a, b in zip(line, above, strict=True))
    made = bytearray(per_pixel)  # what lies left of the first pixel
    corner = bytes(per_pixel) + above
    for place, byte in enumerate(line):
        left, up, over = made[place], above[place], corner[place]
        if kind == 1:
            guess = left
        elif kind == 3:
            guess = (left + up) // 2
        else:
            guess = min((left, up, over), key=lambda each: abs(left + up - over - each))
        made.append((byte + guess) & 255)
    return bytes(made[per_pixel:])


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_fits_is_quiet_and_has_the_colours_of_the_hour(
    page: Page, tmp_path: Path, dark: bool, width: int
) -> None:
    path = show(page, example_record(), tmp_path, dark=dark, width=width)
    png = page.picture(tmp_path / f"report-{'dark' if dark else 'light'}-{width}.png", whole=False)
    seen_width, per_pixel, rows = pixels(png)
    ground = rgb((NIGHT if dark else DAY)["paper"])
    assert seen_width == width
    assert tuple(rows[2][: min(per_pixel, 3)]) == ground
    seen = {row[place : place + 3] for row in rows for place in range(0, len(row), per_pixel)}
    assert len(seen) > 50
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(TOO_WIDE) == []
    assert page.complaints() == []
    assert page.requested() == [path.as_uri()]


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_letters_are_large_enough(page: Page, tmp_path: Path, width: int) -> None:
    show(page, example_record(), tmp_path, width=width)
    smallest = page.evaluate(SMALLEST_LETTERS)
    assert isinstance(smallest, int | float)
    assert smallest >= 10.5


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_enough_contrast_as_the_browser_paints_it(
    page: Page, tmp_path: Path, dark: bool
) -> None:
    show(page, example_record(), tmp_path, dark=dark)
    painted = page.evaluate(COLOURS)
    assert isinstance(painted, list)
    assert len(painted) > 300
    for colour, ground, where in painted:
        assert contrast(colour, ground) >= 4.5, (where, colour, ground)


def contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it, of two colours as ``rgb(1, 2, 3)``."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_what_happened_what_it_cost_and_what_to_look_at_stand_on_the_first_screen(
    page: Page, tmp_path: Path
) -> None:
    show(page, example_record(), tmp_path)
    for wanted in ("h1", ".verdict", ".state", ".figures", ".concerns"):
        bottom = page.evaluate(f"document.querySelector('{wanted}').getBoundingClientRect().bottom")
        assert isinstance(bottom, int | float)
        assert bottom <= 900, wanted
    page.look(width=PHONE, height=844)
    for wanted in (".verdict", ".state", ".figures"):
        bottom = page.evaluate(f"document.querySelector('{wanted}').getBoundingClientRect().bottom")
        assert isinstance(bottom, int | float)
        assert bottom <= 844, wanted


def test_a_hostile_record_runs_nothing_and_loads_nothing(page: Page, tmp_path: Path) -> None:
    """All payloads at once, item after item; and what the policy would have stopped was never there."""
    for start in range(0, len(PAYLOADS), 8):
        path = show(page, hostile_record("\n".join(PAYLOADS[start : start + 8])), tmp_path)
        page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
        assert page.evaluate("typeof window.pwned") == "undefined"
        assert page.complaints() == []
        assert page.requested() == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") == DESK


def test_the_browser_would_have_said_so(page: Page, tmp_path: Path) -> None:
    """The two tests above can fail: a script and a picture in the page are seen, and stopped."""
    path = show(page, clean_record(), tmp_path)
    hurt = path.read_text().replace(
        "</main>", "<script>window.pwned=1</script><img src='https://e.invalid/x'></main>"
    )
    path.write_text(hurt)
    page.open(path)
    assert page.evaluate("typeof window.pwned") == "undefined"
    told = str(page.complaints())
    assert "script-src" in told
    assert "img-src" in told


def test_a_phone_shows_long_words_and_wide_tables_without_moving_sideways(page: Page, tmp_path: Path) -> None:
    show(page, hostile_record("W" * 400), tmp_path, width=PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE
    assert page.evaluate(TOO_WIDE) == []


def test_printed_all_is_unfolded_on_white(page: Page, tmp_path: Path) -> None:
    show(page, example_record(), tmp_path)
    page.look(dark=True, media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
    painted = page.evaluate(COLOURS)
    assert isinstance(painted, list)
    for colour, ground, where in painted:
        assert contrast(colour, ground) >= 4.5, (where, colour, ground)
    folded = (
        "[...document.querySelectorAll('details')].filter(e => e.getBoundingClientRect().height < 60).length"
    )
    assert page.evaluate(folded) == 0
    assert page.evaluate(TOO_WIDE) == []


def test_nothing_is_blank_in_a_clean_run(page: Page, tmp_path: Path) -> None:
    show(page, clean_record(), tmp_path, width=PHONE)
    empty = (
        "[...document.querySelectorAll('section, figure, dl, ul')].filter(e => !e.innerText.trim()).length"
    )
    assert page.evaluate(empty) == 0
    assert page.evaluate(TOO_WIDE) == []
