import { onBeforeUnmount, onMounted } from "vue";

/** Calls `look` once a component is there and every so often from then on, until it is gone. With `first: false` whoever
 * asks looks for the first time themselves. */
export function useAgain(look: () => unknown, everyMs: number, { first = true } = {}): void {
  let timer: ReturnType<typeof setInterval> | undefined;
  onMounted(() => {
    if (first) void look();
    timer = setInterval(() => void look(), everyMs);
  });
  onBeforeUnmount(() => clearInterval(timer));
}
