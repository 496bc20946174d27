// A hub's double for the console: the protocol of docs/agent-websocket.md with a scripted day in memory.
// `npm run dev:double [port]` serves dist/ and the protocol at 127.0.0.1; POST /double/<act> plays the world.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { extname, join, normalize } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { WebSocketServer } from "ws";
import { makeFlows } from "./flows.mjs";
import { makeMail } from "./mail.mjs";
import { freshLine, makeTelephony } from "./telephony.mjs";

const DIST = fileURLToPath(new URL("../dist/", import.meta.url));
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const POLICY =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; frame-src 'self'; connect-src 'self' ws: wss:";

const QUEUES = [
  ["support", "Support"], ["repairs", "Repairs"], ["billing", "Billing"], ["sales-zh", "Sales 中文"],
].map(([id, name]) => ({ id, name }));
const DISPOSITIONS = [
  ["solved", "Solved", "已解决", "closed"], ["callback", "Promised a callback", "已承诺回电", "pending"],
  ["sent-info", "Sent information", "已发送资料", "closed"], ["repair-booked", "Repair booked", "已预约维修", "pending"],
  ["complaint", "Complaint", "投诉", "open"], ["wrong-number", "Wrong number", "打错电话", "closed"],
  ["spam", "Spam", "垃圾信息", "closed"],
].map(([id, name, name_zh, case_status]) => ({ id, name, name_zh, case_status }));
const REASONS = [
  ["lunch", "Lunch", "午餐"], ["break", "Break", "休息"], ["training", "Training", "培训"], ["meeting", "Meeting", "会议"],
].map(([id, name, name_zh]) => ({ id, name, name_zh }));
const ACCOUNTS = [
  ["Mei Lin 林美", "agent", "mei@demo.example"], ["Jonas Okafor", "agent", "jonas@demo.example"],
  ["Sana Haddad", "supervisor", "sana@demo.example"], ["Tom Keller", "admin", "tom@demo.example"],
].map(([name, role, email], n) => ({ name, role, email, password: "demo", id: `login-${n}`, agent_id: role === "admin" ? null : `ag-${n}` }));

export function makeDouble({ now = () => Date.now(), seed = true, pace = 1 } = {}) {
  const epoch = randomUUID();
  const sessions = new Map();
  const desks = new Map();
  const sockets = new Set();
  const cases = new Map();
  const customers = new Map();
  const answered = new Map();
  const recent = [];
  let seq = 1000;
  let caseNumber = 48210;

  const agentView = (account) => ({
    id: account.agent_id, name: account.name, role: account.role, state: "not_ready", chosen: "not_ready", reason: "break",
    since_at: now() - 41 * MINUTE, load: {}, capacity: { voice: 1, chat: 4, sms: 6, email: 8 }, skills: { en: 4, zh: 5, repairs: 4 },
  });
  for (const account of ACCOUNTS.filter((a) => a.agent_id)) {
    desks.set(account.agent_id, { state: { seq: 1, agent: agentView(account), offers: [], work: [] }, log: [] });
  }

  function customer(id, name, points, first, history = []) {
    const made = {
      id, name, points: points.map(([kind, value]) => ({ kind, value })), first_seen_at: now() - first * DAY,
      history: history.map(([medium, subject, days, agent_name, disposition, case_id], n) => ({
        interaction_id: `past-${id}-${n}`, case_id: case_id ?? 47000 + n, medium, subject, started_at: now() - days * DAY,
        agent_name, disposition, case_status: "closed",
      })),
      open_cases: [],
    };
    customers.set(id, made);
    return made;
  }
  const brief = (c) => ({ id: c.id, name: c.name, known: c.history.length > 0, point: c.points[0].value, point_kind: c.points[0].kind });

  function event(work, kind, body, { direction = "internal", actor = { kind: "hub", id: "", name: "" }, at = now(), attachments = [], medium } = {}) {
    const made = {
      seq: ++seq, id: `ev-${seq}`, kind, interaction_id: work.interaction_id, case_id: work.case_id, medium: medium ?? work.medium,
      direction, at, actor, body, attachments,
    };
    cases.get(work.case_id).events.push(made);
    cases.get(work.case_id).case.updated_at = at;
    return made;
  }
  const received = (work, text, at, more = {}, attachments = []) =>
    event(work, "message.received", { text, subject: "", html: "", automatic: "", unverified: "", truncated: false, ...more },
      { direction: "inbound", actor: { kind: "customer", id: "", name: "" }, at, attachments });
  const sent = (work, agent, text, at, subject = "") =>
    event(work, "message.sent", { text, outbox_id: `out-${seq + 1}`, subject, html: "" },
      { direction: "outbound", actor: { kind: "agent", id: agent.id, name: agent.name }, at });

  function interaction(medium, who, queue, subject, more = {}) {
    const case_id = more.case_id ?? ++caseNumber;
    if (!cases.has(case_id)) {
      cases.set(case_id, {
        case: { id: case_id, subject, status: "open", customer: brief(who), opened_at: now(), updated_at: now(), agent_name: null },
        events: [], interactions: [],
      });
    }
    const work = {
      interaction_id: `in-${randomUUID().slice(0, 8)}`, case_id, case_status: "open", channel: medium, medium, state: "assigned",
      queue, queue_name: QUEUES.find((q) => q.id === queue)?.name ?? queue, subject, preview: "", customer: brief(who),
      dialled: medium === "email" ? "support@demo.example" : medium === "chat" ? "" : "+44 1632 960000", started_at: now(), assigned_at: now(),
      last_message_at: now(), unanswered: 0, undelivered: 0, call: medium === "voice" ? "connected" : null, customer_left: false,
      direction: "inbound", line: medium === "voice" ? freshLine() : null, wrap_up_mode: "", wrap_up_until_at: 0, wrap_up_asked: false, ...more, case_id,
    };
    cases.get(case_id).interactions.push(work);
    return work;
  }

  function announce(agentId, body) {
    const desk = desks.get(agentId);
    const { state } = desk;
    state.seq += 1;
    const drop = (list, key, value) => list.filter((one) => one[key] !== value);
    if (body.kind === "agent.changed") state.agent = body.agent;
    if (body.kind === "offer.rings") state.offers = [...drop(state.offers, "id", body.offer.id), body.offer];
    if (body.kind === "offer.over") state.offers = drop(state.offers, "id", body.offer_id);
    if (body.kind === "work.changed") {
      state.work = [...drop(state.work, "interaction_id", body.work.interaction_id), body.work].sort((a, b) => a.assigned_at - b.assigned_at);
    }
    if (body.kind === "work.left") state.work = drop(state.work, "interaction_id", body.interaction_id);
    // The desk's objects go on changing: what was announced must not.
    const frame = JSON.stringify({ type: "announce", seq: state.seq, at: now(), body });
    desk.log.push({ seq: state.seq, frame });
    for (const one of sockets) if (one.agentId === agentId && one.following) one.socket.send(frame);
    floorChanged();
  }

  const extras = () =>
    [
      ["Rosa Pereira", "busy", 4 * MINUTE, ["chat", "chat", "chat", "email"]], ["Hao Chen 陈浩", "busy", 11 * MINUTE, ["voice"]],
      ["Ivana Vuković", "ready", 160_000, ["chat"]], ["David Ngo", "not_ready", 12 * MINUTE, [], "lunch"],
      ["Amélie Dubois-Lefebvre de la Fontaine", "wrap_up", 41_000, ["voice"]], ["Priya Raman", "offline", 0, []],
    ].map(([name, state, ago, hands, reason = ""], n) => ({
      id: `x-${n}`, n, hands, name, role: "agent", state, chosen: state === "not_ready" || state === "offline" ? state : "ready", reason, since_at: now() - ago, load: {}, capacity: {}, skills: {},
    }));
  const everyAgent = () => [...[...desks.values()].map(({ state }) => state.agent), ...extras().map(({ n, hands, ...agent }) => agent)];

  function floor() {
    const rows = [...desks.values()].map(({ state }) => ({
      agent: state.agent,
      hands: state.work.map((w) => ({
        interaction_id: w.interaction_id, case_id: w.case_id, medium: w.medium, state: w.state, since_at: w.assigned_at,
        customer_name: w.customer.name || w.customer.point, queue: w.queue,
        call: w.call, held: w.line?.held ?? false, watching: telephony.watching.get(w.interaction_id) ?? [],
      })),
    }));
    const extra = extras().map((agent) => ({
      agent,
      hands: agent.hands.map((medium, k) => ({
        interaction_id: `h-${agent.n}-${k}`, case_id: 48000 + k, medium, state: "assigned", since_at: agent.since_at, customer_name: medium === "voice" ? "+44 7700 900456" : "Customer",
        queue: "support", call: medium === "voice" ? (agent.state === "wrap_up" ? "ended" : "connected") : null, held: false, watching: telephony.watching.get(`h-${agent.n}-${k}`) ?? [],
      })),
    }));
    const q = (id, waiting, oldest, ready, able, target, offered, answeredToday, within, abandoned, by) => ({
      id, name: QUEUES.find((x) => x.id === id).name, waiting, oldest_waiting_at: oldest ? started - oldest : null, offered: id === "support" ? 1 : 0,
      in_hand: able, ready, able, target_ms: target, offered_today: offered, answered_today: answeredToday, within_target_today: within,
      abandoned_today: abandoned, waiting_by_medium: by,
    });
    return {
      at: now(), full: true,
      queues: [
        q("repairs", 5, 161_000, 0, 6, 120_000, 112, 101, 72, 9, { voice: 4, sms: 1 }), q("support", 6, 48_000, 3, 9, 60_000, 240, 231, 204, 5, { chat: 4, email: 2 }),
        q("billing", 1, 20_000, 1, 3, 60_000, 64, 61, 50, 1, { sms: 1 }), q("sales-zh", 0, 0, 2, 4, 20_000, 38, 38, 36, 0, {}),
      ],
      agents: [...rows, ...extra],
      recent: recent.slice(-40),
    };
  }
  const started = now();
  const happened = (code, work, agent_name = "", at = now()) =>
    recent.push({ at, code, interaction_id: work.interaction_id, case_id: work.case_id, medium: work.medium, queue: work.queue, agent_name, customer_name: work.customer.name || work.customer.point });
  function floorChanged() {
    for (const one of sockets) if (one.watching) one.socket.send(JSON.stringify({ type: "floor", floor: floor() }));
  }

  // --- the scripted day ---------------------------------------------------------------------------------------

  const wei = customer("cu-wei", "Wei Zhang 张伟", [["phone", "+8613800138000"], ["email", "wei.zhang@example.cn"]], 2000, [
    ["email", "Photos of the leak", 10, "Mei Lin 林美", "sent-info", 48102], ["sms", "Engineer on the way", 9, "Tom Keller", "solved"],
    ["chat", "Repair booked", 13, "Mei Lin 林美", "repair-booked"], ["voice", "Delivery date of the DW-600", 220, "Hao Chen 陈浩", "solved"],
  ]);
  const amara = customer("cu-amara", "Amara Okafor", [["visitor", "v-7f2a"], ["email", "amara@example.org"]], 3, [["chat", "Size of order 9921", 3, "Rosa Pereira", "solved"]]);
  const nord = customer("cu-nord", "", [["email", "procurement@nordwind.example"]], 1);
  const mobile = customer("cu-mobile", "", [["phone", "+447700900123"]], 0);
  const lena = customer("cu-lena", "Lena Fischer", [["email", "lena.fischer@example.de"]], 400, [
    ["email", "Rechnung 20871", 18, "Mei Lin 林美", "solved"], ["voice", "Lieferung", 90, "Jonas Okafor", "solved"],
  ]);
  const noor = customer("cu-noor", "Noor van den Berg-Oppenheimer zu Hohenstein-Waldburg", [["phone", "+31201234567"]], 0);

  function seedDay() {
    const { agent } = desks.get("ag-0").state;
    const call = interaction("voice", wei, "repairs", "Dishwasher leaks after repair", { assigned_at: now() - 198_000, started_at: now() - 4.4 * MINUTE, preview: "洗碗机上周修过，今天又漏水了" });
    const hub = { kind: "flow", id: "", name: "" };
    const c = (ms) => now() - ms;
    const old = interaction("email", wei, "repairs", "Photos of the leak", { case_id: call.case_id });
    cases.get(call.case_id).case.opened_at = now() - 10 * DAY;
    received(old, "Hello,\n\nhere are the photos of the leak under the door. The seal looks torn on the left side.\n\nWei Zhang", now() - 10 * DAY,
      { subject: "Photos of the leak", html: "yes" }, [{ digest: "a".repeat(64), name: "leak-left-side.jpg", media_type: "image/jpeg", size: 1_482_113 }, { digest: "b".repeat(64), name: "保修卡.pdf", media_type: "application/pdf", size: 88_201 }]);
    const first = sent(old, agent, "Thank you for the photos. The seal is a part that we replace free of charge; an engineer will call you.", now() - 10 * DAY + 40 * MINUTE, "Re: Photos of the leak");
    event(old, "delivery.changed", { outbox_id: first.body.outbox_id, state: "delivered", provider_id: "x", reason: "" }, { at: now() - 10 * DAY + 41 * MINUTE });
    event(old, "wrapped_up", { disposition: "repair-booked", note: "", case_status: "pending" }, { at: now() - 10 * DAY + 45 * MINUTE, actor: { kind: "agent", id: agent.id, name: agent.name } });
    telephony.tellHistory(call, wei, agent);
    event(call, "call.arrived", { caller_name: "", forwarded_from: "", stir_verstat: "" }, { at: c(264_000), direction: "inbound", actor: { kind: "customer", id: "", name: "" } });
    for (const [said, digits] of [["Welcome. For English press 1, 中文请按 2.", "2"], ["销售请按 1，售后服务请按 2。", "2"], ["请稍候，正在为您转接。", ""]]) {
      event(call, "ivr.step", { flow: "welcome", version: "1", position: "p", step: "menu", exit: "", said, variables: {} }, { at: c(258_000), actor: hub });
      if (digits) event(call, "ivr.input", { position: "p", digits, speech: "", confidence: 0 }, { at: c(255_000), direction: "inbound" });
    }
    event(call, "ivr.answered", { position: "p", outcome: "found", values: { order: "20871", status: "shipped" }, took_ms: 140 }, { at: c(250_000), actor: hub });
    event(call, "enqueued", { queue: "repairs", priority: 5, skills: { zh: 3 }, virtual_enqueued_at: c(246_000), reason: "arrived" }, { at: c(246_000) });
    event(call, "consent.changed", { about: "recording", given: true, basis: "announced" }, { at: c(200_000) });
    event(call, "offer.ended", { offer_id: "o", agent_id: agent.id, outcome: "accepted", reason: "" }, { at: c(199_000), actor: { kind: "agent", id: agent.id, name: agent.name } });
    event(call, "transcript.added", { speaker: "customer", text: "洗碗机上周修过，今天又漏水了。师傅说换过密封圈。", confidence: 0.93 }, { at: c(150_000) });
    event(call, "transcript.added", { speaker: "agent", text: "我看到 11 月 12 日的维修记录，马上为您安排复查，不收费。", confidence: 0.95 }, { at: c(120_000), actor: { kind: "agent", id: agent.id, name: agent.name } });
    event(call, "note.added", { text: "Promise: free re-visit by Tuesday. Seal 4811-A replaced once already." }, { at: c(60_000), actor: { kind: "agent", id: agent.id, name: agent.name } });

    const chat = interaction("chat", amara, "support", "", { assigned_at: now() - 150_000, last_message_at: now() - 52_000, unanswered: 2, preview: "so I can still change the size?" });
    received(chat, "Hi! I ordered the jacket yesterday in M.", c(170_000));
    const reply = sent(chat, agent, "Hello Amara, I have your order 9921 here. How can I help?", c(130_000));
    event(chat, "delivery.changed", { outbox_id: reply.body.outbox_id, state: "read", provider_id: "", reason: "" });
    received(chat, "It has not shipped yet, right?", c(70_000));
    received(chat, "so I can still change the size?", c(52_000));
    const invoice = interaction("email", nord, "billing", "Invoice 20931: VAT number missing", { assigned_at: now() - 100_000, last_message_at: now() - 190 * MINUTE, preview: "Dear Sir or Madam, invoice 20931 lacks our VAT number" });
    received(invoice, "Dear Sir or Madam,\n\ninvoice 20931 lacks our VAT number DE 811 907 980. Please send a corrected one.\n\nKind regards\nProcurement, Nordwind GmbH", c(190 * MINUTE), { subject: "Invoice 20931: VAT number missing", html: "yes", unverified: "DMARC failed" });
    const sms = interaction("sms", mobile, "repairs", "", { assigned_at: now() - 90_000, last_message_at: now() - 246_000, unanswered: 1, undelivered: 1, preview: "Still waiting for the engineer" });
    const doubt = sent(sms, agent, "The engineer is due between 10 and 12.", c(40 * MINUTE));
    event(sms, "delivery.changed", { outbox_id: doubt.body.outbox_id, state: "uncertain", provider_id: "", reason: "timeout" });
    received(sms, "Still waiting for the engineer", c(246_000));
    const other = sent(sms, agent, "I am asking him where he is.", c(200_000));
    event(sms, "delivery.changed", { outbox_id: other.body.outbox_id, state: "failed", provider_id: "", reason: "30005 unknown handset" });
    const { state } = desks.get("ag-0");
    Object.assign(state, { work: [call, chat, invoice, sms, mail.seed({ lena, nord })] });
    Object.assign(state.agent, { state: "busy", chosen: "ready", reason: "", since_at: now() - 198_000 });
    cases.get(call.case_id).case.agent_name = agent.name;
    for (const [code, work, name, ago] of [["call.arrived", call, "", 264], ["enqueued", call, "", 246], ["offer.accepted", call, "Mei Lin 林美", 199], ["offer.expired", chat, "David Ngo", 180], ["offer.accepted", chat, "Mei Lin 林美", 150], ["message.sent", chat, "Mei Lin 林美", 130], ["wrapped_up", invoice, "Hao Chen 陈浩", 40]]) {
      happened(code, work, name, now() - ago * 1000);
    }
  }
  function offer(agentId = "ag-0", medium = "email", task = "") {
    const who = { email: lena, voice: wei, sms: mobile, chat: noor }[medium] ?? lena;
    const work = interaction(medium, who, medium === "voice" ? "repairs" : "support", { email: "Ersatzteil kam beschädigt an", voice: "", sms: "", chat: "" }[medium]);
    work.call = medium === "voice" ? "connecting" : null;
    if (task && work.line) Object.assign(work, { direction: "outbound", line: freshLine({ task, number: who.points[0].value, attempts: 1, recording: "" }) });
    const words = { email: "Guten Tag, das Ersatzteil für meine Spülmaschine kam leider beschädigt an. Was soll ich tun?", sms: "Where is he?", chat: "Hello, is anybody there?" }[medium];
    if (words) received(work, words, now() - 120_000, { subject: work.subject });
    work.preview = words ?? "";
    work.unanswered = words ? 1 : 0;
    const made = {
      id: `of-${randomUUID().slice(0, 8)}`, interaction_id: work.interaction_id, case_id: work.case_id, medium, queue: work.queue, queue_name: work.queue_name,
      subject: work.subject, preview: work.preview, customer: work.customer, dialled: work.dialled, waiting_since_at: now() - 120_000, made_at: now(),
      deadline_at: now() + 30_000, decision_id: "de-1",
      why: [{ code: "skill", values: { skill: "German", level: 5, needed: 3 } }, { code: "served_before", values: { at: now() - 18 * DAY } }, { code: "least_loaded", values: { load: 2, capacity: 8 } }, { code: "considered", values: { count: 4 } }],
      history: who.history, direction: work.direction, task,
    };
    made.work = work;
    announce(agentId, { kind: "offer.rings", offer: { ...made, work: undefined } });
    pending.set(made.id, { ...made, agentId });
    setTimeout(() => end(made.id, "expired"), 30_000).unref();
    return made;
  }
  const pending = new Map();
  function end(id, outcome) {
    const one = pending.get(id);
    if (!one) return null;
    pending.delete(id);
    announce(one.agentId, { kind: "offer.over", offer_id: id, interaction_id: one.interaction_id, outcome });
    happened(`offer.${outcome}`, one.work, desks.get(one.agentId).state.agent.name);
    return one;
  }

  class Refusal extends Error {
    constructor(status, code, message = code) {
      super(message);
      Object.assign(this, { status, code });
    }
  }
  const handOf = (desk, id) => {
    const work = desk.state.work.find((w) => w.interaction_id === id);
    if (!work) throw new Refusal(409, "not_yours");
    return work;
  };
  const changed = (agentId, work, made = null) => announce(agentId, { kind: "work.changed", work: { ...work }, event: made });

  const commands = {
    set_state(agentId, { state, reason = "" }) {
      const { agent } = desks.get(agentId).state;
      const next = { ...agent, chosen: state, reason, since_at: now(), state: desks.get(agentId).state.work.length && state !== "offline" ? agent.state : state };
      announce(agentId, { kind: "agent.changed", agent: next });
      return { agent: next };
    },
    set_agent_state(_, { agent_id, state, reason }) {
      if (!desks.has(agent_id)) throw new Refusal(404, "not_found");
      return commands.set_state(agent_id, { state, reason });
    },
    accept(agentId, { offer_id }) {
      const one = end(offer_id, "accepted");
      if (!one) throw new Refusal(409, "offer_gone");
      const work = { ...one.work, assigned_at: now() };
      const { agent } = desks.get(agentId).state;
      const made = event(work, "offer.ended", { offer_id, agent_id: agentId, outcome: "accepted", reason: "" }, { actor: { kind: "agent", id: agentId, name: agent.name } });
      changed(agentId, work, made);
      if (work.call) setTimeout(() => changed(agentId, Object.assign(handOf(desks.get(agentId), work.interaction_id), { call: "connected" })), 1500).unref();
      return { interaction_id: work.interaction_id };
    },
    reject(agentId, { offer_id }) {
      if (!end(offer_id, "rejected")) throw new Refusal(409, "offer_gone");
      return {};
    },
    reply(agentId, { interaction_id, text, subject = "", ...more }) {
      const desk = desks.get(agentId);
      const work = handOf(desk, interaction_id);
      if (work.medium === "email") return mail.letter(agentId, { interaction_id, text, subject, ...more });
      if (!text?.trim()) throw new Refusal(422, "empty");
      const made = sent(work, desk.state.agent, text.trim(), now(), subject);
      changed(agentId, Object.assign(work, { unanswered: 0, last_message_at: now() }), made);
      ["accepted", "delivered"].forEach((state, n) =>
        setTimeout(() => changed(agentId, work, event(work, "delivery.changed", { outbox_id: made.body.outbox_id, state, provider_id: "", reason: "" })), 300 + 500 * n).unref());
      return { event: made };
    },
    note(agentId, { interaction_id, text }) {
      const desk = desks.get(agentId);
      const work = handOf(desk, interaction_id);
      const made = event(work, "note.added", { text: text.trim() }, { actor: { kind: "agent", id: agentId, name: desk.state.agent.name } });
      changed(agentId, work, made);
      return { event: made };
    },
    wrap_up(agentId, { interaction_id, disposition, note = "", case_status }) {
      const work = handOf(desks.get(agentId), interaction_id);
      event(work, "wrapped_up", { disposition, note, case_status });
      cases.get(work.case_id).case.status = case_status;
      announce(agentId, { kind: "work.left", interaction_id, reason: "wrapped_up" });
      return {};
    },
    return_to_queue(agentId, { interaction_id }) {
      handOf(desks.get(agentId), interaction_id);
      announce(agentId, { kind: "work.left", interaction_id, reason: "returned" });
      return {};
    },
    rename_customer(agentId, { customer_id, name }) {
      const one = customers.get(customer_id);
      if (!one) throw new Refusal(404, "not_found");
      one.name = name;
      for (const work of desks.get(agentId).state.work) {
        if (work.customer.id === customer_id) changed(agentId, Object.assign(work, { customer: { ...work.customer, name } }));
      }
      return { customer: one };
    },
  };

  const customerOf = (id, number) => customers.get(id) ?? [...customers.values()].find((c) => c.points.some((p) => p.value === number)) ?? customer(`cu-${number}`, "", [["phone", number]], 0);
  const telephony = makeTelephony({ now, desks, handOf, changed, event, announce, interaction, Refusal, queues: QUEUES, everyAgent, customerOf, brief, floorChanged, pace });
  Object.assign(commands, telephony.commands);
  const mail = makeMail({ now, pace, desks, customers, cases, event, changed, handOf, interaction, received, sent, Refusal });
  Object.assign(commands, mail.commands);
  const flows = makeFlows({ now, Refusal });
  telephony.seed({ wei, mobile, noor });
  if (seed) seedDay();

  function obey(agentId, id, name, args) {
    const key = `${agentId}/${id}`;
    if (answered.has(key)) return answered.get(key);
    let result;
    try {
      if (!commands[name]) throw new Refusal(404, "not_found");
      result = { type: "result", id, ok: true, value: commands[name](agentId, args ?? {}) };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      result = { type: "result", id, ok: false, error: { code: error.code, message: error.message } };
    }
    answered.set(key, result);
    return result;
  }

  function attend(socket, account) {
    const one = { socket, agentId: account.agent_id, watching: false, following: false };
    sockets.add(one);
    const say = (frame) => socket.send(JSON.stringify(frame));
    const channels = () => {
      say({ type: "channel", name: "sms-main", state: "degraded", reason: "The carrier answers slowly (p95 4.1 s)." });
      say({ type: "channel", name: "voice-main", state: "ready", reason: "" });
    };
    const desk = desks.get(account.agent_id);
    say({ type: "hello", epoch, heartbeat_ms: 25_000, agent_id: account.agent_id, seq: desk?.state.seq ?? 0, now: now() });
    socket.on("close", () => sockets.delete(one));
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.type === "ping") say({ type: "pong", now: now() });
      if (frame.type === "snapshot" && desk) {
        say({ type: "snapshot", state: desk.state });
        one.following = true;
      }
      if (frame.type === "resume" && desk) {
        if (frame.after > desk.state.seq) {
          say({ type: "resync" });
          say({ type: "snapshot", state: desk.state });
        }
        for (const { seq: number, frame: text } of desk.log) if (number > frame.after) socket.send(text);
        one.following = true;
      }
      if (frame.type === "snapshot" || frame.type === "resume") channels();
      if (frame.type === "command") say(obey(account.agent_id ?? "", frame.id, frame.name, frame.args));
      if (frame.type === "watch") {
        one.watching = true;
        say({ type: "floor", floor: floor() });
      }
      if (frame.type === "unwatch") one.watching = false;
    });
  }

  // --- HTTP ---------------------------------------------------------------------------------------------------

  const candidates = [
    ["ag-0", "Mei Lin 林美", true, 1, [{ code: "chosen", values: {} }]],
    ["ag-1", "Jonas Okafor", true, 2, [{ code: "not_chosen", values: { by: "served_before" } }]],
    ["x-0", "Rosa Pereira", false, null, [{ code: "no_capacity", values: { medium: "email", load: 4, capacity: 4 } }]],
    ["x-1", "Hao Chen 陈浩", false, null, [{ code: "on_call", values: {} }, { code: "missing_skill", values: { skill: "German", needed: 3, has: 1 } }]],
    ["x-3", "David Ngo", false, null, [{ code: "unavailable", values: { reason: "lunch" } }]],
  ].map(([agent_id, agent_name, eligible, rank, reasons]) => ({ agent_id, agent_name, eligible, rank, reasons, terms: {} }));
  const page = (items) => ({ items, next: null });
  const meOf = (account) => ({ id: account.id, name: account.name, email: account.email, role: account.role, locale: "", agent_id: account.agent_id });

  /** Lists and searches as the hub's do, without an index: few filters, words anywhere, marked as they stand. */
  function listCases(account, q) {
    const asked = (q.get("q") ?? "").trim();
    const bad = /(?:^|\s)is:(?!open\b|pending\b|closed\b)/.test(asked);
    if (bad) throw new Refusal(422, "query_status", "is: takes open, pending or closed.");
    const status = /(?:^|\s)is:(\w+)/.exec(asked)?.[1] ?? q.get("status") ?? "";
    const wanted = asked.replace(/(^|\s)\w+:\S+/g, " ").toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ case: one }) =>
      (!status || (status === "live" ? one.status !== "closed" : one.status === status)) &&
      (!q.get("customer") || one.customer.id === q.get("customer")) &&
      (!q.get("agent") || one.agent_name === account.name) && (!q.get("unassigned") || !one.agent_name) && !q.get("undelivered");
    const found = [...cases.values()].filter(fits).reverse();
    if (!wanted.length) return page(found.map((each) => each.case));
    const items = found.flatMap(({ case: one, events }) => {
      const lines = [...events].reverse().filter((line) => line.body.text);
      const line = lines.find((each) => wanted.every((word) => `${one.subject} ${one.customer.name} ${one.id} ${each.body.text}`.toLowerCase().includes(word)));
      if (!line) return [];
      const match = { event_id: line.id, interaction_id: line.interaction_id, kind: line.kind, medium: line.medium, at: line.at, by: line.actor.kind, name: line.actor.name, pieces: marked(line.body.text, wanted) };
      return [{ ...one, subject_pieces: marked(one.subject, wanted), match }];
    });
    return { ...page(items), count: items.length, more: false, behind: 0 };
  }
  const marked = (text, wanted) => {
    const split = new RegExp(`(${wanted.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
    return text.split(split).map((piece, n) => [piece, n % 2 === 1]).filter(([piece]) => piece);
  };
  function countCases(account) {
    const live = [...cases.values()].map((each) => each.case).filter((one) => one.status !== "closed");
    const of = (fits) => live.filter(fits).length;
    return { open: of((c) => c.status === "open"), pending: of((c) => c.status === "pending"), unassigned: of((c) => !c.agent_name), mine: of((c) => c.agent_name === account.name), undelivered: 0, most: 1000 };
  }

  const routes = [
    ["GET", /^demo$/, () => ({ accounts: ACCOUNTS.map(({ name, role, email, password }) => ({ name, role, email, password })), try_it_url: "/try" })],
    ["GET", /^session$/, (account) => ({ me: meOf(account) })],
    ["GET", /^console$/, () => ({ queues: QUEUES, dispositions: DISPOSITIONS, reasons: REASONS, heartbeat_ms: 25_000, time_zone: "UTC" })],
    ["GET", /^cases$/, (account, _, q) => listCases(account, q)],
    ["GET", /^cases\/counts$/, (account) => countCases(account)],
    ["GET", /^cases\/(\d+)$/, (_, [id]) => { const one = cases.get(Number(id)); return one && { case: one.case, customer: customers.get(one.case.customer.id), interactions: one.interactions }; }],
    ["GET", /^cases\/(\d+)\/events$/, (_, [id]) => cases.has(Number(id)) && page(cases.get(Number(id)).events)],
    ["GET", /^customers$/, (_, __, q) => page([...customers.values()].filter((c) => [c.name, ...c.points.map((p) => p.value)].some((text) => text.toLowerCase().includes((q.get("q") ?? "").toLowerCase()))))],
    ["GET", /^customers\/(.+)$/, (_, [id]) => customers.get(id)],
    ["GET", /^decisions\/(.+)$/, (_, [id]) => ({ id, at: now() - 2000, interaction_id: "in", queue: "support", policy: "least loaded, then longest idle", chosen: "ag-0", latency_us: 412, candidates, counts: {} })],
    ["GET", /^interactions\/([^/]+)$/, () => ({ record: { owed: "asked", attempts: 1, number: "+8613800138000", voicemail: { duration_ms: 21_000 } } })],
    ["GET", /^interactions$/, (_, __, q) => page(q.get("queue") === "sales-zh" ? [] : [wei, mobile, noor].map((c, n) => ({ interaction_id: `w-${n}`, case_id: 48211, medium: ["voice", "sms", "chat"][n], state: "waiting", queue: q.get("queue"), virtual_enqueued_at: started - 161_000 + n * 50_000, customer: brief(c) })))],
    ["GET", /^interactions\/(.+)\/why$/, () => ({ summary: [{ code: "everyone_busy", values: { available: 5 } }], candidates: candidates.slice(2) })],
    ...telephony.routes,
    ...mail.routes,
    ...flows.routes,
    ["GET", /^channels$/, () => []],
    ["GET", /^quarantine$/, () => page([{ id: "q-1", channel: "email", reason: "The message has more than 100 MIME parts.", received_at: now() - 3 * 60 * MINUTE }])],
    ["POST", /^quarantine\/(.+)\/replay$/, () => ({})],
  ];

  async function serveFile(path, answer) {
    const wanted = normalize(path).replace(/^([/\\.]+)/, "");
    const types = { ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2", ".html": "text/html; charset=utf-8" };
    const file = extname(wanted) ? wanted : "index.html";
    try {
      const bytes = await readFile(join(DIST, file));
      answer.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream", "content-security-policy": POLICY });
      answer.end(bytes);
    } catch {
      answer.writeHead(404).end();
    }
  }
  const sessionOf = (request) => sessions.get(/cch_session=([\w-]+)/.exec(request.headers.cookie ?? "")?.[1] ?? "");

  async function serve(request, answer) {
    const url = new URL(request.url, "http://double");
    const say = (status, body, headers = {}) => answer.writeHead(status, { "content-type": "application/json", ...headers }).end(body === undefined ? "" : JSON.stringify(body));
    const refuse = (status, code) => say(status, { error: { code, message: code } });
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    if (url.pathname === "/api/v1/uploads" && sessionOf(request)) return say(200, mail.upload(bytes, url.searchParams.get("name") ?? "", request.headers["content-type"] ?? ""));
    const text = bytes.toString("utf8");
    if (url.pathname.startsWith("/double/")) return say(200, double.act(url.pathname.slice(8), text ? JSON.parse(text) : {}) ?? {});
    if (!url.pathname.startsWith("/api/v1/")) return serveFile(url.pathname, answer);
    const path = decodeURIComponent(url.pathname.slice(8));
    if (path === "session" && request.method === "POST") {
      const { email, password } = JSON.parse(text);
      const account = ACCOUNTS.find((a) => a.email === email && a.password === password);
      if (!account) return refuse(401, "wrong_credentials");
      const key = randomUUID();
      sessions.set(key, account);
      return say(200, { me: meOf(account) }, { "set-cookie": `cch_session=${key}; HttpOnly; SameSite=Lax; Path=/` });
    }
    const account = sessionOf(request);
    if (!account && path !== "demo") return refuse(401, "not_signed_in");
    if (path === "session" && request.method === "DELETE") {
      for (const [key, one] of sessions) if (one === account) sessions.delete(key);
      for (const one of sockets) if (one.agentId === account.agent_id) one.socket.close(4403);
      return say(204);
    }
    if (/^events\/.+\/html$/.test(path)) {
      answer.writeHead(200, { "content-type": "text/html; charset=utf-8", "content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'" });
      return answer.end("<body style='font:14px sans-serif;margin:12px'><h2 style='color:#8a5a00'>Photos of the leak</h2><p>Hello, here are <b>the photos</b> of the leak under the door.</p></body>");
    }
    const diagram = /^flows\/([^/]+)\/diagram\.svg$/.exec(path);
    if (diagram) {
      const drawn = flows.diagram(diagram[1]);
      return drawn ? answer.writeHead(200, { "content-type": "image/svg+xml" }).end(drawn) : refuse(404, "not_found");
    }
    if (/^events\/.+\/preview$/.test(path)) return answer.writeHead(200, { "content-type": "image/svg+xml" }).end("<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 9'><rect width='16' height='9' fill='#8aa'/><path d='M0 9 6 3l4 4 2-2 4 4z' fill='#566'/></svg>");
    const file = /^uploads\/([0-9a-f]{64})$/.exec(path);
    if (file) return mail.uploads.has(file[1]) ? answer.writeHead(200, { "content-type": mail.uploads.get(file[1]).media_type }).end(mail.uploads.get(file[1]).bytes) : refuse(404, "not_found");
    if (path.startsWith("recordings/")) return answer.writeHead(200, { "content-type": "audio/wav" }).end(telephony.wav());
    for (const [method, pattern, answerOf] of routes) {
      const match = method === request.method && pattern.exec(path);
      if (!match) continue;
      let body;
      try {
        body = answerOf(account, match.slice(1), url.searchParams, text ? JSON.parse(text) : {});
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        return say(error.status, { error: { code: error.code, message: error.message, ...error.more } });
      }
      return body ? say(200, body) : refuse(404, "not_found");
    }
    return refuse(404, "not_found");
  }

  const server = createServer((request, answer) => {
    serve(request, answer).catch((error) => {
      console.error(error);
      answer.writeHead(500).end();
    });
  });
  const websockets = new WebSocketServer({ noServer: true });
  server.on("upgrade", (request, socket, head) => {
    const account = sessionOf(request);
    if (!account || double.deaf) return socket.destroy();
    websockets.handleUpgrade(request, socket, head, (accepted) => attend(accepted, account));
  });

  const double = {
    deaf: false,
    /** What the world does: offer, offer_end, say, typing, left, cut, deaf, hear, long, forget (drafts); and the telephone's acts. */
    act(name, { task = "", agent = "ag-0", medium, interaction, text = "还在吗？", outcome = "cancelled", count = 400 } = {}) {
      const desk = desks.get(agent);
      if (name === "offer") return offer(agent, medium, task);
      if (name === "offer_end") return desk.state.offers.forEach((o) => end(o.id, outcome));
      if (name === "ready") return commands.set_state(agent, { state: "ready" });
      if (name === "cut") return sockets.forEach((one) => one.socket.terminate());
      if (name === "deaf") return (double.deaf = true) && sockets.forEach((one) => one.socket.terminate());
      if (name === "hear") return void (double.deaf = false);
      if (name === "forget") return mail.drafts.clear();
      const played = telephony.act(name, desk, arguments[1] ?? {});
      if (played !== undefined && played !== null) return {};
      const work = desk.state.work.find((w) => (interaction ? w.interaction_id === interaction : w.medium === (medium ?? "chat")));
      if (!work) return null;
      if (name === "typing") return sockets.forEach((one) => one.agentId === agent && one.socket.send(JSON.stringify({ type: "typing", interaction_id: work.interaction_id, at: now() })));
      if (name === "say") return changed(agent, Object.assign(work, { unanswered: work.unanswered + 1, preview: text, last_message_at: now() }), received(work, text, now()));
      if (name === "left") return changed(agent, Object.assign(work, { customer_left: true }), event(work, "customer.left", { reason: "closed" }));
      if (name === "long") for (let n = 0; n < count; n += 1) received(work, `Line ${n}: ${"words ".repeat(n % 23)}`, now() - (count - n) * 30_000);
      return null;
    },
    listen: (port = 0) => new Promise((resolve) => server.listen(port, "127.0.0.1", () => resolve(server.address().port))),
    close: () => new Promise((resolve) => {
      for (const one of sockets) one.socket.terminate();
      websockets.close();
      server.close(resolve);
      server.closeAllConnections();
    }),
  };
  return double;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const port = await makeDouble().listen(Number(process.argv[2] ?? 0));
  console.log(`The double listens at http://127.0.0.1:${port}`);
}
