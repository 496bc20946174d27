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
let last = 0;
const WITH_ACT_MS = 15_000;

/** A short word that nobody must answer, with an act at most. Errors stay longer; the same text is never stacked. */
export function toast(text: string, tone: Toast["tone"] = "calm", act: ToastAct | null = null): void {
  if (toasts.some((t) => t.text === text)) return;
  const id = ++last;
  toasts.push({ id, text, tone, act });
  setTimeout(() => dismiss(id), act ? WITH_ACT_MS : tone === "danger" ? 9000 : 4500);
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((t) => t.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
