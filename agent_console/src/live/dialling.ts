/** Anybody may ask for the dialpad; the frame shows it. */
import { shallowRef } from "vue";

export interface DialWish {
  number: string;
  caseId?: number;
  customerId?: string;
  /** Whose number it is, where that is known. */
  name?: string;
  /** A number of ours that they called: its country is the likely one. */
  near?: string;
}

export const dialling = shallowRef<DialWish | null>(null);

export function openDialpad(wish: Partial<DialWish> = {}): void {
  dialling.value = { number: "", ...wish };
}

/** What `openDialpad` is for: a telephone number, and not a visitor's handle or an address. */
export const isNumber = (point: string): boolean => /^\+[\d ]{7,20}$/.test(point.trim());
