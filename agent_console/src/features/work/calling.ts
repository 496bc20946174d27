/** What can be done with a call now, and how it is said. Pure. */
import type { CallView, PartyView, WorkView } from "@/api/generated/wire";

/** The call is going on, or is being made. */
export const isLive = (work: WorkView): boolean =>
  work.state === "assigned" && (work.call === "connecting" || work.call === "ringing" || work.call === "connected");

/** Only who called us is promised a call; in written work one dials when it is time. */
export const mayPromise = (work: WorkView): boolean => work.medium === "voice" && work.direction === "inbound";

const HERE = new Set<PartyView["state"]>(["calling", "ringing", "joined"]);

/** Those whom an agent sees beside the customer: who is here or coming, and whom we failed to reach just now. */
export function partiesIn(line: CallView | null, now: number): PartyView[] {
  const shown = (line?.parties ?? []).filter(
    (p) => !(p.purpose === "supervise" && p.mode === "listen") && (HERE.has(p.state) || (p.state === "failed" && now - p.since_at < FAILED_SHOWN_MS)),
  );
  return [...shown].sort((a, b) => a.since_at - b.since_at || (a.id < b.id ? -1 : 1));
}
const FAILED_SHOWN_MS = 20_000;

/** Somebody is asked while the customer waits. */
export const consulting = (line: CallView | null): PartyView | undefined =>
  line?.parties.find((p) => p.purpose === "consult" && HERE.has(p.state));

/** This party can take the customer over. */
export const mayTakeOver = (party: PartyView): boolean => party.state === "joined" && party.purpose !== "supervise";

/** Where a call can go: the words of `transfer` and `add_party`. */
export type Target = { kind: "agent" | "queue" | "number"; id: string; name: string };
export const addressOf = (target: Target): string => `${target.kind}:${target.id}`;

export type Way = "consult" | "conference" | "blind";
/** A queue is nobody yet: one cannot talk to it first. */
export const waysTo = (target: Target): Way[] => (target.kind === "queue" ? ["blind"] : ["consult", "conference", "blind"]);
