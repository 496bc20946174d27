/** A case's events, folded into the lines that a person reads. Pure. */
import type { EventView, Wire } from "@/api/generated/wire";
import { isSameDay } from "@/i18n/format";

export type Delivery = Wire["bodies"]["delivery.changed"]["state"] | "queued";

export interface Line {
  key: string;
  seq: number;
  at: number;
  kind: "customer" | "agent" | "note" | "system" | "menu";
  event: EventView;
  delivery?: { state: Delivery; reason: string };
  /** Of a menu walk: what the caller heard and did. Of a system line: all that is said in it, in order. */
  steps: EventView[];
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
  const over = new Set<string>();
  for (const event of events) {
    const body = event.body as Record<string, unknown>;
    if (event.kind === "delivery.changed") {
      const line = sent.get(String(body["outbox_id"]));
      if (line) line.delivery = further(line.delivery, body["state"] as Delivery, String(body["reason"] ?? ""));
      continue;
    }
    if (FOLDED.has(event.kind)) continue;
    if (unremarkable(event, over)) continue;
    const line: Line = { key: event.id, seq: event.seq, at: event.at, event, kind: kindOf(event), steps: [event] };
    const last = lines[lines.length - 1];
    if (last && joins(last, line)) {
      last.steps.push(event);
      last.seq = event.seq;
      continue;
    }
    if (event.kind === "message.sent") {
      line.delivery = { state: "queued", reason: "" };
      sent.set(String(body["outbox_id"]), line);
    }
    lines.push(line);
  }
  return lines;
}

/** What happened in one go is told in one line. */
function joins(last: Line, line: Line): boolean {
  const quiet = line.kind === "system" || line.kind === "menu";
  return quiet && last.kind === line.kind && last.event.interaction_id === line.event.interaction_id && isSameDay(last.at, line.at);
}

/** The telephone network tells a hang-up several times over, and how a leg came to be; people need it once. */
function unremarkable(event: EventView, over: Set<string>): boolean {
  const body = event.body as Record<string, unknown>;
  switch (event.kind) {
    case "call.leg":
      return !(body["state"] === "failed" || (body["state"] === "joined" && body["leg"] === "agent"));
    case "customer.left":
      if (event.actor.kind !== "customer" || over.has(event.interaction_id)) return true;
      over.add(event.interaction_id);
      return false;
    case "wrap_up.started":
      over.add(event.interaction_id);
      return false;
    case "ended":
      return body["reason"] === "wrapped_up";
    default:
      return false;
  }
}

function kindOf(event: EventView): Line["kind"] {
  if (MENU.has(event.kind)) return "menu";
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
