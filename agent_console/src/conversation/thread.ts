/** A case's events, folded into the lines that a person reads. Pure. */
import type { EventView, Wire } from "@/api/generated/wire";
import { isSameDay } from "@/i18n/format";

export type Delivery = Wire["bodies"]["delivery.changed"]["state"] | "queued";

/** What is to be heard later: a call or what was said after the beep. `pending`: not in the hub's store yet. */
export interface Heard {
  id: string;
  state: "pending" | "stored" | "missing" | "removed" | "failed";
  purpose: "call" | "voicemail";
  durationMs: number;
  reason: string;
  /** What was said in it, where somebody wrote that down. */
  words: string[];
}

export interface Recipient {
  address: string;
  state: Delivery;
  reason: string;
}

export interface Line {
  key: string;
  seq: number;
  at: number;
  kind: "customer" | "agent" | "note" | "system" | "menu" | "recording";
  event: EventView;
  heard?: Heard;
  delivery?: { state: Delivery; reason: string };
  /** Of a letter to several people: what became of it for each. */
  recipients?: Recipient[];
  /** A letter's row in the outbox, and when it leaves: until then it can be taken back. */
  outboxId?: string;
  sendAt?: number;
  /** Of a menu walk: what the caller heard and did. Of a system line: all that is said in it, in order. */
  steps: EventView[];
}

const SPEECH: Record<string, Line["kind"]> = {
  "message.received": "customer",
  "message.sent": "agent",
  "note.added": "note",
};
const MENU = new Set(["ivr.step", "ivr.input", "ivr.answered", "ivr.dialled", "ivr.recorded"]);
/** Said by another line already: delivery by its message, and the provider's raw words. */
const FOLDED = new Set(["delivery.changed", "delivery.reported", "offer.made", "call.mute", "recording.asked", "wrap_up.asked"]);
/** What happened later than this after the last is told in a line of its own, with its own time. */
const ONE_GO_MS = 120_000;
/** A line that says more than this is not read. */
const MOST_TOLD = 5;
const MOST_STEPS = 60;

/** Merges `more` into `events` by `seq`, each once, oldest first. Returns the same array if nothing is new. */
export function merge(events: EventView[], more: EventView[]): EventView[] {
  const known = new Set(events.map((e) => e.id));
  const fresh = more.filter((e) => !known.has(e.id));
  if (!fresh.length) return events;
  return [...events, ...fresh].sort((a, b) => a.seq - b.seq);
}

/**
 * What the hub says is there, with what came while it was asked: of `now`, what was not `known` when asking began
 * or is later than all of the answer. A case that was joined and is apart again takes its events along. Returns `now` if nothing changed.
 */
export function readAgain(now: EventView[], known: ReadonlySet<string>, answered: EventView[]): EventView[] {
  const last = answered.at(-1)?.seq ?? -1;
  const next = merge(answered, now.filter((e) => e.seq > last || !known.has(e.id)));
  return next.length === now.length && next.every((e, i) => e.id === now[i]!.id) ? now : next;
}

/** `supervises`: supervisors see who listened; agents see who spoke. */
export function linesOf(events: EventView[], supervises = false): Line[] {
  const lines: Line[] = [];
  const sent = new Map<string, Line>();
  const over = new Set<string>();
  const calls = new Calls(supervises);
  for (const raw of events) {
    const body = raw.body as Record<string, unknown>;
    if (raw.kind === "delivery.changed") {
      const id = String(body["outbox_id"]);
      const line = sent.get(id) ?? sent.get(letterOf(id));
      if (line) deliver(line, body as unknown as Wire["bodies"]["delivery.changed"], raw);
      continue;
    }
    if (FOLDED.has(raw.kind)) continue;
    const event = calls.told(raw);
    if (!event || unremarkable(event, over)) continue;
    const line: Line = { key: event.id, seq: event.seq, at: event.at, event, kind: kindOf(event), steps: [event] };
    const heard = calls.heardIn(event, line);
    if (heard === "known") continue;
    if (heard) Object.assign(line, { kind: "recording", heard });
    const last = lines[lines.length - 1];
    if (last && joins(last, line)) {
      last.steps.push(event);
      last.seq = event.seq;
      continue;
    }
    if (event.kind === "message.sent") {
      begin(line, event.body as unknown as Wire["bodies"]["message.sent"]);
      sent.set(line.outboxId!, line);
    }
    lines.push(line);
  }
  return lines;
}

type Party = Wire["bodies"]["party.added"];

/** What the later events of a call need to know of the earlier ones. */
class Calls {
  private readonly parties = new Map<string, Party>();
  private readonly heldAt = new Map<string, number>();
  private readonly queued = new Set<string>();
  private readonly outbound = new Set<string>();
  private readonly recordings = new Map<string, Heard>();
  private readonly voicemail = new Map<string, Heard>();

  constructor(private readonly supervises: boolean) {}

  /** The event with what it takes to say it (whose leg, held how long), or null if this reader need not know. */
  told(event: EventView): EventView | null {
    const body = event.body as Record<string, unknown>;
    if (event.kind === "call.placed") this.outbound.add(event.interaction_id);
    // Who dials has not waited in a queue, and their own telephone is not the customer's.
    if (this.outbound.has(event.interaction_id) && OWN_BEGINNING[event.kind]?.(body)) return null;
    if (this.waits(event, body)) return null;
    if (event.kind === "party.added") this.parties.set(String(body["party_id"]), event.body as unknown as Party);
    if (event.kind === "call.hold") return this.hold(event, body["on"] === true);
    if (event.kind === "call.leg" && body["leg"] === "customer" && body["state"] === "answered") {
      return this.outbound.has(event.interaction_id) ? event : null;
    }
    const id = String(body["party_id"] ?? "");
    if (!id) return event;
    const party = this.parties.get(id);
    if (party?.purpose === "supervise" && !this.supervises) return null;
    const { party: kind, who, name, purpose, mode } = party ?? { party: "number", who: "", name: "", purpose: "conference", mode: "talk" };
    return { ...event, body: { party: kind, who, name, purpose, mode, ...body } };
  }

  /** Music goes on and the caller says nothing: that is what waiting is. */
  private waits(event: EventView, body: Record<string, unknown>): boolean {
    if (event.kind === "enqueued") this.queued.add(event.interaction_id);
    if (event.kind === "queue.left" || (event.kind === "offer.ended" && body["outcome"] === "accepted")) this.queued.delete(event.interaction_id);
    if (!this.queued.has(event.interaction_id)) return false;
    return event.kind === "ivr.input" ? !body["digits"] && !body["speech"] : event.kind === "ivr.step" && !body["said"];
  }

  private hold(event: EventView, on: boolean): EventView {
    const since = this.heldAt.get(event.interaction_id);
    if (on) this.heldAt.set(event.interaction_id, event.at);
    else this.heldAt.delete(event.interaction_id);
    return { ...event, body: { ...event.body, held_ms: on || since === undefined ? 0 : event.at - since } };
  }

  /** The recording that begins its line here; "known" where an earlier line shows it; null for anything else. */
  heardIn(event: EventView, line: Line): Heard | "known" | null {
    const body = event.body as Record<string, unknown>;
    if (event.kind === "transcript.added" && line.kind === "customer") {
      const message = this.voicemail.get(event.interaction_id);
      if (!message) return null;
      message.words.push(String(body["text"] ?? ""));
      return "known";
    }
    // Whoever talks to an agent speaks no longer onto the tape.
    if (event.kind === "call.leg") this.voicemail.delete(event.interaction_id);
    const id = String(body["recording_id"] ?? "");
    const next = id && HEARD[event.kind]?.(body);
    if (!next) return null;
    const known = this.recordings.get(id);
    if (known) {
      if (known.state === "pending" || next !== "pending") known.state = next;
      known.durationMs ||= Number(body["duration_ms"] ?? 0);
      known.reason = String(body["reason"] ?? "") || known.reason;
      return "known";
    }
    const purpose = event.kind === "ivr.recorded" || event.kind === "voicemail.received" || body["purpose"] === "voicemail" ? "voicemail" : "call";
    const made: Heard = { id, state: next, purpose, durationMs: Number(body["duration_ms"] ?? 0), reason: String(body["reason"] ?? ""), words: [] };
    this.recordings.set(id, made);
    if (purpose === "voicemail") this.voicemail.set(event.interaction_id, made);
    return made;
  }
}

const OWN_BEGINNING: Record<string, (body: Record<string, unknown>) => boolean> = {
  enqueued: ({ reason }) => reason === "arrived",
  "offer.ended": ({ outcome }) => outcome === "accepted",
  "call.leg": ({ leg, state }) => leg === "agent" && state === "joined",
};
const HEARD: Record<string, (body: Record<string, unknown>) => Heard["state"] | ""> = {
  "ivr.recorded": () => "pending",
  "voicemail.received": () => "pending",
  "recording.changed": ({ state }) => (state === "completed" ? "pending" : state === "absent" ? "missing" : ""),
  "recording.kept": ({ state }) => state as Heard["state"],
};

/** What happened in one go is told in one line. */
function joins(last: Line, line: Line): boolean {
  const quiet = line.kind === "system" || line.kind === "menu";
  const before = last.steps[last.steps.length - 1]!;
  if (!quiet || last.kind !== line.kind || last.event.interaction_id !== line.event.interaction_id) return false;
  return last.steps.length < (last.kind === "menu" ? MOST_STEPS : MOST_TOLD) && isSameDay(last.at, line.at) && line.at - before.at <= ONE_GO_MS;
}

/** The telephone network tells a hang-up several times over, and how a leg came to be; people need it once. */
function unremarkable(event: EventView, over: Set<string>): boolean {
  const body = event.body as Record<string, unknown>;
  switch (event.kind) {
    case "call.leg":
      if (body["state"] === "failed") return false;
      if (body["leg"] === "agent") return body["state"] !== "joined";
      return body["leg"] === "party" ? body["state"] !== "joined" && body["state"] !== "left" : body["state"] !== "answered";
    case "offer.ended": // it rang at several, and the line of who was first says it
      return body["outcome"] === "rescinded" && !!body["by"];
    case "transcript.added": // said while the recording paused: nothing of it was kept
      return body["text"] === "";
    case "recording.changed":
      return !["started", "paused", "resumed", "failed", "completed", "absent"].includes(String(body["state"]));
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
const STRENGTH: Record<Delivery, number> = { queued: 0, retry: 1, accepted: 2, uncertain: 3, failed: 4, delivered: 5, read: 6, cancelled: 7 };
/** Of several people's letters the whole is as good as the worst of them. */
const WORST: Delivery[] = ["failed", "uncertain", "retry", "queued", "accepted", "delivered", "read", "cancelled"];

/** The further rows of a letter are named after its first. */
const letterOf = (outboxId: string): string => outboxId.replace(/-\d{1,3}$/, "");

function begin(line: Line, body: Wire["bodies"]["message.sent"]): void {
  line.delivery = { state: body.elsewhere ? "accepted" : "queued", reason: "" };
  line.outboxId = body.outbox_id;
  line.sendAt = body.send_at ?? 0;
  const all = [...(body.to ?? []), ...(body.cc ?? []), ...(body.bcc ?? [])];
  if (all.length > 1) line.recipients = all.map((address) => ({ address, state: line.delivery!.state, reason: "" }));
}

function deliver(line: Line, body: Wire["bodies"]["delivery.changed"], raw: EventView): void {
  const { state, reason = "" } = body;
  const one = line.recipients?.find((r) => r.address.toLowerCase() === (body.recipient ?? "").toLowerCase());
  if (one) {
    Object.assign(one, further(one, state, reason));
    const worst = [...line.recipients!].sort((a, b) => WORST.indexOf(a.state) - WORST.indexOf(b.state))[0]!;
    line.delivery = { state: worst.state, reason: worst.reason };
  } else {
    line.delivery = further(line.delivery, state, reason);
    for (const each of line.recipients ?? []) Object.assign(each, further(each, state, reason));
  }
  // What was taken back before it left was never said: it is told in a line of its own kind.
  if (line.delivery!.state === "cancelled" && line.kind === "agent") {
    line.kind = "system";
    line.steps = [{ ...raw, body: { ...body, letter: line.event.body } }];
  }
}

function further(before: Line["delivery"], state: Delivery, reason: string): NonNullable<Line["delivery"]> {
  // Sent once more, by itself or because somebody said so: what was is over.
  const anew = state === "retry" && (before?.state === "failed" || before?.state === "uncertain");
  if (before && !anew && (STRENGTH[state] ?? 0) < STRENGTH[before.state]) return { state: before.state, reason: before.reason };
  return { state, reason };
}

export const STATE_TONES: Record<Delivery, string> = {
  queued: "tone-away", retry: "tone-busy", accepted: "tone-accent", uncertain: "tone-busy", failed: "tone-danger", delivered: "tone-ready", read: "tone-ready", cancelled: "tone-away",
};
