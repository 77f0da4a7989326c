// @ts-check
/** Bookings, or leads: one of them is shown, and the address says which. */

import { el, setText } from "./dom.js";
import { icon } from "./icons.js";
import { PAGE } from "./strings.js";

/** @typedef {"bookings"|"leads"} View */

const VIEWS = /** @type {const} */ ([
  { view: "bookings", label: PAGE.bookings, icon: "calendar", skip: PAGE.skip },
  { view: "leads", label: PAGE.leads, icon: "message", skip: PAGE.skipLeads },
]);

/** The links in the header; `onShow` is told now and at every change.
 * @param {(view: View) => void} onShow */
export function viewLinks(onShow) {
  const links = VIEWS.map(({ view, label, icon: name }) =>
    el("a", { href: `#${view}`, class: "view" }, icon(name), label),
  );
  const skip = /** @type {HTMLAnchorElement|null} */ (document.querySelector(".skip"));
  const show = () => {
    const shown = VIEWS.find(({ view }) => location.hash === `#${view}`) ?? VIEWS[0];
    links.forEach((link, index) => {
      if (VIEWS[index] === shown) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    document.title = `${shown.label} - ${PAGE.title}`;
    if (skip) {
      skip.href = `#${shown.view}`;
      setText(skip, shown.skip);
    }
    onShow(shown.view);
  };
  addEventListener("hashchange", () => {
    show();
    // It was hidden when the browser looked for the place to go on from.
    document.getElementById(location.hash.slice(1))?.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  return { element: el("nav", { class: "views", "aria-label": PAGE.sections }, ...links), show };
}
