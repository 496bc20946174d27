/**
 * Card details may be asked for only while nothing records. The gate asks for a pause and opens when the provider
 * has confirmed it; recording again is asked, never assumed. Pure: the recording's state is what the hub last said.
 */
import type { CallView } from "@/api/generated/wire";

export type Recording = CallView["recording"];
export type Warning = "refused" | "slow" | "failed" | "recording" | "not_resumed";

export type Gate =
  | { at: "closed" }
  | { at: "asked"; since: number }
  | { at: "open"; recorded: boolean }
  | { at: "resuming"; since: number }
  | { at: "warned"; why: Warning };

export const CLOSED: Gate = { at: "closed" };
/** A provider that has not answered by then will not be waited for. */
export const PATIENCE_MS = 8_000;

/** Nothing of the call is being kept, and nothing is about to be. */
export const silent = (recording: Recording): boolean => recording === "paused" || recording === "";

/** The agent wants the card's details. `ask` says whether the hub must be asked to pause. */
export function wanted(recording: Recording, now: number): { gate: Gate; ask: boolean } {
  if (silent(recording)) return { gate: { at: "open", recorded: recording === "paused" }, ask: false };
  if (recording === "failed") return { gate: { at: "warned", why: "failed" }, ask: false };
  return { gate: { at: "asked", since: now }, ask: recording !== "pausing" && recording !== "stopping" };
}

/** The gate as time passes and the recording changes. */
export function after(gate: Gate, recording: Recording, now: number): Gate {
  switch (gate.at) {
    case "asked":
      if (silent(recording)) return { at: "open", recorded: recording === "paused" };
      if (recording === "failed") return { at: "warned", why: "failed" };
      return now - gate.since > PATIENCE_MS ? { at: "warned", why: "slow" } : gate;
    case "open":
      return silent(recording) ? gate : { at: "warned", why: recording === "failed" ? "failed" : "recording" };
    case "resuming":
      if (recording === "on") return CLOSED;
      if (recording === "failed") return { at: "warned", why: "not_resumed" };
      return now - gate.since > PATIENCE_MS ? { at: "warned", why: "not_resumed" } : gate;
    default:
      return gate;
  }
}
