/** A case's events, folded into the lines that a person reads. Pure. */
import type { EventView, Wire } from "@/api/generated/wire";

export type Delivery = Wire["bodies"]["delivery.changed"]["state"] | "queued";

export interface Line {
  key: string;
  seq: number;
  at: number;
  kind: "customer" | "agent" | "note" | "system" | "menu";
  event: EventView;
  delivery?: { state: Delivery; reason: string };
  /** A menu walk: what the caller heard and did, in order. */
  steps?: EventView[];
}

const SPEECH: Record<string, Line["kind"]> = {
  "message.received": "customer",
  "message.sent": "agent",
  "note.added": "note",
};
const MENU = new Set(["ivr.step", "ivr.input"]);
/** Said by another line already: delivery by its message, and the provider's raw words. */
const FOLDED = new Set(["delivery.changed", "delivery.reported", "offer.made"]);

/** Merges `more` into `events` by `seq`, each once, oldest first. Returns the same array if nothing is new. */
export function merge(events: EventView[], more: EventView[]): EventView[] {
  const known = new Set(events.map((e) => e.id));
  const fresh = more.filter((e) => !known.has(e.id));
  if (!fresh.length) return events;
  return [...events, ...fresh].sort((a, b) => a.seq - b.seq);
}

export function linesOf(events: EventView[]): Line[] {
  const lines: Line[] = [];
  const sent = new Map<string, Line>();
  for (const event of events) {
    const body = event.body as Record<string, unknown>;
    if (event.kind === "delivery.changed") {
      const line = sent.get(String(body["outbox_id"]));
      if (line) line.delivery = further(line.delivery, body["state"] as Delivery, String(body["reason"] ?? ""));
      continue;
    }
    if (FOLDED.has(event.kind)) continue;
    if (MENU.has(event.kind)) {
      const last = lines[lines.length - 1];
      if (last?.kind === "menu" && last.event.interaction_id === event.interaction_id) last.steps!.push(event);
      else lines.push({ ...base(event), kind: "menu", steps: [event] });
      continue;
    }
    const line: Line = { ...base(event), kind: kindOf(event) };
    if (event.kind === "message.sent") {
      line.delivery = { state: "queued", reason: "" };
      sent.set(String(body["outbox_id"]), line);
    }
    lines.push(line);
  }
  return lines;
}

const base = (event: EventView) => ({ key: event.id, seq: event.seq, at: event.at, event });

function kindOf(event: EventView): Line["kind"] {
  if (event.kind === "transcript.added") {
    return (event.body as Record<string, unknown>)["speaker"] === "agent" ? "agent" : "customer";
  }
  return SPEECH[event.kind] ?? "system";
}

// A late "sent" must not take back "delivered"; a failure or doubt always shows, unless it arrived after all.
const STRENGTH: Record<Delivery, number> = { queued: 0, retry: 1, accepted: 2, uncertain: 3, failed: 4, delivered: 5, read: 6 };

function further(before: Line["delivery"], state: Delivery, reason: string): Line["delivery"] {
  if (before && (STRENGTH[state] ?? 0) < STRENGTH[before.state]) return before;
  return { state, reason };
}
