// @ts-check
/** Starts the page. */

import { buildHeader } from "./header.js";
import { Origins } from "./origin.js";
import { Session } from "./session.js";
import { viewLinks } from "./views.js";

const TENANTS = Object.freeze([
  { value: "acme", label: "Acme" },
  { value: "globex", label: "Globex" },
]);

const header = /** @type {HTMLElement} */ (document.getElementById("header"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const origins = new Origins();

/** @type {Session|null} */
let session = null;
/** @type {import("./views.js").View} */
let view = "bookings";

function tenantOfUrl() {
  const asked = new URLSearchParams(location.search).get("tenant");
  return TENANTS.some(({ value }) => value === asked) ? String(asked) : "acme";
}

/** @param {string} tenant */
function open(tenant) {
  session?.close();
  session = new Session(tenant, origins, {
    onState: (state) => chip.show(state),
    onFaults: (on) => {
      faults.hidden = !on;
    },
  });
  session.start(main);
  session.show(view);
}

const views = viewLinks((shown) => {
  view = shown;
  session?.show(view);
});
const { chip, faults, elements } = buildHeader({
  tenants: TENANTS,
  views: views.element,
  tenant: tenantOfUrl(),
  onTenant: (tenant) => {
    const url = new URL(location.href);
    url.searchParams.set("tenant", tenant);
    history.replaceState(null, "", url);
    open(tenant);
  },
});
header.append(...elements);
views.show();
open(tenantOfUrl());
