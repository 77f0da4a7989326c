"""The counter under the text says what the server will say."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.async_api import expect

from examples.critical_buttons.domain.segments import (
    BASIC,
    EXTENSION,
    Segments,
    segments,
)
from tests.browser.desk import Tabs
from tests.browser.sms_routes import SmsRoutes, open_leads

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

COUNT = """async (texts) => {
  const { segments } = await import("/static/js/sms/segments.js");
  return texts.map(segments);
}"""
FAMILY = "👩‍👩‍👧‍👦"
EDGES = [
    *(0, 1, 2, 66, 67, 68, 69, 70, 71, 133, 134, 135, 152, 153, 154, 159, 160, 161),
    *(162, 201, 305, 306, 307, 459, 460, 1600),
]


def corpus() -> list[str]:
    """Return texts at every edge, and drawn ones: several hundred."""
    edges = [
        fill * length + end
        for fill in ("x", "€", "ż", "😀", FAMILY)
        for length in EDGES
        for end in ("", "€", "ż", "😀")
    ]
    singles = [
        *sorted(BASIC | EXTENSION),
        "\t",
        "\x1b",
        "\u200b",
        "\u00b4",
        "`",
        "ß",
        "ẞ",
    ]
    rng = random.Random(20_261_122)
    alphabets = ["abc é€", "a€[]{}", "aż€", "ab😀", "Ω\n\r\f", "x" + FAMILY]
    drawn = [
        "".join(rng.choices(alphabet, k=rng.randrange(400)))
        for alphabet in alphabets
        for _ in range(40)
    ]
    return edges + singles + drawn


def figures(found: Segments) -> dict[str, Any]:
    """Return what both sides count."""
    return {
        "encoding": found.encoding,
        "units": found.units,
        "count": found.count,
        "forcedBy": found.forced_by,
    }


def differences(texts: list[str], counted: list[dict[str, Any]]) -> list[str]:
    """Return the texts of which page and server do not say the same."""
    pairs = zip(texts, counted, strict=True)
    return [
        text
        for text, theirs in pairs
        if figures(segments(text)).items() - theirs.items()
    ]


@pytest.mark.case("APP-25", part="browser")
async def test_the_page_counts_as_the_server_does(tabs: Tabs) -> None:
    """Encoding, units, segments and the guilty character, text by text."""
    texts = corpus()
    tab = await tabs.open()

    counted = await tab.page.evaluate(COUNT, texts)

    assert len(texts) > 700
    assert differences(texts, counted) == []


async def test_a_different_count_would_be_found(tabs: Tabs) -> None:
    """One unit, one segment, another character: each is a difference."""
    texts = ["x" * 160, "x" * 161, "zł"]
    tab = await tabs.open()
    counted = await tab.page.evaluate(COUNT, texts)
    counted[0]["units"] += 1
    counted[1]["count"] -= 1
    counted[2]["forcedBy"] = "z"

    assert differences(texts, counted) == texts


@pytest.mark.case("APP-25", part="browser")
async def test_the_counter_names_what_makes_a_text_dear(tabs: Tabs) -> None:
    """160 is one segment, 161 are two; an emoji is named, a blank by its number."""
    sms = SmsRoutes()
    await sms.play(tabs.context)
    tab = await open_leads(tabs)
    await tab.choose()

    for text, expected in (
        ("", "0/160 · 1 segment · GSM-7"),
        ("x" * 143, "143/160 · 1 segment · GSM-7"),
        ("x" * 160, "160/160 · 1 segment · GSM-7"),
        ("x" * 161, "161/306 · 2 segments · GSM-7"),
        ("€", "2/160 · 1 segment · GSM-7"),
        ("hi 😀", "5/70 · 1 segment · UCS-2 because of “😀”"),
        ("a\u00a0b", "3/70 · 1 segment · UCS-2 because of U+00A0"),
        ("ż" * 71, "71/134 · 2 segments · UCS-2 because of “ż”"),
        (
            "x" * 1601,
            "1601/1683 · 11 segments · GSM-7 · 1601 of 1600 characters: too long",
        ),
    ):
        await tab.text.fill(text)
        await expect(tab.counter).to_have_text(expected)
