import type { Outgoing } from "./store";
import type { Line } from "./thread";

export type Item =
  | { type: "line"; key: string; line: Line }
  | { type: "day"; key: string; at: number }
  | { type: "new"; key: string }
  | { type: "outgoing"; key: string; words: Outgoing };

/** Lines with the days between them, the mark before what is new, and what is on its way at the end. Pure. */
export function itemsOf(lines: Line[], outgoing: Outgoing[], newAfter: number | null): Item[] {
  const items: Item[] = [];
  let day = "";
  let marked = newAfter === null;
  for (const line of lines) {
    const thisDay = new Date(line.at).toDateString();
    if (thisDay !== day) {
      day = thisDay;
      items.push({ type: "day", key: `day-${thisDay}`, at: line.at });
    }
    if (!marked && line.kind === "customer" && line.seq > newAfter!) {
      marked = true;
      items.push({ type: "new", key: "new" });
    }
    items.push({ type: "line", key: line.key, line });
  }
  for (const words of outgoing) {
    if (!arrived(lines, words)) items.push({ type: "outgoing", key: words.key, words });
  }
  return items;
}

/** The announcement may come before the answer to the command: then the words are in the lines already. */
function arrived(lines: Line[], words: Outgoing): boolean {
  if (words.state === "failed") return false;
  const kind = words.kind === "note" ? "note.added" : "message.sent";
  return lines.slice(-12).some(
    ({ event, at }) =>
      event.kind === kind &&
      event.interaction_id === words.interactionId &&
      at >= words.at - 2_000 &&
      (words.letter ? (event.body as { subject?: string }).subject === words.subject && event.actor.kind === "agent" : (event.body as { text?: string }).text === words.text.trim()),
  );
}
