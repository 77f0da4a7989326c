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
  const { form, refresh } = provider(switches);
  // What is switched is asked for when somebody wants to see it: with a provider of
  // one's own there is nothing to switch, and asking would be an error.
  panel.addEventListener("toggle", () => {
    if (panel.open) void refresh();
  });
  panel.append(form, inbound(switches));
  return panel;
}

/**
 * What the simulator calls these ways to report.
 *
 * @type {Readonly<Record<string, Record<string, unknown>>>}
 */
const REPORTS = Object.freeze({
  "on-time": {},
  late: { delay: 5 },
  twice: { copies: 2 },
  reordered: { reorder: true },
  lost: { lose: 1 },
  undelivered: { final: "undelivered" },
});
/** What it reports by when it is told nothing. @type {Record<string, unknown>} */
const IN_TIME = Object.freeze({
  delay: 0,
  copies: 1,
  reorder: false,
  lose: 0,
  final: "delivered",
  error_code: 30003,
});
/** A way to report that is none of these; curl can set it. */
const OTHER = "other";
/** No single request is seen there, so none can be counted. */
const ALL_OR_NONE = new Set(["healthy", "refuse"]);

/** @param {string} id @param {readonly (readonly [string, string])[]} choices */
function choice(id, choices) {
  return el("select", { id }, ...choices.map(([value, label]) => el("option", { value }, label)));
}

/**
 * Which of the ways to report the provider goes by.
 *
 * @param {Record<string, unknown>} callbacks
 */
function kindOf(callbacks) {
  const held = { ...IN_TIME, ...callbacks };
  const found = Object.entries(REPORTS).find(([, kind]) => {
    const wanted = { ...IN_TIME, ...kind };
    return Object.keys(held).every((name) => held[name] === wanted[name]);
  });
  return found?.[0] ?? OTHER;
}

/** @param {Switches} switches */
function provider({ read, set, announce }) {
  const mode = choice("chaos-mode", CHAOS.modes);
  const reports = choice("chaos-reports", CHAOS.reportsKinds);
  const count = el("input", {
    id: "chaos-count",
    type: "number",
    min: "1",
    max: "10000",
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
  limit();
  /** Sent back as they are when another mode is applied. @type {Record<string, unknown>} */
  let others = {};
  // Whoever has chosen is not overruled by the answer to what holds now; not by one
  // either that was asked for before the choice and comes after Apply.
  let edits = 0;
  let chosen = false;
  form.addEventListener("input", () => {
    edits += 1;
    chosen = true;
    limit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const counted = !count.disabled && count.value !== "";
    const faults = {
      mode: mode.value,
      ...(counted ? { fail_next: Number(count.value) } : {}),
      callbacks: reports.value === OTHER ? others : REPORTS[reports.value],
    };
    const applied = edits;
    void told(set(faults), CHAOS.applied, announce).then((done) => {
      if (done && applied === edits) chosen = false;
    });
  });
  /** @param {any} faults */
  const show = (faults) => {
    if (CHAOS.modes.some(([value]) => value === faults?.mode)) mode.value = faults.mode;
    count.value = String(faults?.fail_next ?? "");
    const kind = kindOf(faults?.callbacks ?? {});
    const offered = [...reports.options].some(({ value }) => value === kind);
    if (!offered) reports.append(el("option", { value: OTHER }, CHAOS.otherReports));
    if (kind === OTHER) others = faults.callbacks;
    reports.value = kind;
    limit();
  };
  const refresh = async () => {
    if (chosen) return;
    const asked = edits;
    // Left unsaid: what cannot be read cannot be switched either, and Apply says so.
    const faults = await read().catch(() => null);
    if (faults !== null && asked === edits) show(faults);
  };
  return { form, refresh };
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

/**
 * @param {Promise<unknown>} done
 * @param {string} words
 * @param {Announce} announce
 * @returns {Promise<boolean>} whether it was done
 */
async function told(done, words, announce) {
  try {
    await done;
    announce("status", words);
    return true;
  } catch {
    announce("alert", CHAOS.failed);
    return false;
  }
}
