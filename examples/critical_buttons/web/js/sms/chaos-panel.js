// @ts-check
/** Faults to play with; the server has them only when it was started so. */

import { el } from "../dom.js";
import { CHAOS } from "../strings.js";

/** @typedef {import("../elements/sync-button.js").Announce} Announce */

/**
 * What the panel can do.
 *
 * @typedef {object} Switches
 * @property {() => Promise<any>} read
 * @property {(faults: object) => Promise<unknown>} set
 * @property {(text: string) => Promise<unknown>} reply from the chosen lead
 * @property {() => boolean} hasLead
 * @property {Announce} announce
 */

/** @param {Switches} switches @returns {HTMLElement} collapsed */
export function chaosPanel(switches) {
  const title = el("summary", {}, CHAOS.title);
  const panel = el("details", { class: "chaos panel" }, title);
  // What is switched is asked for when somebody wants to see it: with a provider of
  // one's own there is nothing to switch, and asking would be an error.
  panel.addEventListener(
    "toggle",
    () => {
      void switches.read().then(showMode, () => {});
    },
    { once: true },
  );
  const { form, showMode } = provider(switches);
  panel.append(form, inbound(switches));
  return panel;
}

/** What the simulator calls these ways to report. @type {Record<string, object>} */
const REPORTS = Object.freeze({
  "on-time": {},
  late: { delay: 5 },
  twice: { copies: 2 },
  reordered: { reorder: true },
  lost: { lose: 1 },
  undelivered: { final: "undelivered" },
});
/** No single request is seen there, so none can be counted. */
const ALL_OR_NONE = new Set(["healthy", "refuse"]);

/** @param {string} id @param {readonly (readonly [string, string])[]} choices */
function choice(id, choices) {
  return el("select", { id }, ...choices.map(([value, label]) => el("option", { value }, label)));
}

/** @param {Switches} switches */
function provider({ set, announce }) {
  const mode = choice("chaos-mode", CHAOS.modes);
  const reports = choice("chaos-reports", CHAOS.reportsKinds);
  const count = el("input", {
    id: "chaos-count",
    type: "number",
    min: "1",
    max: "1000",
    placeholder: CHAOS.countHint,
    inputmode: "numeric",
  });
  const form = el(
    "form",
    {},
    el("label", { for: "chaos-mode" }, CHAOS.mode),
    mode,
    el("label", { for: "chaos-count" }, CHAOS.count),
    count,
    el("label", { for: "chaos-reports" }, CHAOS.reports),
    reports,
    el("button", { type: "submit", class: "small main" }, CHAOS.apply),
  );
  const limit = () => {
    count.disabled = ALL_OR_NONE.has(mode.value);
  };
  // Whoever has chosen is not overruled by the answer to what holds now.
  let chosen = false;
  mode.addEventListener("change", () => {
    chosen = true;
    limit();
  });
  limit();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const counted = !count.disabled && count.value !== "";
    const faults = {
      mode: mode.value,
      ...(counted ? { fail_next: Number(count.value) } : {}),
      callbacks: REPORTS[reports.value],
    };
    void told(set(faults), CHAOS.applied, announce);
  });
  /** @param {any} faults */
  const showMode = (faults) => {
    if (chosen) return;
    if (CHAOS.modes.some(([value]) => value === faults?.mode)) mode.value = faults.mode;
    limit();
  };
  return { form, showMode };
}

/** @param {Switches} switches */
function inbound({ reply, hasLead, announce }) {
  const text = el("input", { id: "chaos-reply", type: "text", maxlength: "160" });
  text.value = "STOP";
  const form = el(
    "form",
    {},
    el("label", { for: "chaos-reply" }, CHAOS.inbound),
    text,
    el("button", { type: "submit", class: "small" }, CHAOS.reply),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!hasLead()) return announce("alert", CHAOS.noLead);
    void told(reply(text.value), CHAOS.replied, announce);
  });
  return form;
}

/** @param {Promise<unknown>} done @param {string} words @param {Announce} announce */
async function told(done, words, announce) {
  try {
    await done;
    announce("status", words);
  } catch {
    announce("alert", CHAOS.failed);
  }
}
