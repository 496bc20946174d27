// Writing mail in the double: composing, drafts, uploads, prepared replies, undo, send later, what was not delivered.
import { createHash } from "node:crypto";

const UNDO_SECONDS = 10;
const MINUTE = 60_000;
const CANNED = [
  ["thanks", "Thank you, we look into it", "感谢来信", "en", "Thank you for writing. We are looking into it and come back to you within one working day."],
  ["vat", "Corrected invoice with VAT number", "补开含税号发票", "en", "You are right: the VAT number was missing. The corrected invoice is attached."],
  ["thanks-zh", "Thank you (Chinese)", "感谢来信（中文）", "zh", "您好！感谢您的来信，我们正在核实，一个工作日内回复您。"],
];

export function makeMail({ now, pace, desks, customers, cases, event, changed, handOf, interaction, received, sent, Refusal }) {
  const drafts = new Map();
  const uploads = new Map();
  const letters = new Map();
  const lost = [];
  const links = new Map();
  let n = 0;
  const addressOf = (work) => customers.get(work.customer.id)?.points.find((p) => p.kind === "email")?.value ?? work.customer.point;
  const workOf = (agentId, id) => desks.get(agentId)?.state.work.find((w) => w.interaction_id === id);

  function composing(agentId, id, mode) {
    const work = workOf(agentId, id);
    if (!work) throw new Refusal(404, "not_found");
    const last = cases.get(work.case_id).events.filter((e) => e.kind === "message.received" && e.interaction_id === id).at(-1);
    const body = last?.body ?? {};
    const bare = (body.subject || work.subject).replace(/^((re|fwd?|aw)\s*:\s*)+/i, "");
    const from = addressOf(work);
    const quoted = (body.text ?? "").split("\n").map((line) => `> ${line}`.trimEnd()).join("\n");
    const warnings = [];
    if (body.reply_to && mode !== "forward") warnings.push({ code: "reply_to_elsewhere", address: body.reply_to, detail: from });
    for (const one of mode === "reply_all" ? (body.cc ?? []) : []) warnings.push({ code: "not_participant", address: one, detail: "" });
    const html = `<p>${(body.text ?? "").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("\n", "<br>")}</p>`;
    return {
      to: mode === "forward" ? [] : [from, ...(mode === "reply_all" ? (body.to ?? []) : [])], cc: mode === "reply_all" ? (body.cc ?? []) : [],
      subject: `${mode === "forward" ? "Fwd" : "Re"}: ${bare}`,
      quoted_text: `On 2026-11-22, ${from} wrote:\n${quoted}`,
      quoted_html: mode === "forward" ? `<p>---------- Forwarded message ----------<br>From: ${from}</p>${html}` : `<div class="quoted"><p>On 2026-11-22, ${from} wrote:</p><blockquote type="cite">${html}</blockquote></div>`,
      attachments: mode === "forward" ? (last?.attachments ?? []) : [],
      signature_html: "<p>Kind regards<br>Mei Lin · Demo Appliances</p>", signature_text: "Kind regards\nMei Lin · Demo Appliances",
      undo_seconds: UNDO_SECONDS, warnings,
    };
  }

  function deliver(agentId, work, outboxId, rows) {
    for (const [k, recipient] of rows.entries()) {
      const bad = /bounce|nobody/.test(recipient);
      const tell = (state, reason = "") => {
        if (letters.get(outboxId)?.cancelled) return;
        const made = event(work, "delivery.changed", { outbox_id: k ? `${outboxId}-${k}` : outboxId, state, provider_id: "", reason, recipient });
        if (bad && state === "failed") lose(work, recipient, "failed", reason, agentId, `${outboxId}-${k}`);
        changed(agentId, work, made);
      };
      setTimeout(() => tell("accepted"), 300 * pace).unref();
      setTimeout(() => (bad ? tell("failed", "550 5.1.1 User unknown") : tell("delivered")), 900 * pace).unref();
    }
  }

  function lose(work, recipient, state, reason, agent_id, outbox_id = `out-lost-${++n}`, at = now()) {
    lost.unshift({
      outbox_id, interaction_id: work.interaction_id, case_id: work.case_id, customer: { id: work.customer.id, name: work.customer.name }, recipient, channel: work.channel, medium: work.medium,
      subject: work.subject, state, reason, attempts: 3, created_at: at, agent_id,
    });
  }

  function letter(agentId, args) {
    const desk = desks.get(agentId);
    const work = handOf(desk, args.interaction_id);
    const rows = [...(args.to?.length ? args.to : [addressOf(work)]), ...(args.cc ?? []), ...(args.bcc ?? [])];
    const send_at = args.send_at || now() + UNDO_SECONDS * 1000 * pace;
    const made = sent(work, desk.state.agent, (args.text ?? "").split("\n\n-- \n")[0], now(), args.subject ?? "");
    Object.assign(made.body, { html: args.html ? "f".repeat(64) : "", to: args.to ?? [], cc: args.cc ?? [], bcc: args.bcc ?? [], send_at, automatic: false, elsewhere: false });
    made.attachments = (args.attachments ?? []).map(({ digest, name }) => ({ media_type: "application/octet-stream", size: 0, ...uploads.get(digest), digest, name }));
    const outboxId = made.body.outbox_id;
    const timer = setTimeout(() => deliver(agentId, work, outboxId, rows), send_at - now());
    timer.unref();
    letters.set(outboxId, { args, timer, work, rows, left: () => now() >= (letters.get(outboxId).at ?? send_at) });
    drafts.delete(`${agentId}/${args.interaction_id}/reply`);
    changed(agentId, Object.assign(work, { unanswered: 0, last_message_at: now() }), made);
    return { event: made };
  }

  const commands = {
    unsend(agentId, { interaction_id, outbox_id }) {
      const one = letters.get(outbox_id);
      if (!one) throw new Refusal(404, "not_found");
      if (one.left()) throw new Refusal(409, "sent");
      one.cancelled = true;
      clearTimeout(one.timer);
      changed(agentId, one.work, event(one.work, "delivery.changed", { outbox_id, state: "cancelled", provider_id: "", reason: "", recipient: "" }, { actor: { kind: "agent", id: agentId, name: desks.get(agentId).state.agent.name } }));
      const { text, html = "", subject, to = [], cc = [], bcc = [], attachments = [] } = one.args;
      return { text, html, subject, to, cc, bcc, attachments: attachments.map((a) => ({ media_type: "", size: 0, ...uploads.get(a.digest), ...a })), interaction_id };
    },
    send_now(agentId, { outbox_id }) {
      const one = letters.get(outbox_id);
      if (!one || one.left()) throw new Refusal(409, "sent");
      clearTimeout(one.timer);
      one.at = now();
      deliver(agentId, one.work, outbox_id, one.rows);
      return {};
    },
    "outbox.retry"(agentId, { outbox_id }) {
      return commands["outbox.dismiss"](agentId, { outbox_id });
    },
    "outbox.dismiss"(_, { outbox_id }) {
      const at = lost.findIndex((one) => one.outbox_id === outbox_id);
      if (at < 0) throw new Refusal(404, "not_found");
      lost.splice(at, 1);
      return {};
    },
    "case.link"(agentId, { case_id, state }) {
      const whole = cases.get(case_id)?.case;
      if (!whole?.linked_to) throw new Refusal(404, "not_found");
      whole.link_state = state === "undone" ? "suggested" : state;
      whole.merged_into = state === "merged" ? whole.linked_to : 0;
      const work = desks.get(agentId).state.work.find((w) => w.case_id === case_id);
      if (work) changed(agentId, work, event(work, "case.linked", { to_case: whole.linked_to, state, reason: "" }, { actor: { kind: "agent", id: agentId, name: desks.get(agentId).state.agent.name } }));
      return {};
    },
  };

  const draftOf = (agentId, id, kind) => `${agentId}/${id}/${kind}`;
  const routes = [
    ["GET", /^interactions\/([^/]+)\/composing$/, (account, [id], q) => composing(account.agent_id, id, q.get("mode") ?? "reply")],
    ["GET", /^interactions\/([^/]+)\/draft\/(reply|note)$/, (account, [id, kind]) => drafts.get(draftOf(account.agent_id, id, kind)) ?? { updated_at: 0 }],
    ["PUT", /^interactions\/([^/]+)\/draft\/(reply|note)$/, (account, [id, kind], _, body) => {
      const updated_at = now();
      drafts.set(draftOf(account.agent_id, id, kind), { ...body, updated_at });
      return { updated_at };
    }],
    ["DELETE", /^interactions\/([^/]+)\/draft\/(reply|note)$/, (account, [id, kind]) => (drafts.delete(draftOf(account.agent_id, id, kind)), {})],
    ["GET", /^canned-replies$/, () => ({ items: CANNED.map(([id, title, title_zh, language, text]) => ({ id, title, title_zh, language, text, html: "" })) })],
    ["GET", /^undelivered$/, () => ({ items: lost, count: lost.length, next: null })],
  ];

  /** The bytes as they came; what the hub says of them. */
  function upload(bytes, name, media_type) {
    const digest = createHash("sha256").update(bytes).digest("hex");
    const stored = { digest, name, media_type, size: bytes.length };
    uploads.set(digest, { ...stored, bytes });
    return stored;
  }

  function seed({ lena, nord }, agentId = "ag-0") {
    const work = interaction("email", lena, "support", "Ersatzteil kam beschädigt an", { assigned_at: now() - 70_000, last_message_at: now() - 25 * MINUTE, unanswered: 1, preview: "Guten Tag, das Ersatzteil kam leider beschädigt an" });
    received(work, "Guten Tag,\n\ndas Ersatzteil für meine Spülmaschine kam leider beschädigt an. Foto anbei.\n\nViele Grüße\nLena Fischer", now() - 25 * MINUTE, { subject: work.subject, to: ["support@demo.example", "werkstatt@partner.example"], cc: ["rechnung@fischer-haus.example"], reply_to: "lena@fischer-privat.example", history: "", signature: "", new_topic: false }, [{ digest: "c".repeat(64), name: "ersatzteil.jpg", media_type: "image/jpeg", size: 734_003 }]);
    Object.assign(cases.get(work.case_id).case, { linked_to: 48102, link_state: "suggested", merged_into: 0 });
    event(work, "case.linked", { to_case: 48102, state: "suggested", reason: "" }, { at: now() - 25 * MINUTE });
    lose({ ...work, subject: "Re: Rechnung 20871" }, "buchhaltung@fischer-haus.example", "failed", "550 5.1.1 <buchhaltung@fischer-haus.example>: Recipient address rejected: User unknown", agentId, "out-lost-a", now() - 50 * MINUTE);
    lose({ ...work, customer: { id: nord.id, name: "" }, subject: "Invoice 20931" }, "procurement@nordwind.example", "uncertain", "", agentId, "out-lost-b", now() - 3 * 60 * MINUTE);
    return work;
  }
  return { commands, routes, letter, upload, uploads, seed, lost, lose, drafts };
}
