// @ts-check
/** Title, sections, connection, tenant, theme. */

import { el, radios, setText } from "./dom.js";
import { icon } from "./icons.js";
import { CONNECTION, PAGE } from "./strings.js";
import { themeSwitch } from "./theme.js";

/** @typedef {import("/syncpatterns/live-events.js").LiveState} LiveState */

/** @type {Readonly<Record<string, string>>} */
const ICONS = Object.freeze({
  connecting: "again",
  live: "live",
  reconnecting: "again",
  unreachable: "plug",
  refused: "alert",
  offline: "offline",
  closed: "minus",
});

/**
 * @param {object} options
 * @param {readonly {value: string, label: string}[]} options.tenants
 * @param {string} options.tenant
 * @param {(tenant: string) => void} options.onTenant
 * @param {HTMLElement} options.views
 */
export function buildHeader({ tenants, tenant, onTenant, views }) {
  const chip = new ConnectionChip();
  const mark = el("span", { class: "logo" }, icon("check"));
  const words = el(
    "div",
    { class: "brand-words" },
    el("h1", {}, PAGE.title),
    el("p", {}, PAGE.subtitle),
  );
  const tenantSwitch = radios({
    name: "tenant",
    legend: PAGE.tenant,
    value: tenant,
    choices: tenants.map(({ value, label }) => ({ value, label, content: [label] })),
    onChange: onTenant,
  });
  const brand = el("div", { class: "brand" }, mark, words);
  const tools = el("div", { class: "tools" }, tenantSwitch, themeSwitch());
  const faults = el("p", { class: "faults" }, icon("alert"), PAGE.faultsOn);
  faults.hidden = true;
  return { chip, faults, elements: [brand, views, faults, chip.element, tools] };
}

/** What the page knows about its connection, honestly. */
class ConnectionChip {
  #icon = el("span", { class: "chip-icon" });
  #text = el("span");

  constructor() {
    this.element = el("p", { class: "connection" }, this.#icon, this.#text);
  }

  /** @param {LiveState} live */
  show({ state, via, attempt, status }) {
    this.element.dataset.state = state;
    this.element.title = helpFor(state, via);
    this.#icon.replaceChildren(icon(ICONS[state] ?? "minus"));
    setText(this.#text, textFor(state, via, attempt, status));
  }
}

/** @param {LiveState["state"]} state @param {LiveState["via"]} via */
function helpFor(state, via) {
  if (state === "live" && via === "other-tab") return CONNECTION.help.liveElsewhere;
  return CONNECTION.help[state];
}

/**
 * @param {LiveState["state"]} state
 * @param {LiveState["via"]} via
 * @param {number} attempt
 * @param {number|null} status
 */
function textFor(state, via, attempt, status) {
  switch (state) {
    case "live":
      return via === "own" ? CONNECTION.live : CONNECTION.liveElsewhere;
    case "reconnecting":
      return CONNECTION.reconnecting(attempt);
    case "refused":
      return CONNECTION.refused(status);
    default:
      return CONNECTION[state];
  }
}
