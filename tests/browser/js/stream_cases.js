// What test_modules.py asks the receiving part of the client.

import { EventParser, EventStream } from "/event-stream.js";

const HEADERS = { headers: { "Content-Type": "text/event-stream" } };
const encoder = new TextEncoder();

/** A stream that says *parts* and ends. */
const saying = (...parts) => () =>
  new Response(
    new ReadableStream({
      start(to) {
        for (const part of parts) to.enqueue(encoder.encode(part));
        to.close();
      },
    }),
    HEADERS,
  );

/** A stream that stays open and says nothing, not even a heartbeat. */
const silent = (signal) =>
  new Response(
    new ReadableStream({
      start(to) {
        signal.addEventListener("abort", () => to.error(signal.reason));
      },
    }),
    HEADERS,
  );

/** What a stream does with *script*; it is closed when the script is over. */
function played(script, options = {}) {
  const seen = { asked: [], states: [], messages: [], lost: [] };
  return new Promise((ended) => {
    const stream = new EventStream({
      url: "/events",
      base: 1,
      cap: 1,
      fetch: async (_url, { headers, signal }) => {
        seen.asked.push(headers.get("Last-Event-ID"));
        const next = script.shift();
        if (next !== undefined) return next(signal);
        stream.close();
        throw new TypeError("Failed to fetch");
      },
      onState: ({ state }) => {
        seen.states.push(state);
        if (state === "closed") ended(seen);
      },
      onMessage: ({ data }) => seen.messages.push(data),
      onPosition: () => {},
      onLost: (reason) => seen.lost.push(reason),
      ...options,
    });
    stream.open("start");
  });
}

export function cutAnywhere(text) {
  const all = new Set();
  for (let at = 0; at <= text.length; at += 1) {
    const parser = new EventParser();
    const parts = [text.slice(0, at), text.slice(at)];
    const found = parts.flatMap((part) => [...parser.push(part)]);
    const seen = found.filter(({ id, data }) => id !== "" || data !== null);
    all.add(JSON.stringify([seen, parser.retry]));
  }
  return [...all].map((each) => JSON.parse(each));
}

export const resumed = () =>
  played([
    saying("id: a\ndata: 1\n\n"),
    () => new Response("", { status: 503 }),
    saying("id: b\n\n"),
  ]);

export const refusedPosition = () => played([() => new Response("", { status: 400 })]);

export const dead = () => played([silent], { silence: 20 });

export const endedForGood = () => played([() => new Response(null, { status: 204 })]);
