"""Parts of the page that no person sees: what fetches once more, and who observes."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.desk import CUT, Tabs
from tests.browser.sms_routes import open_leads

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser-parts")]

#: For every number of turns after the first wish: whether who asks then is given
#: what began after asking.
FRESH = """async (fails) => {
  const { OnceMore } = await import("/static/js/once-more.js");
  let begun = 0;
  const once = new OnceMore(async () => {
    begun += 1;
    if (fails) throw begun;
    return begun;
  });
  const run = () => once.run().catch((each) => each);
  const fresh = [];
  for (let turns = 0; turns < 12; turns += 1) {
    const first = run();
    for (let turn = 0; turn < turns; turn += 1) await null;
    const before = begun;
    fresh.push((await run()) > before);
    await first;
  }
  return fresh;
}"""
#: For a page: how many observers of sizes watch something.
COUNTED = """
  window.observing = new Set();
  const { observe, disconnect } = ResizeObserver.prototype;
  ResizeObserver.prototype.observe = function (...each) {
    window.observing.add(this);
    return observe.apply(this, each);
  };
  ResizeObserver.prototype.disconnect = function () {
    window.observing.delete(this);
    return disconnect.apply(this);
  };
"""
OBSERVING = "() => window.observing.size"


@pytest.mark.parametrize("fails", [False, True])
async def test_who_asks_gets_what_began_since(tabs: Tabs, *, fails: bool) -> None:
    """Also in the turns between the last answer and the end of the run."""
    tabs.forgiven.append(CUT)
    tab = await tabs.open()
    fresh = await tab.page.evaluate(FRESH, fails)

    assert fresh == [True] * 12


async def test_a_tenant_that_was_left_observes_nothing(tabs: Tabs) -> None:
    """Switched there and back: as many observers as at the beginning."""
    tabs.forgiven.append(CUT)
    await tabs.context.add_init_script(COUNTED)
    tab = await open_leads(tabs)
    before = await tab.page.evaluate(OBSERVING)
    for tenant in ("Globex", "Acme"):
        await tab.page.get_by_role("radio", name=tenant).check(force=True)
        await expect(tab.page.locator(".leads tbody tr").first).to_be_visible()
        await tab.tab.expect_live()

    assert before == 1
    assert await tab.page.evaluate(OBSERVING) == before
