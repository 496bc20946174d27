import { defineStore } from "pinia";
import { reactive, ref, watch } from "vue";
import type { EventView } from "@/api/generated/wire";
import type { Composing } from "@/api/mail";
import { everything } from "@/api/rest";
import { useSession } from "@/live/session";
import { CommandError } from "@/live/socket";
import { cameBack, told, type Letter } from "./letter";
import { useLive } from "@/live/store";
import { merge, readAgain } from "./thread";

/** Words on their way: shown at once, replaced by the event when the hub has them. */
export interface Outgoing {
  key: string;
  kind: "reply" | "note";
  interactionId: string;
  text: string;
  subject: string;
  at: number;
  state: "sending" | "failed";
  error: string;
  message: string;
  /** An e-mail has more to it than its words. */
  letter?: Sealed;
  /** The hub has it: what was kept of it can go. */
  arrived?: () => void;
}

/** A letter as its writer sealed it: what it began with, and when it shall leave (0: soon). */
export interface Sealed {
  letter: Letter;
  begins: Composing | null;
  sendAt: number;
  arrived?: () => void;
}

/** A letter that has not left yet and can be taken back without asking anybody. */
export interface Undoable {
  caseId: number;
  interactionId: string;
  outboxId: string;
  until: number;
}

export interface Conversation {
  caseId: number;
  state: "loading" | "ready" | "failed";
  events: EventView[];
  outgoing: Outgoing[];
  /** The last line that the agent has looked at; what is after it is new. */
  seenSeq: number;
}

const KEPT = 40;
/** Refusals that mean another thing of a letter than of a call. */
const OF_LETTERS = new Set(["to", "cc", "bcc", "attachments", "send_at"]);

const partsAgain = (event: EventView): boolean =>
  (event.kind === "case.linked" || event.kind === "case.joined") && (event.body as { state?: string }).state === "undone";

/** The conversations that were opened, kept current by the announcements. */
export const useConversations = defineStore("conversations", () => {
  const live = useLive();
  const byCase = reactive(new Map<number, Conversation>());
  const session = useSession();
  /** Letters that came back, for the composer of their interaction to take. */
  const returned = reactive(new Map<string, Letter>());
  const undoable = ref<Undoable | null>(null);
  const sealed = new Map<string, Letter>();
  const takenBack = new Set<string>();
  /** How often each case was read. */
  const turns = new Map<number, number>();
  let nextKey = 0;

  // What one person read is not for the next who signs in on this page.
  watch(() => session.me?.id, () => (byCase.clear(), returned.clear(), sealed.clear(), takenBack.clear(), (undoable.value = null)), { flush: "sync" });

  live.hear((announced) => {
    if (announced === null) {
      // Announcements may have been skipped before a snapshot: what is open is read again.
      for (const one of byCase.values()) void load(one.caseId);
    } else if (announced.kind === "work.changed" && announced.event) {
      const one = byCase.get(announced.event.case_id);
      if (one) one.events = merge(one.events, [announced.event]);
      if (one && partsAgain(announced.event)) void load(one.caseId);
    }
  });

  function open(caseId: number): Conversation {
    let one = byCase.get(caseId);
    if (!one) {
      one = { caseId, state: "loading", events: [], outgoing: [], seenSeq: -1 };
      byCase.set(caseId, one);
      forgetOldest(caseId);
      void load(caseId);
    }
    return byCase.get(caseId)!;
  }

  /** Cases are told of only while they are in this agent's hands: whoever comes back to one reads what is new. */
  function look(caseId: number): void {
    if (byCase.get(caseId)?.state === "ready") void load(caseId);
    else open(caseId);
  }

  async function load(caseId: number): Promise<void> {
    const one = byCase.get(caseId);
    if (!one) return;
    if (one.state === "failed") one.state = "loading";
    const turn = (turns.get(caseId) ?? 0) + 1;
    turns.set(caseId, turn);
    const known = new Set(one.events.map((e) => e.id));
    try {
      const answered = await everything<EventView>(`cases/${caseId}/events`);
      // An answer to an older question may still hold what is apart by now.
      if (turns.get(caseId) !== turn) return;
      one.events = readAgain(one.events, known, answered);
      one.state = "ready";
    } catch {
      if (one.state !== "ready") one.state = "failed";
    }
  }

  function forgetOldest(keep: number): void {
    for (const [caseId, one] of byCase) {
      if (byCase.size <= KEPT) return;
      const inHand = live.work.some((w) => w.case_id === caseId);
      if (caseId !== keep && !inHand && !one.outgoing.length) byCase.delete(caseId);
    }
  }

  async function say(kind: "reply" | "note", caseId: number, interactionId: string, text: string, letter?: Sealed, arrived = letter?.arrived): Promise<void> {
    const one = open(caseId);
    one.outgoing.push({
      key: `out-${++nextKey}`, kind, interactionId, text, subject: letter?.letter.subject ?? "", at: live.now, state: "sending", error: "", message: "",
      ...(letter ? { letter } : {}), ...(arrived ? { arrived } : {}),
    });
    await send(one, one.outgoing[one.outgoing.length - 1]!);
  }

  async function send(one: Conversation, words: Outgoing): Promise<void> {
    words.state = "sending";
    const { letter } = words;
    const said = letter ? told(letter.letter, letter.begins, letter.sendAt) : { text: words.text };
    try {
      const { event } = await live.command<{ event: EventView }>(words.kind, { interaction_id: words.interactionId, ...said });
      if (event) one.events = merge(one.events, [event]);
      if (event && letter) keepForUndo(event, letter);
      words.arrived?.();
      discard(one.caseId, words.key);
    } catch (error) {
      words.state = "failed";
      const code = error instanceof CommandError ? error.code : "unknown";
      words.error = letter && OF_LETTERS.has(code) ? `letter_${code}` : code;
      words.message = error instanceof CommandError ? error.message : "";
    }
  }

  function keepForUndo(event: EventView, { letter, sendAt }: Sealed): void {
    const { outbox_id: outboxId, send_at: until = 0 } = event.body as { outbox_id: string; send_at?: number };
    if (takenBack.has(outboxId)) return;
    sealed.set(outboxId, letter);
    if (!sendAt && until > live.now) undoable.value = { caseId: event.case_id, interactionId: event.interaction_id, outboxId, until };
  }

  /** Its line can be here before the answer to what sent it: then the letter itself still waits for that answer. */
  function inFlight(interactionId: string): Letter | undefined {
    const all = [...byCase.values()].flatMap((one) => one.outgoing);
    const sending = all.filter((w) => w.interactionId === interactionId && w.kind === "reply" && w.state === "sending");
    return sending.length === 1 ? sending[0]!.letter?.letter : undefined;
  }

  /**
   * Takes a letter back before it leaves; its words go to the composer of their interaction. Resolves with those for
   * whom it had left already. Rejects with `CommandError`.
   */
  async function unsend(interactionId: string, outboxId: string): Promise<string[]> {
    const value = await live.command<Partial<Letter> & { left?: string[] }>("unsend", { interaction_id: interactionId, outbox_id: outboxId });
    if (undoable.value?.outboxId === outboxId) undoable.value = null;
    const { left = [], ...back } = value ?? {};
    takenBack.add(outboxId);
    const own = sealed.get(outboxId) ?? inFlight(interactionId);
    const people = left.length ? { to: back.to ?? [], cc: back.cc ?? [], bcc: back.bcc ?? [] } : {};
    returned.set(interactionId, own ? { ...own, ...people } : cameBack(back));
    sealed.delete(outboxId);
    return left;
  }

  const sendNow = (interactionId: string, outboxId: string): Promise<unknown> =>
    live.command("send_now", { interaction_id: interactionId, outbox_id: outboxId });

  /** The letter of words that could not be sent goes back to be changed. */
  function rewrite(caseId: number, key: string): void {
    const words = byCase.get(caseId)?.outgoing.find((w) => w.key === key);
    if (words?.letter) returned.set(words.interactionId, words.letter.letter);
    discard(caseId, key);
  }

  async function again(caseId: number, key: string): Promise<void> {
    const one = byCase.get(caseId);
    const words = one?.outgoing.find((w) => w.key === key);
    if (one && words) await send(one, words);
  }

  function discard(caseId: number, key: string): void {
    const one = byCase.get(caseId);
    if (one) one.outgoing = one.outgoing.filter((w) => w.key !== key);
  }

  return { byCase, returned, undoable, open, look, load, say, again, discard, unsend, sendNow, rewrite };
});
