/** What happened, in plain words: one sentence for each kind of event that is not itself words. */
import type { EventView, Wire } from "@/api/generated/wire";
import { clock, fullMoment } from "@/i18n/format";
import { spaced } from "@/i18n/numbers";
import { useWords } from "@/i18n/words";
import { useDirectory } from "@/live/directory";
import { useRecognised } from "@/live/recognised";
import { useSession } from "@/live/session";

type Body = Record<string, string>;
const MOST_VALUES = 4;

export function useSayings(customer: () => string) {
  const { t, te, locale } = useWords();
  const session = useSession();
  const directory = useDirectory();
  const { guess, because, language, intentName, needs } = useRecognised();

  function agentNamed(id: string, name = ""): string {
    if (id && id === session.me?.agent_id) return t("line.you");
    return name || (id && directory.agentName(id)) || t("line.someone");
  }
  function agentIn(event: EventView): string {
    const body = event.body as Body;
    return agentNamed(body["agent_id"] || event.actor.id, body["agent_name"] || (event.actor.kind === "agent" ? event.actor.name : ""));
  }
  function partyIn(body: Body): string {
    if (body["party"] === "number") return body["name"] || spaced(body["who"] ?? "");
    return agentNamed(body["who"] ?? "", body["name"]);
  }
  /** `queue:billing`, `agent:ag-2`, `number:+44…` as people call them. */
  function place(to: string): string {
    const [kind, id = ""] = [to.slice(0, to.indexOf(":")), to.slice(to.indexOf(":") + 1)];
    if (kind === "queue") return session.queueName(id);
    return kind === "agent" ? agentNamed(id) : spaced(id);
  }
  const actionNamed = (what: string): string => {
    const key = `line.action.${what.replace(".", "_")}`;
    return te(key) ? t(key) : what;
  };
  const moment = (at: number): string => fullMoment(at, locale.value);

  /** Why work went on to another queue: each condition that held, with what was found. */
  function overflowed(body: Body): string[] {
    const found = (body["because"] ?? {}) as unknown as Record<string, string | number>;
    return Object.entries(found).map(([name, value]) => {
      if (name === "estimate_ms" && Number(value) < 0) return t("line.overflow.estimate_none");
      if (name.endsWith("_ms")) return t(`line.overflow.${name}`, { time: clock(Number(value)) });
      return typeof value === "string" ? t(`line.overflow.${name}.${value}`) : t(`line.overflow.${name}`, { n: value });
    });
  }
  function leg(body: Body): string {
    const who = partyIn(body);
    if (body["leg"] === "party") return t(`line.party_${body["state"]}`, { who, reason: body["reason"] || "—" });
    if (body["state"] === "failed") return t("line.call_failed", { reason: body["reason"] || "—" });
    return body["leg"] === "customer" ? t("line.answered", { who: customer() }) : t("line.connected");
  }

  const sayings: Record<string, (body: Body, event: EventView) => string> = {
    "call.arrived": (body) =>
      t("line.call_arrived", { who: customer() }) + (body["forwarded_from"] ? ` · ${t("line.call_forwarded", { number: spaced(body["forwarded_from"]) })}` : ""),
    "call.placed": (body, event) => t(`line.call_placed.${(body["owed"] as unknown) === true && body["reason"] === "agent" ? "promised" : body["reason"]}`, { who: agentIn(event), number: spaced(body["number"]!) }),
    "call.leg": leg,
    "call.action_failed": (body) => t("line.action_failed", { what: actionNamed(body["what"] ?? ""), reason: body["reason"] || "—" }),
    "queue.left": () => t("line.queue_left"),
    "call.hold": (body) => {
      const held = Number(body["held_ms"] ?? 0);
      return (body["on"] as unknown) === true ? t("line.held") : held ? t("line.unheld", { time: clock(held) }) : t("line.unheldPlain");
    },
    "party.added": (body, event) => t(`line.party_added.${body["purpose"]}`, { agent: agentIn(event), who: partyIn(body), mode: t(`party.mode.${body["mode"] || "talk"}`) }),
    "party.changed": (body) => t("line.party_mode", { who: partyIn(body), mode: t(`party.mode.${body["mode"]}`) }),
    transferred: (body, event) => t(`line.transferred.${body["how"]}`, { agent: agentIn(event), to: place(body["to"]!) }),
    "recording.changed": (body) => t(`line.recording.${body["state"]}`, { reason: body["reason"] || "—" }),
    "consent.changed": (body) => t((body["given"] as unknown) === true ? "line.consent_given" : "line.consent_refused"),
    "callback.asked": (body, event) => {
      const at = Number(body["not_before_at"] ?? 0);
      const said = t(`line.callback_asked.${body["reason"]}`, { agent: agentIn(event), number: spaced(body["number"]!) });
      return at > event.at ? `${said} · ${t("line.callback_at", { time: moment(at) })}` : said;
    },
    "callback.tried": (body) => {
      const said = t(`line.callback_tried.${body["outcome"]}`, { n: body["attempt"]! });
      return Number(body["next_at"]) ? `${said} · ${t("line.callback_next", { time: moment(Number(body["next_at"])) })}` : said;
    },
    "survey.answered": (body) => t("line.survey", { question: body["question"]!, answer: body["answer"]! }),
    "customer.left": () => t("line.customer_left"),
    enqueued: (body) =>
      [t(`line.enqueued.${body["reason"]}`, { queue: session.queueName(body["queue"]!) }), ...overflowed(body)].join(" · "),
    "routing.overridden": (body, event) =>
      t(body["agent_id"] === event.actor.id ? "line.picked" : "line.given", { who: agentNamed(event.actor.id, event.actor.name), to: place(`agent:${body["agent_id"]}`), reason: body["reason"]! }) +
      ((body["over_capacity"] as unknown) === true ? ` · ${t("line.over_capacity")}` : ""),
    "hand_back.asked": (body, event) => t(Number(body["until_at"]) ? "line.hand_back_asked" : "line.kept", { who: agentIn(event) }),
    "offer.ended": (body, event) => t(`line.offer_ended.${body["outcome"]}`, { who: agentIn(event) }),
    "wrap_up.started": () => t("line.wrap_up_started"),
    wrapped_up: (body) =>
      t("line.wrapped_up", { disposition: session.dispositionName(body["disposition"]!), status: t(`conversation.status.${body["case_status"]}`).toLowerCase() }),
    "delivery.changed": (body, event) => t("line.taken_back", { who: agentIn(event), subject: ((body["letter"] as unknown as Body | undefined)?.["subject"] || t("conversation.noSubject")) }),
    "message.sent_at_once": (_, event) => t("line.sent_at_once", { who: agentIn(event) }),
    "participant.added": (body, event) => t("line.participant_added", { agent: agentIn(event), address: body["address"]! }),
    "case.linked": (body, event) => t(`line.case_linked.${body["state"]}`, { agent: agentIn(event), id: body["to_case"]! }),
    "case.recognised": (body) => {
      const seen = body as unknown as Wire["bodies"]["case.recognised"];
      const said = [guess(seen), because(seen.because), seen.intent ? "" : language(seen.language)].filter(Boolean).join(t("recognised.join"));
      return said || t("line.case_recognised_nothing");
    },
    "case.intent_set": (body, event) => {
      const { intent } = body as unknown as Wire["bodies"]["case.intent_set"];
      if (intent === null) return t("line.intent_taken_back", { agent: agentIn(event) });
      return t(intent ? "line.intent_set" : "line.intent_none", { agent: agentIn(event), intent: intentName(intent) });
    },
    "case.language_set": (body, event) => {
      const said = (body as unknown as Wire["bodies"]["case.language_set"]).language;
      if (said === null) return t("line.language_taken_back", { agent: agentIn(event) });
      return t(said ? "line.language_set" : "line.language_none", { agent: agentIn(event), language: language(said) });
    },
    "case.asks_changed": (body) => {
      const now = body as unknown as Wire["bodies"]["case.asks_changed"];
      const where = now.waits_in ? t("line.asks_queue", { queue: session.queueName(now.waits_in) }) : "";
      return [needs(now.asks) ? t("line.asks", { skills: needs(now.asks) }) : t("line.asks_nothing"), where].filter(Boolean).join(t("recognised.join"));
    },
    "case.joined": (body) => t(`line.case_joined.${body["state"]}`, { id: body["case_id"]! }),
    ended: (body) => t(`line.ended.${body["reason"]}`),
  };

  const steps: Record<string, (body: Body) => string> = {
    "ivr.step": (body) => (body["said"] ? t("line.ivr_step", { said: body["said"] }) : body["step"] ? t("line.ivr_step_plain", { step: body["step"] }) : ""),
    "ivr.input": (body) => {
      if ((body["secret"] as unknown) === true) return t("line.ivr_input_secret");
      if (body["digits"]) return t("line.ivr_input_digits", { digits: body["digits"] });
      return body["speech"] ? t("line.ivr_input_speech", { speech: body["speech"] }) : t("line.ivr_input_none");
    },
    "ivr.answered": (body) => {
      const values = Object.entries((body["values"] as unknown as Body) ?? {}).slice(0, MOST_VALUES).map(([name, value]) => `${name} = ${value}`);
      const outcome = (body["outcome"] ?? "").replaceAll("_", " ");
      return values.length ? t("line.ivr_answered_with", { outcome, values: values.join(", ") }) : t("line.ivr_answered", { outcome });
    },
    "ivr.dialled": (body) => t(`line.ivr_dialled.${body["outcome"]}`),
    "ivr.recorded": () => t("line.ivr_recorded_nothing"),
  };

  const step = (event: EventView): string => steps[event.kind]?.(event.body as Body) ?? "";

  function sentence(event: EventView): string {
    const say = sayings[event.kind];
    const said = say ? say(event.body as Body, event) : t("line.unknown", { kind: event.kind });
    const note = event.kind === "wrapped_up" ? (event.body as Body)["note"] : "";
    return said.charAt(0).toUpperCase() + said.slice(1) + (note ? ` · “${note}”` : "");
  }
  return { t, locale, sentence, step };
}
