// What test_modules.py asks the sending part of the client.

import { IdempotentFetch } from "/idempotent-fetch.js";
import { IntentStore } from "/intent-store.js";
import { backoff, judge, retryAfter } from "/outcome.js";
import { storageKey } from "/storage-key.js";

const DAY = 86_400_000;
const WISH = { url: "/act", body: { id: 7 }, scope: "acme", ifMatch: '"7.1"' };

const reply = (status, slug = "", headers = {}) =>
  new Response(JSON.stringify(slug === "" ? { ok: true } : { type: `/problems/${slug}` }), {
    status,
    headers: {
      "Content-Type": slug === "" ? "application/json" : "application/problem+json",
      ...headers,
    },
  });

const cut = () => {
  throw new TypeError("Failed to fetch");
};

/** Never answers; ends as fetch does when its signal does. */
const hang = ({ signal }) =>
  new Promise((_, reject) => {
    const end = () => reject(signal.reason);
    if (signal.aborted) end();
    signal.addEventListener("abort", end);
  });

/** A service that answers from *script*, the last entry for ever. */
function service(...script) {
  const calls = [];
  const fetch = async (url, options = {}) => {
    const header = (name) => options.headers?.get?.(name) ?? null;
    calls.push({
      url,
      key: header("Idempotency-Key"),
      age: header("Idempotency-Age"),
      body: options.body ?? null,
    });
    const next = script.length > 1 ? script.shift() : script[0];
    return next(options);
  };
  return { fetch, calls };
}

const client = (fetch, more = {}) =>
  new IdempotentFetch({
    fetch,
    base: 1,
    cap: 1,
    store: new IntentStore({ name: `test-${Math.random()}` }),
    ...more,
  });

const intent = (id, key, now) => ({
  id,
  key,
  scope: "acme",
  method: "POST",
  url: "/",
  body: "",
  ifMatch: "",
  mintedAt: now,
  firstSentAt: null,
  lastSentAt: null,
});

export function judged([status, slug]) {
  const contentType = slug ? "application/problem+json" : "application/json";
  const body = slug ? { type: `https://api.example/problems/${slug}` } : {};
  return judge({ status, contentType, body });
}

export function brokenOff(status) {
  return judge({ status, contentType: "application/problem+json", body: null });
}

export const loginPage = () => judge({ status: 200, contentType: "text/html" });

export const noContent = () => judge({ status: 204 });

export function waits(headers) {
  const now = Date.UTC(1994, 10, 6, 8, 49, 30);
  return headers.map((header) => retryAfter(header, now));
}

export const backoffs = () =>
  [0, 0.5, 1].map((chance) =>
    [1, 2, 3, 4].map((tries) => backoff(tries, { random: () => chance })),
  );

export const hash = ([scope, operation, key]) => storageKey({ scope, operation, key });

export async function keptUntilDefinite() {
  const { fetch, calls } = service(cut, cut, cut, cut, cut, () => reply(200));
  const sender = client(fetch);
  const first = await sender.send(WISH);
  const kept = (await sender.pending("acme")).length;
  const second = await sender.send(WISH);
  const left = (await sender.pending("acme")).length;
  return { first, second, kept, left, calls };
}

export async function keysOf(changes) {
  const { fetch, calls } = service(() => reply(409, "outcome-unknown"));
  const sender = client(fetch);
  for (const change of changes) await sender.send({ ...WISH, ...change });
  return calls.map(({ key }) => key);
}

export async function joined() {
  let answer = () => {};
  const answered = new Promise((resolve) => {
    answer = resolve;
  });
  const { fetch, calls } = service(() => answered);
  const sender = client(fetch);
  const both = [sender.send(WISH), sender.send(WISH)];
  answer(reply(200));
  const [one, two] = await Promise.all(both);
  return { same: one === two, sent: calls.length };
}

export async function offline([answers, probe]) {
  const { fetch, calls } = service(answers ? () => reply(200) : cut);
  const sender = client(fetch, { isOffline: () => true, probe });
  const { kind, sent } = await sender.send(WISH);
  return [kind, sent, calls.map(({ url }) => url)];
}

export async function settledByEvent() {
  const { fetch, calls } = service(cut);
  const sender = client(fetch, {
    base: 60_000,
    cap: 60_000,
    random: () => 1,
    nameOf: ({ body }) => `name of ${JSON.parse(body).id}`,
  });
  const { kind, by, body, definite } = await sender.send(WISH, {
    onProgress: ({ state }) => {
      if (state === "waiting") queueMicrotask(() => sender.settle("name of 7", { by: 1 }));
    },
  });
  const stranger = sender.settle("name of 7", {});
  const left = (await sender.pending("acme")).length;
  return { kind, by, body, definite, stranger, left, sent: calls.length };
}

export async function outOfPatience() {
  const { fetch } = service(() => reply(503, "store-busy", { "Retry-After": "300" }));
  const sender = client(fetch, { now: () => 1_000_000 });
  const { kind, retryAt, tries, definite } = await sender.send(WISH);
  return { kind, retryAt, tries, definite };
}

const RESTING = () => reply(503, "circuit-open", { "Retry-After": "300" });

/** Sends while the service rests; *during* is called once the pause was told. */
async function paused(script, more, during) {
  const { fetch, calls } = service(...script);
  const sender = client(fetch, { now: () => 1_000_000, random: () => 1, ...more });
  const stop = new AbortController();
  const told = [];
  const outcome = await sender.send(WISH, {
    signal: stop.signal,
    onProgress: ({ state, tries, delay, until, reason }) => {
      told.push([state, tries, delay, until, reason]);
      if (state === "paused") queueMicrotask(() => during({ sender, stop, calls }));
    },
  });
  const left = (await sender.pending("acme")).length;
  const { kind, definite, tries } = outcome;
  const keys = new Set(calls.map(({ key }) => key)).size;
  return { kind, definite, tries, told, left, sent: calls.length, keys };
}

export const nudged = () =>
  paused([RESTING, RESTING, () => reply(200)], {}, ({ sender }) => sender.nudge());

export const pauseCancelled = () => paused([RESTING], {}, ({ stop }) => stop.abort());

export const pauseCostsNoTry = () =>
  paused([...Array(9).fill(RESTING), cut], { attempts: 2 }, ({ sender }) => sender.nudge());

export const restedTooLong = () => paused([RESTING], { rest: 299_999 }, () => {});

export async function pauseEndsByItself() {
  const soon = () => reply(503, "circuit-open", { "Retry-After": "1" });
  const { fetch, calls } = service(soon, () => reply(200));
  const { kind, tries } = await client(fetch).send(WISH);
  return { kind, tries, sent: calls.length };
}

export async function ownVerdicts(verdicts) {
  const { fetch, calls } = service(() => reply(502, "provider-rejected"));
  const { kind, definite, reason } = await client(fetch, { verdicts }).send(WISH);
  return { kind, definite, reason, sent: calls.length };
}

export async function failures() {
  const broken = () =>
    new Response(
      new ReadableStream({
        start(body) {
          body.error(new TypeError("cut"));
        },
      }),
      { headers: { "Content-Type": "application/json" } },
    );
  const abort = new AbortController();
  const aborted = (options) => {
    abort.abort();
    return hang(options);
  };
  const outcomes = [
    await client(service(hang).fetch, { timeout: 5, attempts: 2 }).send(WISH),
    await client(service(broken, () => reply(200)).fetch).send(WISH),
    await client(service(aborted).fetch).send(WISH, { signal: abort.signal }),
  ];
  return outcomes.map(({ kind, reason, tries }) => [kind, reason, tries]);
}

export async function twoTabs() {
  const stores = [1, 2].map(() => new IntentStore({ name: "shared" }));
  const now = Date.now();
  const taken = await Promise.all(
    stores.map((store, index) => store.take(intent("wish", `k${index}`, now))),
  );
  await stores[0].forget({ id: "wish", key: "another" });
  const kept = (await stores[1].pending("acme")).length;
  await stores[0].forget(taken[0]);
  const left = (await stores[1].pending("acme")).length;
  return { keys: taken.map(({ key }) => key), kept, left };
}

export async function lastBreath([held]) {
  const store = new IntentStore({ name: `breath-${Math.random()}` });
  await store.leaving(await store.take(intent("wish", "breath", Date.now())));
  const asking = new Promise((resolve) => {
    let stop = () => {};
    const lock = new Promise((end) => {
      stop = end;
    });
    navigator.locks.request("syncpatterns.flight:breath", { mode: "shared" }, () => {
      resolve(stop);
      return lock;
    });
  });
  const stop = await asking;
  if (!held) setTimeout(stop, 50);
  const found = await client(hang, { store }).pending("acme");
  stop();
  return found.map(({ key }) => key);
}

export async function ages(days) {
  let now = DAY;
  const store = new IntentStore({ name: "ages", now: () => now });
  await store.take(intent("unsent", "a", now));
  await store.leaving(await store.take(intent("sent", "b", now)));
  const left = [];
  for (const each of days) {
    now = DAY + each * DAY;
    left.push((await store.pending("acme")).map(({ id }) => id).sort());
  }
  return left;
}

export async function inMemory() {
  const store = new IntentStore({ factory: null });
  const { fetch, calls } = service(cut, () => reply(200));
  const { kind } = await client(fetch, { store }).send(WISH);
  return { kind, durable: store.durable, keys: new Set(calls.map(({ key }) => key)).size };
}
