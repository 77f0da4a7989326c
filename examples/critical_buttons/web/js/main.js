// @ts-check
/** Starts the page. */

import { setText } from "./dom.js";
import { buildHeader } from "./header.js";
import { Origins } from "./origin.js";
import { Session } from "./session.js";
import { PAGE } from "./strings.js";

const TENANTS = Object.freeze([
  { value: "acme", label: "Acme" },
  { value: "globex", label: "Globex" },
]);

const header = /** @type {HTMLElement} */ (document.getElementById("header"));
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const origins = new Origins();

/** @type {Session|null} */
let session = null;

function tenantOfUrl() {
  const asked = new URLSearchParams(location.search).get("tenant");
  return TENANTS.some(({ value }) => value === asked) ? String(asked) : "acme";
}

/** @param {string} tenant */
function open(tenant) {
  session?.close();
  session = new Session(tenant, origins, (state) => chip.show(state));
  session.start(main);
}

const { chip, elements } = buildHeader({
  tenants: TENANTS,
  tenant: tenantOfUrl(),
  onTenant: (tenant) => {
    const url = new URL(location.href);
    url.searchParams.set("tenant", tenant);
    history.replaceState(null, "", url);
    open(tenant);
  },
});
header.append(...elements);
const skip = document.querySelector(".skip");
if (skip) setText(skip, PAGE.skip);
open(tenantOfUrl());
