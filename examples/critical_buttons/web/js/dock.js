// @ts-check
/** What sticks to the lower edge of the window, and tells the style sheets its height. */

import { el } from "./dom.js";

/** A rule, since the page's policy refuses a style that stands in an attribute. */
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);

/**
 * A place at the lower edge. `--dock` is as high as it is, so that what gets the focus
 * is scrolled to above it: with a reason to give and a sentence on what is missing, the
 * bar on a phone is twice as high as without, and somebody who goes on by keyboard
 * would not see where.
 */
export class Dock {
  element = el("div", { class: "bulk-dock" });
  #observer = new ResizeObserver(() => {
    sheet.replaceSync(`:root { --dock: ${Math.ceil(this.element.offsetHeight)}px; }`);
  });

  constructor() {
    this.#observer.observe(this.element);
  }

  /** It is gone for good; nothing lies at the lower edge. */
  close() {
    this.#observer.disconnect();
    sheet.replaceSync("");
  }
}
