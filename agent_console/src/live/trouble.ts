/** What can be wrong with the telephone, in words of ours; the provider's numbers are in its error list. */
export type PhoneTrouble = "denied" | "no_microphone" | "token" | "network" | "unsupported" | "failed";

const DENIED = new Set([31401, 31208]);
const NO_MICROPHONE = new Set([31402, 31201]);
const TOKEN = new Set([20101, 20102, 20103, 20104, 20105, 20151, 20157, 31202, 31204, 31205, 31207]);
const NETWORK = new Set([31000, 31003, 31005, 31009, 53000, 53001, 53405]);

export function troubleOf(error: { code?: number; name?: string }): PhoneTrouble {
  const code = error.code ?? 0;
  if (DENIED.has(code) || error.name === "NotAllowedError") return "denied";
  if (NO_MICROPHONE.has(code) || error.name === "NotFoundError") return "no_microphone";
  if (TOKEN.has(code)) return "token";
  return NETWORK.has(code) ? "network" : "failed";
}
