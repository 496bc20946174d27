/** What an interaction's record says of what it is about. */
import type { RecognisedView } from "@/api/generated/wire";
import type { InteractionItem } from "@/api/rest";

/** As consoles are told of work in hand; null where nobody has looked, and nobody has said. */
export function seenIn(item: InteractionItem): RecognisedView | null {
  const seen = item.recognised ?? {};
  const said = item.intent ?? null;
  const languageSaid = item.language_said ?? null;
  if (!Object.keys(seen).length && said === null && languageSaid === null) return null;
  return {
    mode: seen.mode ?? "off",
    intent: seen.intent ?? "",
    confidence: seen.confidence ?? 0,
    because: seen.because ?? [],
    language: seen.language ?? "",
    said,
    language_said: languageSaid,
    asks: item.skills ?? {},
  };
}
