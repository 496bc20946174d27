import { reactive } from "vue";

export interface ToastAct {
  label: string;
  act(): void;
}

export interface Toast {
  id: number;
  text: string;
  tone: "calm" | "danger";
  act: ToastAct | null;
}

export const toasts = reactive<Toast[]>([]);
const leaving = new Map<number, ReturnType<typeof setTimeout>>();
let last = 0;
const WITH_ACT_MS = 15_000;

/** A short word that nobody must answer, with an act at most. Errors stay longer; the same text is never stacked. */
export function toast(text: string, tone: Toast["tone"] = "calm", act: ToastAct | null = null): void {
  if (toasts.some((t) => t.text === text)) return;
  const id = ++last;
  toasts.push({ id, text, tone, act });
  release(id);
}

/** Stays for as long as somebody points at it or is in it. */
export function hold(id: number): void {
  clearTimeout(leaving.get(id));
}

/** Leaves by itself, after its whole time. */
export function release(id: number): void {
  const item = toasts.find((t) => t.id === id);
  if (!item) return;
  hold(id);
  leaving.set(id, setTimeout(() => dismiss(id), item.act ? WITH_ACT_MS : item.tone === "danger" ? 9000 : 4500));
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((t) => t.id === id);
  if (at >= 0) toasts.splice(at, 1);
  hold(id);
  leaving.delete(id);
}
