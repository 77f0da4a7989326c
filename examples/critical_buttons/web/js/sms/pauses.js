// @ts-check
/**
 * Which messages wait for the SMS service: a page that is loaded anew goes on
 * waiting for them, although they were last sent long ago.
 *
 * @module
 */

/** @param {string} tenant @param {string} leadId */
function nameOf(tenant, leadId) {
  return `sms-paused ${tenant} ${leadId}`;
}

/** @param {string} tenant @param {string} leadId @param {number} until 0: no longer */
export function rememberPause(tenant, leadId, until) {
  try {
    if (until === 0) localStorage.removeItem(nameOf(tenant, leadId));
    else localStorage.setItem(nameOf(tenant, leadId), String(until));
  } catch {
    // Storage is blocked: after a reload the person is asked instead.
  }
}

/** @param {string} tenant @param {string} leadId @returns {number} 0: it does not wait */
export function pausedUntil(tenant, leadId) {
  try {
    return Number(localStorage.getItem(nameOf(tenant, leadId))) || 0;
  } catch {
    return 0;
  }
}
