/** What did not arrive and nobody has looked after: read again every half minute, and when a delivery changes. */
import { onBeforeUnmount, ref, shallowRef } from "vue";
import { undelivered, type UndeliveredItem } from "@/api/mail";
import { useLive } from "./store";

const EVERY_MS = 30_000;
const CALM_MS = 400;

export function useUndelivered() {
  const live = useLive();
  const items = shallowRef<UndeliveredItem[]>([]);
  const count = ref(0);
  const next = ref<string | number | null>(null);
  const state = ref<"loading" | "ready" | "failed">("loading");
  let soon: ReturnType<typeof setTimeout> | undefined;
  let asked = 0;

  async function read(): Promise<void> {
    const mine = ++asked;
    try {
      const page = await undelivered();
      if (mine !== asked) return;
      items.value = page.items;
      count.value = page.count;
      next.value = page.next ?? null;
      state.value = "ready";
    } catch {
      if (state.value !== "ready") state.value = "failed";
    }
  }
  async function more(): Promise<void> {
    const page = await undelivered(next.value);
    const known = new Set(items.value.map((one) => one.outbox_id));
    items.value = [...items.value, ...page.items.filter((one) => !known.has(one.outbox_id))];
    next.value = page.next ?? null;
  }

  const timer = setInterval(() => void read(), EVERY_MS);
  // Several rows change at once: one look is enough.
  const stop = live.hear((announced) => {
    if (announced !== null && !(announced.kind === "work.changed" && announced.event?.kind === "delivery.changed")) return;
    clearTimeout(soon);
    soon = setTimeout(() => void read(), CALM_MS);
  });
  onBeforeUnmount(() => {
    clearInterval(timer);
    clearTimeout(soon);
    stop();
  });
  void read();
  return { items, count, next, state, read, more };
}
