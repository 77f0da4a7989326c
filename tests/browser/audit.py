"""Looks at a page as somebody would who cannot see it well, or hold a mouse."""

from __future__ import annotations

from playwright.async_api import Page

# Colours are read back from a canvas, so that color-mix() and light-dark() come
# out as the numbers that are painted.
CONTRAST = """() => {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const paint = (colours) => {
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) { pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }
    return pen.getImageData(0, 0, 1, 1).data;
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((each) => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: element, textContent: text } = walker.currentNode;
    if (!text.trim() || !element.checkVisibility({ opacityProperty: true,
      visibilityProperty: true })) continue;
    if (element.closest(".hidden, .skip, script, noscript")) continue;
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.unshift(getComputedStyle(each).backgroundColor);
    }
    const behind = ["white", ...layers];
    const words = [...behind, getComputedStyle(element).color];
    const found = ratio(paint(words), paint(behind));
    if (found < 4.5) low.push(`${text.trim().slice(0, 40)}: ${found.toFixed(2)}`);
  }
  return low;
}"""

SMALL = """() => {
  const small = [];
  for (const each of document.querySelectorAll(
    "button, input, select, summary, a[href]")) {
    if (!each.checkVisibility() || each.matches(".skip")) continue;
    // A label around a checkbox is pressed as well as the box.
    const target = each.type === "checkbox" ? (each.closest("label") ?? each) : each;
    const { width, height } = target.getBoundingClientRect();
    if (width < 43.9 || height < 43.9) {
      small.push(`${each.tagName} ${each.textContent.trim() || each.value}: ` +
        `${width.toFixed(1)} x ${height.toFixed(1)}`);
    }
  }
  return small;
}"""

NAMELESS = """() => {
  const faults = [];
  const named = (each) => each.ariaLabel || each.getAttribute("aria-labelledby")
    || each.labels?.length || each.textContent.trim();
  for (const each of document.querySelectorAll(
    "button, input, select, progress, dialog, [role], section, aside, table, fieldset"
  )) {
    const must = !each.matches("tr, td, th, thead, tbody, [role=status], [role=alert]");
    if (must && each.checkVisibility() && !named(each)) faults.push(each.outerHTML);
  }
  for (const each of document.querySelectorAll(
    "[aria-labelledby], [aria-controls], [aria-describedby]")) {
    for (const name of ["aria-labelledby", "aria-controls", "aria-describedby"]) {
      for (const id of (each.getAttribute(name) ?? "").split(/\\s+/).filter(Boolean)) {
        if (!document.getElementById(id)) faults.push(`${name}=${id} leads nowhere`);
      }
    }
  }
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of new Set(ids)) {
    if (ids.filter((each) => each === id).length > 1) faults.push(`id ${id} twice`);
  }
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  if (document.querySelectorAll("main").length !== 1) faults.push("not one main");
  for (const role of ["status", "alert"]) {
    const regions = document.querySelectorAll(`[role=${role}]`);
    if (regions.length !== 1) faults.push(`${regions.length} regions of role ${role}`);
  }
  return faults;
}"""

MOVING = """() => document.getAnimations()
  .filter((each) => each.playState === "running")
  .map((each) => each.animationName ?? each.transitionProperty)"""


async def low_contrast(page: Page) -> list[str]:
    """Return texts with less than 4.5:1 against what is painted behind them."""
    found: list[str] = await page.evaluate(CONTRAST)
    return found


async def small_targets(page: Page) -> list[str]:
    """Return what can be pressed and is smaller than 44 by 44 px."""
    found: list[str] = await page.evaluate(SMALL)
    return found


async def nameless(page: Page) -> list[str]:
    """Return controls and regions without a name, dead references, doubled ids."""
    found: list[str] = await page.evaluate(NAMELESS)
    return found


async def moving(page: Page) -> list[str]:
    """Return the names of animations that are running."""
    found: list[str] = await page.evaluate(MOVING)
    return found


async def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    wide: int = await page.evaluate(
        "() => document.documentElement.scrollWidth - innerWidth"
    )
    return wide
