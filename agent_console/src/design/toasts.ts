import { reactive } from "vue";

export interface Toast {
  id: number;
  text: string;
  tone: "calm" | "danger";
}

export const toasts = reactive<Toast[]>([]);
let last = 0;

/** A short word that nobody must answer. Errors stay longer; the same text is never stacked. */
export function toast(text: string, tone: Toast["tone"] = "calm"): void {
  if (toasts.some((t) => t.text === text)) return;
  const id = ++last;
  toasts.push({ id, text, tone });
  setTimeout(() => dismiss(id), tone === "danger" ? 9000 : 4500);
}

export function dismiss(id: number): void {
  const at = toasts.findIndex((t) => t.id === id);
  if (at >= 0) toasts.splice(at, 1);
}
