/** How many SMS a text becomes (3GPP TS 23.038): GSM-7 with its extension table, else UCS-2. Pure. */

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
/** These need an escape before them and count twice. */
const EXTENDED = new Set("^{}\\[~]|€\f");

export interface Segments {
  coding: "gsm7" | "ucs2";
  characters: number;
  segments: number;
  /** How much more fits into the last segment. */
  left: number;
  /** The first character that made it Unicode. */
  culprit: string;
}

export function segmentsOf(text: string): Segments {
  const letters = [...text];
  const culprit = letters.find((c) => !BASIC.has(c) && !EXTENDED.has(c)) ?? "";
  if (culprit) return ucs2(text, letters, culprit);
  const weights = letters.map((c) => (EXTENDED.has(c) ? 2 : 1));
  return { coding: "gsm7", characters: letters.length, culprit: "", ...fill(weights, 160, 153) };
}

function ucs2(text: string, letters: string[], culprit: string): Segments {
  // A surrogate pair is never torn apart between two segments.
  const weights = letters.map((c) => c.length);
  return { coding: "ucs2", characters: text.length, culprit, ...fill(weights, 70, 67) };
}

function fill(weights: number[], single: number, each: number): { segments: number; left: number } {
  const total = weights.reduce((sum, w) => sum + w, 0);
  if (total === 0) return { segments: 0, left: single };
  if (total <= single) return { segments: 1, left: single - total };
  let segments = 1;
  let used = 0;
  for (const weight of weights) {
    if (used + weight > each) {
      segments += 1;
      used = 0;
    }
    used += weight;
  }
  return { segments, left: each - used };
}
