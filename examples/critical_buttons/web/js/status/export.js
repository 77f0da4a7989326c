// @ts-check
/** The link to all leads as a file. */

import { el } from "../dom.js";
import { icon } from "../icons.js";
import { EXPORT } from "../strings.js";

const FILE = "leads.csv";

/**
 * A link cannot name the tenant in a header, so the file is fetched and handed over.
 *
 * @param {() => Promise<Blob>} fetchFile
 * @param {import("../elements/sync-button.js").Announce} announce
 */
export function exportLink(fetchFile, announce) {
  const link = el("a", { href: "/api/leads/export.csv", download: FILE, class: "small export" });
  link.setAttribute("aria-label", EXPORT.name);
  link.append(icon("download"), EXPORT.link);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    fetchFile().then(save, () => announce("alert", EXPORT.failed));
  });
  return link;
}

/** @param {Blob} file */
function save(file) {
  const url = URL.createObjectURL(file);
  el("a", { href: url, download: FILE }).click();
  // The download has its own hold on the file by the next task.
  setTimeout(() => URL.revokeObjectURL(url), 0);
}
