// The double's telephone exchange: calls, parties, recordings, callbacks and supervisors, played in memory.
import { randomUUID } from "node:crypto";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const short = () => randomUUID().slice(0, 6);

export const freshLine = (more = {}) => ({ held: false, muted: false, recording: "on", consent: true, parties: [], task: "", number: "", attempts: 0, ...more });

/** `world` is the double's own: desks, events and how to announce. */
export function makeTelephony(world) {
  const { now, desks, handOf, changed, event, interaction, Refusal, queues, pace } = world;
  const later = (ms, what) => setTimeout(what, ms * pace).unref();
  const watching = new Map();
  const wrapUps = { repairs: { mode: "mandatory", seconds: 0 }, support: { mode: "timed", seconds: 30 }, billing: { mode: "optional", seconds: 0 }, "sales-zh": { mode: "asked", seconds: 60 } };
  let callbacks = [];
  let phone = { token: "", identity: "", expires_at: 0, address: "+441632960101" };

  const actorOf = (agentId) => ({ kind: "agent", id: agentId, name: desks.get(agentId)?.state.agent.name ?? "" });
  const live = (agentId, id) => {
    const work = handOf(desks.get(agentId), id);
    if (work.call !== "connected") throw new Refusal(409, "not_connected");
    return work;
  };
  /** Changes the line, tells what happened, announces both. */
  function line(agentId, work, more, kind = "", body = {}) {
    work.line = { ...work.line, ...more };
    changed(agentId, work, kind ? event(work, kind, body, { actor: actorOf(agentId) }) : null);
    world.floorChanged();
  }
  const parties = (agentId, work, id, more) => line(agentId, work, { parties: work.line.parties.map((p) => (p.id === id ? { ...p, ...more, since_at: now() } : p)) });
  const inHand = (agentId, id) => desks.get(agentId).state.work.find((w) => w.interaction_id === id);

  function wrapUp(agentId, work, { mode, seconds } = wrapUps[work.queue] ?? { mode: "mandatory", seconds: 0 }) {
    const until = seconds && mode !== "mandatory" && mode !== "optional" ? now() + seconds * 1000 : 0;
    const made = event(work, "wrap_up.started", { reason: "", mode, until_at: until });
    Object.assign(work, { call: work.call ? "ended" : null, state: "wrap_up", wrap_up_mode: mode, wrap_up_until_at: until });
    if (work.line) work.line = { ...work.line, parties: [], held: false, recording: "" };
    changed(agentId, work, made);
    if (until) setTimeout(() => inHand(agentId, work.interaction_id) === work && world.announce(agentId, { kind: "work.left", interaction_id: work.interaction_id, reason: "wrapped_up" }), until - now()).unref();
  }
  function leave(agentId, work, reason) {
    world.announce(agentId, { kind: "work.left", interaction_id: work.interaction_id, reason });
  }
  function nameOf(to) {
    const [kind, id] = [to.slice(0, to.indexOf(":")), to.slice(to.indexOf(":") + 1)];
    if (kind === "agent") return { kind, who: id, name: world.everyAgent().find((a) => a.id === id)?.name ?? id };
    return { kind, who: id, name: "" };
  }
  function policy(number) {
    if (/^\+1900|^\+4490/.test(number)) throw new Refusal(422, "dialling_kind", "Calls to numbers of this kind (premium rate) are not allowed here.");
  }

  const recorded = { start: ["starting", "on", "started"], pause: ["pausing", "paused", "paused"], resume: ["resuming", "on", "resumed"], stop: ["stopping", "", "stopped"] };
  const commands = {
    hold(agentId, { interaction_id, on }) {
      const work = live(agentId, interaction_id);
      line(agentId, work, { held: on }, "call.hold", { on });
      return {};
    },
    mute(agentId, { interaction_id, on }) {
      const work = live(agentId, interaction_id);
      line(agentId, work, { muted: on }, "call.mute", { on });
      return {};
    },
    send_keys(agentId, { interaction_id, digits }) {
      live(agentId, interaction_id);
      if (!/^[0-9*#]+$/.test(digits)) throw new Refusal(422, "invalid");
      return {};
    },
    add_party(agentId, { interaction_id, to, purpose }) {
      const work = live(agentId, interaction_id);
      const { kind, who, name } = nameOf(to);
      if (kind === "number") policy(who);
      const id = `pa-${short()}`;
      const made = { id, kind, who, name, purpose, mode: "talk", state: "calling", since_at: now() };
      const held = purpose === "consult" || work.line.held;
      line(agentId, work, { held, parties: [...work.line.parties, made] }, "party.added", { party_id: id, party: kind, who, name, purpose, mode: "talk" });
      later(500, () => inHand(agentId, interaction_id) && parties(agentId, work, id, { state: "ringing" }));
      later(1_600, () => {
        if (!inHand(agentId, interaction_id) || !work.line.parties.some((p) => p.id === id)) return;
        const state = /0000$/.test(who) ? "failed" : "joined";
        parties(agentId, work, id, { state });
        changed(agentId, work, event(work, "call.leg", { leg: "party", state, leg_id: "", reason: state === "failed" ? "no answer" : "", offer_id: "", party_id: id }));
        if (state === "failed" && purpose === "consult") line(agentId, work, { held: false });
      });
      return { party_id: id };
    },
    join_parties(agentId, { interaction_id }) {
      const work = live(agentId, interaction_id);
      line(agentId, work, { held: false, parties: work.line.parties.map((p) => ({ ...p, purpose: p.purpose === "consult" ? "conference" : p.purpose })) }, "call.hold", { on: false });
      return {};
    },
    drop_party(agentId, { interaction_id, party_id }) {
      const work = live(agentId, interaction_id);
      const gone = work.line.parties.find((p) => p.id === party_id);
      if (!gone) throw new Refusal(404, "not_found");
      line(agentId, work, { held: gone.purpose === "consult" ? false : work.line.held, parties: work.line.parties.filter((p) => p.id !== party_id) }, "call.leg", { leg: "party", state: "left", leg_id: "", reason: "", offer_id: "", party_id });
      return {};
    },
    transfer(agentId, { interaction_id, to }) {
      const work = live(agentId, interaction_id);
      const { kind, who } = nameOf(to);
      if (kind === "number") policy(who);
      event(work, "transferred", { to, how: "blind" }, { actor: actorOf(agentId) });
      if (kind === "number") wrapUp(agentId, work);
      else leave(agentId, work, "transferred");
      return {};
    },
    complete_transfer(agentId, { interaction_id, party_id }) {
      const work = live(agentId, interaction_id);
      const party = work.line.parties.find((p) => p.id === party_id);
      if (party?.state !== "joined") throw new Refusal(409, "not_there_yet", "They have not answered yet.");
      event(work, "transferred", { to: `${party.kind}:${party.who}`, how: "warm" }, { actor: actorOf(agentId) });
      wrapUp(agentId, work);
      return {};
    },
    place_call(agentId, { number, case_id, customer_id, queue = "support" }) {
      policy(number);
      const who = world.customerOf(customer_id, number);
      const work = interaction("voice", who, queue || "support", "", { case_id, direction: "outbound", call: "connecting", line: freshLine({ number, recording: "", consent: null }) });
      changed(agentId, work, event(work, "call.placed", { number, reason: "agent" }, { direction: "outbound", actor: actorOf(agentId) }));
      later(1_500, () => inHand(agentId, work.interaction_id) && changed(agentId, Object.assign(work, { call: "ringing" })));
      later(3_500, () => {
        if (!inHand(agentId, work.interaction_id)) return;
        if (/0000$/.test(number)) {
          changed(agentId, work, event(work, "call.leg", { leg: "customer", state: "failed", leg_id: "", reason: "no answer", offer_id: "", party_id: "" }));
          return wrapUp(agentId, work);
        }
        work.line = { ...work.line, recording: "on" };
        changed(agentId, Object.assign(work, { call: "connected" }), event(work, "call.leg", { leg: "customer", state: "answered", leg_id: "", reason: "", offer_id: "", party_id: "" }));
      });
      return { interaction_id: work.interaction_id };
    },
    record(agentId, { interaction_id, what }) {
      const work = live(agentId, interaction_id);
      const [under, then, state] = recorded[what] ?? [];
      if (!under) throw new Refusal(422, "invalid");
      line(agentId, work, { recording: under }, "recording.asked", { what, reason: "" });
      if (exchange.silentProvider) return {};
      later(900, () => inHand(agentId, interaction_id) && line(agentId, work, { recording: then }, "recording.changed", { recording_id: "RE1", state, purpose: "call", duration_ms: 0, channels: 2, reason: "" }));
      return {};
    },
    ask_wrap_up(agentId, { interaction_id, on }) {
      const work = handOf(desks.get(agentId), interaction_id);
      changed(agentId, Object.assign(work, { wrap_up_asked: on }), event(work, "wrap_up.asked", { on }));
      return {};
    },
    hang_up(agentId, { interaction_id }) {
      wrapUp(agentId, handOf(desks.get(agentId), interaction_id));
      return {};
    },
    promise_callback(agentId, { interaction_id, number, at }) {
      const work = handOf(desks.get(agentId), interaction_id);
      const to = number || work.customer.point;
      if (at < now() - MINUTE) throw new Refusal(422, "past", "That time is over.");
      changed(agentId, work, event(work, "callback.asked", { number: to, reason: "agent", not_before_at: at }, { actor: actorOf(agentId) }));
      const owed = { interaction_id: `in-${short()}`, case_id: work.case_id, customer: work.customer, number: to, reason: "agent", queue: work.queue, state: "parked", not_before_at: at, attempts: 0, virtual_enqueued_at: at };
      callbacks = [...callbacks, owed];
      return { interaction_id: owed.interaction_id };
    },
    cancel_callback(_, { interaction_id }) {
      if (!callbacks.some((c) => c.interaction_id === interaction_id)) throw new Refusal(404, "not_found");
      callbacks = callbacks.filter((c) => c.interaction_id !== interaction_id);
      return {};
    },
    supervise(agentId, { interaction_id, mode }) {
      const others = (watching.get(interaction_id) ?? []).filter((p) => p.who !== agentId);
      const mine = (watching.get(interaction_id) ?? []).find((p) => p.who === agentId);
      if (mode === "stop") watching.set(interaction_id, others);
      else {
        const next = { id: mine?.id ?? `pa-${short()}`, kind: "supervisor", who: agentId, name: actorOf(agentId).name, purpose: "supervise", mode, state: mine?.state ?? "ringing", since_at: now() };
        watching.set(interaction_id, [...others, next]);
        if (!mine) later(1_200, () => {
          watching.set(interaction_id, (watching.get(interaction_id) ?? []).map((p) => (p.id === next.id ? { ...p, state: "joined", since_at: now() } : p)));
          world.floorChanged();
        });
      }
      world.floorChanged();
      return {};
    },
  };

  function seed(customers) {
    const at = (ms) => now() - ms;
    const owed = (n, customer, number, reason, queue, state, due, attempts) => ({ interaction_id: `cb-${n}`, case_id: 48190 + n, customer: world.brief(customer), number, reason, queue, state, not_before_at: due, attempts, virtual_enqueued_at: at(11 * MINUTE) });
    callbacks = [
      owed(1, customers.wei, "+8613800138000", "asked", "repairs", "waiting", 0, 0), owed(2, customers.mobile, "+447700900123", "abandoned", "support", "parked", now() + 35 * MINUTE, 2),
      owed(3, customers.noor, "+31201234567", "voicemail", "billing", "offered", 0, 1),
    ];
    watching.set("h-1-0", [{ id: "pa-tom", kind: "supervisor", who: "ag-9", name: "Tom Keller", purpose: "supervise", mode: "whisper", state: "joined", since_at: at(70_000) }]);
  }

  /** Earlier calls of a case, with all that can be heard and read of them. */
  function tellHistory(work, customer, agent) {
    const at = (ago, n) => now() - ago + n * 1000;
    const hub = { kind: "hub", id: "", name: "" };
    const flow = { kind: "flow", id: "", name: "" };
    const by = { kind: "agent", id: agent.id, name: agent.name };
    const of = (medium, more = {}) => interaction(medium, customer, "repairs", "", { case_id: work.case_id, state: "ended", ...more });
    const message = of("voice");
    const t = 3 * DAY;
    event(message, "call.arrived", { caller_name: "", forwarded_from: "", stir_verstat: "" }, { at: at(t, 0), direction: "inbound", actor: { kind: "customer", id: "", name: "" } });
    event(message, "ivr.step", { flow: "main", version: "1", position: "p", step: "closed", exit: "", said: "Our office is closed. Leave a message after the beep.", variables: {} }, { at: at(t, 4), actor: flow });
    event(message, "ivr.recorded", { position: "p", recording_id: "RE-voicemail", duration_ms: 21_000, ended_by: "hang_up" }, { at: at(t, 30), direction: "inbound" });
    event(message, "recording.kept", { recording_id: "RE-voicemail", state: "stored", digest: "c".repeat(64), media_type: "audio/wav", size: 336_044, duration_ms: 21_000, purpose: "voicemail", reason: "" }, { at: at(t, 40), actor: hub });
    event(message, "transcript.added", { speaker: "customer", text: "你好，我是张伟。洗碗机又开始漏水了，请给我回个电话，我下午都在。", confidence: 0.9 }, { at: at(t, 45) });
    event(message, "callback.asked", { number: "+8613800138000", reason: "voicemail", not_before_at: at(t, 0) + 40 * MINUTE }, { at: at(t, 46), actor: hub });
    const back = of("voice", { direction: "outbound" });
    const b = t - 45 * MINUTE;
    event(back, "callback.tried", { attempt: 1, outcome: "no_answer", next_at: at(b, 0) + 30 * MINUTE }, { at: at(b, 0), actor: hub });
    const s = b - 30 * MINUTE;
    event(back, "call.placed", { number: "+8613800138000", reason: "voicemail" }, { at: at(s, 0), direction: "outbound", actor: by });
    event(back, "call.leg", { leg: "customer", state: "answered", leg_id: "", reason: "", offer_id: "", party_id: "" }, { at: at(s, 14) });
    event(back, "consent.changed", { about: "recording", given: true, basis: "announced" }, { at: at(s, 15), actor: hub });
    event(back, "recording.changed", { recording_id: "RE-call", state: "started", purpose: "call", duration_ms: 0, channels: 2, reason: "" }, { at: at(s, 15) });
    event(back, "call.hold", { on: true }, { at: at(s, 100), actor: by });
    event(back, "party.added", { party_id: "pa-h", party: "agent", who: "ag-1", purpose: "consult", mode: "talk", name: "Jonas Okafor" }, { at: at(s, 101), actor: by });
    event(back, "call.leg", { leg: "party", state: "joined", leg_id: "", reason: "", offer_id: "", party_id: "pa-h" }, { at: at(s, 112) });
    event(back, "party.added", { party_id: "pa-s", party: "supervisor", who: "ag-2", purpose: "supervise", mode: "listen", name: "Sana Haddad" }, { at: at(s, 120) });
    event(back, "call.hold", { on: false }, { at: at(s, 164), actor: by });
    event(back, "recording.changed", { recording_id: "RE-call", state: "paused", purpose: "call", duration_ms: 0, channels: 2, reason: "" }, { at: at(s, 220) });
    event(back, "recording.changed", { recording_id: "RE-call", state: "resumed", purpose: "call", duration_ms: 0, channels: 2, reason: "" }, { at: at(s, 262) });
    event(back, "transferred", { to: "agent:ag-1", how: "warm" }, { at: at(s, 380), actor: by });
    event(back, "recording.kept", { recording_id: "RE-call", state: "stored", digest: "d".repeat(64), media_type: "audio/wav", size: 4_800_044, duration_ms: 380_000, purpose: "call", reason: "" }, { at: at(s, 400), actor: hub });
    event(back, "survey.answered", { question: "Was your matter solved?", answer: "4" }, { at: at(s, 420), direction: "inbound" });
  }

  const exchange = {
    commands, watching, tellHistory, seed,
    silentProvider: false,
    queueExtra: (id) => ({ wrap_up: wrapUps[id] ?? { mode: "mandatory", seconds: 0 } }),
    routes: [
      ["GET", /^phone$/, () => phone],
      ["GET", /^callbacks$/, () => ({ items: callbacks, next: null })],
      ["GET", /^agents$/, () => ({ items: world.everyAgent(), next: null })],
      ["GET", /^queues$/, () => ({ items: queues.map(({ id, name }) => ({ id, name, ...exchange.queueExtra(id) })), next: null })],
    ],
    /** `phone` {token, address} · `provider` {silent} · `recording` {state} · `wrap` {mode, seconds} · `owe` */
    act(name, desk, { agent = "ag-0", interaction: id, token, address, silent = true, state, mode = "timed", seconds = 30 }) {
      if (name === "phone") return (phone = { ...phone, token: token ?? "", identity: "client:mei", expires_at: now() + 60 * MINUTE, address: address ?? phone.address });
      if (name === "provider") return (exchange.silentProvider = silent);
      const work = desk.state.work.find((w) => (id ? w.interaction_id === id : w.medium === "voice"));
      if (!work) return null;
      if (name === "recording") return line(agent, work, { recording: state });
      if (name === "wrap") return wrapUp(agent, work, { mode, seconds });
      if (name === "hangs") return wrapUp(agent, work);
      return undefined;
    },
    /** Two seconds of a soft tone, as the hub keeps recordings. */
    wav() {
      const rate = 8000;
      const length = rate * 2;
      const bytes = Buffer.alloc(44 + length);
      bytes.write("RIFF", 0);
      bytes.writeUInt32LE(36 + length, 4);
      bytes.write("WAVEfmt ", 8);
      bytes.writeUInt32LE(16, 16);
      bytes.writeUInt16LE(1, 20);
      bytes.writeUInt16LE(1, 22);
      bytes.writeUInt32LE(rate, 24);
      bytes.writeUInt32LE(rate, 28);
      bytes.writeUInt16LE(1, 32);
      bytes.writeUInt16LE(8, 34);
      bytes.write("data", 36);
      bytes.writeUInt32LE(length, 40);
      for (let n = 0; n < length; n += 1) bytes[44 + n] = 128 + Math.round(40 * Math.sin((n * 2 * Math.PI * 330) / rate));
      return bytes;
    },
  };
  return exchange;
}
