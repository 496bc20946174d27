import { defineStore } from "pinia";
import { reactive, watch } from "vue";
import type { EventView } from "@/api/generated/wire";
import { everything } from "@/api/rest";
import { useSession } from "@/live/session";
import { CommandError } from "@/live/socket";
import { useLive } from "@/live/store";
import { merge } from "./thread";

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

/** The conversations that were opened, kept current by the announcements. */
export const useConversations = defineStore("conversations", () => {
  const live = useLive();
  const byCase = reactive(new Map<number, Conversation>());
  const session = useSession();
  let nextKey = 0;

  // What one person read is not for the next who signs in on this page.
  watch(() => session.me?.id, () => byCase.clear(), { flush: "sync" });

  live.hear((announced) => {
    if (announced === null) {
      // Announcements may have been skipped before a snapshot: what is open is read again.
      for (const one of byCase.values()) void load(one.caseId);
    } else if (announced.kind === "work.changed" && announced.event) {
      const one = byCase.get(announced.event.case_id);
      if (one) one.events = merge(one.events, [announced.event]);
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
    try {
      one.events = merge(one.events, await everything<EventView>(`cases/${caseId}/events`));
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

  async function say(kind: "reply" | "note", caseId: number, interactionId: string, text: string, subject = ""): Promise<void> {
    const one = open(caseId);
    one.outgoing.push({
      key: `out-${++nextKey}`, kind, interactionId, text, subject, at: live.now, state: "sending", error: "",
    });
    await send(one, one.outgoing[one.outgoing.length - 1]!);
  }

  async function send(one: Conversation, words: Outgoing): Promise<void> {
    words.state = "sending";
    const args: Record<string, unknown> = { interaction_id: words.interactionId, text: words.text };
    if (words.kind === "reply" && words.subject) args["subject"] = words.subject;
    try {
      const { event } = await live.command<{ event: EventView }>(words.kind, args);
      if (event) one.events = merge(one.events, [event]);
      discard(one.caseId, words.key);
    } catch (error) {
      words.state = "failed";
      words.error = error instanceof CommandError ? error.code : "unknown";
    }
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

  return { byCase, open, look, load, say, again, discard };
});
